import { randomBytes } from "node:crypto";
import type { Answer, Client } from "./client.ts";
import { attacks, each, must, needsSessions, pairs, type Rig, type Victim } from "./suite.ts";

/** A refresh token is one of the credentials, in the body, where it is easy to see. */
const settings = { REFRESH_TOKEN: true, REFRESH_TOKEN_COOKIE_NAME: null };

/** Everything that was issued to one user, by kind. */
type Credentials = Readonly<
  Record<"auth token" | "refresh token" | "session" | "remember" | "csrf" | "csrf cookie" | "flash", string>
>;

async function issue(rig: Rig, victim: Victim): Promise<{ readonly client: Client; readonly issued: Credentials }> {
  const client = await rig.visitor();
  // A page flow before, so that the flash cookie exists too.
  await client.get("/profile", { page: true });
  const flash = client.cookie("flash") ?? "";
  const answer = await client.signIn(victim.email, victim.password, { remember: true });
  const issued = {
    "auth token": tokenOf(answer),
    "refresh token": tokenOf(answer, "refresh_token"),
    session: client.cookie("session") ?? "",
    remember: client.cookie("remember") ?? "",
    csrf: client.csrf ?? "",
    "csrf cookie": client.cookie("csrf") ?? "",
    flash,
  };
  for (const [kind, value] of Object.entries(issued)) must(value !== "", `no ${kind} was issued`);
  return { client, issued };
}

function tokenOf(answer: Answer, kind = "authentication_token"): string {
  const user = answer.response["user"] as Readonly<Record<string, unknown>> | undefined;
  return String(user?.[kind] ?? "");
}

/** Where each kind of credential is taken, and whether it opened something. */
function consumers(rig: Rig): Readonly<Record<string, (value: string) => Promise<boolean>>> {
  const open = async (headers: Readonly<Record<string, string>>): Promise<boolean> =>
    (await rig.client().get("/me", { headers })).status === 200;
  const prefix = rig.lab.production ? "__Host-" : "";
  return {
    "auth token": (value) => open({ "authentication-token": value }),
    session: (value) => open({ cookie: `${prefix}session=${value}` }),
    remember: (value) => open({ cookie: `${prefix}remember=${value}` }),
    "refresh token": async (value) =>
      (await rig.client().post(rig.at("REFRESH"), { json: { refresh_token: value } })).status === 200,
    bearer: (value) => open({ authorization: `Bearer ${value}` }),
    basic: (value) => open({ authorization: `Basic ${value}` }),
    "basic password": (value) =>
      open({ authorization: `Basic ${Buffer.from(`matt@lp.com:${value}`).toString("base64")}` }),
    pending: (value) => open({ cookie: `${prefix}pending=${value}` }),
  };
}

attacks("TOK", { postgres: true, settings }, (attack) => {
  attack("TOK-03 [ADV-D] [ASVS 9.2.2]: a credential of one kind is none of another", async (rig, context) => {
    needsSessions(rig, context);
    const victim = await rig.user();
    const { client, issued } = await issue(rig, victim);
    const takes = consumers(rig);
    await each(
      pairs(Object.entries(issued), Object.entries(takes)),
      ([[kind], [consumer]]) => `${kind} as ${consumer}`,
      async ([[kind, value], [consumer, take]]) => {
        const opened = await take(value);
        must(opened === (kind === consumer), opened ? "is taken" : "is refused where it belongs");
      },
    );
    // The same for what proves that a request comes from our own page.
    const fresh = await rig.signedIn(victim);
    const values = Object.entries({ ...issued, session: fresh.cookie("session") ?? "" });
    await each(
      values,
      ([kind]) => `${kind} as CSRF token`,
      async ([, value]) => {
        const answer = await fresh.post("/json_auth", { json: {}, csrf: value });
        must(answer.status === 400, `status ${answer.status}`);
      },
    );
    must(
      (await client.post("/json_auth", { json: {}, csrf: issued.csrf })).status === 200,
      "the CSRF token is refused where it belongs",
    );
  });

  attack("TOK-03 [ADV-D] [ASVS 9.2.2]: a name in place of a secret", async (rig) => {
    const row = await rig.lab.accounts.byEmail("matt@lp.com");
    const known = ["id", "email", "fs_uniquifier", "fs_token_uniquifier", "password", "username"];
    const names = known.map((column) => String(row?.[column] ?? "null"));
    await each(
      pairs(names, Object.entries(consumers(rig))),
      ([value, [consumer]]) => `${value.slice(0, 12)} as ${consumer}`,
      async ([value, [, take]]) => {
        must(!(await take(value)), "is taken");
      },
    );
  });

  attack("TOK-04 [ADV-D] [ASVS 9.1.1]: an auth token is the exact text or nothing", async (rig) => {
    const client = await rig.visitor();
    const token = tokenOf(await client.signIn("matt@lp.com"));
    const other = tokenOf(await (await rig.visitor()).signIn("joe@lp.com"));
    const bytes = Buffer.from(token, "base64url");
    const [head = "", ...rest] = token.split(".");
    const tail = rest.join(".");
    const lastBits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const nonCanonical = [1, 2, 3].map(
      (step) => token.slice(0, -1) + (lastBits[(lastBits.indexOf(token.at(-1) ?? "A") + step) % 64] ?? "A"),
    );
    const [otherHead = "", ...otherRest] = other.split(".");
    const half = Math.floor(Math.min(token.length, other.length) / 2);
    const variants = [
      ...Array.from(
        token,
        (character, at) => token.slice(0, at) + (character === "A" ? "B" : "A") + token.slice(at + 1),
      ),
      ...nonCanonical,
      ...[1, 4, 10, token.length / 2].map((cut) => token.slice(0, -cut)),
      token.slice(1),
      `${token}A`,
      `${token}=`,
      `${token}==`,
      `${token}.`,
      `.${token}`,
      `${token}%00`,
      `${token}%20`,
      `${token}\t.`,
      token.toLowerCase(),
      token.toUpperCase(),
      token.replaceAll("-", "+").replaceAll("_", "/"),
      `${head} .${tail}`,
      bytes.toString("hex"),
      bytes.toString("base64"),
      `${head}.${otherRest.join(".")}`,
      `${otherHead}.${tail}`,
      token.slice(0, half) + other.slice(half),
      other.slice(0, half) + token.slice(half),
      `${token},${other}`,
      `Bearer ${token}`,
      `"${token}"`,
      "null",
      "undefined",
      "{}",
      "0",
      "a".repeat(8000),
      // Where the part before the dot says the form alone, it is the same in both.
    ].filter((variant) => variant !== token && variant !== other);
    await each(
      [...new Set(variants)],
      (variant) => variant.slice(0, 200),
      async (variant) => {
        const answer = await rig.client().get("/token", { headers: { "authentication-token": variant } });
        must(answer.status === 401, `status ${answer.status}`);
      },
    );
    const twice = await rig.client().get("/token", { headers: { "authentication-token": [token, other] } });
    must(twice.status === 401, `two tokens: ${twice.status}`);
    must(
      (await rig.client().get("/token", { headers: { "authentication-token": token } })).status === 200,
      "the token itself is refused",
    );
  });

  attack("TOK-05 [ASVS 7.3.1] [ASVS 7.3.2]: at the end of its life, and not before", async (rig, context) => {
    needsSessions(rig, context);
    const victim = await rig.user();
    const { issued } = await issue(rig, victim);
    const takes = consumers(rig);
    const works = (kind: keyof typeof issued): Promise<boolean> =>
      takes[kind]?.(issued[kind]) ?? Promise.resolve(false);
    const minute = 60;
    // An auth token lives 15 minutes. A few seconds are left for a slow machine.
    await rig.lab.advance(14 * minute);
    must(await works("auth token"), "the auth token ends too early");
    await rig.lab.advance(minute + 30);
    must(!(await works("auth token")), "the auth token lives too long");
    const late = await rig.client().get("/token", { headers: { "authentication-token": issued["auth token"] } });
    const wrong = await rig.client().get("/token", { headers: { "authentication-token": "wrong" } });
    must(late.status === wrong.status && late.text === wrong.text, "an old token is told from a wrong one");
    // A session ends after 24 hours without a request.
    await rig.lab.advance(23 * 60 * minute);
    must(await works("session"), "the session ends too early");
    await rig.lab.advance(24 * 60 * minute + minute);
    must(!(await works("session")), "an idle session lives on");
    // And after 14 days, however busy.
    const busy = await rig.signedIn(victim);
    for (let day = 0; day < 15; day += 1) {
      await rig.lab.advance(23 * 60 * minute);
      const alive = (await busy.get("/me")).status === 200;
      must(alive === day < 14, `after ${((day + 1) * 23) / 24} days: ${alive ? "alive" : "over"}`);
    }
    // A remember credential is over 30 days after the sign-in.
    const { issued: later } = await issue(rig, victim);
    await rig.lab.advance(30 * 24 * 60 * minute + minute);
    must(
      !(await (takes["remember"]?.(later.remember) ?? Promise.resolve(true))),
      "the remember credential lives too long",
    );
  });
});

attacks("LEA", { settings }, (attack) => {
  attack(
    "LEA-01 [ASVS 3.5.6] [ASVS 14.2.6]: a page elsewhere gets no token by asking as the victim's browser",
    async (rig, context) => {
      needsSessions(rig, context);
      const client = await rig.signedIn({ email: "matt@lp.com", password: "password" });
      const paths = rig.lab.routes
        .filter(({ source, path, method }) => source !== "application" && method === "GET" && !path.includes(":"))
        .map(({ path }) => path);
      await each(paths, String, async (path) => {
        for (const page of [false, true]) {
          const answer = await client.get(`${path}?include_auth_token`, {
            page,
            headers: { origin: "https://evil.test", "sec-fetch-site": "cross-site" },
          });
          // With a value: the access matrix lists the names of parameters.
          must(!/(?:authentication_token|refresh_token)\W{1,16}[\w.-]{20}/.test(answer.text), "a token in the body");
          must(answer.header("access-control-allow-origin") === undefined, "readable from elsewhere");
          must(!/^\s*[\w.]+\(/.test(answer.text), "JSONP");
        }
      });
      const jsonp = await client.get("/me?callback=steal&jsonp=steal");
      must(!jsonp.text.includes("steal"), "JSONP");
      // A cookie session is no way to a token by POST either.
      const again = await client.post(`${rig.at("LOGIN")}?include_auth_token`, {
        json: { email: "matt@lp.com", password: "password" },
      });
      must(!again.text.includes("authentication_token"), "a token for who is signed in already");
    },
  );

  attack("LEA-02 [ASVS 14.2.1]: credentials in the query are ignored, and not repeated", async (rig, context) => {
    needsSessions(rig, context);
    const { issued } = await issue(rig, await rig.user());
    const names = [
      "auth_token",
      "authentication_token",
      "Authentication-Token",
      "access_token",
      "api_key",
      "session",
      "session_id",
      "sid",
      "remember",
      "refresh_token",
    ];
    await each(
      pairs(names, ["auth token", "refresh token", "session", "remember"] as const),
      ([name, kind]) => `${kind} as ${name}`,
      async ([name, kind]) => {
        for (const path of ["/me", "/token", "/session", "/multi_auth"]) {
          const answer = await rig.client().get(`${path}?${name}=${encodeURIComponent(issued[kind])}`);
          must(answer.status === 401, `${path}: ${answer.status}`);
        }
        // Under a name that says so; an application's own "token" must survive the way over the sign-in page.
        const page = await rig.client().get(`/profile?${name}=${encodeURIComponent(issued[kind])}`, { page: true });
        must(
          page.status === 302 && !decodeURIComponent(page.location ?? "").includes(issued[kind]),
          `Location repeats it: ${page.location?.slice(0, 60)}`,
        );
      },
    );
    const body = await rig
      .client()
      .post("/token", { json: { auth_token: issued["auth token"], "Authentication-Token": issued["auth token"] } });
    must(body.status === 401, `in the body: ${body.status}`);
  });

  attack("LEA-03 [ASVS 15.3.1] [ASVS 14.2.6] [ASVS 3.3.4]: what JSON answers show of a user", async (rig) => {
    const victim = await rig.user({ roles: ["simple"] });
    const client = await rig.visitor();
    const register = rig.path("REGISTER");
    const email = `${randomBytes(6).toString("hex")}@lea.example`;
    const password = `marker-${randomBytes(9).toString("base64url")}`;
    const answers = [
      await client.get(rig.at("LOGIN")),
      ...(register === undefined
        ? []
        : [await client.post(register, { json: { email, password, password_confirm: password } })]),
      await client.post(rig.at("LOGIN"), { json: { email: victim.email, password: "wrong-password" } }),
      await client.post(`${rig.at("LOGIN")}?include_auth_token`, { json: victim }),
      await client.get("/me"),
      await client.get(rig.path("VERIFY") ?? "/me"),
      await client.get("/obj/1"),
      await client.get("/admin"),
    ];
    const rows = await rig.lab.accounts.all();
    const hidden = rows.flatMap((row) =>
      ["password", "fs_uniquifier", "fs_token_uniquifier"].map((column) => row[column]),
    );
    const others = rows.map((row) => String(row["email"])).filter((known) => ![victim.email, email].includes(known));
    const cookies = ["session", "remember"]
      .map((purpose) => client.cookie(purpose))
      .filter((value) => value !== undefined);
    await each(
      answers,
      ({ method, path }) => `${method} ${path}`,
      async ({ text }) => {
        for (const value of hidden)
          must(typeof value !== "string" || value.length < 16 || !text.includes(value), "a hash or uniquifier");
        for (const value of [...others, ...cookies]) must(!text.includes(value), `${value.slice(0, 12)}… is shown`);
      },
    );
  });
});
