import type { Answer, Client } from "./client.ts";
import { attacks, each, must, pairs, type Rig } from "./suite.ts";

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

attacks("ERR", { postgres: true }, (attack) => {
  const places = [
    "datastore.findOne",
    "datastore.find",
    "datastore.insert",
    "datastore.update",
    "datastore.transaction",
    "datastore.loadSession",
    "datastore.loadUser",
    "datastore.loadUsers",
    "hash",
  ];

  attack(
    "ERR-01 [ADV-P] [ASVS 16.5.3] [ASVS 2.3.3]: a part that fails closes, and leaves nothing half done",
    async (rig) => {
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
    },
  );

  attack(
    "ERR-01 [ADV-P] [ASVS 16.5.3] [ASVS 8.2.2]: a rule or a group of the application that fails lets nobody in",
    async (rig) => {
      const matt = await asMatt(rig);
      const options = { expected: [500, 503], watch: false };
      const obj = (method: "GET" | "PATCH" | "DELETE") => (client: Client) =>
        client.send(method, "/obj/5", { ...options, ...(method === "PATCH" ? { json: { name: "x" } } : {}) });
      const asked: readonly (readonly [string, string, (client: Client) => Promise<Answer>])[] = [
        ["object", "GET /obj/5", obj("GET")],
        ["object", "PATCH /obj/5", obj("PATCH")],
        ["object", "DELETE /obj/5", obj("DELETE")],
        ["group", "GET /owners", (client) => client.get("/owners", options)],
        ["group", "GET /owners, as a page", (client) => client.get("/owners", { ...options, page: true })],
      ];
      await each(
        asked,
        ([where, label]) => `${where}, ${label}`,
        async ([where, , ask]) => {
          // It would be let in, so a refusal that comes anyway proves nothing.
          must((await ask(matt)).status === 200, "matt is refused while all works");
          await rig.lab.fault(where, 1000);
          try {
            // The one who may, one who may not, and nobody: who fails at the rule gets an error, nobody gets in.
            const people = [matt, await asMatt(rig, "gene@lp.com"), rig.client()];
            for (const [index, client] of people.entries()) {
              const answer = await ask(client);
              must(answer.status >= 300, `let in: ${answer.status}`);
              must(index > 1 || answer.status >= 500, `the failure shows as ${answer.status}`);
              must(
                !/"id":5|>owners<|"message":"owners"|failed as ordered/.test(answer.text),
                "protected bytes or the reason",
              );
            }
          } finally {
            await rig.lab.fault(where, 0);
          }
          must((await ask(matt)).status === 200, "it does not work again afterwards");
          // A rule that takes its time is waited for, and decides as ever.
          await rig.lab.control("POST", "/fault", { where, times: 2, delay: 150 });
          try {
            must((await ask(matt)).status === 200, "refused for being slow");
            const gene = await ask(await asMatt(rig, "gene@lp.com"));
            must(gene.status === 403, `let in for being slow: ${gene.status}`);
          } finally {
            await rig.lab.fault(where, 0);
          }
        },
      );
    },
  );

  attack(
    "ERR-02 [ADV-P] [ASVS 16.5.2] [ASVS 16.5.1] [ASVS 16.5.4]: without its database the server lets nobody in, and recovers",
    async (rig) => {
      const client = await asMatt(rig);
      must((await client.get("/me")).status === 200, "not signed in");
      // So that nothing is answered from memory.
      const joe = await asMatt(rig, "joe@lp.com");
      const gates = ["findOne", "find", "loadSession", "loadUser", "loadUsers"].map((name) => `datastore.${name}`);
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
        const gates = ["findOne", "find", "loadUser", "loadUsers"].map((name) => `datastore.${name}`);
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

  attack("LOG-03 [ASVS 16.3.1]: sign-ins that worked and failed, and sign-outs, are events", async (rig) => {
    const victim = await rig.user();
    await rig.lab.control("DELETE", "/events");
    const client = await rig.visitor();
    await client.post(rig.at("LOGIN"), { json: { email: victim.email, password: "wrong-password" } });
    await client.signIn(victim.email, victim.password);
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
  });

  attack("LOG-03 [ASVS 16.3.2]: a permission that was denied is logged with the reason", async (rig) => {
    const client = await asMatt(rig, "gene@lp.com");
    must((await client.get("/admin")).status === 403, "not denied");
    must(/lacks the role admin/.test(await rig.lab.log()), "the log does not tell of it");
  });
});
