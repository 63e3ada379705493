import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Folder, folder, starting } from "./command.ts";

const program = `${starting('sqlite("app.db")')}
export const security = await start();
export const app = security.app();
if (await security.users.find("email", "ann@acme.example") === undefined) {
  await security.users.create({ email: "ann@acme.example", active: true });
}
`;

let place: Folder;
beforeEach(() => {
  place = folder();
  place.write("app.ts", program);
});
afterEach(() => place.remove());

function onDatabase(work: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(join(place.path, "app.db"));
  try {
    work(database);
  } finally {
    database.close();
  }
}

describe("portcullis audit", () => {
  it("verify says that the chain holds, and prints the head", async () => {
    const first = await place.portcullis("audit", "verify");
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toMatch(/^3 entries \(1 to 3\), the chain holds\nhead 3:[\w-]{43}\n$/);
    const head = /head (\S+)/.exec(first.stdout)?.[1] ?? "";
    expect((await place.portcullis("audit", "verify", "--expect", head)).code).toBe(0);
    onDatabase((database) => database.exec("update portcullis_audit set user_id = 9 where sequence = 3"));
    const second = await place.portcullis("audit", "verify", "--json", "--expect", head);
    expect(second.code).toBe(1);
    expect(JSON.parse(second.stdout)).toMatchObject({ ok: false, faults: [{ sequence: 3, fault: "was changed" }] });
    expect((await place.portcullis("audit", "verify", "--expect", "x")).code).toBe(2);
  }, 60_000);

  it("keeps an anchor outside of the database, which finds the trail emptied", async () => {
    const first = await place.portcullis("audit", "anchor", "--out", "trail.anchor");
    expect(first).toMatchObject({ code: 0, stderr: "" });
    const kept = readFileSync(join(place.path, "trail.anchor"), "utf8");
    expect(kept).toMatch(/^portcullis-audit-1 3 \S+ \S+ \S+\n$/);
    const verify = () => place.portcullis("audit", "verify", "--anchor", "trail.anchor");
    expect((await verify()).code).toBe(0);
    onDatabase((database) => database.exec("delete from portcullis_audit; delete from portcullis_audit_head"));
    expect((await place.portcullis("audit", "verify")).code).toBe(0);
    const second = await verify();
    expect([second.code, second.stdout]).toEqual([
      1,
      expect.stringContaining("the entry that was expected is not there"),
    ]);
    // The anchor that tells of it is not replaced.
    expect((await place.portcullis("audit", "anchor", "--out", "trail.anchor")).code).toBe(1);
    expect(readFileSync(join(place.path, "trail.anchor"), "utf8")).toBe(kept);
    expect((await place.portcullis("audit", "verify", "--anchor", "nowhere")).code).toBe(2);
    place.write("no.anchor", "nothing\n");
    expect((await place.portcullis("audit", "verify", "--anchor", "no.anchor")).code).toBe(2);
  }, 60_000);

  it("acknowledges what a key that was dropped too early has broken", async () => {
    await place.portcullis("audit", "verify");
    onDatabase((database) => database.exec(`update portcullis_audit_head set signature = '${"A".repeat(43)}'`));
    onDatabase((database) => database.exec("delete from user"));
    expect((await place.portcullis("audit", "verify")).code).toBe(1);
    expect((await place.portcullis("audit", "acknowledge")).code).toBe(2);
    const outcome = await place.portcullis("audit", "acknowledge", "--reason", "dropped the key of 2025");
    expect(outcome).toMatchObject({ code: 0 });
    const after = await place.portcullis("audit", "verify");
    expect(after.code).toBe(0);
    expect(after.stdout).toContain("1 break acknowledged");
    // It stands in the trail, with the reason and who said so.
    const told = await place.portcullis("audit", "export", "--name", "auditAcknowledged");
    expect(JSON.parse(told.stdout)).toMatchObject({
      details: { reason: "dropped the key of 2025", by: userInfo().username },
    });
    const again = await place.portcullis("audit", "acknowledge", "--reason", "again");
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("a backup that was restored whole") });
    onDatabase((database) => database.exec("update portcullis_audit set name = 'x' where sequence = 1"));
    const changed = await place.portcullis("audit", "acknowledge", "--reason", "again");
    expect(changed).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("\n  - entry 1: was changed: its row is"),
    });
  }, 60_000);

  it("export prints JSON lines, or CSV in which no cell is a formula", async () => {
    const lines = await place.portcullis("audit", "export");
    expect(lines.code).toBe(0);
    const entries = lines.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(entries.map(({ sequence, name }) => [sequence, name])).toEqual([
      [3, "userCreated"],
      [2, "roleCreated"],
      [1, "roleCreated"],
    ]);
    expect(entries[1]?.details).toEqual({ role: "admin" });
    onDatabase((database) => database.exec("update portcullis_audit set agent = '=1+1' where sequence = 1"));
    const csv = await place.portcullis("audit", "export", "--csv", "--name", "roleCreated");
    expect(csv.stdout.split("\r\n")[0]).toMatch(/^sequence,at,name,/);
    expect(csv.stdout).toContain(",'=1+1,");
    expect(csv.stdout).toContain('"{""role"":""admin""}"');
    expect((await place.portcullis("audit", "export", "--from", "soon")).code).toBe(2);
  }, 60_000);

  it("names what is missing", async () => {
    place.write("app.ts", "export const nothing = 1;\n");
    const outcome = await place.portcullis("audit", "verify");
    expect(outcome.code).toBe(2);
    expect(outcome.stderr).toContain("calls no portcullis()");
  }, 60_000);
});
