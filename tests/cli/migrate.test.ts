import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Folder, folder, starting } from "./command.ts";

const program = (datastore = 'sqlite("app.db")', more = ""): string => `${starting(datastore, more)}
const security = await start();
export const app = security.app();
`;

let place: Folder;
beforeEach(() => {
  place = folder();
});
afterEach(() => place.remove());

/** Runs SQL on the program's file, and closes it again. */
function onDatabase<T>(work: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(join(place.path, "app.db"));
  try {
    return work(database);
  } finally {
    database.close();
  }
}

function columnsOf(table: string): string[] {
  return onDatabase((database) => database.prepare(`select name from pragma_table_info('${table}')`).all()).map(
    ({ name }) => String(name),
  );
}

describe("portcullis migrate", () => {
  it("makes the tables of a fresh SQLite file, and then has nothing to do", async () => {
    place.write("app.ts", program());
    const first = await place.portcullis("migrate");
    expect(first.stdout.split("\n")).toContain('sqlite: create table "user"');
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(columnsOf("user")).toContain("fs_uniquifier");
    expect(await place.portcullis("migrate")).toEqual({ code: 0, stdout: "sqlite: nothing to do\n", stderr: "" });
  });

  it("adds a column that is missing, which alone keeps the program from starting", async () => {
    place.write("app.ts", program());
    await place.portcullis("migrate");
    onDatabase((database) => {
      database.exec(`insert into "user" (email, active, fs_uniquifier) values ('a@me.com', 1, 'u')`);
      database.exec('alter table "user" drop column last_login_at');
    });

    const refused = await place.portcullis("routes");
    expect(refused.stderr).toContain('column "last_login_at" of table "user" is missing');
    expect(refused.code).toBe(2);

    const checked = await place.portcullis("migrate", "--check");
    expect(checked).toEqual({
      code: 1,
      stdout: 'sqlite: column "last_login_at" of table "user" is missing\n',
      stderr: "",
    });
    expect(columnsOf("user")).not.toContain("last_login_at");

    const mended = await place.portcullis("migrate", "app.ts");
    expect(mended).toEqual({ code: 0, stdout: 'sqlite: add column "last_login_at" to table "user"\n', stderr: "" });
    expect(columnsOf("user")).toContain("last_login_at");
    expect(onDatabase((database) => database.prepare('select email from "user"').all())).toMatchObject([
      { email: "a@me.com" },
    ]);
    expect(await place.portcullis("routes")).toMatchObject({ code: 0 });
  });

  it("prints JSON", async () => {
    place.write("app.ts", program());
    const missing = await place.portcullis("migrate", "--check", "--json");
    expect(JSON.parse(missing.stdout)).toEqual([
      { dialect: "sqlite", missing: expect.arrayContaining(['table "user" is missing']), byHand: [] },
    ]);
    expect(missing.code).toBe(1);
    const done = await place.portcullis("migrate", "--json");
    expect(JSON.parse(done.stdout)).toEqual([
      { dialect: "sqlite", done: expect.arrayContaining(['create table "user"']) },
    ]);
    expect(done.code).toBe(0);
  });

  it("says with --check that nothing is missing", async () => {
    place.write("app.ts", program());
    await place.portcullis("migrate");
    expect(await place.portcullis("migrate", "--check")).toEqual({
      code: 0,
      stdout: "sqlite: nothing is missing\n",
      stderr: "",
    });
  });

  it("makes nothing with --check", async () => {
    place.write("app.ts", program());
    expect((await place.portcullis("migrate", "--check")).code).toBe(1);
    expect(onDatabase((database) => database.prepare("select name from sqlite_schema").all())).toEqual([]);
  });

  it("does what it does also for a program that only ever checks", async () => {
    place.write("app.ts", program('sqlite("app.db")', 'migrate: "check",'));
    expect((await place.portcullis("routes")).code).toBe(2);
    expect((await place.portcullis("migrate")).code).toBe(0);
    expect((await place.portcullis("routes")).code).toBe(0);
  });

  it("looks after each database of the program", async () => {
    place.write("app.ts", program().replace("export", "await start();\nexport"));
    const { code, stdout } = await place.portcullis("migrate");
    expect(stdout).toMatch(/^sqlite: create table [\s\S]*\nsqlite: nothing to do\n$/);
    expect(code).toBe(0);
  });

  it.each(["", "--check"])("waits for a start that nobody awaits (%s)", async (option) => {
    place.write(
      "app.ts",
      `${starting('sqlite("app.db")')}\nasync function main() { await 0; await start(); }\nmain();`,
    );
    const { code, stdout, stderr } = await place.portcullis("migrate", ...(option === "" ? [] : [option]));
    expect(stdout).toContain(option === "" ? 'create table "user"' : 'table "user" is missing');
    expect({ code, stderr }).toEqual({ code: option === "" ? 0 : 1, stderr: "" });
  });

  it("tells what it did also when the program fails afterwards", async () => {
    place.write("app.ts", `${program()}throw new Error("no settings");`);
    const { code, stdout, stderr } = await place.portcullis("migrate");
    expect(stdout).toContain('create table "user"');
    expect(stderr).toContain("no settings");
    expect(code).toBe(2);
  });

  it("gives the reason when the database cannot be opened", async () => {
    place.write("app.ts", program('sqlite("no/such/folder/app.db")'));
    const { code, stdout, stderr } = await place.portcullis("migrate");
    expect(stderr).toContain('cannot open the SQLite database "no/such/folder/app.db"');
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("refuses a wrong configuration before it touches the database", async () => {
    place.write("app.ts", program('sqlite("app.db")', 'prefix: "auth/",'));
    const { code, stderr } = await place.portcullis("migrate");
    expect(stderr).toMatch(/^portcullis: prefix: /);
    expect(code).toBe(2);
    expect(existsSync(join(place.path, "app.db"))).toBe(false);
  });

  it("names a column of another type as doctor and the start do, and changes nothing", async () => {
    place.write("app.ts", program());
    await place.portcullis("migrate");
    onDatabase((database) => {
      database.exec('alter table "user" drop column last_login_at');
      database.exec('alter table "user" drop column login_count');
      database.exec('alter table "user" add column login_count varchar(9)');
    });
    const line = 'column "login_count" of table "user" is varchar(9) and should be INTEGER; that is changed by hand';
    const checked = await place.portcullis("migrate", "--check");
    const [first, second] = checked.stdout.split("\n");
    expect(first).toBe(`sqlite: to be mended by hand, before a migration: ${line}`);
    expect(second).toBe('sqlite: column "last_login_at" of table "user" is missing');
    expect(checked.code).toBe(1);
    const { stdout: document } = await place.portcullis("migrate", "--check", "--json");
    expect(JSON.parse(document)).toEqual([
      { dialect: "sqlite", missing: ['column "last_login_at" of table "user" is missing'], byHand: [line] },
    ]);
    const { stdout: examined } = await place.portcullis("doctor");
    expect(examined).toContain(line);
    expect(examined).toContain("mend: first mend by hand what no migration changes:");
    expect((await place.portcullis("routes")).stderr).toContain(line);
    const refused = await place.portcullis("migrate");
    expect(refused.stderr).toContain("the database cannot be migrated, and nothing was changed");
    expect(refused.stderr).toContain(line);
    expect(refused.code).toBe(2);
    expect(columnsOf("user")).not.toContain("last_login_at");
  });

  it("needs a program that starts a system", async () => {
    place.write("app.ts", "export const app = 1;");
    const { code, stderr } = await place.portcullis("migrate");
    expect(stderr).toContain("calls no portcullis()");
    expect(code).toBe(2);
  });
});
