import { expect, it } from "vitest";
import { ConfigurationError, DatastoreError } from "../model/errors.ts";
import { coreTables } from "../model/tables.ts";
import { memory } from "./memory/index.ts";
import { mysql } from "./mysql/index.ts";
import { postgres } from "./postgres/index.ts";

const pg = "postgres://user:the-password@localhost/db";
const my = "mysql://user:the-password@localhost/db";

it.each([
  ["postgres(...).pool", () => postgres(pg, { pool: 5 } as object)],
  ["postgres(...).max", () => postgres(pg, { max: 0 })],
  ["postgres(...).max", () => postgres(pg, { max: "10" as unknown as number })],
  ["postgres(...).schema", () => postgres(pg, { schema: "" })],
  ["postgres(...).schema", () => postgres(pg, { schema: "x".repeat(64) })],
  ["postgres(...).listen", () => postgres(pg, { listen: 1 as unknown as boolean })],
  ["postgres(...).listen", () => postgres(pg, { listen: "always" as unknown as boolean })],
  ["postgres(...).statementTimeout", () => postgres(pg, { statementTimeout: 99 })],
  ["postgres(...).lockTimeout", () => postgres(pg, { lockTimeout: 9 })],
  ["postgres(...).idleTransactionTimeout", () => postgres(pg, { idleTransactionTimeout: 0 })],
  ["postgres(...).lease", () => postgres(pg, { lease: 99 })],
  ["postgres(...).lease", () => postgres(pg, { lease: 10_001 })],
  ["postgres(connectionString)", () => postgres(my)],
  ["postgres(connectionString)", () => postgres("the-password@localhost")],
  ["mysql(...).ssl", () => mysql(my, { ssl: true } as object)],
  ["mysql(...).max", () => mysql(my, { max: 1.5 })],
  ["mysql(uri)", () => mysql(pg)],
  ["memory(...).size", () => memory({ size: 5 } as unknown as Record<string, never>)],
])("refuses a wrong %s", (path, make) => {
  let thrown: unknown;
  try {
    make();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(ConfigurationError);
  expect((thrown as ConfigurationError).path).toBe(path);
  expect((thrown as ConfigurationError).message).not.toContain("the-password");
});

it.each([
  ["PostgreSQL", postgres("postgres://user:the-password@127.0.0.1:1/db")],
  ["MySQL", mysql("mysql://user:the-password@127.0.0.1:1/db")],
])("says that %s does not answer, without the password", async (name, provider) => {
  const opening = provider.open(coreTables, { now: Date.now, log: () => {} });
  const error = await opening.catch((it_: unknown) => it_);
  expect(error).toBeInstanceOf(DatastoreError);
  expect(String(error)).toContain(`cannot connect to ${name}: connect ECONNREFUSED`);
  expect(String(error)).not.toContain("the-password");
  expect(() => provider.kysely()).toThrow("not open");
});

it("refuses a schema whose references or keys lead nowhere", async () => {
  const open = (extra: object): Promise<unknown> =>
    memory().open({ ...coreTables, ...extra }, { now: Date.now, log: () => {} });
  const column = { name: "user_id", type: "integer", nullable: true } as const;
  const references = { table: "users", column: "id" };
  await expect(
    open({ thing: { name: "thing", primaryKey: [], columns: { userId: { ...column, references } } } }),
  ).rejects.toThrow("schema.thing.userId");
  await expect(open({ thing: { name: "thing", primaryKey: ["id"], columns: {} } })).rejects.toThrow("schema.thing");
  const twins = { one: column, two: { ...column, name: "USER_ID" } };
  await expect(open({ thing: { name: "thing", primaryKey: [], columns: twins } })).rejects.toThrow("schema.thing.two");
});
