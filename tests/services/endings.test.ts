/**
 * Everything that ends what a user is signed in by, against everything that makes a credential, at the same moment: what is
 * made of what was ended does not live on, in whatever order the two come. `RACE_ROUNDS` says how often each pair races.
 */
import process from "node:process";
import { apiKey, type DatastoreProvider, outbox, portcullis } from "portcullis";
import {
  apiKeys,
  changeEmail,
  changePassword,
  notices,
  passwordless,
  passwords,
  recovery,
  refresh,
  sessions,
  tracking,
} from "portcullis/features";
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import { sqlite } from "portcullis/sqlite";
import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rightCode, secondStep } from "../http/authn-second-step.ts";
import { type Database, mysqlDatabase, postgresDatabase, sqliteFile } from "./account-servers.ts";
import { describeService } from "./available.ts";

const rounds = Number(process.env.RACE_ROUNDS ?? 6);
const origin = "http://localhost:3000";
const password = "battery staple";
const newPassword = "correct horse battery";
const json = { headers: { accept: "application/json" } };

async function start(datastore: DatastoreProvider) {
  const box = outbox();
  const security = await portcullis({
    limits: { signIn: { perAddress: "1000000/15m" }, mail: { perAddress: "1000000/1h" } },
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: [origin],
    datastore,
    features: [
      passwords(),
      recovery(),
      changePassword(),
      changeEmail(),
      passwordless(),
      sessions(),
      notices(),
      tracking(),
      refresh({ carrier: "body" }),
      apiKeys(),
      secondStep({ name: "step", order: 50, path: "/step", asks: (email) => email.startsWith("step") }),
    ],
    schemes: [apiKey()],
    mail: { sender: box },
    passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
    migrate: "always",
    log: () => {},
  });
  const app = security.app();
  app.get("/me", { authz: "AUTH" }, (c) => c.json({ user: c.var.user.email }));
  app.get("/by-key", { authz: "AUTH", authn: ["apiKey"] }, (c) => c.json({ user: c.var.user.email }));
  return { security, app, box };
}

type System = Awaited<ReturnType<typeof start>>;

/** The user of one round, and what they have before it. */
interface Round {
  readonly system: System;
  readonly id: number;
  readonly email: string;
  /** Signed in, with a remember credential. */
  readonly one: TestClient;
  /** Signed in elsewhere. */
  readonly two: TestClient;
  readonly refreshToken: string;
}

/** A request that makes something, and whether that lives. Prepared before the race. */
interface Making {
  make(): Promise<unknown>;
  lives(): Promise<boolean>;
}

const client = (system: System): TestClient => testClient(system.app, origin);
const status = async (from: TestClient, path = "/me", headers: Record<string, string> = {}): Promise<number> =>
  (await from.get(path, { headers: { ...json.headers, ...headers } })).status;
/** Cookies that an answer has set, each alone: what a thief would keep. */
const byCookies = async (system: System, from: TestClient, ...names: readonly string[]): Promise<boolean> => {
  for (const name of names) {
    const value = from.cookies.get(`__Host-${name}`);
    if (value === undefined) continue;
    const alone = client(system);
    alone.cookies.set(`__Host-${name}`, value);
    if ((await status(alone)) === 200) return true;
  }
  return false;
};
async function mailed({ system }: Round, template: string, to: string): Promise<string | undefined> {
  await system.security.delivery.idle();
  const mail = system.box.all().findLast((sent) => sent.template === template && sent.to.address === to);
  return new RegExp(`${origin}(/[\\w-]+/[\\w.-]+)`).exec(mail?.text ?? "")?.[1];
}

/** What a credential is made of: some endings leave that. */
type Root = "password" | "link" | "parked" | "session" | "remember" | "refresh" | "key";

const makers: Readonly<Record<string, { readonly of: Root; prepare(round: Round): Promise<Making> }>> = {
  "a sign-in with a remember credential": {
    of: "password",
    async prepare({ system, email }) {
      const own = client(system);
      return {
        make: () => own.post("/login", { json: { email, password, remember: true } }),
        lives: () => byCookies(system, own, "session", "remember"),
      };
    },
  },
  "a sign-in with tokens": {
    of: "password",
    async prepare({ system, email }) {
      const own = client(system);
      let user: Readonly<Record<string, string>> = {};
      return {
        async make() {
          user = (await own.post("/login?include_auth_token", { json: { email, password } })).json.response?.user ?? {};
        },
        async lives() {
          const token = user["authentication_token"];
          if (token === undefined) return false;
          const again = await client(system).post("/refresh-token", { json: { refresh_token: user["refresh_token"] } });
          const by = await status(client(system), "/me", { "authentication-token": token });
          return by === 200 || again.status === 200 || (await byCookies(system, own, "session"));
        },
      };
    },
  },
  "a sign-in by a mailed link": {
    of: "link",
    async prepare(round) {
      const { system, email } = round;
      const own = client(system);
      await own.post("/login-link", { json: { email } });
      const link = (await mailed(round, "signInLink", email)) ?? "/";
      return { make: () => own.post(link, { json: {} }), lives: () => byCookies(system, own, "session") };
    },
  },
  "a sign-in that waited at a gate": {
    of: "parked",
    async prepare({ system, email }) {
      const own = client(system);
      await own.post("/login", { json: { email, password } });
      return {
        make: () => own.post("/step", { json: { password: rightCode } }),
        lives: () => byCookies(system, own, "session"),
      };
    },
  },
  "a session by a remember credential": {
    of: "remember",
    async prepare({ system, one }) {
      const own = client(system);
      own.cookies.set("__Host-remember", one.cookies.get("__Host-remember") ?? "");
      return { make: () => own.get("/me", json), lives: () => byCookies(system, own, "session", "remember") };
    },
  },
  "a refreshed token": {
    of: "refresh",
    async prepare({ system, refreshToken }) {
      let user: Readonly<Record<string, string>> = {};
      return {
        async make() {
          const answer = await client(system).post("/refresh-token", { json: { refresh_token: refreshToken } });
          user = answer.json.response?.user ?? {};
        },
        async lives() {
          const token = user["authentication_token"];
          return (
            token !== undefined && (await status(client(system), "/me", { "authentication-token": token })) === 200
          );
        },
      };
    },
  },
  "a session that is proved again": {
    of: "session",
    async prepare({ system, one }) {
      return {
        make: () => one.post("/verify", { json: { password } }),
        lives: () => byCookies(system, one, "session", "remember"),
      };
    },
  },
  "a session renewed by a change of the password": {
    of: "session",
    async prepare({ system, one }) {
      const body = { password, new_password: "a third password", new_password_confirm: "a third password" };
      return {
        make: () => one.post("/change", { json: body }),
        lives: () => byCookies(system, one, "session", "remember"),
      };
    },
  },
  "a pending change of address": {
    of: "session",
    async prepare(round) {
      const { system, one, email } = round;
      const address = `new-${email}`;
      return {
        async make() {
          await one.post("/change-email", { json: { email: address } });
          await system.security.delivery.idle();
        },
        async lives() {
          const link = await mailed(round, "changeEmailInstructions", address);
          return link !== undefined && (await client(system).post(link, { json: {} })).status === 200;
        },
      };
    },
  },
  "an API key": {
    of: "key",
    async prepare({ system, one }) {
      let secret: string | undefined;
      return {
        async make() {
          const answer = await one.post("/api/user/key", { json: { name: "race", all_permissions: true } });
          secret = answer.json.response?.secret as string | undefined;
        },
        async lives() {
          if (secret === undefined) return false;
          return (await status(client(system), "/by-key", { authorization: `Bearer ${secret}` })) === 200;
        },
      };
    },
  },
};

/** What ends, and of what it leaves credentials alone. */
const endings: Readonly<
  Record<string, { readonly leaves: readonly Root[]; prepare(round: Round): Promise<() => Promise<unknown>> }>
> = {
  "a reset by mail": {
    leaves: ["key"],
    async prepare(round) {
      const { system, email } = round;
      await client(system).post("/reset", { json: { email } });
      const link = (await mailed(round, "resetInstructions", email)) ?? "/";
      const body = { password: newPassword, password_confirm: newPassword };
      return () => client(system).post(link, { json: body });
    },
  },
  "a change of the password elsewhere": {
    leaves: ["key"],
    async prepare({ two }) {
      return () =>
        two.post("/change", { json: { password, new_password: newPassword, new_password_confirm: newPassword } });
    },
  },
  "a password set by an administrator": {
    leaves: ["key"],
    prepare:
      async ({ system, id }) =>
      () =>
        system.security.users.setPassword(id, newPassword),
  },
  "a change of the address": {
    leaves: ["key", "password"],
    prepare:
      async ({ system, id, email }) =>
      () =>
        system.security.users.setEmail(id, `other-${email}`),
  },
  "a reset of the access": {
    leaves: ["password"],
    prepare:
      async ({ system, id }) =>
      () =>
        system.security.users.resetAccess(id),
  },
  deactivation: {
    leaves: [],
    prepare:
      async ({ system, id }) =>
      () =>
        system.security.users.deactivate(id),
  },
  deletion: {
    leaves: [],
    prepare:
      async ({ system, id }) =>
      () =>
        system.security.users.delete(id),
  },
  "the end of all sessions": {
    leaves: ["password", "link", "parked", "key"],
    prepare:
      async ({ system, id }) =>
      () =>
        system.security.users.endSessions(id),
  },
  "the end of the other sessions": {
    leaves: ["password", "link", "parked", "key"],
    prepare:
      async ({ two }) =>
      () =>
        two.post("/sessions/end-others", { json: {} }),
  },
};

let users = 0;

async function begin(system: System, steps: boolean): Promise<Round> {
  users += 1;
  const email = `${steps ? "step" : "user"}${users}@acme.example`;
  const { id } = await system.security.users.create({ email, password });
  const [one, two] = [client(system), client(system)];
  let refreshToken = "";
  if (!steps) {
    const answer = await one.post("/login?include_auth_token", { json: { email, password, remember: true } });
    refreshToken = answer.json.response.user.refresh_token as string;
    await two.signIn(email, password);
    for (const each of [one, two]) await each.get("/login", json);
  }
  return { system, id, email, one, two, refreshToken };
}

const pause = (turns: number): Promise<void> =>
  turns === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, turns));

function races(open: () => Promise<Database>, provider: (connection: string) => DatastoreProvider): void {
  let database: Database;
  let system: System;
  beforeAll(async () => {
    database = await open();
    system = await start(provider(database.connection));
  });
  afterAll(async () => {
    await system?.security.close();
    await database?.remove();
  });

  for (const [ending, { leaves, prepare }] of Object.entries(endings)) {
    const concerned = Object.entries(makers).filter(([, { of }]) => !leaves.includes(of));
    // Who waits at a gate has no session to end anything by.
    const able = concerned.filter(([, { of }]) => of !== "parked" || ending !== "a change of the password elsewhere");
    it.each(able)(
      `${ending} against %s`,
      async (_making, maker) => {
        const failed: string[] = [];
        for (let round = 0; round < rounds; round += 1) {
          const made = await begin(system, maker.of === "parked");
          const [making, end] = [await maker.prepare(made), await prepare(made)];
          // Now the one is ahead, now the other, by a little more or less.
          const ahead = (round % 7) - 3;
          const [first, second] = await Promise.allSettled([
            pause(Math.max(0, ahead)).then(() => making.make()),
            pause(Math.max(0, -ahead)).then(() => end()),
          ]);
          for (const result of [first, second]) if (result?.status === "rejected") failed.push(String(result.reason));
          // Of two changes by two sessions of one user, the first one ends the other's: then nothing was ended.
          const ended = second?.status === "fulfilled" && (second.value as { status?: number } | undefined)?.status;
          if (typeof ended === "number" && ended !== 200) continue;
          if (await making.lives()) failed.push(`round ${round}, ${ahead} ms: it lives on`);
        }
        expect(failed).toEqual([]);
      },
      3_600_000,
    );
  }
}

describe("endings against makings, on SQLite", () => races(sqliteFile, sqlite));
describeService("postgres", "endings against makings, on PostgreSQL", (url) =>
  races(
    () => postgresDatabase(url),
    (connection) => postgres(connection),
  ),
);
describeService("mysql", "endings against makings, on MariaDB", (url) =>
  races(
    () => mysqlDatabase(url),
    (connection) => mysql(connection),
  ),
);
