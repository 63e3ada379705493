import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isLoopback } from "../lab/control.ts";
import { type LabProcess, runLab, startLab } from "../lab/process.ts";

const json = { headers: { accept: "application/json" } };

describe("start and end", () => {
  it("prints one line, logs to standard error, and SIGTERM ends it with 0", async () => {
    const lab = await startLab();
    const client = testClient(lab.origin);
    await client.signIn("joe@lp.com", "password");
    expect((await client.get("/admin", json)).status).toBe(403);
    expect(await lab.stop()).toEqual({ status: 0, signal: null });
    expect(lab.stdout()).toBe(`lab ready ${lab.origin}\n`);
    expect(lab.stderr()).toContain("GET /admin");
  });

  it("SIGTERM ends it while a request hangs", async () => {
    const lab = await startLab();
    // A body that never comes keeps the request open.
    const hanging = fetch(`${lab.origin}/json`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{")) }),
      duplex: "half",
    } as RequestInit).catch((error: unknown) => error);
    await fetch(`${lab.origin}/_lab/log`);
    expect((await lab.stop()).status).toBe(0);
    expect(await hanging).toBeInstanceOf(Error);
  });

  it("uses a database that exists as it is, and signs nobody out", async () => {
    const folder = mkdtempSync(join(tmpdir(), "portcullis-lab-test-"));
    try {
      const database = ["--database", `sqlite:${join(folder, "lab.db")}`];
      const first = await startLab(database);
      const client = testClient(first.origin);
      await client.signIn("joe@lp.com", "password");
      await first.control("DELETE", "/users/jill@lp.com");
      await first.stop();
      const second = await startLab(database);
      const again = testClient(second.origin);
      for (const [name, value] of client.cookies) again.cookies.set(name, value);
      expect((await again.get("/me", json)).json.email).toBe("joe@lp.com");
      expect((await fetch(`${second.origin}/_lab/users/jill@lp.com`)).status).toBe(404);
      await second.stop();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("--production has Secure __Host- cookies and the product's hashing cost", async () => {
    const lab = await startLab(["--production"]);
    const answer = await testClient(lab.origin).signIn("joe@lp.com", "password");
    expect(answer.headers.getSetCookie()).toEqual([expect.stringMatching(/^__Host-session=.*; Secure/)]);
    const { password } = (await lab.control("GET", "/users/joe@lp.com")) as { password: string };
    expect(password).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    await lab.stop();
  });

  it("--seed none makes no accounts, --seed golden those of the recordings", async () => {
    const none = await startLab(["--seed", "none"]);
    expect((await fetch(`${none.origin}/_lab/users/matt@lp.com`)).status).toBe(404);
    await none.stop();
    const golden = await startLab(["--seed", "golden"]);
    const read = async (name: string): Promise<unknown> => golden.control("GET", `/users/${name}@lp.com`);
    expect(await read("una")).toMatchObject({ username: "unac", confirmed_at: null });
    expect(await read("nop")).toMatchObject({ username: "nopw", password: null });
    expect(await read("tiya")).toMatchObject({ active: false, username: null });
    await golden.stop();
  });
});

describe("settings", () => {
  it("names that are unknown or not supported end the start with 2 and are listed", async () => {
    const { status, stdout, stderr } = await runLab(["--port", "0"], {
      NO_SUCH: 1,
      TWO_FACTOR: true,
      REGISTERABLE: true,
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/NO_SUCH, TWO_FACTOR\n/);
  });

  it.each([
    [["--port", "x"], "--port"],
    [["--port", "0", "--seed", "x"], "--seed"],
    [["--port", "0", "--profile", "x"], "--profile"],
    [["--port", "0", "--what"], "--what"],
    [["--port", "0", "--database", "oracle:x"], "--database"],
    [["--port", "0", "--settings", "/no/such/file.json"], "/no/such/file.json"],
  ])("%j ends with 2", async (args, said) => {
    const { status, stdout, stderr } = await runLab(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(said);
  });

  it("a value of the wrong type, and one that the product refuses, end with 2", async () => {
    expect(await runLab(["--port", "0"], { FRESHNESS: "soon" })).toMatchObject({
      status: 2,
      stderr: /FRESHNESS/ as never,
    });
    expect(await runLab(["--port", "0"], { SECRET_KEY: "short" })).toMatchObject({
      status: 2,
      stderr: /secretKeys/ as never,
    });
  });

  it("the file overrides the profile", async () => {
    const full = await startLab(["--profile", "full"], { POST_LOGIN_VIEW: "/post_login", REGISTERABLE: false });
    const client = testClient(full.origin);
    expect((await client.get("/register", json)).status).toBe(404);
    const form = await client.get("/login", { headers: { accept: "text/html" } });
    expect(form.text).toContain('name="username"');
    const answer = await client.post("/login", {
      form: { username: "joe", password: "password" },
      headers: { accept: "text/html" },
    });
    expect([answer.status, answer.location]).toEqual([302, "/post_login"]);
    await full.stop();
  });

  it("wording and the name of the CSRF header reach the server", async () => {
    const lab = await startLab([], {
      CSRF_HEADER: "X-Mine",
      RETURN_GENERIC_RESPONSES: false,
      MSG_INVALID_PASSWORD: ["Nope", "error"],
    });
    const client = testClient(lab.origin);
    const refused = await client.post("/login", { json: { email: "joe@lp.com", password: "wrong" } });
    expect(refused.json.response.field_errors).toEqual({ password: ["Nope"] });
    await client.signIn("joe@lp.com", "password");
    const headers = { "x-mine": client.csrfToken ?? "" };
    expect((await client.post("/json_auth", { json: {}, csrf: false })).status).toBe(400);
    expect((await client.post("/json_auth", { json: {}, csrf: false, headers })).status).toBe(200);
    await lab.stop();
  });

  it("spa hands the CSRF token out in a cookie; token takes tokens only", async () => {
    const spa = await startLab(["--profile", "spa"]);
    const client = testClient(spa.origin);
    await client.signIn("joe@lp.com", "password");
    expect(client.cookies.get("XSRF-TOKEN")).toBeDefined();
    await spa.stop();
    const token = await startLab(["--profile", "token"]);
    const signedIn = testClient(token.origin);
    const answer = await signedIn.signIn("joe@lp.com", "password");
    expect([...signedIn.cookies.keys()]).toEqual([]);
    expect((await signedIn.get("/me", json)).status).toBe(401);
    const { authentication_token: auth, refresh_token: refresh } = answer.json.response.user;
    const headers = { ...json.headers, "authentication-token": auth as string };
    expect((await signedIn.get("/me", { headers })).status).toBe(200);
    expect((await signedIn.post("/refresh-token", { json: { refresh_token: refresh } })).status).toBe(200);
    await token.stop();
  });
});

describe("control", () => {
  let lab: LabProcess;
  beforeAll(async () => {
    lab = await startLab(["--profile", "full"]);
  });
  afterAll(async () => {
    await lab?.stop();
  });

  it("is for the loopback address alone", () => {
    for (const address of ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]) expect(isLoopback(address)).toBe(true);
    for (const address of ["10.0.0.1", "128.0.0.1", "::2", "127.0.0.1.example", "::ffff:10.0.0.1", "", undefined]) {
      expect(isLoopback(address)).toBe(false);
    }
  });

  it.each(["/outbox", "/sms"])("%s is empty", async (path) => {
    expect(await lab.control("GET", path)).toEqual([]);
    expect(await lab.control("DELETE", path)).toEqual([]);
  });

  it("takes faults of the senders", async () => {
    for (const where of ["mail", "sms"]) {
      expect(await lab.control("POST", "/fault", { where, times: 1 })).toEqual({ where, times: 1 });
      expect(await lab.control("POST", "/fault", { where, times: 0 })).toEqual({ where, times: 0 });
    }
  });

  it("moves the clock on which sessions, tokens, basic and freshness go", async () => {
    const client = testClient(lab.origin);
    const answer = await client.post("/login?include_auth_token", {
      json: { email: "matt@lp.com", password: "password" },
    });
    const token = {
      headers: { accept: "application/json", "authentication-token": answer.json.response.user.authentication_token },
    };
    const nobody = testClient(lab.origin);
    expect((await nobody.get("/me", token)).status).toBe(200);
    expect((await client.get("/fresh", json)).status).toBe(200);
    expect(await lab.control("POST", "/clock", { advance: 901 })).toMatchObject({ ahead: 901 });
    expect((await nobody.get("/me", token)).status).toBe(401);
    await lab.control("POST", "/clock", { advance: 7200 });
    expect((await client.get("/fresh", json)).json.response.reauth_required).toBe(true);
    await lab.control("POST", "/clock", { advance: 25 * 3600 });
    expect((await client.get("/me", json)).status).toBe(401);
    expect(await lab.control("POST", "/clock", { reset: true })).toMatchObject({ ahead: 0 });
    expect((await fetch(`${lab.origin}/_lab/clock`, { method: "POST", body: "{}" })).status).toBe(400);
  });

  it("creates, reads, patches and deletes users in column names", async () => {
    const created = await lab.control("POST", "/users", {
      email: "New@LP.com",
      password: "battery staple",
      username: "newone",
      roles: ["editor"],
      login_count: 3,
    });
    expect(created).toMatchObject({
      email: "new@lp.com",
      username: "newone",
      active: true,
      roles: ["editor"],
      login_count: 3,
    });
    const client = testClient(lab.origin);
    await client.signIn("new@lp.com", "battery staple");
    expect((await client.get("/admin_or_editor", json)).status).toBe(200);
    const confirmed = "2026-01-02T03:04:05.000Z";
    const patched = { roles: ["simple"], confirmed_at: confirmed, password: "another staple" };
    expect(await lab.control("PATCH", "/users/new@lp.com", patched)).toMatchObject({
      roles: ["simple"],
      confirmed_at: confirmed,
    });
    expect((await client.get("/admin_or_editor", json)).status).toBe(403);
    await testClient(lab.origin).signIn("new@lp.com", "another staple");
    await lab.control("PATCH", "/users/new@lp.com", { active: false });
    expect((await client.get("/me", json)).status).toBe(401);
    expect(await lab.control("DELETE", "/users/new@lp.com")).toMatchObject({ email: "new@lp.com" });
    for (const method of ["GET", "PATCH", "DELETE"]) {
      const init = method === "PATCH" ? { method, body: "{}" } : { method };
      expect((await fetch(`${lab.origin}/_lab/users/new@lp.com`, init)).status).toBe(404);
    }
  });

  it.each([
    ["POST", "/users", { email: "matt@lp.com" }, "taken"],
    ["POST", "/users", { email: "no address" }, "e-mail"],
    ["POST", "/users", { email: "x@lp.com", no_such: 1 }, "no_such"],
    ["PATCH", "/users/matt@lp.com", { confirmed_at: "never" }, "confirmed_at"],
    ["PATCH", "/users/matt@lp.com", { roles: ["no such role"] }, "no such role"],
    ["PATCH", "/users/matt@lp.com", [], "object"],
  ])("%s %s %j is refused", async (method, path, body, said) => {
    const answer = await fetch(`${lab.origin}/_lab${path}`, { method, body: JSON.stringify(body) });
    expect([answer.status, ((await answer.json()) as { error: string }).error]).toEqual([
      400,
      expect.stringContaining(said),
    ]);
  });

  it("records events, and forgets them on request", async () => {
    await lab.control("DELETE", "/events");
    await testClient(lab.origin).signIn("jill@lp.com", "password");
    await testClient(lab.origin).post("/login", { json: { email: "jill@lp.com", password: "wrong" } });
    await testClient(lab.origin).get("/me", json);
    expect(await lab.control("GET", "/events")).toEqual([
      { name: "userAuthenticated", user: "jill@lp.com", details: expect.objectContaining({ authnVia: ["password"] }) },
      { name: "userFailedAuthn", user: "jill@lp.com", details: expect.objectContaining({ authType: "password" }) },
      { name: "userUnauthenticated", user: null, details: expect.objectContaining({ path: "/me" }) },
    ]);
    expect(await lab.control("DELETE", "/events")).toEqual([]);
    expect(await lab.control("GET", "/events")).toEqual([]);
  });

  it("shows the server's own log", async () => {
    const client = testClient(lab.origin);
    await client.signIn("gene@lp.com", "password");
    await client.get("/admin_and_editor", json);
    const lines = (await lab.control("GET", "/log")) as string[];
    expect(lines.some((line) => line.includes("GET /admin_and_editor"))).toBe(true);
  });

  it.each([
    ["datastore.find", 1, 503],
    ["datastore.transaction", 2, 503],
    ["datastore.insert", 1, 503],
    ["hash", 2, 500],
  ])("%s fails %i times, closed, and then works again", async (where, times, status) => {
    const register = async (email: string): Promise<number> => {
      const fields = { email, password: "battery staple", password_confirm: "battery staple" };
      return (await testClient(lab.origin).post("/register", { json: fields })).status;
    };
    const exists = async (email: string): Promise<boolean> => (await fetch(`${lab.origin}/_lab/users/${email}`)).ok;
    const email = `${where.replace(".", "-").toLowerCase()}@fault.com`;
    await lab.control("POST", "/fault", { where, times });
    for (let index = 0; index < times; index += 1) expect(await register(email)).toBe(status);
    expect(await exists(email)).toBe(false);
    expect(await register(email)).toBe(200);
    expect(await exists(email)).toBe(true);
  });

  it("a fault while a session is loaded lets nobody in", async () => {
    const client = testClient(lab.origin);
    await client.signIn("joe@lp.com", "password");
    await lab.control("POST", "/fault", { where: "datastore.loadSession" });
    // An account page reads the session from the database each time.
    expect((await client.get("/verify", json)).status).toBe(503);
    expect((await client.get("/verify", json)).status).toBe(200);
  });

  it.each([{ where: "nowhere" }, { where: "hash", times: -1 }])("fault %j is refused", async (body) => {
    const answer = await fetch(`${lab.origin}/_lab/fault`, { method: "POST", body: JSON.stringify(body) });
    expect(answer.status).toBe(400);
    const { error } = (await answer.json()) as { error: string };
    if (!("times" in body)) expect(error).toContain("datastore.update");
  });

  it("shows the access matrix", async () => {
    const routes = (await lab.control("GET", "/routes")) as {
      method: string;
      path: string;
      guard: string;
      source: string;
    }[];
    const find = (method: string, path: string) =>
      routes.find((route) => route.method === method && route.path === path);
    expect(find("GET", "/admin")).toMatchObject({ guard: "role admin", source: "application" });
    expect(find("POST", "/login")).toMatchObject({ source: "passwords" });
    expect(routes.some(({ path }) => path.startsWith("/_lab"))).toBe(false);
  });
});
