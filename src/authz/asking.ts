import { type AskedOptions, accessState, type Concerned } from "../datastore/access-state.ts";
import type { Datastore } from "../datastore/contract.ts";
import { OverloadedError } from "../model/errors.ts";

/** Each time that it is asked again, another change was made. */
const mostRounds = 50;

/**
 * Asks whether somebody may make a change, and makes it, on the same state of affairs. The application's functions are asked
 * before the transaction, where they may use the database; in it `onlyIf` sees whether anything that they were asked about has
 * changed since. Then nothing is done, and all is asked again. `work` reads what it asks about, and hands `onlyIf` to the change.
 */
export async function askAndDo<T>(
  datastore: Datastore,
  concerned: Concerned,
  work: (onlyIf: NonNullable<AskedOptions["onlyIf"]>) => Promise<T>,
): Promise<T> {
  for (let round = 0; round < mostRounds; round += 1) {
    const before = await accessState(datastore, concerned);
    let stands = true;
    const result = await work(async (tx) => {
      stands = (await accessState(tx, concerned)) === before;
      return stands;
    });
    if (stands) return result;
  }
  throw new OverloadedError("what changes who may do what", 1);
}
