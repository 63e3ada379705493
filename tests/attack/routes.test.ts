import type { Answer, Client } from "./client.ts";
import { exchange, rawRequest } from "./raw.ts";
import { attacks, each, must, pairs, type Rig } from "./suite.ts";

const matt = { email: "matt@lp.com", password: "password" };

/** A client with matt's credentials, by whatever the profile takes. */
async function asMatt(rig: Rig, email = matt.email): Promise<Client> {
  const client = await rig.visitor();
  const answer = await client.signIn(email);
  const user = answer.response["user"] as Readonly<Record<string, unknown>>;
  client.token = String(user["authentication_token"]);
  return client;
}

/** Sample routes that nobody gets through without credentials, with a path that would do. */
const guarded = (rig: Rig): readonly string[] => [
  ...new Set(
    rig.lab.routes
      .filter(({ open, source }) => open === undefined && source === "application")
      .map(({ path }) => path.replace(/:\w+/, "5")),
  ),
];

const marker = /home-only|"message":"(?:admin|profile|simple|session|token|fresh)|"email":"/;

attacks("RTE", {}, (attack) => {
  attack("RTE-01 [ASVS 4.1.4] [ASVS 13.4.4]: other methods do not get around a guard", async (rig) => {
    const methods = [
      "HEAD",
      "OPTIONS",
      "PROPFIND",
      "PUT",
      "PATCH",
      "DELETE",
      "SEARCH",
      "LOCK",
      "MKCOL",
      "LINK",
      "QUERY",
    ];
    await each(
      pairs(guarded(rig), methods),
      ([path, method]) => `${method} ${path}`,
      async ([path, method]) => {
        const answer = await rig.client().send(method, path);
        must(answer.status >= 300 && answer.status < 500, `status ${answer.status}`);
        must(!marker.test(answer.text), "protected bytes");
      },
    );
    const paths = [...guarded(rig), "/", rig.at("LOGIN"), rig.at("LOGOUT")];
    await each(
      pairs(paths, ["TRACE", "TRACK", "get", "post", "Get", "CONNECT", "FOO", "GETX"]),
      ([path, method]) => `${method} ${path}`,
      async ([path, method]) => {
        const lines = [
          `${method} ${path} HTTP/1.1`,
          "Host: x",
          "Cookie: session=marker-of-a-trace",
          "Content-Length: 0",
          "Connection: close",
        ];
        const answer = await exchange(rig.lab.port, rawRequest(lines));
        must(answer === undefined || (answer.status >= 400 && answer.status < 500), `status ${answer?.status}`);
        must(answer === undefined || !answer.text.includes("marker-of-a-trace"), "the request was echoed");
      },
    );
    const endpoints = rig.lab.routes.filter(({ source, path }) => source !== "application" && !path.includes(":"));
    await each([...new Set(endpoints.map(({ path }) => path))], String, async (path) => {
      const declared = endpoints.filter((endpoint) => endpoint.path === path).map(({ method }) => method);
      for (const method of ["PUT", "PATCH", "DELETE"].filter((name) => !declared.includes(name))) {
        const answer = await rig.client().send(method, path, { json: {} });
        must(
          answer.status === 405 && answer.header("allow") !== undefined,
          `${method}: ${answer.status} Allow: ${answer.header("allow")}`,
        );
      }
    });
  });

  attack("RTE-02 [ASVS 8.2.1] [ASVS 1.5.3]: other spellings of a path do not get around a guard", async (rig) => {
    const variants = (path: string): readonly string[] => {
      const name = path.slice(1);
      const first = `%${name.charCodeAt(0).toString(16)}${name.slice(1)}`;
      return [
        `${path}/`,
        `/${path}`,
        `${path}//`,
        `/.${path}`,
        `/./${name}`,
        `/x/../${name}`,
        `/x/..${path}`,
        path.toUpperCase(),
        `/${first}`,
        `/${first.replace("%", "%25")}`,
        `/%2e${path}`,
        `/%2e%2e${path}`,
        `/%2f${name}`,
        `${path};a=b`,
        `${path}%00`,
        `${path}.json`,
        `${path}.html`,
        `${path}%20`,
        `${path}%09`,
        `/\\${name}`,
        `${path}\\`,
        `${path}%5c`,
        `${path}?`,
        `${path}??`,
        `${path}%3f`,
        `${path}%23`,
        `${path}/.`,
        `${path}/..%2f${name}`,
        `/*/${name}`,
        `http://127.0.0.1${path}`,
        `//127.0.0.1${path}`,
        `/;${path}`,
        `${path}/*`,
        `/page1/..${path}`,
        `/page1/%2e%2e${path}`,
        `/page1%2f..${path}`,
        `${path}&`,
        `${path}+`,
      ];
    };
    await each(
      guarded(rig).flatMap((path) => [path, ...variants(path)]),
      String,
      async (path) => {
        for (const method of ["GET", "POST"]) {
          const lines = [
            `${method} ${path} HTTP/1.1`,
            `Host: 127.0.0.1:${rig.lab.port}`,
            "Accept: application/json",
            "Content-Length: 0",
            "Connection: close",
          ];
          const answer = await exchange(rig.lab.port, rawRequest(lines));
          // A path that resolves to an open page (/page1/..//x) is that page; what is protected must not be in it.
          must(
            answer === undefined || answer.status >= 300 || !marker.test(answer.text),
            `${method}: ${answer?.status} ${answer?.text}`,
          );
          must(answer === undefined || answer.status < 500, `${method}: ${answer?.status}`);
          const open = /^(?:\/page1|http:|\/\/127)/.test(path);
          must(answer === undefined || answer.status >= 300 || open, `${method}: ${answer?.status} ${answer?.text}`);
        }
      },
    );
  });

  attack(
    "RTE-03 [ASVS 8.2.1] [ASVS 8.1.1]: every route says who may call it, and who says nothing is closed",
    async (rig) => {
      const routes = rig.lab.routes;
      must(routes.length > 20, `only ${routes.length} routes in the table`);
      await each(
        routes,
        ({ method, path }) => `${method} ${path}`,
        async (route) => {
          must(route.guard !== "" && route.guard !== undefined, "no guard");
          must(route.open === undefined || route.open !== "", "open without a reason");
          if (route.open !== undefined || /not signed in/.test(route.guard) || route.method === "ALL") return;
          const path = route.path.replace(/:\w+/g, "5");
          const answer = await rig.client().send(route.method, path, route.method === "GET" ? {} : { json: {} });
          must([401, 403, 404].includes(answer.status), `anonymous: ${answer.status}`);
        },
      );
      const unknown = await rig.client().get("/no-such-route");
      must(unknown.status === 404, `an unknown path: ${unknown.status}`);
    },
  );

  attack("RTE-07 [ASVS 8.2.1]: names that look like a role are not that role", async (rig) => {
    const names = [
      "admin2",
      "Admin",
      "ADMIN",
      "user,admin",
      "*",
      " admin",
      "admin ",
      "adm",
      "\u0430dmin",
      "admin\u200b",
      "a%",
      "_dmin",
      "[admin]",
    ];
    await each(
      names,
      (name) => JSON.stringify(name),
      async (name) => {
        const victim = await rig.user();
        await rig.lab.accounts.setRole(victim.email, name);
        const client = await asUser(rig, victim);
        for (const path of [
          "/admin",
          "/admin_or_editor",
          "/admin_and_editor",
          "/simple",
          "/admin_perm",
          "/admin_perm_required",
        ]) {
          const answer = await client.get(path);
          must(answer.status === 403, `${path}: ${answer.status}`);
        }
      },
    );
    const nothing = await asUser(rig, await rig.user());
    must((await nothing.get("/admin_or_editor")).status === 403, "no role at all");
    must(
      (await (await asMatt(rig, "joe@lp.com")).get("/admin_and_editor")).status === 403,
      "one of two required roles",
    );
    must(
      (await (await asMatt(rig, "dave@lp.com")).get("/admin_and_editor")).status === 200,
      "both required roles are refused",
    );
  });

  attack("RTE-08 [ASVS 13.4.5] [ASVS 13.4.2]: nothing is there by default that tells of the inside", async (rig) => {
    const paths = [
      "/openapi",
      "/openapi.json",
      "/docs",
      "/swagger",
      "/metrics",
      "/health",
      "/debug",
      "/status",
      "/.env",
      "/.git/config",
      "/.git/HEAD",
      "/package.json",
      "/main.js.map",
      "/src/index.ts",
      "/server-status",
      "/admin/",
      "/graphql",
      "/.well-known/security.txt",
      "/routes",
      "/lab.db",
    ];
    const known = new Set(rig.lab.routes.map(({ path }) => path));
    await each(
      paths.filter((path) => !known.has(path)),
      String,
      async (path) => {
        must((await rig.client().get(path)).status === 404, "answers");
      },
    );
  });
});

async function asUser(rig: Rig, victim: { readonly email: string; readonly password: string }): Promise<Client> {
  const client = await rig.visitor();
  const answer = await client.signIn(victim.email, victim.password);
  client.token = String((answer.response["user"] as Readonly<Record<string, unknown>>)["authentication_token"]);
  return client;
}

attacks("OBJ", {}, (attack) => {
  attack("OBJ-01 [ASVS 8.2.2]: somebody else's object, by every method", async (rig) => {
    const client = await asMatt(rig);
    must((await client.get("/obj/5")).status === 200, "the own object is refused");
    await each(
      pairs([101, 150, 200, 0, 201, 999_999], ["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST"]),
      ([id, method]) => `${method} ${id}`,
      async ([id, method]) => {
        for (const path of [`/obj/${id}`, `/obj/${id}/`, `/obj/${id}/sub`]) {
          const answer = await client.send(method, path, method === "GET" || method === "HEAD" ? {} : { json: {} });
          must([403, 404, 405].includes(answer.status), `${path}: ${answer.status}`);
        }
      },
    );
    const [foreign, missing] = [await client.get("/obj/150"), await client.get("/obj/999999")];
    must(foreign.status === 403 && missing.status === 404, `${foreign.status} and ${missing.status}`);
    must((await rig.client().get("/obj/999999")).status === 401, "an outsider learns which objects exist");
  });

  attack("OBJ-02 [ASVS 8.2.2] [ASVS 15.3.7]: a second id beside that of the path", async (rig) => {
    const client = await asMatt(rig);
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const multipart = { "content-type": "multipart/form-data; boundary=x" };
    const part = '--x\r\nContent-Disposition: form-data; name="id"\r\n\r\n150\r\n--x--\r\n';
    const tries: Readonly<Record<string, () => Promise<Answer>>> = {
      query: () => client.get("/obj/5?id=150"),
      "query twice": () => client.get("/obj/5?id=5&id=150"),
      "query in PATCH": () => client.send("PATCH", "/obj/5?id=150", { json: {} }),
      json: () => client.send("PATCH", "/obj/5", { json: { id: 150 } }),
      form: () => client.send("PATCH", "/obj/5", { body: "id=150", headers: form }),
      multipart: () => client.send("PATCH", "/obj/5", { body: part, headers: multipart }),
      "all at once": () => client.send("PATCH", "/obj/5?id=150", { json: { id: 150 } }),
    };
    await each(
      Object.entries(tries),
      ([name]) => name,
      async ([, attempt]) => {
        const answer = await attempt();
        must(answer.status === 400, `status ${answer.status} ${answer.text}`);
      },
    );
    const harmless = await client.get("/obj/5", {
      headers: { id: "150", "x-id": "150" },
      cookies: `${client.cookieHeader}; id=150`,
    });
    must(harmless.status === 200 && harmless.text === '{"id":5}', `a header counts: ${harmless.text}`);
    const foreign = await client.get("/obj/150?id=5");
    must(foreign.status !== 200, "the query's id was checked");
  });

  attack("OBJ-03 [ASVS 2.2.1] [ASVS 1.1.1]: other spellings of an id", async (rig) => {
    const client = await asMatt(rig);
    const spellings = [
      "1%20",
      "%201",
      "1%00",
      "01",
      "1.0",
      "1,2",
      "1%2f2",
      "1%2F",
      "%zz",
      "%ff",
      "%",
      "1%",
      "1e0",
      "0x1",
      "+1",
      "%2b1",
      "-1",
      "1;2",
      "1%3b2",
      "%EF%BC%91",
      "1%0a",
      "%C0%B1",
      "%2531",
    ];
    await each(spellings, String, async (text) => {
      const lines = [
        `GET /obj/${text} HTTP/1.1`,
        `Host: 127.0.0.1:${rig.lab.port}`,
        "Accept: application/json",
        `Authentication-Token: ${client.token}`,
        "Connection: close",
      ];
      const answer = await exchange(rig.lab.port, rawRequest(lines));
      must(answer !== undefined && [400, 404].includes(answer.status), `status ${answer?.status} ${answer?.text}`);
    });
    // One encoding of the same digit is the same id: it is decoded once, before the rule sees it.
    const encoded = await client.get("/obj/%35");
    must(encoded.status === 200 && encoded.text === '{"id":5}', `%35: ${encoded.status}`);
  });

  attack("OBJ-08 [ASVS 8.2.2]: ids that mean something to somebody", async (rig) => {
    const client = await asMatt(rig);
    const ids = [
      "me",
      "0",
      "-1",
      "null",
      "undefined",
      "__proto__",
      "constructor",
      "toString",
      "...",
      "*",
      "true",
      "[]",
      "NaN",
      "%2a",
      "x".repeat(10_000),
      "9".repeat(300),
    ];
    await each(
      ids,
      (id) => id.slice(0, 20),
      async (id) => {
        for (const method of ["GET", "PATCH", "DELETE"]) {
          const answer = await client.send(method, `/obj/${id}`, method === "GET" ? {} : { json: {} });
          must([400, 404, 405].includes(answer.status), `${method}: ${answer.status}`);
        }
      },
    );
  });
});
