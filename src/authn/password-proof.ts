import type { Datastore } from "../datastore/contract.ts";
import type { PasswordHistory } from "../datastore/password-history.ts";
import type { Users } from "../datastore/users.ts";
import type { EventHub } from "../events/events.ts";
import type { Account } from "../model/account.ts";
import { normalizeEmail } from "../model/email.ts";
import type { User } from "../model/user.ts";
import type { PasswordHasher } from "../passwords/hasher.ts";

/** An attribute by which a user may say who they are. */
export interface IdentityAttribute {
  readonly attribute: keyof User & string;
  readonly ignoreCase: boolean;
}

/** Checks a password, at the same cost whether the user exists or not. */
export interface PasswordProof {
  /** The attributes that identify a user, in the order in which they are tried. */
  readonly attributes: readonly IdentityAttribute[];
  /** The user of this identity: by this attribute, or by the first of all that knows it. */
  find(identity: string, attribute?: string): Promise<Account | undefined>;
  /** True when the password is this user's. */
  check(account: Account | undefined, password: string, authType: string): Promise<boolean>;
}

/** What checking passwords needs. */
export interface PasswordProofContext {
  readonly datastore: Datastore;
  readonly users: Users;
  readonly history: PasswordHistory;
  readonly hasher: PasswordHasher;
  readonly events: EventHub;
  readonly attributes: readonly IdentityAttribute[];
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

const maxIdentity = 255;

/** Makes the check of passwords of one running system. */
export function createPasswordProof(context: PasswordProofContext): PasswordProof {
  const { datastore, users, hasher, events, attributes } = context;

  const find = async (identity: string, only?: string): Promise<Account | undefined> => {
    if (identity.length > maxIdentity) return undefined;
    for (const { attribute, ignoreCase } of attributes) {
      if (only !== undefined && attribute !== only) continue;
      // An address can't be a username and the other way round: no query that can't find anything.
      if (attribute === "email" && normalizeEmail(identity) === undefined) continue;
      const account = await users.find(attribute, identity, { ignoreCase });
      if (account !== undefined) return account;
    }
    return undefined;
  };

  /** Replaces a hash of an older form. Lost when somebody changed the password meanwhile, which is right. */
  const upgrade = async (account: Account, password: string): Promise<void> => {
    try {
      const hash = await hasher.hash(password);
      const changed = await datastore.transaction(async (tx) => {
        const count = await tx.update("user", { id: account.id, password: account.password }, { password: hash });
        if (count === 1 && account.password !== null)
          await context.history.replace(tx, account.id, account.password, hash);
        return count;
      });
      if (changed === 1) events.emit("passwordUpgraded", { user: account });
    } catch (error) {
      context.log("a password hash could not be upgraded", { error: String(error) });
    }
  };

  const check = async (account: Account | undefined, password: string, authType: string): Promise<boolean> => {
    if (account === undefined || account.password === null) {
      await hasher.burn(password);
      if (account !== undefined) events.emit("userFailedAuthn", { user: account, authType, tfa: false });
      else events.emit("unknownIdentity", { authType });
      return false;
    }
    const verdict = await hasher.verify(password, account.password);
    if (!verdict.ok) {
      events.emit("userFailedAuthn", { user: account, authType, tfa: false });
      return false;
    }
    if (verdict.upgrade) await upgrade(account, password);
    return true;
  };

  return { attributes, find, check };
}
