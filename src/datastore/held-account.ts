import type { Account } from "../model/account.ts";
import { WithdrawnError } from "../model/errors.ts";
import type { Datastore, Operations, Transaction, Where } from "./contract.ts";

/**
 * An account as a proof of it was checked; with `fsTokenUniquifier` where the end of its auth tokens alone ends the proof too.
 */
export type ProvedAccount = Pick<Account, "id" | "fsUniquifier"> & Partial<Pick<Account, "fsTokenUniquifier">>;

/** What a change comes to; undefined, with nothing done, where a condition of it did not hold (WithdrawnError). */
export async function unlessWithdrawn<T>(change: () => Promise<T>): Promise<T | undefined> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof WithdrawnError) return undefined;
    throw error;
  }
}

const asProved = ({ id, fsUniquifier, fsTokenUniquifier }: ProvedAccount): Where =>
  fsTokenUniquifier === undefined
    ? { id, fsUniquifier, active: true }
    : { id, fsUniquifier, fsTokenUniquifier, active: true };

/**
 * Takes the row of an account as it was proved, and with it the turn: what ends credentials takes the row first as well, so
 * that it comes before, and this gets false, or after, and finds what is made here. Never after rows that hang on the user.
 */
export async function holdAccount(tx: Operations, account: ProvedAccount): Promise<boolean> {
  const { fsUniquifier } = account;
  return (await tx.update("user", asProved(account), { fsUniquifier })) === 1;
}

/**
 * Makes credentials of an account in one transaction, which takes its row as it was proved. Undefined, with nothing done:
 * the account was reset, banned or changed since, or `work` has thrown WithdrawnError. Where `work` begins with an insert,
 * the row costs no statement of its own. Where `work` does nothing with the database, the row is taken after it.
 */
export async function withAccount<T>(
  datastore: Datastore,
  account: ProvedAccount,
  work: (tx: Transaction) => Promise<T>,
): Promise<T | undefined> {
  return await unlessWithdrawn(() =>
    datastore.transaction(async (tx) => {
      const { held, hold } = holding(tx, account);
      const result = await work(held);
      await hold();
      return result;
    }),
  );
}

/** The transaction, whose first operation takes the row; `hold` takes it where none did. */
function holding(
  tx: Transaction,
  account: ProvedAccount,
): { readonly held: Transaction; readonly hold: () => Promise<void> } {
  let held = false;
  const hold = async (): Promise<void> => {
    if (held) return;
    if (!(await holdAccount(tx, account))) throw new WithdrawnError();
    held = true;
  };
  const after =
    <Args extends readonly unknown[], Result>(operation: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      await hold();
      return operation(...args);
    };
  const { insertAll, insertIf, claim, announce } = tx;
  const first: Transaction = {
    native: tx.native,
    committed: (called) => tx.committed(called),
    ...(claim === undefined ? {} : { claim: after((text: string) => claim(text)) }),
    ...(announce === undefined ? {} : { announce: after((userId: number | undefined) => announce(userId)) }),
    async insert(table, row) {
      if (held || insertIf === undefined) {
        await hold();
        return tx.insert(table, row);
      }
      const inserted = await insertIf(table, row, "user", asProved(account));
      if (inserted === undefined) throw new WithdrawnError();
      held = true;
      return inserted.id;
    },
    ...(insertAll === undefined ? {} : { insertAll: after<Parameters<typeof insertAll>, void>(insertAll) }),
    ...(insertIf === undefined
      ? {}
      : { insertIf: after<Parameters<typeof insertIf>, Awaited<ReturnType<typeof insertIf>>>(insertIf) }),
    find: after<Parameters<Operations["find"]>, Awaited<ReturnType<Operations["find"]>>>((...args) => tx.find(...args)),
    findOne: after<Parameters<Operations["findOne"]>, Awaited<ReturnType<Operations["findOne"]>>>((...args) =>
      tx.findOne(...args),
    ),
    update: after<Parameters<Operations["update"]>, number>((...args) => tx.update(...args)),
    delete: after<Parameters<Operations["delete"]>, number>((...args) => tx.delete(...args)),
    count: after<Parameters<Operations["count"]>, number>((...args) => tx.count(...args)),
  };
  return { held: first, hold };
}
