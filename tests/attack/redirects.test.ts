import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Client } from "./client.ts";
import { choose, linkOf } from "./mail.ts";
import { attacks, each, hasSessions, long, must, needsSessions, pairs, type Rig, secret } from "./suite.ts";

/** Payloads with a browser's verdict on an https and on an http base. */
const table = JSON.parse(readFileSync(new URL("./redirect-payloads.json", import.meta.url), "utf8")) as readonly [
  string,
  string,
  string,
][];

/** Sends one `next` to every account endpoint, in the query, in the form and in JSON; the oracle O3 judges each answer. */
async function playNext(rig: Rig, next: string): Promise<void> {
  const query = `?next=${encodeURIComponent(next)}`;
  const wrong = { email: "matt@lp.com", password: "wrong-password" };
  const right = { email: "matt@lp.com", password: "password" };
  const login = rig.at("LOGIN");
  const form = async (path: string, fields: Record<string, string>, signedIn: boolean): Promise<void> => {
    const client = signedIn ? await rig.signedIn({ email: "matt@lp.com", password: "password" }) : await rig.visitor();
    await client.post(path, { page: true, form: { csrf_token: client.csrf ?? "", ...fields }, csrf: false });
  };

  await rig.client().get(`${login}${query}`, { page: true });
  await form(`${login}${query}`, wrong, false);
  await form(`${login}${query}`, right, false);
  await form(login, { ...right, next }, false);
  const client = await rig.visitor();
  await client.post(`${login}${query}`, { json: { ...right, next } });
  const verify = rig.path("VERIFY");
  if (verify !== undefined) {
    await client.get(`${verify}${query}`, { page: true });
    await client.get(`${login}${query}`, { page: true });
    const { csrf } = client;
    const fields = { csrf_token: csrf ?? "", password: "password" };
    await client.post(`${verify}${query}`, { page: true, csrf: false, form: fields });
  }
  await form(`${rig.at("LOGOUT")}${query}`, {}, true);
  await form(rig.at("LOGOUT"), { next }, true);
  const register = rig.path("REGISTER");
  if (register !== undefined) {
    await rig.client().get(`${register}${query}`, { page: true });
    const password = secret();
    const email = `${randomBytes(6).toString("hex")}@redirects.example`;
    await form(`${register}${query}`, { email, password, password_confirm: password, next }, false);
  }
  // Whatever endpoints there are beside these: at least what they show and answer to an empty form.
  const others = new Set(
    rig.lab.routes
      .filter(({ source, path }) => source !== "application" && !path.includes(":"))
      .map(({ path }) => path),
  );
  for (const path of others) {
    await client.get(`${path}${query}`, { page: true });
    if (path !== rig.path("LOGOUT")) await client.post(`${path}${query}`, { page: true, form: { next } });
  }
}

attacks("RED", {}, (attack) => {
  const play = (rig: Rig, payloads: readonly string[]): Promise<void> =>
    each(
      payloads,
      (payload) => JSON.stringify(payload),
      (payload) => playNext(rig, payload),
    );
  const own = (rig: Rig): string => new URL(rig.lab.origin).host;

  attack("RED-01 [ADV-M] [ASVS 3.7.2] [ASVS 1.2.2]: targets relative to the scheme", async (rig) => {
    // A target that is right is followed: otherwise the attacks below would prove nothing.
    const client = await rig.visitor();
    const answer = await client.post(`${rig.at("LOGIN")}?next=${encodeURIComponent("/page1?a=b")}`, {
      page: true,
      csrf: false,
      form: { csrf_token: client.csrf ?? "", email: "matt@lp.com", password: "password" },
    });
    // Without sessions the sign-in page leads nowhere at all.
    const right = hasSessions(rig) ? "/page1?a=b" : undefined;
    must(answer.location === right, `a good target leads to ${answer.location}`);
    await play(rig, [
      "//evil.test",
      "///evil.test",
      "////evil.test",
      "//evil.test/%2f..",
      "/..//evil.test",
      "/.//evil.test",
    ]);
  });

  attack("RED-02 [ADV-M] [ASVS 3.7.2]: backslashes", (rig) =>
    play(rig, ["/\\evil.test", "\\\\evil.test", "\\/evil.test", "/\\/evil.test", "/%5cevil.test", "/.\\/evil.test"]),
  );

  attack("RED-03 [ADV-M] [ASVS 3.7.2]: control characters that browsers drop", (rig) =>
    play(rig, [
      "/\t/evil.test",
      "/\n/evil.test",
      "/\r\n/evil.test",
      " //evil.test",
      "\t//evil.test",
      "\u0000//evil.test",
      "\u001f//evil.test",
      "/\u0000/evil.test",
      "/%09/evil.test",
    ]),
  );

  attack("RED-04 [ADV-M] [ASVS 3.7.2]: a scheme without or with too many slashes", (rig) =>
    play(rig, [
      "https:evil.test",
      "http:evil.test",
      "https:/evil.test",
      "http:/evil.test",
      "https:///evil.test",
      "http:\\\\evil.test",
      "HTTP:evil.test",
      "ftp://evil.test",
    ]),
  );

  attack("RED-05 [ADV-M] [ASVS 3.7.2]: our host as user name, query or fragment", (rig) => {
    const host = own(rig);
    return play(rig, [
      `http://${host}@evil.test`,
      "http://127.0.0.1:x@evil.test/",
      `http://evil.test\\@${host}`,
      `http://evil.test#@${host}`,
      `http://evil.test?@${host}`,
      `http://x@${host}/`,
      `//evil.test@${host}`,
    ]);
  });

  attack("RED-06 [ADV-M] [ASVS 3.7.2]: hosts that look like ours", (rig) => {
    const port = rig.lab.port;
    return play(rig, [
      "http://127.0.0.1.evil.test",
      `http://127.0.0.1:${port}.evil.test`,
      "http://evil127.0.0.1",
      "http://127.0.0.1%2eevil.test",
      `http://127.0.0.1.:${port}/`,
      `http://.127.0.0.1:${port}/`,
      `https://127.0.0.1:${port}/`,
      `http://127.0.0.1:${port + 1}/`,
      "http://127.0.0.1/",
      `http://localhost:${port}/`,
      `http://sub.127.0.0.1:${port}/`,
    ]);
  });

  attack("RED-07 [ADV-M] [ASVS 1.2.2] [ASVS 3.7.2]: script and data schemes", (rig) =>
    play(rig, [
      "javascript:alert(1)",
      "JaVaScRiPt:alert(1)",
      "java\tscript:alert(1)",
      "\u0001javascript:alert(1)",
      "data:text/html,x",
      "vbscript:x",
      "javascript://127.0.0.1/%0aalert(1)",
      "blob:http://evil.test/x",
    ]),
  );

  attack("RED-07 [ADV-M] [ASVS 3.7.2]: all payloads of the table", (rig) => {
    const payloads = table.map(([payload]) => payload.replaceAll("app.test", own(rig)));
    // The short form leaves out what the attacks above play already.
    return play(
      rig,
      long ? payloads : payloads.filter((payload) => !/^[\s/\\]*[/\\]{2}evil|^https?:|script:/i.test(payload)),
    );
  });

  attack("RED-13 [ADV-M] [ASVS 1.3.11] [ASVS 3.7.2]: header lines in the target", async (rig) => {
    await play(rig, [
      "/ok\r\nSet-Cookie: x=1",
      "/ok\r\n\r\n<script>alert(1)</script>",
      "/ok%0d%0aSet-Cookie:%20x=1",
      "/ok\u2028x",
    ]);
    const client = await rig.visitor();
    const answer = await client.post(`${rig.at("LOGIN")}?next=/ok%0d%0aSet-Cookie:%20x=1`, {
      page: true,
      csrf: false,
      form: { csrf_token: client.csrf ?? "", email: "matt@lp.com", password: "password" },
    });
    must(!answer.setCookies.some((cookie) => /^x=/.test(cookie)), "a cookie was injected");
    must(answer.status < 400, `status ${answer.status}`);
  });
});

const subdomains = {
  redirectOrigins: ["https://shop.app.test", "https://my.photos.app.test"],
  settings: { REDIRECT_BASE_DOMAIN: "app.test", REDIRECT_ALLOWED_SUBDOMAINS: ["shop", "my.photos"] },
};

attacks("RED with sub-domains", subdomains, (attack) => {
  attack("RED-06 [ADV-M] [ASVS 3.7.2]: where further origins are listed, these and no others", async (rig, context) => {
    needsSessions(rig, context);
    const victim = await rig.user();
    const leadsTo = async (next: string): Promise<string | undefined> => {
      const client = await rig.visitor();
      const form = { csrf_token: client.csrf ?? "", email: victim.email, password: victim.password };
      const path = `${rig.at("LOGIN")}?next=${encodeURIComponent(next)}`;
      return (await client.post(path, { page: true, csrf: false, form })).location;
    };
    for (const next of ["https://shop.app.test/cart?a=b", "https://my.photos.app.test/"]) {
      must((await leadsTo(next)) === next, `${next} is listed, and leads to ${await leadsTo(next)}`);
    }
    const others = [
      ...[
        "https://app.test/",
        "https://evil.app.test/",
        "https://shop.app.test.evil.test/",
        "https://evilshop.app.test/",
      ],
      ...["https://shopxapp.test/", "https://shop.app.testevil.test/", "https://shop.app.test%2eevil.test/"],
      ...["https://shop.app.test./", "https://.shop.app.test/", "https://a.shop.app.test/", "http://shop.app.test/"],
      ...["https://shop.app.test:444/", "https://shop.app.test:80/", "https://shop.app.test@evil.test/"],
      ...[
        "https://evil.test#https://shop.app.test/",
        "https://evil.test\\@shop.app.test/",
        "https://u:p@shop.app.test/",
      ],
      ...[
        "//evil.test/shop.app.test",
        "https:shop.app.test.evil.test",
        "ftp://shop.app.test/",
        "https://shop.app.test\t.evil.test/",
      ],
      ...[
        "https://shop\u3002app.test.evil.test/",
        "https://sh\u043ep.app.test/",
        "https://*.app.test/",
        "https://shop_app.test/",
      ],
    ];
    await each(
      others,
      (next) => JSON.stringify(next),
      async (next) => {
        const location = (await leadsTo(next)) ?? "";
        must(!/evil|sh\u043ep|xn--/.test(location), `leads to ${location}`);
        must(!URL.canParse(location), `leads away, to ${location}`);
      },
    );
    // Another spelling of a listed origin is that origin, written as it is listed, or it is nothing.
    for (const next of ["https://SHOP.app.test/x", "https://shop.app.test:443/x", "https://shop\u3002app.test/x"]) {
      const location = (await leadsTo(next)) ?? "";
      must(location === "https://shop.app.test/x" || !URL.canParse(location), `${next} leads to ${location}`);
    }
    // They may be gone to; nothing may come from them.
    const client = await rig.signedIn(victim);
    const from = await client.post("/json_auth", { json: {}, headers: { origin: "https://shop.app.test" } });
    must(from.status === 400 || from.status === 403, `a request from a listed origin: ${from.status}`);
  });
});

attacks("RED of links", { profiles: ["full", "spa"], short: "full:sqlite" }, (attack) => {
  attack("RED-01 [ADV-M] [ASVS 3.7.2]: mailed links and what they lead to", async (rig) => {
    const payloads = [
      "//evil.test",
      "/\\evil.test",
      "https:evil.test",
      "javascript:alert(1)",
      "/ok\r\nSet-Cookie: x=1",
      "/\t/evil.test",
    ];
    const kinds = [
      ["RECOVER", "resetInstructions", choose(secret())],
      ["CONFIRM-SEND", "confirmation", {}],
      ["PWLESS-SEND", "signInLink", {}],
    ] as const;
    await each(
      pairs(kinds, payloads),
      ([[endpoint], payload]) => `${endpoint} ${JSON.stringify(payload)}`,
      async ([[endpoint, template, fields], next]) => {
        const victim = await rig.user(endpoint === "CONFIRM-SEND" ? { confirmed_at: null } : {});
        const query = `?next=${encodeURIComponent(next)}`;
        // Both where the mail is asked for and where its link is used: O3 and O7 judge the answers and the mail.
        const json = { email: victim.email, next };
        await rig.client().post(`${rig.at(endpoint)}${query}`, { json, watch: false });
        const link = await linkOf(rig, template, victim.email);
        const client = rig.client();
        const shown = await client.get(`${link}${query}`, { page: true });
        if (shown.location !== undefined) await client.get(shown.location, { page: true });
        const form = { ...fields, next, csrf_token: client.csrf ?? "" };
        const path = shown.location ?? link;
        await client.post(path, { form, page: true, csrf: false, watch: false });
      },
    );
  });
});

attacks("RED by other names", { short: "full:sqlite" }, (attack) => {
  /** Names under which other systems take a target, and what a browser or a proxy says by itself. */
  const names = [
    ...[
      "redirect",
      "redirect_to",
      "redirect_uri",
      "redirectUrl",
      "return_to",
      "returnTo",
      "return",
      "continue",
      "goto",
    ],
    ...["callbackUrl", "callbackURL", "errorCallbackURL", "RelayState", "target", "url", "dest", "destination", "from"],
    ...["state", "post_login", "post_logout_redirect_uri", "success_url", "back", "ref", "next[]", "NEXT", "next_url"],
  ];
  const evil = ["https://evil.test/x", "//evil.test"];

  attack("ADV-M [ASVS 3.7.2] [ASVS 1.2.2]: no other word of an outsider's says where somebody goes on", async (rig) => {
    const query = evil.flatMap((target) => names.map((name) => [name, target]));
    const claims = new URLSearchParams(query).toString();
    const short = new URLSearchParams(names.map((name) => [name, "//evil.test"])).toString();
    const headers = {
      referer: "https://evil.test/from",
      "x-forwarded-prefix": "//evil.test",
      "x-original-url": "//evil.test",
    };
    const places = new Set(
      rig.lab.routes
        .filter(({ source, path }) => source !== "application" && !path.includes(":"))
        .map(({ path }) => path),
    );
    // O3 judges every answer; a browser is not led by what is a mere link either.
    const judge = (answer: { text: string; location: string | undefined; path: string }): void => {
      must(!/evil/.test(answer.location ?? "") || !URL.canParse(answer.location ?? ""), `leads to ${answer.location}`);
      must(!/(?:href|action|content)="[^"]*\/\/evil/.test(answer.text), `${answer.path} links to it`);
    };
    const play = async (people: readonly (() => Promise<Client>)[]): Promise<void> => {
      await each([...places], String, async (path) => {
        for (const person of people) {
          const client = await person();
          judge(await client.get(`${path}?${claims}`, { page: true, headers, watch: false }));
          const csrf_token = client.csrf ?? "";
          const form = { ...Object.fromEntries(new URLSearchParams(short)), csrf_token };
          // Nobody is to be signed out, deleted or changed here: what each of these does comes below.
          const empty = await client.post(path, {
            form,
            page: true,
            csrf: false,
            headers: { ...headers, origin: rig.lab.origin },
            watch: false,
          });
          judge(empty);
        }
      });
    };
    await play(hasSessions(rig) ? [() => rig.visitor(), () => rig.signedIn()] : [() => rig.visitor()]);
    // After each action that ends with a redirect: sign-in, registration, sign-out.
    const victim = await rig.user();
    const client = await rig.visitor();
    const act = async (path: string, fields: Record<string, string>): Promise<string | undefined> => {
      const form = { ...Object.fromEntries(new URLSearchParams(short)), ...fields, csrf_token: client.csrf ?? "" };
      // A form that came from elsewhere is refused by where it came from: this one came from our page.
      const sent = { ...headers, referer: `${rig.lab.origin}${path}`, origin: rig.lab.origin };
      const attempt = { form, page: true, csrf: false as const, headers: sent, watch: false };
      const answer = await client.post(`${path}?${claims}`, attempt);
      judge(answer);
      return answer.location;
    };
    const signedIn = await act(rig.at("LOGIN"), { email: victim.email, password: victim.password });
    must(!hasSessions(rig) || signedIn?.startsWith("/") === true, `signing in leads to ${signedIn}`);
    await client.get(rig.at("LOGIN"), { headers });
    const out = await act(rig.at("LOGOUT"), {});
    must(!hasSessions(rig) || out?.startsWith("/") === true, `signing out leads to ${out}`);
  });
});

attacks("HST", {}, (attack) => {
  const claims: readonly Readonly<Record<string, string>>[] = [
    { host: "evil.test" },
    { host: "evil.test:80" },
    { "x-forwarded-host": "evil.test" },
    { "x-forwarded-host": "evil.test", "x-forwarded-proto": "https" },
    { "x-forwarded-proto": "http" },
    { forwarded: "host=evil.test;proto=https" },
    { "x-host": "evil.test" },
    { "x-forwarded-server": "evil.test" },
    { "x-original-host": "evil.test" },
    { origin: "http://evil.test" },
  ];
  const name = (headers: Readonly<Record<string, string>>): string => JSON.stringify(headers);

  attack("HST-02 [ASVS 4.1.3]: headers of proxies that nobody declared", async (rig) => {
    for (const header of [
      "x-original-url",
      "x-rewrite-url",
      "x-forwarded-uri",
      "x-forwarded-prefix",
      "x-original-uri",
    ]) {
      const outside = await rig.client().get("/admin", { headers: { [header]: "/" } });
      must(outside.status === 401, `${header} opens /admin: ${outside.status}`);
      const inside = await rig.client().get("/", { headers: { [header]: "/admin" } });
      must(inside.status === 200, `${header} changes the route of /: ${inside.status}`);
    }
    await each(claims, name, async (headers) => {
      const page = await rig.client().get("/profile", { page: true, headers });
      must(!JSON.stringify(page.rawHeaders).includes("evil"), "the answer's headers name the foreign host");
    });
  });

  attack("HST-06 [ASVS 4.1.3]: a foreign Host never gets into an answer", async (rig) => {
    const paths = [...new Set(rig.lab.routes.filter(({ path }) => !path.includes(":")).map(({ path }) => path))];
    await each(claims, name, async (headers) => {
      const client = rig.client();
      for (const path of paths) {
        for (const page of [true, false]) {
          const answer = await client.get(path, { page, headers });
          const all = JSON.stringify(answer.rawHeaders) + answer.text;
          must(!all.includes("evil.test"), `${path} names the foreign host`);
        }
      }
    });
  });
});
