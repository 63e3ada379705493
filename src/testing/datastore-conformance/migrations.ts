import assert from "node:assert/strict";
import type { Datastore } from "../../datastore/contract.ts";
import { ConfigurationError } from "../../model/errors.ts";
import type { Column, Schema } from "../../model/schema.ts";
import {
  type ConformanceExtras,
  type ConformanceRunner,
  conformanceEnvironment,
  conformanceSchema,
  type OpenDatastore,
  userRow,
} from "./fixtures.ts";

/** The part of the conformance suite about `migrate()`, `check()` and `isEmpty()`. */
export function migrationConformance(
  open: OpenDatastore,
  it: ConformanceRunner["it"],
  { another, drop }: ConformanceExtras,
): void {
  const withStore = async (schema: Schema, work: (store: Datastore) => Promise<void>): Promise<void> => {
    const store = await open(schema, conformanceEnvironment);
    try {
      await work(store);
    } finally {
      await store.close();
    }
  };

  it("makes all tables, says so, and has nothing to do the second time", async () => {
    await withStore(conformanceSchema, async (store) => {
      assert.equal(await store.isEmpty(), true);
      // A store may need tables of its own beside these.
      const missing = new Set(await store.check());
      for (const table of Object.values(conformanceSchema)) assert.ok(missing.has(`table "${table.name}" is missing`));
      const done = await store.migrate();
      for (const table of Object.values(conformanceSchema)) assert.ok(done.includes(`create table "${table.name}"`));
      assert.deepEqual(await store.migrate(), []);
      assert.deepEqual(await store.check(), []);
      assert.equal(await store.isEmpty(), false);
    });
  });

  it("is safe when three migrate at once", async () => {
    await withStore(conformanceSchema, async (store) => {
      const others: Datastore[] = [];
      try {
        for (let count = 0; count < 2; count += 1) {
          if (another !== undefined) others.push(await another(store, conformanceSchema, conformanceEnvironment));
        }
        const three = another === undefined ? [store, store, store] : [store, ...others];
        const done = await Promise.all(three.map((it_) => it_.migrate()));
        assert.equal(done.filter((steps) => steps.length > 0).length, 1);
        for (const it_ of three) assert.deepEqual(await it_.check(), []);
      } finally {
        for (const other of others) await other.close();
      }
    });
  });

  it("works with tables of other names", async () => {
    const renamed: Schema = Object.fromEntries(
      Object.entries(conformanceSchema).map(([logical, table]) => [logical, { ...table, name: `My ${table.name}s` }]),
    );
    await withStore(renamed, async (store) => {
      await store.migrate();
      const userId = (await store.insert("user", userRow("renamed"))) as number;
      const roleId = await store.insert("role", { name: "renamed" });
      await store.insert("rolesUsers", { userId, roleId });
      const bundle = await store.loadUser?.("id", userId);
      if (store.loadUser !== undefined)
        assert.deepEqual(
          bundle?.roles.map((role) => role.name),
          ["renamed"],
        );
      assert.equal(await store.update("user", { email: "renamed@example.com" }, { active: false }), 1);
      assert.deepEqual(await store.migrate(), []);
    });
  });

  if (drop !== undefined) {
    it("names what is missing, and adds it without touching the rest", async () => {
      await withStore(conformanceSchema, async (store) => {
        await store.migrate();
        const id = (await store.insert("user", userRow("survivor", { nickname: "before" }))) as number;
        await drop(store, "user", "nickname");
        await drop(store, "user", "karma");
        await drop(store, "user", "update_datetime");
        await drop(store, "portcullis_ticket");
        assert.deepEqual((await store.check()).sort(), [
          'column "karma" of table "user" is missing',
          'column "nickname" of table "user" is missing',
          'column "update_datetime" of table "user" is missing',
          'table "portcullis_ticket" is missing',
        ]);
        assert.equal(await store.isEmpty(), false);
        const done = await store.migrate();
        assert.ok(done.includes('create table "portcullis_ticket"'));
        assert.ok(done.includes('add column "nickname" to table "user"'));
        assert.ok(done.includes('add an index on "karma" to table "user"'));
        assert.deepEqual(await store.check(), []);
        assert.deepEqual(await store.migrate(), []);
        const user = await store.findOne("user", { id });
        assert.deepEqual([user?.email, user?.nickname, user?.karma], ["survivor@example.com", "nobody", null]);
        assert.ok(user?.updateDatetime instanceof Date);
      });
    });
  }

  if (another !== undefined) {
    it("adds the application's new columns, unique ones too, and refuses those that existing rows could not have", async () => {
      await withStore(conformanceSchema, async (store) => {
        await store.migrate();
        const id = (await store.insert("user", userRow("grower"))) as number;
        const grown = await another(
          store,
          withUserColumn({ type: "string", length: 9, nullable: true, unique: true }),
          conformanceEnvironment,
        );
        try {
          assert.equal((await grown.migrate()).length, 2);
          assert.equal(await grown.update("user", { id }, { staffNumber: "A1" }), 1);
          await assert.rejects(grown.insert("user", userRow("twin", { staffNumber: "A1" })), { field: "staffNumber" });
        } finally {
          await grown.close();
        }
      });
      await withStore(conformanceSchema, async (store) => {
        await store.migrate();
        const refused = await another(
          store,
          withUserColumn({ type: "integer", nullable: false }),
          conformanceEnvironment,
        );
        try {
          await assert.rejects(
            refused.migrate(),
            (error) => error instanceof ConfigurationError && error.path === "schema.user.staffNumber",
          );
        } finally {
          await refused.close();
        }
      });
    });
  }
}

function withUserColumn(column: Omit<Column, "name">): Schema {
  const user = conformanceSchema.user;
  if (user === undefined) throw new Error("the schema has no user");
  return {
    ...conformanceSchema,
    user: { ...user, columns: { ...user.columns, staffNumber: { name: "staff_number", ...column } } },
  };
}
