import { type Account, accountFactory } from "./account.ts";
import type { Row } from "./schema.ts";

/** No account has this id: databases count from 1. */
export const nobodyId = 0;

const make = accountFactory();
/** Each decoy with the account in whose place it stands, where there is one. */
const decoys = new WeakMap<object, { readonly standsFor: Account | undefined }>();

/**
 * An account that does not exist, for work that must be the same as for one that does: it is in no table, no credential is
 * made for it, nothing is sent to it, and no listener hears of it. `standsFor`: the account that gets nothing.
 */
export function decoyOf(email: string, standsFor?: Account): Account {
  const never = new Date(0);
  const row: Row = {
    id: nobodyId,
    email,
    username: "somebody",
    password: null,
    active: true,
    fsUniquifier: "0".repeat(32),
    fsTokenUniquifier: null,
    confirmedAt: null,
    lastLoginAt: null,
    currentLoginAt: null,
    lastLoginIp: null,
    currentLoginIp: null,
    loginCount: null,
    createDatetime: never,
    updateDatetime: never,
  };
  const decoy = make(row, []);
  decoys.set(decoy, { standsFor });
  return decoy;
}

/** What is known of a decoy; undefined: it is none. */
export function decoy(of: unknown): { readonly standsFor: Account | undefined } | undefined {
  return typeof of === "object" && of !== null ? decoys.get(of) : undefined;
}
