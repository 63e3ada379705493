import { randomBytes } from "node:crypto";
import type { SecurityOptions } from "portcullis";
import type { Servable } from "portcullis/node";

/** A recipe: a small application that shows one thing. */
export interface Recipe {
  readonly app: Servable;
  readonly security: { close(): Promise<void> };
}

/** What every recipe is given. */
export interface RecipeOptions {
  /** Where clients reach it, such as "http://localhost:3000". */
  readonly origin: string;
}

/** Keys for this run. In production keep one in the environment: with a new one all tokens end. */
export const secretKeys: readonly string[] = [process.env.SECRET_KEY ?? randomBytes(32).toString("base64url")];

/** For the tests: hashes quickly, which no application should. */
export const quickHashing: NonNullable<NonNullable<SecurityOptions["passwords"]>["hashing"]> =
  process.env.VITEST === undefined ? {} : ({ memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } as const);
