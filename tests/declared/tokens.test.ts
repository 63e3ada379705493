import { Buffer } from "node:buffer";
import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { createRemoteJWKSet, jwtVerify, SignJWT } from "jose";
import { type Account, includeCsrf, oauth, portcullis, scope, type TokenOptions, unauthCsrf } from "portcullis";
import { passwords } from "portcullis/features";
import { serve } from "portcullis/node";
import { sqlite } from "portcullis/sqlite";
import { testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { advance, basic, basics, call, form, now, origin, password, plant } from "./system.ts";

const bearer = (token: string, word = "Bearer"): { authorization: string } => ({ authorization: `${word} ${token}` });
const minute = 60_000;

async function tokenApp(tokens: TokenOptions) {
  const security = await portcullis({
    ...basics(),
    tokens,
    scopes: ["read", "write"],
    // Tokens of that type are never limited to scopes.
    schemes: tokens.type === "fsa" ? [] : [oauth()],
    features: [passwords()],
  });
  const ann = await plant(security);
  const app = security.app();
  app.get("/me", { authz: "AUTH", authn: ["token"] }, (c) => c.json(c.var.identity));
  app.post("/me", { authz: "AUTH", authn: ["token"] }, (c) => c.text(c.var.user.email));
  app.get("/vault", { authz: "AUTH", authn: ["token"], realm: "vault" }, (c) => c.text("vault"));
  if (tokens.type !== "fsa")
    app.get("/read", { authz: scope("read"), authn: ["oauth"] }, (c) => c.text(c.var.identity.via));
  app.get("/csrf", { authz: "OPEN" }, (c) => c.text(security.csrfToken(c)));
  app.get("/give", { authz: "AUTH", authn: ["basic"] }, async (c) => {
    security.setTokenCookie(c, await security.createToken(c.var.user, { identity: c.var.identity }));
    return c.text("given");
  });
  app.get("/take", { authz: "OPEN" }, (c) => {
    security.clearTokenCookie(c);
    return c.text("taken");
  });
  const opens = async (token: string, path = "/me"): Promise<number> =>
    (await call(app, path, { headers: bearer(token) })).status;
  return { security, ann, app, opens };
}

describe.each(["opaque", "fsa", "jwt"] as const)("a token of the type %s", (type) => {
  const carriers = ["bearer"] as const;

  it("is taken for its life, its user and its realm", async () => {
    const { security, ann, opens } = await tokenApp({ type, carriers });
    const token = await security.createToken(ann);
    expect(await opens(token)).toBe(200);
    expect(await opens(token, "/vault")).toBe(401);
    const vault = await security.createToken(ann, { realm: "vault" });
    expect([await opens(vault), await opens(vault, "/vault")]).toEqual([401, 200]);
    advance(15 * minute - 1000);
    expect(await opens(token)).toBe(200);
    advance(1000);
    expect(await opens(token)).toBe(401);
    const short = await security.createToken(ann, { life: "1m" });
    advance(minute);
    expect(await opens(short)).toBe(401);
  });

  it("ends with the user's uniquifiers and with the account", async () => {
    const { security, ann, opens } = await tokenApp({ type, carriers });
    const one = await security.createToken(ann);
    expect(await opens(one)).toBe(200);
    await security.users.setTokenUniquifier(ann);
    expect(await opens(one)).toBe(401);
    const two = await security.createToken(ann);
    expect(await opens(two)).toBe(200);
    await security.users.deactivate(ann);
    expect(await opens(two)).toBe(401);
  });

  it("is taken a grace longer where the option says so", async () => {
    const { security, ann, opens } = await tokenApp({ type, carriers, grace: "1m" });
    const token = await security.createToken(ann, { life: "1m" });
    advance(2 * minute - 1000);
    expect(await opens(token)).toBe(200);
    advance(1000);
    expect(await opens(token)).toBe(401);
  });

  it("is taken in no other spelling, and no change goes unnoticed", async () => {
    const { security, ann, app, opens } = await tokenApp({ type, carriers });
    const token = await security.createToken(ann);
    for (const other of [
      `${token}=`,
      `${token}.`,
      token.slice(0, -1),
      token.toUpperCase(),
      `${token}, ${token}`,
      `"${token}"`,
    ]) {
      expect(await opens(other)).toBe(401);
    }
    expect(await opens(`${token} `)).toBe(200); // the platform trims header values
    const word = (text: string): Promise<number> =>
      call(app, "/me", { headers: { authorization: text } }).then(({ status }) => status);
    expect(await word(`bearer ${token}`)).toBe(200);
    for (const text of [
      `Token ${token}`,
      `Basic ${token}`,
      `Bearer\t${token}`,
      token,
      `Bearer ${token}, Bearer ${token}`,
    ]) {
      expect(await word(text)).toBe(401);
    }
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom("", "A", "b", "0", "-", "_", ".", ":"),
        async (at, put) => {
          const changed = token.slice(0, at) + put + token.slice(at + 1);
          if (changed !== token) expect(await opens(changed)).toBe(401);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("outlives a change of the secret keys, and is worth nothing elsewhere", async () => {
    const folder = mkdtempSync(join(tmpdir(), "portcullis-tokens-"));
    const systems = { ...basics(), datastore: sqlite(join(folder, "app.db")), tokens: { type, carriers } };
    const [key = ""] = systems.secretKeys;
    const answerTo = async (secretKeys: readonly string[], token: string): Promise<number> => {
      const security = await portcullis({ ...systems, secretKeys });
      const app = security.app();
      app.get("/me", { authz: "AUTH", authn: ["token"] }, (c) => c.text("me"));
      const { status } = await call(app, "/me", { headers: bearer(token) });
      await security.close();
      return status;
    };
    try {
      const old = await portcullis(systems);
      const token = await old.createToken(await plant(old));
      await old.close();
      expect(await answerTo(["another key of the tests: Wb2Rk7Xe15qUZn8m", key], token)).toBe(200);
      expect(await answerTo(["another key of the tests: Wb2Rk7Xe15qUZn8m"], token)).toBe(401);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("what a token says", () => {
  it("fsa: realm, user and limit can be read", async () => {
    const { security, ann } = await tokenApp({ type: "fsa" });
    const token = await security.createToken(ann, { realm: "my realm" });
    expect(token).toMatch(/^my%20realm:ann%40acme\.example:\d{14}:[\w-]{65}$/);
    await expect(security.createToken(ann, { scopes: ["read"] })).rejects.toThrow("no room for scopes");
  });

  it.each(["opaque", "jwt"] as const)("%s: scopes limit it, and only the scheme oauth takes it then", async (type) => {
    const { security, ann, opens } = await tokenApp({ type, carriers: ["bearer"] });
    const read = await security.createToken(ann, { scopes: ["read"] });
    const write = await security.createToken(ann, { scopes: ["write"] });
    const plain = await security.createToken(ann);
    expect([await opens(read, "/read"), await opens(read, "/me")]).toEqual([200, 401]);
    expect([await opens(write, "/read"), await opens(plain, "/read")]).toEqual([403, 401]);
    // @ts-expect-error there is no such scope
    await expect(security.createToken(ann, { scopes: ["admin"] })).rejects.toThrow("no scope");
  });

  it.each(["opaque", "jwt"] as const)(
    "%s: it is as fresh as the proof that it hands on, and never fresh without",
    async (type) => {
      const { security, ann, app } = await tokenApp({ type, carriers: ["bearer"] });
      const token = await security.createToken(ann);
      const seen = await call(app, "/me", { headers: bearer(token) });
      expect(JSON.parse(seen.text)).toMatchObject({
        authenticatedAt: null,
        methods: [],
        carrier: "bearer",
        via: "token",
      });
      const identity = { account: ann, via: "basic", methods: ["password"], authenticatedAt: now() - minute };
      const proved = await security.createToken(ann, { identity });
      const { text } = await call(app, "/me", { headers: bearer(proved) });
      expect(JSON.parse(text).methods).toEqual(["password"]);
      expect(Math.abs(JSON.parse(text).authenticatedAt - (now() - minute))).toBeLessThan(1000);
      const limited = { ...identity, scopes: ["read"] };
      await expect(security.createToken(ann, { identity: limited })).rejects.toThrow("limited to scopes");
    },
  );
});

describe("carriers", () => {
  it("header, form field, JSON member and, where the option says so, the query", async () => {
    const { security, ann, app } = await tokenApp({
      carriers: ["header", "parameter"],
      header: "X-Key",
      parameter: "key",
      allowInQuery: "k",
    });
    const token = await security.createToken(ann);
    expect((await call(app, "/me", { headers: { "x-key": token } })).status).toBe(200);
    expect((await call(app, "/me", form({ key: token }))).text).toBe("ann@acme.example");
    const headers = { "content-type": "application/json" };
    expect((await call(app, "/me", { method: "POST", headers, body: JSON.stringify({ key: token }) })).status).toBe(
      200,
    );
    expect((await call(app, `/me?k=${token}`)).status).toBe(200);
    expect((await call(app, `/me?k=${token}&k=${token}`)).status).toBe(401);
    expect((await call(app, `/me?key=${token}`)).status).toBe(401);
    expect((await call(app, "/me", { headers: bearer(token) })).status).toBe(401);
  });

  it("a challenge says what was wrong to who came with a token alone", async () => {
    const { app } = await tokenApp({ type: "jwt", bearer: "Bearer" });
    expect((await call(app, "/me")).challenge).toBe('Bearer realm="Login Required"');
    expect((await call(app, "/me", { headers: bearer("x") })).challenge).toBe(
      'Bearer realm="Login Required", error="invalid_token"',
    );
  });

  it.each(["opaque", "jwt"] as const)(
    "a %s cookie needs a CSRF token, and is renewed in the last part of its life",
    async (type) => {
      const { app } = await tokenApp({ type, carriers: ["cookie"], renewal: 0.25 });
      const client = testClient(app, origin);
      const given = await client.get("/give", { headers: { authorization: basic("ann@acme.example", password) } });
      expect(given.headers.get("set-cookie")).toMatch(
        /^__Host-token=[^;]+; Path=\/; Max-Age=900; HttpOnly; Secure; SameSite=Lax$/,
      );
      const first = client.cookies.get("__Host-token");
      expect((await client.get("/me")).status).toBe(200);
      expect((await client.post("/me", { form: {}, csrf: false })).status).toBe(400);
      const csrf = (await client.get("/csrf")).text;
      expect((await client.post("/me", { form: { csrf_token: csrf }, csrf: false })).status).toBe(200);
      const foreign = { origin: "https://evil.example" };
      expect((await client.post("/me", { form: { csrf_token: csrf }, csrf: false, headers: foreign })).status).toBe(
        400,
      );
      expect(client.cookies.get("__Host-token")).toBe(first);
      advance(12 * minute);
      expect((await client.get("/me")).status).toBe(200);
      const second = client.cookies.get("__Host-token");
      expect(second).not.toBe(first);
      advance(10 * minute);
      expect((await client.get("/me")).status).toBe(200);
      await client.get("/take");
      expect((await client.get("/me")).status).toBe(401);
    },
  );
});

describe("JWT", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = rsa.privateKey.export({ type: "pkcs8", format: "pem" }) as string;

  it("publishes its keys, and others can verify with them", async () => {
    const { security, ann, app } = await tokenApp({ type: "jwt", jwt: { algorithm: "RS256", keys: [{ key: pem }] } });
    const server = await serve(app, { port: 0, hostname: "127.0.0.1" });
    try {
      const token = await security.createToken(ann, { life: "10m" });
      const keys = createRemoteJWKSet(new URL(`${server.url}/.well-known/jwks.json`));
      const { payload } = await jwtVerify(token, keys, {
        issuer: origin,
        audience: origin,
        currentDate: new Date(now()),
      });
      expect(payload).toMatchObject({ sub: String(ann.id), exp: Math.floor(now() / 1000) + 600 });
      const set = await (await fetch(`${server.url}/.well-known/jwks.json`)).text();
      expect(set).not.toContain('"d"');
    } finally {
      await server.close();
    }
    const secret = await tokenApp({ type: "jwt" });
    expect((await call(secret.app, "/.well-known/jwks.json")).status).toBe(404);
  });

  it("takes a key no longer than its overlap", async () => {
    const next = generateKeyPairSync("ed25519").privateKey;
    const old = await tokenApp({ type: "jwt", jwt: { algorithm: "RS256", keys: [{ key: pem, kid: "old" }] } });
    const until = new Date(now() + 5 * minute);
    const rotated = await tokenApp({
      type: "jwt",
      jwt: {
        algorithm: "EdDSA",
        keys: [
          { key: next, kid: "new" },
          { key: pem, kid: "old", algorithm: "RS256", until },
        ],
      },
    });
    // The same claims for the account of the other system.
    const sign = async (kid: string, ann: Account, security: typeof rotated.security): Promise<string> => {
      const own = await security.createToken(ann);
      const claims = JSON.parse(Buffer.from(own.split(".")[1] as string, "base64url").toString());
      return new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid }).sign(rsa.privateKey);
    };
    const token = await sign("old", rotated.ann, rotated.security);
    expect(await old.opens(await old.security.createToken(old.ann))).toBe(200);
    expect(await rotated.opens(token)).toBe(200);
    expect(await rotated.opens(await sign("other", rotated.ann, rotated.security))).toBe(401);
    advance(5 * minute);
    expect(await rotated.opens(await sign("old", rotated.ann, rotated.security))).toBe(401);
  });

  it("RFC 8725: algorithm, claims and type come from the configuration alone", async () => {
    const secret = "0123456789abcdef0123456789abcdef";
    const { security, ann, opens } = await tokenApp({
      type: "jwt",
      jwt: { keys: [{ key: secret }], issuer: "https://us.example", audience: "shop" },
    });
    const own = await security.createToken(ann);
    const [, body = ""] = own.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
    const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signed = (change: object, header: object = { alg: "HS256", typ: "JWT" }): string => {
      const text = `${encode(header)}.${encode({ ...claims, ...change })}`;
      return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
    };
    const seconds = Math.floor(now() / 1000);
    for (const good of [
      {},
      { aud: ["other", "shop"] },
      { nbf: seconds + 29 },
      { iat: seconds + 29 },
      { exp: seconds + 1.5 },
    ]) {
      expect([good, await opens(signed(good))]).toEqual([good, 200]);
    }
    // Our own say their scopes as text (RFC 9068 2.2.3): whatever else is there was made by somebody else.
    expect([await opens(signed({ scope: "read" })), await opens(signed({ scope: "read write" }), "/read")]).toEqual([
      401, 200,
    ]);
    for (const scope of [["read"], ["read write"], [], {}, 7, null, true]) {
      expect([scope, await opens(signed({ scope })), await opens(signed({ scope }), "/read")]).toEqual([
        scope,
        401,
        401,
      ]);
    }
    const past = seconds - 1;
    for (const exp of [past, undefined, "9999999999", 0, -1, 1e308, null, [], true, 1.5, {}]) {
      expect([exp, await opens(signed({ exp }))]).toEqual([exp, 401]);
    }
    for (const bad of [
      { nbf: seconds + 3600 },
      { iat: seconds + 3600 },
      { nbf: seconds + 31 },
      { nbf: "0" },
      { iat: null },
      { aud: undefined },
      { aud: "sho" },
      { aud: "shops" },
      { aud: { shop: true } },
      { aud: ["shop", 1] },
      { iss: undefined },
      { iss: "https://us.example/" },
      { iss: "https://US.example" },
      { iss: ["https://us.example"] },
      { sub: undefined },
      { sub: ann.id },
      { sub: "999" },
      { sub: "1e0" },
      { ver: undefined },
      { ver: "x" },
      { realm: 1 },
    ]) {
      expect([bad, await opens(signed(bad))]).toEqual([bad, 401]);
    }
    for (const alg of ["none", "None", "nOnE", "", undefined, null, ["HS256"], "HS384", "RS256"]) {
      expect([alg, await opens(signed({}, { alg, typ: "JWT" }))]).toEqual([alg, 401]);
      expect(await opens(`${encode({ alg })}.${body}.`)).toBe(401);
      expect(await opens(`${encode({ alg })}.${body}`)).toBe(401);
    }
    for (const header of [
      { typ: "dpop+jwt" },
      { typ: 1 },
      { crit: ["exp"] },
      { b64: false },
      { jku: "https://evil.example" },
      { kid: "x" },
    ]) {
      expect([header, await opens(signed({}, { alg: "HS256", ...header }))]).toEqual([header, 401]);
    }
    for (const typ of ["at+jwt", "application/at+jwt", "jwt"])
      expect(await opens(signed({}, { alg: "HS256", typ }))).toBe(200);
  });

  it("a public key is no secret", async () => {
    const { security, ann, opens } = await tokenApp({
      type: "jwt",
      jwt: { algorithm: "RS256", keys: [{ key: pem, kid: "a" }] },
    });
    const [, body] = (await security.createToken(ann)).split(".");
    const pub = createPublicKey(pem);
    const jwk = pub.export({ format: "jwk" });
    const forms = [
      pub.export({ type: "spki", format: "pem" }),
      pub.export({ type: "spki", format: "der" }),
      JSON.stringify(jwk),
      Buffer.from(jwk.n ?? "", "base64url"),
    ];
    for (const secret of forms) {
      const head = Buffer.from(JSON.stringify({ alg: "HS256", kid: "a" })).toString("base64url");
      const mac = createHmac("sha256", secret as string)
        .update(`${head}.${body}`)
        .digest("base64url");
      expect(await opens(`${head}.${body}.${mac}`)).toBe(401);
    }
  });

  it("refuses to start with oauth() where no token can have scopes, and overrides that nobody reads", async () => {
    const start = (tokens: TokenOptions) => portcullis({ ...basics(), tokens, scopes: ["read"], schemes: [oauth()] });
    await expect(start({ type: "fsa" })).rejects.toThrow(/^schemes: oauth\(\) takes tokens that are limited to scopes/);
    const security = await start({ type: "jwt" });
    onTestFinished(() => security.close());
    const user = await plant(security);
    await expect(security.createToken(user, { scope: ["read"] } as never)).rejects.toThrow(
      /^createToken\.scope: unknown/,
    );
    for (const guard of [includeCsrf, unauthCsrf]) {
      expect(() => (guard as (options: object) => unknown)({ formKey: "token" })).toThrow(/takes no options/);
    }
  });

  it("refuses to start with what cannot be safe [ASVS 11.2.3] [ASVS 11.6.1]", async () => {
    const start = (tokens: TokenOptions): Promise<unknown> => portcullis({ ...basics(), tokens });
    const short = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
    const pub = createPublicKey(pem);
    for (const [tokens, path] of [
      [{ type: "jwt", jwt: { algorithm: "none" } }, "tokens.jwt.algorithm"],
      [{ type: "jwt", jwt: { algorithm: "RS256" } }, "tokens.jwt.keys"],
      [{ type: "jwt", jwt: { keys: [{ key: "short" }] } }, "tokens.jwt.keys[0]"],
      [{ type: "jwt", jwt: { algorithm: "RS256", keys: [{ key: short }] } }, "tokens.jwt.keys[0]"],
      [{ type: "jwt", jwt: { algorithm: "RS256", keys: [{ key: pub }] } }, "tokens.jwt.keys[0]"],
      [
        {
          type: "jwt",
          jwt: {
            algorithm: "RS256",
            keys: [
              { key: pem, kid: "a" },
              { key: pem, kid: "a" },
            ],
          },
        },
        "tokens.jwt.keys",
      ],
      [{ type: "jwt", jwt: { kid: "x" } }, "tokens.jwt.kid"],
      [{ jwt: {} }, "tokens.jwt"],
      [{ renewal: 0.5 }, "tokens.renewal"],
      [{ renewal: 1, carriers: ["cookie"] }, "tokens.renewal"],
      [{ carriers: [] }, "tokens.carriers"],
      [{ carriers: null }, "tokens.carriers"],
      [{ bearer: null }, "tokens.bearer"],
      [{ life: null }, "tokens.life"],
      [{ type: "paseto" }, "tokens.type"],
      [{ bearer: "Basic" }, "tokens.bearer"],
      [{ cookie: "session", carriers: ["cookie"] }, "tokens.cookie"],
      [
        { issuers: [{ issuer: "a", audience: "b", algorithms: ["HS256"], jwks: { keys: [] }, user: () => undefined }] },
        "tokens.issuers[0].algorithms",
      ],
      [
        {
          issuers: [
            { issuer: "a", audience: "b", algorithms: ["RS256"], jwks: "http://a.example/", user: () => undefined },
          ],
        },
        "tokens.issuers[0].jwks",
      ],
      [
        { issuers: [{ issuer: "a", algorithms: ["RS256"], jwks: "https://a.example/", user: () => undefined }] },
        "tokens.issuers[0].audience",
      ],
    ] as const) {
      await expect(start(tokens as never), path).rejects.toMatchObject({ path });
    }
  });
});

describe("tokens of other issuers", () => {
  async function issuer(port = 0) {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const state = { fetches: 0, keys: [] as JsonWebKey[], status: 200, body: undefined as string | undefined };
    const publish = (kid: string): void => {
      state.keys = [...state.keys, { ...pair.publicKey.export({ format: "jwk" }), kid }];
    };
    publish("one");
    const server = await serve(
      {
        fetch: () => {
          state.fetches += 1;
          return new Response(state.body ?? JSON.stringify({ keys: state.keys }), {
            status: state.status,
            headers: state.status === 302 ? { location: "/elsewhere" } : {},
          });
        },
      },
      { port, hostname: "127.0.0.1" },
    );
    const token = (claims: Record<string, unknown> = {}, kid = "one"): Promise<string> =>
      new SignJWT({ iss: server.url, aud: "shop", sub: "ann", exp: Math.floor(now() / 1000) + 600, ...claims })
        .setProtectedHeader({ alg: "ES256", kid })
        .sign(pair.privateKey);
    return { server, state, publish, token, url: server.url };
  }
  type Issuer = Awaited<ReturnType<typeof issuer>>;
  const option = ({ url }: Issuer) =>
    ({
      issuer: url,
      audience: "shop",
      algorithms: ["ES256"],
      jwks: `${url}/jwks`,
      user: (
        claims: Readonly<Record<string, unknown>>,
        users: { find(a: "email", v: string): Promise<{ id: number } | undefined> },
      ) =>
        claims["sub"] === "throw"
          ? Promise.reject(new Error("no"))
          : users.find("email", `${claims["sub"]}@acme.example`),
    }) as const;

  it("are verified by the keys that each publishes, fetched once", async () => {
    const [a, b] = await Promise.all([issuer(), issuer()]);
    try {
      const { opens, app } = await tokenApp({ issuers: [option(a), option(b)] });
      expect(await Promise.all([a.token(), a.token(), b.token()].map(async (token) => opens(await token)))).toEqual([
        200, 200, 200,
      ]);
      expect([a.state.fetches, b.state.fetches]).toEqual([1, 1]);
      const identity = JSON.parse((await call(app, "/me", { headers: bearer(await a.token()) })).text);
      expect(identity).toMatchObject({ via: "token", methods: ["issuer"], authenticatedAt: null });
      // One issuer speaks for its own name only, and nobody for those that are not configured.
      expect(await opens(await a.token({ iss: b.url }))).toBe(401);
      expect(await opens(await a.token({ iss: "https://evil.example" }))).toBe(401);
      expect(await opens(await a.token({ sub: "off" }))).toBe(401);
      expect(await opens(await a.token({ sub: "nobody" }))).toBe(401);
      expect(await opens(await a.token({ aud: "other" }))).toBe(401);
      expect(await opens(await a.token({ exp: undefined }))).toBe(401);
      expect([
        await opens(await a.token({ scope: "read" })),
        await opens(await a.token({ scope: "read" }), "/read"),
      ]).toEqual([401, 200]);
      // Some issuers write a list, under either name.
      for (const claims of [{ scope: ["read"] }, { scp: ["write", "read"] }]) {
        const token = await a.token(claims);
        expect([claims, await opens(token), await opens(token, "/read")]).toEqual([claims, 401, 200]);
      }
    } finally {
      await Promise.all([a.server.close(), b.server.close()]);
    }
  });

  it("an unknown key is asked for again, but not at each token's bidding", async () => {
    const a = await issuer();
    try {
      const { opens } = await tokenApp({ issuers: [option(a)] });
      expect(await opens(await a.token())).toBe(200);
      expect(await opens(await a.token({}, "two"))).toBe(401);
      expect(a.state.fetches).toBe(1);
      advance(30_000);
      a.publish("two");
      expect(await opens(await a.token({}, "two"))).toBe(200);
      for (let index = 0; index < 20; index += 1) await opens(await a.token({}, `unknown ${index}`));
      expect(a.state.fetches).toBe(2);
    } finally {
      await a.server.close();
    }
  });

  it("an issuer that does not answer, or answers nonsense, opens nothing [ASVS 15.3.2]", async () => {
    const a = await issuer();
    try {
      for (const [status, body] of [
        [500, undefined],
        [302, undefined],
        [200, "nonsense"],
        [200, "{}"],
        [200, `{"keys":[],"x":"${"x".repeat(300_000)}"}`],
      ] as const) {
        Object.assign(a.state, { status, body });
        const { opens } = await tokenApp({ issuers: [option(a)] });
        const answered = a.state.fetches;
        expect([status, await opens(await a.token())]).toEqual([status, 503]);
        expect(await opens(await a.token())).toBe(503);
        // No redirect was followed, and the second token waited for the cool-down.
        expect(a.state.fetches).toBe(answered + 1);
        Object.assign(a.state, { status: 200, body: undefined });
        advance(30_000);
        expect(await opens(await a.token())).toBe(200);
      }
    } finally {
      await a.server.close();
    }
  });
});

describe("several factors by realms", () => {
  it("what a guard in front found for its realm is not taken over by a route of another", async () => {
    const security = await portcullis({ ...basics(), tokens: { carriers: ["bearer"] } });
    const ann = await plant(security);
    const app = security.app();
    app.use("*", security.guard("AUTH"));
    app.get("/vault", { authz: "AUTH", authn: ["token"], realm: "vault" }, (c) => c.text("vault"));
    app.get("/here", { authz: "AUTH", authn: ["token"] }, (c) => c.text("here"));
    const headers = bearer(await security.createToken(ann));
    expect((await call(app, "/here", { headers })).status).toBe(200);
    expect((await call(app, "/vault", { headers })).status).toBe(401);
  });

  it("each stage's token opens the next stage alone", async () => {
    const security = await portcullis({ ...basics(), tokens: { carriers: ["bearer"] } });
    await plant(security);
    const app = security.app();
    app.get("/first", { authz: "AUTH", authn: ["basic"] }, async (c) =>
      c.text(await security.createToken(c.var.user, { realm: "code", life: "5m", identity: c.var.identity })),
    );
    app.get("/second", { authz: "AUTH", authn: ["token"], realm: "code" }, async (c) =>
      c.req.query("code") === "123456" ? c.text(await security.createToken(c.var.user)) : c.text("wrong", 403),
    );
    app.get("/again", { authz: "AUTH", authn: ["token"], realm: "code" }, async (c) =>
      c.text(await security.createToken(c.var.user, { identity: c.var.identity })),
    );
    app.get("/inside", { authz: "AUTH", authn: ["token"] }, (c) => c.json(c.var.identity.methods));
    const headers = { authorization: basic("ann@acme.example", password) };
    const stage = (await call(app, "/first", { headers })).text;
    expect((await call(app, "/inside", { headers: bearer(stage) })).status).toBe(401);
    const inner = await call(app, "/second?code=123456", { headers: bearer(stage) });
    expect((await call(app, "/second?code=123456", { headers: bearer(inner.text) })).status).toBe(401);
    expect((await call(app, "/inside", { headers: bearer(inner.text) })).status).toBe(200);
    // What is made from the stage's own identity is never more than it: it opens that stage again, and no other.
    const again = await call(app, "/again", { headers: bearer(stage) });
    expect((await call(app, "/inside", { headers: bearer(again.text) })).status).toBe(401);
    expect((await call(app, "/second?code=123456", { headers: bearer(again.text) })).status).toBe(200);
  });
});
