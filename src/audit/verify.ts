import type { Datastore } from "../datastore/contract.ts";
import { PortcullisError } from "../model/errors.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { type ChainPlace, openAnchor } from "./anchor.ts";
import { type AuditHead, endFault, genesis, hashOf, headHolds, lastEntry, readHead } from "./chain.ts";
import { type AuditEntry, detailsOf } from "./entry.ts";

/** One place where the trail is not as it was written. */
export interface AuditFault {
  /** The entry's number; undefined: the trail as a whole. */
  readonly sequence: number | undefined;
  readonly fault: string;
  /** True: an entry of the trail reports it (`auditBroken`); looking alone would not have found it. */
  readonly reported?: true;
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
  /** How many breaks (`auditBroken`) an operator has acknowledged; they are no faults. */
  readonly acknowledged: number;
  /** The first hundred. */
  readonly faults: readonly AuditFault[];
}

/** What to compare with. */
export interface VerifyOptions {
  /** The `head` of an earlier report: that entry must still be there (or removed by retention), and be the same. */
  readonly expect?: string;
  /** A line that `anchor()` made: the same, signed, so that it may be kept where others can write. */
  readonly anchor?: string;
}

/** That the trail does not hold, so that nothing is signed that says it did. */
export class AuditBrokenError extends PortcullisError {
  readonly report: AuditReport;

  constructor(report: AuditReport) {
    super("audit_broken", "the audit trail does not hold; verify it first");
    this.report = report;
  }
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
  const note = (fault: AuditFault): void => {
    if (faults.length < maxFaults) faults.push(fault);
  };
  const found = (sequence: number | undefined, fault: string): void => note({ sequence, fault });
  // Before the entries: what is written meanwhile lies behind it.
  const head = await readHead(datastore);
  const expected = options.expect === undefined ? [] : [parseHead(options.expect)];
  if (options.anchor !== undefined) {
    const anchored = openAnchor(ring, options.anchor);
    if (anchored === undefined) found(undefined, "the anchor was not signed by a key of this application");
    else expected.push(anchored);
  }
  if (head === undefined) {
    const last = await lastEntry(datastore);
    if (last !== undefined) found(undefined, "the head is missing");
    for (const { sequence } of expected) {
      if (sequence > 0) found(sequence, "the entry that was expected is not there");
    }
    const none = { entries: 0, first: 0, last: last?.sequence ?? 0, head: "0:", acknowledged: 0 };
    return { ok: faults.length === 0, ...none, faults };
  }
  const walk = await walkEntries(datastore, head, Math.min(options.until ?? head.sequence, head.sequence), found);
  const open = walk.broken.filter(({ sequence }) => sequence > walk.acknowledged);
  // What acknowledges it may lie behind, and counts only where the whole chain holds.
  if (options.until !== undefined && open.length > 0) return verifyChain(datastore, ring);
  for (const { sequence, details } of open) {
    note({ sequence, fault: `reports: ${details}`, reported: true });
  }
  if (options.until === undefined) {
    await lookAtEnd(datastore, ring, head, walk, found);
  } else if (!headHolds(ring, head)) {
    found(undefined, "the head was not signed by a key of this application");
  }
  for (const one of expected) await lookAtExpected(datastore, head, one, found);
  const { entries, first, last } = walk;
  const acknowledged = walk.broken.length - open.length;
  return { ok: faults.length === 0, entries, first, last, head: `${head.sequence}:${head.hash}`, acknowledged, faults };
}

interface Walk {
  readonly entries: number;
  readonly first: number;
  readonly last: number;
  readonly hash: string;
  /** The entries that report a break. */
  readonly broken: readonly AuditEntry[];
  /** The breaks up to this number were acknowledged by an entry that was looked at. */
  readonly acknowledged: number;
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
  let acknowledged = 0;
  const broken: AuditEntry[] = [];
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
      const holds = hashOf(entry) === entry.hash;
      if (!holds) found(entry.sequence, "was changed");
      if (entry.name === "auditBroken") broken.push(entry);
      if (holds && entry.name === "auditAcknowledged") acknowledged = Math.max(acknowledged, acknowledgedBy(entry));
      sequence = entry.sequence;
      previous = entry.hash;
      if (first === 0) first = entry.sequence;
      entries += 1;
    }
    full = rows.length === page;
  }
  return { entries, first, last: entries === 0 ? 0 : sequence, hash: previous, broken, acknowledged };
}

/** The number up to which an entry acknowledges breaks: never of what was written behind it. */
function acknowledgedBy(entry: AuditEntry): number {
  const { until } = detailsOf(entry);
  return typeof until === "number" ? Math.min(until, entry.sequence - 1) : 0;
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
  expected: ChainPlace,
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

/** The place that the `head` of a report names. Throws a TypeError for what is none. */
export function parseHead(text: string): ChainPlace {
  const parts = /^(\d{1,15}):([\w-]{43})?$/.exec(text);
  if (parts === null) throw new TypeError('expect: "sequence:hash", as an earlier report says it, is expected');
  return { sequence: Number(parts[1]), hash: parts[2] ?? genesis };
}
