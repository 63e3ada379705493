import type { Transaction } from "../datastore/contract.ts";
import { createDeliveryQueue, type DeliveryFailure, type DeliverySettings } from "../delivery/queue.ts";
import type { Account } from "../model/account.ts";

/** One message that is to go out: what it takes to make it. */
export interface Parcel {
  /** What it is, for lists and logs: the name of a mail's template. */
  readonly kind: string;
  /** The address or number. */
  readonly to: string;
  /** Whom it is about; null: nobody's account. */
  readonly userId: number | null;
  /** The same, where it is at hand. */
  readonly user?: Account | undefined;
  /** It is for nobody: made like the others, and thrown away where these are sent. */
  readonly decoy: boolean;
  /** All else that it is made of, as JSON. */
  readonly content: Readonly<Record<string, unknown>>;
  /** It is of no use after so many milliseconds, as the link in it has ended. */
  readonly life: number | undefined;
}

/** What one kind of message goes out by. */
export interface Channel {
  readonly name: "mail" | "sms";
  /** True: what it hands over reaches nobody. */
  readonly development: boolean;
  /** False: this process has nothing that messages of this kind are made with. Another one, of a newer version, may have. */
  makes(kind: string): boolean;
  /** Makes it and hands it over; a decoy is only made. `said` gets the texts in it that no log may show. */
  deliver(parcel: Parcel, said: string[]): Promise<void>;
  /** Told once, when it was given up. `error` has nothing in it that was said. */
  failed(parcel: Parcel, failure: DeliveryFailure, error: string | undefined, attempts: number): Promise<void> | void;
  /** What may be told of an error. */
  textOf(error: unknown, parcel: Parcel, said: readonly string[]): string;
}

/** Takes messages and sees that they go out. */
export interface Postbox {
  /**
   * Takes them all, with `tx` when that commits. In the database it resolves when they are written, and rejects when they can't
   * be; in memory it never does.
   */
  add(parcels: readonly Parcel[], tx?: Transaction): Promise<void>;
  /**
   * Resolves when nothing that this process has taken is due or on its way. What failed, and waits in the database for a later
   * attempt, is not waited for.
   */
  idle(): Promise<void>;
  /** From now on what waits is sent. `alone`: nothing but what this process has taken. */
  start(alone: boolean): void;
  close(): Promise<void>;
}

/** When that commits; at once where there is no transaction. */
export function onceCommitted(tx: Transaction | undefined, work: () => void): void {
  if (tx === undefined) work();
  else tx.committed(work);
}

/** What waits is in the memory of this process. */
export function memoryPostbox(channel: Channel, settings: DeliverySettings): Postbox {
  const queue = createDeliveryQueue(settings);
  // Of its own: nobody's messages take no place of anybody's.
  const decoys = createDeliveryQueue({ ...settings, retryAfter: [] });
  const add = (parcel: Parcel): void => {
    const said: string[] = [];
    const attempt = (): Promise<void> => channel.deliver(parcel, said);
    if (parcel.decoy) {
      decoys.add({ attempt, failed: () => {} });
      return;
    }
    queue.add({
      attempt,
      failed(failure, error, attempts) {
        const told = error === undefined ? undefined : channel.textOf(error, parcel, said);
        void channel.failed(parcel, failure, told, attempts);
      },
    });
  };
  return {
    async add(parcels, tx) {
      onceCommitted(tx, () => {
        for (const parcel of parcels) add(parcel);
      });
    },
    async idle() {
      await Promise.all([queue.idle(), decoys.idle()]);
    },
    start() {},
    async close() {
      await Promise.all([queue.close(), decoys.close()]);
    },
  };
}
