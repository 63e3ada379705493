import { endingFamilies } from "../../authn/ending.ts";
import type { Account } from "../../model/account.ts";
import type { Session } from "../../model/session.ts";
import type { Kernel } from "../feature.ts";
import { devicesOf } from "./devices.ts";

type Ending = Pick<Kernel, "sessions" | "families">;

/** Ends all devices of the user but that of this session, and all auth tokens. Undefined: this session is over itself. */
export async function endOtherDevices(kernel: Ending, account: Account, session: Session): Promise<number | undefined> {
  const families = endingFamilies(kernel);
  const others = (await devicesOf(kernel, account, session)).filter(({ current }) => !current);
  const count = await kernel.sessions.endOthers(account, session, (tx) =>
    families.end(tx, others, session.tokenFamily),
  );
  await families.tell();
  return count;
}
