/** The store in memory answers as SQLite does: the same random operations on both, with the same answers. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { PortcullisError, UniqueConflictError } from "../model/errors.ts";
import type { Row } from "../model/schema.ts";
import { conformanceEnvironment, conformanceSchema } from "../testing/datastore-conformance/fixtures.ts";
import type { Condition, Datastore, Operations } from "./contract.ts";
import { memory } from "./memory/index.ts";
import { sqlite } from "./sqlite/index.ts";

let stores: readonly [Datastore, Datastore];

beforeAll(async () => {
  stores = [
    await memory().open(conformanceSchema, conformanceEnvironment),
    await sqlite(":memory:").open(conformanceSchema, conformanceEnvironment),
  ];
  for (const store of stores) await store.migrate();
});
afterAll(async () => {
  for (const store of stores) await store.close();
});

const nullable = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(values, { nil: null, freq: 4 });
const code = fc.constantFrom("a", "b", "A", "c d", "e");
const integer = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(2 ** 31, -(2 ** 31), 0.5));
const text = fc.oneof(fc.constantFrom("x", "X", "x ", "", "ü", "%", "n\u0000"), fc.string({ unit: "binary" }));
const date = fc.date({ min: new Date("1000-01-01"), max: new Date("2100-01-01"), noInvalidDate: true });
const day = date.map((it_) => it_.toISOString().slice(0, 10));
const list = fc.array(fc.constantFrom("read", "write", " x", "a,b", "ü"), { maxLength: 3 });
const fields = {
  integer: nullable(integer),
  text: nullable(text),
  boolean: nullable(fc.boolean()),
  datetime: nullable(date),
  date: nullable(day),
  epochMs: nullable(fc.maxSafeInteger()),
  list: nullable(list),
  json: fc.jsonValue(),
  bytes: nullable(fc.uint8Array({ maxLength: 2 })),
};
const row: fc.Arbitrary<Row> = fc.record(fields, { requiredKeys: [] });
const newRow = fc.tuple(code, row).map(([it_, more]): Row => ({ code: it_, ...more }));
const order = fc.constantFrom("lt", "lte", "gt", "gte");
const where: fc.Arbitrary<Record<string, Condition>> = fc.record(
  {
    code: fc.oneof(code, fc.record({ in: fc.array(code) }), fc.record({ not: code })),
    integer: fc.oneof(
      nullable(integer),
      fc.record({ not: nullable(integer) }),
      fc.record({ in: fc.array(integer) }),
      fc.tuple(order, integer).map(([operator, value]) => ({ [operator]: value }) as unknown as Condition),
    ),
    text: fc.oneof(nullable(text), fc.record({ not: text }), fc.record({ gt: text })),
    boolean: nullable(fc.boolean()),
    datetime: fc.oneof(nullable(date), fc.record({ lt: date }), fc.record({ gte: date })),
    date: fc.oneof(nullable(day), fc.record({ lt: day }), fc.record({ gte: day }), fc.record({ in: fc.array(day) })),
    bytes: nullable(fc.uint8Array({ maxLength: 2 })),
  },
  { requiredKeys: [] },
);
const direction = fc.constantFrom<"asc" | "desc">("asc", "desc");
const orderBy = fc.tuple(fc.constantFrom("integer", "text", "datetime", "date", "boolean"), direction);

type Operation = (store: Operations) => Promise<unknown>;
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: newRow.map(
      (it_): Operation =>
        (store) =>
          store.insert("sample", it_),
    ),
  },
  fc.tuple(where, row).map(
    ([it_, set]): Operation =>
      (store) =>
        store.update("sample", it_, set),
  ),
  where.map(
    (it_): Operation =>
      (store) =>
        store.delete("sample", it_),
  ),
  where.map(
    (it_): Operation =>
      (store) =>
        store.count("sample", it_),
  ),
  fc.tuple(where, orderBy, fc.option(fc.nat(3), { nil: undefined })).map(
    ([it_, [field, by], limit]): Operation =>
      (store) =>
        store.find("sample", it_, {
          orderBy: [{ field, direction: by }, { field: "id" }],
          ...(limit === undefined ? {} : { limit }),
        }),
  ),
);

/** The answer, or the kind of error, without the keys: SQLite gives a deleted row's key again. */
const answer = async (store: Operations, run: Operation): Promise<unknown> => {
  try {
    return await run(store);
  } catch (error) {
    if (error instanceof UniqueConflictError) return `conflict on ${error.table}`;
    if (error instanceof PortcullisError) return error.code;
    throw error;
  }
};

it("gives the same answers in memory as SQLite", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(operation, fc.nat(9)), { maxLength: 25 }), async (steps) => {
      for (const store of stores) await store.delete("sample", {});
      for (const [run, chance] of steps) {
        const [one, two] = await Promise.all(
          stores.map((store) =>
            chance > 0
              ? answer(store, run)
              : store.transaction((tx) => answer(tx, run)).catch((error: PortcullisError) => error.code),
          ),
        );
        expect(withoutIds(one)).toEqual(withoutIds(two));
      }
      const [one, two] = await Promise.all(
        stores.map((store) => store.find("sample", {}, { orderBy: [{ field: "code" }] })),
      );
      expect(withoutIds(one)).toEqual(withoutIds(two));
    }),
    { numRuns: 300 },
  );
});

function withoutIds(value: unknown): unknown {
  if (typeof value === "number") return "number";
  if (!Array.isArray(value)) return value;
  return value.map((it_: Row) => ({ ...it_, id: undefined }));
}
