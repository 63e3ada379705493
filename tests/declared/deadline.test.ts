/** A function of the application that never answers closes its route, and hangs nobody. */
import {
  type Account,
  allow,
  customGuard,
  digest,
  object,
  outbox,
  passFunctionCheck,
  portcullis,
  type Scheme,
} from "portcullis";
import { accountDeletion, changePassword, passwords } from "portcullis/features";
import { testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { weakHashing } from "../http/authn-system.ts";
import { basic, basics, call, origin, password, plant } from "./system.ts";

/** Promises that a test settles when it likes; until then nothing is answered. */
function pending<T>(): { ask: () => Promise<T>; settle: (value: T) => void; fail: () => void; readonly asked: number } {
  const waiting: PromiseWithResolvers<T>[] = [];
  return {
    get asked() {
      return waiting.length;
    },
    ask() {
      const one = Promise.withResolvers<T>();
      waiting.push(one);
      return one.promise;
    },
    settle: (value) => waiting.at(-1)?.resolve(value),
    fail: () => waiting.at(-1)?.reject(new Error("too late")),
  };
}

const never = (): Promise<never> => new Promise(() => undefined);
const quick = { ruleDeadline: "0.03s" } as const;
const headers = { authorization: basic("ann@acme.example", password) };

interface Case {
  readonly name: string;
  readonly path?: string;
  readonly options?: object;
  readonly authz?: unknown;
}

const hung: Scheme = { name: "hung", authenticate: never };
const cases: readonly Case[] = [
  {
    name: "the rule of an object",
    authz: object("store" as never, "id" as never),
    options: { objects: { store: { check: never, id: "text" } } },
  },
  {
    name: "the check of a rule with a condition",
    authz: object("store" as never, "id" as never),
    options: { objects: { store: { check: never, where: () => 1, id: "text" } } },
  },
  { name: "the check of a group", authz: "staff", options: { groups: ["staff"], groupCheck: never } },
  { name: "one group's check", authz: "staff", options: { groups: ["staff"], groupCheck: { staff: never } } },
  { name: "a guard", authz: customGuard("hangs", never) },
  { name: "a function check", authz: passFunctionCheck(never) },
  { name: "a scheme", authz: "AUTH", options: { schemes: [hung], authn: ["hung", "basic"] } },
  {
    name: "a scheme that is made for the system",
    authz: "AUTH",
    options: { schemes: [{ name: "hung", make: () => hung }], authn: ["hung", "basic"] },
  },
  { name: "the check of passwords", options: { passwords: { hashing: weakHashing, check: never } } },
  { name: "a hook before requests", options: { routes: { beforeRequest: never } } },
  { name: "a hook before handlers", options: { routes: { beforeExec: never } } },
  { name: "a hook after requests", options: { routes: { afterRequest: never } } },
  { name: "a handler of refusals", authz: "CLOSE", options: { handlers: { unauthorized: never } } },
];

async function start(of: Omit<Case, "name">, more: object = {}) {
  const log: [string, unknown][] = [];
  const security = await portcullis({
    ...basics(),
    ...quick,
    authn: ["basic"],
    log: (message: string, details?: unknown) => log.push([message, details]),
    ...of.options,
    ...more,
  } as never);
  await plant(security as never);
  const app = security.app();
  const handled = vi.fn();
  app.get("/x/:id", { authz: (of.authz ?? "AUTH") as never }, (c) => {
    handled();
    return c.text("let in");
  });
  return { app: app as never as Parameters<typeof call>[0], security, handled, log };
}

describe.each(cases)("$name that never answers", (of) => {
  it("is answered with 503 in time, logged, and the handler does not run", async () => {
    const { app, handled, log } = await start(of);
    const answer = await call(app, "/x/1", { headers });
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(JSON.parse(answer.text)).toMatchObject({ code: "unavailable" });
    if (!("routes" in (of.options ?? {}))) expect(handled).not.toHaveBeenCalled();
    expect(log.some(([message]) => message === "a function of the application did not answer in time")).toBe(true);
  });
});

describe("the secret of a digest that never comes", () => {
  it("ends the request with 503", async () => {
    const { app, security } = await start({ options: { schemes: [digest({ secret: never })], authn: ["digest"] } });
    onTestFinished(() => (security as never as { close(): Promise<void> }).close());
    const challenge = (await call(app, "/x/1")).headers.get("www-authenticate") ?? "";
    const [nonce, opaque] = ["nonce", "opaque"].map((name) => new RegExp(`${name}="([^"]+)"`).exec(challenge)?.[1]);
    const sent = `username="ann@acme.example", realm="${/realm="([^"]+)"/.exec(challenge)?.[1]}", nonce="${nonce}"`;
    const more = `uri="/x/1", qop=auth, nc=00000001, cnonce="abc", response="00", algorithm=SHA-256`;
    const headers = { authorization: `Digest ${sent}, opaque="${opaque}", ${more}` };
    expect((await call(app, "/x/1", { headers })).status).toBe(503);
  });
});

describe("getUserPass that never answers", () => {
  it("ends a sign-in with 503", async () => {
    const { datastore: _, ...without } = basics();
    const security = await portcullis({ ...without, ...quick, authn: ["basic"], getUserPass: never });
    const app = security.app();
    app.get("/x", { authz: "AUTH" }, (c) => c.text("let in"));
    expect((await call(app, "/x", { headers })).status).toBe(503);
  });
});

describe("on the account pages", () => {
  const signedIn = async (options: object) => {
    const { security } = await start({ options: { authn: ["session"], mail: { sender: outbox() }, ...options } });
    const app = security.app() as never;
    const client = testClient(app, origin);
    await client.signIn("ann@acme.example", password);
    await client.get("/login", { headers: { accept: "application/json" } });
    return { security: security as never as Security, client, stranger: testClient(app, origin) };
  };
  interface Security {
    readonly users: { find(attribute: string, value: string): Promise<{ readonly id: number } | undefined> };
    purge(): Promise<void>;
  }

  it("an export of the application's that never answers ends its request with 503", async () => {
    const { client } = await signedIn({ features: [passwords(), accountDeletion({ export: never })] });
    expect((await client.post("/export-account", { json: {} })).status).toBe(503);
  });

  it("an onDelete that never answers ends its request and keeps the shut account for the next try", async () => {
    const asked = vi.fn(never);
    const { client, security } = await signedIn({
      features: [passwords(), accountDeletion({ grace: "now", onDelete: asked })],
    });
    expect((await client.post("/delete-account", { json: { password } })).status).toBe(503);
    expect((await client.post("/login", { json: { email: "ann@acme.example", password } })).status).not.toBe(200);
    // Nor does it hold up what is done each hour.
    await security.purge();
    expect(asked).toHaveBeenCalledTimes(2);
    expect(await security.users.find("email", "ann@acme.example")).toBeDefined();
    asked.mockResolvedValue(undefined as never);
    await security.purge();
    expect(await security.users.find("email", "ann@acme.example")).toBeUndefined();
  });

  it.each([{ validators: [never] }, { replace: { identity: never } }])(
    "a check of new passwords that never answers (%o) ends its request with 503, and the password stays",
    async (policy) => {
      const { client, stranger } = await signedIn({
        features: [passwords(), changePassword()],
        passwords: { hashing: weakHashing, policy },
      });
      const next = "correct horse battery";
      const body = { password, new_password: next, new_password_confirm: next };
      expect((await client.post("/change", { json: body })).status).toBe(503);
      expect((await stranger.signIn("ann@acme.example", password)).status).toBe(200);
    },
  );
});

describe("a rule that answers too late", () => {
  it.each(["yes", "an error"])("(%s) changes nothing, and is not kept", async (late) => {
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    onTestFinished(() => {
      process.off("unhandledRejection", unhandled);
    });
    const rule = pending<boolean>();
    const options = { objects: { store: { check: rule.ask, id: "text" } }, caches: { object: { ttl: "1h" } } };
    const { app, handled } = await start({ authz: object("store" as never, "id" as never), options });
    expect((await call(app, "/x/1", { headers })).status).toBe(503);
    if (late === "yes") rule.settle(true);
    else rule.fail();
    await new Promise((resolve) => setImmediate(resolve));
    // Asked anew: what came late has not been cached.
    expect((await call(app, "/x/1", { headers })).status).toBe(503);
    expect([rule.asked, handled.mock.calls.length, unhandled.mock.calls.length]).toEqual([2, 0, 0]);
  });

  it("is not waited for in a list", async () => {
    const options = { objects: { store: (_user: Account, id: number) => (id === 2 ? never() : true) } };
    const { security } = await start({ options });
    const user = (await (security as never as { users: { find(a: string, b: string): Promise<unknown> } }).users.find(
      "email",
      "ann@acme.example",
    )) as never;
    await expect(security.visible("store" as never, user, [1, 2, 3])).rejects.toMatchObject({ code: "deadline" });
  });
});

describe("a hook before a sign-in that never answers", () => {
  it("ends it with 503", async () => {
    const { security } = await start({ options: { features: [passwords()] } });
    security.events.before("signIn", never);
    const client = testClient(security.app() as never, origin);
    const answer = await client.post("/login", { json: { email: "ann@acme.example", password } });
    expect(answer.status).toBe(503);
  });
});

describe("the option ruleDeadline", () => {
  it("asks rules that answer at once without a timer", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    onTestFinished(() => timers.mockRestore());
    const options = {
      objects: { store: { check: () => true, id: "text" } },
      groups: ["staff"],
      groupCheck: () => true,
    };
    const decided = customGuard("at once", () => allow);
    for (const authz of [object("store" as never, "id" as never), "staff", decided, passFunctionCheck(() => true)]) {
      const { app } = await start({ authz, options });
      await call(app, "/x/1", { headers });
      timers.mockClear();
      expect((await call(app, "/x/1", { headers })).text).toBe("let in");
      expect(timers).not.toHaveBeenCalled();
    }
  });

  it.each(["0s", "2h", "soon", 5])("refuses %s", async (ruleDeadline) => {
    await expect(portcullis({ ...basics(), ruleDeadline } as never)).rejects.toThrow(/^ruleDeadline: /);
    const hookDeadline = ruleDeadline;
    await expect(portcullis({ ...basics(), hookDeadline } as never)).rejects.toThrow(/^hookDeadline: /);
  });
});
