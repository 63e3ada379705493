import { WithdrawnError } from "../model/errors.ts";
import type { Row } from "../model/schema.ts";
import { type AskedOptions, takeTurn } from "./access-state.ts";
import type { Administrators } from "./administrators.ts";
import { announce } from "./announce.ts";
import type { Datastore, Transaction, Where } from "./contract.ts";
import { UnknownUserError } from "./user-reference.ts";

/** Whom a change is about: an account by its id, everybody (what roles permit), or nobody yet (a new account or role). */
export type Changed = number | "everybody" | "nobody";

/** Who makes a change tells of it. */
export interface Telling<T = void> {
  /** Called once the change is committed, whatever becomes of the caches, with what it came to: for events. It must not throw. */
  readonly tell?: ((result: T) => unknown) | undefined;
}

/** How a change is made. */
export interface ChangeRules<T = unknown> extends AskedOptions, Telling<T> {
  /** It may take an administrator away. */
  readonly mayCostAdministrator?: boolean;
  /** What the account's row must still say when it is taken. */
  readonly as?: Where | undefined;
  /** Columns that are set as the row is taken. */
  readonly set?: Row;
  /**
   * Takes the account's row in another way, and says what becomes of a change that does not find it. Default: by an update,
   * without which UnknownUserError or, where there is a condition, WithdrawnError is thrown.
   */
  readonly take?: (tx: Transaction) => Promise<unknown>;
  /** Asked once the row is taken: a link is used up, or a state compared, together with the change or not at all. */
  readonly onlyIf?: ((tx: Transaction) => Promise<boolean>) | undefined;
  /**
   * It makes something beside the account, or, asked with what it came to, nothing at all: nothing that is cached of the account
   * is otherwise from then on.
   */
  readonly keepsCaches?: boolean | ((result: T) => boolean);
  /** Somebody else's transaction: the caches forget, and what is left is told, once that has committed, and never without. */
  readonly tx?: Transaction | undefined;
}

/**
 * Leaves something for when the change is committed and no cache knows better: events, above all. It is called also where the
 * other processes could not be told, since the change is done.
 */
export type Afterwards = (tell: () => unknown) => void;

/**
 * Makes a change of what an account is or may, the one way for all of them. In one transaction: the turn among the changes
 * that ask, and what was asked; the account's row; the change's own condition; the work; that an administrator stays; the
 * announcement to the other processes. After the commit: the caches, then what `afterwards` has left, then `tell`. In somebody
 * else's transaction that is after theirs, and nobody waits for it. Throws WithdrawnError, with nothing done, when a condition
 * does not hold, UnknownUserError, LastAdministratorError.
 */
export type Changing = <T>(
  whom: Changed,
  rules: ChangeRules<T>,
  work: (tx: Transaction, afterwards: Afterwards) => Promise<T>,
) => Promise<T>;

/** What changes need. */
export interface ChangingContext {
  readonly datastore: Datastore;
  /** The rule that one administrator stays, where somebody is one. */
  readonly administrators: Administrators | undefined;
  readonly now: () => number;
  /** Forgets what is cached of this user, or (undefined) of everybody, here and in the other processes. */
  readonly invalidate: (userId: number | undefined) => Promise<void>;
  /** For what goes wrong where nobody waits. */
  readonly log: (message: string, details?: Readonly<Record<string, unknown>>) => void;
}

/** What the changes of one transaction leave for after its commit. */
interface Outcome {
  /** Of whom (undefined: of everybody) nothing that is cached counts any more. */
  readonly concerned: Set<number | undefined>;
  readonly left: (() => unknown)[];
}

/** Makes the one way in which accounts are changed in one running system. */
export function createChanging({ datastore, administrators, now, invalidate, log }: ChangingContext): Changing {
  /** Of the transactions in which changes are made, so that each user's caches forget once for all of them. */
  const outcomes = new WeakMap<Transaction, Outcome>();

  const begin = (tx: Transaction): Outcome => {
    const outcome: Outcome = { concerned: new Set(), left: [] };
    outcomes.set(tx, outcome);
    return outcome;
  };

  const conclude = async ({ concerned, left }: Outcome): Promise<void> => {
    try {
      // All at once: this process's own caches have forgotten before anything is waited for.
      await Promise.all([...concerned].map((userId) => invalidate(userId)));
    } finally {
      // It is done, whatever became of the caches.
      for (const tell of left) await tell();
    }
  };

  /** The outcome of a transaction that somebody else has begun: there is one where that is a change itself. */
  const joined = (tx: Transaction): Outcome => {
    const known = outcomes.get(tx);
    if (known !== undefined) return known;
    const outcome = begin(tx);
    tx.committed?.(() => {
      conclude(outcome).catch((error: unknown) =>
        log("the other processes could not be told of a change", { error: String(error) }),
      );
    });
    return outcome;
  };

  /**
   * Takes the account's row. What makes credentials takes it as well (`withAccount`), so that the one comes before the other.
   * Never after rows that hang on the user.
   */
  const takeRow = async (tx: Transaction, id: number, { as, set, onlyIf }: ChangeRules<never>): Promise<void> => {
    if ((await tx.update("user", { ...as, id }, { ...set, updateDatetime: new Date(now()) })) > 0) return;
    // Removed after the condition's subject was found, or changed: it does not hold any more.
    throw onlyIf === undefined && as === undefined ? new UnknownUserError(id) : new WithdrawnError();
  };

  return async <T>(
    whom: Changed,
    rules: ChangeRules<T>,
    work: (tx: Transaction, afterwards: Afterwards) => Promise<T>,
  ): Promise<T> => {
    const { asked, mayCostAdministrator = false, keepsCaches = false, onlyIf, tell } = rules;
    const userId = typeof whom === "number" ? whom : undefined;

    const within = async (tx: Transaction, outcome: Outcome): Promise<T> => {
      const left: (() => unknown)[] = [];
      const change = async (): Promise<T> => {
        if (userId !== undefined) await (rules.take === undefined ? takeRow(tx, userId, rules) : rules.take(tx));
        if (onlyIf !== undefined && !(await onlyIf(tx))) throw new WithdrawnError();
        return work(tx, (told) => left.push(told));
      };
      const keeps = mayCostAdministrator && administrators !== undefined;
      // Before any other row.
      if (asked !== undefined || keeps) await takeTurn(tx, { administrators, now });
      if (asked !== undefined && !(await asked(tx))) throw new WithdrawnError();
      const result = await (keeps ? administrators.keep(tx, userId, change) : change());
      if (whom !== "nobody" && !(typeof keepsCaches === "function" ? keepsCaches(result) : keepsCaches)) {
        await announce(tx, userId);
        outcome.concerned.add(userId);
      }
      // Of a change that has failed nothing is left, also where the transaction goes on.
      outcome.left.push(...left);
      if (tell !== undefined) outcome.left.push(() => tell(result));
      return result;
    };

    if (rules.tx !== undefined) return within(rules.tx, joined(rules.tx));
    let outcome: Outcome | undefined;
    const result = await datastore.transaction((tx) => {
      outcome = begin(tx);
      return within(tx, outcome);
    });
    if (outcome !== undefined) await conclude(outcome);
    return result;
  };
}
