import { WithdrawnError } from "../model/errors.ts";
import type { Row } from "../model/schema.ts";
import { type AskedOptions, takeTurn } from "./access-state.ts";
import type { Administrators } from "./administrators.ts";
import { announce } from "./announce.ts";
import type { Datastore, Transaction, Where } from "./contract.ts";
import { UnknownUserError } from "./user-reference.ts";

/** Whom a change is about: an account by its id, everybody (what roles permit), or nobody yet (a new account or role). */
export type Changed = number | "everybody" | "nobody";

/** How a change is made. */
export interface ChangeRules extends AskedOptions {
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
  /** It makes something beside the account: nothing that is cached of it is otherwise from then on. */
  readonly keepsCaches?: boolean;
  /** Somebody else's transaction, whose commit it waits for: who began that tells of what it comes to. */
  readonly tx?: Transaction | undefined;
}

/** Leaves something for when the change is committed and no cache knows better: events, above all. */
export type Afterwards = (tell: () => unknown) => void;

/**
 * Makes a change of what an account is or may, the one way for all of them. In one transaction: the turn among the changes
 * that ask, and what was asked; the account's row; the change's own condition; the work; that an administrator stays; the
 * announcement to the other processes. After the commit: the caches, then what `afterwards` has left. Throws WithdrawnError,
 * with nothing done, when a condition does not hold, UnknownUserError, LastAdministratorError.
 */
export type Changing = <T>(
  whom: Changed,
  rules: ChangeRules,
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
}

/** Makes the one way in which accounts are changed in one running system. */
export function createChanging({ datastore, administrators, now, invalidate }: ChangingContext): Changing {
  /**
   * Takes the account's row. What makes credentials takes it as well (`withAccount`), so that the one comes before the other.
   * Never after rows that hang on the user.
   */
  const takeRow = async (tx: Transaction, id: number, { as, set, onlyIf }: ChangeRules): Promise<void> => {
    if ((await tx.update("user", { ...as, id }, { ...set, updateDatetime: new Date(now()) })) > 0) return;
    // Removed after the condition's subject was found, or changed: it does not hold any more.
    throw onlyIf === undefined && as === undefined ? new UnknownUserError(id) : new WithdrawnError();
  };

  return async (whom, rules, work) => {
    const { asked, mayCostAdministrator = false, onlyIf } = rules;
    const userId = typeof whom === "number" ? whom : undefined;
    const concernsCaches = whom !== "nobody" && rules.keepsCaches !== true;
    const left: (() => unknown)[] = [];

    const change = async (tx: Transaction) => {
      if (userId !== undefined) await (rules.take === undefined ? takeRow(tx, userId, rules) : rules.take(tx));
      if (onlyIf !== undefined && !(await onlyIf(tx))) throw new WithdrawnError();
      return work(tx, (tell) => left.push(tell));
    };
    const within = async (tx: Transaction) => {
      left.length = 0;
      const keeps = mayCostAdministrator && administrators !== undefined;
      // Before any other row.
      if (asked !== undefined || keeps) await takeTurn(tx, { administrators, now });
      if (asked !== undefined && !(await asked(tx))) throw new WithdrawnError();
      const result = await (keeps ? administrators.keep(tx, userId, () => change(tx)) : change(tx));
      if (concernsCaches) await announce(tx, userId);
      return result;
    };

    if (rules.tx !== undefined) return within(rules.tx);
    const result = await datastore.transaction(within);
    try {
      if (concernsCaches) await invalidate(userId);
    } finally {
      // It is done, whatever became of the caches.
      for (const tell of left) await tell();
    }
    return result;
  };
}
