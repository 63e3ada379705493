import type { Datastore } from "../datastore/contract.ts";
import type { PasswordHistory } from "../datastore/password-history.ts";
import type { IdentityLookup } from "../datastore/user-lookup.ts";
import type { EventHub } from "../events/events.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { PasswordHasher } from "../passwords/hasher.ts";
import type { IdentityAttribute } from "./identity-attributes.ts";
import type { Limits } from "./limits/limits.ts";

/** Somebody says that they are this user, and a password. */
export interface PasswordAttempt {
  /** Undefined: the application asks by itself, and there is no client whose address counts. */
  readonly rq: SecurityRequest | undefined;
  readonly account: Account | undefined;
  /** What was typed to say who is meant, as `find` got it; left out where the session says it, or where nothing was typed. */
  readonly identity?: string | undefined;
  /** The attribute that `find` was asked for. */
  readonly attribute?: string | undefined;
  readonly password: string;
  /** For the events: "password", "basic" … */
  readonly authType: string;
  /** "once": a program repeats the password with each request; its success must not give new guesses to somebody else. */
  readonly forget?: "all" | "once";
}

/**
 * Another way to check passwords than stored hashes, such as a directory: true and false decide, undefined leaves it to the
 * hash; anything else is no. Throwing refuses. `login` is what the user was found by, or what was typed where nobody was:
 * it is asked then too, so that nothing shows who has an account.
 */
export interface PasswordCheck {
  (login: string, password: string, user: Account | undefined): Awaitable<boolean | undefined>;
  /** Called when the system closes. */
  close?(): Promise<void>;
}

/** Checks a password, at the same cost whether the user exists or not. */
export interface PasswordProof {
  /** The attributes that identify a user, in the order in which they are tried. */
  readonly attributes: readonly IdentityAttribute[];
  /** The user of this identity: by this attribute, or by the first of all that knows it. */
  find(identity: string, attribute?: string): Promise<Account | undefined>;
  /**
   * True when the password is this user's. The guess is taken from the budgets of the account (or of the name that no
   * account has) and of the client's address before it is looked at. Throws LimitedError.
   */
  check(attempt: PasswordAttempt): Promise<boolean>;
  /** The same for a proof of the password that is no password (HTTP Digest): `proved` tells whether it is right. */
  checkBy(attempt: Omit<PasswordAttempt, "password">, proved: () => boolean): Promise<boolean>;
}

/** What checking passwords needs. */
export interface PasswordProofContext {
  /** Where hashes are upgraded; undefined: they belong to the application, which keeps them as they are. */
  readonly datastore: Datastore | undefined;
  readonly check: PasswordCheck | undefined;
  readonly identify: IdentityLookup;
  readonly history: PasswordHistory;
  readonly hasher: PasswordHasher;
  readonly limits: Limits;
  readonly events: EventHub;
  readonly attributes: readonly IdentityAttribute[];
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

const maxIdentity = 255;

/** Makes the check of passwords of one running system. */
export function createPasswordProof(context: PasswordProofContext): PasswordProof {
  const { datastore, identify, hasher, limits, events, attributes } = context;

  /** The attributes by which this could be somebody, with its stored form: no query that can't find anything. */
  const candidates = (identity: string, only: string | undefined) =>
    attributes.flatMap((of) => {
      const normal = only === undefined || of.attribute === only ? of.normalize(identity) : undefined;
      return normal === undefined ? [] : [{ ...of, normal }];
    });

  const find = async (identity: string, only?: string): Promise<Account | undefined> => {
    if (identity.length > maxIdentity) return undefined;
    // At once: one attribute after the other would tell by which of them, and whether, there is an account.
    return identify(candidates(identity, only).map((of) => ({ ...of, value: of.normal })));
  };

  /** Replaces a hash of an older form. Lost when somebody changed the password meanwhile, which is right. */
  const upgrade = async (account: Account, password: string): Promise<void> => {
    if (datastore === undefined) return;
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

  /**
   * The one spelling of a name that no account has. Two spellings are one exactly where `find` would take both for the
   * same user: a counter that differed from that would tell which names have accounts.
   */
  const nameOf = (identity: string, only: string | undefined): string => {
    const [first] = candidates(identity, only);
    const spelled = first?.normal ?? identity;
    const attribute = first?.attribute ?? "none";
    return `${attribute} ${first?.ignoreCase === false ? spelled : spelled.normalize("NFC").toLowerCase()}`;
  };

  /** What the account is found by: a directory that reads what was typed otherwise must not be asked about somebody else. */
  const loginOf = ({ account, identity, attribute: only }: PasswordAttempt): string => {
    const row = account as unknown as Readonly<Record<string, unknown>> | undefined;
    if (row === undefined) return identity ?? "";
    const fold = (text: unknown): unknown =>
      typeof text === "string" ? text.normalize("NFC").toLowerCase() : undefined;
    const by = (identity === undefined ? [] : candidates(identity, only)).find(
      ({ attribute, normal }) => fold(row[attribute]) === fold(normal),
    );
    const names = [
      ...(by === undefined ? [] : [by.attribute]),
      ...attributes.map(({ attribute }) => attribute),
      "email",
    ];
    return names.map((name) => row[name]).find((value) => typeof value === "string") as string;
  };

  /** What the other way says; undefined: the stored hash decides. */
  const checkedElsewhere = async (attempt: PasswordAttempt): Promise<boolean | undefined> => {
    const answer: unknown = await context.check?.(loginOf(attempt), attempt.password, attempt.account);
    return answer === undefined ? undefined : answer === true;
  };

  const verified = async (attempt: PasswordAttempt): Promise<boolean> => {
    const { account, password, authType } = attempt;
    const elsewhere = await checkedElsewhere(attempt);
    if (elsewhere !== undefined) {
      if (elsewhere && account !== undefined) return true;
      // A refusal takes as long as one of the hash: else the time would tell whom the directory knows.
      await hasher.burn(password);
      if (account === undefined) events.emit("unknownIdentity", { authType });
      else events.emit("userFailedAuthn", { user: account, authType, tfa: false });
      return false;
    }
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

  /** Takes the guess from the budgets before it is looked at. */
  const limited = async (
    attempt: Omit<PasswordAttempt, "password">,
    look: () => Promise<boolean>,
  ): Promise<boolean> => {
    const { rq, account, identity } = attempt;
    const guess = await limits.attempt(rq, {
      kind: "password",
      account,
      name: identity === undefined ? undefined : nameOf(identity, attempt.attribute),
    });
    let right: boolean;
    try {
      right = await look();
    } catch (error) {
      await guess.undo();
      throw error;
    }
    if (right) await guess.succeed(attempt.forget);
    else guess.fail();
    return right;
  };

  return {
    attributes,
    find,
    check: (attempt) => limited(attempt, () => verified(attempt)),
    checkBy: (attempt, proved) =>
      limited(attempt, async () => {
        const { account, authType } = attempt;
        if (proved() && account !== undefined) return true;
        if (account !== undefined) events.emit("userFailedAuthn", { user: account, authType, tfa: false });
        else events.emit("unknownIdentity", { authType });
        return false;
      }),
  };
}
