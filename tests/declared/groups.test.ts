import { allOf, type GroupCheck, oauth, object, portcullis, rolesAccepted, rolesRequired, scope } from "portcullis";
import { describe, expect, it } from "vitest";
import { advance, basic, basics, call, password, plant } from "./system.ts";

const ann = { authorization: basic("ann@acme.example", password) };

/** Routes for the groups staff and board, the role clerk and the scope read. */
async function groupApp(groupCheck: GroupCheck<"staff" | "board">) {
  const security = await portcullis({
    ...basics(),
    authn: ["basic", "token"],
    schemes: [oauth()],
    tokens: { carriers: ["bearer"] },
    roles: ["clerk"],
    groups: ["staff", "board"],
    groupCheck,
    scopes: ["read", "write"],
    objects: { store: { check: (_user, id: string) => id === "1", id: "text" } },
  });
  const user = await plant(security);
  await security.users.addRole(user, "clerk");
  const app = security.app();
  app.onError((_error, c) => c.text("failed", 500));
  app.get("/staff", { authz: "staff" }, (c) => c.text("staff"));
  app.get("/board", { authz: "board" }, (c) => c.text("board"));
  app.get("/both", { authz: ["staff", "clerk"] }, (c) => c.text("both"));
  app.get("/all", { authz: rolesRequired("clerk", "staff", "board") }, (c) => c.text("all"));
  app.get("/any", { authz: rolesAccepted("board", "staff") }, (c) => c.text("any"));
  const limited = allOf(scope("read"), rolesRequired("staff"), object("store", "sid"));
  app.get("/store/:sid", { authz: limited, authn: ["oauth", "basic"] }, (c) => c.text("store"));
  const status = async (path: string): Promise<number> => (await call(app, path, { headers: ann })).status;
  return { security, app, user, status };
}

describe("groups", () => {
  it.each<[string, GroupCheck<"staff" | "board">]>([
    ["a function for each group", { staff: (user) => user.email.startsWith("ann@"), board: () => false }],
    ["one function for all", (user, group) => group === "staff" && user.email.startsWith("ann@")],
    ["asynchronous functions", { staff: async (user) => user.email.startsWith("ann@"), board: async () => false }],
  ])("by %s", async (_, groupCheck) => {
    const { app, status } = await groupApp(groupCheck);
    expect([await status("/staff"), await status("/board")]).toEqual([200, 403]);
    expect([await status("/both"), await status("/all"), await status("/any")]).toEqual([200, 403, 200]);
    expect((await call(app, "/staff")).status).toBe(401);
  });

  it("from the roles of the datastore, as words beside them", async () => {
    const { security, user, status } = await groupApp(() => true);
    expect([await status("/both"), await status("/all")]).toEqual([200, 200]);
    await security.users.removeRole(user, "clerk");
    expect([await status("/both"), await status("/all"), await status("/staff")]).toEqual([403, 403, 200]);
  });

  it("only the very value true lets in, and a function that throws closes", async () => {
    for (const [answer, expected] of [
      [true, 200],
      [false, 403],
      [undefined, 403],
      [1, 403],
      ["staff", 403],
      [{}, 403],
      [Promise.resolve(1), 403],
      // biome-ignore lint/suspicious/noThenProperty: a foreign promise is what is tested
      [{ then: (resolve: (value: unknown) => void) => resolve("yes") }, 403],
    ] as const) {
      const { status } = await groupApp(() => answer as boolean);
      expect([answer, await status("/staff"), await status("/any")]).toEqual([answer, expected, expected]);
    }
    const { status } = await groupApp(() => {
      throw new Error("gone");
    });
    expect([await status("/staff"), await status("/any"), await status("/all")]).toEqual([500, 500, 500]);
  });

  it("a role of the database with a group's name does not stand in for the group", async () => {
    const { security, user, status } = await groupApp(() => false);
    await security.roles.findOrCreate("staff");
    await security.users.addRole(user, "staff");
    expect(await status("/staff")).toBe(403);
  });

  it("what is not in a vocabulary does not start", async () => {
    const { security } = await groupApp(() => true);
    const app = security.app();
    // @ts-expect-error there is no such group
    expect(() => app.get("/x", { authz: "stuff" }, (c) => c.text(""))).toThrow('there is no role "stuff"');
    // @ts-expect-error there is no such scope
    expect(() => app.get("/x", { authz: scope("reed") }, (c) => c.text(""))).toThrow('there is no scope "reed"');
    const start = (options: object): Promise<unknown> => portcullis({ ...basics(), ...options } as never);
    for (const [options, message] of [
      [{ groups: ["staff"] }, /^groupCheck: is missing/],
      [{ groupCheck: () => true }, /^groups: is missing/],
      [{ groups: ["staff"], groupCheck: { stuff: () => true } }, /^groupCheck\.stuff: there is no such group/],
      [{ groups: ["staff", "board"], groupCheck: { staff: () => true } }, /^groupCheck\.board: /],
      [{ groups: ["staff"], groupCheck: { staff: true } }, /^groupCheck\.staff: /],
      [{ groups: ["staff"], groupCheck: "staff" }, /^groupCheck: /],
      [{ groups: ["staff"], roles: ["staff"], groupCheck: () => true }, /^groups: "staff" is a role too/],
      [{ groups: ["OPEN"], groupCheck: () => true }, /^groups\[0\]: /],
      [{ groups: ["a b"], groupCheck: () => true }, /^groups\[0\]: /],
      [{ scopes: ["a,b"] }, /^scopes\[0\]: /],
    ] as const) {
      await expect(start(options)).rejects.toThrow(message);
    }
  });
});

describe("scopes", () => {
  const bearer = (token: string): { headers: { authorization: string } } => ({
    headers: { authorization: `Bearer ${token}` },
  });

  it("on token routes, together with groups and objects", async () => {
    const { security, app, user } = await groupApp((_user, group) => group === "staff");
    const read = await security.createToken(user, { scopes: ["read"] });
    expect((await call(app, "/store/1", bearer(read))).status).toBe(200);
    expect((await call(app, "/store/2", bearer(read))).status).toBe(403);
    // A scope gives nobody a right.
    const outside = await groupApp(() => false);
    const theirs = await outside.security.createToken(outside.user, { scopes: ["read"] });
    expect((await call(outside.app, "/store/1", bearer(theirs))).status).toBe(403);
    // What is not limited may do what its user may.
    expect((await call(app, "/store/1", { headers: ann })).status).toBe(200);
    advance(16 * 60_000);
    expect((await call(app, "/store/1", bearer(read))).status).toBe(401);
  });

  it("an insufficient scope is told as RFC 6750 3.1 says, to tokens alone", async () => {
    const { security, app, user } = await groupApp(() => true);
    const write = await security.createToken(user, { scopes: ["write"] });
    const refused = await call(app, "/store/1", bearer(write));
    expect([refused.status, refused.challenge]).toEqual([403, 'Bearer error="insufficient_scope", scope="read"']);
    expect(JSON.parse(refused.text)).toMatchObject({ code: "insufficient_scope" });
    const other = await call(app, "/store/2", bearer(await security.createToken(user, { scopes: ["read", "write"] })));
    expect([other.status, other.challenge, JSON.parse(other.text).code]).toEqual([403, "", "forbidden"]);
    const missing = await call(app, "/store/1", bearer("x"));
    expect([missing.status, missing.challenge]).toEqual([
      401,
      'Bearer realm="Login Required", error="invalid_token", Basic realm="Login Required", charset="UTF-8"',
    ]);
  });
});
