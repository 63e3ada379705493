/** Attacks on tokens of the type "jwt": our own, and those of another issuer. */
import { createServer } from "node:http";
import { afterAll } from "vitest";
import type { Answer, Client } from "./client.ts";
import { claimsOf, compact, pem, publicJwk, type SigningKey, signingKey, token } from "./jose.ts";
import {
  adminClaims,
  bearer,
  bothWith,
  foreign,
  hour,
  idp,
  idpAudience,
  idpClaims,
  idpIssuer,
  issued,
  leeway,
  minute,
  now,
  opens,
  ours,
  refused,
  retired,
  statuses,
} from "./jwt-system.ts";
import { exchange, rawRequest } from "./raw.ts";
import { attacks, each, hasSessions, must, pairs, secret, type Victim } from "./suite.ts";

/** Whoever asks here was told to by a token. */
const asked: string[] = [];
const sink = createServer((request, response) => {
  asked.push(`${request.method} ${request.url}`);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ keys: [publicJwk(foreign)] }));
});
await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", resolve));
const address = sink.address();
const sinkUrl = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
afterAll(() => new Promise((resolve) => sink.close(resolve)));

/** What the retired key signed is taken for two more hours. */
const overlap = 2 * hour;
const settings = {
  TOKENS: {
    type: "jwt",
    jwt: {
      algorithm: "ES256",
      keys: [
        { key: pem(ours), kid: ours.kid },
        { key: pem(retired), kid: retired.kid, until: new Date(Date.now() + overlap * 1000).toISOString() },
      ],
    },
    issuers: [{ issuer: idpIssuer, audience: idpAudience, algorithms: ["RS256"], jwks: { keys: [publicJwk(idp)] } }],
  },
};

attacks("JWT", { settings }, (attack) => {
  attack("JWT-01 [ADV-E] [ASVS 9.1.1] [ASVS 9.1.2]: no algorithm, or one that nobody configured", async (rig) => {
    const claims = await adminClaims(rig);
    // What is forged below would be taken if it were signed: otherwise the attacks would prove nothing.
    must((await opens(rig, token(ours, claims))) === 200, "a good token is refused");
    const algorithms: readonly unknown[] = [
      ...["none", "None", "NONE", "nOnE", "none ", "", " ", "ES384", "RS256", "PS256", "HS256", "EdDSA", "es256"],
      ...["ES256K", "ES256,none", "__proto__", "constructor", null, ["ES256"], ["none"], [], {}, 0, true, undefined],
    ];
    const good = token(ours, claims).split(".")[2] ?? "";
    const signatures = [
      "",
      good,
      "AA",
      Buffer.alloc(64).toString("base64url"),
      Buffer.alloc(32, 1).toString("base64url"),
    ];
    await each(
      pairs(algorithms, signatures),
      ([alg, signature]) => `${JSON.stringify(alg)} ${signature.slice(0, 8)}`,
      async ([alg, signature]) => {
        for (const header of [
          { alg, typ: "JWT" },
          { alg, typ: "JWT", kid: ours.kid },
        ]) {
          const text = compact(header, claims, signature);
          await refused(rig, text);
          if (signature === "") await refused(rig, text.slice(0, -1));
        }
      },
    );
    // The right algorithm without a signature by the key.
    const zeros = Buffer.alloc(64).toString("base64url");
    for (const signature of [zeros, "", good.slice(0, -2), `${good}AA`, foreignSignature(claims)]) {
      await refused(rig, compact({ alg: "ES256", typ: "JWT", kid: ours.kid }, claims, signature));
    }
  });

  attack("JWT-01 [ADV-E] [ASVS 9.1.1]: a token is the exact text or nothing", async (rig) => {
    const text = await issued(rig, await rig.user({ roles: ["admin"] }));
    const other = await issued(rig, await rig.user());
    const [head = "", body = "", tail = ""] = text.split(".");
    const [otherHead = "", otherBody = "", otherTail = ""] = other.split(".");
    const swap = (at: number): string => text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
    const variants = [
      ...Array.from(text, (_, at) => swap(at)),
      ...[1, 2, 10, 60].map((cut) => text.slice(0, -cut)),
      ...["A", "=", "==", ".", ".A", "%00", "%20"].map((end) => text + end),
      ...[`.${text}`, `${head}.${body}`, `${head}.${body}.`, `${head}..${tail}`, `.${body}.${tail}`],
      ...[`${head}.${otherBody}.${tail}`, `${otherHead}.${body}.${otherTail}`, `${head}.${body}.${otherTail}`],
      ...[`${head}=.${body}.${tail}`, `${head}.${body}=.${tail}`, text.toLowerCase(), text.toUpperCase()],
      compact(` ${JSON.stringify({ alg: "ES256", typ: "JWT", kid: ours.kid })}`, claimsOf(text), tail),
      JSON.stringify({ payload: body, protected: head, signature: tail }),
      JSON.stringify({ payload: body, signatures: [{ protected: head, signature: tail }] }),
    ].filter((variant) => variant !== text && variant.length > 0);
    await each(
      [...new Set(variants)],
      (variant) => variant.slice(-60),
      async (variant) => {
        const status = await opens(rig, variant);
        must(status === 401, `status ${status}`);
      },
    );
    must((await opens(rig, text)) === 200, "the token itself is refused");
  });

  attack("JWT-04 [ADV-E] [ADV-N] [ASVS 9.1.3] [ASVS 1.3.6]: keys that a token brings along", async (rig) => {
    const claims = await adminClaims(rig);
    const theirs = await idpClaims(rig, await rig.user({ roles: ["admin"] }));
    const own = publicJwk(foreign);
    const der = foreign.publicKey.export({ type: "spki", format: "der" }).toString("base64");
    const headers: readonly Readonly<Record<string, unknown>>[] = [
      { jwk: own },
      { jwk: { ...own, kid: ours.kid }, kid: ours.kid },
      { jku: `${sinkUrl}/jku` },
      { jku: `${sinkUrl}/jku`, kid: foreign.kid },
      { jku: `${rig.lab.origin}/.well-known/jwks.json` },
      { x5u: `${sinkUrl}/x5u` },
      { x5c: [der] },
      { "x5t#S256": "AA", x5t: "AA" },
      { kid: `${sinkUrl}/kid` },
      { kid: "../../../../dev/null" },
      { kid: "' union select 'x' --" },
      { kid: "__proto__" },
      { kid: null },
      { kid: [ours.kid] },
      { kid: "k".repeat(5000) },
      { crit: ["exp"] },
      { crit: [] },
      { crit: ["b64"], b64: false },
      { zip: "DEF" },
      { enc: "A128GCM" },
      { cty: "JWT" },
    ];
    await each(headers, JSON.stringify, async (header) => {
      await refused(rig, token(foreign, claims, header));
      await refused(rig, token(foreign, theirs, header));
      await refused(rig, token(foreign, { ...claims, iss: sinkUrl, jku: `${sinkUrl}/claim` }, header));
    });
    // A token of our own key that brings another one along is none of ours: we write no such header.
    const beside = headers.filter((header) => !Object.keys(header).some((name) => name === "kid" || name === "cty"));
    await each(beside, JSON.stringify, async (header) => {
      await refused(rig, token(ours, claims, header));
      await refused(rig, token(idp, theirs, header));
    });
    must(asked.length === 0, `the server fetched ${asked.join(", ")}`);
  });

  attack("JWT-06 [ASVS 9.2.1]: an end that is none", async (rig) => {
    const claims = await adminClaims(rig);
    const theirs = await idpClaims(rig, await rig.user({ roles: ["admin"] }));
    must((await opens(rig, token(idp, theirs))) === 200, "a good token of the issuer is refused");
    const at = await now(rig);
    const ends: readonly string[] = [
      ...[
        String(at - 1),
        String(at - hour),
        "0",
        "-0",
        "-1",
        "1.5",
        "1e308",
        "1e400",
        "-1e400",
        "9e15",
        "253402300800",
      ],
      ...['"9999999999"', `"${at + hour}"`, "null", "true", "[]", `[${at + hour}]`, "{}", `{"exp":${at + hour}}`, '""'],
    ];
    const withEnd = (key: SigningKey, payload: Readonly<Record<string, unknown>>, end: string | undefined): string => {
      const { exp: _exp, ...rest } = payload;
      const text = JSON.stringify(rest);
      return token(key, end === undefined ? text : `${text.slice(0, -1)},"exp":${end}}`);
    };
    must((await opens(rig, withEnd(ours, claims, String(at + 60)))) === 200, "a good end is refused");
    await each([...ends, undefined], String, async (end) => {
      await refused(rig, withEnd(ours, claims, end));
      await refused(rig, withEnd(idp, theirs, end));
    });
    // Of a claim that is there twice, readers take one or the other.
    for (const two of [`${at + hour},"exp":1`, `1,"exp":${at + hour}`]) await refused(rig, withEnd(ours, claims, two));
    // A payload that is no object of claims.
    for (const payload of [
      "null",
      "[]",
      '"x"',
      "1",
      "",
      "{",
      `${JSON.stringify(claims)}x`,
      `\ufeff${JSON.stringify(claims)}`,
    ]) {
      await refused(rig, token(ours, payload));
    }
  });

  attack("JWT-07 [ASVS 9.2.1]: tokens from the future", async (rig) => {
    for (const name of ["nbf", "iat"]) {
      for (const text of await bothWith(rig, (_right, at) => ({ [name]: at + hour, exp: at + 2 * hour }))) {
        await refused(rig, text);
      }
      // One second is left for the request to arrive.
      for (const text of await bothWith(rig, (_right, at) => ({ [name]: at + leeway - 1 }))) {
        must((await opens(rig, text)) === 200, `${name} within the leeway is refused`);
      }
      for (const text of await bothWith(rig, (_right, at) => ({ [name]: at + leeway + 10 }))) await refused(rig, text);
      for (const value of ["1", true, null, [0], {}, -1, 1e300]) {
        for (const text of await bothWith(rig, () => ({ [name]: value }))) await refused(rig, text);
      }
    }
  });

  attack(
    "JWT-08 [ADV-D] [ASVS 9.2.3] [ASVS 9.2.4] [ASVS 10.3.1]: tokens for somebody else, or by somebody else",
    async (rig) => {
      type Change = (right: { readonly iss: string; readonly aud: string }) => Readonly<Record<string, unknown>>;
      const wrong: Readonly<Record<string, Change>> = {
        "no audience": () => ({ aud: undefined }),
        "another audience": () => ({ aud: "https://other.example" }),
        "a list without us": () => ({ aud: ["https://other.example", "x"] }),
        "an empty list": () => ({ aud: [] }),
        "a nested list": ({ aud }) => ({ aud: [[aud]] }),
        "a list with more than texts": ({ aud }) => ({ aud: [aud, 1] }),
        "the start of our name": ({ aud }) => ({ aud: aud.slice(0, -1) }),
        "more than our name": ({ aud }) => ({ aud: `${aud}/` }),
        "our name among words": ({ aud }) => ({ aud: `x ${aud} y` }),
        "our name in capitals": ({ aud }) => ({ aud: aud.toUpperCase() }),
        "an object": ({ aud }) => ({ aud: { [aud]: true, toString: aud } }),
        "an empty text": () => ({ aud: "" }),
        null: () => ({ aud: null }),
        "no issuer": () => ({ iss: undefined }),
        "another issuer": () => ({ iss: "https://other.example" }),
        "the issuer with a slash": ({ iss }) => ({ iss: `${iss}/` }),
        "the issuer in capitals": ({ iss }) => ({ iss: iss.toUpperCase() }),
        "a list of issuers": ({ iss }) => ({ iss: [iss] }),
        "the name of an inherited member": () => ({ iss: "__proto__" }),
        "an empty issuer": () => ({ iss: "" }),
        // Each issuer's keys are good for its own tokens alone.
        "the other's issuer": ({ iss }) => ({ iss: iss === idpIssuer ? rig.lab.origin : idpIssuer }),
        "the other's issuer and audience": ({ iss }) =>
          iss === idpIssuer
            ? { iss: rig.lab.origin, aud: rig.lab.origin }
            : { iss: idpIssuer, aud: idpAudience, email: "matt@lp.com", email_verified: true },
      };
      await each(
        Object.entries(wrong),
        ([name]) => name,
        async ([, change]) => {
          for (const text of await bothWith(rig, change)) await refused(rig, text);
        },
      );
      for (const text of await bothWith(rig, ({ aud }) => ({ aud: ["https://other.example", aud] }))) {
        must((await opens(rig, text)) === 200, "a list with us is refused");
      }
      // Whom a token is about is what the configured rule makes of its claims: an address that nobody has proved is nobody's.
      const unproved = await idpClaims(rig, { email: "matt@lp.com", password: "" });
      for (const email_verified of [false, undefined, "true", 1, null]) {
        await refused(rig, token(idp, { ...unproved, email_verified }));
      }
    },
  );

  attack("JWT-09 [ADV-D] [ASVS 9.2.2]: what is signed for something else is no access token", async (rig) => {
    const victim = await rig.user({ roles: ["admin"] });
    const client = await rig.visitor();
    const answer = await client.signIn(victim.email, victim.password, hasSessions(rig) ? { remember: true } : {});
    const user = answer.response["user"] as Readonly<Record<string, unknown>>;
    const values: Record<string, string> = {};
    for (const [name, value] of client.cookies) values[`cookie ${name}`] = value;
    if (client.csrf !== undefined) values["CSRF token"] = client.csrf;
    if (typeof user["refresh_token"] === "string") values["refresh token"] = user["refresh_token"];
    for (const [endpoint, template] of [
      ["RECOVER", "resetInstructions"],
      ["PWLESS-SEND", "signInLink"],
    ] as const) {
      const path = rig.path(endpoint);
      if (path === undefined) continue;
      await rig.client().post(path, { json: { email: victim.email }, watch: false });
      const mail = (await rig.lab.outbox()).findLast((sent) => sent.template === template && sent.to === victim.email);
      values[`link of ${endpoint}`] = /\/[\w-]+\/([\w.-]+)\s/.exec(`${mail?.text} `)?.[1] ?? "";
    }
    const row = await rig.lab.accounts.byEmail(victim.email);
    for (const column of ["id", "email", "fs_uniquifier", "password"]) values[column] = String(row?.[column]);
    await each(
      Object.entries(values),
      ([name]) => name,
      async ([, value]) => {
        must(value !== "", "there is none");
        await refused(rig, value.replace(/[^\w.~+/=:%!*'()-]/g, ""));
      },
    );
    // The same claims in a token of another type: an ID token, a logout token, a DPoP proof (RFC 8725 3.11).
    const claims = await adminClaims(rig);
    const theirs = await idpClaims(rig, victim);
    for (const typ of ["id_token", "logout+jwt", "dpop+jwt", "secevent+jwt", "rt+jwt", "JWE", "", null, 1, ["JWT"]]) {
      const empty = typ === "";
      for (const text of [token(ours, claims, { typ }), token(idp, theirs, { typ })]) {
        if (empty) must([200, 401].includes(await opens(rig, text)), "an empty type breaks the server");
        else await refused(rig, text);
      }
    }
    // An ID token of the same provider is for its client, not for us.
    const idToken = { ...theirs, aud: "client-id-at-the-provider", nonce: "n", azp: "client-id-at-the-provider" };
    await refused(rig, token(idp, idToken));
  });

  attack("JWT-10 [ASVS 4.1.1]: one credential, of one scheme", async (rig) => {
    const text = await issued(rig, await rig.user());
    const other = await issued(rig, await rig.user());
    for (const word of ["Bearer", "bearer", "BEARER", "bEaReR"]) {
      must((await rig.client().get("/me", { headers: bearer(text, word) })).status === 200, `${word} is refused`);
    }
    const values = [
      ...[`Basic ${text}`, `Token ${text}`, `Digest ${text}`, `JWT ${text}`, `Bearer${text}`, `Bearer\t${text}`, text],
      ...[`Bearer ${text}, Bearer ${other}`, `Bearer ${text},${other}`, `Bearer ${text} ${other}`, `Bearer ${text}, x`],
      ...[`Bearer "${text}"`, `Bearer token=${text}`, `Bearer: ${text}`, `Bearer ${text};`, "Bearer", "Bearer ", ""],
      ...[`XBearer ${text}`, `Basic eDp5, Bearer ${text}`, `Bearer\u00a0${text}`],
    ];
    await each(
      values,
      (value) => value.slice(0, 24),
      async (authorization) => {
        const seen = await statuses(rig, { authorization });
        must(seen.join() === "401,401,401", `answered ${seen.join()}`);
      },
    );
    const two = async (first: string, second: string): Promise<Answer | undefined> =>
      exchange(
        rig.lab.port,
        rawRequest([
          "GET /me HTTP/1.1",
          "Host: x",
          `Authorization: Bearer ${first}`,
          `Authorization: Bearer ${second}`,
          "Connection: close",
        ]),
      );
    for (const [first, second] of [
      [text, other],
      [other, text],
      [text, text],
      ["x", text],
      [text, "x"],
    ] as const) {
      const answer = await two(first, second);
      must(answer !== undefined && [400, 401].includes(answer.status), `two headers: ${answer?.status}`);
    }
    const beside = await rig.client().get(`/me?access_token=${text}&auth_token=${text}`);
    must(beside.status === 401, `in the query: ${beside.status}`);
  });

  attack(
    "JWT-15 [ADV-J] [ASVS 7.4.1] [ASVS 7.4.2] [ASVS 8.3.2]: what ends a user's tokens ends those that are not over",
    async (rig) => {
      const ways: Record<string, (victim: Victim, text: string, client: Client) => Promise<unknown>> = {
        disable: ({ email }) => rig.lab.control("PATCH", `/users/${email}`, { active: false }),
        delete: ({ email }) => rig.lab.control("DELETE", `/users/${email}`),
        "a new uniquifier": ({ email }) =>
          rig.lab.control("PATCH", `/users/${email}`, {
            fs_uniquifier: Buffer.from(email).toString("hex").slice(0, 32),
          }),
      };
      const change = rig.path("CHANGE-PW");
      if (change !== undefined) {
        ways["CHANGE-PW"] = async ({ password }, text) => {
          const next = secret();
          const json = { password, new_password: next, new_password_confirm: next };
          const answer = await rig.client().post(change, { json, headers: bearer(text), watch: false });
          must(answer.status === 200, `CHANGE-PW: ${answer.status}`);
        };
      }
      if (rig.path("REFRESH") !== undefined) {
        // With refresh tokens a sign-in is a family, and signing out ends it with all that it gave.
        ways["LOGOUT"] = (_victim, text) => rig.client().post(rig.at("LOGOUT"), { json: {}, headers: bearer(text) });
      }
      await each(
        Object.entries(ways),
        ([name]) => name,
        async ([, end]) => {
          const victim = await rig.user();
          const client = await rig.visitor();
          const answer = await client.signIn(victim.email, victim.password);
          const user = answer.response["user"] as Readonly<Record<string, unknown>>;
          const text = String(user["authentication_token"]);
          // Warm in every cache.
          for (let time = 0; time < 2; time += 1)
            must((await opens(rig, text)) === 200, "the token does not work before");
          await end(victim, text, client);
          must((await opens(rig, text)) === 401, "the token lives on");
          // Nor does the other issuer's word bring back who is gone or off.
          const theirs = token(idp, await idpClaims(rig, victim));
          const expected = (await rig.lab.accounts.byEmail(victim.email))?.["active"];
          const status = await opens(rig, theirs);
          must(Boolean(expected) === (status === 200), `the issuer's token: ${status}`);
        },
      );
      const admin = await rig.user({ roles: ["admin"] });
      const text = await issued(rig, admin);
      for (let time = 0; time < 2; time += 1) {
        must(
          (await rig.client().get("/admin", { headers: bearer(text) })).status === 200,
          "the role does not count before",
        );
      }
      await rig.lab.control("PATCH", `/users/${admin.email}`, { roles: [] });
      must((await rig.client().get("/admin", { headers: bearer(text) })).status === 403, "the role still counts");
      // Whatever else: no token lives longer than it says.
      await rig.lab.advance(15 * minute + 1);
      must((await opens(rig, text)) === 401, "the token outlives its end");
    },
  );

  // Last of this lab: it moves the clock past the overlap.
  attack("JWT-14 [ASVS 9.1.1] [ASVS 11.1.1]: keys that are retired, and keys that nobody knows yet", async (rig) => {
    const claims = await adminClaims(rig);
    const later = signingKey("ES256", "later");
    must((await opens(rig, token(retired, claims))) === 200, "the retired key is refused in its overlap");
    must((await opens(rig, token(retired, claims, { kid: undefined }))) === 200, "the retired key needs its name");
    for (const header of [{}, { kid: undefined }, { kid: ours.kid }, { kid: retired.kid }]) {
      await refused(rig, token(later, claims, header));
    }
    // A name leads to one key and no other.
    await refused(rig, token(retired, claims, { kid: ours.kid }));
    await refused(rig, token(ours, claims, { kid: retired.kid }));
    const fresh = async (): Promise<Readonly<Record<string, unknown>>> => {
      const at = await now(rig);
      return { ...claims, iat: at, exp: at + 10 * minute };
    };
    await rig.lab.advance(overlap + minute);
    const after = await fresh();
    must((await opens(rig, token(ours, after))) === 200, "the present key ended too");
    await refused(rig, token(retired, after));
    await refused(rig, token(retired, after, { kid: undefined }));
    const published = await rig.client().get("/.well-known/jwks.json");
    must(!/"d"|"p"|"q"|PRIVATE/.test(published.text), "a private key is published");
  });
});

/** A signature over these claims by a key that nobody here knows. */
function foreignSignature(claims: Readonly<Record<string, unknown>>): string {
  return token(foreign, claims, { kid: ours.kid }).split(".")[2] ?? "";
}
