import { setTimeout as pause } from "node:timers/promises";
import { type AskedOptions, accessState, type Concerned } from "../datastore/access-state.ts";
import type { Datastore, Transaction } from "../datastore/contract.ts";
import { OverloadedError } from "../model/errors.ts";

/** Each time that it is asked again, another change was made. */
const mostRounds = 50;
/** Milliseconds: before the second round, and at most. Nothing is held in it, and no two wait equally long. */
const firstPause = 8;
const mostPause = 256;

/**
 * Asks whether somebody may make a change, and makes it, on the same state of affairs. The application's functions are asked
 * before the transaction, where they may use the database; in it `onlyIf` sees whether anything that they were asked about has
 * changed since. Then nothing is done, and all is asked again. `work` reads what it asks about, and hands `onlyIf` to the
 * change. `also`: a condition of whoever asks, in the same transaction and before all that is compared.
 */
export async function askAndDo<T>(
  datastore: Datastore,
  concerned: Concerned,
  work: (onlyIf: NonNullable<AskedOptions["onlyIf"]>) => Promise<T>,
  also?: (tx: Transaction) => Promise<boolean>,
): Promise<T> {
  for (let round = 0; round < mostRounds; round += 1) {
    if (round > 0) await pause(Math.random() * Math.min(firstPause * 2 ** round, mostPause));
    const before = await accessState(datastore, concerned);
    let stands = true;
    const result = await work(async (tx) => {
      stands = (also === undefined || (await also(tx))) && (await accessState(tx, concerned)) === before;
      return stands;
    });
    if (stands) return result;
  }
  throw new OverloadedError("what changes who may do what", 1);
}
