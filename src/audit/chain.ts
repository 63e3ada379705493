import type { Datastore, Operations, Transaction } from "../datastore/contract.ts";
import { UniqueConflictError } from "../model/errors.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { sha256 } from "../secrets/random.ts";
import type { AuditEntry, AuditFacts } from "./entry.ts";

/** Where the chain begins and ends. */
export interface AuditHead {
  readonly version: number;
  readonly sequence: number;
  readonly hash: string;
  readonly prunedSequence: number;
  readonly prunedHash: string;
  readonly signature: string;
}

/** The hash before the first entry. */
export const genesis = "";
const headId = 1;
const purpose = "audit-head";

/** The hash of an entry: SHA-256 over a JSON list of its fields in this order, the hash before it first. */
export function hashOf(entry: Omit<AuditEntry, "hash">): string {
  return sha256(
    JSON.stringify([
      entry.previous,
      entry.sequence,
      entry.at,
      entry.name,
      entry.result,
      entry.userId,
      entry.actorId,
      entry.address,
      entry.agent,
      entry.route,
      entry.via,
      entry.details,
    ]),
  );
}

function signed({ sequence, hash, prunedSequence, prunedHash }: Omit<AuditHead, "version" | "signature">): string {
  return JSON.stringify([sequence, hash, prunedSequence, prunedHash]);
}

/** True when one of the application's keys made this head. */
export function headHolds(ring: KeyRing, head: AuditHead): boolean {
  return ring.verify(purpose, signed(head), head.signature);
}

/** The head as it is stored; undefined where nothing was ever written. */
export async function readHead(operations: Operations): Promise<AuditHead | undefined> {
  return (await operations.findOne("auditHead", { id: headId })) as unknown as AuditHead | undefined;
}

/** The entry with the highest number, wherever the head says that the chain ends. */
export async function lastEntry(operations: Operations): Promise<AuditEntry | undefined> {
  const [row] = await operations.find("audit", {}, { orderBy: [{ field: "sequence", direction: "desc" }], limit: 1 });
  return row as unknown as AuditEntry | undefined;
}

async function writeHead(tx: Operations, ring: KeyRing, head: Omit<AuditHead, "version" | "signature">): Promise<void> {
  const { sequence, hash, prunedSequence, prunedHash } = head;
  const signature = ring.sign(purpose, signed(head));
  await tx.update("auditHead", { id: headId }, { sequence, hash, prunedSequence, prunedHash, signature });
}

/** What a writer remembers: which version of the head it left. Mostly nobody else has written since. */
export interface SeenHead {
  version: number | undefined;
}

/** Runs `work` with the head's row locked: writers of all processes come one after the other. */
async function withHead<T>(
  datastore: Datastore,
  ring: KeyRing,
  seen: SeenHead,
  work: (tx: Transaction, head: AuditHead) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    const version = seen.version ?? (await readHead(datastore))?.version;
    seen.version = undefined;
    if (version === undefined) {
      await createHead(datastore, ring);
    } else {
      const done = await datastore.transaction(async (tx) => {
        // A write first: it takes the lock, so that what is read after it is the newest (also under REPEATABLE READ).
        if ((await tx.update("auditHead", { id: headId, version }, { version: version + 1 })) === 0) return undefined;
        const head = await readHead(tx);
        return head === undefined ? undefined : { result: await work(tx, head) };
      });
      if (done !== undefined) {
        seen.version = version + 1;
        return done.result;
      }
    }
    // Somebody else was faster. Bounded: after that the caller tries again later.
    if (attempt >= 50) throw new Error("the head of the audit trail is written by too many at once");
    await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(50, 2 * attempt + 1)));
  }
}

async function createHead(datastore: Datastore, ring: KeyRing): Promise<void> {
  const empty = { sequence: 0, hash: genesis, prunedSequence: 0, prunedHash: genesis };
  const signature = ring.sign(purpose, signed(empty));
  try {
    await datastore.insert("auditHead", { id: headId, version: 0, ...empty, signature });
  } catch (error) {
    if (!(error instanceof UniqueConflictError)) throw error;
  }
}

/**
 * Appends entries in their order, all or nothing. Where the chain is found to be broken the first new entry says so
 * ("auditBroken"): a head that was replaced must not be made good by signing over it.
 */
export async function append(
  datastore: Datastore,
  ring: KeyRing,
  facts: readonly AuditFacts[],
  now: () => number,
  seen: SeenHead = { version: undefined },
): Promise<void> {
  await withHead(datastore, ring, seen, async (tx, head) => {
    const last = await lastEntry(tx);
    const fault = endFault(ring, head, last);
    let sequence = Math.max(head.sequence, last?.sequence ?? 0);
    let previous = head.hash;
    for (const fact of fault === undefined ? facts : [brokenEntry(fault, now()), ...facts]) {
      sequence += 1;
      const entry = { ...fact, sequence, previous };
      const hash = hashOf(entry);
      await tx.insert("audit", { ...entry, hash });
      previous = hash;
    }
    const { prunedSequence, prunedHash } = head;
    await writeHead(tx, ring, { sequence, hash: previous, prunedSequence, prunedHash });
  });
}

/** What is wrong with the end of the chain, in words. */
export function endFault(ring: KeyRing, head: AuditHead, last: AuditEntry | undefined): string | undefined {
  if (!headHolds(ring, head)) return "the head was not signed by a key of this application";
  const end = last?.sequence ?? head.prunedSequence;
  if (end < head.sequence) return `the entries ${end + 1} to ${head.sequence} are missing at the end`;
  if (end > head.sequence) return `the entries from ${head.sequence + 1} on were not written by this application`;
  if ((last?.hash ?? head.prunedHash) !== head.hash) return `entry ${end} is not the one that was written`;
  return undefined;
}

function brokenEntry(fault: string, at: number): AuditFacts {
  const nobody = { userId: null, actorId: null, address: null, agent: null, route: null, via: null };
  return { at, name: "auditBroken", result: "failed", ...nobody, details: JSON.stringify({ fault }) };
}

/** Signs a head that an older key has signed with the first one: that key can be dropped then. */
export async function renewSignature(datastore: Datastore, ring: KeyRing): Promise<void> {
  const isOld = (head: AuditHead): boolean =>
    headHolds(ring, head) && head.signature !== ring.sign(purpose, signed(head));
  const stored = await readHead(datastore);
  if (stored === undefined || !isOld(stored)) return;
  await withHead(datastore, ring, { version: undefined }, async (tx, head) => {
    // Made good is only what a key of ours has made.
    if (isOld(head)) await writeHead(tx, ring, head);
  });
}

/** Removes the entries up to this one; the chain goes on behind it, signed. */
export async function prune(datastore: Datastore, ring: KeyRing, upTo: AuditEntry): Promise<number> {
  return withHead(datastore, ring, { version: undefined }, async (tx, head) => {
    if (!headHolds(ring, head) || upTo.sequence <= head.prunedSequence || upTo.sequence > head.sequence) return 0;
    const removed = await tx.delete("audit", { sequence: { lte: upTo.sequence } });
    const { sequence, hash } = head;
    await writeHead(tx, ring, { sequence, hash, prunedSequence: upTo.sequence, prunedHash: upTo.hash });
    return removed;
  });
}
