import { readFileSync } from "node:fs";
import type { OpenApiDocument, RouteRecord } from "portcullis";
import { type SqlProvider, sqlite } from "portcullis/sqlite";
import {
  type AccessPerson,
  type AccessTestOptions,
  accessTests,
  byPassword,
  type TestClient,
  testClient,
} from "portcullis/testing";
import { afterAll, describe, it } from "vitest";

/** The examples under the access tests that their readers would write for them. */
interface Example {
  readonly app: {
    fetch(request: Request, env?: object): Response | Promise<Response>;
    request(request: Request): Response | Promise<Response>;
    accessMatrix(): readonly RouteRecord[];
    openapi(): OpenApiDocument;
  };
  readonly security: { close(): Promise<void> };
}

const folder = new URL("../../examples/", import.meta.url);
const started: Example[] = [];
afterAll(async () => {
  for (const { security } of started) await security.close();
});

async function start(name: string): Promise<Example["app"]> {
  const { createApp } = (await import(new URL(`${name}/app.ts`, folder).href)) as {
    createApp(options: { readonly origin: string; readonly database: SqlProvider }): Promise<Example>;
  };
  const example = await createApp({ origin: "http://localhost:3000", database: sqlite(":memory:") });
  started.push(example);
  return example.app;
}

const lockOf = (name: string): string => readFileSync(new URL(`${name}/routes.lock`, folder), "utf8");
const common = { describe, it } as const;

/** Somebody who registered by the page, as examples that know nobody want it. */
function registered(app: Example["app"], name: string, fields: object = {}): AccessPerson["credentials"] {
  const who = { email: `${name}@example.com`, password: "a battery of horses" };
  const ways = byPassword(app, who, { schemes: ["session", "token"] });
  let registration: Promise<void> | undefined;
  const register = async (): Promise<void> => {
    const json = { ...who, password_confirm: who.password, ...fields };
    const answer = await testClient(app).post("/register", { json });
    if (answer.status !== 200) throw new Error(answer.text);
  };
  return Object.fromEntries(
    Object.entries(ways).map(([scheme, credential]) => [
      scheme,
      async () => {
        registration ??= register();
        await registration;
        return credential();
      },
    ]),
  );
}

const basics = await start("basics");
describe("basics", () => {
  accessTests(basics, {
    ...common,
    lock: lockOf("basics"),
    people: {
      user: {
        credentials: byPassword(
          basics,
          { email: "test@me.com", password: "password" },
          { schemes: ["session", "token"] },
        ),
      },
    },
  });
});

const registration = await start("registration");
describe("registration", () => {
  accessTests(registration, {
    ...common,
    lock: lockOf("registration"),
    people: { user: { credentials: registered(registration, "user", { name: "A user", birthYear: 1990 }) } },
  });
});

const acme = await start("acme");
describe("acme", () => {
  const person = (name: string): AccessPerson => ({
    roles: ["employee"],
    credentials: byPassword(acme, { email: `${name}@acme.example`, password: `${name}pass` }),
  });
  accessTests(acme, {
    ...common,
    lock: lockOf("acme"),
    people: { anna: person("anna"), bert: person("bert") },
    objects: {
      store: {
        ids: [1, 2, 3],
        may: (who, id) => (id === 3 ? undefined : who === (id === 1 ? "anna" : "bert")),
      },
    },
  });
});

/** The entries of a diary: the first is the first writer's, the second the other's. */
const entries = (owners: readonly string[], keepers: readonly string[]): NonNullable<AccessTestOptions["objects"]> => ({
  entry: {
    ids: [1, 2, 99],
    may: (who, id) => (id === 99 ? undefined : keepers.includes(who) || owners[Number(id) - 1] === who),
  },
});

/** Writes an entry as this client. */
async function write(client: TestClient): Promise<void> {
  const answer = await client.post("/entry", { json: { title: "Title", text: "Text" } });
  if (answer.status !== 302) throw new Error(`${answer.status} ${answer.text}`);
}

const diary = await start("diary");
const writers = { first: registered(diary, "first"), second: registered(diary, "second") };
for (const credentials of Object.values(writers)) await write((await credentials["session"]?.()) as TestClient);
describe("diary", () => {
  accessTests(diary, {
    ...common,
    lock: lockOf("diary"),
    people: { first: { credentials: writers.first }, second: { credentials: writers.second } },
    objects: entries(["first", "second"], []),
  });
});

const roles = await start("roles");
const people = {
  writer: {
    roles: ["writer"],
    credentials: byPassword(
      roles,
      { email: "writer@example.com", password: "writerpass" },
      { schemes: ["session", "token"] },
    ),
  },
  admin: {
    roles: ["admin"],
    credentials: byPassword(
      roles,
      { email: "admin@example.com", password: "adminpass" },
      { schemes: ["session", "token"] },
    ),
  },
  other: { roles: ["writer"], credentials: registered(roles, "other") },
};
await write((await people.writer.credentials["session"]?.()) as TestClient);
await write((await people.other.credentials["session"]?.()) as TestClient);
describe("roles", () => {
  accessTests(roles, { ...common, lock: lockOf("roles"), people, objects: entries(["writer", "other"], ["admin"]) });
});
