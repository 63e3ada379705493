/** What is wrong with the application's own columns and the registration's fields for them is refused at the start, by name. */
import { column, portcullis } from "portcullis";
import { administration, passwords, registration, userManagement } from "portcullis/features";
import { memory } from "portcullis/memory";
import { testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { goodPassword, origin, secretKey, weakHashing } from "./authn-system.ts";

/** As a program without types would write it. */
async function start(columns: object, fields: object, more: object = {}) {
  const security = await portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    datastore: memory(),
    columns: columns as Record<string, ReturnType<typeof column.string>>,
    features: [passwords(), registration({ fields: fields as Record<string, { label: string }> })],
    passwords: { hashing: weakHashing },
    log: () => undefined,
    ...more,
  });
  onTestFinished(() => security.close());
  return security;
}

const label = "Field";

describe("the start is refused", () => {
  it.each<[what: string, columns: object, fields: object, path: string, message: RegExp]>([
    [
      "a misspelt member",
      {},
      { x: { label, requird: false } },
      "registration.fields.x.requird",
      /did you mean "required"/,
    ],
    [
      "a misspelt type",
      {},
      { x: { label, type: "nubmer" } },
      "registration.fields.x.type",
      /did you mean "number"\? known:/,
    ],
    [
      "an unknown type",
      {},
      { x: { label, type: "colour" } },
      "registration.fields.x.type",
      /there is no type "colour"/,
    ],
    ["no options", {}, { x: "Company" }, "registration.fields.x", /an object is expected/],
    ["a length that is none", {}, { x: { label, maxLength: "9" } }, "registration.fields.x.maxLength", /whole number/],
    ["a schema that is none", {}, { x: { label, schema: {} } }, "registration.fields.x.schema", /Standard Schema/],
    [
      "a box for a number",
      { seats: column.integer({ nullable: true }) },
      { seats: { label, type: "checkbox" } },
      "registration.fields.seats.type",
      /the column seats \(column\.integer\); leave the type out, take "text" or "number"/,
    ],
    [
      "a number for a day",
      { born: column.date({ nullable: true }) },
      { born: { label, type: "number" } },
      "registration.fields.born.type",
      /the column born \(column\.date\)/,
    ],
    [
      "a type that has no field",
      { blob: { definition: { type: "json", nullable: true } } },
      { blob: { label } },
      "registration.fields.blob",
      /the column blob \(json\) can't be typed/,
    ],
    [
      "more characters than the column holds",
      { company: column.string({ length: 20 }) },
      { company: { label, maxLength: 30 } },
      "registration.fields.company.maxLength",
      /the column company \(column\.string\) holds 20 characters/,
    ],
    [
      "a number that may be left out and is needed",
      { seats: column.integer() },
      { seats: { label, required: false } },
      "registration.fields.seats.required",
      /the column seats \(column\.integer\) needs a value/,
    ],
    [
      "no field for a column that is needed",
      { company: column.string() },
      {},
      "registration.fields",
      /the column company/,
    ],
    [
      "no field for a secret that is needed",
      { pin: column.string({ secret: true }) },
      {},
      "registration.fields",
      /pin/,
    ],
    [
      "a misspelt option",
      { x: column.string({ nulable: true } as object) },
      {},
      "columns.x.nulable",
      /did you mean "nullable"/,
    ],
    [
      "another column's option",
      { x: column.integer({ length: 3 } as object) },
      {},
      "columns.x.length",
      /unknown option/,
    ],
    [
      "a member of ours",
      { x: column.string({ ignoreCase: true } as object) },
      {},
      "columns.x.ignoreCase",
      /unknown option/,
    ],
    [
      "an option of another type",
      { x: column.string({ unique: "yes" as never }) },
      {},
      "columns.x.unique",
      /true or false/,
    ],
    ["a length of none", { x: column.string({ length: 0 }) }, {}, "columns.x.length", /1 or more/],
    [
      "a default of another type",
      { x: column.integer({ default: "1" as never }) },
      {},
      "columns.x.default",
      /whole number/,
    ],
    ["a default that is no day", { x: column.date({ default: "2026-02-31" }) }, {}, "columns.x.default", /a date/],
    ["a type that there is not", { x: { definition: { type: "strng" } } }, {}, "columns.x", /did you mean "string"/],
  ])("for %s", async (_what, columns, fields, path, message) => {
    await expect(start(columns, fields)).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringMatching(new RegExp(`^${path.replaceAll(".", "\\.")}: .*${message.source}`)),
    });
  });

  it("for a misspelt column, wherever an option names one", async () => {
    const columns = { company: column.string({ nullable: true, unique: true }) };
    for (const [more, message] of [
      [{ identities: ["email", "compny"] }, /^identities\[1\]: .*did you mean "company"/],
      [{ features: [passwords(), userManagement({ profile: { compny: true } })] }, /compny: .*did you mean "company"/],
    ] as const) {
      await expect(start(columns, {}, { permissions: ["admin"], ...more })).rejects.toThrow(message);
    }
  });
});

it("a schema's value is stored as the column's type, and what it could not be is the field's fault or the application's", async () => {
  const security = await start(
    {
      seats: column.integer({ nullable: true }),
      born: column.date({ nullable: true }),
      nick: column.string({ length: 4 }),
    },
    {
      seats: { label, required: false, schema: z.string().regex(/^\d+$/) },
      born: { label, required: false, schema: z.coerce.date() },
      nick: { label, required: false, schema: z.string().transform((text) => (text === "" ? ["none"] : text)) },
    },
  );
  const app = security.app();
  const fresh = { password: goodPassword, password_confirm: goodPassword };
  const register = (json: object) => testClient(app, origin).post("/register", { json: { ...fresh, ...json } });
  const values = { seats: "12", born: "2026-01-31", nick: "ann" };
  expect((await register({ email: "ann@acme.example", ...values })).status).toBe(200);
  expect(await security.users.find("email", "ann@acme.example")).toMatchObject({ ...values, seats: 12 });
  for (const wrong of [{ seats: "99999999999" }, { born: "2026-01-31T12:00:00Z" }, { nick: "longer" }]) {
    const { status, json } = await register({ email: "bob@acme.example", ...values, ...wrong });
    expect([wrong, status, Object.keys(json.response.field_errors)]).toEqual([wrong, 400, Object.keys(wrong)]);
  }
  expect((await register({ email: "bob@acme.example", ...values, nick: "" })).status).toBe(500);
});

it("a moment whose default is now, and a column that no form can hold, are no hindrance for the administration", async () => {
  const security = await start(
    {
      since: column.datetime({ default: "now" }),
      blob: { definition: { type: "json", nullable: true } },
    },
    {},
    { permissions: ["admin"], features: [passwords(), administration()] },
  );
  await security.users.create({ email: "ada@acme.example", password: goodPassword, permissions: ["admin"] });
  const ada = testClient(security.app(), origin);
  await ada.signIn("ada@acme.example", goodPassword);
  const page = await ada.get("/admin/users/new", { headers: { accept: "text/html" } });
  expect([page.text.includes('name="since"'), page.text.includes('name="blob"')]).toEqual([true, false]);
  const made = await ada.post("/admin/users/new", { form: { email: "ann@acme.example", since: "" } });
  expect(made.status).toBe(302);
  const ann = (await security.users.find("email", "ann@acme.example")) as unknown as { id: number; since: Date };
  expect(ann.since).toBeInstanceOf(Date);
  await ada.post(`/admin/users/${ann.id}/edit`, { form: { email: "ann@acme.example", since: "" } });
  expect(await security.users.get(ann.id)).toMatchObject({ since: ann.since });
});

it("a box with a schema of its own is rendered as one, and says in its own words why it must be ticked", async () => {
  const why = "Nobody borrows without accepting the rules.";
  const security = await start(
    { rules: column.boolean({ default: false }) },
    { rules: { label: "I accept the rules", schema: z.literal(true, { error: why }) } },
  );
  const client = testClient(security.app(), origin);
  const page = await client.get("/register");
  expect(page.text).toMatch(/<input[^>]*type="checkbox"[^>]*name="rules"|<input[^>]*name="rules"[^>]*type="checkbox"/);
  const account = { email: "ann@acme.example", password: goodPassword, password_confirm: goodPassword };
  const unticked = await client.post("/register", { form: { ...account, csrf_token: client.csrfToken ?? "" } });
  expect(unticked.text).toContain(why);
  await client.post("/register", { form: { ...account, rules: "y", csrf_token: client.csrfToken ?? "" } });
  expect((await security.users.find("email", account.email)) as unknown).toMatchObject({ rules: true });
});
