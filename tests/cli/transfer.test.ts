import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { hash } from "@node-rs/bcrypt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Folder, folder, starting } from "./command.ts";

let place: Folder;
beforeEach(() => {
  place = folder();
  place.write("app.ts", `${starting('sqlite("app.db")')}export const security = await start();\n`);
});
afterEach(() => place.remove());

function rows(query: string): Record<string, unknown>[] {
  const database = new DatabaseSync(join(place.path, "app.db"));
  try {
    return database.prepare(query).all();
  } finally {
    database.close();
  }
}

const head = "email,password_hash,roles,permissions,username,active,confirmed_at";

describe("portcullis import", () => {
  it("imports what it can, and names line and field of what it can't", async () => {
    const lines = [
      head,
      'ann@acme.example,,"employee,admin",,ann,true,2026-01-01',
      '"bob@acme.example",,,,"bo""b",0,',
      "not an address,,,,,,",
      "carl@acme.example,secret,,,,,",
      'dora@acme.example,,"boss",,,,',
      "too,few",
      "",
      'emil@acme.example,,,,"two\nlines",,',
      "=1+1@acme.example,,,,,,",
    ];
    place.write("users.csv", lines.join("\r\n"));
    const dry = await place.portcullis("import", "users.csv", "--dry-run");
    expect(dry.stdout).toMatch(/^3 users would be imported, 0 there already, 5 lines refused in /);
    expect(rows('select * from "user"')).toEqual([]);
    const first = await place.portcullis("import", "users.csv");
    expect(first.stdout).toMatch(/^3 users imported, 0 there already, 5 lines refused in [\d.]+ s \(\d+ lines\/s\)\n$/);
    expect(first.stderr.split("\n")).toEqual([
      "line 4: email: is no e-mail address",
      "line 5: password_hash: is no hash that can be verified here; leave it out to import without",
      'line 6: roles: there is no role "boss"',
      "line 7: has 2 cells in place of 7",
      "line 9: username: is no username",
      "",
    ]);
    expect(first.code).toBe(1);
    expect(rows('select email, username, active, confirmed_at from "user" order by id')).toMatchObject([
      { email: "ann@acme.example", username: "ann", active: 1, confirmed_at: "2026-01-01 00:00:00.000000" },
      { email: "bob@acme.example", username: 'bo"b', active: 0, confirmed_at: null },
      { email: "=1+1@acme.example" },
    ]);
    const again = await place.portcullis("import", "users.csv", "--json", "--existing", "fail");
    const printed = again.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(printed.at(-1)).toMatchObject({ read: 8, imported: 0, existing: 0, refused: 8, ended: false });
    expect(printed[0]).toEqual({ line: 2, field: "email", problem: "is there already" });
    expect(again).toMatchObject({ code: 1, stderr: "" });
    const trail = await place.portcullis("audit", "export", "--name", "usersImported");
    expect(JSON.parse(trail.stdout)).toMatchObject({
      details: { count: 3 },
      route: "portcullis import",
      agent: expect.stringMatching(/^portcullis command, called by /),
    });
  }, 120_000);

  it("reads JSON lines from standard input; whoever was imported signs in with the password of before", async () => {
    const stored = await hash("correct horse battery", { cost: 4 });
    const line = JSON.stringify({ email: "ann@acme.example", password_hash: `bcrypt$${stored}` });
    const outcome = await place.calls(["import", "-", "--format", "jsonl"], { input: `${line}\n\n{"email":1}\n{]\n` });
    expect(outcome.stderr).toBe("line 3: email: a text is expected\nline 4: is no JSON object\n");
    expect(outcome.stdout).toMatch(/^1 user imported, 0 there already, 2 lines refused/);
    place.write(
      "check.ts",
      `import { security } from "./app.ts";
const ann = await security.users.find("email", "ann@acme.example");
console.log(await security.verifyPassword(ann, "correct horse battery"), await security.verifyPassword(ann, "wrong"));
await security.close();`,
    );
    expect((await place.node("check.ts")).stdout).toBe("true false\n");
  }, 120_000);

  it("refuses a wrong usage before anything is touched", async () => {
    place.write("users.txt", "");
    place.write("twice.csv", "email,email\n");
    for (const [args, message] of [
      [["import"], "missing required argument 'file'"],
      [["import", "no.csv"], "cannot read no.csv"],
      [["import", "users.txt"], "say --format csv or --format jsonl"],
      [["import", "."], ". is a folder"],
      [["import", "users.csv", "--format", "xml"], "is invalid. Allowed choices are csv, jsonl"],
      [["import", "twice.csv"], 'the field "email" is there twice'],
    ] as const) {
      const { code, stdout, stderr } = await place.portcullis(...args);
      expect(stderr).toContain(message);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    }
  }, 120_000);
});

describe("portcullis export", () => {
  it.each(["csv", "jsonl"])(
    "gives %s that imports to the same, hashes only when asked",
    async (format) => {
      const stored = await hash("correct horse battery", { cost: 4 });
      const people = [
        {
          email: "ann@acme.example",
          username: "ann",
          password_hash: stored,
          roles: ["employee"],
          confirmed_at: "2026-01-01",
        },
        { email: "-bob@acme.example", username: 'bo"b, jr.', active: false, permissions: ["read"] },
      ];
      place.write("people.jsonl", people.map((it) => `${JSON.stringify(it)}\n`).join(""));
      expect((await place.portcullis("import", "people.jsonl", "--create-roles")).code).toBe(0);
      const file = `out.${format}`;
      const written = await place.portcullis("export", "--with-hashes", "--output", file);
      expect(written).toMatchObject({ code: 0, stdout: "", stderr: expect.stringMatching(/^2 users exported in /) });
      expect(statSync(join(place.path, file)).mode & 0o777).toBe(0o600);
      const before = readFileSync(join(place.path, file), "utf8");
      expect(before).toContain(stored);
      expect(await place.portcullis("export", "-o", file)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("is there already"),
      });

      place.write("other.ts", `${starting('sqlite("other.db")')}export const security = await start();\n`);
      expect((await place.portcullis("import", file, "-m", "other.ts", "--create-roles")).code).toBe(0);
      const after = await place.portcullis("export", "-m", "other.ts", "--with-hashes", "--format", format);
      expect(after.stdout).toBe(before);
      const plain = await place.portcullis("export", "--format", format);
      expect(plain.stdout).not.toContain("$2");
      expect(plain.stdout).toContain("ann@acme.example");
      expect(plain.stdout).toContain(format === "csv" ? "'-bob@acme.example" : '"-bob@acme.example"');
    },
    120_000,
  );
});
