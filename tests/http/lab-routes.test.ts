import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LabProcess, startLab } from "../lab/process.ts";

let lab: LabProcess;
let nobody: TestClient;
const clients = new Map<string, TestClient>();

beforeAll(async () => {
  lab = await startLab([], { TOKEN_AUTHENTICATION_HEADER: "Authentication-Token" });
  nobody = testClient(lab.origin);
  for (const name of ["matt", "joe", "dave", "jill", "gene"]) {
    const client = testClient(lab.origin);
    await client.signIn(`${name}@lp.com`, "password");
    clients.set(name, client);
  }
});
afterAll(async () => {
  await lab?.stop();
});

function as(name: string): TestClient {
  const client = clients.get(name);
  if (client === undefined) throw new Error(`${name} is not signed in`);
  return client;
}

const json = { headers: { accept: "application/json" } };
const basic = (user: string, password = "password"): { headers: Record<string, string> } => ({
  headers: { authorization: `Basic ${btoa(`${user}:${password}`)}`, accept: "application/json" },
});

describe("open routes", () => {
  it.each([
    "/",
    "/page1",
    "/post_logout",
    "/post_register",
    "/post_confirm",
    "/post_reset",
    "/post_change_username",
    "/unauthz",
  ])("%s answers everybody, as JSON and as a page", async (path) => {
    expect((await nobody.get(path, json)).json).toEqual({ message: path === "/" ? "home" : path.slice(1) });
    const page = await nobody.get(path, { headers: { accept: "text/html" } });
    expect([page.status, page.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
  });

  it("/json echoes what it is sent", async () => {
    const sent = { a: [1, { b: null }], c: "x" };
    expect((await nobody.post("/json", { json: sent })).json).toEqual(sent);
    for (const any of [[1, [], { a: "x" }], "text", 7, true, null, {}]) {
      expect((await nobody.post("/json", { json: any })).json).toEqual(any);
    }
  });

  it.each([
    ["application/json", "[1", 400],
    ["application/json", '{"a":1,"a":2}', 400],
    ["application/json", `${"[".repeat(40)}${"]".repeat(40)}`, 400],
    ["application/json", `"${"x".repeat(2_000_000)}"`, 413],
    ["text/plain", "x", 415],
  ])("/json reads within the server's limits: %s %#", async (type, body, status) => {
    const answer = await nobody.post("/json", { body, headers: { ...json.headers, "content-type": type } });
    expect([answer.status, answer.json.status]).toEqual([status, status]);
  });

  it("/typed/:id converts its parameters from the query and from JSON", async () => {
    const values = { id: 7, when: "2026-03-01T00:00:00.000Z", flag: true, tags: ["a", "b"], ratio: 0.5 };
    const query = "when=2026-03-01&flag=true&tags=a&tags=b&ratio=0.5";
    expect((await nobody.get(`/typed/7?${query}`, json)).json).toEqual(values);
    const { id: _id, ...body } = values;
    expect((await nobody.post("/typed/7", { json: body })).json).toEqual(values);
    expect(
      (await nobody.get("/typed/x?ratio=y", json)).json.parameters.map((fault: { name: string }) => fault.name),
    ).toEqual(expect.arrayContaining(["id", "ratio"]));
  });
});

describe("signed-in routes", () => {
  it.each(["/profile", "/post_login", "/session", "/me", "/fresh", "/multi_auth"])(
    "%s wants a sign-in by session",
    async (path) => {
      expect((await nobody.get(path, json)).status).toBe(401);
      expect((await as("gene").get(path, json)).status).toBe(200);
    },
  );

  it("/profile says so, and takes no basic", async () => {
    expect((await as("joe").get("/profile", json)).json).toEqual({ message: "profile" });
    expect((await nobody.get("/profile", basic("joe@lp.com"))).status).toBe(401);
  });

  it("/me says who, with which roles, by what", async () => {
    expect((await as("dave").get("/me", json)).json).toEqual({
      email: "dave@lp.com",
      roles: ["admin", "editor"],
      via: "session",
      methods: ["password"],
    });
  });

  it.each(["/session", "/multi_auth", "/fresh", "/json_auth"])(
    "POST %s needs the CSRF token of the session",
    async (path) => {
      const client = as("gene");
      expect((await client.post(path, { json: { a: 1 }, csrf: false })).status).toBe(400);
      expect((await client.post(path, { json: { a: 1 } })).status).toBe(200);
    },
  );

  it("/json_auth echoes", async () => {
    expect((await nobody.post("/json_auth", { json: {} })).status).toBe(401);
    expect((await as("joe").post("/json_auth", { json: { a: 1 } })).json).toEqual({ a: 1 });
    expect((await as("joe").post("/json_auth", { json: ["a"] })).json).toEqual(["a"]);
  });

  it("/token and /multi_auth take an auth token, by GET and by POST", async () => {
    const answer = await testClient(lab.origin).post("/login?include_auth_token", {
      json: { email: "joe@lp.com", password: "password" },
    });
    const token = {
      headers: { accept: "application/json", "authentication-token": answer.json.response.user.authentication_token },
    };
    for (const path of ["/token", "/multi_auth", "/profile"]) expect((await nobody.get(path, token)).status).toBe(200);
    for (const path of ["/token", "/multi_auth"]) expect((await nobody.post(path, token)).status).toBe(200);
    expect((await nobody.get("/session", token)).status).toBe(401);
    expect((await as("joe").get("/token", json)).status).toBe(401);
  });

  it.each(["/http", "/http_custom_realm", "/multi_auth"])("%s takes basic, by GET and by POST", async (path) => {
    const refused = await nobody.get(path, json);
    const realm = path === "/http_custom_realm" ? "My Realm" : "Login Required";
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining(`Basic realm="${realm}"`),
    ]);
    expect((await nobody.get(path, basic("joe@lp.com", "wrong"))).status).toBe(401);
    expect((await nobody.get(path, basic("joe@lp.com"))).status).toBe(200);
    expect((await nobody.post(path, basic("joe@lp.com"))).status).toBe(200);
  });

  it("/http_admin_required wants a permission that nobody has", async () => {
    expect((await nobody.get("/http_admin_required", json)).status).toBe(401);
    for (const name of ["joe", "matt"]) {
      expect((await nobody.get("/http_admin_required", basic(`${name}@lp.com`))).status).toBe(403);
    }
  });

  it("refuses who is inactive or has no password", async () => {
    for (const name of ["tiya", "jess"]) {
      expect((await nobody.get("/http", basic(`${name}@lp.com`))).status).toBe(401);
    }
  });
});

describe("roles and permissions", () => {
  const table: Readonly<Record<string, readonly string[]>> = {
    "/admin": ["matt", "dave"],
    "/admin_and_editor": ["dave"],
    "/admin_or_editor": ["matt", "joe", "dave"],
    "/simple": ["gene"],
    "/owners": ["matt", "joe"],
    "/admin_perm": ["matt", "joe", "dave"],
    "/admin_perm_required": ["matt", "dave"],
  };
  it.each(Object.entries(table))("%s lets %j pass", async (path, allowed) => {
    expect((await nobody.get(path, json)).status).toBe(401);
    for (const [name, client] of clients) {
      expect([name, (await client.get(path, json)).status]).toEqual([name, allowed.includes(name) ? 200 : 403]);
    }
  });
});

describe("objects", () => {
  it.each(["GET", "PATCH", "DELETE"])(
    "%s /obj/:id: matt has 1 to 100, joe 101 to 200, others do not exist",
    async (method) => {
      const status = async (name: string, id: number): Promise<number> => {
        const init = method === "PATCH" ? { json: { name: "x" } } : json;
        return (await as(name).request(method, `/obj/${id}`, init)).status;
      };
      expect((await nobody.request(method, "/obj/1", json)).status).toBe(401);
      expect(
        await Promise.all([status("matt", 1), status("matt", 100), status("joe", 101), status("joe", 200)]),
      ).toEqual([200, 200, 200, 200]);
      expect(await Promise.all([status("matt", 101), status("joe", 100), status("jill", 1)])).toEqual([403, 403, 403]);
      expect(await Promise.all([status("matt", 0), status("joe", 201)])).toEqual([404, 404]);
    },
  );
});
