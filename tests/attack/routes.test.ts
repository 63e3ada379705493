import type { Answer, Client } from "./client.ts";
import { exchange, rawRequest } from "./raw.ts";
import { attacks, each, must, needsSessions, pairs, type Rig } from "./suite.ts";

const matt = { email: "matt@lp.com", password: "password" };
const basic = (pair: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(pair).toString("base64")}`,
});

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
      for (const method of ["PUT", "PATCH", "DELETE"]) {
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

attacks("HDR", { production: true }, (attack) => {
  /** Answers of every sort: pages, JSON, redirects, refusals, errors. */
  async function answersOf(rig: Rig): Promise<readonly Answer[]> {
    const visitor = await rig.visitor();
    const paths = [...new Set(rig.lab.routes.filter(({ path }) => !path.includes(":")).map(({ path }) => path))];
    const answers: Answer[] = [];
    const client = await asMatt(rig);
    for (const page of [true, false]) {
      for (const path of paths) {
        answers.push(await rig.client().get(path, { page }));
        answers.push(await client.get(path, { page }));
        answers.push(await visitor.post(path, page ? { form: {}, page } : { json: {} }));
      }
      answers.push(
        await visitor.post(rig.at("LOGIN"), {
          page,
          csrf: false,
          form: { email: "x", password: "y", csrf_token: visitor.csrf ?? "" },
        }),
      );
      answers.push(await client.get("/no-such-route", { page }));
      answers.push(
        await client.get("/obj/150", { page }),
        await client.get("/obj/abc", { page }),
        await rig.client().get("/http", { page, headers: basic("x:y") }),
      );
    }
    return answers;
  }
  const isPage = (answer: Answer): boolean => (answer.header("content-type") ?? "").startsWith("text/html");
  const nameOf = ({ method, path, status }: Answer): string => `${method} ${path} → ${status}`;

  attack("HDR-01 [ASVS 14.3.2] [ASVS 14.2.2] [ASVS 14.2.5]: what belongs to somebody is not stored", async (rig) => {
    const personal = (await answersOf(rig)).filter(
      (answer) =>
        isAccount(rig, answer.path) ||
        answer.setCookies.length > 0 ||
        [301, 302, 303, 401, 403].includes(answer.status) ||
        /^\/(?:me|profile|session|token|admin|simple|fresh|post_login)/.test(answer.path),
    );
    await each(personal, nameOf, async (answer) => {
      must(
        /\bno-store\b/.test(answer.header("cache-control") ?? ""),
        `Cache-Control: ${answer.header("cache-control")}`,
      );
    });
    await each(
      personal.filter((answer) => isPage(answer) && isAccount(rig, answer.path)),
      nameOf,
      async (answer) => {
        must(/\bcookie\b/i.test(answer.header("vary") ?? ""), `Vary: ${answer.header("vary")}`);
      },
    );
  });

  attack("HDR-03 [ASVS 3.4.6]: no page may be framed", async (rig) => {
    await each((await answersOf(rig)).filter(isPage), nameOf, async (answer) => {
      must(
        /frame-ancestors '(?:none|self)'/.test(answer.header("content-security-policy") ?? ""),
        "no frame-ancestors",
      );
      must(/^(?:DENY|SAMEORIGIN)$/.test(answer.header("x-frame-options") ?? ""), "no X-Frame-Options");
    });
  });

  attack("HDR-04 [ASVS 3.4.3]: the policy of every page", async (rig) => {
    await each((await answersOf(rig)).filter(isPage), nameOf, async (answer) => {
      const policy = answer.header("content-security-policy") ?? "";
      const directive = (name: string): string | undefined => new RegExp(`(?:^|; ?)${name} ([^;]+)`).exec(policy)?.[1];
      must((directive("object-src") ?? directive("default-src")) === "'none'", "object-src");
      must(directive("base-uri") === "'none'", "base-uri");
      must(/^'self'/.test(directive("form-action") ?? ""), "form-action");
      must(!/unsafe-inline|unsafe-eval|\*/.test(policy), `too much is allowed: ${policy}`);
      must(
        !/<script(?![^>]*\bsrc=)|\son\w+="|\sstyle="|<style|javascript:/i.test(answer.text),
        "inline code in the page",
      );
    });
  });

  attack(
    "HDR-05 [ASVS 3.4.4] [ASVS 3.4.5] [ASVS 3.4.8] [ASVS 13.4.6] [ASVS 4.1.1]: the other headers, on errors too",
    async (rig) => {
      await each(
        (await answersOf(rig)).filter((answer) => isAccount(rig, answer.path) || answer.status >= 400),
        nameOf,
        async (answer) => {
          if (answer.text === "") return;
          must(answer.header("content-type") !== undefined, "no Content-Type");
          must(answer.header("x-content-type-options") === "nosniff", "no nosniff");
        },
      );
      await each((await answersOf(rig)).filter(isPage), nameOf, async (answer) => {
        must(/charset=utf-8/i.test(answer.header("content-type") ?? ""), "no charset");
        must(
          /^(?:same-origin|no-referrer|strict-origin)/.test(answer.header("referrer-policy") ?? ""),
          "no Referrer-Policy",
        );
        must(answer.header("cross-origin-opener-policy") === "same-origin", "no COOP");
      });
    },
  );

  attack(
    "HDR-06 [ASVS 3.3.1] [ASVS 3.3.2] [ASVS 3.3.3] [ASVS 3.3.4] [ASVS 3.3.5]: every cookie, when it is set and when it is removed",
    async (rig, context) => {
      needsSessions(rig, context);
      const client = await rig.visitor();
      await client.get("/profile", { page: true });
      const set = (await client.signIn("matt@lp.com", "password", { remember: true })).setCookies;
      must(set.length >= 2 && set.every((cookie) => cookie.startsWith("__Host-")), `set: ${set.length}`);
      const session = set.find((cookie) => cookie.startsWith("__Host-session="));
      must(session !== undefined && !/max-age|expires/i.test(session), "the session cookie outlives the browser");
      const removed = (await client.post(rig.at("LOGOUT"), { json: {} })).setCookies;
      must(
        removed.some((cookie) => /^__Host-session=;/.test(cookie)) &&
          removed.some((cookie) => /^__Host-remember=;/.test(cookie)),
        "not removed",
      );
      const attributes = (cookie: string): string =>
        cookie
          .split(/; ?/)
          .slice(1)
          .filter((part) => !/^(?:max-age|expires)/i.test(part))
          .sort()
          .join("; ");
      const before = new Map(set.map((cookie) => [cookie.split("=")[0], attributes(cookie)]));
      await each(
        removed.filter((cookie) => /=;/.test(cookie)),
        String,
        async (cookie) => {
          const known = before.get(cookie.split("=")[0]);
          must(
            known === undefined || known === attributes(cookie),
            `set with ${known}, removed with ${attributes(cookie)}`,
          );
        },
      );
    },
  );
});

const isAccount = (rig: Rig, path: string): boolean =>
  rig.lab.routes.some((route) => route.source !== "application" && route.path === path);

attacks("ERR", { postgres: true }, (attack) => {
  const places = [
    "datastore.findOne",
    "datastore.find",
    "datastore.insert",
    "datastore.update",
    "datastore.transaction",
    "datastore.loadSession",
    "datastore.loadUser",
    "hash",
  ];

  attack("ERR-01 [ASVS 16.5.3] [ASVS 2.3.3]: a part that fails closes, and leaves nothing half done", async (rig) => {
    await each(places, String, async (where) => {
      await rig.lab.fault(where, 1000);
      try {
        const before = await rig.lab.accounts.snapshot();
        const client = rig.client();
        const options = { expected: [500, 503], watch: false };
        // Whoever may not come in does not come in because something is broken.
        const wrong = [
          await client.post(`${rig.at("LOGIN")}?include_auth_token`, {
            json: { ...matt, password: "wrong-password" },
            ...options,
          }),
          await client.get("/http", { headers: basic("matt@lp.com:wrong-password"), ...options }),
          await client.get("/http", { headers: basic("tiya@lp.com:password"), ...options }),
          await client.get("/me", {
            cookies: `session=${"A".repeat(43)}; remember=${"B".repeat(22)}.${"C".repeat(43)}`,
            ...options,
          }),
          await client.get("/token", { headers: { "authentication-token": "x.y.z" }, ...options }),
        ];
        // Whoever may does it wholly or not at all.
        const right = [
          await client.post(`${rig.at("LOGIN")}?include_auth_token`, { json: matt, ...options }),
          await client.get("/http", { headers: basic("dave@lp.com:password"), ...options }),
        ];
        const register = rig.path("REGISTER");
        if (register !== undefined) {
          const password = "marker-of-a-half-account";
          await client.post(register, {
            json: { email: "half@err.example", password, password_confirm: password },
            ...options,
          });
        }
        for (const answer of wrong) must(answer.status >= 400, `${answer.method} ${answer.path}: ${answer.status}`);
        for (const answer of [...wrong, ...right].filter(({ status }) => status >= 400)) {
          must(
            answer.setCookies.every((cookie) => !/(?:session|remember)=[^;]/.test(cookie)),
            "a session in spite of it",
          );
          must(!answer.text.includes("authentication_token"), "a token in spite of it");
        }
        const half = await rig.lab.accounts.byEmail("half@err.example");
        must(half === undefined || half["password"] !== null, "half an account");
        if (half === undefined) must((await rig.lab.accounts.snapshot()) === before, "something changed");
      } finally {
        await rig.lab.fault(where, 0);
        await rig.lab.control("DELETE", "/users/half@err.example").catch(() => undefined);
      }
      must(
        (await (await rig.visitor()).post(rig.at("LOGIN"), { json: matt })).status === 200,
        "it does not work again afterwards",
      );
    });
  });

  attack(
    "ERR-02 [ASVS 16.5.2] [ASVS 16.5.1] [ASVS 16.5.4]: without its database the server lets nobody in, and recovers",
    async (rig) => {
      const client = await asMatt(rig);
      must((await client.get("/me")).status === 200, "not signed in");
      // So that nothing is answered from memory.
      const joe = await asMatt(rig, "joe@lp.com");
      const gates = ["datastore.findOne", "datastore.find", "datastore.loadSession", "datastore.loadUser"];
      for (const where of gates) await rig.lab.fault(where, 100_000);
      try {
        await each(guarded(rig), String, async (path) => {
          for (const cold of [joe, rig.client()]) {
            const answer = await cold.get(path, {
              expected: [500, 503],
              watch: false,
              headers: basic("joe@lp.com:password"),
            });
            must(answer.status >= 300, `${answer.status}`);
            must(!marker.test(answer.text), "protected bytes");
          }
        });
        const login = await rig.client().post(rig.at("LOGIN"), { json: matt, expected: [500, 503], watch: false });
        must(login.status >= 500, `LOGIN: ${login.status}`);
        must((await rig.client().get("/page1")).status === 200, "an open page needs the database");
      } finally {
        for (const where of gates) await rig.lab.fault(where, 0);
      }
      must((await joe.get("/me")).status === 200, "it does not recover");
    },
  );

  attack(
    "ERR-04 [ASVS 16.5.1] [ASVS 4.1.1]: every refusal and error shows what it is and nothing more",
    async (rig) => {
      const client = await asMatt(rig);
      const forced: Readonly<Record<number, (page: boolean) => Promise<Answer>>> = {
        400: (page) => client.get("/typed/abc", { page }),
        401: (page) => rig.client().get("/token", { page }),
        403: (page) => client.get("/obj/150", { page }),
        404: (page) => client.get("/obj/999999", { page }),
        405: (page) => client.get(rig.at("LOGOUT"), { page }),
        413: (page) =>
          client.post(rig.at("LOGIN"), {
            page,
            body: `{"email":"${"x".repeat(2_000_000)}"}`,
            headers: { "content-type": "application/json" },
          }),
        415: (page) => client.post("/json", { page, body: "x", headers: { "content-type": "text/plain" } }),
      };
      await each(
        pairs(Object.keys(forced).map(Number), [true, false]),
        ([status, page]) => `${status} ${page ? "page" : "JSON"}`,
        async ([status, page]) => {
          const answer = await forced[status]?.(page);
          must(answer?.status === status, `status ${answer?.status} ${answer?.text.slice(0, 100)}`);
          must(
            /^(?:text\/html|application\/(?:problem\+)?json)/.test(answer.header("content-type") ?? ""),
            `type ${answer.header("content-type")}`,
          );
        },
      );
      await each([true, false], String, async (page) => {
        const gates = ["datastore.findOne", "datastore.find", "datastore.loadUser"];
        for (const where of gates) await rig.lab.fault(where, 50);
        try {
          const answer = await rig
            .client()
            .get("/http", { page, headers: basic(`gene@lp.com:${page}`), expected: [500, 503], watch: false });
          must(answer.status >= 500 && answer.text.length < 2000, `${answer.status} ${answer.text.length}`);
        } finally {
          for (const where of gates) await rig.lab.fault(where, 0);
        }
      });
    },
  );
});

attacks("LOG", {}, (attack) => {
  attack("LOG-01 [ASVS 16.4.1]: a request cannot write log lines of its own", async (rig) => {
    const forged = '\r\n{"time":"2026-01-01T00:00:00Z","message":"forged"}';
    const client = await rig.visitor();
    await client.post(rig.at("LOGIN"), { json: { email: `a${forged}@x.test`, password: forged } });
    await client.get(`/profile?x=${encodeURIComponent(forged)}`);
    await client.get(`/no/${encodeURIComponent(forged)}`);
    await client.get("/admin", {
      headers: { "user-agent": encodeURIComponent(forged), referer: encodeURIComponent(forged) },
    });
    await client.get("/http", { headers: basic(`x${forged}:y`) });
    const signedIn = await asMatt(rig);
    await signedIn.get(`/obj/150?x=${encodeURIComponent(forged)}`);
    const log = await rig.lab.log();
    must(
      !log.split("\n").some((line) => /^\s*\{"time":"2026-01-01T00:00:00Z"/.test(line)),
      "a forged line is in the log",
    );
    const lines = log
      .split("\n")
      .slice(1)
      .filter((line) => line !== "");
    must(lines.length > 0, "nothing was logged");
    await each(
      lines,
      (line) => line.slice(0, 80),
      async (line) => {
        JSON.parse(line);
      },
    );
  });

  attack("LOG-02 [ASVS 16.2.5] [ASVS 14.2.1]: planted secrets are in no log", async (rig) => {
    const planted = (name: string): string => `marker-of-${name}-${Math.random().toString(36).slice(2)}`;
    const values = Object.fromEntries(
      ["password", "token", "bearer", "key", "cookie", "csrf", "query", "body", "basic", "code"].map((name) => [
        name,
        planted(name),
      ]),
    );
    for (const value of Object.values(values)) rig.lab.planted.add(value);
    const client = await rig.visitor();
    await client.post(rig.at("LOGIN"), {
      json: { email: "matt@lp.com", password: values["password"], code: values["code"], token: values["body"] },
    });
    await client.get(`/profile?auth_token=${values["query"]}&code=${values["code"]}`, { keep: false });
    await client.get("/me", {
      headers: {
        "authentication-token": values["token"] ?? "",
        authorization: `Bearer ${values["bearer"]}`,
        "x-api-key": values["key"] ?? "",
      },
    });
    await client.get("/me", {
      cookies: `session=${values["cookie"]}; remember=${values["cookie"]}; pending=${values["cookie"]}; flash=${values["cookie"]}`,
    });
    await client.post("/json_auth", { json: { a: values["body"] }, csrf: values["csrf"] ?? "" });
    await client.get("/http", { headers: basic(`matt@lp.com:${values["basic"]}`) });
    // Errors that carry the request's data on their way.
    await rig.lab.fault("datastore.findOne", 3);
    await client.post(rig.at("LOGIN"), {
      json: { email: "joe@lp.com", password: values["password"] },
      expected: [500, 503],
      watch: false,
    });
    await rig.lab.fault("datastore.findOne", 0);
    await rig.lab.fault("hash", 3);
    await client.post(rig.at("LOGIN"), {
      json: { email: "joe@lp.com", password: values["password"] },
      expected: [500, 503],
      watch: false,
    });
    await rig.lab.fault("hash", 0);
    const [log, events] = [await rig.lab.log(), JSON.stringify(await rig.lab.events())];
    for (const [name, value] of Object.entries(values)) {
      must(!log.includes(value), `the ${name} is in the log`);
      must(!events.includes(value), `the ${name} is in the events`);
    }
  });

  attack(
    "LOG-03 [ASVS 16.3.1] [ASVS 16.2.1]: sign-ins that worked and failed, and sign-outs, are events",
    async (rig) => {
      const victim = await rig.user();
      await rig.lab.control("DELETE", "/events");
      const client = await rig.visitor();
      await client.post(rig.at("LOGIN"), { json: { email: victim.email, password: "wrong-password" } });
      await client.signIn(victim.email, victim.password);
      await client.get("/admin");
      await client.post(rig.at("LOGOUT"), { json: {} });
      await rig.client().get("/me");
      const names = (await rig.lab.events()).map(({ name }) => name);
      const wanted = [
        "userFailedAuthn",
        "userAuthenticated",
        "userUnauthenticated",
        ...(rig.lab.profile === "token" ? [] : ["userSignedOut"]),
      ];
      await each(wanted, String, async (name) =>
        must(names.filter((known) => known === name).length === 1, `${names.join(", ")}`),
      );
    },
  );

  attack("LOG-03 [ASVS 16.3.2]: a permission that was denied is logged with the reason", async (rig) => {
    const client = await asMatt(rig, "gene@lp.com");
    must((await client.get("/admin")).status === 403, "not denied");
    must(/lacks the role admin/.test(await rig.lab.log()), "the log does not tell of it");
  });
});
