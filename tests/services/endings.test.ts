/**
 * Everything that ends what a user is signed in by, against everything that makes a credential, at the same moment: what is
 * made of what was ended does not live on, in whatever order the two come. `RACE_ROUNDS` says how often each pair races.
 */
import { apiKey, type DatastoreProvider, outbox, portcullis } from "portcullis";
import {
  accountDeletion,
  administration,
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
import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { rightCode, secondStep } from "../http/authn-second-step.ts";
import { describeDatabases, type SuiteDatabase } from "./each-database.ts";
import { raceRounds as rounds } from "./rounds.ts";

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
    cookies: { allowInsecure: false },
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
      accountDeletion(),
      administration(),
      secondStep({ name: "step", order: 50, path: "/step", asks: (email) => email.startsWith("step") }),
    ],
    schemes: [apiKey()],
    permissions: ["admin"],
    roles: ["boss"],
    mail: { sender: box },
    passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
    migrate: "always",
    log: () => {},
  });
  await security.roles.addPermissions("boss", "admin");
  // Somebody stays, whoever of the others goes.
  await security.users.create({ email: "boss@acme.example", password, roles: ["boss"] });
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
  readonly authToken: string;
  readonly refreshToken: string;
}

/** A request that makes something, and whether that lives. Prepared before the race. */
interface Making {
  make(): Promise<unknown>;
  lives(): Promise<boolean>;
}

const client = (system: System): TestClient => testClient(system.app, origin);
/** On a device of another kind: a sign-in there is told to the owner. */
const elsewhere = (system: System): TestClient =>
  testClient(
    {
      request(request) {
        const headers = new Headers(request.headers);
        headers.set("user-agent", newDevice);
        return system.app.request(new Request(request, { headers }));
      },
    },
    origin,
  );
const newDevice = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
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
  "many sign-ins at once": {
    of: "password",
    async prepare({ system, email }) {
      const many = Array.from({ length: 8 }, () => client(system));
      return {
        make: () => Promise.all(many.map((own) => own.post("/login", { json: { email, password, remember: true } }))),
        async lives() {
          for (const own of many) if (await byCookies(system, own, "session", "remember")) return true;
          return false;
        },
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
  "a token that is proved again": {
    of: "session",
    async prepare({ system, authToken }) {
      let renewed: string | undefined;
      return {
        async make() {
          const headers = { "authentication-token": authToken };
          const answer = await client(system).post("/verify?include_auth_token", { json: { password }, headers });
          renewed = answer.json.response?.user?.authentication_token;
          return answer;
        },
        lives: async () =>
          renewed !== undefined && (await status(client(system), "/me", { "authentication-token": renewed })) === 200,
      };
    },
  },
  "a session that is not remembered and proved again": {
    of: "session",
    async prepare({ system, email }) {
      const own = client(system);
      await enter(own, email, false);
      await own.get("/login", json);
      return {
        make: () => own.post("/verify", { json: { password } }),
        lives: () => byCookies(system, own, "session"),
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
  'the owner\'s "this was not me"': {
    leaves: ["password"],
    async prepare(round) {
      const { system, email } = round;
      const link = (await mailed(round, "newDevice", email)) ?? "/";
      return () => client(system).post(link, { json: {} });
    },
  },
  "a new uniquifier": {
    leaves: ["password", "key"],
    prepare:
      async ({ system, id }) =>
      () =>
        system.security.users.setUniquifier(id),
  },
  "what shuts the user out": {
    leaves: ["password", "key"],
    prepare:
      async ({ system, id }) =>
      () =>
        system.security.users.shutOut(id, { onlyIf: async () => true, done: async () => {} }),
  },
  "the first proof of the address": {
    leaves: [],
    prepare:
      async ({ system, id }) =>
      () =>
        system.security.users.prove(
          id,
          { first: true, password: newPassword, endsAccess: true },
          { onlyIf: async () => true },
        ),
  },
  "the owner's deletion of the account": {
    leaves: [],
    prepare:
      async ({ two }) =>
      () =>
        two.post("/delete-account", { json: { password } }),
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
  "the end of each other device": {
    leaves: ["password", "link", "parked", "key"],
    prepare:
      async ({ two }) =>
      async () => {
        // The change of password may have ended this caller's own session: then it ends nothing.
        const { sessions: devices = [] } = (await two.get("/sessions", json)).json.response ?? {};
        const answers: unknown[] = [];
        for (const { id, current } of devices as readonly { readonly id: string; readonly current: boolean }[]) {
          if (!current) answers.push(await two.post("/sessions/end", { json: { id } }));
        }
        // Where all of them had ended by themselves, nothing was ended.
        return answers.length === 0 ? [{ status: 404 }] : answers;
      },
  },
};

/** An administrator who acts, and whom they act on. */
interface Acting {
  readonly system: System;
  readonly administrator: { readonly id: number; readonly email: string };
  readonly user: { readonly id: number; readonly email: string };
  /** The administrator's, freshly signed in. */
  readonly own: TestClient;
  readonly two: TestClient;
}

async function beginActing(system: System): Promise<Acting> {
  users += 1;
  const [bossEmail, email] = [`boss${users}@acme.example`, `acted${users}@acme.example`];
  const administrator = await system.security.users.create({ email: bossEmail, password, roles: ["boss"] });
  const user = await system.security.users.create({ email, password });
  const [own, two] = [client(system), client(system)];
  for (const each of [own, two]) {
    await each.signIn(bossEmail, password);
    await each.get("/login", json);
  }
  return {
    system,
    administrator: { id: administrator.id, email: bossEmail },
    user: { id: user.id, email },
    own,
    two,
  };
}

const reason = { json: { reason: "a ticket" } };

async function act({ system, own, user }: Acting): Promise<Making> {
  return {
    make: () => own.post(`/admin/users/${user.id}/impersonate`, reason),
    lives: () => byCookies(system, own, "session"),
  };
}

async function goBack({ system, own, user }: Acting): Promise<Making> {
  const begun = await own.post(`/admin/users/${user.id}/impersonate`, reason);
  expect(begun.status).toBe(200);
  own.csrfToken = begun.json.response.csrf_token;
  return {
    make: () => own.post("/admin/impersonation/end", { json: {} }),
    lives: () => byCookies(system, own, "session"),
  };
}

/** What an administrator makes of their session. */
const impersonations = { "acting as a user": act, "going back from it": goBack };

/** What ends the administrator's own access, or the user's account. */
const endingsOfActing: Readonly<Record<string, (acting: Acting) => Promise<() => Promise<unknown>>>> = {
  "a password set by another administrator":
    async ({ system, administrator }) =>
    () =>
      system.security.users.setPassword(administrator.id, newPassword),
  "a change of the password elsewhere":
    async ({ two }) =>
    () =>
      two.post("/change", { json: { password, new_password: newPassword, new_password_confirm: newPassword } }),
  "a reset of the access":
    async ({ system, administrator }) =>
    () =>
      system.security.users.resetAccess(administrator.id),
  "the end of all sessions":
    async ({ system, administrator }) =>
    () =>
      system.security.users.endSessions(administrator.id),
  "the end of the other sessions":
    async ({ two }) =>
    () =>
      two.post("/sessions/end-others", { json: {} }),
  deactivation:
    async ({ system, administrator }) =>
    () =>
      system.security.users.deactivate(administrator.id),
  deletion:
    async ({ system, administrator }) =>
    () =>
      system.security.users.delete(administrator.id),
};

/** What ends it for the user whom the administrator acts as: a session as them is none of the administrator's own. */
const endingsOfActed: Readonly<Record<string, (acting: Acting) => () => Promise<unknown>>> = {
  "deactivation of a user":
    ({ system, user }) =>
    () =>
      system.security.users.deactivate(user.id),
  "deletion of a user":
    ({ system, user }) =>
    () =>
      system.security.users.delete(user.id),
};

let users = 0;

/** Signs in, with the second step where it is asked. */
async function enter(from: TestClient, email: string, steps: boolean): Promise<TestClient> {
  await from.post("/login", { json: { email, password } });
  if (steps) await from.post("/step", { json: { password: rightCode } });
  return from;
}

async function begin(system: System, steps: boolean): Promise<Round> {
  users += 1;
  const email = `${steps ? "step" : "user"}${users}@acme.example`;
  const { id } = await system.security.users.create({ email, password });
  const [one, two] = [elsewhere(system), client(system)];
  let tokens = { authentication_token: "", refresh_token: "" };
  await enter(two, email, steps);
  // Devices are noted after the answer: the first one must be known before the second one is new.
  await system.security.delivery.idle();
  if (steps) await enter(one, email, steps);
  else {
    const answer = await one.post("/login?include_auth_token", { json: { email, password, remember: true } });
    tokens = answer.json.response.user as typeof tokens;
  }
  for (const each of [one, two]) await each.get("/login", json);
  const { authentication_token: authToken, refresh_token: refreshToken } = tokens;
  return { system, id, email, one, two, authToken, refreshToken };
}

const pause = (turns: number): Promise<void> =>
  turns === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, turns));

/** Runs both at once; what went wrong, in words. */
async function race(round: number, making: Making, end: () => Promise<unknown>): Promise<string[]> {
  const failed: string[] = [];
  // Now the one is ahead, now the other, by a little more or less.
  const ahead = ((round * 3) % 7) - 3;
  const [first, second] = await Promise.allSettled([
    pause(Math.max(0, ahead)).then(() => making.make()),
    pause(Math.max(0, -ahead)).then(() => end()),
  ]);
  for (const result of [first, second]) {
    if (result.status === "rejected") failed.push(`round ${round}: ${String(result.reason)}`);
    else for (const status of statuses(result.value)) if (status >= 500) failed.push(`round ${round}: ${status}`);
  }
  // Of two changes by two sessions of one user, the first one ends the other's: then nothing was ended.
  const ended = second.status === "fulfilled" ? statuses(second.value) : [];
  if (ended.every((status) => status < 300) && (await making.lives())) {
    failed.push(`round ${round}, ${ahead} ms: it lives on`);
  }
  return failed;
}

function statuses(answer: unknown): readonly number[] {
  if (Array.isArray(answer)) return answer.flatMap(statuses);
  const status = (answer as { readonly status?: unknown } | undefined)?.status;
  return typeof status === "number" ? [status] : [];
}

function races(database: SuiteDatabase): void {
  let system: System;
  beforeAll(async () => {
    system = await start(database.provider());
  });
  afterAll(() => system?.security.close());

  actingRaces(() => system);
  for (const [ending, { leaves, prepare }] of Object.entries(endings)) {
    const concerned = Object.entries(makers).filter(([, { of }]) => !leaves.includes(of));
    it.each(concerned)(
      `${ending} against %s`,
      async (_making, maker) => {
        const failed: string[] = [];
        for (let round = 0; round < rounds; round += 1) {
          const made = await begin(system, maker.of === "parked");
          failed.push(...(await race(round, await maker.prepare(made), await prepare(made))));
        }
        expect(failed).toEqual([]);
      },
      3_600_000,
    );
  }
}

function actingRaces(system: () => System): void {
  for (const [ending, prepare] of Object.entries(endingsOfActed)) {
    it(`${ending} against an administrator's acting as them`, async () => {
      const failed: string[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const acting = await beginActing(system());
        const { own, user } = acting;
        const { make } = await act(acting);
        const lives = async () => (await own.get("/me", json)).json.user === user.email;
        failed.push(...(await race(round, { make, lives }, prepare(acting))));
      }
      expect(failed).toEqual([]);
    }, 3_600_000);
  }
  it("the end of the acting against what is done in its session", async () => {
    const failed: string[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const acting = await beginActing(system());
      await goBack(acting);
      const { own } = acting;
      // Its cookie alone: with the other one beside it, the administrator is themselves again.
      const alone = client(system());
      alone.cookies.set("__Host-session", own.cookies.get("__Host-session") ?? "");
      const making = {
        make: () => Promise.all(Array.from({ length: 4 }, () => alone.copy().get("/me", json))),
        lives: async () => (await status(alone)) === 200,
      };
      if (!(await making.lives())) failed.push(`round ${round}: not begun`);
      failed.push(...(await race(round, making, () => own.post("/admin/impersonation/end", { json: {} }))));
      // The administrator is themselves again.
      if ((await own.get("/me", json)).json.user !== acting.administrator.email)
        failed.push(`round ${round}: not back`);
    }
    expect(failed).toEqual([]);
  }, 3_600_000);
  for (const [ending, prepare] of Object.entries(endingsOfActing)) {
    it.each(Object.entries(impersonations))(
      `${ending} of an administrator against %s`,
      async (_making, maker) => {
        const failed: string[] = [];
        for (let round = 0; round < rounds; round += 1) {
          const acting = await beginActing(system());
          failed.push(...(await race(round, await maker(acting), await prepare(acting))));
        }
        expect(failed).toEqual([]);
      },
      3_600_000,
    );
  }
}

describeDatabases("endings against makings", races);
