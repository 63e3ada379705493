import { setTimeout as pause } from "node:timers/promises";
import { type Asked, accessState, type Concerned } from "../datastore/access-state.ts";
import type { Datastore, Transaction } from "../datastore/contract.ts";
import { OverloadedError, WithdrawnError } from "../model/errors.ts";

/** Each time that it is asked again, another change was made. */
const mostRounds = 50;
/** Milliseconds: before the second round, and at most. Nothing is held in it, and no two wait equally long. */
const firstPause = 8;
const mostPause = 256;

/**
 * Asks whether somebody may make a change, and makes it, on the same state of affairs. The application's functions are asked
 * before the transaction, where they may use the database; in it `asked` sees whether anything that they were asked about has
 * changed since. Then nothing is done (WithdrawnError), and all is asked again. `work` reads what it asks about, and hands
 * `asked` to the change. `also`: a condition of whoever asks, in the same transaction and before all that is compared.
 */
export async function askAndDo<T>(
  datastore: Datastore,
  concerned: Concerned,
  work: (asked: Asked) => Promise<T>,
  also?: (tx: Transaction) => Promise<boolean>,
): Promise<T> {
  for (let round = 0; round < mostRounds; round += 1) {
    if (round > 0) await pause(Math.random() * Math.min(firstPause * 2 ** round, mostPause));
    const before = await accessState(datastore, concerned);
    let stands = true;
    const asked = async (tx: Transaction): Promise<boolean> => {
      stands = (also === undefined || (await also(tx))) && (await accessState(tx, concerned)) === before;
      return stands;
    };
    try {
      const result = await work(asked);
      // What `work` made of a change that was not made counts for nothing.
      if (stands) return result;
    } catch (error) {
      if (stands || !(error instanceof WithdrawnError)) throw error;
    }
  }
  throw new OverloadedError("what changes who may do what", 1);
}
