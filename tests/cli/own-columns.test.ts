import { afterEach, beforeEach, expect, it } from "vitest";
import { type Folder, folder } from "./command.ts";

let place: Folder;
beforeEach(() => {
  place = folder();
  place.write(
    "app.ts",
    `import { column, portcullis } from "portcullis";
import { passwords, registration } from "portcullis/features";
import { sqlite } from "portcullis/sqlite";
const even = { "~standard": { version: 1, vendor: "test", validate: (value) => /[02468]$/.test(value) ? { value: Number(value) } : { issues: [{ message: "An even number, please." }] } } };
export const security = await portcullis({
  secretKeys: ["Vq3!zL9#kT2@xW8$mB5%nR7&pD4*hJ6^"],
  origins: ["http://localhost:3000"],
  datastore: sqlite("app.db"),
  columns: {
    company: column.string(),
    nickname: column.string({ nullable: true, unique: true }),
    seats: column.integer({ default: 1 }),
    trial: column.boolean({ nullable: true }),
    size: column.integer({ nullable: true, unique: true, label: "Shoe size" }),
    born: column.date({ nullable: true }),
    pin: column.string({ nullable: true, secret: true }),
  },
  roles: ["editor", "admin"],
  features: [
    passwords(),
    registration({
      fields: { company: { label: "Company" }, seats: { label: "Seats", type: "number", schema: even, required: false } },
    }),
  ],
});
`,
  );
  place.write(
    "show.ts",
    `import { security } from "./app.ts";
const { company, nickname, seats, trial } = await security.users.find("email", process.argv[2]);
console.log(JSON.stringify({ company, nickname, seats, trial }));
await security.close();`,
  );
});
afterEach(() => place.remove());

const create = (...args: string[]) => place.portcullis("users", "create", ...args, "--no-password");

it("users create sets columns of the application's own, typed by their definition", async () => {
  const made = await create(
    "ann@acme.example",
    "--set",
    "company=Acme = Söhne",
    "--set",
    "seats=4",
    "--set",
    "trial=yes",
  );
  expect(made).toEqual({ code: 0, stdout: "ann@acme.example (id:1): created\n", stderr: "" });
  const shown = await place.node("show.ts", "ann@acme.example");
  expect(JSON.parse(shown.stdout)).toEqual({ company: "Acme = Söhne", nickname: null, seats: 4, trial: true });
  const other = await create("bob@acme.example", "--set", "company=B", "--set", "nickname=");
  expect(other.code).toBe(0);
  expect(JSON.parse((await place.node("show.ts", "bob@acme.example")).stdout)).toMatchObject({
    nickname: null,
    seats: 1,
  });
});

it("what is missing or wrong is named, all at once, and nobody is made", async () => {
  const refused = await create(
    ...["ann@acme.example", "--set", "seats=3", "--set", "trial=maybe", "--set", "pin=1234", "--set", "compny=Acme"],
  );
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  for (const said of [
    /--set seats: An even number, please\./,
    /--set trial: ./,
    /--set pin: is secret/,
    /--set compny: there is no such column; did you mean "company"\? known: company, nickname, seats, trial, size, born/,
    /--set company: ./,
  ]) {
    expect(refused.stderr).toMatch(said);
  }
  expect(refused.stderr).not.toContain("1234");
  for (const set of ["company", "=x"]) {
    expect(await create("ann@acme.example", "--set", set)).toMatchObject({ code: 2, stdout: "" });
  }
  const twice = await create("ann@acme.example", "--set", "company=a", "--set", "company=b");
  expect(twice).toMatchObject({ code: 2, stdout: "" });
  expect((await place.portcullis("users", "list", "--json")).stdout).toContain('"users": []');
});

it("a value that is none of the column's type is said in words, whatever a schema would say", async () => {
  const refused = await create(
    ...["ann@acme.example", "--set", "company=Acme", "--set", "seats=many", "--set", "size=9.5"],
    ...["--set", "born=31.01.2026", "--set", "trial=perhaps"],
  );
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr.trim().split("\n")).toEqual([
    "portcullis: --set seats: A whole number from -2,147,483,648 to 2,147,483,647 is expected.",
    "--set size: A whole number from -2,147,483,648 to 2,147,483,647 is expected.",
    "--set born: A date is expected, such as 2026-01-31.",
    "--set trial: Yes or no is expected.",
  ]);
});

it("a value that another user has is said as the pages say it", async () => {
  const set = ["--set", "company=Acme", "--set", "nickname=nick", "--set", "size=12000", "--set", "born=2000-02-29"];
  expect((await create("ann@acme.example", ...set)).code).toBe(0);
  expect(await create("bob@acme.example", ...set)).toEqual({
    code: 1,
    stdout: "",
    stderr: [
      "portcullis: --set nickname: The Nickname “nick” already belongs to an account.",
      "--set size: The Shoe size “12000” already belongs to an account.\n",
    ].join("\n"),
  });
});

it("a misspelt role is answered with the one that was meant", async () => {
  const message = 'portcullis: there is no role "edtor"; did you mean "editor"? known: admin, editor\n';
  expect((await create("ann@acme.example", "--set", "company=Acme")).code).toBe(0);
  for (const args of [
    ["users", "create", "bob@acme.example", "--no-password", "--set", "company=B", "--role", "edtor"],
    ["users", "list", "--role", "edtor"],
    ["roles", "add", "ann@acme.example", "edtor"],
    ["roles", "remove", "ann@acme.example", "edtor"],
    ["roles", "add-permissions", "edtor", "read"],
  ]) {
    expect([args, await place.portcullis(...args)]).toEqual([args, { code: 1, stdout: "", stderr: message }]);
  }
}, 120_000);

it("users create and import refuse an address that the configured sender takes no mail to", async () => {
  place.write(
    "app.ts",
    `import { outbox, portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { sqlite } from "portcullis/sqlite";
export const security = await portcullis({
  secretKeys: ["Vq3!zL9#kT2@xW8$mB5%nR7&pD4*hJ6^"],
  origins: ["http://localhost:3000"],
  datastore: sqlite("app.db"),
  mail: { sender: { ...outbox(), smtpUtf8: false }, from: "no-reply@acme.example" },
  features: [passwords()],
});
`,
  );
  const reason = "No mail can be sent to this address: before the @";
  const made = await create("jörg@acme.example");
  expect([made.code, made.stdout]).toEqual([1, ""]);
  expect(made.stderr).toContain(reason);
  place.write("users.jsonl", '{"email":"jörg@acme.example"}\n{"email":"ann@acme.example"}\n');
  const imported = await place.portcullis("import", "users.jsonl");
  expect(imported.code).toBe(1);
  expect(imported.stderr).toContain(`line 1: email: ${reason}`);
  expect(imported.stdout).toContain("1 user imported, 0 there already, 1 line refused");
});

it("users create tells at the column what the database's own equality takes for another user's value", async () => {
  await create("ann@acme.example", "--set", "company=Acme", "--set", "nickname=Miller");
  place.write(
    "index.ts",
    `import { DatabaseSync } from "node:sqlite";
const db = new DatabaseSync("app.db");
db.exec("create unique index uq_user_nickname_folded on user (nickname collate nocase)");
db.close();`,
  );
  expect(await place.node("index.ts")).toMatchObject({ code: 0 });
  const refused = await create("bob@acme.example", "--set", "company=Acme", "--set", "nickname=MILLER");
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toContain("--set nickname: The Nickname “MILLER” already belongs to an account.");
});
