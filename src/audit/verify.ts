import type { Datastore } from "../datastore/contract.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { type AuditHead, endFault, genesis, hashOf, headHolds, lastEntry, readHead } from "./chain.ts";
import type { AuditEntry } from "./entry.ts";

/** One place where the trail is not as it was written. */
export interface AuditFault {
  /** The entry's number; undefined: the trail as a whole. */
  readonly sequence: number | undefined;
  readonly fault: string;
}

/** What a look at the whole trail found. */
export interface AuditReport {
  readonly ok: boolean;
  /** How many entries were looked at. */
  readonly entries: number;
  /** The numbers of the first and the last entry; 0: none. */
  readonly first: number;
  readonly last: number;
  /**
   * `"sequence:hash"` of the newest entry. Kept elsewhere and given to a later `verify({ expect })`, it also proves that
   * nobody put back an old state of the whole trail.
   */
  readonly head: string;
  /** The first hundred. */
  readonly faults: readonly AuditFault[];
}

/** What to compare with. */
export interface VerifyOptions {
  /** The `head` of an earlier report: that entry must still be there (or removed by retention), and be the same. */
  readonly expect?: string;
}

const page = 500;
const maxFaults = 100;

/** Recomputes the chain up to `until` (default: its end). */
export async function verifyChain(
  datastore: Datastore,
  ring: KeyRing,
  options: VerifyOptions & { readonly until?: number } = {},
): Promise<AuditReport> {
  const faults: AuditFault[] = [];
  const found = (sequence: number | undefined, fault: string): void => {
    if (faults.length < maxFaults) faults.push({ sequence, fault });
  };
  // Before the entries: what is written meanwhile lies behind it.
  const head = await readHead(datastore);
  const expected = parseHead(options.expect);
  if (head === undefined) {
    const last = await lastEntry(datastore);
    if (last !== undefined) found(undefined, "the head is missing");
    if (expected !== undefined) found(expected.sequence, "the entry that was expected is not there");
    return { ok: faults.length === 0, entries: 0, first: 0, last: last?.sequence ?? 0, head: "0:", faults };
  }
  const walk = await walkEntries(datastore, head, Math.min(options.until ?? head.sequence, head.sequence), found);
  if (options.until === undefined) {
    await lookAtEnd(datastore, ring, head, walk, found);
  } else if (!headHolds(ring, head)) {
    found(undefined, "the head was not signed by a key of this application");
  }
  if (expected !== undefined) await lookAtExpected(datastore, head, expected, found);
  const { entries, first, last } = walk;
  return { ok: faults.length === 0, entries, first, last, head: `${head.sequence}:${head.hash}`, faults };
}

interface Walk {
  readonly entries: number;
  readonly first: number;
  readonly last: number;
  readonly hash: string;
}

async function walkEntries(
  datastore: Datastore,
  head: AuditHead,
  until: number,
  found: (sequence: number | undefined, fault: string) => void,
): Promise<Walk> {
  let { prunedSequence: sequence, prunedHash: previous } = head;
  let entries = 0;
  let first = 0;
  for (let full = true; full && sequence < until; ) {
    // From the first page on also what lies before the beginning: nothing may.
    const bound = entries === 0 ? {} : { gt: sequence };
    const where = { sequence: { ...bound, lte: until } };
    const rows = await datastore.find("audit", where, { orderBy: [{ field: "sequence" }], limit: page });
    for (const entry of rows as unknown as readonly AuditEntry[]) {
      if (entry.sequence <= head.prunedSequence) {
        found(entry.sequence, "an entry before the beginning of the chain");
        entries += 1;
        continue;
      }
      if (entry.sequence !== sequence + 1)
        found(entry.sequence, `the entries before it are missing, from ${sequence + 1} on`);
      if (entry.previous !== previous) found(entry.sequence, "does not follow the entry before it");
      if (hashOf(entry) !== entry.hash) found(entry.sequence, "was changed");
      if (entry.name === "auditBroken") found(entry.sequence, `reports: ${entry.details}`);
      sequence = entry.sequence;
      previous = entry.hash;
      if (first === 0) first = entry.sequence;
      entries += 1;
    }
    full = rows.length === page;
  }
  return { entries, first, last: entries === 0 ? 0 : sequence, hash: previous };
}

/** Compares the end with the head. Entries that were appended meanwhile are behind the head that was read, with a newer head. */
async function lookAtEnd(
  datastore: Datastore,
  ring: KeyRing,
  head: AuditHead,
  walk: Walk,
  found: (sequence: number | undefined, fault: string) => void,
): Promise<void> {
  const end = walk.entries === 0 ? head.prunedSequence : walk.last;
  if (end < head.sequence) found(undefined, `the entries ${end + 1} to ${head.sequence} are missing at the end`);
  else if (walk.hash !== head.hash) found(end, "is not the entry that the head was signed for");
  const last = await lastEntry(datastore);
  const now = (await readHead(datastore)) ?? head;
  const fault =
    (last?.sequence ?? 0) <= now.sequence && now.sequence > head.sequence ? undefined : endFault(ring, now, last);
  if (fault !== undefined && end >= head.sequence) found(undefined, fault);
  else if (!headHolds(ring, now)) found(undefined, "the head was not signed by a key of this application");
}

async function lookAtExpected(
  datastore: Datastore,
  head: AuditHead,
  expected: { readonly sequence: number; readonly hash: string },
  found: (sequence: number | undefined, fault: string) => void,
): Promise<void> {
  if (expected.sequence < head.prunedSequence) return;
  if (expected.sequence === head.prunedSequence) {
    if (expected.hash !== head.prunedHash) found(expected.sequence, "is not the entry that was expected");
    return;
  }
  const row = await datastore.findOne("audit", { sequence: expected.sequence });
  if (row === undefined) found(expected.sequence, "the entry that was expected is not there");
  else if (row["hash"] !== expected.hash) found(expected.sequence, "is not the entry that was expected");
}

function parseHead(text: string | undefined): { readonly sequence: number; readonly hash: string } | undefined {
  if (text === undefined) return undefined;
  const parts = /^(\d{1,15}):([\w-]{43})?$/.exec(text);
  if (parts === null) throw new TypeError('expect: "sequence:hash", as an earlier report says it, is expected');
  return { sequence: Number(parts[1]), hash: parts[2] ?? genesis };
}
