import type { Row } from "../model/schema.ts";
import { randomId } from "../secrets/random.ts";
import type { Datastore, Operations } from "./contract.ts";

/** The hashes of former passwords and when they were stored, kept only where the policy asks for them (`history`, `maxAge`). */
export interface PasswordHistory {
  /** The hashes of the user's last passwords, the present one first, at most `last`. */
  hashes(userId: number, last: number): Promise<readonly string[]>;
  /** When the user's present password was stored, in epoch milliseconds; undefined: before anything was noted of it. */
  storedAt(userId: number): Promise<number | undefined>;
  /** Notes a password that is being stored, in the transaction that stores it; `before` is the hash that it replaces. */
  append(operations: Operations, userId: number, hash: string, before: string | null): Promise<void>;
  /** The same password has another hash now: the older, weaker one is not kept either. */
  replace(operations: Operations, userId: number, before: string, hash: string): Promise<void>;
  /** Forgets all of a user who is deleted. */
  remove(operations: Operations, userId: number): Promise<void>;
}

const table = "passwordHistory";
/** Passwords that are stored at once are a millisecond apart, and clocks of processes a little more. */
const skew = 1_000;

/** Makes the history of one running system; `last` is how many passwords are remembered, 0: none. */
export function createPasswordHistory(datastore: Datastore, last: number, now: () => number): PasswordHistory {
  /** The newest first. What lies in the future is moved back together, in its order: the newest was stored just now. */
  const rows = async (operations: Operations, userId: number): Promise<readonly Row[]> => {
    const found = await operations.find(table, { userId }, { orderBy: [{ field: "createdAt", direction: "desc" }] });
    const ahead = Number(found[0]?.["createdAt"] ?? 0) - now();
    if (!(ahead > skew)) return found;
    const moved = found.map((row) => ({ ...row, createdAt: (row["createdAt"] as number) - ahead }));
    for (const { id, createdAt } of moved as readonly { id?: string; createdAt: number }[]) {
      await operations.update(table, { id: id as string }, { createdAt });
    }
    return moved;
  };

  return {
    async hashes(userId, wanted) {
      const user = await datastore.findOne("user", { id: userId });
      const present = user?.["password"];
      const former = (await rows(datastore, userId)).map((row) => row["password"] as string);
      return [...new Set([...(typeof present === "string" ? [present] : []), ...former])].slice(0, wanted);
    },

    async storedAt(userId) {
      const [newest] = await rows(datastore, userId);
      if (newest === undefined) return undefined;
      const user = await datastore.findOne("user", { id: userId });
      // One that was stored while nothing was noted is younger than what is known: how young, nobody can tell.
      return user?.["password"] === newest["password"] ? (newest["createdAt"] as number) : undefined;
    },

    async append(operations, userId, hash, before) {
      if (last === 0) return;
      const known = await rows(operations, userId);
      let newest = (known[0]?.["createdAt"] as number | undefined) ?? 0;
      const add = async (password: string): Promise<void> => {
        // Never two at the same time: the order tells which one goes first.
        newest = Math.max(now(), newest + 1);
        await operations.insert(table, { id: randomId(16), userId, password, createdAt: newest });
      };
      // A password from before the option was turned on.
      if (before !== null && !known.some((row) => row["password"] === before)) await add(before);
      await add(hash);
      for (const row of (await rows(operations, userId)).slice(last)) {
        await operations.delete(table, { id: row["id"] as string });
      }
    },

    async replace(operations, userId, before, hash) {
      if (last > 0) await operations.update(table, { userId, password: before }, { password: hash });
    },

    async remove(operations, userId) {
      await operations.delete(table, { userId });
    },
  };
}
