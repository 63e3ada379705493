import {
  allOf,
  allow,
  anonymousRequired,
  anyOf,
  authRequired,
  authTokenRequired,
  customGuard,
  forbidden,
  fresh,
  type Guard,
  httpAuthRequired,
  type Identity,
  notFound,
  object,
  open,
  permissionsAccepted,
  permissionsRequired,
  rolesAccepted,
  rolesRequired,
  type SecurityRequest,
  stale,
  unauthCsrf,
  type Verdict,
} from "portcullis";
import { type TestClient, testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { basic, browser, json, openShop, type Shop, type ShopOptions, type SignedIn, signedIn } from "./routes-shop.ts";

// biome-ignore lint/suspicious/noExplicitAny: what the compiler would refuse is said in plain JavaScript
type Untyped = any;

async function shop(options?: Partial<ShopOptions>): Promise<Shop> {
  const opened = await openShop(options);
  onTestFinished(() => opened.security.close());
  return opened;
}

/** One route behind the guard, and the ways to call it. */
async function guarded(
  authz: unknown,
  options: Partial<ShopOptions> & { readonly authn?: readonly ("session" | "token" | "basic")[] } = {},
): Promise<
  Shop & {
    readonly employee: SignedIn;
    readonly admin: SignedIn;
    call(headers?: Record<string, string>): Promise<{ status: number; json: Untyped; headers: Headers }>;
  }
> {
  const { authn, ...rest } = options;
  const opened = await shop(rest);
  const app = opened.security.app();
  app.get("/x", { authz: authz as "OPEN", ...(authn === undefined ? {} : { authn }) }, (c) =>
    c.json({ user: c.var.user?.email ?? null, via: c.var.identity?.via ?? null }),
  );
  return {
    ...opened,
    employee: await signedIn(app),
    admin: await signedIn(app, "admin@example.com"),
    call: (headers = {}) => testClient(app).get("/x", { headers: { ...json, ...headers } }),
  };
}

const cookie = (client: TestClient): Record<string, string> => ({
  cookie: [...client.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
});
const token = (client: SignedIn): Record<string, string> => ({ "authentication-token": client.token });

type Who = "anonymous" | "session" | "token" | "basic";
/** Statuses for nobody, and for the employee by each scheme. */
type Row = Readonly<Record<Who, number>>;

const every = (status: number, anonymous = 401): Row => ({ anonymous, session: status, token: status, basic: status });

describe("each guard, for nobody and by each scheme", () => {
  it.each<[string, unknown, Row]>([
    ["OPEN", "OPEN", every(200, 200)],
    ["open", open("why"), every(200, 200)],
    ["AUTH", "AUTH", every(200)],
    ["CLOSE", "CLOSE", every(403, 403)],
    ["a role", "employee", every(200)],
    ["a role that is lacking", "admin", every(403)],
    ["two roles", ["employee", "admin"], every(403)],
    ["rolesRequired", rolesRequired("employee"), every(200)],
    ["rolesRequired, lacking one", rolesRequired("employee", "admin"), every(403)],
    ["rolesAccepted", rolesAccepted("admin", "employee"), every(200)],
    ["rolesAccepted, lacking all", rolesAccepted("admin"), every(403)],
    ["permissionsRequired", permissionsRequired("write"), every(403)],
    ["permissionsAccepted", permissionsAccepted("read", "write"), every(403)],
    ["authRequired", authRequired(), every(200)],
    ["authRequired(session)", authRequired("session"), { anonymous: 401, session: 200, token: 401, basic: 401 }],
    ["authRequired(several)", authRequired("basic", "token"), { anonymous: 401, session: 401, token: 200, basic: 200 }],
    ["authTokenRequired", authTokenRequired(), { anonymous: 401, session: 401, token: 200, basic: 401 }],
    ["httpAuthRequired", httpAuthRequired(), { anonymous: 401, session: 401, token: 401, basic: 200 }],
    ["fresh", fresh(), every(200)],
    ["fresh, never", fresh({ within: 0, grace: 0 }), every(401)],
    ["anonymousRequired", anonymousRequired(), every(400, 200)],
    ["unauthCsrf on a GET", unauthCsrf(), every(200, 200)],
    ["customGuard", customGuard("yes", () => allow), every(200, 200)],
    ["customGuard, no", customGuard("no", () => forbidden("no")), every(403, 403)],
    ["customGuard, not there", customGuard("no", async () => notFound), every(404, 404)],
    ["customGuard, stale", customGuard("no", () => stale), every(401, 401)],
    ["allOf", allOf(rolesRequired("employee"), authRequired()), every(200)],
    ["allOf, one fails", allOf(rolesRequired("employee"), rolesRequired("admin")), every(403)],
    ["anyOf", anyOf(rolesRequired("admin"), rolesRequired("employee")), every(200)],
    ["anyOf, all fail", anyOf(rolesRequired("admin"), permissionsRequired("read")), every(403)],
    ["anyOf, with open", anyOf(rolesRequired("admin"), open("why")), every(200, 200)],
  ])("%s", async (_, authz, row) => {
    const { call, employee } = await guarded(authz, { authn: ["session", "token", "basic"] });
    const found: Record<Who, number> = {
      anonymous: (await call()).status,
      session: (await call(cookie(employee))).status,
      token: (await call(token(employee))).status,
      basic: (await call(basic())).status,
    };
    expect(found).toEqual(row);
    // Warm, the answer is the same.
    expect((await call(cookie(employee))).status).toBe(row.session);
    expect((await call(token(employee))).status).toBe(row.token);
  });

  it("lets through whoever has what is asked for", async () => {
    for (const authz of [
      "admin",
      ["admin", "employee"],
      permissionsRequired("write"),
      permissionsAccepted("read", "write"),
    ]) {
      const { call, admin } = await guarded(authz);
      expect(await call(cookie(admin)).then((answer) => answer.json)).toEqual({
        user: "admin@example.com",
        via: "session",
      });
    }
  });

  it("does not take a word of the prototype for a role", async () => {
    const { call, employee } = await guarded(
      customGuard("x", (rq) => (rq.identity?.account.hasRole("toString") ? allow : forbidden("no"))),
    );
    expect((await call(cookie(employee))).status).toBe(403);
  });
});

describe("schemes", () => {
  it("are tried in the order token, session, basic, whatever the order named", async () => {
    for (const authz of [authRequired("basic", "session", "token"), authRequired("token", "session", "basic")]) {
      const { call, employee, admin } = await guarded(authz);
      const all = { ...basic("admin@example.com"), ...cookie(employee), ...token(admin) };
      expect((await call(all)).json).toEqual({ user: "admin@example.com", via: "token" });
      const two = { ...basic("admin@example.com"), ...cookie(employee) };
      expect((await call(two)).json).toEqual({ user: "employee@example.com", via: "session" });
      expect((await call(basic())).json).toEqual({ user: "employee@example.com", via: "basic" });
      // A token that is worth nothing does not stand in the way of the session.
      const broken = { ...cookie(employee), "authentication-token": "x" };
      expect((await call(broken)).json.via).toBe("session");
    }
  });

  it("takes basic only where it is named", async () => {
    expect((await (await guarded("AUTH")).call(basic())).status).toBe(401);
    const open = await guarded("OPEN");
    expect((await open.call(basic())).json.user).toBeNull();
    const named = await guarded("AUTH", { authn: ["basic"] });
    expect((await named.call(basic())).status).toBe(200);
    expect((await named.call(cookie(named.employee))).status).toBe(401);
    const everywhere = await shop({ authn: ["session", "basic"] });
    const app = everywhere.security.app();
    app.get("/x", { authz: "AUTH" }, (c) => c.text(c.var.identity.via));
    app.get("/y", { authz: "AUTH", authn: ["token"] }, (c) => c.text(c.var.identity.via));
    expect((await testClient(app).get("/x", { headers: basic() })).text).toBe("basic");
    expect((await testClient(app).get("/y", { headers: { ...basic(), ...json } })).status).toBe(401);
  });

  it("challenges for basic alone, in the realm of the guard, the route or the system", async () => {
    const challenge = async (
      authz: unknown,
      options: Partial<ShopOptions> = {},
      more: object = {},
    ): Promise<unknown> => {
      const { security } = await shop(options);
      const app: Untyped = security.app();
      app.get("/x", { authz, ...more }, (c: Untyped) => c.text(""));
      const answer = await testClient(app).get("/x", { headers: json });
      expect(answer.status).toBe(401);
      return answer.headers.get("www-authenticate");
    };
    expect(await challenge("AUTH")).toBeNull();
    expect(await challenge(authTokenRequired())).toBeNull();
    expect(await challenge(httpAuthRequired())).toBe('Basic realm="Login Required", charset="UTF-8"');
    expect(await challenge(httpAuthRequired('Sta"ff'))).toBe('Basic realm="Sta\\"ff", charset="UTF-8"');
    expect(await challenge(httpAuthRequired(), { realm: "Shop" })).toBe('Basic realm="Shop", charset="UTF-8"');
    expect(await challenge("AUTH", { authn: ["basic"] }, { realm: "Route" })).toBe(
      'Basic realm="Route", charset="UTF-8"',
    );
    expect(await challenge(anyOf(authTokenRequired(), httpAuthRequired("Staff")))).toBe(
      'Basic realm="Staff", charset="UTF-8"',
    );
  });

  it("of the application's own come after the built-in ones, and can't let nobody in", async () => {
    const answers: Record<string, unknown> = {
      null: null,
      false: false,
      true: true,
      text: "x",
      empty: {},
    };
    const { security } = await shop({
      schemes: [
        {
          name: "badge" as never,
          authenticate(rq) {
            const word = rq.header("x-badge");
            if (word === undefined) return undefined;
            if (word === "then") return thenable(undefined) as Untyped;
            if (word in answers) return answers[word] as Untyped;
            return security.users
              .find("email", word)
              .then((account) =>
                account === undefined
                  ? undefined
                  : ({ account, via: "badge", methods: [], authenticatedAt: null } as Identity),
              );
          },
          challenge: (realm) => `Badge realm="${realm}"`,
        },
      ],
      authn: ["session", "badge" as never],
    });
    const app = security.app();
    app.onError((_error, c) => c.text("failed", 500));
    app.get("/x", { authz: "AUTH" }, (c) => c.text(`${c.var.user.email} by ${c.var.identity.via}`));
    app.get("/fresh", { authz: fresh() }, (c) => c.text(""));
    const client = testClient(app);
    const badge = (word: string): object => ({ headers: { ...json, "x-badge": word } });
    expect((await client.get("/x", badge("employee@example.com"))).text).toBe("employee@example.com by badge");
    expect((await client.get("/fresh", badge("employee@example.com"))).status).toBe(401);
    const refused = await client.get("/x", badge("nobody@example.com"));
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, 'Badge realm="Login Required"']);
    for (const word of [...Object.keys(answers), "then"]) {
      expect([word, (await client.get("/x", badge(word))).status]).toEqual([word, word === "then" ? 401 : 500]);
    }
  });
});

/** A promise that is not the platform's own. */
function thenable<T>(value: T): { then(resolve: (value: T) => unknown): unknown } {
  // biome-ignore lint/suspicious/noThenProperty: that is what is tested
  return { then: (resolve) => resolve(value) };
}

describe("anonymousRequired", () => {
  it("sends a browser on, and tells a program", async () => {
    const { security } = await shop({ destinations: { afterSignIn: "/home" } });
    const app = security.app();
    app.get("/x", { authz: anonymousRequired() }, (c) => c.text("for visitors"));
    expect((await testClient(app).get("/x")).text).toBe("for visitors");
    const client = await signedIn(app);
    const page = await client.get("/x", { headers: browser });
    expect([page.status, page.location]).toEqual([302, "/home"]);
    const answer = await client.get("/x", { headers: json });
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ code: "anonymous_required", meta: { code: 400 } });
  });
});

describe("anyOf and allOf", () => {
  it("do not let one alternative's identity stand in for the next", async () => {
    // The token is the employee's, basic the admin's: the second alternative asks for an admin by token or session.
    const { call, employee } = await guarded(anyOf(httpAuthRequired(), rolesRequired("admin")));
    expect((await call({ ...token(employee) })).status).toBe(403);
    const only = anyOf(allOf(httpAuthRequired(), rolesRequired("employee", "admin")), rolesRequired("employee"));
    const second = await guarded(only);
    // Basic is taken by the first alternative alone, which refuses the employee; the second does not take basic.
    expect((await second.call(basic())).status).toBe(403);
    expect((await second.call(token(second.employee))).json.via).toBe("token");
    expect((await second.call({ ...basic(), ...token(second.admin) })).json).toEqual({
      user: "admin@example.com",
      via: "token",
    });
    expect((await second.call(basic("admin@example.com"))).json.via).toBe("basic");
  });

  it.each<["sync" | "async" | "thenable"]>([["sync"], ["async"], ["thenable"]])(
    "agree for guards that answer %s",
    async (how) => {
      const answer = (verdict: Verdict): Untyped =>
        how === "sync" ? verdict : how === "async" ? Promise.resolve(verdict) : thenable(verdict);
      const guard = (verdict: Verdict): Guard => ({
        check: () => answer(verdict),
        describe: () => ({ text: verdict.kind, authenticated: false }),
      });
      const yes = guard(allow);
      const no = guard(forbidden("no"));
      const gone = guard(notFound);
      const status = async (authz: unknown): Promise<number> => (await (await guarded(authz)).call()).status;
      expect(await status(yes)).toBe(200);
      expect(await status(no)).toBe(403);
      expect(await status(allOf(yes, yes))).toBe(200);
      expect(await status(allOf(yes, no))).toBe(403);
      expect(await status(allOf(no, yes))).toBe(403);
      expect(await status(allOf(yes, yes, rolesRequired("admin")))).toBe(401);
      expect(await status(anyOf(no, yes))).toBe(200);
      expect(await status(anyOf(no, gone, no))).toBe(403);
      expect(await status(anyOf(gone, rolesRequired("admin")))).toBe(404);
      expect(await status(anyOf(rolesRequired("admin"), anyOf(gone, yes)))).toBe(200);
      expect(await status(allOf(anyOf(no, yes), allOf(yes, gone)))).toBe(404);
    },
  );

  it("answer with the nearest refusal", async () => {
    const { call, employee } = await guarded(
      anyOf(authTokenRequired(), rolesRequired("admin"), fresh({ within: 0, grace: 0 })),
    );
    const answer = await call(cookie(employee));
    expect([answer.status, answer.json.reauth_required]).toEqual([401, true]);
    expect((await call()).json.code).toBe("unauthenticated");
    const other = await guarded(anyOf(authTokenRequired(), rolesRequired("admin")));
    expect((await other.call(cookie(other.employee))).status).toBe(403);
    expect((await other.call()).status).toBe(401);
  });

  it("send a stale browser to /verify, and nobody to sign-in when one way is a session", async () => {
    const { security, clock } = await shop();
    const app = security.app();
    app.get("/stale", { authz: anyOf(rolesRequired("admin"), fresh({ within: 5, grace: 0 })) }, (c) => c.text(""));
    app.get("/either", { authz: anyOf(authTokenRequired(), authRequired("session")) }, (c) => c.text(""));
    const client = await signedIn(app);
    clock.now += 6 * 60_000;
    expect((await client.get("/stale", { headers: browser })).location).toBe("/verify?next=%2Fstale");
    expect((await testClient(app).get("/either", { headers: browser })).location).toBe("/login?next=%2Feither");
  });

  it("ask the schemes first and objects last", async () => {
    const asked: string[] = [];
    const own = customGuard("own", () => {
      asked.push("own");
      return allow;
    });
    const { security } = await shop({
      store: () => {
        asked.push("object");
        return true;
      },
    });
    const app = security.app();
    const params = z.object({ sid: z.int() });
    app.get("/:sid", { authz: allOf(object("store", "sid"), own, authTokenRequired()), params }, (c) => c.text(""));
    const client = await signedIn(app);
    expect((await client.get("/1", { headers: json })).status).toBe(401);
    expect((await client.get("/x", { headers: json })).status).toBe(401);
    expect(asked).toEqual([]);
    expect((await client.get("/1", { headers: token(client) })).status).toBe(200);
    expect(asked).toEqual(["own", "object"]);
  });
});

describe("object", () => {
  const params = z.object({ sid: z.int(), q: z.string().optional() });

  async function store(rule: (user: Untyped, id: unknown, mode: string | undefined) => unknown): Promise<{
    readonly employee: SignedIn;
    readonly nobody: TestClient;
  }> {
    const { security } = await shop({ store: rule });
    const app = security.app();
    app.onError((_error, c) => c.text("failed", 500));
    app.get("/store/:sid", { authz: object("store", "sid", "manager"), params }, (c) => c.text("reached"));
    app.get("/role/:sid", { authz: allOf(object("store", "sid"), rolesRequired("admin")), params }, (c) => c.text(""));
    app.get("/text/:sid", { authz: object("store", "sid") }, (c) => c.text("reached"));
    app.get("/list", { authz: object("store", "sid"), params: z.object({ sid: z.array(z.int()) }) }, (c) =>
      c.text("reached"),
    );
    app.get("/maybe", { authz: object("store", "sid"), params: params.partial() }, (c) => c.text("reached"));
    return { employee: await signedIn(app), nobody: testClient(app) };
  }

  it.each<[string, unknown, number]>([
    ["true", true, 200],
    ["false", false, 403],
    ["undefined", undefined, 404],
    ["a promise of true", Promise.resolve(true), 200],
    ["a promise of false", Promise.resolve(false), 403],
    ["a promise of undefined", Promise.resolve(undefined), 404],
    ["a foreign promise of true", thenable(true), 200],
    ["a foreign promise of false", thenable(false), 403],
    ["1", 1, 403],
    ["a text", "yes", 403],
    ["an object", {}, 403],
    ["a row", { id: 1 }, 403],
    ["a Boolean", Object(true), 403],
    ["null", null, 403],
    ["a promise of a row", Promise.resolve([{ id: 1 }]), 403],
  ])("a rule that answers %s", async (_, result, status) => {
    const { employee, nobody } = await store(() => result);
    expect((await employee.get("/store/1", { headers: json })).status).toBe(status);
    expect((await nobody.get("/store/1", { headers: json })).status).toBe(401);
  });

  it("closes when the rule throws or rejects", async () => {
    for (const rule of [
      () => {
        throw new Error("database");
      },
      () => Promise.reject(new Error("database")),
    ]) {
      const { employee } = await store(rule);
      const answer = await employee.get("/store/1", { headers: json });
      expect([answer.status, answer.text]).toEqual([500, "failed"]);
    }
  });

  it("gives the rule the user, the identifier in the schema's type, and the mode", async () => {
    const asked: unknown[] = [];
    const { employee } = await store((user, id, mode) => {
      asked.push([user.email, id, mode]);
      return true;
    });
    await employee.get("/store/7");
    await employee.get("/text/7");
    await employee.get("/list?sid=1&sid=2");
    await employee.get("/maybe");
    expect(asked).toEqual([
      ["employee@example.com", 7, "manager"],
      ["employee@example.com", "7", undefined],
      ["employee@example.com", [1, 2], undefined],
    ]);
    expect((await employee.get("/maybe", { headers: json })).status).toBe(403);
  });

  it("answers 401 before 400, and 400 before 404 and 403", async () => {
    const { employee, nobody } = await store(() => false);
    const wrong = "/store/x?z=1";
    expect((await nobody.get(wrong, { headers: json })).status).toBe(401);
    expect((await employee.get(wrong, { headers: json })).status).toBe(400);
    expect((await employee.get("/store/1", { headers: json })).status).toBe(403);
    // What needs no parameters is asked before them.
    expect((await employee.get("/role/x", { headers: json })).status).toBe(403);
  });
});

describe("customGuard", () => {
  it("knows who is calling, and closes on whatever is no verdict", async () => {
    const seen: (string | undefined)[] = [];
    const own = customGuard("own", (rq: SecurityRequest) => {
      seen.push(rq.identity?.account.email);
      return allow;
    });
    const { call, employee } = await guarded(own);
    await call();
    expect((await call(cookie(employee))).json.user).toBe("employee@example.com");
    expect(seen).toEqual([undefined, "employee@example.com"]);
    for (const result of [
      true,
      undefined,
      null,
      {},
      "allow",
      { kind: "allowed" },
      Promise.resolve(true),
      thenable(true),
    ]) {
      const wrong = await shop();
      const app = wrong.security.app();
      app.onError((_error, c) => c.text("failed", 500));
      app.get("/x", { authz: customGuard("wrong", () => result as Untyped) }, (c) => c.text("reached"));
      expect(
        await testClient(app)
          .get("/x")
          .then(({ text }) => text),
      ).toBe("failed");
    }
  });

  it("holds requests that a session makes to the CSRF check", async () => {
    const { security } = await shop();
    const app = security.app();
    app.post("/x", { authz: customGuard("own", () => allow) }, (c) => c.text("done"));
    const client = await signedIn(app);
    expect((await client.post("/x", { csrf: false, headers: json })).json.code).toBe("csrf_missing");
    expect((await client.post("/x")).text).toBe("done");
  });
});

describe("freshness", () => {
  it("ends after `within`, and a check that passed holds for `grace`", async () => {
    const { security, clock } = await shop();
    const app = security.app();
    app.get("/x", { authz: fresh({ within: 10, grace: 0 }) }, (c) => c.text("fresh"));
    app.get("/grace", { authz: authRequired("session", { within: 10, grace: 20 }) }, (c) => c.text("fresh"));
    const client = await signedIn(app);
    const answers = async (path: string): Promise<number> => (await client.get(path, { headers: json })).status;
    clock.now += 9 * 60_000;
    expect([await answers("/x"), await answers("/grace")]).toEqual([200, 200]);
    clock.now += 2 * 60_000;
    expect([await answers("/x"), await answers("/grace")]).toEqual([401, 200]);
    clock.now += 20 * 60_000;
    expect(await answers("/grace")).toBe(401);
    // A clock that went back makes nothing fresh.
    clock.now -= 60 * 60_000;
    expect(await answers("/x")).toBe(401);
  });

  it("takes the options freshness where the guard says nothing", async () => {
    const { security, clock } = await shop({ freshness: { within: "5m", grace: "0s" } });
    const app = security.app();
    app.get("/x", { authz: fresh() }, (c) => c.text("fresh"));
    const client = await signedIn(app);
    clock.now += 4 * 60_000;
    expect((await client.get("/x", { headers: json })).status).toBe(200);
    clock.now += 2 * 60_000;
    expect((await client.get("/x", { headers: json })).status).toBe(401);
  });
});

describe("unauthCsrf", () => {
  it("asks a POST by nobody for a token, as a header or a form field", async () => {
    const { security } = await shop();
    const app = security.app();
    app.get("/form", { authz: "OPEN" }, (c) => c.html(security.csrfField(c)));
    app.on(["POST", "OPTIONS", "PURGE"], "/x", { authz: unauthCsrf() }, (c) => c.text("done"));
    const visitor = testClient(app);
    await visitor.get("/form");
    const found = visitor.csrfToken ?? "";
    expect((await visitor.post("/x", { csrf: false, headers: json })).json.code).toBe("csrf_missing");
    expect((await visitor.post("/x", { csrf: false, form: { csrf_token: "x" }, headers: json })).json.code).toBe(
      "csrf_invalid",
    );
    expect((await visitor.post("/x", { csrf: false, form: { csrf_token: found } })).text).toBe("done");
    expect((await visitor.post("/x")).text).toBe("done");
    expect((await visitor.request("PURGE", "/x", { csrf: false, headers: json })).status).toBe(400);
    expect((await visitor.request("OPTIONS", "/x", { csrf: false })).status).toBe(200);
    // The token hangs on the visitor's cookie.
    expect((await testClient(app).post("/x", { headers: { "x-csrf-token": found, ...json } })).status).toBe(400);
    const client = await signedIn(app);
    expect((await client.post("/x", { csrf: false, headers: json })).json.code).toBe("csrf_missing");
    expect((await testClient(app).post("/x", { headers: token(client) })).text).toBe("done");
  });
});

it("keeps guards as they were made", async () => {
  const names = ["employee", "admin"] as const;
  const list: string[] = [...names];
  const guard = rolesRequired(...(list as Untyped));
  list.pop();
  for (const one of [
    guard,
    allOf(guard),
    anyOf(guard),
    authRequired("token"),
    httpAuthRequired("x"),
    permissionsRequired("read"),
  ]) {
    const first = structuredClone(one.describe());
    for (const value of Object.values(one.describe())) {
      if (!Array.isArray(value)) continue;
      try {
        value.length = 0;
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
      }
    }
    expect(one.describe()).toEqual(first);
  }
  expect((await (await guarded(guard)).employee.get("/x", { headers: json })).status).toBe(403);
});
