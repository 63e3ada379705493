import {
  allOf,
  allow,
  anonymousRequired,
  anyOf,
  authRequired,
  customGuard,
  forbidden,
  fresh,
  type Guard,
  httpAuthRequired,
  oauth,
  object,
  open,
  permissionsRequired,
  portcullis,
  rolesAccepted,
  rolesRequired,
  scope,
  unauthCsrf,
} from "portcullis";
import { passwords } from "portcullis/features";
import { memory } from "portcullis/memory";
import { accessTests, byPassword, testClient } from "portcullis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { lockText } from "../../routes/matrix.ts";
import { generateAccessTests } from "./fixtures/generated.ts";

const opened: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const security of opened) await security.close();
});

/** Guards and rules as they are meant; a test breaks one of them. */
const meant = {
  admin: rolesRequired("admin") as Guard,
  either: rolesAccepted("admin", "clerk") as Guard,
  permission: permissionsRequired("write") as Guard,
  signedIn: "AUTH" as "AUTH" | "OPEN" | Guard,
  basic: httpAuthRequired() as Guard,
  fresh: fresh({ within: 60, grace: 0 }) as Guard,
  store: object("store", "sid", "manager") as Guard,
  both: allOf(rolesRequired("clerk"), object("store", "sid")) as Guard,
  any: anyOf(rolesRequired("admin"), object("store", "sid")) as Guard,
  scoped: scope("read") as Guard,
  own: customGuard("the clerk on duty", (rq) =>
    rq.identity?.account.hasRole("clerk") === true ? allow : forbidden("is not on duty"),
  ) as Guard,
  realm: "code",
  rule: (user: { readonly email: string }, id: string): boolean | undefined =>
    Number(id) > 2 ? undefined : user.email === (id === "1" ? "clerk@acme.example" : "admin@acme.example"),
};
type Meant = typeof meant;

async function start(changes: Partial<Meant> = {}) {
  const guards = { ...meant, ...changes };
  const clock = { now: Date.UTC(2026, 0, 1) };
  const security = await portcullis({
    secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
    origins: ["http://localhost:3000"],
    datastore: memory(),
    features: [passwords()],
    roles: ["admin", "clerk"],
    permissions: ["write"],
    scopes: ["read", "write"],
    schemes: [oauth()],
    objects: { store: { check: guards.rule, id: "text" } },
    passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
    clock: () => clock.now,
    log: () => {},
  });
  opened.push(security);
  await security.roles.addPermissions("admin", "write");
  const password = "password";
  const users = {
    admin: await security.users.create({ email: "admin@acme.example", password, roles: ["admin"] }),
    clerk: await security.users.create({ email: "clerk@acme.example", password, roles: ["clerk"] }),
    guest: await security.users.create({ email: "guest@acme.example", password }),
    gone: await security.users.create({ email: "gone@acme.example", password, roles: ["admin"] }),
  };
  const app = security.app();
  const handled: string[] = [];
  // The kit must not need to run what routes do.
  const answer = (c: { text(text: string): Response; req: { path: string } }): Response => {
    handled.push(c.req.path);
    return c.text("done");
  };
  app.get("/", { authz: open("the front page") }, answer);
  app.get("/closed", { authz: "CLOSE" }, answer);
  app.get("/admin", { authz: guards.admin as never }, answer);
  app.post("/admin", { authz: guards.admin as never }, answer);
  app.get("/either", { authz: guards.either as never }, answer);
  app.put("/permission", { authz: guards.permission as never }, answer);
  app.get("/me", { authz: guards.signedIn as never }, answer);
  app.post("/basic", { authz: guards.basic as never }, answer);
  app.get("/fresh", { authz: guards.fresh as never }, answer);
  app.get("/token", { authz: authRequired("token") }, answer);
  app.post(
    "/step",
    { authz: "AUTH", authn: ["token"], ...(guards.realm === "" ? {} : { realm: guards.realm }) },
    answer,
  );
  app.get("/store/:sid{[0-9]+}", { authz: guards.store as never }, answer);
  app.delete("/store/:sid{[0-9]+}", { authz: guards.both as never }, answer);
  app.get("/any/:sid{[0-9]+}", { authz: guards.any as never }, answer);
  app.get("/scoped", { authz: guards.scoped as never, authn: ["oauth", "session"] }, answer);
  app.get("/own", { authz: guards.own as never }, answer);
  app.get("/new", { authz: anonymousRequired() }, answer);
  app.post("/form", { authz: unauthCsrf() }, answer);

  const of = (name: string) => ({ email: `${name}@acme.example`, password });
  // Signed in before the clock goes on, and while their account was still on.
  const stale = testClient(app);
  await stale.signIn("admin@acme.example", password);
  clock.now += 2 * 3_600_000;
  const inactive = testClient(app);
  await inactive.signIn("gone@acme.example", password);
  await security.users.deactivate(users.gone);
  const limited = await security.createToken(users.guest, { scopes: ["read"] });
  const wrong = await security.createToken(users.guest, { scopes: ["write"] });
  const half = await security.createToken(users.clerk, { realm: "code" });
  return {
    app,
    handled,
    people: {
      admin: { roles: ["admin"], permissions: ["write"], credentials: byPassword(app, of("admin")) },
      clerk: { roles: ["clerk"], credentials: byPassword(app, of("clerk")) },
      guest: { credentials: byPassword(app, of("guest")) },
      stale: { roles: ["admin"], permissions: ["write"], state: "stale", credentials: { session: () => stale } },
      inactive: { roles: ["admin"], state: "inactive", credentials: { session: () => inactive } },
      limited: { scopes: ["read"], credentials: { oauth: () => ({ "authentication-token": limited }) } },
      half: { roles: ["clerk"], realm: "code", credentials: { token: () => ({ "authentication-token": half }) } },
      wrong: { scopes: ["write"], credentials: { oauth: () => ({ "authentication-token": wrong }) } },
    },
  } as const;
}

const lock = lockText((await start()).app.accessMatrix());

/** Runs the generated tests and returns the titles of those that fail. */
async function failuresOf(
  { app, people }: Awaited<ReturnType<typeof start>>,
  changes: Partial<Parameters<typeof accessTests>[1]> = {},
) {
  const generated = generateAccessTests(app, {
    lock,
    people,
    objects: {
      store: {
        ids: [1, 2, 3],
        may: (person, id) =>
          id === 3 ? undefined : (["admin", "stale"].includes(person) && id === 2) || (person === "clerk" && id === 1),
      },
    },
    may: { "GET /own": ["clerk"] },
    ...changes,
  });
  const failures = (await generated.failures()).map(({ title }) => title);
  return { failures, count: generated.titles.length, titles: generated.titles };
}

/** A guard that says what it did, and lets everybody pass. */
function hollow(guard: Guard): Guard {
  return { check: () => allow, describe: () => guard.describe() };
}

describe("accessTests", () => {
  it("pass for an application as it is meant, with an allow and a deny for each route, and run no handler", async () => {
    const subject = await start();
    const { failures, count, titles } = await failuresOf(subject);
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(150);
    expect(subject.handled).toEqual([]);
    expect(titles).toEqual(
      expect.arrayContaining([
        "GET /admin > anonymous: 401",
        "GET /admin > guest: 403",
        "GET /admin > admin: let in",
        "GET /admin > inactive: 401",
        "GET /fresh > stale: 401, to prove again who they are",
        "GET /store/:sid{[0-9]+} > clerk, sid 1: let in",
        "GET /store/:sid{[0-9]+} > clerk, sid 2: 403",
        "GET /store/:sid{[0-9]+} > clerk, sid 3: 404",
        "GET /token > stale: 401",
        "GET /scoped > limited: let in",
        "GET /scoped > wrong: 403",
        "GET /own > guest: refused",
        "GET /closed > admin: 403",
        "GET /new > admin: 400, as somebody is signed in",
        "POST /form > anonymous: 400, without a CSRF token",
        "POST /login > anonymous: let in",
        "POST /verify > anonymous: 401",
      ]),
    );
  });

  it.each(["admin", "either", "permission", "basic", "fresh", "store", "both", "any", "scoped", "own"] as const)(
    "fail where the guard %s is only said and no longer enforced",
    async (name) => {
      const { failures } = await failuresOf(await start({ [name]: hollow(meant[name]) }));
      expect(failures.length).toBeGreaterThan(0);
      expect(failures.every((title) => /: (?:401|403|404|refused)/.test(title))).toBe(true);
    },
  );

  it("do not come to run where a route that takes tokens limited to scopes asks for none", async () => {
    await expect(start({ scoped: open("nothing to see") })).rejects.toThrow(/asks for no scope/);
  });

  const guarded = Object.keys(meant).filter((name) => !["rule", "realm", "scoped"].includes(name));
  it.each(guarded)("fail where the guard %s is removed", async (name) => {
    const removed = start({ [name]: open("nothing to see") });
    // Without the scope, a route for limited tokens does not even start.
    if (name === "scoped") return expect(removed).rejects.toThrow("asks for no scope");
    const { failures } = await failuresOf(await removed);
    expect(failures.some((title) => title.endsWith("is guarded as in the lock"))).toBe(true);
    return undefined;
  });

  it.each<[string, Partial<Meant>, string]>([
    ["a role", { admin: authRequired() }, "GET /admin"],
    ["one of two roles", { either: rolesAccepted("admin", "clerk", "guest" as "clerk") }, ""],
    ["a permission", { permission: rolesAccepted("admin", "clerk") }, "PUT /permission"],
    ["freshness", { fresh: fresh({ within: 6000 }) }, "GET /fresh"],
    ["a mode", { store: object("store", "sid") }, "GET /store/:sid{[0-9]+}"],
    ["all to any", { both: anyOf(rolesRequired("clerk"), object("store", "sid")) }, "DELETE /store/:sid{[0-9]+}"],
  ])("fail where %s is loosened", async (_, changes, label) => {
    if (label === "") {
      // A role outside of the vocabulary does not even start.
      await expect(start(changes)).rejects.toThrow(/there is no role/);
      return;
    }
    const { failures } = await failuresOf(await start(changes));
    expect(failures).toContain(`${label} > is guarded as in the lock`);
  });

  it("fail where the application's rule for objects is loosened", async () => {
    const { failures } = await failuresOf(await start({ rule: () => true }));
    expect(failures).toContain("GET /store/:sid{[0-9]+} > clerk, sid 2: 403");
    expect(failures).toContain("GET /store/:sid{[0-9]+} > clerk, sid 3: 404");
  });

  it("fail where a route takes the tokens of another realm", async () => {
    for (const realm of ["", "other"]) {
      const { failures } = await failuresOf(await start({ realm }));
      expect(failures).toContain("POST /step > is guarded as in the lock");
    }
    const subject = await start();
    const { half } = subject.people;
    const people = { ...subject.people, half: { ...half, realm: "other" } };
    const { failures } = await failuresOf(subject, { people });
    expect(failures).toEqual([
      "POST /step > has somebody who passes and, unless it is open, somebody who does not",
      "POST /step > half: 401",
    ]);
  });

  it("fail where a guard is tightened, so that the right ones are refused", async () => {
    const shut: Guard = { check: () => forbidden("broken"), describe: () => meant.either.describe() };
    const { failures } = await failuresOf(await start({ either: shut }));
    expect(failures).toEqual(expect.arrayContaining(["GET /either > admin: let in", "GET /either > clerk: let in"]));
  });

  it("fail where the people can't tell", async () => {
    const subject = await start();
    const { guest } = subject.people;
    const few = await failuresOf(subject, { people: { guest } });
    expect(few.failures).toContain(
      "GET /admin > has somebody who passes and, unless it is open, somebody who does not",
    );
    const noObjects = await failuresOf(subject, { objects: {} });
    expect(noObjects.failures.some((title) => title.startsWith("GET /any"))).toBe(true);
    const silent = await failuresOf(subject, { may: {} });
    expect(silent.failures).toEqual([
      "GET /own > has somebody who passes and, unless it is open, somebody who does not",
    ]);
    const mistaken = await failuresOf(subject, {
      may: { "GET /own": ["clerk"], "GET /admin": ["admin"], "GET /x": [] },
    });
    expect(mistaken.failures).toEqual([
      "is to the routes of the lock",
      // The stale one is an admin too.
      "GET /admin > has somebody who passes and, unless it is open, somebody who does not",
    ]);
  });

  it("fail for a route that is not in the lock, and for one that is there no more", async () => {
    const subject = await start();
    const more = await failuresOf(subject, { lock: `${lock}GET /old ; role admin ; by token, session\n` });
    expect(more.failures).toEqual(["is to the routes of the lock"]);
    const less = await failuresOf(subject, { lock: lock.replace(/^GET \/me ;.*\n/m, "") });
    expect(less.failures).toEqual(["GET /me > is guarded as in the lock"]);
  });

  it("refuses what is no application of security.app(), and a person called as nobody", async () => {
    const subject = await start();
    const { people } = subject;
    const none = { describe: () => {}, it: () => {}, lock, people };
    expect(() => accessTests({ fetch: () => new Response(), accessMatrix: () => [] }, none)).toThrow(
      /security\.app\(\)/,
    );
    expect(() => accessTests(subject.app, { ...none, people: { anonymous: people.guest } })).toThrow(
      /people\.anonymous/,
    );
  });
});
