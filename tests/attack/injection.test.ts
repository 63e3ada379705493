import { randomBytes } from "node:crypto";
import type { Answer } from "./client.ts";
import { attacks, each, must, type Rig, secret } from "./suite.ts";

const sessionSet = (answer: Answer): boolean => answer.setCookies.some((cookie) => /session=[^;]/.test(cookie));
const refused = (answer: Answer): boolean => answer.status >= 400 && answer.status < 500;
const newEmail = (): string => `${randomBytes(6).toString("hex")}@input.example`;

attacks("MAS", { postgres: true }, (attack) => {
  attack("MAS-01 [ADV-C] [ASVS 15.3.3] [ASVS 8.2.3]: columns in the registration", async (rig) => {
    const register = rig.at("REGISTER");
    const victim = await rig.lab.accounts.byEmail("matt@lp.com");
    const extra: Readonly<Record<string, unknown>> = {
      roles: ["admin"],
      role: "admin",
      is_admin: true,
      active: false,
      confirmed_at: "2020-01-01T00:00:00Z",
      id: victim?.["id"],
      user_id: 1,
      permissions: ["full-write"],
      fs_uniquifier: "x".repeat(32),
      fsUniquifier: "x".repeat(32),
      fs_token_uniquifier: "y".repeat(32),
      tf_primary_method: "sms",
      tf_totp_secret: "z",
      password_hash: "x",
      create_datetime: "2001-01-01T00:00:00Z",
      login_count: 99,
      "user[roles]": "admin",
      "roles[]": "admin",
      "roles.0": "admin",
    };
    await each(["json", "form"], String, async (carrier) => {
      const email = newEmail();
      const password = secret();
      const client = await rig.visitor();
      const fields = { email, password, password_confirm: password, ...extra };
      const form = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
      const answer =
        carrier === "json"
          ? await client.post(register, { json: fields })
          : await client.post(register, { form: { ...form, csrf_token: client.csrf ?? "" }, csrf: false, page: true });
      if (refused(answer)) return;
      const row = (await rig.lab.control("GET", `/users/${email}`)) as Readonly<Record<string, unknown>>;
      must(JSON.stringify(row["roles"]) === "[]", `roles: ${JSON.stringify(row["roles"])}`);
      must(
        row["active"] === true && row["confirmed_at"] === null,
        `active ${row["active"]}, confirmed ${row["confirmed_at"]}`,
      );
      must(row["id"] !== victim?.["id"] && row["login_count"] !== 99, "the id or a counter");
      must(
        !/^x+$/.test(String(row["fs_uniquifier"])) && !/^y+$/.test(String(row["fs_token_uniquifier"])),
        "a uniquifier",
      );
      must(!String(row["create_datetime"]).startsWith("2001"), "the time of creation");
      must(!String(row["password"]).startsWith("x"), "the hash");
    });
  });

  attack("MAS-01 [ADV-C] [ASVS 15.3.3]: columns at sign-in", async (rig) => {
    const victim = await rig.user();
    const before = await rig.lab.accounts.snapshot();
    const client = await rig.visitor();
    const answer = await client.post(`${rig.at("LOGIN")}?include_auth_token`, {
      json: { ...victim, roles: ["admin"], active: true, id: 1, user: { id: 1 }, methods: ["webauthn"], via: "fake" },
    });
    must(answer.status === 200, `status ${answer.status}`);
    must((await rig.lab.accounts.snapshot()) === before, "the sign-in changed the account");
  });

  attack(
    "MAS-06 [ADV-C] [ASVS 15.3.3]: who is calling, sent as a parameter of a route that is given the user",
    async (rig) => {
      for (const client of [rig.client(), await rig.signedIn({ email: "joe@lp.com", password: "password" })]) {
        const query = await client.get("/special/1?user=matt@lp.com");
        must(
          query.status === 400 && !query.text.includes('"user":"matt@lp.com"'),
          `in the query: ${query.status} ${query.text}`,
        );
        for (const user of ["matt@lp.com", { email: "matt@lp.com" }, null]) {
          const answer = await client.post("/special/1", { json: { user } });
          must(answer.status === 400, `${JSON.stringify(user)}: ${answer.status} ${answer.text}`);
        }
      }
    },
  );

  attack(
    "MAS-06 [ADV-C] [ASVS 8.2.2] [ASVS 15.3.7]: another owner or id in the body of an object's change",
    async (rig) => {
      const client = await rig.visitor();
      const answer = await client.signIn("matt@lp.com");
      const user = answer.response["user"] as Readonly<Record<string, unknown>>;
      if (rig.lab.profile === "token") client.token = String(user["authentication_token"]);
      const own = await client.send("PATCH", "/obj/5", { json: { name: "mine" } });
      must(own.status === 200, `the owner's change: ${own.status} ${own.text}`);
      await each(
        [{ id: 150 }, { id: 5 }, { id: "150" }, { id: null }],
        (body) => JSON.stringify(body),
        async (body) => {
          const conflict = await client.send("PATCH", "/obj/5", { json: body });
          must(conflict.status === 400, `status ${conflict.status} ${conflict.text}`);
        },
      );
      must(
        (await client.send("PATCH", "/obj/150", { json: { owner: "matt@lp.com", id: 5 } })).status !== 200,
        "joe's object changed",
      );
      must(
        (await client.send("PATCH", "/obj/150", { json: { owner: "matt@lp.com" } })).status === 403,
        "joe's object changed by its owner field",
      );
    },
  );
});

attacks("INJ", { postgres: true }, (attack) => {
  const register = async (rig: Rig, email: string): Promise<Answer> => {
    const password = secret();
    const client = await rig.visitor();
    return client.post(rig.at("REGISTER"), { json: { email, password, password_confirm: password } });
  };

  attack("INJ-01 [ASVS 1.3.11] [ASVS 1.3.3]: header lines in an address", async (rig) => {
    rig.at("REGISTER");
    const tails = [
      "\r\nBcc: evil@evil.test",
      "\nBcc: evil@evil.test",
      "\rX: y",
      "%0d%0aBcc:evil@evil.test",
      "\u2028",
      "\u2029x",
      "\u0000",
      "\u0085",
      "\u200b",
      "\u202e",
      "\t",
    ];
    await each(
      tails,
      (tail) => JSON.stringify(tail),
      async (tail) => {
        for (const email of [`v${tail}@x.test`, `v@x.test${tail}`, `v@x${tail}.test`]) {
          if (refused(await register(rig, email))) continue;
          // White space around an address is cut off; what is stored is clean.
          const stored = (await rig.lab.accounts.all()).map((row) => String(row["email"]));
          const dirty = stored.filter((known) => /[\p{C}\p{Z}]|bcc:/iu.test(known));
          must(dirty.length === 0, `stored from ${JSON.stringify(email)}: ${JSON.stringify(dirty)}`);
        }
      },
    );
  });

  attack("INJ-02 [ASVS 1.3.11]: more than one address", async (rig) => {
    rig.at("REGISTER");
    const addresses = [
      "v@x.test,evil@evil.test",
      "v@x.test;evil@evil.test",
      "v@x.test evil@evil.test",
      "<evil@evil.test>",
      '"evil@evil.test x"@x.test',
      "group:evil@evil.test;",
      "v@x.test<evil@evil.test>",
      "Victim <v@x.test>",
      "v@evil.test@x.test",
      "v(evil@evil.test)@x.test",
      '"a"@x.test',
      "v@[127.0.0.1]",
      "v@127.0.0.1",
      "v@localhost",
      "v@x.test\u0000@evil.test",
      "v@-x.test",
      "v@x..test",
      ".v@x.test",
      "v.@x.test",
      "mailto:v@x.test?bcc=evil@evil.test",
      "v@x.test%0aevil@evil.test",
      `${"a".repeat(65)}@x.test`,
      `v@${"a".repeat(64)}.test`,
      `v@${"a.".repeat(130)}test`,
      "v@0x7f.1",
    ];
    await each(addresses, String, async (email) => {
      const answer = await register(rig, email);
      must(answer.status === 400, `taken: ${answer.status}`);
      must(!(await rig.lab.accounts.all()).some((row) => /evil\.test|mailto/.test(String(row["email"]))), "stored");
    });
  });

  attack("INJ-04 [ASVS 1.2.4]: SQL in every parameter", async (rig) => {
    const payloads = [
      "'",
      "''",
      '"',
      "`",
      "\\",
      "' or '1'='1",
      "' or 1=1 --",
      '" or ""="',
      "admin'--",
      "'; drop table user; --",
      "1; select pg_sleep(5)",
      "') or ('1'='1",
      "' union select null,null --",
      "%' or '%'='",
      "$1",
      "?",
      ":email",
      "\u02bc or 1=1",
      "x' and 1=cast((select version()) as int) --",
      "0/**/or/**/1=1",
      "\u0000'",
      "{{7*7}}",
      ["$", "{7*7}"].join(""),
      "$(id)",
      "../../etc/passwd",
    ];
    const rows = (await rig.lab.accounts.all()).length;
    await each(payloads, String, async (payload) => {
      const client = await rig.visitor();
      // One account for each payload: guesses at one and the same are soon refused unseen.
      const { email, password } = await rig.user();
      for (const fields of [
        { email: payload, password },
        { email: `${email}${payload}`, password },
        { email, password: payload },
        { email, password: `${password}${payload}` },
      ]) {
        const answer = await client.post(rig.at("LOGIN"), { json: fields });
        must(answer.status === 400 && !sessionSet(answer), `LOGIN ${JSON.stringify(fields)}: ${answer.status}`);
      }
      must((await register(rig, `v${payload}@x.test`)).status !== 500, "REGISTER");
      const encoded = encodeURIComponent(payload);
      for (const path of [
        `/typed/${encoded}`,
        `/typed/1?tags=${encoded}`,
        `/typed/1?when=${encoded}`,
        `/obj/${encoded}`,
        `/obj/1${encoded}`,
      ]) {
        await client.get(path);
      }
      for (const header of ["authentication-token", "x-csrf-token", "user-agent", "x-forwarded-for"]) {
        await client.get("/me", { headers: { [header]: encodeURI(payload) } });
      }
      const authorization = `Basic ${Buffer.from(`${payload}:${payload}`).toString("base64")}`;
      must((await client.get("/http", { headers: { authorization } })).status === 401, "BASIC");
      for (const name of ["session", "remember", "pending", "csrf", "flash"]) {
        await client.get("/profile", { cookies: `${name}=${encodeURIComponent(payload)}`, page: true });
      }
    });
    const now = (await rig.lab.accounts.all()).length;
    must(now >= rows, "accounts are gone");
  });

  attack("INJ-05 [ASVS 1.1.2] [ASVS 1.2.1] [ASVS 1.2.3] [ASVS 3.2.1]: script in what is shown again", async (rig) => {
    const payloads = [
      "<svg/onload=1>",
      '"><script>alert(1)</script>',
      "'><img src=x onerror=1>",
      "</title><script>1</script>",
      "&lt;script&gt;",
      "javascript:alert(1)",
      "{{constructor.constructor('1')()}}",
      "\u2028<b>",
    ];
    const tag = /<svg\/onload|<script>|<img src=x|onerror=1>|<b>/;
    await each(payloads, String, async (payload) => {
      const encoded = encodeURIComponent(payload);
      const client = await rig.visitor();
      const form = { email: payload, password: "x", username: payload, csrf_token: client.csrf ?? "", next: payload };
      const answers = [
        await client.post(rig.at("LOGIN"), { page: true, csrf: false, form }),
        await client.get(`${rig.at("LOGIN")}?next=${encoded}&error_description=${encoded}&message=${encoded}`, {
          page: true,
        }),
        await client.get(`/nowhere/${encoded}`, { page: true }),
        await client.get(`/profile?x=${encoded}`, { page: true }),
        await client.get("/profile", {
          page: true,
          headers: { referer: encoded, "user-agent": encoded, "accept-language": encoded },
        }),
        await client.get(`/typed/${encoded}`, { page: true }),
        await client.post("/typed/1", { form: { when: payload, [payload.slice(0, 20)]: "x" }, page: true }),
        ...(rig.path("REGISTER") === undefined
          ? []
          : [
              await client.post(rig.at("REGISTER"), {
                page: true,
                csrf: false,
                form: { ...form, password_confirm: "y" },
              }),
            ]),
      ];
      for (const answer of answers) {
        const type = answer.header("content-type") ?? "";
        if (!type.startsWith("text/html")) continue;
        must(!tag.test(answer.text), `${answer.method} ${answer.path} shows markup`);
        must(
          (answer.header("content-security-policy") ?? "").includes("default-src 'none'"),
          `${answer.path} has no CSP`,
        );
      }
      const echoed = await client.post("/json", { json: { x: payload } });
      must(/^application\/json/.test(echoed.header("content-type") ?? ""), "JSON in another type");
      const wrong = await client.post(rig.at("LOGIN"), { json: { email: payload, password: "x" } });
      must(
        /^application\/json/.test(wrong.header("content-type") ?? "") &&
          wrong.header("x-content-type-options") === "nosniff",
        "a JSON error that could be sniffed",
      );
    });
  });
});

attacks("UNI", { postgres: true }, (attack) => {
  attack("UNI-01 [ASVS 1.1.1]: spellings of one address are one account", async (rig) => {
    const local = `heron${randomBytes(4).toString("hex")}`;
    const plain = `${local}@x.test`;
    const password = secret();
    const client = await rig.visitor();
    const register = (email: string): Promise<Answer> =>
      client.post(rig.at("REGISTER"), { json: { email, password, password_confirm: password } });
    must((await register(plain)).status === 200, "cannot register");
    await rig.confirmed(plain);
    const same = [
      plain.toUpperCase(),
      `${local}@X.test`,
      ` ${plain} `,
      `${local.toUpperCase()}@x.test`,
      `${local}@x.TEST`,
      `${local}@\uff58.test`,
    ];
    for (const email of [...same, `${plain}.`, `${local}@x.test\u3002`, `${local}\uff20x.test`, `${local}@x\u3002test`])
      await register(email);
    const stored = (await rig.lab.accounts.all())
      .map((row) => String(row["email"]))
      .filter((email) => email.normalize("NFKC").toLowerCase().includes(local));
    must(stored.length === 1, `${stored.length} accounts: ${stored.join(", ")}`);
    await each(same, String, async (email) => {
      const answer = await (await rig.visitor()).post(rig.at("LOGIN"), { json: { email, password } });
      must(answer.status === 200, `LOGIN: ${answer.status}`);
    });
    const idn = `${local}@b\u00fccher.test`;
    await register(idn);
    await register(`${local}@xn--bcher-kva.test`);
    await register(`${local}@bu\u0308cher.test`);
    const idns = (await rig.lab.accounts.all()).filter(
      (row) =>
        /b\u00fccher|bcher/.test(String(row["email"]).normalize("NFC")) && String(row["email"]).startsWith(local),
    );
    must(idns.length === 1, `${idns.length} accounts of one international domain`);
  });

  attack("UNI-01 [ASVS 1.1.1]: letters that fold to others are not those others", async (rig) => {
    const victim = await rig.user();
    const letters: readonly (readonly [string, string])[] = [
      ["k", "\u212a"],
      ["i", "\u0131"],
      ["i", "\u0130"],
      ["s", "\u017f"],
      ["a", "\uff41"],
      ["e", "\u0435"],
    ];
    const local = `kisae${randomBytes(4).toString("hex")}`;
    await rig.lab.control("PATCH", `/users/${victim.email}`, { email: `${local}@x.test` });
    await each(
      letters,
      ([plain, other]) => `${plain} as ${other}`,
      async ([plain, other]) => {
        const spelled = `${local.replace(plain, other)}@x.test`;
        const answer = await (await rig.visitor()).post(rig.at("LOGIN"), {
          json: { email: spelled, password: victim.password },
        });
        // Whoever knows the password may be let in by a spelling that is documented as the same; another account it must never be.
        must(answer.status === 400 || answer.status === 200, `status ${answer.status}`);
        const password = secret();
        await (await rig.visitor()).post(rig.at("REGISTER"), {
          json: { email: spelled, password, password_confirm: password },
        });
        const taken = await (await rig.visitor()).post(`${rig.at("LOGIN")}`, {
          json: { email: `${local}@x.test`, password },
        });
        must(taken.status === 400, "the look-alike's password opens the plain account");
      },
    );
  });
});
