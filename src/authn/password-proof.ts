import type { Changing } from "../datastore/changing.ts";
import type { PasswordHistory } from "../datastore/password-history.ts";
import type { IdentityLookup } from "../datastore/user-lookup.ts";
import type { EventHub } from "../events/events.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import { OverloadedError, WithdrawnError } from "../model/errors.ts";
import type { PasswordHasher } from "../passwords/hasher.ts";
import { randomId } from "../secrets/random.ts";
import type { IdentityAttribute } from "./identity-attributes.ts";
import type { Attempt, Limits } from "./limits/limits.ts";

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
  /** Asked in the place of the check once the guess is taken: true where this very password was found right lately. */
  readonly known?: () => Promise<boolean>;
}

/**
 * What a proof that is no password (HTTP Digest) turned out to be. "late": right, but not for use any more; that is no failed
 * guess.
 */
export type Proved = "right" | "wrong" | "late";

/**
 * What became of a guess: who proved it was let in (or waits for a second step); was refused all the same, and the guess is
 * spent like a wrong one, since an answer without a limit would tell right from wrong; or nobody knows, and it is spent
 * without being a failure that locks.
 */
export type GuessOutcome = "letIn" | "refused" | "unknown";

/** A guess that was looked at. One that was right counts as a failure until it is settled, once, by what comes of it. */
export interface Guessed {
  readonly proved: Proved;
  /** False: it was one too many, so that nobody looked at it. */
  readonly looked: boolean;
  settle(outcome: GuessOutcome): Promise<void>;
}

/**
 * Another way to check passwords than stored hashes, such as a directory: true and false decide, undefined leaves it to the
 * hash; anything else is no. Throwing refuses. `login` is what the user was found by, or what was typed where nobody was:
 * it is asked then too, so that nothing shows who has an account. `report` tells the operator why it is no, once an hour for
 * each reason: a sentence that repeats nothing of what was typed.
 */
export interface PasswordCheck {
  (
    login: string,
    password: string,
    user: Account | undefined,
    report?: (why: string) => void,
  ): Awaitable<boolean | undefined>;
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
  /** The same for a sign-in, whose gates settle the guess: give it to the pipeline with the proof. */
  guess(attempt: PasswordAttempt): Promise<Guessed>;
  /**
   * The same for a proof of the password that is no password (HTTP Digest): `prove` looks at it, and is not asked once the
   * limit is reached.
   */
  guessBy(attempt: Omit<PasswordAttempt, "password">, prove: () => Awaitable<Proved>): Promise<Guessed>;
  /** A password that was known to be right was refused by a gate: a guess at it is spent. Throws LimitedError. */
  refused(attempt: Omit<PasswordAttempt, "password">): Promise<void>;
  /** The one spelling of what was typed as a name: two are one exactly where `find` would take both for the same user. */
  nameOf(identity: string, attribute?: string): string;
  /** All that an account with these values can be named by, as its guesses are counted. */
  namesOf(account: object): readonly string[];
}

/** What checking passwords needs. */
export interface PasswordProofContext {
  /** Where hashes are upgraded; undefined: they belong to the application, which keeps them as they are. */
  readonly changing: Changing | undefined;
  readonly check: PasswordCheck | undefined;
  readonly identify: IdentityLookup;
  readonly history: PasswordHistory;
  readonly hasher: PasswordHasher;
  readonly limits: Limits;
  readonly events: EventHub;
  readonly attributes: readonly IdentityAttribute[];
  readonly log: (message: string, details?: Record<string, unknown>) => void;
  /** Tells the operator why another way to check passwords said no. */
  readonly told: (why: string) => void;
  /** A guess at this account from this client was wrong or one too many: what is cached for this client counts no more. */
  readonly failed: (account: Account, rq: SecurityRequest | undefined) => void;
}

const maxIdentity = 255;

/** Makes the check of passwords of one running system. */
export function createPasswordProof(context: PasswordProofContext): PasswordProof {
  const { changing, identify, hasher, limits, events, attributes } = context;

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
    const { id, password: before } = account;
    if (changing === undefined || before === null) return;
    try {
      const hash = await hasher.hash(password);
      await changing(id, { as: { password: before }, set: { password: hash } }, async (tx, afterwards) => {
        await context.history.replace(tx, id, before, hash);
        afterwards(() => events.emit("passwordUpgraded", { user: account }));
      });
    } catch (error) {
      if (error instanceof WithdrawnError) return;
      context.log("a password hash could not be upgraded", { error: String(error) });
    }
  };

  /**
   * The one spelling of a name that no account has. Two spellings are one exactly where `find` would take both for the
   * same user: a counter that differed from that would tell which names have accounts.
   */
  const nameOf = (identity: string, only?: string): string => {
    const [first] = candidates(identity, only);
    const spelled = first?.normal ?? identity;
    const attribute = first?.attribute ?? "none";
    return `${attribute} ${first?.ignoreCase === false ? spelled : spelled.normalize("NFC").toLowerCase()}`;
  };

  const namesOf = (account: object): readonly string[] => {
    const row = account as Readonly<Record<string, unknown>>;
    const names = attributes.flatMap(({ attribute }) => {
      const value = row[attribute];
      // With and without the attribute: a name may look like one of another kind.
      return typeof value === "string" ? [nameOf(value, attribute), nameOf(value)] : [];
    });
    return [...new Set(names)];
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
  const checkedElsewhere = async (
    login: string,
    password: string,
    account: Account | undefined,
  ): Promise<boolean | undefined> => {
    const { check } = context;
    if (check === undefined) return undefined;
    try {
      const answer: unknown = await check(login, password, account, context.told);
      return answer === undefined ? undefined : answer === true;
    } catch (error) {
      // A queue that was full has asked nobody. After anything else nobody knows whether the guess was looked at.
      throw error instanceof OverloadedError ? error : new Unsure(error);
    }
  };

  const failed = ({ account, authType }: Pick<PasswordAttempt, "account" | "authType">): void => {
    if (account === undefined) events.emit("unknownIdentity", { authType });
    else events.emit("userFailedAuthn", { user: account, authType, tfa: false });
  };

  /** `better` is called where the right password has a hash of an older form. */
  const verified = async (attempt: PasswordAttempt, better: () => void): Promise<boolean> => {
    const { account, password } = attempt;
    // Asked of unknown users too, so that it takes as long.
    const known = await attempt.known?.();
    if (known === true && account !== undefined) return true;
    const elsewhere = await checkedElsewhere(loginOf(attempt), password, account);
    if (elsewhere !== undefined) {
      // Right and wrong take as long as a check of the hash, and wait for it in the same queue: neither the time nor a server
      // that is busy tells what, or whom, the directory knows.
      await hasher.burn(password);
      if (elsewhere && account !== undefined) return true;
      failed(attempt);
      return false;
    }
    if (account === undefined || account.password === null) {
      await hasher.burn(password);
      failed(attempt);
      return false;
    }
    const verdict = await hasher.verify(password, account.password);
    if (!verdict.ok) {
      failed(attempt);
      return false;
    }
    if (verdict.upgrade) better();
    return true;
  };

  /** Takes the guess from the budgets. */
  const taken = async (attempt: Omit<PasswordAttempt, "password">): Promise<Attempt> => {
    const { rq, account, identity } = attempt;
    try {
      return await limits.attempt(rq, {
        kind: "password",
        account,
        name: identity === undefined ? undefined : nameOf(identity, attempt.attribute),
        names: account === undefined || identity !== undefined ? [] : namesOf(account),
      });
    } catch (error) {
      if (account !== undefined) context.failed(account, rq);
      throw error;
    }
  };

  /**
   * Takes the guess from the budgets before it is looked at; `closed` is what is done where it must not be, `letIn` what
   * happens once a right one was let in.
   */
  const limited = async (
    attempt: Omit<PasswordAttempt, "password">,
    look: () => Promise<Proved>,
    closed: () => Promise<unknown>,
    letIn?: () => Promise<void>,
  ): Promise<Guessed> => {
    const { rq, account } = attempt;
    const guess = await taken(attempt);
    const wasWrong = async (): Promise<void> => {
      await guess.fail();
      if (account !== undefined) context.failed(account, rq);
    };
    let proved: Proved = "wrong";
    try {
      if (guess.open) proved = await look();
      else await closed();
    } catch (error) {
      if (error instanceof Unsure) {
        if (account !== undefined) context.failed(account, rq);
        await guess.spend();
        throw error.cause;
      }
      await guess.undo();
      throw error;
    }
    if (proved === "wrong") await wasWrong();
    let settled = proved === "wrong";
    return {
      proved,
      looked: guess.open,
      async settle(outcome) {
        if (settled) return;
        settled = true;
        if (outcome === "refused") return wasWrong();
        if (outcome === "unknown") return guess.spend();
        if (proved === "late") return guess.undo();
        await guess.succeed(attempt.forget);
        await letIn?.();
      },
    };
  };

  const guess = (attempt: PasswordAttempt): Promise<Guessed> => {
    // The hash is replaced once the account is let in: the time of a refusal must not tell that the password was right.
    let upgrades = false;
    const look = async (): Promise<Proved> => {
      const right = await verified(attempt, () => {
        upgrades = true;
      });
      return right ? "right" : "wrong";
    };
    const { account, password } = attempt;
    const letIn = async (): Promise<void> => {
      if (upgrades && account !== undefined) await upgrade(account, password);
    };
    return limited(attempt, look, () => asNobody(attempt), letIn);
  };

  /** The work of a password of nobody. */
  const asNobody = async ({ password, known }: PasswordAttempt): Promise<void> => {
    await known?.();
    await checkedElsewhere(`nobody-${randomId(8)}`, password, undefined);
    await hasher.burn(password);
  };

  return {
    attributes,
    find,
    nameOf,
    namesOf,
    guess,
    async check(attempt) {
      const guessed = await guess(attempt);
      await guessed.settle("letIn");
      return guessed.proved === "right";
    },
    guessBy: (attempt, prove) =>
      limited(
        attempt,
        async () => {
          const proved = await prove();
          if (proved !== "wrong" && attempt.account !== undefined) return proved;
          failed(attempt);
          return "wrong";
        },
        // The same work; what comes out is nobody's business.
        async () => prove(),
      ),
    async refused(attempt) {
      await (await taken(attempt)).fail();
      if (attempt.account !== undefined) context.failed(attempt.account, attempt.rq);
    },
  };
}

/** Another way to check passwords failed after it was asked. */
class Unsure extends Error {
  constructor(cause: unknown) {
    super("a check of passwords failed", { cause });
  }
}
