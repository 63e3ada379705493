import { UniqueConflictError } from "../../model/errors.ts";
import { randomId } from "../../secrets/random.ts";
import type { Kernel } from "../feature.ts";
import { lostColumn } from "../taken-columns.ts";

/** What is tried of a registration. */
export interface Trial {
  /** "": none. */
  readonly email: string;
  readonly username: string | undefined;
  /** Whether another account is known to have the username: then one that nobody has is tried in its place. */
  readonly nameTaken: boolean;
  /** The application's own columns. */
  readonly columns: Readonly<Record<string, unknown>>;
  readonly hash: string;
}

/** What ends the transaction of a trial that nothing spoke against. */
class Tried extends Error {}

/**
 * Makes the user of a registration with an address that nobody has, and undoes it: what only the database knows (its own
 * equality of what is unique, a constraint that the application added) comes out before it matters whether the address has an
 * account, and is told for every one alike. Returns the column whose value another user has; throws what the database threw.
 */
export async function tried(
  kernel: Kernel,
  { email, username, nameTaken, columns, hash }: Trial,
): Promise<string | undefined> {
  const name = username === undefined ? {} : { username: nameTaken ? freeName() : username };
  const input = { ...columns, ...name, email: freeAddress(email), mailLanguage: null };
  try {
    await kernel.datastore.transaction(async (tx) => {
      await kernel.users.create(input, { tx, hash });
      throw new Tried();
    });
  } catch (error) {
    if (error instanceof Tried) return undefined;
    const own = lostColumn(kernel, columns, error);
    if (own !== undefined) return own;
    if (!(error instanceof UniqueConflictError) || error.table !== "user") throw error;
    if (error.field === "username") return "username";
    // It says nothing of the address that was typed.
    if (error.field !== "email") throw error;
  }
  return undefined;
}

/** In lower-case letters and digits, as most rules for names and addresses have it. */
function freeName(): string {
  return `n${Buffer.from(randomId(10), "base64url").toString("hex")}`;
}

/** At the same domain: an application may have narrowed down which are stored. */
function freeAddress(email: string): string {
  if (email === "") return "";
  const domain = email.slice(email.lastIndexOf("@"));
  return `${freeName().slice(0, Math.max(1, 254 - domain.length))}${domain}`;
}
