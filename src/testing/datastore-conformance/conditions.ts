import assert from "node:assert/strict";
import type { Datastore, Where } from "../../datastore/contract.ts";
import type { Row } from "../../model/schema.ts";
import { type ConformanceRunner, failure, userRow } from "./fixtures.ts";

/** The part of the conformance suite about `where`, order and bounds. */
export function conditionConformance(store: () => Datastore, it: ConformanceRunner["it"]): void {
  let made = 0;
  /** Samples of their own, told apart by their `string`; the codes of those that match, in order. */
  const group = async (
    rows: readonly Row[],
  ): Promise<(where: Record<string, unknown>, more?: object) => Promise<string>> => {
    made += 1;
    const string = `group ${made}`;
    for (const [index, row] of rows.entries())
      await store().insert("sample", { code: `c${made}.${index}`, string, ...row });
    return async (where, more = {}) => {
      const options = { orderBy: [{ field: "id" }], ...more };
      const found = await store().find("sample", { string, ...where } as never, options);
      return found.map((row) => String(row.code).replace(/^.*\./, "")).join("");
    };
  };

  it("compares numbers, dates, booleans and nulls", async () => {
    const day = (n: number): Date => new Date(Date.UTC(2026, 0, n));
    const found = await group([
      { integer: 1, datetime: day(1), date: `2026-01-01`, boolean: true, epochMs: 10 },
      { integer: 2, datetime: day(2), date: `2026-01-02`, boolean: false, epochMs: 20 },
      { integer: 3, datetime: day(3), date: `2026-01-03`, boolean: null, epochMs: 2 ** 40 },
      {},
    ]);
    assert.equal(await found({ integer: 2 }), "1");
    assert.equal(await found({ integer: null }), "3");
    assert.equal(await found({ integer: { not: null } }), "012");
    assert.equal(await found({ integer: { not: 2 } }), "023");
    assert.equal(await found({ integer: { not: 2 ** 40 } }), "0123");
    assert.equal(await found({ integer: { in: [1, 3, 99, 2 ** 40] } }), "02");
    assert.equal(await found({ integer: { in: [] } }), "");
    assert.equal(await found({ integer: { gt: 1, lt: 3 } }), "1");
    assert.equal(await found({ integer: { gte: 2 } }), "12");
    assert.equal(await found({ integer: { lte: 2 } }), "01");
    assert.equal(await found({ integer: { lt: 2 ** 40 } }), "012");
    assert.equal(await found({ integer: { gt: 2 ** 40 } }), "");
    assert.equal(await found({ integer: 2 ** 40 }), "");
    assert.equal(await found({ epochMs: { gt: 20 } }), "2");
    assert.equal(await found({ boolean: true }), "0");
    assert.equal(await found({ boolean: false }), "1");
    assert.equal(await found({ boolean: { not: true } }), "123");
    assert.equal(await found({ datetime: day(2) }), "1");
    assert.equal(await found({ datetime: { lt: day(3) } }), "01");
    assert.equal(await found({ datetime: { gte: day(2) } }), "12");
    assert.equal(await found({ date: "2026-01-02" }), "1");
    assert.equal(await found({ date: { not: "2026-01-02" } }), "023");
    assert.equal(await found({ date: { in: ["2026-01-01", "2026-01-03", "0999-01-01"] } }), "02");
    assert.equal(await found({ date: { lt: "2026-01-03" } }), "01");
    assert.equal(await found({ date: { gte: "2026-01-02" } }), "12");
    assert.equal(await found({ date: null }), "3");
    await assert.rejects(store().find("sample", { date: "yesterday" }), failure("sample.date"));
    assert.equal(await found({ list: null }), "0123");
    assert.equal(await found({ integer: 1, boolean: false }), "");
  });

  it("compares text exactly: case, accents, spaces at the end, wildcards", async () => {
    const texts = ["Bob", "bob", "bób", "bob ", "b%b", "İstanbul", "ﬁ", "😀"];
    const found = await group(texts.map((text) => ({ text })));
    for (const [index, text] of texts.entries()) {
      assert.equal(await found({ text }), String(index), text);
      assert.equal(await found({ text: { in: [text, "nothing"] } }), String(index), text);
      assert.equal((await found({ text: { not: text } })).includes(String(index)), false, text);
    }
    assert.equal(await found({ text: { not: "Bob" } }), "1234567");
    assert.equal(await found({ text: "BOB" }), "");
    assert.equal(await found({ text: "b_b" }), "");
  });

  it("finds bytes and keys", async () => {
    const found = await group([{ bytes: new Uint8Array([7, 0, 1]) }, { bytes: new Uint8Array([7, 0]) }]);
    assert.equal(await found({ bytes: new Uint8Array([7, 0]) }), "1");
    assert.equal(await found({ bytes: new Uint8Array([7]) }), "");
    assert.equal(await store().count("sample", { code: `C${made}.0` }), 0);
    assert.equal(await store().count("sample", { code: `c${made}.0 ` }), 0);
    assert.equal(await store().count("sample", { code: `c${made}.0` }), 1);
  });

  it("pages through what begins so, without regard to case, by its own order", async () => {
    const names = ["px_a", "PX_B", "px_c-1", "px.c", "pxyz", "Px_d", "py"];
    const ids = new Map<string, unknown>();
    for (const name of names)
      ids.set(name, await store().insert("user", userRow(`begins-${name}`, { username: name })));
    const page = async (condition: object, more: object = {}): Promise<string[]> => {
      const rows = await store().find(
        "user",
        { username: condition as never },
        {
          orderBy: [{ field: "username", ignoreCase: true }, { field: "id" }],
          ...more,
        },
      );
      return rows.map((row) => String(row.username));
    };
    const all = await page({ startsWith: "pX_" });
    assert.deepEqual(all, ["px_a", "PX_B", "px_c-1", "Px_d"]);
    assert.deepEqual(await page({ startsWith: "px%" }), []);
    assert.deepEqual(await page({ startsWith: "px_", from: "Px_b" }), ["PX_B", "px_c-1", "Px_d"]);
    assert.deepEqual(await page({ startsWith: "px_", upTo: "PX_b" }), ["px_a", "PX_B"]);
    assert.deepEqual(await page({ startsWith: "px_", from: "px_b" }, { limit: 1 }), ["PX_B"]);
    const backwards = await page(
      { startsWith: "px_" },
      {
        orderBy: [{ field: "username", direction: "desc", ignoreCase: true }],
        limit: 2,
      },
    );
    assert.deepEqual(backwards, ["Px_d", "px_c-1"]);
    assert.equal(await store().count("user", { username: { startsWith: "px" } }), 6);
    assert.equal(await store().count("user", { username: { startsWith: "px" } }, 4), 4);
    assert.equal(await store().count("user", { username: { startsWith: "px" } }, 40), 6);
    await assert.rejects(() => store().count("user", {}, 0), failure("bound of a count"));
    await assert.rejects(() => store().find("user", { id: { startsWith: "1" } as never }), failure("is not text"));
  });

  it("finds without regard to case", async () => {
    const id = await store().insert("user", userRow("Mixed.Case", { username: "Straße-İx" }));
    for (const email of ["mixed.case@example.com", "MIXED.CASE@EXAMPLE.COM", "Mixed.Case@example.com"]) {
      const found = await store().find("user", { email: { equalsIgnoringCase: email } });
      assert.deepEqual(
        found.map((row) => row.id),
        [id],
        email,
      );
    }
    const among = ["nobody@example.com", "MIXED.case@example.com", "lone \udc00"];
    const byList = await store().find("user", { email: { inIgnoringCase: among } });
    assert.deepEqual(
      byList.map((row) => row.id),
      [id],
    );
    assert.deepEqual(await store().find("user", { email: { inIgnoringCase: [] } }), []);
    await assert.rejects(store().find("user", { email: { inIgnoringCase: [5] } as never }), failure("user.email"));
    const byName = await store().find("user", { username: { equalsIgnoringCase: "Straße-İx" } });
    assert.ok(byName.some((row) => row.id === id));
    assert.deepEqual(await store().find("user", { email: { equalsIgnoringCase: "mixed_case@example.com" } }), []);
  });

  it("matches nothing, and does not fail, for values that no row can have", async () => {
    const impossible = ["nul\u0000", "lone \udc00", "x".repeat(300)];
    for (const email of impossible) {
      assert.equal(await store().findOne("user", { email }), undefined);
      assert.deepEqual(await store().find("user", { email: { equalsIgnoringCase: email } }), []);
      assert.equal(await store().count("user", { email: { in: [email] } }), 0);
      assert.equal(await store().update("user", { email }, { active: false }), 0);
      assert.equal(await store().delete("user", { email }), 0);
    }
    assert.equal(await store().findOne("session", { idHash: "schlüssel" }), undefined);
    assert.equal(await store().findOne("user", { id: -1 }), undefined);
    assert.equal(await store().findOne("user", { id: 0.5 }), undefined);
  });

  it("refuses conditions that it cannot mean", async () => {
    const wrong: [string, unknown][] = [
      ["user.email", { email: undefined }],
      ["user.email", { email: 5 }],
      ["user.email", { email: { like: "%" } }],
      ["user.email", { email: {} }],
      ["user.email", { email: ["a"] }],
      ["user.id", { id: "1" }],
      ["user.id", { id: { lt: "1" } }],
      ["user.active", { active: 1 }],
      ["nosuch", { nosuch: 1 }],
      ["constructor", { constructor: 1 }],
    ];
    for (const [path, where] of wrong) {
      await assert.rejects(store().find("user", where as never), failure(path));
      await assert.rejects(store().delete("user", where as never), failure(path));
    }
    await assert.rejects(store().find("role", { permissions: { not: "x" } }), failure("role.permissions"));
    await assert.rejects(store().find("user", {}, { orderBy: [{ field: "nosuch" }] }), failure("nosuch"));
    await assert.rejects(store().find("user", {}, { limit: -1 }), failure("limit"));
  });

  it("orders, bounds, and pages by key", async () => {
    const found = await group([{ integer: 3 }, { integer: 1 }, {}, { integer: 3 }]);
    const by = (direction: "asc" | "desc"): object => ({ orderBy: [{ field: "integer", direction }, { field: "id" }] });
    assert.equal(await found({}, by("asc")), "2103");
    assert.equal(await found({}, by("desc")), "0312");
    assert.equal(await found({}, { ...by("asc"), limit: 2 }), "21");
    assert.equal(await found({}, { limit: 0 }), "");
    const prefix = `c${made}.`;
    const order = [{ field: "code" }];
    const first = await store().find(
      "sample",
      { code: { gte: prefix } as never, string: `group ${made}` },
      { orderBy: order, limit: 2 },
    );
    const last = String(first[1]?.code);
    const next = await store().find("sample", { code: { gt: last }, string: `group ${made}` }, { orderBy: order });
    assert.deepEqual(
      [...first, ...next].map((row) => row.code),
      [0, 1, 2, 3].map((index) => `${prefix}${index}`),
    );
  });

  it("pages through those of one value by an index of both columns, in both directions", async () => {
    made += 1;
    const name = `run${made}`;
    const roleId = (await store().insert("role", { name })) ?? 0;
    const others = (await store().insert("role", { name: `${name}.others` })) ?? 0;
    const users: number[] = [];
    for (const [index, active] of [true, false, true, false, false].entries()) {
      const email = `${name}.${index}@example.org`;
      const id = (await store().insert("user", userRow(email, { active, fsUniquifier: `${name}.${index}` }))) ?? 0;
      users.push(id);
      await store().insert("rolesUsers", { roleId: index === 1 ? others : roleId, userId: id });
    }
    await store().insert("rolesUsers", { roleId, userId: null });
    const [first = 0, , third = 0, , last = 0] = users;
    const shown = async (table: string, where: object, options: object): Promise<string> => {
      const rows = await store().find(table, where as never, options);
      return rows.map((row) => users.indexOf((row.id ?? row.userId) as number)).join(" ");
    };
    const by = (field: string, direction: string, limit = 100): object => ({ orderBy: [{ field, direction }], limit });
    const within = { gte: first, lte: last };
    for (const [where, order, expected] of [
      [{ active: false, id: within }, by("id", "asc"), "1 3 4"],
      [{ active: false, id: within }, by("id", "desc"), "4 3 1"],
      [{ active: false, id: { ...within, gt: third } }, by("id", "asc", 1), "3"],
      [{ active: false, id: { ...within, lt: third } }, by("id", "desc"), "1"],
      [{ active: true, id: { ...within, lt: third, gt: 0 } }, by("id", "asc"), "0"],
      [{ active: true, id: { in: users } }, by("id", "desc", 2), "2 0"],
    ] as const) {
      assert.equal(await shown("user", where, order), expected, JSON.stringify(where));
    }
    for (const [where, order, expected] of [
      [{ roleId, userId: { not: null } }, by("userId", "asc"), "0 2 3 4"],
      [{ roleId, userId: { gt: third } }, by("userId", "asc", 1), "3"],
      [{ roleId, userId: { lt: last } }, by("userId", "desc", 2), "3 2"],
      // Null comes first where nothing says that there is a user.
      [{ roleId }, by("userId", "asc", 2), "-1 0"],
      [{ roleId }, by("userId", "desc"), "4 3 2 0 -1"],
    ] as const) {
      assert.equal(await shown("rolesUsers", where, order), expected, JSON.stringify(where));
    }
    assert.equal(await store().count("rolesUsers", { roleId }, 3), 3);
    assert.equal(await store().count("rolesUsers", { roleId }, 100), 5);
    assert.equal(await store().count("rolesUsers", { roleId, userId: { gt: first } }, 100), 3);
    assert.equal(await store().count("user", { active: false, id: within }, 100), 3);
  });

  it("finds the first row alone of those that have one value, whatever the conditions say of it", async () => {
    const found = await group([
      { integer: 9001, epochMs: 10, text: "held" },
      { integer: 9001, epochMs: 20, text: "free" },
      { integer: 9002, epochMs: 30, text: "free" },
      { integer: 9002, epochMs: 30, text: "free" },
      { integer: 9002, epochMs: 40, text: "free" },
      { integer: 9003, epochMs: 5, text: "free" },
    ]);
    const string = `group ${made}`;
    // No row of another test has these numbers.
    const options = { first: { of: "integer", by: "epochMs" }, orderBy: [{ field: "epochMs" }, { field: "id" }] };
    const shown = async (where: Where, limit: number): Promise<string> => {
      const rows = await store().find("sample", { string, ...where }, { ...options, limit });
      return rows.map((row) => `${row.integer}/${row.epochMs}`).join(" ");
    };
    assert.equal(await shown({}, 100), "9003/5 9001/10 9002/30 9002/30");
    assert.equal(await shown({ text: "free" }, 100), "9003/5 9002/30 9002/30");
    assert.equal(await shown({ text: "free" }, 1), "9003/5");
    assert.equal(await found({}), "012345");
  });

  it("counts, changes and deletes what matches, and says how many", async () => {
    const found = await group([{ integer: 1 }, { integer: 1 }, { integer: 2 }]);
    const string = `group ${made}`;
    assert.equal(await store().count("sample", { string }), 3);
    assert.equal(await store().update("sample", { string, integer: 1 }, { integer: 5, text: "changed" }), 2);
    assert.equal(await store().update("sample", { string, integer: 5 }, { integer: 5 }), 2, "matched, not changed");
    assert.equal(await found({ text: "changed" }), "01");
    assert.equal(await store().delete("sample", { string, integer: { gt: 4 } }), 2);
    assert.equal(await found({}), "2");
    assert.equal(await store().delete("sample", { string, integer: 5 }), 0);
  });
}
