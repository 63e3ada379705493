/**
 * A column that is marked as secret is in nothing that leaves the server: a feature of one's own and the application add a
 * secret and a plain one each, and every endpoint, page, event, entry of the trail and log line is looked through.
 */
import { inspect } from "node:util";
import { apiKey, column, outbox, UniqueConflictError } from "portcullis";
import {
  accountDeletion,
  administration,
  apiKeys,
  changeEmail,
  changePassword,
  confirmation,
  type Feature,
  notices,
  passwordless,
  passwords,
  recovery,
  refresh,
  registration,
  sessions,
  tracking,
  unlock,
  userManagement,
  usernames,
} from "portcullis/features";
import { memory } from "portcullis/memory";
import { sqlite } from "portcullis/sqlite";
import type { TestClient } from "portcullis/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { goodPassword, type Overrides, type System, start, userId } from "./authn-system.ts";

const secrets = { ours: "SECRETOFTHEFEATURE", theirs: "SECRETOFTHEAPPLICATION" };
const plain = { ours: "PLAINOFTHEFEATURE", theirs: "PLAINOFTHEAPPLICATION" };
const text = { type: "string", length: 64, nullable: true } as const;

/** A second factor as anybody may write one: the user's key is a column of the user. */
const factor: Feature = {
  name: "factor",
  userColumns: {
    factorKey: { name: "factor_key", ...text, unique: true, secret: true },
    factorName: { name: "factor_name", ...text },
  },
  // What it changes at a sign-in comes back to the account that signs in.
  async signedIn(tx, account) {
    const row = await tx.findOne("user", { id: account.id });
    return { factorKey: row?.["factorKey"], factorName: row?.["factorName"] };
  },
};

const columns = {
  vaultCode: column.string({ nullable: true, unique: true, secret: true }),
  company: column.string({ nullable: true }),
};
const settings: Overrides = {
  datastore: sqlite(":memory:"),
  columns,
  mail: { sender: outbox() },
  schemes: [apiKey()] as never,
  permissions: ["read", "write", "admin"] as never,
  openapi: { authz: "OPEN" },
  features: [
    ...[passwords(), registration(), confirmation(), recovery(), unlock(), usernames()],
    ...[changePassword(), changeEmail(), passwordless(), notices(), tracking(), sessions(), refresh(), apiKeys()],
    ...[accountDeletion(), administration(), userManagement({ profile: { company: true }, ownProfile: true })],
    factor,
  ],
};

let system: System;
/** What was looked through, by where it stands. */
const seen = new Map<string, string>();
let ofAnn: Readonly<Record<string, unknown>> = {};

async function signedIn(name: string): Promise<TestClient> {
  const client = system.client();
  const answer = await client.signIn(`${name}@acme.example`, goodPassword);
  client.csrfToken = answer.json.response.csrf_token;
  return client;
}

beforeAll(async () => {
  system = await start(settings);
  const { app, security, store } = system;
  await security.roles.addPermissions("admin", "admin" as never);
  for (const [name, more] of [
    ["ann", ""],
    ["ada", "2"],
  ] as const) {
    const id = await userId(system, `${name}@acme.example`);
    await store.update(
      "user",
      { id },
      { factorKey: `${secrets.ours}${more}`, factorName: plain.ours, confirmedAt: new Date() },
    );
    await security.users.update(id, { vaultCode: `${secrets.theirs}${more}`, company: plain.theirs } as never);
  }
  app.get("/whole", { authz: "AUTH" }, (c) => {
    const { user } = c.var;
    const forms = [JSON.stringify(user), JSON.stringify({ ...user }), inspect(user, { depth: 9 }), Object.values(user)];
    return c.json(forms.map(String));
  });
  const id = await userId(system, "ann@acme.example");
  const values: Readonly<Record<string, string>> = { id: String(id), token: "none" };
  const document = app.openapi();
  seen.set("the API's description", JSON.stringify(document));
  // What only shows comes first, and the export: what follows may end sessions.
  const rank = ({ path, method }: { path: string; method: string }) =>
    method === "get" ? 0 : path === "/export-account" ? 1 : 2;
  const calls = Object.entries(document.paths as Record<string, Record<string, unknown>>)
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => ({ path, method })))
    .sort((a, b) => rank(a) - rank(b));
  const sent = { password: goodPassword, email: "ann@acme.example", factorKey: "x", vaultCode: "y", name: "z" };
  const clients = { ann: await signedIn("ann"), ada: await signedIn("ada") };
  for (const { path: template, method } of calls) {
    if (method === "get") ofAnn = (await store.findOne("user", { id })) ?? {};
    const path = template.replace(/\{([^}]+)\}/g, (_all, name: string) => values[name] ?? "1");
    for (const [who, client] of Object.entries(clients)) {
      for (const accept of ["application/json", "text/html"]) {
        const given = method === "get" ? { headers: { accept } } : { headers: { accept }, json: sent };
        const answer = await client.request(method.toUpperCase(), path, given);
        const head = JSON.stringify([...answer.headers]);
        seen.set(`${who}: ${method} ${template}, ${accept}`, `${answer.status} ${head} ${answer.text}`);
      }
    }
  }
  for (const name of ["ann", "ada"]) {
    const user = await security.users.find("email", `${name}@acme.example`);
    if (user !== undefined) seen.set(`the account of ${name}`, inspect(user, { depth: 9, getters: true }));
  }
  for (const [index, { name, event }] of system.events.entries()) {
    seen.set(`event ${index}: ${name}`, `${inspect(event, { depth: 9 })} ${JSON.stringify(event)}`);
  }
  for (const entry of await security.audit.list({ limit: 1000 })) {
    seen.set(`entry ${entry.sequence} of the trail`, JSON.stringify(entry));
  }
  for (const [index, line] of system.logs.entries()) seen.set(`log line ${index}`, line);
}, 120_000);

describe("a secret column", () => {
  it.each(Object.values(secrets))("is in nothing that leaves the server: %s", (secret) => {
    const found = [...seen].filter(([, what]) => what.includes(secret)).map(([where]) => where);
    expect(found).toEqual([]);
  });

  it("nor are the core's own secrets", () => {
    for (const field of ["password", "fsUniquifier", "fsTokenUniquifier"]) {
      const value = ofAnn[field];
      const found = [...seen].filter(([, what]) => typeof value === "string" && what.includes(value));
      expect(found.map(([where]) => `${field}: ${where}`)).toEqual([]);
    }
    expect(ofAnn["fsUniquifier"]).toMatch(/^[0-9a-f]{32}$/);
  });

  it("is looked for where much is to be seen: plain ones stand where they should", () => {
    const where = (value: string) => [...seen].filter(([, what]) => what.includes(value)).map(([name]) => name);
    const exported = "ann: post /export-account, application/json";
    expect(where(plain.ours)).toEqual(expect.arrayContaining([exported, "ann: get /whole, application/json"]));
    expect(where(plain.theirs)).toEqual(
      expect.arrayContaining([
        exported,
        "ann: get /api/user, application/json",
        "ada: get /admin/users/{id}, text/html",
        "ada: get /admin/users/{id}/edit, text/html",
      ]),
    );
    const statuses = [...seen.values()].map((what) => what.slice(0, 3));
    expect(statuses.filter((status) => status === "200").length).toBeGreaterThan(60);
    expect(system.events.length).toBeGreaterThan(5);
  });

  it("is kept as it was stored, and can be written by code", async () => {
    expect(ofAnn).toMatchObject({ factorKey: secrets.ours, vaultCode: secrets.theirs });
    const made = await system.security.users.create({ email: "new@acme.example", vaultCode: "a new one" } as never);
    expect(made).not.toHaveProperty("vaultCode");
    expect(await system.store.findOne("user", { id: made.id })).toMatchObject({ vaultCode: "a new one" });
  });

  it("is not told by a conflict, and finds nobody", async () => {
    const { users } = system.security;
    const same = { email: "same@acme.example", vaultCode: "a new one" };
    const error = await users.create(same as never).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(UniqueConflictError);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("a new one");
    await expect(users.find("vaultCode" as never, secrets.theirs)).rejects.toThrow("is secret");
  });
});

describe("refuses to start", () => {
  const own = (more: object) =>
    ({ ...settings, ...more, datastore: memory(), openapi: undefined }) as unknown as Overrides;
  const refused: readonly [name: string, options: Overrides, said: string][] = [
    [
      "a profile of it",
      own({ features: [passwords(), userManagement({ profile: { vaultCode: true } })] }),
      "is secret",
    ],
    [
      "a field of the registration",
      own({ features: [passwords(), registration({ fields: { vaultCode: { label: "Code" } } })] }),
      "is secret",
    ],
    ["an identity", own({ identities: ["email", { attribute: "vaultCode" }] }), "is secret"],
    ["a misspelt mark", own({ columns: { code: column.string({ secert: true } as never) } }), "columns.code.secert"],
    [
      "a mark that is none",
      own({ columns: { code: column.string({ secret: "yes" } as never) } }),
      "columns.code.secret",
    ],
  ];
  it.each(refused)("with %s", async (_name, options, said) => {
    const features = options.features ?? [];
    await expect(start({ ...options, schemes: [], features: features.slice(0, 2) })).rejects.toThrow(said);
  });
});
