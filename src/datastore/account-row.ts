import type { Row } from "../model/schema.ts";
import { randomId } from "../secrets/random.ts";

/** The row of a new account: what every account begins with, and beside it what is known of this one. */
export function accountRow(known: Row, hash: string | null, now: number): Row {
  return {
    active: true,
    createDatetime: new Date(now),
    ...known,
    password: hash,
    fsUniquifier: newUniquifier(),
    updateDatetime: new Date(now),
  };
}

/** 32 hexadecimal digits, as Flask-Security makes them (`uuid4().hex`). */
export function newUniquifier(): string {
  return Buffer.from(randomId(16), "base64url").toString("hex");
}
