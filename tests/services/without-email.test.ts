/** `emails: "optional"` on the database servers: what a new schema allows, and what one that exists must. */
import { randomBytes } from "node:crypto";
import mysqlDriver from "mysql2/promise";
import pg from "pg";
import { type DatastoreProvider, portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import { expect, it, onTestFinished } from "vitest";
import { describeService } from "./available.ts";

const start = (datastore: DatastoreProvider, emails: "required" | "optional") =>
  portcullis({
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: ["http://localhost:3000"],
    datastore,
    features: [passwords()],
    identities: ["email", "username"],
    emails,
  });

const newName = (): string => `portcullis_test_${randomBytes(6).toString("hex")}`;

/** A database that was made without the option is refused; with the column changed by hand it is taken. */
async function changedByHand(open: () => DatastoreProvider, change: () => Promise<unknown>): Promise<void> {
  await (await start(open(), "required")).close();
  await expect(start(open(), "optional")).rejects.toThrow('column "email" of table "user" does not allow null');
  await change();
  await withoutAddress(open);
  // Whoever goes back: the column is wider than it must be, which harms nothing.
  await (await start(open(), "required")).close();
}

/** Two accounts without an address, beside one that has it. */
async function withoutAddress(open: () => DatastoreProvider): Promise<void> {
  const security = await start(open(), "optional");
  try {
    for (const username of ["lone", "lonely"]) await security.users.create({ email: null, username });
    await security.users.create({ email: "ann@acme.example" });
    const lone = await security.users.find("username", "LONE", { ignoreCase: true });
    expect([lone?.email, (await security.users.find("email", "ann@acme.example"))?.username]).toEqual(["", null]);
  } finally {
    await security.close();
  }
}

describeService("postgres", "PostgreSQL", (url) => {
  async function place(): Promise<{ schema: string; client: pg.Client }> {
    const schema = newName();
    const client = new pg.Client(url);
    await client.connect();
    onTestFinished(async () => {
      await client.query(`drop schema if exists ${schema} cascade`);
      await client.end();
    });
    return { schema, client };
  }

  it("a new schema allows accounts without an address", async () => {
    const { schema } = await place();
    await withoutAddress(() => postgres(url, { schema }));
  });

  it("one that exists is changed by hand", async () => {
    const { schema, client } = await place();
    const change = (): Promise<unknown> =>
      client.query(`alter table ${schema}."user" alter column email drop not null`);
    await changedByHand(() => postgres(url, { schema }), change);
  });
});

describeService("mysql", "MariaDB", (url) => {
  async function place(): Promise<{ at: string; name: string; connection: mysqlDriver.Connection }> {
    const name = newName();
    const connection = await mysqlDriver.createConnection(url);
    await connection.query(`create database ${name} character set utf8mb4`);
    onTestFinished(async () => {
      await connection.query(`drop database if exists ${name}`);
      await connection.end();
    });
    const at = new URL(url);
    at.pathname = `/${name}`;
    return { at: at.href, name, connection };
  }

  it("a new database allows accounts without an address", async () => {
    const { at } = await place();
    await withoutAddress(() => mysql(at));
  });

  it("one that exists is changed by hand", async () => {
    const { at, name, connection } = await place();
    const change = (): Promise<unknown> => connection.query(`alter table ${name}.user modify email varchar(255) null`);
    await changedByHand(() => mysql(at), change);
  });
});
