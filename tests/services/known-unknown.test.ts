/**
 * Whether somebody has an account must not show in what the server does. So every endpoint that takes an identity is asked for
 * known and unknown ones of each kind, and what reaches the database is compared: statement by statement, in order, before the
 * answer and after it, with how many rows were written. Times are not looked at: on a busy machine they say nothing.
 */
import { type Datastore, type DatastoreProvider, outbox } from "portcullis";
import { accountDeletion, confirmation, registration, tracking, unlock, userManagement } from "portcullis/features";
import { mailLayout } from "portcullis/views";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Dialect, place } from "../../bench/user-databases.ts";
import type { Operations } from "../../src/datastore/contract.ts";
import { memory } from "../../src/datastore/memory/index.ts";
import { column, digest, digestSecret, param } from "../../src/index.ts";
import { challengeOf, digestHeader } from "../attack/digest.ts";
import { goodPassword, type System, start } from "../http/authn-system.ts";
import { lifeFeatures } from "../http/life-system.ts";
import { describeService } from "./available.ts";

/** One operation on the database is one statement: what it does, on which table, by which columns, and how many rows it wrote. */
type Entry = string;

/** Writes down what a store is asked. */
function recorded(provider: DatastoreProvider): { provider: DatastoreProvider; log: Entry[]; running(): number } {
  const log: Entry[] = [];
  let running = 0;
  const shape = (where: object): string =>
    Object.entries(where)
      .map(([field, condition]) => {
        const operators = typeof condition === "object" && condition !== null ? Object.keys(condition) : [];
        return [field, ...operators].join(" ");
      })
      .join(", ");
  const follow = <T extends Operations>(on: T, to: Entry[] = log): T =>
    new Proxy(on, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function" || typeof name !== "string") return member;
        // No statement: what is to be called once the transaction has committed.
        if (name === "committed") return member;
        return async (...args: never[]) => {
          running += 1;
          try {
            return await noted(target, name, member, args, to);
          } finally {
            running -= 1;
          }
        };
      },
    });
  const noted = async (
    target: object,
    name: string,
    member: CallableFunction,
    args: never[],
    to: Entry[],
  ): Promise<unknown> => {
    const [table, where] = args as unknown as [string, object];
    if (name === "transaction") {
      const [work] = args as unknown as [(tx: Operations) => Promise<unknown>];
      const inside: Entry[] = [];
      let end = "rollback";
      try {
        const result = await (target as unknown as Datastore).transaction((tx) => work(follow(tx, inside)));
        end = "commit";
        return result;
      } finally {
        log.push(["begin", ...comparable(inside), end].join("; "));
      }
    }
    const result: unknown = await Reflect.apply(member, target, args);
    // Each process looks from time to time whether others have left mails.
    if (name === "count" && table === "outbox") return result;
    if (name === "insert" || name === "insertIf") to.push(`insert ${table}`);
    else if (name === "insertAll") to.push(`insert ${(args as unknown as [string, unknown[]])[1].length} ${table}`);
    else if (name === "update" || name === "delete") to.push(`${name} ${table} by ${shape(where)}: ${result}`);
    else if (name === "loadUsers") to.push(`loadUsers ${(args as unknown as [object[]])[0].map(shape).join(" or ")}`);
    else if (name === "claim") to.push("claim");
    else if (name === "loadSession") to.push(name);
    else if (name !== "now") to.push(`${name} ${table} by ${typeof where === "object" ? shape(where) : ""}`);
    return result;
  };
  return {
    log,
    running: () => running,
    provider: { dialect: provider.dialect, open: async (...args) => follow(await provider.open(...args)) },
  };
}

/** Mails are claimed and removed several at once or one by one, as it happens: what counts is how many there are. */
function mailed(entry: Entry): Entry[] {
  const claimed =
    /^begin; (?:find outbox by [^;]*; )+(?:update outbox by [^;]*: (\d+); )?(?:find outbox by [^;]*; )?commit$/.exec(
      entry,
    );
  if (claimed !== null) return Array.from({ length: Number(claimed[1] ?? 0) }, () => "claim a mail");
  const removed = /^delete outbox by [^;]*: (\d+)$/.exec(entry);
  return removed === null ? [entry] : Array.from({ length: Number(removed[1]) }, () => "remove a mail");
}

/** Entries of the trail are stored several at once or one by one, as it happens: what counts is how many there are. */
function trailed(entries: readonly Entry[]): Entry[] {
  return entries.flatMap((entry) =>
    entry.includes("insert audit")
      ? entry.split("; ").filter((part) => part === "insert audit")
      : entry.includes("auditHead")
        ? []
        : mailed(entry),
  );
}

/** What nobody waits for: it may begin before the answer and end after it. */
const aside = new Set(["insert audit", "findOne user by id", "write one row", "update session by idHash: 1"]);

/** A decoy stands for the row that an account would have got; which of the tables it is in nobody outside can see. */
function comparable(entries: readonly Entry[]): Entry[] {
  return entries.map((entry) =>
    entry
      .replace(/^insert (user|rolesUsers|passwordHistory|ticket)$/, "insert a row")
      .replace(/^update user by id, failedLoginCount: 1$/, "write one row")
      .replace(/^update ticket by id: 1$/, "write one row")
      // Of a link that is replaced the row goes, and the account's is taken hold of; neither is there for nobody.
      .replace(/^(delete ticket by userId, purpose|update user by id, fsUniquifier): [01]$/, "$1"),
  );
}

const classes = ["active", "other case", "inactive", "unconfirmed", "without password"] as const;

interface Rig {
  readonly system: System;
  readonly log: Entry[];
  /** How many operations have begun and not ended. */
  running(): number;
  readonly box: ReturnType<typeof outbox>;
  fresh(kind: (typeof classes)[number] | "unknown"): Promise<Who>;
}

let number = 0;

/** `required`: addresses are confirmed before their accounts are used; `ownField`: the form asks for a column of its own. */
async function rigOn(store: DatastoreProvider, { required = false, ownField = false } = {}): Promise<Rig> {
  const box = outbox();
  const { provider, log, running } = recorded(store);
  const system = await start({
    datastore: provider,
    identities: ["email", "username"],
    columns: ownField ? { nick: column.string({ nullable: true, unique: true }) } : {},
    features: [
      ...lifeFeatures().filter(({ name }) => name !== "registration" && name !== "confirmation"),
      confirmation({ required }),
      registration({ roles: ["employee"], fields: ownField ? { nick: { label: "Nick" } } : {} }),
      tracking(),
      unlock(),
      accountDeletion(),
      userManagement(),
    ],
    roles: ["employee", "admin"],
    permissions: ["read", "write", "admin"],
    schemes: [param(), digest({ secret: (user, realm) => digestSecret(user, realm, goodPassword) })],
    passwords: {
      hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true },
      policy: { history: { last: 3 } },
    },
    mail: {
      sender: box,
      layout: (...given: Parameters<typeof mailLayout>) => {
        log.push("a mail is written");
        return mailLayout(...given);
      },
    },
    limits: {
      lockout: { failures: 3 },
      mail: { perTarget: "1000/1h" },
      allowUnlimited: ["signIn.perAddress", "mail.perAddress", "endpoints"],
    },
  } as never);
  system.app.post("/param", { authz: "AUTH", authn: ["param" as never] }, (c) => c.text(""));
  system.app.get("/digest", { authz: "AUTH", authn: ["digest" as never] }, (c) => c.text(""));
  return {
    system,
    log,
    running,
    box,
    async fresh(kind) {
      number += 1;
      const made = { email: `who${number}@acme.example`, username: `whois${number}` };
      if (kind === "unknown") return made;
      const user = await system.security.users.create({
        ...made,
        username: kind === "other case" ? `WhoIs${number}` : made.username,
        password: kind === "without password" ? null : goodPassword,
        active: kind !== "inactive",
        confirmedAt: kind === "unconfirmed" ? null : new Date(system.now()),
        roles: ["employee"],
      } as never);
      // As a database that was taken over may have it.
      if (kind === "other case")
        await system.store.update("user", { id: user.id }, { email: `Who${number}@Acme.Example` });
      return made;
    },
  };
}

interface Who {
  readonly email: string;
  readonly username: string;
}

/** What is asked of the server, for an identity. */
type Ask = (rig: Rig, who: Who) => Promise<{ status: number }>;
/** What goes before it is not compared. */
type Prepared = (rig: Rig, who: Who) => Promise<() => Promise<{ status: number }>>;
const prepared = new Map<Ask, Prepared>();
const after = (prepare: Prepared): Ask => {
  const ask: Ask = async (rig, who) => (await prepare(rig, who))();
  prepared.set(ask, prepare);
  return ask;
};
const wrongs = (times: number): Ask =>
  after(async ({ system }, { email }) => {
    const guess = () => system.client().post("/login", { json: { email, password: "wrong" } });
    for (let n = 0; n < times; n += 1) await guess();
    return guess;
  });

const json = (path: string, body: (who: Who) => object): Ask => {
  return async ({ system }, who) => system.client().post(path, { json: body(who) });
};
const basic =
  (name: (who: Who) => string): Ask =>
  ({ system }, who) =>
    system.client().get("/basic", {
      headers: { authorization: `Basic ${Buffer.from(`${name(who)}:wrong${number}`).toString("base64")}` },
    });
const fresh = "correct horse battery";

const asks: Readonly<Record<string, Ask>> = {
  "/login by e-mail": json("/login", ({ email }) => ({ email, password: "wrong" })),
  "/login by username": json("/login", ({ username }) => ({ username, password: "wrong" })),
  "Basic by e-mail": basic(({ email }) => email),
  "Basic by username": basic(({ username }) => username),
  "the login of user management by e-mail": json("/api/user/login", ({ email }) => ({ email, password: "wrong" })),
  "the login of user management by username": json("/api/user/login", ({ username }) => ({
    username,
    password: "wrong",
  })),
  param: ({ system }, { email }) => system.client().post("/param", { json: { USER: email, PASS: "wrong" } }),
  "Digest by e-mail": after(async ({ system }, { email }) => {
    const { headers } = await system.client().get("/digest");
    const challenge = challengeOf({ status: 401, header: (name: string) => headers.get(name) } as never);
    return () => system.client().get("/digest", { headers: digestHeader(challenge, email, "wrong") });
  }),
  "the guess that locks": wrongs(2),
  "a guess while it is locked": wrongs(3),
  "/reset": json("/reset", ({ email }) => ({ email })),
  "/confirm": json("/confirm", ({ email }) => ({ email })),
  "/login-link": json("/login-link", ({ email }) => ({ email })),
  "/recover-username": json("/recover-username", ({ email }) => ({ email })),
  "/register by e-mail": json("/register", ({ email }) => ({ email, password: fresh, password_confirm: fresh })),
  "/register by username": json("/register", ({ username }) => ({
    email: `else${number}@acme.example`,
    username,
    password: fresh,
    password_confirm: fresh,
  })),
  "/change-email": after(async ({ system }, { email }) => {
    const client = system.client();
    await client.signIn("ann@acme.example", goodPassword);
    await client.get("/login", { headers: { accept: "application/json" } });
    // Each of those that are compared takes the place of one that waits.
    await client.post("/change-email", { json: { email: "before@acme.example" } });
    return () => client.post("/change-email", { json: { email } });
  }),
};

/** A right password that is refused all the same must be no other work than a wrong one, or one for nobody. */
const right: Readonly<Record<string, Ask>> = {
  "/login": json("/login", ({ email }) => ({ email, password: goodPassword })),
  "the login of user management": json("/api/user/login", ({ email }) => ({ email, password: goodPassword })),
  Basic: ({ system }, { email }) =>
    system.client().get("/basic", {
      headers: { authorization: `Basic ${Buffer.from(`${email}:${goodPassword}`).toString("base64")}` },
    }),
  param: ({ system }, { email }) => system.client().post("/param", { json: { USER: email, PASS: goodPassword } }),
  Digest: after(async ({ system }, { email }) => {
    const { headers } = await system.client().get("/digest");
    const challenge = challengeOf({ status: 401, header: (name: string) => headers.get(name) } as never);
    return () => system.client().get("/digest", { headers: digestHeader(challenge, email, goodPassword) });
  }),
};

/** Somebody registers an address, free or taken, and signs in with that pair, in that browser or in another one. */
const registered = (path: string, where: "here" | "elsewhere"): Ask =>
  after(async ({ system }, { email }) => {
    const client = system.client();
    await client.post("/register", { json: { email, password: fresh, password_confirm: fresh } });
    const signsIn = where === "here" ? client : system.client();
    await signsIn.get("/login", { headers: { accept: "application/json" } });
    return () => signsIn.post(path, { json: { email, password: fresh } });
  });

/** What the database is asked from the request on until nothing goes on any more. */
async function statements(rig: Rig, ask: Ask, kind: (typeof classes)[number] | "unknown"): Promise<Entry[][]> {
  const who = await rig.fresh(kind);
  // Several times: one after the other brings work of its own.
  const settled = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3; ) {
      const before = rig.log.length;
      await rig.system.security.delivery.idle();
      await rig.system.security.audit.flush();
      await new Promise((resolve) => setTimeout(resolve, 1));
      quiet = rig.running() === 0 && rig.log.length === before ? quiet + 1 : 0;
    }
  };
  const ready = prepared.get(ask);
  const send = ready === undefined ? () => ask(rig, who) : await ready(rig, who);
  await settled();
  rig.log.length = 0;
  const { status } = await send();
  expect([200, 400, 401, 429]).toContain(status);
  const before = trailed(comparable(rig.log.slice(0, rig.log.length)));
  await settled();
  const all = trailed(comparable(rig.log));
  // After the answer several things go on side by side.
  const first = before.filter((entry) => !aside.has(entry));
  return [first, [...all.slice(before.length), ...before.filter((entry) => aside.has(entry))].sort()];
}

function compares(create: () => Promise<{ provider: DatastoreProvider; remove?: () => Promise<void> }>): void {
  let made: Awaited<ReturnType<typeof create>>;
  let rig: Rig;
  beforeAll(async () => {
    made = await create();
    rig = await rigOn(made.provider);
    // What is made once: the head of the trail, the row that decoys write.
    await statements(rig, asks["/login by e-mail"] as Ask, "unknown");
  });
  afterAll(async () => {
    await rig?.system.security.close();
    await made?.remove?.();
  });

  it.each(Object.keys(asks))("%s", async (name) => {
    const ask = asks[name] as Ask;
    const unknown = await statements(rig, ask, "unknown");
    expect(unknown.flat().length).toBeGreaterThan(0);
    for (const kind of classes) expect(await statements(rig, ask, kind), kind).toEqual(unknown);
  });

  it.each([
    ["/login", "here"],
    ["/login", "elsewhere"],
    ["/api/user/login", "here"],
  ] as const)("%s with the pair of a registration (%s)", async (path, where) => {
    const confirming = await create();
    const other = await rigOn(confirming.provider, { required: true });
    try {
      await statements(other, asks["/login by e-mail"] as Ask, "unknown");
      const free = await statements(other, registered(path, where), "unknown");
      expect(free.flat().length).toBeGreaterThan(0);
      for (const kind of classes) expect(await statements(other, registered(path, where), kind), kind).toEqual(free);
    } finally {
      await other.system.security.close();
      await confirming.remove?.();
    }
  });

  it("/register with a column of the application's own", async () => {
    const place = await create();
    const other = await rigOn(place.provider, { ownField: true });
    const ask = json("/register", ({ email }) => ({
      email,
      nick: `nick of ${email}`,
      password: fresh,
      password_confirm: fresh,
    }));
    try {
      await statements(other, asks["/login by e-mail"] as Ask, "unknown");
      const unknown = await statements(other, ask, "unknown");
      expect(unknown.flat().filter((entry) => /^begin;.*insert a row.*; rollback$/.test(entry))).toHaveLength(1);
      for (const kind of classes) expect(await statements(other, ask, kind), kind).toEqual(unknown);
    } finally {
      await other.system.security.close();
      await place.remove?.();
    }
  });

  it.each(Object.keys(right))("%s with the right password of an account that is not active", async (name) => {
    const ask = right[name] as Ask;
    const unknown = await statements(rig, ask, "unknown");
    expect(await statements(rig, ask, "inactive")).toEqual(unknown);
  });
}

describe("known and unknown identities in memory", () => compares(async () => ({ provider: memory() })));
const at = (dialect: Dialect) => () => place(dialect);
describe("known and unknown identities on SQLite", () => compares(at("sqlite")));
describeService("postgres", "known and unknown identities on PostgreSQL", () => compares(at("postgres")));
describeService("mysql", "known and unknown identities on MariaDB", () => compares(at("mysql")));
