/** A fresh database of each kind, gone after the test. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import mysqlDriver from "mysql2/promise";
import pg from "pg";
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import { type SqlProvider, sqlite } from "portcullis/sqlite";
import { describe, onTestFinished } from "vitest";
import { describeService } from "./available.ts";

/** One database. */
export interface Place {
  readonly dialect: "sqlite" | "postgres" | "mysql";
  /** Opens it once more. */
  open(): SqlProvider;
  /** Runs statements on it, over a connection of their own. */
  run(statement: string): Promise<void>;
}

const newName = (): string => `portcullis_test_${randomBytes(6).toString("hex")}`;

/** A file in a folder of its own. */
export function sqlitePlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "app.db");
  return {
    dialect: "sqlite",
    open: () => sqlite(file),
    async run(statement) {
      const database = new DatabaseSync(file);
      database.exec(statement);
      database.close();
    },
  };
}

async function postgresPlace(url: string): Promise<Place> {
  const schema = newName();
  const client = new pg.Client(url);
  await client.connect();
  onTestFinished(async () => {
    await client.query(`drop schema if exists ${schema} cascade`);
    await client.end();
  });
  await client.query(`create schema ${schema}; set search_path to ${schema}`);
  return {
    dialect: "postgres",
    open: () => postgres(url, { schema }),
    async run(statement) {
      await client.query(statement);
    },
  };
}

async function mysqlPlace(url: string): Promise<Place> {
  const name = newName();
  const connection = await mysqlDriver.createConnection(url);
  onTestFinished(async () => {
    await connection.query(`drop database if exists ${name}`);
    await connection.end();
  });
  await connection.query(`create database ${name} character set utf8mb4`);
  await connection.query(`use ${name}`);
  const at = new URL(url);
  at.pathname = name;
  return {
    dialect: "mysql",
    open: () => mysql(at.href),
    async run(statement) {
      await connection.query(statement);
    },
  };
}

/** The suite once for each database; `place` makes a fresh one. */
export function describeDatabases(suite: (place: () => Promise<Place>) => void): void {
  describe("SQLite", () => suite(async () => sqlitePlace()));
  describeService("postgres", "PostgreSQL", (url) => suite(() => postgresPlace(url)));
  describeService("mysql", "MariaDB", (url) => suite(() => mysqlPlace(url)));
}
