import { randomBytes } from "node:crypto";
import type { Answer, Attempt, Client } from "./client.ts";
import { attacks, each, must, needsSessions, pairs, type Rig, secret } from "./suite.ts";

const evil = "https://evil.test";
const refused = (answer: Answer): boolean => answer.status >= 400 && answer.status < 500;
const sessionSet = (answer: Answer): boolean => answer.setCookies.some((cookie) => /session=[^;]/.test(cookie));

/** A request that changes something, as its rightful user would send it. */
interface Change {
  readonly method: string;
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
  /** False: it is sent by somebody who is not signed in. */
  readonly signedIn: boolean;
}

/** Every endpoint of the account system that changes something, and the sample application's. */
function changesOf(rig: Rig): readonly Change[] {
  const password = secret();
  const email = `${randomBytes(6).toString("hex")}@csrf.example`;
  const special: Readonly<Record<string, Omit<Change, "method" | "path">>> = {
    [rig.at("LOGIN")]: { fields: { email: "matt@lp.com", password: "password" }, signedIn: false },
    [rig.path("REGISTER") ?? "-"]: { fields: { email, password, password_confirm: password }, signedIn: false },
    [rig.at("LOGOUT")]: { fields: {}, signedIn: true },
    [rig.path("VERIFY") ?? "-"]: { fields: { password: "password" }, signedIn: true },
  };
  const own = rig.lab.routes
    .filter(({ method, source, path }) => source !== "application" && method !== "GET" && !path.includes(":"))
    .map(({ method, path }) => ({ method, path, ...(special[path] ?? { fields: {}, signedIn: true }) }));
  const samples = ["/json_auth", "/session", "/multi_auth", "/fresh"].map((path) => ({ method: "POST", path }));
  const objects = ["PATCH", "DELETE"].map((method) => ({ method, path: "/obj/5" }));
  return [...own, ...[...samples, ...objects].map((route) => ({ ...route, fields: {}, signedIn: true }))];
}

const nameOf = (change: Change): string => `${change.method} ${change.path}`;
/**
 * What is done in the name of a session. REFRESH is not: it looks at no session, and what it takes instead is kept from
 * foreign pages by the origin, by SameSite=Strict and by its media type (an attack of its own below).
 */
const ofSession = (rig: Rig): readonly Change[] =>
  changesOf(rig).filter(({ signedIn, path }) => signedIn && path !== rig.path("REFRESH"));
/** Endpoints that read nothing of the body: any body that may be sent to them at all is as good as none. */
const readsNothing = (rig: Rig, path: string): boolean =>
  path === "/json_auth" ||
  rig.lab.routes.some((route) => route.path === path && route.method === "POST" && route.parameters.length === 0);
const matt = { email: "matt@lp.com", password: "password" };

/** Sends the change in the victim's browser; the victim must be signed in as before, with the same session. */
async function inVictimsBrowser(rig: Rig, change: Change, attempt: Attempt): Promise<Answer> {
  const victim = change.signedIn ? await rig.signedIn(matt) : await rig.visitor();
  return withClient(victim, change, attempt);
}

async function withClient(victim: Client, change: Change, attempt: Attempt): Promise<Answer> {
  const session = victim.cookie("session");
  const answer = await victim.send(change.method, change.path, { csrf: false, ...attempt });
  if (refused(answer)) {
    must(!sessionSet(answer), "a refused request set a session");
    must(victim.cookie("session") === session, "a refused request changed the session");
    if (change.signedIn) must((await victim.get("/me")).status === 200, "a refused request signed the victim out");
  }
  return answer;
}

attacks("CSR", {}, (attack) => {
  attack("CSR-01 [ASVS 3.5.1]: from a foreign page, without a token", async (rig, context) => {
    needsSessions(rig, context);
    const claims: readonly Readonly<Record<string, string>>[] = [
      { origin: evil },
      { origin: "null" },
      { origin: evil, "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { referer: `${evil}/page` },
      { origin: `${rig.lab.origin}.evil.test` },
      { origin: `${rig.lab.origin}`, "sec-fetch-site": "cross-site", referer: evil, host: "evil.test" },
    ];
    await each(
      pairs(changesOf(rig), claims.slice(0, -1)),
      ([change, headers]) => `${nameOf(change)} ${JSON.stringify(headers)}`,
      async ([change, headers]) => {
        for (const body of [{ json: change.fields }, { form: change.fields, page: true }]) {
          const answer = await inVictimsBrowser(rig, change, { ...body, headers });
          must(refused(answer), `status ${answer.status}`);
        }
      },
    );
    await each(ofSession(rig), nameOf, async (change) => {
      for (const body of [{ json: change.fields }, { form: change.fields, page: true }, {}]) {
        must(refused(await inVictimsBrowser(rig, change, body)), "passes without any token");
      }
    });
  });

  attack("CSR-01 [ASVS 3.5.1]: a good token does not outweigh a foreign origin", async (rig, context) => {
    needsSessions(rig, context);
    await each(ofSession(rig), nameOf, async (change) => {
      const victim = await rig.signedIn(matt);
      const attempt = { json: change.fields, csrf: victim.csrf ?? "", headers: { origin: evil } };
      must(refused(await withClient(victim, change, attempt)), "passes");
    });
  });

  attack("CSR-02 [ASVS 3.5.1]: tokens that are none", async (rig, context) => {
    needsSessions(rig, context);
    const ended = await rig.signedIn(matt);
    const dead = ended.csrf ?? "";
    await ended.post(rig.at("LOGOUT"), { json: {} });
    const anonymous = (await rig.visitor()).csrf ?? "";
    const victim = await rig.signedIn(matt);
    const good = victim.csrf ?? "";
    const tokens = [
      "",
      "x",
      randomBytes(48).toString("base64url"),
      good.slice(0, -1),
      good.slice(1),
      `${good}A`,
      `${good} `.padEnd(10_000, "A"),
      good.toLowerCase(),
      good.replace(".", ""),
      `.${good}`,
      `${good},${good}`,
      dead,
      anonymous,
      "null",
      "[object Object]",
    ].filter((token) => token.trim() !== good);
    await each(
      pairs(ofSession(rig), tokens),
      ([change, token]) => `${nameOf(change)} ${token.slice(0, 30)}`,
      async ([change, token]) => {
        must(refused(await withClient(victim, change, { json: change.fields, csrf: token })), "passes as a header");
        const form = { ...change.fields, csrf_token: token };
        must(refused(await withClient(victim, change, { form, page: true })), "passes in a form");
      },
    );
    await each(
      pairs(ofSession(rig), [[good], { "0": good }, null, true, 1, [dead, good]] as readonly unknown[]),
      ([change, token]) => `${nameOf(change)} ${JSON.stringify(token).slice(0, 20)}`,
      async ([change, token]) => {
        const json = { ...change.fields, csrf_token: token };
        must(refused(await withClient(victim, change, { json })), "passes in JSON");
      },
    );
    // And with the good one it works: the refusals above were for the token.
    must((await victim.post("/json_auth", { json: {}, csrf: good })).status === 200, "the good token is refused");
    const twice = `csrf_token=${good}&csrf_token=${good}`;
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    must(refused(await victim.post("/json_auth", { body: twice, headers, csrf: false })), "two tokens pass");
  });

  attack("CSR-03 [ADV-F] [ASVS 3.5.1]: the attacker's own token with the victim's session", async (rig, context) => {
    needsSessions(rig, context);
    const attacker = await rig.signedIn();
    const token = attacker.csrf ?? "";
    must((await attacker.post("/json_auth", { json: {} })).status === 200, "the token is not good for its owner");
    const victim = await rig.signedIn(matt);
    await each(ofSession(rig), nameOf, async (change) => {
      for (const name of ["x-csrf-token", "x-xsrf-token", "x-csrftoken"]) {
        const headers = { [name]: token };
        must(refused(await withClient(victim, change, { json: change.fields, headers })), `passes in ${name}`);
      }
      const form = { ...change.fields, csrf_token: token };
      must(refused(await withClient(victim, change, { form, page: true })), "passes in a form");
      must(refused(await withClient(victim, change, { json: form })), "passes in JSON");
      // A cookie that a sibling domain planted does not make the foreign token good.
      const cookies = `${victim.cookieHeader.replace(/(?:__Host-)?csrf=[^;]*;? ?/, "")}; csrf=${attacker.cookie("csrf")}`;
      must(
        refused(await withClient(victim, change, { json: change.fields, headers: { "x-csrf-token": token }, cookies })),
        "passes with a planted cookie",
      );
    });
  });

  attack("CSR-04 [ADV-F] [ASVS 3.5.1] [ASVS 7.6.2]: signing the victim in as somebody else", async (rig) => {
    const claims: readonly Readonly<Record<string, string>>[] = [
      { origin: evil, "sec-fetch-site": "cross-site" },
      { referer: `${evil}/login.html` },
      { origin: "null" },
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" },
    ];
    await each(
      claims,
      (headers) => JSON.stringify(headers),
      async (headers) => {
        for (const body of [{ json: matt }, { form: matt, page: true }]) {
          const answer = await rig.client().post(rig.at("LOGIN"), { ...body, headers });
          must(refused(answer) && !sessionSet(answer), `status ${answer.status}`);
        }
      },
    );
    // A form without any of these headers needs a token that the attacker's page cannot have.
    const answer = await rig.client().post(rig.at("LOGIN"), { form: matt, page: true });
    must(refused(answer) && !sessionSet(answer), `a form without a token: ${answer.status}`);
  });

  attack("CSR-05 [ASVS 3.5.2]: JSON that a plain form could have sent", async (rig) => {
    const text = (fields: object): string => JSON.stringify(fields);
    const types: readonly (readonly [name: string, type: string | undefined, body: (fields: object) => string])[] = [
      ["text/plain", "text/plain", text],
      ["text/plain with charset", "text/plain;charset=UTF-8", text],
      ["a form", "application/x-www-form-urlencoded", text],
      ["a form with a name", "application/x-www-form-urlencoded", (fields) => `${text(fields).slice(0, -1)},"x":"=1"}`],
      [
        "multipart",
        "multipart/form-data; boundary=x",
        (fields) =>
          `--x\r\nContent-Disposition: form-data; name="${text(fields).replaceAll('"', "%22")}"\r\n\r\n\r\n--x--\r\n`,
      ],
      ["no type", undefined, text],
      ["an empty type", "", text],
      ["application/octet-stream", "application/octet-stream", text],
      ["text/json", "text/json", text],
      ["application/jsonx", "application/jsonx", text],
    ];
    const changes = changesOf(rig).filter(
      ({ path }) => !path.startsWith("/obj") && !["/session", "/multi_auth", "/fresh"].includes(path),
    );
    const sessions = rig.lab.profile !== "token";
    await each(
      pairs(
        changes.filter(({ signedIn }) => sessions || !signedIn),
        types,
      ),
      ([change, [name]]) => `${nameOf(change)} as ${name}`,
      async ([change, [, type, body]]) => {
        const victim = change.signedIn ? await rig.signedIn(matt) : await rig.visitor();
        const headers = type === undefined ? {} : { "content-type": type };
        const answer = await withClient(victim, change, {
          body: body({ ...change.fields, probe: "1" }),
          headers,
          csrf: victim.csrf ?? "",
        });
        // What may also be sent as a form is read as one: a member of the JSON is none of its fields.
        const asForm = answer.status === 200 && /form/.test(type ?? "") && answer.json["probe"] === undefined;
        const harmless = asForm && readsNothing(rig, change.path);
        must(answer.status === 415 || answer.status === 400 || harmless, `status ${answer.status}`);
        must(!sessionSet(answer), "it signed in");
      },
    );
  });

  attack("CSR-06 [ASVS 3.5.2]: unusual spellings of the media type skip no check", async (rig, context) => {
    needsSessions(rig, context);
    const types = [
      "Application/X-WWW-Form-Urlencoded",
      "APPLICATION/JSON",
      "text/plain; application/json",
      "application/json, text/plain",
      "multipart/form-data;boundary=x;charset=json",
      "application/json ",
      "application/json; charset=utf-8",
      "application/json;",
      "application/json; text/plain",
      " application/json",
      "application/vnd.x+json",
      "application/x-www-form-urlencoded; charset=utf-16",
    ];
    const victim = await rig.signedIn(matt);
    await each(
      pairs(ofSession(rig), types),
      ([change, type]) => `${nameOf(change)} as ${type}`,
      async ([change, type]) => {
        for (const body of [JSON.stringify(change.fields), new URLSearchParams(change.fields).toString()]) {
          const attempt = { body, headers: { "content-type": type } };
          must(refused(await withClient(victim, change, attempt)), "passes without a token");
        }
      },
    );
    // The type is compared without regard to case: a good form in capitals works, and its token is looked for.
    const visitor = await rig.visitor();
    const form = new URLSearchParams({ ...matt, csrf_token: visitor.csrf ?? "" }).toString();
    const headers = { "content-type": "Application/X-WWW-Form-Urlencoded" };
    must(
      sessionSet(await visitor.post(rig.at("LOGIN"), { body: form, headers, csrf: false })),
      "a good form is refused",
    );
  });

  attack("CSR-07 [ASVS 4.1.4]: another method by header or field", async (rig, context) => {
    needsSessions(rig, context);
    const victim = await rig.signedIn(matt);
    const plain = await victim.get("/obj/5");
    await each(["x-http-method-override", "x-http-method", "x-method-override"], String, async (name) => {
      const answer = await victim.get("/obj/5", { headers: { [name]: "DELETE" } });
      must(answer.text === plain.text && answer.status === plain.status, "the override of a GET counts");
      const posted = await victim.post("/obj/5", { json: {}, headers: { [name]: "DELETE" } });
      must(posted.status === 404 || posted.status === 405, `the override of a POST counts: ${posted.status}`);
      const out = await victim.get(rig.at("LOGOUT"), { headers: { [name]: "POST" } });
      must(out.status === 405 && (await victim.get("/me")).status === 200, "LOGOUT by override");
    });
    const query = await victim.get("/obj/5?_method=DELETE");
    must(query.status === 200 || query.status === 400, `_method in the query: ${query.status}`);
    const field = await victim.post("/obj/5", { form: { _method: "DELETE" } });
    must(field.status === 404 || field.status === 405, `_method in a form: ${field.status}`);
  });

  attack("CSR-08 [ASVS 3.5.3] [ASVS 7.6.2]: GET and HEAD change nothing", async (rig) => {
    const endpoints = changesOf(rig).filter(({ path }) =>
      rig.lab.routes.some((r) => r.path === path && r.source !== "application"),
    );
    await each(
      pairs(endpoints, ["GET", "HEAD"]),
      ([change, method]) => `${method} ${change.path}`,
      async ([change, method]) => {
        const victim = change.signedIn && rig.lab.profile !== "token" ? await rig.signedIn(matt) : await rig.visitor();
        const session = victim.cookie("session");
        const query = new URLSearchParams({ ...change.fields, csrf_token: victim.csrf ?? "" }).toString();
        for (const page of [true, false]) {
          const answer = await victim.send(method, `${change.path}?${query}`, { page });
          must([200, 302, 400, 401, 405].includes(answer.status), `status ${answer.status}`);
          must(!sessionSet(answer), "it signed in");
          must(victim.cookie("session") === session, "it changed the session");
        }
        if (session !== undefined) must((await victim.get("/me")).status === 200, "it signed out");
      },
    );
  });

  attack("CSR-12 [ASVS 3.5.3]: signing the victim out", async (rig, context) => {
    needsSessions(rig, context);
    const victim = await rig.signedIn(matt);
    const path = rig.at("LOGOUT");
    const navigation = { "sec-fetch-dest": "image", "sec-fetch-mode": "no-cors", "sec-fetch-site": "cross-site" };
    must((await victim.get(path)).status === 405, "LOGOUT by GET");
    must((await victim.get(path, { headers: navigation, page: true })).status === 405, "LOGOUT by an image");
    must((await victim.post(path, { csrf: false, json: {} })).status === 400, "LOGOUT without a token");
    must(
      (await victim.post(path, { csrf: false, form: {}, page: true, headers: navigation })).status === 400,
      "LOGOUT by a foreign form",
    );
    must((await victim.get("/me")).status === 200, "the victim is signed out");
  });

  attack("CSR-14 [ASVS 3.4.2]: no foreign origin may read an answer", async (rig) => {
    const origins = [
      evil,
      "null",
      `${rig.lab.origin}.evil.test`,
      rig.lab.origin.replace("http:", "https:"),
      "http://127.0.0.1",
      rig.lab.origin,
    ];
    const client = rig.lab.profile === "token" ? rig.client() : await rig.signedIn(matt);
    await each(
      pairs(origins, ["/me", rig.at("LOGIN"), "/", "/json", "/nowhere"]),
      ([origin, path]) => `${origin} ${path}`,
      async ([origin, path]) => {
        const preflight = {
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type,x-csrf-token",
        };
        const answers = [
          await client.get(path, { headers: { origin } }),
          await client.post(path, { json: {}, headers: { origin }, csrf: false }),
          await client.send("OPTIONS", path, { headers: { origin, ...preflight } }),
        ];
        for (const answer of answers) {
          const cors = answer.rawHeaders.filter(([name]) => name.startsWith("access-control-"));
          must(cors.length === 0, `CORS headers: ${JSON.stringify(cors)}`);
        }
      },
    );
  });
});

/**
 * The one endpoint that changes something without a CSRF token while the browser sends its credential along by itself.
 * Nothing of a session is looked at there; the refresh token's cookie is SameSite=Strict, the request must come from one of
 * our origins, and only JSON is read, so that no form reaches it (docs/authentication.md).
 */
attacks(
  "CSR of refresh tokens",
  { settings: { REFRESH_TOKEN: true, REFRESH_TOKEN_COOKIE_NAME: "fs_refresh" } },
  (attack) => {
    attack(
      "CSR-01 [ASVS 3.5.1] [ASVS 3.3.2]: a foreign page renews nothing with the cookie of a refresh token",
      async (rig) => {
        const client = await rig.visitor();
        const { email, password } = await rig.user();
        const signedIn = await client.signIn(email, password);
        const first = client.cookie("refresh") ?? "";
        must(first !== "", "no refresh token came as a cookie");
        const set = signedIn.setCookies.find((cookie) => /refresh=/.test(cookie)) ?? "";
        must(/; SameSite=Strict/i.test(set) && /; HttpOnly/i.test(set), `the cookie is ${set.replace(first, "…")}`);
        const path = rig.at("REFRESH");
        const json = { "content-type": "application/json" };
        const foreign: readonly Readonly<Record<string, string>>[] = [
          { origin: evil },
          { origin: "null" },
          { origin: evil, "sec-fetch-site": "cross-site" },
          { "sec-fetch-site": "cross-site" },
          { "sec-fetch-site": "same-site" },
          { referer: `${evil}/page` },
          { origin: `${rig.lab.origin}.evil.test` },
          { origin: rig.lab.origin.replace("http:", "https:") },
        ];
        await each(foreign, JSON.stringify, async (headers) => {
          for (const body of [
            { json: {} },
            { form: {} },
            { body: "{}", headers: { "content-type": "text/plain" } },
            {},
          ]) {
            const attempt = { ...body, headers: { ...("headers" in body ? body.headers : {}), ...headers } };
            const answer = await client.post(path, attempt);
            must(refused(answer), `${JSON.stringify(body)}: ${answer.status}`);
            must(answer.setCookies.length === 0, "a refused request sets cookies");
          }
        });
        // Nor does what a form or an image of any page can send, should a browser tell nothing of where it comes from.
        const types = [
          "application/x-www-form-urlencoded",
          "multipart/form-data; boundary=x",
          "text/plain",
          "text/json",
        ];
        await each(types, String, async (type) => {
          for (const csrf of [false as const, client.csrf ?? ""]) {
            const answer = await client.post(path, { body: "{}", headers: { "content-type": type }, csrf });
            must(answer.status === 415 || answer.status === 400, `status ${answer.status}`);
          }
        });
        for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
          const answer = await client.send(method, path);
          must(answer.status === 405 || answer.status === 404, `${method}: ${answer.status}`);
        }
        const preflight = {
          origin: evil,
          "access-control-request-method": "POST",
          "access-control-request-headers": "content-type",
        };
        const allowed = await client.send("OPTIONS", path, { headers: preflight });
        must(allowed.header("access-control-allow-origin") === undefined, "the preflight lets a foreign page in");
        // Nothing of all that has used the token: it is the first of its family still, and the user's own page renews it.
        must(client.cookie("refresh") === first, "the cookie was replaced");
        const own = await client.post(path, { body: "{}", headers: { ...json, origin: rig.lab.origin }, csrf: false });
        must(own.status === 200 && client.cookie("refresh") !== first, `our own page: ${own.status}`);
        await rig.lab.advance(60);
        const stolen = await client.post(path, { cookies: `refresh=${first}`, json: {}, keep: false });
        must(stolen.status === 400, `the token that was replaced: ${stolen.status}`);
      },
    );
  },
);
