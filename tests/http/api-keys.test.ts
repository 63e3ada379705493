import { apiKey, portcullis, type SecurityOptions } from "portcullis";
import { apiKeys, passwords } from "portcullis/features";
import { memory } from "portcullis/memory";
import { describe, expect, it } from "vitest";
import { day, goodPassword, hour, minute, origin, secretKey, weakHashing } from "./authn-system.ts";
import { type Management, startManagement } from "./management-system.ts";

const bearer = (secret: string) => ({ headers: { authorization: `Bearer ${secret}`, accept: "application/json" } });
const header = (secret: string) => ({ headers: { "x-api-key": secret, accept: "application/json" } });

/** Makes a key of this user; what it was given beside the name. */
async function keyOf(system: Management, name: string, more: object = {}): Promise<{ id: string; secret: string }> {
  const answer = await (await system.program(name)).call("POST", "/api/user/key", { name: "test", ...more });
  if (answer.status !== 201) throw new Error(`no key: ${answer.text}`);
  return { id: answer.json.response.key.id as string, secret: answer.json.response.secret as string };
}

const used = async (system: Management, secret: string, path = "/keyed"): Promise<number> =>
  (await system.client().get(path, bearer(secret))).status;

describe("API keys", () => {
  it("are shown once, stored hashed, listed by prefix, and removed", async () => {
    const system = await startManagement();
    const ann = await system.program("ann");
    const made = await ann.call("POST", "/api/user/key", {
      name: " build ",
      permissions: ["read"],
      scopes: ["reports"],
    });
    expect(made.status).toBe(201);
    const { key, secret } = made.json.response;
    expect(secret).toMatch(/^pk_[0-9a-f]{24}_[A-Za-z0-9_-]{43}$/);
    expect(key).toMatchObject({
      prefix: `pk_${key.id}`,
      name: "build",
      permissions: ["read"],
      scopes: ["reports"],
      all_permissions: false,
      rate: null,
      last_used_at: null,
      expires_at: new Date(system.now() + 365 * day).toISOString(),
    });
    const hidden = secret.split("_").slice(2).join("_");
    const listed = await ann.call("GET", "/api/user/key");
    expect(listed.json.response.keys).toEqual([key]);
    expect(listed.text).not.toContain(hidden);
    expect(JSON.stringify(await system.store.find("apiKey", {}))).not.toContain(hidden);
    expect(system.events.find(({ name }) => name === "apiKeyCreated")).toMatchObject({ actor: "ann@acme.example" });
    expect(JSON.stringify(system.events)).not.toContain(hidden);
    expect(await used(system, secret)).toBe(200);
    expect((await ann.call("DELETE", `/api/user/key/${key.id}`)).status).toBe(200);
    expect(await used(system, secret)).toBe(401);
    expect((await ann.call("DELETE", `/api/user/key/${key.id}`)).status).toBe(404);
    expect(system.events).toContainEqual({
      name: "apiKeyRevoked",
      event: { userId: system.ids["ann"], key: key.id },
      actor: "ann@acme.example",
    });
  });

  it("are taken as a bearer or in a header of their own, where a route says so, and nowhere else", async () => {
    const system = await startManagement();
    const { secret } = await keyOf(system, "ann", { all_permissions: true });
    const other = await keyOf(system, "bob");
    const client = system.client();
    for (const init of [bearer(secret), header(secret)]) {
      const answer = await client.get("/keyed", init);
      expect(answer.json).toEqual({
        user: "ann@acme.example",
        via: "apiKey",
        permissions: ["read"],
        roles: ["reader"],
        scopes: null,
      });
      expect((await client.get("/any", init)).status).toBe(401);
      expect((await client.post("/keyed", init)).status).toBe(200);
    }
    for (const headers of [
      { authorization: `Basic ${Buffer.from(`ann@acme.example:${secret}`).toString("base64")}` },
      { authorization: `Token ${secret}` },
      { "authentication-token": secret },
      { cookie: `__Host-session=${secret}` },
      { authorization: `Bearer ${secret}`, "x-api-key": other.secret },
      { authorization: `Bearer ${secret}, Bearer ${secret}` },
      { "x-api-key": `${secret}, ${secret}` },
      { "x-api-key": `${secret} ` + "x" },
    ]) {
      const answer = await client.get("/keyed", { headers: { accept: "application/json", ...headers } });
      expect([headers, answer.status]).toEqual([headers, 401]);
    }
    for (const name of ["api_key", "key", "X-API-Key", "access_token"]) {
      expect((await client.get(`/keyed?${name}=${secret}`)).status).toBe(401);
    }
    expect((await client.get("/keyed", bearer("x"))).headers.get("www-authenticate")).toContain("Bearer realm=");
  });

  it("never reach account pages, whatever they may", async () => {
    const system = await startManagement();
    const { id, secret } = await keyOf(system, "ada", { all_permissions: true });
    const client = system.client();
    for (const init of [bearer(secret), header(secret)]) {
      for (const [method, path, json] of [
        ["GET", "/api/user", undefined],
        ["GET", "/api/user/key", undefined],
        ["POST", "/api/user/key", { name: "x" }],
        ["DELETE", `/api/user/key/${id}`, undefined],
        ["GET", "/api/user/users", undefined],
        ["POST", "/api/user/users", { email: "x@acme.example" }],
        ["POST", "/api/user/password", { old_password: goodPassword, new_password: "a fine new password" }],
        ["DELETE", "/api/user/logout", undefined],
        ["GET", "/verify", undefined],
      ] as const) {
        const answer = await client.request(method, path, json === undefined ? init : { ...init, json });
        expect([method, path, answer.status]).toEqual([method, path, 401]);
      }
    }
  });

  it("can no more than their owner can now, and less where they say so", async () => {
    const system = await startManagement();
    const { users, roles } = system.security;
    const limited = await keyOf(system, "ann", { permissions: ["read"] });
    const nothing = await keyOf(system, "ann");
    const all = await keyOf(system, "ann", { all_permissions: true });
    const seen = async (secret: string) => (await system.client().get("/keyed", bearer(secret))).json;
    expect(await seen(limited.secret)).toMatchObject({ permissions: ["read"], roles: [], scopes: [] });
    expect(await seen(nothing.secret)).toMatchObject({ permissions: [], roles: [], scopes: [] });
    expect(await used(system, all.secret, "/reader")).toBe(200);
    // A key that is limited to permissions has no role, though its owner has it.
    expect(await used(system, limited.secret, "/reader")).toBe(403);
    expect(await used(system, limited.secret, "/reports")).toBe(403);
    // RFC 6750 3.1: what it lacks is said to who holds it.
    const lacking = await system.client().get("/reports", bearer(limited.secret));
    expect(lacking.headers.get("www-authenticate")).toBe('Bearer error="insufficient_scope", scope="reports"');
    expect(await used(system, all.secret, "/reports")).toBe(200);
    const scoped = await keyOf(system, "ann", { scopes: ["reports"] });
    expect(await used(system, scoped.secret, "/reports")).toBe(200);
    await roles.removePermissions("reader", "read");
    expect(await seen(limited.secret)).toMatchObject({ permissions: [] });
    await users.setPermissions(system.ids["ann"] as number, ["read", "write"]);
    expect(await seen(limited.secret)).toMatchObject({ permissions: ["read"] });
    await users.removeRole(system.ids["ann"] as number, "reader");
    expect(await used(system, all.secret, "/reader")).toBe(403);
  });

  it("are refused more than their owner has, and what does not belong to them", async () => {
    const system = await startManagement({ keys: { maxLife: "10d", rate: "60/1m" } });
    const ann = await system.program("ann");
    for (const more of [
      { permissions: ["admin"] },
      { permissions: ["read", "write"] },
      { permissions: "read" },
      { scopes: ["everything"] },
      { permissions: ["read"], all_permissions: true },
      { expires_in: 11 * 86_400 },
      { expires_in: 0 },
      { expires_in: -5 },
      { expires_in: 1.5 },
      { expires_in: "3600" },
      { all_permissions: "yes" },
      { all_permissions: "maybe" },
      { all_permissions: 2 },
      { rate: "61/1m" },
      { rate: "60/59s" },
      { rate: "fast" },
      { rate: 5 },
      { name: "" },
      { name: "x".repeat(101) },
      { user_id: system.ids["ada"] },
      { userId: system.ids["ada"] },
      { owner: "ada@acme.example" },
      { sub: 1 },
      { roles: ["boss"] },
      { unlimited: true },
    ]) {
      const answer = await ann.call("POST", "/api/user/key", { name: "test", ...more });
      expect([more, answer.status]).toEqual([more, 400]);
    }
    expect(await system.store.count("apiKey", {})).toBe(0);
    const { secret } = await keyOf(system, "ann", { rate: "30/1m", expires_in: 3600 });
    expect(secret).toContain("pk_");
  });

  it("expire, and end with their owner", async () => {
    const system = await startManagement();
    const { users } = system.security;
    const id = system.ids["ann"] as number;
    const short = await keyOf(system, "ann", { expires_in: 3600 });
    const long = await keyOf(system, "ann");
    expect(await used(system, short.secret)).toBe(200);
    system.advance(hour - 1);
    expect(await used(system, short.secret)).toBe(200);
    system.advance(1);
    expect(await used(system, short.secret)).toBe(401);
    expect(await used(system, long.secret)).toBe(200);
    await users.deactivate(id);
    expect(await used(system, long.secret)).toBe(401);
    await users.activate(id);
    expect(await used(system, long.secret)).toBe(200);
    // A new password is no reason to stop every program; after a compromise all ends.
    await users.setPassword(id, "a fine new password");
    expect(await used(system, long.secret)).toBe(200);
    await users.resetAccess(id);
    expect(await used(system, long.secret)).toBe(401);
    expect(await system.store.count("apiKey", { userId: id })).toBe(0);
    const bob = await keyOf(system, "bob");
    expect(await used(system, bob.secret)).toBe(200);
    await users.delete(system.ids["bob"] as number);
    expect(await used(system, bob.secret)).toBe(401);
    const old = await keyOf(system, "max", { expires_in: 1 });
    expect(old.id).toBeTruthy();
    system.advance(31 * day);
    await system.security.purge();
    expect(await system.store.count("apiKey", {})).toBe(0);
  });

  it("note their last use, and are used no more often than they may be", async () => {
    const system = await startManagement();
    const { secret } = await keyOf(system, "ann", { rate: "3/1m" });
    const statuses = [];
    for (let index = 0; index < 5; index += 1) statuses.push(await used(system, secret));
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    const refused = await system.client().get("/keyed", bearer(secret));
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    system.advance(minute);
    expect(await used(system, secret)).toBe(200);
    const [row] = await system.store.find("apiKey", {});
    expect(row?.["lastUsedAt"]).toBe(system.now());
    expect((await system.client().get("/keyed", bearer((await keyOf(system, "ann")).secret))).status).toBe(200);
  });

  it("are so many at most, also when many are made at once [ASVS 2.3.2]", async () => {
    const system = await startManagement({ keys: { perUser: 3 } });
    const ann = await system.program("ann");
    const made = await Promise.all(
      Array.from({ length: 10 }, () => ann.call("POST", "/api/user/key", { name: "test" })),
    );
    expect(made.map(({ status }) => status).sort()).toEqual([201, 201, 201, ...Array(7).fill(409)]);
    expect(await system.store.count("apiKey", {})).toBe(3);
  });

  it("of others are no different from those that there are not", async () => {
    const system = await startManagement();
    const { id, secret } = await keyOf(system, "ann");
    const bob = await system.program("bob");
    const ada = await system.program("ada");
    for (const who of [bob, ada]) {
      expect((await who.call("DELETE", `/api/user/key/${id}`)).status).toBe(404);
      expect((await who.call("GET", "/api/user/key")).json.response.keys).toEqual([]);
    }
    for (const wrong of ["x", "0".repeat(24), `${id}x`, id.toUpperCase(), "%00"]) {
      expect((await bob.call("DELETE", `/api/user/key/${wrong}`)).status).toBe(404);
    }
    expect(await used(system, secret)).toBe(200);
  });

  it("are compared whole: no part, no other spelling, no id alone", async () => {
    const system = await startManagement();
    const { id, secret } = await keyOf(system, "ann");
    const body = secret.slice(-43);
    for (const wrong of [
      `pk_${id}_${"A".repeat(43)}`,
      `pk_${id}_`,
      `pk_${"0".repeat(24)}_${body}`,
      secret.slice(0, -1),
      `${secret}A`,
      secret.toUpperCase(),
      secret.replace("pk_", "PK_"),
      `pk_${id.toUpperCase()}_${body}`,
      `${secret}=`,
      ` ${body}`,
    ]) {
      expect([wrong, await used(system, wrong)]).toEqual([wrong, 401]);
    }
    // The last character carries bits that a decoder would drop: another text is another key.
    for (const last of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
      const text = secret.slice(0, -1) + last;
      expect(await used(system, text)).toBe(text === secret ? 200 : 401);
    }
  });

  it("need no CSRF token, and a session that comes along still does", async () => {
    const system = await startManagement();
    const { secret } = await keyOf(system, "ann");
    const foreign = { ...bearer(secret).headers, origin: "https://evil.example" };
    expect((await system.client().post("/keyed", { headers: foreign })).status).toBe(200);
    const browser = system.client();
    await browser.signIn("bob@acme.example", "staple battery");
    expect((await browser.post("/keyed", { headers: foreign, csrf: false })).status).toBe(400);
  });
});

describe("checkLoginState", () => {
  it("asks inside of a handler: 401, 403, or who it is", async () => {
    const system = await startManagement();
    const ann = await system.program("ann");
    const { secret } = await keyOf(system, "ann", { permissions: ["read"] });
    const nothing = await keyOf(system, "ann");
    const by = async (path: string, init: object) => (await system.client().get(path, init)).status;
    expect(await by("/state", {})).toBe(401);
    expect(await by("/state", { headers: { accept: "text/html" } })).toBe(401);
    expect(await by("/state", { headers: { "authentication-token": "x" } })).toBe(401);
    expect((await ann.call("GET", "/state")).json).toEqual({ user: "ann@acme.example", via: "token" });
    expect((await ann.call("GET", "/state?permission=read")).status).toBe(200);
    expect((await ann.call("GET", "/state?permission=write")).status).toBe(403);
    expect(await by("/state", bearer(secret))).toBe(403);
    expect(await by("/state?key=yes", bearer(secret))).toBe(200);
    expect(await by("/state?key=yes&permission=read", bearer(secret))).toBe(200);
    expect(await by("/state?key=yes&permission=read", bearer(nothing.secret))).toBe(403);
    expect(await by("/state?key=yes", bearer(`${secret}x`))).toBe(401);
    system.advance(hour);
    expect((await ann.call("GET", "/state")).status).toBe(401);
  });
});

describe("service accounts", () => {
  it("can't sign in by any way; keys that others make act for them", async () => {
    const system = await startManagement();
    const ada = await system.program("ada");
    const made = await ada.call("POST", "/api/user/users", {
      service: true,
      username: "backup",
      permissions: ["read"],
    });
    expect(made.json.response.user).toMatchObject({ service: true, has_password: false });
    const { id, email } = made.json.response.user;
    expect(email).toMatch(/@service\.invalid$/);
    const path = `/api/user/users/${id}`;
    expect((await ada.call("POST", `${path}/password`, { password: "a fine new password" })).status).toBe(409);
    // Even with a password that got there by another way.
    await system.security.users.setPassword(id, goodPassword);
    for (const sent of [{ username: "backup" }, { email }]) {
      const answer = await system.client().post("/api/user/login", { json: { ...sent, password: goodPassword } });
      expect(answer.status).toBe(401);
      const page = await system.client().post("/login", { json: { ...sent, password: goodPassword } });
      expect(page.status).toBe(400);
    }
    const key = await ada.call("POST", `${path}/key`, { name: "nightly", permissions: ["read"] });
    expect(key.status).toBe(201);
    const { secret } = key.json.response;
    expect((await system.client().get("/keyed", bearer(secret))).json).toMatchObject({
      user: email,
      permissions: ["read"],
    });
    const more = await ada.call("POST", `${path}/key`, { name: "x", permissions: ["write"] });
    expect(more.status).toBe(400);
    expect((await ada.call("GET", `${path}/key`)).json.response.keys).toHaveLength(1);
    expect((await ada.call("DELETE", `${path}/key/${key.json.response.key.id}`)).status).toBe(200);
    expect(await used(system, secret)).toBe(401);
  });

  it("are the only ones that get keys from others", async () => {
    const system = await startManagement();
    const ada = await system.program("ada");
    const { id, secret } = await keyOf(system, "ann");
    const path = `/api/user/users/${system.ids["ann"]}/key`;
    expect((await ada.call("GET", path)).status).toBe(403);
    expect((await ada.call("POST", path, { name: "x" })).status).toBe(403);
    expect((await ada.call("DELETE", `${path}/${id}`)).status).toBe(403);
    expect(await used(system, secret)).toBe(200);
    expect((await (await system.program("ann")).call("POST", path, { name: "x" })).status).toBe(403);
  });
});

describe("options of API keys", () => {
  const start = (more: Partial<SecurityOptions>, features = [passwords(), apiKeys()]) =>
    portcullis({
      secretKeys: [secretKey],
      origins: [origin],
      cookies: { allowInsecure: false },
      datastore: memory(),
      passwords: { hashing: weakHashing },
      features,
      ...(more as object),
    });

  it.each([
    [{ prefix: "A" }, "apiKeys.prefix"],
    [{ prefix: "a_b" }, "apiKeys.prefix"],
    [{ perUser: 0 }, "apiKeys.perUser"],
    [{ maxLife: "soon" }, "apiKeys.maxLife"],
    [{ rate: "often" }, "apiKeys.rate"],
    [{ path: "key" }, "apiKeys.path"],
    [{ other: 1 }, "apiKeys.other"],
  ])("refuses %j", (options, path) => {
    expect(() => apiKeys(options as never)).toThrow(expect.objectContaining({ code: "configuration", path }));
  });

  it("refuses a scheme without keys, keys without the scheme, and the scheme for every route", async () => {
    await expect(start({})).rejects.toMatchObject({ path: "schemes" });
    await expect(start({ schemes: [apiKey()] as never }, [passwords()])).rejects.toMatchObject({ path: "schemes" });
    await expect(start({ schemes: [apiKey()] as never, authn: ["apiKey"] as never })).rejects.toMatchObject({
      path: "authn",
    });
    for (const options of [{ header: "cookie" }, { header: "" }, { carriers: [] }, { carriers: ["query"] }, { x: 1 }]) {
      expect(() => apiKey(options as never)).toThrow(expect.objectContaining({ code: "configuration" }));
    }
  });
});
