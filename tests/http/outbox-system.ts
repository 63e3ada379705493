import { outbox } from "portcullis";
import { onTestFinished } from "vitest";
import { type Overrides, type System, start } from "./authn-system.ts";

/** A system with the mails that it sends. */
export type WithOutbox = System & { readonly box: ReturnType<typeof outbox> };

/** The system of one test, which ends with it. */
export async function startWithOutbox(overrides: Overrides = {}): Promise<WithOutbox> {
  const box = outbox();
  const made = await start({ mail: { sender: box }, ...overrides });
  onTestFinished(() => made.security.close());
  return { ...made, box };
}
