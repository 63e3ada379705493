import { randomInt } from "node:crypto";
import { DatastoreError } from "../../model/errors.ts";
import type { InvalidationBus } from "../contract.ts";
import { Listeners } from "../listeners.ts";

/** What the processes tell each other by NOTIFY. */
export interface Announced {
  /** The number of the process that tells. */
  readonly member: number;
  /** By which it is acknowledged; 0: it need not be. */
  readonly number: number;
  /** Whose; null: anybody's. */
  readonly user: number | null;
}

/** The channel on which a process hears who has heard it, and its own heartbeat. */
export function ownChannel(channel: string, member: number): string {
  return `${channel}_${member}`;
}

/** A number by which the others know a process. */
export function newMember(): number {
  return randomInt(1, 2 ** 31);
}

/** Undefined when it is not one of our notifications. */
export function parseAnnounced(payload: string): Announced | undefined {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value !== "object" || value === null) return undefined;
    const { member, number, user } = value as Record<string, unknown>;
    if (typeof member !== "number" || typeof number !== "number") return undefined;
    return { member, number, user: typeof user === "number" ? user : null };
  } catch {
    return undefined;
  }
}

/** The error of a change whose announcement failed. */
export function untold(cause: unknown): DatastoreError {
  return new DatastoreError("the other processes could not be told of a change", { cause });
}

/** What a transaction says of a change; whoever made it hears it as well, and nobody need acknowledge it. */
export function announcedBy(userId: number | undefined): string {
  const announced: Announced = { member: 0, number: 0, user: userId ?? null };
  return JSON.stringify(announced);
}

/** Tells the other processes over the connections for queries; hears nothing, so nothing cached is believed here. */
export function tellOnly(notify: (payload: string) => Promise<void>): InvalidationBus {
  const listeners = new Listeners();
  const member = newMember();
  return {
    current: () => false,
    reachesOthers: true,
    async publish(userId) {
      listeners.tell(userId);
      const announced: Announced = { member, number: 0, user: userId ?? null };
      await notify(JSON.stringify(announced)).catch((cause: unknown) => {
        throw untold(cause);
      });
    },
    onInvalidate: (listener) => listeners.add(listener),
  };
}
