/**
 * What only the database knows of a new row (the equality of a unique index, a constraint of the application's own) is told to
 * whoever registers alike, whether their address has an account or not.
 */
import { sql } from "kysely";
import { column, outbox, portcullis, UniqueConflictError } from "portcullis";
import { administration, passwords, registration, userManagement, usernames } from "portcullis/features";
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
    identities: ["email", "username"],
    columns: {
      nick: column.string({ nullable: true, unique: true, label: "Nickname" }),
      seats: column.integer({ nullable: true }),
    },
    features: [
      passwords(),
      usernames(),
      registration({
        fields: { nick: { label: "Nick", required: false }, seats: { label: "Seats", required: false } },
      }),
      administration(),
      userManagement({ profile: { nick: true } }),
    ],
    passwords: { hashing: weakHashing },
    mail: { sender: outbox() },
    limits: { mail: { perTarget: "1000/1h" }, allowUnlimited: ["endpoints", "mail.perAddress", "signIn.perAddress"] },
    log: () => undefined,
  } as never);

/** What an application adds to its table; MariaDB's unique indexes see neither case nor accents by themselves. */
const added = {
  sqlite: [
    "create unique index uq_user_nick_folded on {user} (nick collate nocase)",
    "create trigger seats_positive before insert on {user} when new.seats <= 0 begin select raise(abort, 'seats'); end",
  ],
  postgres: [
    "create unique index uq_user_nick_folded on {user} (lower(nick))",
    "alter table {user} add constraint seats_positive check (seats > 0)",
  ],
  mysql: ["alter table {user} add constraint seats_positive check (seats > 0)"],
};

describeDatabases("constraints that only the database knows", (database) => {
  let security: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    const provider = database.provider();
    security = await start(provider);
    for (const statement of added[database.place().dialect as keyof typeof added]) {
      const table = database.place().dialect === "mysql" ? "`user`" : '"user"';
      await sql.raw(statement.replace("{user}", table)).execute(provider.kysely());
    }
    const known = { password: goodPassword, confirmedAt: new Date(0) };
    for (const more of [
      { email: "ada@acme.example", permissions: ["admin"], nick: "Miller" },
      { email: "bob@acme.example", username: "Jörg", nick: "Müller" },
      { email: "cle@acme.example", username: "Clement", nick: "Clem" },
    ]) {
      await security.users.create({ ...known, ...more } as never);
    }
  });
  afterAll(() => security?.close());

  const client = () => testClient(security.app(), origin);
  const answer = async (email: string, more: object) => {
    const json = { email, password: goodPassword, password_confirm: goodPassword, ...more };
    const { status, text } = await client().post("/register", { json });
    const body = JSON.parse(text);
    delete body.response.csrf_token;
    return { status, body };
  };
  const both = async (more: object) => {
    const known = await answer("bob@acme.example", more);
    expect([more, await answer("new@acme.example", more)]).toEqual([more, known]);
    return known;
  };
  const made = () => security.users.find("email", "new@acme.example");

  it("a value that the index takes for another account's is refused at its field", async () => {
    const mysql = database.place().dialect === "mysql";
    const alike = mysql ? ["Miller", "miller", "MÜLLER", "muller"] : ["Miller", "miller", "MILLER"];
    for (const nick of alike) {
      const { status, body } = await both({ nick });
      expect([status, body.response.field_errors]).toEqual([
        400,
        { nick: [`The Nick “${nick}” already belongs to an account.`] },
      ]);
    }
    expect(await made()).toBeUndefined();
  });

  it("what a constraint of the application's own refuses is refused for every address", async () => {
    expect((await both({ seats: -1 })).status).toBe(503);
    expect((await both({ seats: -1, username: "somebody" })).status).toBe(503);
    expect((await both({ seats: -1, username: "clement" })).status).toBe(503);
    expect(await made()).toBeUndefined();
  });

  it("a username that the index takes for another account's is taken for every address", async () => {
    const mysql = database.place().dialect === "mysql";
    const { status, body } = await both({ username: mysql ? "jorg" : "clement" });
    expect([status, Object.keys(body.response.field_errors)]).toEqual([400, ["username"]]);
    expect(await made()).toBeUndefined();
  });

  it("what is tried leaves nothing behind, and an address that is new gets its account", async () => {
    const before = await database.place().rows("select count(*) as n from {user}");
    expect((await answer("bob@acme.example", { nick: "free", seats: 3, username: "fresh" })).status).toBe(200);
    expect(await database.place().rows("select count(*) as n from {user}")).toEqual(before);
    expect((await answer("dan@acme.example", { nick: "free", seats: 3, username: "fresh" })).status).toBe(200);
    expect(await security.users.find("email", "dan@acme.example")).toMatchObject({ nick: "free", seats: 3 });
  });

  it("administrators are told at the field, too", async () => {
    const ada = client();
    await ada.signIn("ada@acme.example", goodPassword);
    await ada.get("/admin/users", { headers: { accept: "text/html" } });
    const cle = await security.users.find("email", "cle@acme.example");
    const said = "The Nickname “MILLER” already belongs to an account.";
    const form = { email: "cle@acme.example", nick: "MILLER" };
    expect((await ada.post(`/admin/users/${cle?.id}/edit`, { form })).text).toContain(said);
    expect((await ada.post("/admin/users/new", { form: { ...form, email: "eve@acme.example" } })).text).toContain(said);
    const json = { profile: { nick: "MILLER" } };
    const edited = await ada.request("PATCH", `/api/user/users/${cle?.id}`, { json });
    expect([edited.status, edited.json.response.field_errors]).toEqual([400, { nick: [said] }]);
  });

  it("a conflict is put in words for the command line, also where no value is exactly the same", async () => {
    const values = { nick: "MILLER" };
    const input = { email: "eve@acme.example", password: null, ...values };
    const conflict = await security.users.create(input as never).catch((error: unknown) => error);
    expect(conflict).toBeInstanceOf(UniqueConflictError);
    expect(await security.takenOwnValues(values, conflict)).toEqual([
      "nick: The Nickname “MILLER” already belongs to an account.",
    ]);
    expect(await security.takenOwnValues(values, new Error("another"))).toEqual([]);
  });
});
