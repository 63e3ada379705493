import assert from "node:assert/strict";
import type { Datastore } from "../../datastore/contract.ts";
import { UniqueConflictError } from "../../model/errors.ts";
import type { Row } from "../../model/schema.ts";
import {
  type ConformanceExtras,
  type ConformanceRunner,
  conformanceEnvironment,
  conformanceSchema,
  type OpenDatastore,
  userRow,
} from "./fixtures.ts";

const total = 10_000;
const batch = 500;

/** The part of the conformance suite about a table with many rows. How long it may take is the runner's to say. */
export function scaleConformance(
  open: OpenDatastore,
  it: ConformanceRunner["it"],
  { scanByEmail }: ConformanceExtras,
): void {
  it("works with 10,000 users, found by e-mail without regard to case by an index", async () => {
    const store = await open(conformanceSchema, conformanceEnvironment);
    try {
      await store.migrate();
      await insertUsers(store);
      assert.equal(await store.count("user", {}), total);
      for (let index = 7; index < total; index += 487) {
        const row = await store.findOne("user", { email: `user-${index}@example.com` });
        assert.equal(row?.karma, index);
        const found = await store.find("user", { email: { equalsIgnoringCase: `USER-${index}@Example.COM` } });
        assert.deepEqual(found, [row]);
      }
      assert.deepEqual(await store.find("user", { email: { equalsIgnoringCase: "user-@example.com" } }), []);
      const again = store.insert("user", { ...userRow("new"), email: `user-${total - 1}@example.com` });
      await assert.rejects(again, UniqueConflictError);
      assert.deepEqual(await karmaByPages(store), numbers());
      assert.equal(await store.update("user", { karma: { gte: total - 100 } }, { active: false }), 100);
      assert.equal(await store.count("user", { active: false }), 100);
      assert.equal(await store.delete("user", { karma: { lt: 100 } }), 100);
      assert.equal(await store.count("user", {}), total - 100);
      if (scanByEmail !== undefined) assert.equal(await scanByEmail(store, "USER-5000@example.com"), undefined);
    } finally {
      await store.close();
    }
  });
}

const numbers = (): number[] => Array.from({ length: total }, (_, index) => index);

/** One transaction for each batch: a commit for each row would measure the disk. */
async function insertUsers(store: Datastore): Promise<void> {
  for (let first = 0; first < total; first += batch) {
    await store.transaction(async (tx) => {
      for (let index = first; index < first + batch; index += 1) {
        await tx.insert("user", userRow(`user-${index}`, { username: `user ${index}`, karma: index }));
      }
    });
  }
}

/** Every user's number, read in pages by key. */
async function karmaByPages(store: Datastore): Promise<unknown[]> {
  const all: unknown[] = [];
  let last = 0;
  for (;;) {
    const page: Row[] = await store.find("user", { id: { gt: last } }, { orderBy: [{ field: "id" }], limit: 1000 });
    if (page.length === 0) return all;
    all.push(...page.map((row) => row.karma));
    last = Number(page.at(-1)?.id);
  }
}
