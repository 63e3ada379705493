import { nobodyId } from "../model/decoy.ts";
import type { Row } from "../model/schema.ts";
import { randomId, sha256 } from "../secrets/random.ts";
import type { FindOptions, Operations, Transaction, Where } from "./contract.ts";

const day = 86_400_000;

/**
 * A row that is written so that a write takes place: a ticket of nobody and for nothing, which was over before it began, with
 * a secret that nobody was given. The next purge removes it.
 */
export function decoyRow(now: number): Row {
  return {
    id: randomId(16),
    purpose: "decoy",
    userId: null,
    uniquifier: null,
    secretHash: sha256(randomId(32)),
    payload: {},
    attemptsLeft: 0,
    createdAt: now,
    // Tickets are kept for a day after their end.
    expiresAt: now - day,
    consumedAt: now,
  };
}

/** The one row that is written again and again where an account's own row would be. */
const standingId = "decoy";

/** Changes one row, as what changes an account does, and leaves no more of them however often it is called. */
export async function writeDecoy(operations: Operations, now: number): Promise<void> {
  const { id: _, ...row } = decoyRow(now);
  // For as long as it is written it is not purged: that would make the next write two.
  const standing = { ...row, expiresAt: now };
  if ((await operations.update("ticket", { id: standingId }, standing)) > 0) return;
  await operations.insert("ticket", { id: standingId, ...standing });
}

/**
 * A transaction in which an account is made that is not: what is asked reaches the database, but nobody is found in the way;
 * of each row that would be inserted a decoy is. So it takes the same statements and commits as many rows.
 */
export function rehearsal(tx: Transaction, now: () => number): Transaction {
  const made = new Map<string, Row[]>();
  const find = async (table: string, where: Where, options?: FindOptions): Promise<Row[]> => {
    const found = await tx.find(table, where, options);
    return table === "user" || made.has(table) ? [...(made.get(table) ?? [])] : found;
  };
  return {
    native: tx.native,
    committed: (work) => tx.committed(work),
    ...(tx.claim === undefined ? {} : { claim: (text: string) => tx.claim?.(text) ?? Promise.resolve() }),
    ...(tx.announce === undefined ? {} : { announce: async (userId) => tx.announce?.(userId) }),
    async insert(table, row) {
      await tx.insert("ticket", decoyRow(now()));
      made.set(table, [...(made.get(table) ?? []), { ...row, id: row["id"] ?? nobodyId }]);
      return nobodyId;
    },
    find,
    findOne: async (table, where) => {
      const found = await tx.findOne(table, where);
      return table === "user" || made.has(table) ? made.get(table)?.[0] : found;
    },
    update: (table, where, set) => tx.update(table, where, set),
    delete: (table, where) => tx.delete(table, where),
    count: (table, where, atMost) => tx.count(table, where, atMost),
  };
}
