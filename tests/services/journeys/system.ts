/** One system with every feature on, and people who go through it; what they are mailed and what the audit trail says of them. */
import {
  checkpoint,
  type Datastore,
  type DatastoreProvider,
  open,
  outbox,
  portcullis,
  type Security,
  type User,
  type Vocabulary,
} from "portcullis";
import type { Kysely, SqlProvider } from "portcullis/sqlite";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { expect } from "vitest";
import { z } from "zod";
import { observed } from "../../http/authn-system.ts";
import { everyFeature } from "./every-feature.ts";

const origin = "http://localhost:3000";
export const first = "battery staple horse";
export const second = "correct horse battery";
export const third = "four unrelated words";
const hour = 3_600_000;
export const day: number = 24 * hour;
const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36";
export const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
const json = { accept: "application/json" };

/** What comes in this order; what stands in a list of its own comes at the same moment, in whatever order. */
export type InOrder = readonly (string | readonly string[])[];

/** The life of an account with one feature, or a few that belong together. */
export interface Journey {
  /** Folders of `src/features`: each of them must be in a journey. */
  readonly features: readonly string[];
  travel(system: JourneySystem): Promise<Person>;
  /** The templates of the mails to the person, in order; behind a blank to whom, where it is not the first address. */
  readonly mails: InOrder;
  /** The events of the audit trail about the person, in order; behind a blank who did it, where it is somebody else. */
  readonly audit: InOrder;
}

/** Somebody with an account. */
export interface Person {
  readonly id: number;
  readonly email: string;
  /** On the device that they use first. */
  readonly client: TestClient;
}

type AnyVocabulary = Vocabulary & { readonly role: string; readonly permission: string; readonly user: User };

/** The running system. */
export interface JourneySystem {
  readonly security: Pick<
    Security<AnyVocabulary>,
    "users" | "roles" | "audit" | "lockouts" | "purge" | "delivery" | "close"
  >;
  /** The administrator. */
  readonly ada: Person;
  /** The application's own queries. */
  readonly kysely: Kysely<OwnTables>;
  /** The rows, past every cache. */
  readonly store: Datastore;
  /** A device that is not signed in; it says of itself what a browser says. */
  client(agent?: string): TestClient;
  advance(milliseconds: number): void;
  now(): number;
  /** An account that is confirmed, and a device that is not signed in. */
  person(name: string, more?: object): Promise<Person>;
  /** The path of the link in the newest mail of this template to the address. */
  linkTo(template: string, to: string): Promise<string>;
  mailsTo(person: Pick<Person, "email">): string[];
  auditOf(person: Person): Promise<string[]>;
  /** What failed behind the answers since it was asked last. */
  failures(): string[];
}

/** The application's own table, written in the transactions of the features. */
interface OwnTables {
  readonly welcome: { user_id: number; plan: string };
}

function make(datastore: DatastoreProvider, provider: SqlProvider, box: ReturnType<typeof outbox>, now: () => number) {
  return portcullis({
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: [origin],
    datastore,
    ...everyFeature(
      {
        onRegister: async (tx, user, { plan }) => {
          await provider.kysely<OwnTables>(tx).insertInto("welcome").values({ user_id: user.id, plan }).execute();
        },
      },
      {
        onDelete: async (user) => {
          await provider.kysely<OwnTables>().deleteFrom("welcome").where("user_id", "=", user.id).execute();
        },
        export: async (user) => ({
          welcome: await provider
            .kysely<OwnTables>()
            .selectFrom("welcome")
            .selectAll()
            .where("user_id", "=", user.id)
            .execute(),
        }),
      },
    ),
    mail: { sender: box, outboxPage: true },
    migrate: "always",
    log: (message, details) => {
      // What goes wrong behind the answers is seen here alone.
      if (/failed/.test(message)) failures.push(`${message} ${JSON.stringify(details)}`);
    },
    clock: now,
  });
}

/** What the log said of work that failed. */
const failures: string[] = [];

/** Starts it on this database, with ada, the administrator. */
export async function startJourneys(opened: SqlProvider): Promise<JourneySystem> {
  let time = Date.UTC(2026, 0, 2, 3, 4, 5);
  const box = outbox();
  const { provider, store } = observed(opened);
  const security = await make(provider, opened, box, () => time);
  const kysely = opened.kysely<OwnTables>();
  await kysely.schema.createTable("welcome").addColumn("user_id", "integer").addColumn("plan", "varchar(20)").execute();
  await security.roles.addPermissions("boss", "admin");
  const app = security.app();
  app.get("/me", { authz: "AUTH" }, (c) => c.json({ user: c.var.user.email, via: c.var.identity.via }));
  app.get("/member", { authz: "member" }, (c) => c.json({}));
  app.get("/reader", { authz: "AUTH", authn: ["session", "token", "apiKey"] }, (c) =>
    c.json({ via: c.var.identity.via, read: c.var.user.hasPermission("read") }),
  );
  app.post("/plan", { authz: open("anybody chooses"), params: z.object({ plan: z.string() }) }, (c, { plan }) => {
    c.var.session.set("plan", plan);
    return c.json({});
  });
  app.get("/team", { authz: checkpoint("plan", ["team"]) }, (c) => c.json({}));

  /** A client; it says of itself what a browser says. */
  const client = (agent = chrome): TestClient =>
    testClient(
      {
        request: async (request) => {
          const headers = new Headers(request.headers);
          headers.set("user-agent", agent);
          const connection = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
          const answer = await app.request(new Request(request, { headers }), undefined, connection);
          // The order of mails and entries is that of the steps.
          await security.delivery.idle();
          return answer;
        },
      },
      origin,
    );
  const system = {
    security: security as unknown as JourneySystem["security"],
    client,
    kysely,
    store: store(),
    advance: (milliseconds: number): void => {
      time += milliseconds;
    },
    now: (): number => time,

    async person(name: string, more: object = {}): Promise<Person> {
      const email = `${name}@acme.example`;
      const { id } = await security.users.create({
        ...{ email, password: first, roles: ["member"], confirmedAt: new Date(time) },
        ...more,
      });
      return { id, email, client: client() };
    },
    async linkTo(template: string, to: string): Promise<string> {
      const mail = box.all().findLast((sent) => sent.template === template && sent.to.address === to);
      const link = new RegExp(`${origin}(/[\\w-]+/[\\w.-]+)`).exec(mail?.text ?? "")?.[1];
      if (link === undefined) throw new Error(`no link in a mail ${template} to ${to}`);
      return link;
    },
    mailsTo(person: Pick<Person, "email">): string[] {
      const name = person.email.slice(0, person.email.indexOf("@"));
      return box
        .all()
        .filter(({ to }) => to.address.startsWith(`${name}@`) || to.address.startsWith(`${name}-`))
        .map(({ template, to }) => (to.address === person.email ? template : `${template} ${to.address}`));
    },
    async auditOf(person: Person): Promise<string[]> {
      const entries = await security.audit.list({ user: person.id, limit: 200 });
      const names = new Map<number, string>();
      for (const { actorId } of entries) {
        if (actorId === null || actorId === person.id || names.has(actorId)) continue;
        names.set(actorId, (await security.users.get(actorId))?.email.split("@")[0] ?? "somebody");
      }
      return entries
        .toReversed()
        .filter(({ name }) => name !== "userCreated" || entries.at(-1)?.name !== name)
        .map(({ name, actorId }) => [name, ...(names.has(actorId ?? 0) ? [names.get(actorId ?? 0)] : [])].join(" "));
    },
    failures: (): string[] => failures.splice(0),
  };
  const ada = await system.person("ada", { roles: ["boss"] });
  return { ...system, ada };
}

/** Sends JSON and looks at the status. */
export async function post(client: TestClient, path: string, body: object, status = 200): Promise<ClientAnswer> {
  return call(client, "POST", path, body, status);
}

/** Sends JSON, or nothing, and looks at the status. */
export async function call(
  client: TestClient,
  method: string,
  path: string,
  body?: object,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Promise<ClientAnswer> {
  const answer = await client.request(method, path, {
    headers: { ...json, ...headers },
    ...(body === undefined ? {} : { json: body }),
  });
  expect([method, path, answer.status, answer.status === status ? "" : answer.text]).toEqual([
    method,
    path,
    status,
    "",
  ]);
  return answer;
}

/** Signs in by JSON; a CSRF token goes along from then on. */
export async function signIn(
  client: TestClient,
  email: string,
  password: string = first,
  more: object = {},
): Promise<ClientAnswer> {
  const answer = await post(client, "/login", { email, password, ...more });
  client.csrfToken = answer.json.response.csrf_token;
  return answer;
}

export const status = async (client: TestClient, path = "/me", headers: Record<string, string> = {}): Promise<number> =>
  (await client.get(path, { headers: { ...json, ...headers } })).status;
