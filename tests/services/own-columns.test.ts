/** An application's own columns of every type: typed into forms, sent as JSON, shown, and saved again unchanged. */

import { sql } from "kysely";
import { column, portcullis } from "portcullis";
import { administration, passwords, registration, userManagement } from "portcullis/features";
import type { SqlProvider } from "portcullis/sqlite";
import { testClient } from "portcullis/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { goodPassword, origin, secretKey, weakHashing } from "../http/authn-system.ts";
import { describeDatabases } from "./each-database.ts";

const start = (datastore: SqlProvider) =>
  portcullis({
    secretKeys: [secretKey],
    origins: [origin],
    datastore,
    permissions: ["admin"],
    columns: {
      company: column.string({ length: 20 }),
      motto: column.text({ nullable: true }),
      seats: column.integer({ nullable: true, unique: true, label: { en: "Number of seats", de: "Plätze" } }),
      trial: column.boolean({ nullable: true }),
      startsAt: column.datetime({ nullable: true }),
      joinedAt: column.datetime({ default: "now" }),
      born: column.date({ nullable: true }),
    },
    features: [
      passwords(),
      registration({
        fields: {
          company: { label: "Company" },
          seats: { label: { en: "Seats", de: "Sitze" }, type: "text", required: false },
          trial: { label: "Trial", type: "text", required: false },
          startsAt: { label: "Starts", required: false },
          born: { label: "Born", required: false },
        },
      }),
      administration(),
      userManagement({ profile: { motto: true, seats: true, trial: true, startsAt: true, born: true } }),
    ],
    passwords: { hashing: weakHashing },
    log: () => undefined,
  });

describeDatabases("own columns", (database) => {
  let provider: SqlProvider;
  let security: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    provider = database.provider();
    security = await start(provider);
    await security.users.create({
      email: "ada@acme.example",
      company: "Acme",
      password: goodPassword,
      permissions: ["admin"],
      confirmedAt: new Date(0),
    });
  });
  afterAll(() => security?.close());
  const own = async (email: string) => {
    const user = await security.users.find("email", email);
    if (user === undefined) return undefined;
    const { company, motto, seats, trial, startsAt, born } = user;
    return { company, motto, seats, trial, startsAt: startsAt?.toISOString() ?? null, born };
  };
  const fresh = { password: goodPassword, password_confirm: goodPassword, company: "Acme" };
  const client = () => testClient(security.app(), origin);
  const inGerman = { "accept-language": "de" };
  const administrator = async () => {
    const ada = client();
    await ada.signIn("ada@acme.example", goodPassword);
    await ada.get("/admin/users", { headers: { accept: "text/html" } });
    return ada;
  };

  it("are read from the registration's form by their type, and said at the field where they can't be", async () => {
    const visitor = client();
    const page = await visitor.get("/register", { headers: { accept: "text/html" } });
    const input = (name: string) => new RegExp(`<input[^>]*name="${name}"[^>]*>`).exec(page.text)?.[0];
    expect(input("born")).toContain('type="date"');
    expect(input("startsAt")).toContain('type="datetime-local"');
    expect(input("startsAt")).toContain('step="1"');
    expect(page.text).toContain("Date and time in UTC");
    const typed = { seats: " 12000 ", trial: "yes", startsAt: "2026-01-31T12:34:56", born: "1899-12-31" };
    const made = await visitor.post("/register", { form: { ...fresh, email: "ann@acme.example", ...typed } });
    expect([made.status, made.location]).toEqual([302, "/login"]);
    const ann = { company: "Acme", motto: null, seats: 12000, trial: true, startsAt: "2026-01-31T12:34:56.000Z" };
    expect(await own("ann@acme.example")).toEqual({ ...ann, born: "1899-12-31" });
    const none = await client().post("/register", { json: { ...fresh, email: "bob@acme.example", seats: "" } });
    expect([none.status, await own("bob@acme.example")]).toEqual([
      200,
      { company: "Acme", motto: null, seats: null, trial: null, startsAt: null, born: null },
    ]);
    for (const [name, text, said] of [
      ["seats", "many", "A whole number from -2,147,483,648 to 2,147,483,647 is expected."],
      ["seats", "2147483648", "A whole number from"],
      ["seats", "1.5", "A whole number from"],
      ["trial", "perhaps", "Yes or no is expected."],
      ["startsAt", "2026-02-31T12:00", "A date with its time is expected"],
      ["born", "2026-02-31", "A date is expected"],
      ["born", "31.01.2026", "A date is expected"],
      ["company", "x".repeat(21), "The input is too short or too long."],
    ] as const) {
      const email = "none@acme.example";
      const shown = await visitor.post("/register", { form: { ...fresh, email, [name]: text } });
      expect([name, text, shown.status, shown.text.includes(said)]).toEqual([name, text, 200, true]);
      const { status, json } = await client().post("/register", { json: { ...fresh, email, [name]: text } });
      expect([text, status, Object.keys(json.response.field_errors)]).toEqual([text, 400, [name]]);
    }
    expect(await own("none@acme.example")).toBeUndefined();
  });

  it("are values of their type in JSON", async () => {
    const post = (more: object) => client().post("/register", { json: { ...fresh, ...more } });
    const values = { seats: 7, trial: false, startsAt: "2026-01-31T12:34:56+02:00", born: "2024-02-29" };
    expect((await post({ email: "cle@acme.example", ...values })).status).toBe(200);
    expect(await own("cle@acme.example")).toMatchObject({
      ...{ seats: 7, trial: false, startsAt: "2026-01-31T10:34:56.000Z", born: "2024-02-29" },
    });
    for (const wrong of [{ seats: "7" }, { seats: true }, { startsAt: "2026-01-31T12:34:56" }, { born: 20240229 }]) {
      const { status, json } = await post({ email: "none@acme.example", ...wrong });
      expect([wrong, status, Object.keys(json.response.field_errors)]).toEqual([wrong, 400, Object.keys(wrong)]);
    }
  });

  it("that are taken are named by the field's label, with the value as it was typed", async () => {
    const email = "none@acme.example";
    const { json } = await client().post("/register", { json: { ...fresh, email, seats: 12000 } });
    expect(json.response.field_errors.seats).toEqual(["The Seats “12000” already belongs to an account."]);
    const german = await client().post("/register", {
      headers: inGerman,
      json: { ...fresh, email, seats: 12000 },
    });
    expect(german.json.response.field_errors.seats).toEqual(["„12000“ (Sitze) gehört bereits zu einem Konto."]);
    const ada = await administrator();
    const bob = await security.users.find("email", "bob@acme.example");
    const edited = await ada.post(`/admin/users/${bob?.id}/edit`, {
      form: { email: "bob@acme.example", company: "Acme", seats: "12000" },
    });
    expect(edited.text).toContain("The Number of seats “12000” already belongs to an account.");
    const profile = await ada.request("PATCH", `/api/user/users/${bob?.id}`, { json: { profile: { seats: 12000 } } });
    expect([profile.status, profile.json.response.field_errors]).toEqual([
      400,
      { seats: ["The Number of seats “12000” already belongs to an account."] },
    ]);
  });

  it("are shown in the page's language, and a form that is saved unchanged changes nothing", async () => {
    const { id } = (await security.users.find("email", "ann@acme.example")) as { id: number };
    const at = new Date("2026-01-31T12:34:56.789Z");
    await security.users.update(id, { startsAt: at, trial: false, motto: "one\n two ", company: "A\tB" });
    const before = await security.users.get(id);
    const ada = await administrator();
    const german = await ada.get(`/admin/users/${id}`, { headers: { ...inGerman, accept: "text/html" } });
    expect(german.text).toMatch(/<time datetime="2026-01-31T12:34:56\.\d{3}Z">31\.01\.2026, 12:34 UTC<\/time>/);
    expect(german.text).toContain('<time datetime="1899-12-31">31.12.1899</time>');
    expect(german.text).toMatch(/Trial<\/dt><dd>(?:<bdi>)?Nein/);
    const path = `/admin/users/${id}/edit`;
    const page = await ada.get(path, { headers: { accept: "text/html" } });
    const form = formOf(page.text);
    expect(form).toMatchObject({ startsAt: "2026-01-31T12:34:56", born: "1899-12-31", trial: "false", seats: "12000" });
    const saved = await ada.post(path, { form });
    expect([saved.status, saved.location]).toEqual([302, `/admin/users/${id}`]);
    expect(await security.users.get(id)).toEqual(before);
    const { json } = await ada.get(path, { headers: { accept: "application/json" } });
    expect((await ada.post(path, { json: json.response.values })).status).toBe(200);
    expect(await security.users.get(id)).toEqual(before);
    await ada.post(path, { form: { ...form, startsAt: "2027-02-03T04:05", born: "2000-02-29", trial: "" } });
    expect(await own("ann@acme.example")).toMatchObject({
      ...{ startsAt: "2027-02-03T04:05:00.000Z", born: "2000-02-29", trial: null, motto: "one\n two " },
    });
  });

  it("that are dates are a DATE of the database, and text on SQLite", async () => {
    expect((await security.users.find("email", "ann@acme.example"))?.born).toBe("2000-02-29");
    const user = sql.id("user");
    const { rows } = await sql<{ born: unknown }>`select born from ${user} where born = ${"2000-02-29"}`.execute(
      provider.kysely(),
    );
    expect(rows).toEqual([{ born: "2000-02-29" }]);
    const isSqlite = !database.place().connection.includes("://");
    const type = isSqlite
      ? sql<{ type: string }>`select typeof(born) as type from ${user} where born is not null`
      : sql<{ type: string }>`select data_type as type from information_schema.columns where column_name = 'born'`;
    const [stored] = (await type.execute(provider.kysely())).rows;
    expect(stored?.type).toBe(isSqlite ? "text" : "date");
  });
});

/** What a browser would send of a form that nobody has touched. */
function formOf(page: string): Record<string, string> {
  const form: Record<string, string> = {};
  const decoded = (text: string): string =>
    text.replaceAll("&#10;", "\n").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");
  for (const [tag] of page.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(tag)?.[1];
    const isBox = tag.includes('type="checkbox"');
    if (name !== undefined && (!isBox || / checked/.test(tag))) {
      form[name] = decoded(/value="([^"]*)"/.exec(tag)?.[1] ?? (isBox ? "on" : ""));
    }
  }
  for (const [, name = "", options = ""] of page.matchAll(/<select[^>]*name="([^"]*)"[^>]*>(.*?)<\/select>/gs)) {
    form[name] = /value="([^"]*)" selected/.exec(options)?.[1] ?? "";
  }
  for (const [, name = "", text = ""] of page.matchAll(/<textarea[^>]*name="([^"]*)"[^>]*>\n?(.*?)<\/textarea>/gs)) {
    form[name] = decoded(text).replaceAll("\n", "\r\n");
  }
  return form;
}
