import { randomBytes } from "node:crypto";
import mysqlDriver from "mysql2/promise";
import pg from "pg";
import { afterAll } from "vitest";
import { describeService } from "./available.ts";
import { twoProcesses } from "./two-processes.ts";

const newName = (): string => `portcullis_test_${randomBytes(6).toString("hex")}`;

describeService("postgres", "PostgreSQL", (url) => {
  const schema = newName();
  afterAll(async () => {
    const client = new pg.Client(url);
    await client.connect();
    await client.query(`drop schema if exists ${schema} cascade`);
    await client.end();
  });
  twoProcesses("PostgreSQL", true, async () => ["postgres", url, schema]);
});

describeService("mysql", "MariaDB", (url) => {
  const database = newName();
  const execute = async (statement: string): Promise<void> => {
    const connection = await mysqlDriver.createConnection(url);
    await connection.query(statement);
    await connection.end();
  };
  afterAll(() => execute(`drop database if exists ${database}`));
  twoProcesses("MariaDB", false, async () => {
    await execute(`create database ${database}`);
    const place = new URL(url);
    place.pathname = `/${database}`;
    return ["mysql", place.href];
  });
});
