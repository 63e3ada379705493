import type { Row } from "../model/schema.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { randomId, sha256 } from "../secrets/random.ts";
import type { Parcel } from "./postbox.ts";

const purpose = "outbox";

/** A row of the outbox, as those see it who look after the system. */
export interface WaitingMessage {
  readonly id: string;
  readonly position: number;
  readonly channel: string;
  readonly kind: string;
  /** The address or number; undefined: sealed with a key that is not there any more. */
  readonly to: string | undefined;
  readonly userId: number | null;
  readonly createdAt: number;
  readonly dueAt: number;
  readonly expiresAt: number;
  readonly attempts: number;
  /** A process is sending it. */
  readonly busy: boolean;
  readonly lastError: string | null;
}

/** Opens what a row has in it; undefined: no key that there is has sealed it, or it is another row's. */
export function openParcel(ring: KeyRing, row: Row): Parcel | undefined {
  const text = ring.decrypt(purpose, row["body"] as string);
  if (text === undefined) return undefined;
  const { id, to, content } = JSON.parse(text) as { readonly id: string } & Pick<Parcel, "to" | "content">;
  if (id !== row["id"]) return undefined;
  return {
    kind: row["kind"] as string,
    to,
    userId: row["userId"] as number | null,
    decoy: row["decoy"] as boolean,
    content,
    life: undefined,
  };
}

/** A row as those see it who look after the system. */
export function waitingMessage(ring: KeyRing, row: Row, now: number): WaitingMessage {
  const { id, position, channel, kind, userId, createdAt, dueAt, expiresAt, attempts, lastError } =
    row as unknown as WaitingMessage;
  const busy = row["claim"] !== null && dueAt > now;
  const to = openParcel(ring, row)?.to;
  return { id, position, channel, kind, to, userId, createdAt, dueAt, expiresAt, attempts, busy, lastError };
}

/** What is known of a row that can't be opened. */
export function unreadableParcel(row: Row): Parcel {
  const { kind, userId } = row as unknown as WaitingMessage;
  return { kind, to: "", userId, decoy: false, content: {}, life: undefined };
}

/**
 * Makes the rows of one kind of message. What is written together has one place in the order, which is behind all that was written
 * before; `keep`: the longest that it waits, in milliseconds; `lineOf`: what keeps its order apart from that of other processes' messages,
 * or "".
 */
export function rowMaker(
  channel: string,
  ring: KeyRing,
  keep: number,
  now: () => number,
  lineOf: () => string,
): (parcels: readonly Parcel[]) => readonly Row[] {
  let position = 0;
  return (parcels) => {
    // Two processes at the same moment differ all the same.
    position = Math.max(position + 1, now() * 1_000 + Math.floor(Math.random() * 1_000));
    const at = now();
    return parcels.map(({ kind, to, userId, decoy, content, life }) => {
      const id = randomId(16);
      return {
        id,
        position,
        channel,
        kind,
        // What is for nobody keeps nobody waiting.
        recipient: sha256(decoy ? id : `${lineOf()}${channel} ${to.toLowerCase()}`),
        userId,
        body: ring.encrypt(purpose, JSON.stringify({ id, to, content })),
        decoy,
        createdAt: at,
        dueAt: at,
        expiresAt: at + Math.min(keep, life ?? keep),
        attempts: 0,
        claim: null,
        lastError: null,
      };
    });
  };
}
