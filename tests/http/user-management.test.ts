import { userManagement } from "portcullis/features";
import { describe, expect, it } from "vitest";
import { goodPassword, hour, otherPassword } from "./authn-system.ts";
import { startManagement } from "./management-system.ts";

const json = { headers: { accept: "application/json" } };

describe("the list of users", () => {
  it("is for administrators, and for managers where there are some", async () => {
    const system = await startManagement({ management: { managers: "manage-users" } });
    const statuses: Record<string, number> = {};
    for (const name of ["ada", "max", "ann", "bob"]) {
      statuses[name] = (await (await system.program(name)).call("GET", "/api/user/users")).status;
    }
    expect(statuses).toEqual({ ada: 200, max: 200, ann: 403, bob: 403 });
    expect((await system.client().get("/api/user/users")).status).toBe(401);
    const without = await startManagement();
    expect((await (await without.program("max")).call("GET", "/api/user/users")).status).toBe(403);
  });

  it("pages by number and by key, searches and filters, with a total", async () => {
    const system = await startManagement({ management: { pageSize: 10 } });
    for (let index = 0; index < 30; index += 1) {
      await system.security.users.create({
        email: `user${String(index).padStart(2, "0")}@acme.example`,
        active: index % 3 !== 0,
      });
    }
    const ada = await system.program("ada");
    const list = async (query: string) => (await ada.call("GET", `/api/user/users?${query}`)).json.response;
    const emails = (answer: { users: { email: string }[] }) => answer.users.map(({ email }) => email.split("@")[0]);
    const first = await list("");
    expect([first.total, first.total_is_exact, first.page, first.page_size, first.previous]).toEqual([
      34,
      true,
      1,
      10,
      null,
    ]);
    expect(emails(first).slice(0, 5)).toEqual(["ada", "max", "ann", "bob", "user00"]);
    const second = await list("page=2");
    expect(emails(await list(`after=${first.next}`))).toEqual(emails(second));
    expect(emails(await list(`before=${second.previous}`))).toEqual(emails(first));
    expect(emails(await list("page=4"))).toEqual(["user26", "user27", "user28", "user29"]);
    expect(emails(await list("search=USER0&active=false"))).toEqual(["user00", "user03", "user06", "user09"]);
    expect(emails(await list("role=reader"))).toEqual(["ann"]);
    expect(emails(await list("search=anni"))).toEqual(["ann"]);
    expect((await list("page_size=100&search=user")).total).toBe(30);
    for (const query of [
      "page=0",
      "page=x",
      "page_size=101",
      "page=2000",
      "after=x",
      "role=nobody",
      "active=2",
      "x=1",
    ]) {
      const answer = await ada.call("GET", `/api/user/users?${query}`);
      expect([query, answer.status]).toEqual([query, 400]);
    }
    expect((await ada.call("GET", "/api/user/users?page=1&page=2")).status).toBe(400);
  });

  it("never holds a hash, a uniquifier or a key", async () => {
    const system = await startManagement();
    const ada = await system.program("ada");
    const key = await (await system.program("ann")).call("POST", "/api/user/key", { name: "mine" });
    const texts = [
      (await ada.call("GET", "/api/user/users")).text,
      (await ada.call("GET", `/api/user/users/${system.ids["ann"]}`)).text,
      (await ada.call("GET", "/api/user/key")).text,
    ].join("\n");
    const ann = await system.store.findOne("user", { id: system.ids["ann"] as number });
    for (const secret of ["argon2", ann?.["fsUniquifier"], key.json.response.secret, key.json.response.key.id]) {
      expect(texts).not.toContain(secret);
    }
    expect(texts).not.toMatch(/"(?:password|fs_uniquifier|fsUniquifier|secret)"/);
  });
});

describe("one user", () => {
  it("is made, with given or default rights, and signs in", async () => {
    const system = await startManagement({
      management: { defaultRoles: ["reader"], defaultPermissions: ["write"] },
    });
    const ada = await system.program("ada");
    const made = await ada.call("POST", "/api/user/users", {
      email: "New@ACME.example",
      username: "newbie",
      password: "a fine new password",
      profile: { company: "Acme", age: 30, born: "1996-02-03", newsletter: true },
    });
    expect(made.status).toBe(201);
    expect(made.json.response.user).toMatchObject({
      email: "new@acme.example",
      roles: ["reader"],
      own_permissions: ["write"],
      permissions: ["read", "write"],
      profile: { company: "Acme", age: 30, born: "1996-02-03T00:00:00.000Z", newsletter: true },
    });
    const signIn = await system
      .client()
      .post("/api/user/login", { json: { username: "newbie", password: "a fine new password" } });
    expect(signIn.status).toBe(200);
    const bare = await ada.call("POST", "/api/user/users", { email: "bare@acme.example", roles: [], permissions: [] });
    expect(bare.json.response.user).toMatchObject({ roles: [], permissions: [], has_password: false });
    expect(system.events).toContainEqual({
      name: "userCreated",
      event: { userId: made.json.response.user.id },
      actor: "ada@acme.example",
    });
    for (const [sent, field] of [
      [{ email: "ANN@acme.example" }, "email"],
      [{ email: "x@acme.example", username: "Annie" }, "username"],
      [{ email: "no address" }, "email"],
      [{}, "email"],
      [{ email: "x@acme.example", password: "short" }, "password"],
      [{ email: "x@acme.example", permissions: ["fly"] }, "permissions"],
      [{ email: "x@acme.example", permissions: "admin" }, "permissions"],
      [{ email: "x@acme.example", roles: ["nobody"] }, "roles"],
      [{ email: "x@acme.example", profile: { age: 200 } }, "profile"],
      [{ email: "x@acme.example", profile: { secret: "x" } }, "profile"],
      [{ email: "x@acme.example", id: 1 }, ""],
      [{ email: "x@acme.example", fs_uniquifier: "x" }, ""],
    ] as const) {
      const answer = await ada.call("POST", "/api/user/users", sent);
      expect([sent, answer.status, Object.keys(answer.json.response.field_errors)]).toEqual([sent, 400, [field]]);
    }
    // In the words of the schema.
    const old = await ada.call("POST", "/api/user/users", { email: "x@acme.example", profile: { age: 200 } });
    expect(old.json.response.field_errors).toEqual({ profile: [expect.stringMatching(/^age: Too big: .*150/)] });
    const own = await ada.call("POST", `/api/user/users/${system.ids["bob"]}/profile`, { age: 200 });
    expect([own.status, own.json.response.field_errors]).toEqual([400, { age: [expect.stringMatching(/^Too big/)] }]);
    expect(await system.store.count("user", {})).toBe(6);
  });

  it("is shown, edited all at once or not at all, and removed", async () => {
    const system = await startManagement();
    const ada = await system.program("ada");
    const bob = await system.program("bob");
    const path = `/api/user/users/${system.ids["bob"]}`;
    expect((await ada.call("GET", path)).json.response.user.email).toBe("bob@acme.example");
    const taken = await ada.call("PATCH", path, { email: "ann@acme.example", profile: { company: "Other" } });
    expect(taken.status).toBe(400);
    expect((await ada.call("GET", path)).json.response.user.profile.company).toBeNull();
    const profile = await ada.call("PATCH", path, { profile: { company: "Acme" } });
    expect(profile.status).toBe(200);
    expect((await bob.call("GET", "/any")).status).toBe(200);
    const edited = await ada.call("PATCH", path, { email: "Robert@acme.example", username: "robert" });
    expect(edited.json.response.user).toMatchObject({ email: "robert@acme.example", username: "robert" });
    // What hung on the old address has ended.
    expect((await bob.call("GET", "/any")).status).toBe(401);
    expect((await ada.call("PATCH", path, { username: null })).json.response.user.username).toBeNull();
    for (const sent of [{ active: false }, { password: "x" }, { roles: [] }, { email: null }, { id: 3 }]) {
      expect([sent, (await ada.call("PATCH", path, sent)).status]).toEqual([sent, 400]);
    }
    expect((await ada.call("DELETE", path)).status).toBe(200);
    expect((await ada.call("GET", path)).status).toBe(404);
    expect((await ada.call("DELETE", path)).status).toBe(404);
    for (const id of ["0", "999", "x", "1e3", "-1", "%31", "99999999999"]) {
      const answer = await ada.call("GET", `/api/user/users/${id}`);
      expect([id, answer.status === 404 || id === "%31"]).toEqual([id, true]);
    }
    expect((await ada.call("PUT", path)).status).toBe(405);
    expect((await ada.call("PUT", path)).headers.get("allow")).toBe("GET, PATCH, DELETE");
    const told = system.events.filter(({ actor }) => actor === "ada@acme.example").map(({ name }) => name);
    for (const name of ["userUpdated", "emailChanged", "usernameChanged", "userDeleted"]) expect(told).toContain(name);
  });

  it("gets permissions and roles, effective on the next request", async () => {
    const system = await startManagement();
    const ada = await system.program("ada");
    const bob = await system.program("bob");
    const path = `/api/user/users/${system.ids["bob"]}`;
    expect((await bob.call("GET", "/state?permission=write")).status).toBe(403);
    const given = await ada.call("POST", `${path}/permissions`, { permissions: ["write"] });
    expect(given.json.response.user.own_permissions).toEqual(["write"]);
    expect((await bob.call("GET", "/state?permission=write")).status).toBe(200);
    await ada.call("POST", `${path}/permissions`, { permissions: [] });
    expect((await bob.call("GET", "/state?permission=write")).status).toBe(403);
    expect((await ada.call("POST", `${path}/roles`, { roles: ["reader"] })).json.response.user.roles).toEqual([
      "reader",
    ]);
    expect((await bob.call("GET", "/state?permission=read")).status).toBe(200);
    for (const roles of [["permission:admin"], ["nobody"], "boss", [1]]) {
      expect((await ada.call("POST", `${path}/roles`, { roles })).status).toBe(400);
    }
    expect(system.events).toContainEqual({
      name: "userPermissionsChanged",
      event: { userId: system.ids["bob"], added: ["write"], removed: [] },
      actor: "ada@acme.example",
    });
  });

  it.each([
    ["POST", "deactivate", {}],
    ["POST", "password", { password: "a fine new password" }],
    ["POST", "reset-access", {}],
    ["DELETE", "sessions", undefined],
  ] as const)("%s %s ends sessions and tokens at once [ASVS 7.4.5]", async (method, action, body) => {
    const system = await startManagement();
    const ada = await system.program("ada");
    const bob = await system.program("bob");
    const browser = system.client();
    await browser.signIn("bob@acme.example", otherPassword, { remember: true });
    expect((await bob.call("GET", "/any")).status).toBe(200);
    expect((await browser.get("/any", json)).status).toBe(200);
    const done = await ada.call(method, `/api/user/users/${system.ids["bob"]}/${action}`, body);
    expect(done.status).toBe(200);
    expect((await bob.call("GET", "/any")).status).toBe(401);
    expect((await browser.get("/any", json)).status).toBe(401);
    expect((await ada.call("GET", "/any")).status).toBe(200);
  });

  it("is activated, unlocked, and gets a password that the policy accepts", async () => {
    const system = await startManagement();
    const ada = await system.program("ada");
    const path = `/api/user/users/${system.ids["bob"]}`;
    await ada.call("POST", `${path}/deactivate`, {});
    expect((await ada.call("POST", `${path}/activate`, {})).json.response.user.active).toBe(true);
    const weak = await ada.call("POST", `${path}/password`, { password: "password" });
    expect([weak.status, Object.keys(weak.json.response.field_errors)]).toEqual([400, ["password"]]);
    for (let index = 0; index < 12; index += 1) {
      await system.client().post("/api/user/login", { json: { email: "bob@acme.example", password: "wrong" } });
    }
    const login = () =>
      system.client().post("/api/user/login", { json: { email: "bob@acme.example", password: otherPassword } });
    expect((await login()).status).toBe(429);
    expect((await ada.call("POST", `${path}/unlock`, {})).status).toBe(200);
    expect((await login()).status).toBe(200);
  });

  it("needs a fresh proof of identity for what changes access, unless the option says otherwise", async () => {
    const system = await startManagement();
    const ada = await system.program("ada");
    const browser = system.client();
    await browser.signIn("ada@acme.example", goodPassword);
    system.advance(3 * hour);
    const path = `/api/user/users/${system.ids["bob"]}`;
    expect((await browser.get(path, json)).status).toBe(200);
    for (const [method, at, body] of [
      ["PATCH", path, { profile: {} }],
      ["DELETE", path, undefined],
      ["POST", `${path}/password`, { password: "a fine new password" }],
      ["POST", `${path}/permissions`, { permissions: ["admin"] }],
      ["POST", `${path}/roles`, { roles: ["boss"] }],
      ["POST", `${path}/reset-access`, {}],
      ["POST", "/api/user/users", { email: "x@acme.example" }],
      ["POST", "/api/user/key", { name: "x" }],
    ] as const) {
      const answer = await browser.request(method, at, body === undefined ? json : { json: body });
      expect([method, at, answer.status, answer.json.response.reauth_required]).toEqual([method, at, 401, true]);
    }
    // The token has ended by then.
    expect((await ada.call("GET", path)).status).toBe(401);
    const lenient = await startManagement({ management: { allowStale: true } });
    const other = lenient.client();
    await other.signIn("ada@acme.example", goodPassword);
    lenient.advance(3 * hour);
    const answer = await other.request("PATCH", `/api/user/users/${lenient.ids["bob"]}`, { json: { profile: {} } });
    expect(answer.status).toBe(200);
  });

  it("asks session-signed calls for a CSRF token and our own origin, whatever the method", async () => {
    const system = await startManagement();
    const browser = system.client();
    await browser.signIn("ada@acme.example", goodPassword);
    const path = `/api/user/users/${system.ids["bob"]}`;
    for (const [method, at, body] of [
      ["PATCH", path, { profile: { company: "x" } }],
      ["DELETE", path, undefined],
      ["POST", `${path}/deactivate`, {}],
    ] as const) {
      const init = body === undefined ? json : { json: body };
      expect((await browser.request(method, at, { ...init, csrf: false })).status).toBe(400);
      const foreign = await browser.request(method, at, { ...init, headers: { origin: "https://evil.example" } });
      expect(foreign.status).toBe(400);
    }
    expect((await browser.request("PATCH", path, { json: { profile: { company: "x" } } })).status).toBe(200);
  });

  it("has a profile that administrators edit, and its owner where that is allowed", async () => {
    const system = await startManagement({ management: { ownProfile: true } });
    const [ada, ann] = [await system.program("ada"), await system.program("ann")];
    const own = `/api/user/users/${system.ids["ann"]}/profile`;
    const done = await ann.call("POST", own, { company: "Acme", newsletter: true });
    expect(done.json.response.user.profile).toMatchObject({ company: "Acme", newsletter: true, age: null });
    expect((await ann.call("POST", own, { company: null })).json.response.user.profile.company).toBeNull();
    for (const sent of [
      { secret: "x" },
      { email: "x@acme.example" },
      { active: false },
      { company: 1 },
      { age: "1.5" },
    ]) {
      expect([sent, (await ann.call("POST", own, sent)).status]).toEqual([sent, 400]);
    }
    // Others, and ids that there are not, are alike.
    for (const id of [system.ids["bob"], 999]) {
      expect((await ann.call("POST", `/api/user/users/${id}/profile`, { company: "x" })).status).toBe(403);
    }
    expect((await ada.call("POST", own, { age: 31 })).json.response.user.profile.age).toBe(31);
    const closed = await startManagement();
    const other = await closed.program("ann");
    expect((await other.call("POST", `/api/user/users/${closed.ids["ann"]}/profile`, { age: 1 })).status).toBe(403);
  });
});

describe("administrators and managers", () => {
  it("the last administrator stays, whatever the call", async () => {
    const system = await startManagement();
    const ada = await system.program("ada");
    const path = `/api/user/users/${system.ids["ada"]}`;
    for (const [method, at, body] of [
      ["DELETE", path, undefined],
      ["POST", `${path}/deactivate`, {}],
      ["POST", `${path}/roles`, { roles: ["reader"] }],
    ] as const) {
      const answer = await ada.call(method, at, body);
      expect([method, at, answer.status]).toEqual([method, at, 409]);
    }
    await ada.call("POST", `/api/user/users/${system.ids["bob"]}/permissions`, { permissions: ["admin"] });
    expect((await ada.call("POST", `${path}/roles`, { roles: ["reader"] })).status).toBe(200);
    expect((await ada.call("GET", path)).status).toBe(403);
    const bob = await system.program("bob");
    const own = `/api/user/users/${system.ids["bob"]}/permissions`;
    expect((await bob.call("POST", own, { permissions: [] })).status).toBe(409);
  });

  it("a manager reaches neither administrators nor itself, and grants nothing beyond its own", async () => {
    const system = await startManagement({ management: { managers: "manage-users" } });
    const max = await system.program("max");
    const to = (name: string, rest = "") => `/api/user/users/${system.ids[name]}${rest}`;
    for (const [method, at, body] of [
      ["GET", to("ada"), undefined],
      ["DELETE", to("ada"), undefined],
      ["POST", to("ada", "/password"), { password: "a fine new password" }],
      ["POST", to("ada", "/deactivate"), {}],
      ["POST", to("max", "/permissions"), { permissions: ["admin"] }],
      ["POST", to("max", "/roles"), { roles: ["boss"] }],
      ["POST", to("bob", "/permissions"), { permissions: ["write"] }],
      ["POST", to("bob", "/permissions"), { permissions: ["admin"] }],
      ["POST", to("bob", "/roles"), { roles: ["boss"] }],
      ["POST", to("bob", "/roles"), { roles: ["reader"] }],
      ["POST", "/api/user/users", { email: "x@acme.example", permissions: ["admin"] }],
      ["POST", "/api/user/users", { email: "x@acme.example", roles: ["boss"] }],
    ] as const) {
      const answer = await max.call(method, at, body);
      expect([method, at, body, answer.status]).toEqual([method, at, body, 403]);
    }
    expect(system.events.filter(({ name }) => name === "permissionDenied").length).toBeGreaterThan(10);
    expect((await max.call("POST", to("bob", "/permissions"), { permissions: ["read"] })).status).toBe(200);
    expect((await max.call("PATCH", to("bob"), { profile: { company: "x" } })).status).toBe(200);
    expect((await max.call("POST", "/api/user/users", { email: "x@acme.example" })).status).toBe(201);
    expect((await max.call("DELETE", to("bob"))).status).toBe(200);
  });

  it("management can be left out", async () => {
    const system = await startManagement({ management: { manage: false } });
    const ada = await system.program("ada");
    for (const path of ["/api/user/users", `/api/user/users/${system.ids["bob"]}`]) {
      expect((await ada.call("GET", path)).status).toBe(404);
    }
    expect((await ada.call("GET", "/api/user")).status).toBe(200);
  });

  it.each([
    [{ permission: "fly" }, "userManagement.permission"],
    [{ managers: "fly" }, "userManagement.managers"],
    [{ managers: "admin" }, "userManagement.managers"],
    [{ defaultRoles: ["nobody"] }, "userManagement.defaultRoles[0]"],
    [{ defaultPermissions: ["fly"] }, "userManagement.defaultPermissions[0]"],
    [{ path: "users/" }, "userManagement.path"],
    [{ profile: { nothing: true } }, "userManagement.profile.nothing"],
    [{ profile: {}, ownProfile: true }, "userManagement.ownProfile"],
    [{ pageSize: 0 }, "userManagement.pageSize"],
    [{ pageSize: 50, maxPageSize: 10 }, "userManagement.pageSize"],
    [{ typo: 1 }, "userManagement.typo"],
  ] as const)("refuses the option %j", async (management, path) => {
    const starting = (async () => startManagement({ management: management as never }))();
    await expect(starting).rejects.toMatchObject({ code: "configuration", path });
  });

  it("two features can't have different administrators", async () => {
    const features = [{ ...userManagement({ permission: "write" }), name: "other", endpoints: () => [] }];
    await expect(startManagement({ features })).rejects.toMatchObject({ path: "features" });
  });
});
