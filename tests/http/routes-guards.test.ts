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
  stale,
  unauthCsrf,
  type Verdict,
} from "portcullis";
import { testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  basic,
  browser,
  cookie,
  guarded,
  json,
  type ShopOptions,
  shop,
  signedIn,
  thenable,
  token,
} from "./routes-shop.ts";

// biome-ignore lint/suspicious/noExplicitAny: what the compiler would refuse is said in plain JavaScript
type Untyped = any;

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
  it("are tried in the order named, and token before session where nothing is said", async () => {
    const cases = [
      [authRequired("basic", "session", "token"), ["basic", "session", "token"]],
      [authRequired("token", "session", "basic"), ["token", "session", "basic"]],
      ["AUTH", ["token", "session"]],
    ] as const;
    for (const [authz, order] of cases) {
      const { call, employee, admin } = await guarded(authz);
      const credentials = { token: token(admin), session: cookie(employee), basic: basic("admin@example.com") };
      for (const [index, first] of order.entries()) {
        const sent = Object.assign({}, ...order.slice(index).map((name) => credentials[name]));
        expect((await call(sent)).json.via).toBe(first);
      }
      // A token that is worth nothing is not made up for by the session.
      const broken = { ...cookie(employee), "authentication-token": "x" };
      expect((await call(broken)).status).toBe(401);
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

/** One of a page's own scripts, which takes anything and can follow nobody to a page. */
const script = { accept: "*/*", "sec-fetch-mode": "cors" };

describe("anonymousRequired", () => {
  it("sends a browser on, and tells a program", async () => {
    const { security } = await shop({ destinations: { afterSignIn: "/home" } });
    const app = security.app();
    app.get("/x", { authz: anonymousRequired() }, (c) => c.text("for visitors"));
    expect((await testClient(app).get("/x")).text).toBe("for visitors");
    const client = await signedIn(app);
    const page = await client.get("/x", { headers: browser });
    expect([page.status, page.location]).toEqual([302, "/home"]);
    for (const headers of [json, script]) {
      const answer = await client.get("/x", { headers });
      expect([answer.status, answer.location]).toEqual([400, null]);
      expect(answer.json).toMatchObject({ code: "anonymous_required", meta: { code: 400 } });
    }
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
