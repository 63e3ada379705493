import { randomBytes } from "node:crypto";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { testClient } from "portcullis/testing";
import { expect, it } from "vitest";
import { startLab } from "../lab/process.ts";
import { describeService } from "./available.ts";

const json = { headers: { accept: "application/json" } };

/** A lab on an empty database of its own: seeded once, as it was after a restart, and sign-ins live on. */
async function survivesRestart(database: string): Promise<void> {
  const first = await startLab(["--database", database]);
  const client = testClient(first.origin);
  await client.signIn("matt@lp.com", "password");
  await first.control("DELETE", "/users/jill@lp.com");
  expect((await first.stop()).status).toBe(0);
  const second = await startLab(["--database", database]);
  const again = testClient(second.origin);
  for (const [name, value] of client.cookies) again.cookies.set(name, value);
  const me = await again.get("/me", json);
  const jill = await fetch(`${second.origin}/_lab/users/jill@lp.com`);
  expect((await second.stop()).status).toBe(0);
  expect([me.json.email, jill.status]).toEqual(["matt@lp.com", 404]);
}

const name = (): string => `lab_${randomBytes(6).toString("hex")}`;

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

describeService("postgres", "the lab on PostgreSQL", (url) => {
  it("keeps what it has over a restart", async () => {
    const database = name();
    const client = new pg.Client(url);
    await client.connect();
    try {
      await client.query(`create database ${database}`);
      await survivesRestart(withDatabase(url, database));
    } finally {
      await client.query(`drop database if exists ${database} with (force)`);
      await client.end();
    }
  });
});

describeService("mysql", "the lab on MariaDB or MySQL", (url) => {
  it("keeps what it has over a restart", async () => {
    const database = name();
    const connection = await createConnection(url);
    try {
      await connection.query(`create database ${database}`);
      await survivesRestart(withDatabase(url, database));
    } finally {
      await connection.query(`drop database if exists ${database}`);
      await connection.end();
    }
  });
});
