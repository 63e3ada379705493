/** ADV-A: whatever is done to a path or a method, no handler runs whose guard has not let the request pass. */

import { connect } from "node:net";
import { Hono } from "hono";
import { serve } from "portcullis/node";
import { testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openShop } from "./routes-shop.ts";

// Paths and declarations come from tables, which the compiler cannot know.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Untyped = any;

/** What reached a handler behind a guard: each of them refuses a stranger. */
const reached: string[] = [];
const guarded = (c: Untyped): Response => {
  reached.push(`${c.req.method} ${c.req.path}`);
  return c.text("secret");
};
const open = (c: Untyped): Response => c.text("open");

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PROPFIND", "FOO", "get", "Post"];
const paths = [
  "/admin",
  "/admin/",
  "/admin/users",
  "/admin/users/",
  "/admin/users/7",
  "/admin//users",
  "//admin/users",
  "///admin/users",
  "/admin%2Fusers",
  "/admin%2fusers",
  "/%61dmin/users",
  "/%2561dmin/users",
  "/admin/%75sers",
  "/admin/users%2F",
  "/admin/users%2F7",
  "/admin/users%00",
  "/admin/users%20",
  "/admin/users;x=1",
  "/admin;x=1/users",
  "/admin/users?x=1",
  "/admin?/users",
  "/admin%3F/users",
  "/admin%23/users",
  "/./admin/users",
  "/admin/./users",
  "/open/../admin/users",
  "/admin/../admin/users",
  "/open/%2e%2e/admin/users",
  "/open/..%2fadmin/users",
  "/open/..;/admin/users",
  "/open\\..\\admin/users",
  "/admin\\users",
  "/admin%5Cusers",
  "/ADMIN/users",
  "/Admin/Users",
  "/admın/users",
  "/%C0%AFadmin/users",
  "/admin/users.json",
  "/admin/users/..",
  "/admin/%E0%A4%A",
  "/base/admin/users",
  "/base//admin/users",
  "/base/admin%2Fusers",
  "/sub/admin/users",
  "/sub/admin/users/",
  "/sub//admin/users",
  "/sub/../admin/users",
] as const;
const headers: readonly Readonly<Record<string, string>>[] = [
  {},
  { "x-http-method-override": "GET", "x-method-override": "GET", "x-http-method": "GET" },
  { "x-original-url": "/open", "x-rewrite-url": "/open", "x-forwarded-prefix": "/open", "x-forwarded-path": "/open" },
  { "x-middleware-subrequest": "middleware:middleware:middleware:middleware:middleware" },
];

type Apps = Readonly<Record<string, (security: Untyped) => Untyped>>;
const narrow = ["/admin", "/admin/users", "/admin/users/:id", "/admin/users/:id{.+}"];
const apps: Apps = {
  "declared routes"(security) {
    const app = security.app();
    for (const path of narrow) app.all(path, { authz: "admin" }, guarded);
    app.get("/open/*", { authz: "OPEN" }, open);
    return app;
  },
  "declared routes by method, on a base path and mounted"(security) {
    const app = security.app();
    for (const path of narrow) {
      app.get(path, { authz: "admin" }, guarded);
      app.basePath("/base").on(["POST", "PROPFIND"], path, { authz: "admin" }, guarded);
    }
    const sub = security.app().get("/admin/users", { authz: "admin" }, guarded);
    app.route("/sub", sub);
    return app;
  },
  "declared routes behind an open one for everything beside them"(security) {
    const app = security.app();
    for (const path of narrow) app.all(path, { authz: "admin" }, guarded);
    app.all("/*", { authz: "OPEN" }, open);
    return app;
  },
  "a guard on a pattern"(security) {
    const app = new Hono().use("/admin/*", security.guard("admin"));
    for (const path of narrow) app.all(path, guarded);
    return app.get("/open/*", open);
  },
  "a guard on a pattern that is not strict about slashes"(security) {
    const app = new Hono({ strict: false }).use("/admin/*", security.guard("admin"));
    for (const path of narrow) app.all(path, guarded);
    return app.get("/open/*", open);
  },
  "a guard on a pattern of a base path"(security) {
    const app = new Hono().basePath("/base");
    app.use("/admin/*", security.guard("admin"));
    for (const path of narrow) app.get(path, guarded);
    return app;
  },
  "a guard before what is mounted"(security) {
    const sub = new Hono();
    for (const path of narrow) sub.get(path, guarded);
    return new Hono().use("/sub/*", security.guard("admin")).route("/sub", sub);
  },
  "a guard inside of what is mounted"(security) {
    const sub = new Hono().use("/admin/*", security.guard("admin"));
    for (const path of narrow) sub.get(path, guarded);
    return new Hono().route("/sub", sub).route("/", sub);
  },
  "a guard before a foreign application"(security) {
    const foreign = (request: Request): Response => {
      reached.push(request.url);
      return new Response("secret");
    };
    return new Hono().use("/admin/*", security.guard("admin")).mount("/admin", foreign);
  },
  "a guard at the route"(security) {
    const app: Untyped = new Hono();
    for (const path of narrow) app.on(["GET", "POST", "FOO"], path, security.guard("admin"), guarded);
    return app;
  },
};

/** The bytes as they are: no library tidies the path up. */
function raw(port: number, method: string, path: string, more: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const lines = Object.entries({ host: "localhost:3000", connection: "close", "content-length": "0", ...more });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text));
    socket.write(
      `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}`).join("\r\n")}\r\n\r\n`,
    );
  });
}

describe.each(Object.entries(apps))("ADV-A: %s", (_name, make) => {
  let app: Untyped;
  let stop: (() => Promise<void>) | undefined;
  let port = 0;
  let admin: Readonly<Record<string, string>> = {};
  beforeAll(async () => {
    const { security } = await openShop();
    app = make(security);
    const running = await serve(app, { port: 0, hostname: "127.0.0.1" });
    port = running.port;
    stop = async () => {
      await running.close();
      await security.close();
    };
    const accounts = testClient(security.app() as Untyped);
    await accounts.signIn("admin@example.com", "password");
    admin = { cookie: [...accounts.cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
  });
  afterAll(async () => stop?.());

  it("no spelling, method or header leads a stranger past the guard", async () => {
    reached.length = 0;
    for (const path of paths) {
      for (const method of methods) {
        // Headers that name another method or path are tried where such a header could lead somewhere.
        for (const more of ["GET", "POST"].includes(method) ? headers : headers.slice(0, 1)) {
          const answer = (await app.fetch(
            new Request(new URL(path, "http://localhost:3000"), { method, headers: more }),
          )) as Response;
          expect([method, path, reached, (await answer.text()).includes("secret")]).toEqual([method, path, [], false]);
        }
      }
    }
  });

  it("nor do the bytes of a socket", async () => {
    reached.length = 0;
    const absolute = ["http://localhost:3000/admin/users", "http://elsewhere.example/admin/users", "*"];
    for (const path of [...paths.filter((one) => /^[\x21-\x7e]*$/.test(one)), ...absolute]) {
      for (const method of ["GET", "POST", "PROPFIND"]) {
        const answer = await raw(port, method, path, headers[1] as Readonly<Record<string, string>>);
        expect([method, path, reached, answer.includes("secret")]).toEqual([method, path, [], false]);
      }
    }
  });

  it("and whoever may is let in, so that the table says something", async () => {
    const found: number[] = [];
    for (const path of ["/admin/users", "/base/admin/users", "/sub/admin/users"]) {
      for (const method of ["GET", "PROPFIND"]) {
        reached.length = 0;
        const answer = (await app.fetch(
          new Request(`http://localhost:3000${path}`, { method, headers: admin }),
        )) as Response;
        if (answer.status === 200 && reached.length === 1) found.push(answer.status);
      }
    }
    expect(found).not.toEqual([]);
  });
});
