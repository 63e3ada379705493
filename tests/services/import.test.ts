/** Many users are imported by the command itself, which is killed in the middle and called again. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CommandCall, commandCall, type Folder, folder } from "../cli/command.ts";
import { type Database, mysqlDatabase, postgresDatabase, sqliteFile } from "./account-servers.ts";
import { describeService } from "./available.ts";
import { perRun } from "./rounds.ts";

const users = perRun(20_000, 100_000);
/** Lines that can't be imported, by their number. */
const bad: Readonly<Record<number, string>> = {
  777: '{"email":"nobody"}',
  [users / 2 + 1]: "{]",
  [users - 1]: '{"email":"x@acme.example","password_hash":"x"}',
};
/** A file many times larger than what the command may keep in memory. */
const heap = 80;
const padding = " ".repeat(200_000_000 / users);

let place: Folder;
let file = "";
beforeAll(async () => {
  place = folder();
  place.write(
    "app.ts",
    `
import { portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import { sqlite } from "portcullis/sqlite";
const { dialect, connection } = JSON.parse(process.env.PLACE);
const open = { mysql, postgres, sqlite }[dialect];
export const security = await portcullis({
  secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
  origins: ["http://localhost:3000"],
  datastore: open(connection),
  features: [passwords()],
  roles: ["member"],
});`,
  );
  file = join(place.path, "users.jsonl");
  const stream = createWriteStream(file);
  const hash = "$2b$10$WvvTPHKwdBJ3uk0Z37EMR.hLA2W6N9AEBhEgrAOljy2Ae5MtaSIUi";
  for (let line = 1, user = 0; user < users; line += 1) {
    const record = {
      email: `user${user}@acme.example`,
      username: `user${user}`,
      password_hash: hash,
      roles: ["member"],
    };
    const text = bad[line] ?? JSON.stringify(record);
    if (bad[line] === undefined) user += 1;
    if (!stream.write(`${text}${padding}\n`)) await once(stream, "drain");
  }
  stream.end();
  await once(stream, "finish");
  expect(statSync(file).size).toBeGreaterThan(2 * heap * 2 ** 20);
});
afterAll(() => place.remove());

function survives(create: () => Promise<Database>): void {
  it(`imports ${users} users, killed in the middle and called again, each once and whole`, async () => {
    const database = await create();
    const count = async (query: string): Promise<number> => Number((await database.rows(query))[0]?.["count"]);
    const stored = (): Promise<number> => count("select count(*) as count from {user}").catch(() => 0);
    const call: CommandCall = commandCall("import", file, "--json");
    const env = {
      ...process.env,
      PLACE: JSON.stringify({ dialect: database.dialect, connection: database.connection }),
      NODE_OPTIONS: `--max-old-space-size=${heap}`,
    };
    try {
      const child = spawn(call.command, call.args, { cwd: place.path, env, stdio: "ignore" });
      const gone = once(child, "exit");
      while (child.exitCode === null && (await stored()) < users / 4) await pause(20);
      child.kill("SIGKILL");
      expect((await gone)[1]).toBe("SIGKILL");
      const before = await stored();
      expect(before).toBeGreaterThanOrEqual(users / 4);
      expect(before).toBeLessThan(users);
      expect(await count("select count(*) as count from roles_users")).toBe(before);

      const again = await place.calls(["import", file, "--json"], { env });
      const printed = again.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(printed.slice(0, -1).map(({ line, field }) => [line, field])).toEqual([
        [777, "email"],
        [users / 2 + 1, null],
        [users - 1, "password_hash"],
      ]);
      const result = printed.at(-1) ?? {};
      expect(result).toMatchObject({ imported: users - before, existing: before, refused: 3, ended: false });
      expect(result["perSecond"]).toBeGreaterThan(0);
      console.log(`${database.dialect}: ${before} before the kill; then ${result["perSecond"]} lines/s`);
      expect(again.code).toBe(1);
      expect(await stored()).toBe(users);
      expect(await count("select count(distinct lower(email)) as count from {user}")).toBe(users);
      expect(await count("select count(distinct user_id) as count from roles_users")).toBe(users);
      expect(await count("select count(*) as count from roles_users")).toBe(users);
      expect((await place.calls(["audit", "verify"], { env })).code).toBe(0);
    } finally {
      await database.remove();
    }
  }, 1_200_000);
}

describe("importing into an SQLite file", () => survives(sqliteFile));
describeService("postgres", "importing into PostgreSQL", (url) => survives(() => postgresDatabase(url)));
describeService("mysql", "importing into MariaDB", (url) => survives(() => mysqlDatabase(url)));
