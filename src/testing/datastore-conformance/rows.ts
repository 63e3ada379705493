import assert from "node:assert/strict";
import { inspect } from "node:util";
import type { Datastore } from "../../datastore/contract.ts";
import { DatastoreError, UniqueConflictError } from "../../model/errors.ts";
import type { Row } from "../../model/schema.ts";
import {
  type ConformanceRunner,
  conformanceEnvironment,
  conformanceSchema,
  failure,
  rememberRow,
  sessionRow,
  ticketRow,
  userRow,
} from "./fixtures.ts";

/** The part of the conformance suite about single rows. */
export function rowConformance(store: () => Datastore, it: ConformanceRunner["it"]): void {
  const roundTrip = async (row: Row): Promise<Row | undefined> => {
    const id = await store().insert("sample", row);
    assert.equal(typeof id, "number");
    return await store().findOne("sample", { id: id as number });
  };

  it("gives generated keys, and none for tables without", async () => {
    const first = await store().insert("user", userRow("key-1"));
    const second = await store().insert("user", userRow("key-2"));
    assert.ok(typeof first === "number" && typeof second === "number" && second > first);
    const role = await store().insert("role", { name: "key-role" });
    assert.equal(await store().insert("rolesUsers", { userId: first, roleId: role }), undefined);
    assert.equal(await store().insert("user", userRow("key-3", { id: second + 1_000_000 })), second + 1_000_000);
  });

  it("gives the number of a row that is gone to no other", async () => {
    const made = async (name: string, extra: Row = {}): Promise<number> =>
      (await store().insert("user", userRow(name, extra))) as number;
    const gone = async (id: number): Promise<void> => void assert.equal(await store().delete("user", { id }), 1);
    let last = await made("numbered-1");
    for (const name of ["numbered-2", "numbered-3"]) {
      await gone(last);
      const next = await made(name);
      assert.ok(next > last, `${name} has ${next}, and ${last} was given before`);
      last = next;
    }
    // Also one that was given, not made.
    const given = await made("numbered-4", { id: last + 1_000 });
    await gone(given);
    await gone(last);
    const after = await made("numbered-5");
    assert.ok(after > given, `${after} after ${given}`);
    if (store().insertAll !== undefined) {
      await gone(after);
      await store().insertAll?.("user", [userRow("numbered-6"), userRow("numbered-7")]);
      const ids = await Promise.all(
        ["numbered-6", "numbered-7"].map(async (name) => {
          const row = await store().findOne("user", { email: userRow(name).email as string });
          return row?.id as number;
        }),
      );
      assert.ok(ids.every((id) => id > after) && ids[0] !== ids[1], `${ids} after ${after}`);
    }
    // Deleted in a transaction, with others, and made in it.
    await store().transaction(async (tx) => {
      const one = (await tx.insert("role", { name: "numbered-1" })) as number;
      await tx.delete("role", { id: one });
      const two = (await tx.insert("role", { name: "numbered-2" })) as number;
      assert.ok(two > one);
      await tx.delete("role", { id: two });
    });
  });

  it("inserts several rows at once, all or, in a transaction, none", async () => {
    const { insertAll } = store();
    if (insertAll === undefined) return;
    const rows = Array.from({ length: 1500 }, (_, index) => userRow(`at-once-${index}`));
    await insertAll.call(store(), "user", rows);
    const found = await store().find("user", { email: { in: rows.map((row) => row.email as string) } });
    assert.equal(found.length, rows.length);
    assert.equal(new Set(found.map(({ id }) => id)).size, rows.length);
    await insertAll.call(store(), "user", []);
    await assert.rejects(insertAll.call(store(), "user", [userRow("a"), { ...userRow("b"), id: 7 }]), failure("user"));
    await assert.rejects(
      store().transaction(async (tx) => {
        await tx.insertAll?.("user", [userRow("at-once-new"), userRow("at-once-7")]);
      }),
      UniqueConflictError,
    );
    assert.equal(await store().count("user", { email: userRow("at-once-new").email as string }), 0);
  });

  it("gives back what was stored, of each type", async () => {
    const row: Row = {
      code: "all-types",
      integer: -2147483648,
      string: "Zoë 👩‍👩‍👧 e\u0301 İı",
      text: `line\n${"long ".repeat(2000)}'";--\\ %_`,
      boolean: false,
      datetime: new Date("2024-02-29T23:59:58Z"),
      date: "2024-02-29",
      epochMs: Number.MAX_SAFE_INTEGER,
      list: ["read", "write all", "ünïcode"],
      json: { a: [1, null, "x\u0000y"], b: { c: true }, "": "é" },
      bytes: new Uint8Array([0, 255, 39, 92, 128]),
    };
    const found = await roundTrip(row);
    assert.partialDeepStrictEqual(found, row);
    assert.deepEqual(Object.keys(found ?? {}).sort(), Object.keys(conformanceSchema.sample?.columns ?? {}).sort());
  });

  it("gives back nulls, and an empty list for a list that is null", async () => {
    const empty = { integer: null, string: null, text: null, boolean: null, datetime: null, date: null, epochMs: null };
    const found = await roundTrip({ code: "nulls", ...empty, list: null, json: null, bytes: null });
    assert.partialDeepStrictEqual(found, { ...empty, list: [], json: null, bytes: null });
    const role = await store().insert("role", { name: "no-permissions", permissions: null });
    assert.deepEqual((await store().findOne("role", { id: role as number }))?.permissions, []);
  });

  it("fills in defaults, the time by the system's clock", async () => {
    const found = await roundTrip({ code: "defaults" });
    assert.deepEqual(found?.filledDate, new Date(conformanceEnvironment.now()));
    assert.equal(found?.filledFlag, true);
    assert.deepEqual(found?.filledList, ["a", "b"]);
    assert.equal(found?.integer, null);
  });

  it("keeps dates to the second at least, and the same text as before and after 1970", async () => {
    for (const text of [
      "1969-12-31T23:59:59Z",
      "1970-01-01T00:00:00Z",
      "2038-01-19T03:14:08Z",
      "2026-06-30T12:00:00.123Z",
    ]) {
      const date = new Date(text);
      const found = (await roundTrip({ code: `date-${text.slice(0, 10)}`, datetime: date }))?.datetime;
      assert.ok(
        found instanceof Date && Math.floor(found.getTime() / 1000) === Math.floor(date.getTime() / 1000),
        text,
      );
    }
  });

  it("hands out copies", async () => {
    await store().insert("sample", { code: "copy", list: ["x"], json: { deep: [1] } });
    const one = await store().findOne("sample", { code: "copy" });
    assert.ok(one !== undefined && Array.isArray(one.list));
    one.list.push("y");
    Object.assign(one.json as object, { deep: "changed" });
    const other = await store().findOne("sample", { code: "copy" });
    assert.deepEqual([other?.list, other?.json], [["x"], { deep: [1] }]);
  });

  it("refuses what a column cannot hold, and does not cut it", async () => {
    const wrong: [string, Row][] = [
      ["sample.string", { string: "x".repeat(31) }],
      ["sample.string", { string: "👍".repeat(31) }],
      ["sample.string", { string: "nul\u0000" }],
      ["sample.string", { string: "lone \ud800" }],
      ["sample.string", { string: 5 }],
      ["sample.integer", { integer: 2 ** 31 }],
      ["sample.integer", { integer: 1.5 }],
      ["sample.integer", { integer: Number.NaN }],
      ["sample.epochMs", { epochMs: 2 ** 53 }],
      ["sample.boolean", { boolean: 1 }],
      ["sample.datetime", { datetime: new Date(Number.NaN) }],
      ["sample.datetime", { datetime: "2026-01-01" }],
      ["sample.date", { date: "2026-02-29" }],
      ["sample.date", { date: "0999-12-31" }],
      ["sample.date", { date: "2026-01-01T00:00:00Z" }],
      ["sample.date", { date: new Date(0) }],
      ["sample.list", { list: ["a,b"] }],
      ["sample.list", { list: "a" }],
      ["sample.json", { json: () => 1 }],
      ["sample.filledFlag", { filledFlag: null }],
      ["nosuch", { nosuch: 1 }],
    ];
    for (const [path, more] of wrong) {
      await assert.rejects(store().insert("sample", { code: "wrong", ...more }), failure(path));
      await assert.rejects(store().update("sample", { code: "wrong" }, more), failure(path));
    }
    await assert.rejects(store().insert("sample", {}), failure("sample.code"));
    await assert.rejects(store().insert("sample", { code: "é" }), failure("sample.code"));
    await assert.rejects(store().update("sample", {}, {}), failure("sample"));
    await assert.rejects(store().update("sample", {}, { string: undefined }), failure("sample.string"));
    await assert.rejects(store().insert("nosuch", {}), failure("nosuch"));
    assert.equal(await store().count("sample", { code: "wrong" }), 0);
    assert.equal((await roundTrip({ code: "longest", string: "👍".repeat(30) }))?.string, "👍".repeat(30));
  });

  it("tells unique conflicts by table and field", async () => {
    await store().insert("user", userRow("taken", { username: "taken-name" }));
    const conflict = (table: string, field: string) => (error: unknown) =>
      error instanceof UniqueConflictError && error.table === table && error.field === field;
    const another = userRow("another");
    await assert.rejects(store().insert("user", { ...another, email: "taken@example.com" }), conflict("user", "email"));
    await assert.rejects(store().insert("user", { ...another, username: "taken-name" }), conflict("user", "username"));
    const same = { ...another, fsUniquifier: "uniquifier-taken" };
    await assert.rejects(store().insert("user", same), conflict("user", "fsUniquifier"));
    await store().insert("user", another);
    const set = { email: "taken@example.com" };
    await assert.rejects(store().update("user", { email: "another@example.com" }, set), conflict("user", "email"));
    await store().insert("role", { name: "taken-role" });
    await assert.rejects(store().insert("role", { name: "taken-role" }), conflict("role", "name"));
    await store().insert("sample", { code: "taken", bytes: new Uint8Array([1]) });
    await assert.rejects(store().insert("sample", { code: "taken" }), conflict("sample", "code"));
    const bytes = { code: "other", bytes: new Uint8Array([1]) };
    await assert.rejects(store().insert("sample", bytes), conflict("sample", "bytes"));
    const session = sessionRow("taken-hash", null);
    await store().insert("session", session);
    await assert.rejects(store().insert("session", session), conflict("session", "idHash"));
    // Null is no value that could be taken.
    await store().insert("user", userRow("null-1", { username: null }));
    await store().insert("user", userRow("null-2", { username: null }));
  });

  it("keeps secrets out of its errors", async () => {
    await store().insert("user", userRow("secretive"));
    const row = userRow("secretive", { password: "$argon2id$the-hash" });
    const error = await store()
      .insert("user", row)
      .catch((it: unknown) => it);
    const shown = inspect(error, { depth: 10, showHidden: true });
    assert.ok(!shown.includes("the-hash") && !shown.includes("secretive"), shown);
  });

  it("refuses a row that refers to nothing, and takes what hangs on a user along with the user", async () => {
    await assert.rejects(store().insert("session", sessionRow("orphan", 2_000_000_000)), DatastoreError);
    const id = (await store().insert("user", userRow("leaver"))) as number;
    const stays = (await store().insert("user", userRow("stayer"))) as number;
    for (const userId of [id, stays]) {
      await store().insert("session", sessionRow(`session-of-${userId}`, userId));
      await store().insert("remember", rememberRow(`remember-of-${userId}`, userId));
      await store().insert("ticket", ticketRow(`ticket-of-${userId}`, userId));
    }
    const role = await store().insert("role", { name: "leavers" });
    await store().insert("rolesUsers", { userId: id, roleId: role });
    await assert.rejects(store().delete("user", { id }), DatastoreError);
    assert.equal(await store().count("session", { userId: id }), 1);
    assert.equal(await store().delete("rolesUsers", { userId: id }), 1);
    assert.equal(await store().delete("user", { id }), 1);
    for (const table of ["session", "remember", "ticket"]) {
      assert.equal(await store().count(table, { userId: id }), 0, table);
      assert.equal(await store().count(table, { userId: stays }), 1, table);
    }
  });
}
