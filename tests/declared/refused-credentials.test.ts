// Why a credential was refused: told to the operator in the log, to developers in headers, to nobody else.
import { generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import { apiKey, oauth, portcullis, type SecurityOptions, scope } from "portcullis";
import { apiKeys, passwords } from "portcullis/features";
import { describe, expect, it, onTestFinished } from "vitest";
import { advance, basic, basics, call, now, password, plant } from "./system.ts";

type Line = readonly [string, Readonly<Record<string, unknown>> | undefined];

const issuer = "https://issuer.example";
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const published = { keys: [{ ...pair.publicKey.export({ format: "jwk" }), kid: "one" }] };

interface Made {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly kid?: string;
  readonly alg?: string;
  readonly typ?: string;
  readonly key?: Parameters<SignJWT["sign"]>[0];
}

const foreign = ({ claims = {}, kid = "one", alg = "ES256", typ, key = pair.privateKey }: Made = {}): Promise<string> =>
  new SignJWT({ iss: issuer, aud: "shop", sub: "ann", exp: Math.floor(now() / 1000) + 600, ...claims })
    .setProtectedHeader({ alg, kid, ...(typ === undefined ? {} : { typ }) })
    .sign(key);

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

async function start(options: Partial<SecurityOptions> = {}) {
  const log: Line[] = [];
  const security = await portcullis({
    ...basics(),
    features: [passwords(), apiKeys()],
    schemes: [oauth(), apiKey()],
    authn: ["token", "oauth", "basic"],
    scopes: ["read"],
    tokens: {
      issuers: [
        {
          issuer,
          audience: "shop",
          algorithms: ["ES256"],
          jwks: published,
          user: (
            claims: Readonly<Record<string, unknown>>,
            users: { find(by: "email", text: string): Promise<never> },
          ) => users.find("email", `${claims["sub"]}@acme.example`),
        },
      ],
    },
    log: (message: string, details?: Readonly<Record<string, unknown>>) => void log.push([message, details]),
    ...(options as object),
  } as never);
  onTestFinished(() => security.close());
  const ann = await plant(security as never);
  const told = (): readonly string[] =>
    log
      .filter(([message]) => message === "a credential was refused")
      .map(([, details]) => [details?.["scheme"], details?.["issuer"], details?.["why"]].filter(Boolean).join(" "));
  const app = security.app();
  const keys = options.schemes === undefined ? ["apiKey"] : [];
  app.get("/me", { authz: "AUTH", authn: ["token", "basic", ...keys] as never }, (c) => c.text("me"));
  app.get("/open", { authz: "OPEN" }, (c) => c.text("open"));
  if (keys.length === 0) return { app, log, told, security, ann };
  app.get("/read", { authz: scope("read" as never), authn: ["oauth"] as never }, (c) => c.text("read"));
  app.get("/other", { authz: "AUTH", authn: ["token"] as never, realm: "other" }, (c) => c.text("other"));
  return { app, log, told, security, ann };
}

describe("a token of another issuer that is refused", () => {
  const reasons: readonly [name: string, made: Made, path: string, why: RegExp][] = [
    ["audience", { claims: { aud: "elsewhere" } }, "/me", /^token https:\/\/issuer\.example .*aud/],
    ["end", { claims: { exp: 1 } }, "/me", /^token https:\/\/issuer\.example .*expired/],
    ["no end", { claims: { exp: undefined } }, "/me", /^token https:\/\/issuer\.example .*exp/],
    ["start", { claims: { nbf: Math.floor(now() / 1000) + 9_000 } }, "/me", /tokens\.delay/],
    ["key", { kid: "two" }, "/me", /^token https:\/\/issuer\.example .*kid/],
    ["signature", { key: stranger.privateKey }, "/me", /^token https:\/\/issuer\.example .*signature/],
    ["algorithm", { alg: "RS256", key: rsa.privateKey }, "/me", /^token https:\/\/issuer\.example .*alg/],
    ["type", { typ: "dpop+jwt" }, "/me", /^token https:\/\/issuer\.example .*typ/],
    ["issuer", { claims: { iss: "https://evil.example" } }, "/me", /^token [^h]*iss/],
    ["user", { claims: { sub: "nobody" } }, "/me", /^token https:\/\/issuer\.example .*user/],
    ["state of the user", { claims: { sub: "off" } }, "/me", /^token https:\/\/issuer\.example .*DISABLED_ACCOUNT/],
    ["scope", { claims: { scope: "read" } }, "/me", /^token https:\/\/issuer\.example .*scope.*oauth.*ignoreScopes/],
    ["no scope", {}, "/read", /^oauth https:\/\/issuer\.example .*scope/],
    ["realm", {}, "/other", /^token https:\/\/issuer\.example .*realm/],
  ];

  it.each(reasons)("%s: is told in the log, and to nobody who asks", async (_, made, path, why) => {
    const { app, log, told } = await start();
    const text = await foreign(made);
    const answer = await call(app, path, bearer(text));
    expect(answer.status).toBe(401);
    expect(told()).toEqual([expect.stringMatching(why)]);
    expect([...answer.headers.keys()].filter((name) => name.startsWith("portcullis-"))).toEqual([]);
    expect(`${answer.text} ${answer.challenge}`).not.toMatch(/audience|elsewhere|expired|kid/);
    // Nothing of what the token says.
    expect(JSON.stringify(log)).not.toMatch(/evil|elsewhere|nobody@|dpop/);
    for (const part of text.split(".")) expect(JSON.stringify(log)).not.toContain(part);
  });

  it.each(reasons)("%s: developers read it in the answer", async (_, made, path, why) => {
    const { app } = await start({ mode: "debug" } as never);
    const answer = await call(app, path, bearer(await foreign(made)));
    expect(answer.headers.get("portcullis-credential")?.replace(/^(\w+): (?:\((\S+)\) )?/, "$1 $2 ")).toMatch(
      new RegExp(why.source.replace("^token [^h]*iss", "^token .*iss")),
    );
  });

  it("is told once an hour for each reason, with how often, whatever is sent", async () => {
    const { app, log, told } = await start();
    for (let round = 0; round < 30; round += 1) {
      await call(app, "/me", bearer(await foreign({ kid: `key-${round}` })));
      await call(app, "/me", bearer(await foreign({ claims: { iss: `https://evil-${round}.example` } })));
      await call(app, "/me", bearer(await foreign({ claims: { aud: `shop-${round}` } })));
    }
    expect(told()).toHaveLength(3);
    advance(60 * 60_000);
    await call(app, "/me", bearer(await foreign({ claims: { aud: "again" } })));
    expect(told()).toHaveLength(4);
    expect(log.at(-1)?.[1]).toMatchObject({ since: 29 });
  });

  it("is not told where the request was let in, or needs nobody", async () => {
    const { app, told } = await start();
    // "token" does not take it, "oauth" does.
    expect((await call(app, "/read", bearer(await foreign({ claims: { scope: "read" } })))).status).toBe(200);
    expect((await call(app, "/open", bearer(await foreign({ claims: { aud: "elsewhere" } })))).status).toBe(200);
    expect(told()).toEqual([]);
  });
});

describe("any other credential that is refused", () => {
  it("tokens of our own, keys and passwords say why", async () => {
    const { app, told, security, ann } = await start();
    const token = await security.createToken(ann as never);
    const send = (headers: Record<string, string>) => call(app, "/me", { headers });
    const own = (text: string) => send({ authorization: `Bearer ${text}` });
    const answers = [
      await own("abc"),
      await own(`${token.slice(0, -2)}AA`),
      await send({ authorization: "Basic !!!" }),
      await send({ authorization: basic("ann@acme.example", "wrong") }),
      await send({ authorization: basic("off@acme.example", password) }),
      await send({ "x-api-key": "not a key" }),
    ];
    advance(16 * 60_000);
    answers.push(await own(token));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
    expect(told()).toEqual([
      expect.stringMatching(/^token .*form/),
      expect.stringMatching(/^token .*signature/),
      expect.stringMatching(/^basic .*form/),
      expect.stringMatching(/^basic .*password/),
      expect.stringMatching(/^basic .*DISABLED_ACCOUNT/),
      expect.stringMatching(/^apiKey .*form/),
      expect.stringMatching(/^token .*expired/),
    ]);
  });

  it("a key that is unknown and a token that was ended", async () => {
    const { app, told, security, ann } = await start();
    const token = await security.createToken(ann as never);
    await security.users.resetAccess(ann.id as never);
    await call(app, "/me", bearer(token));
    await call(app, "/me", { headers: { "x-api-key": `pk_${"0".repeat(24)}_${"a".repeat(43)}` } });
    expect(told()).toEqual([expect.stringMatching(/^token .*ended/), expect.stringMatching(/^apiKey .*unknown/)]);
  });

  it("a scheme of the application's own may say so, and cannot fill the log or the memory", async () => {
    let count = 0;
    const mine = {
      name: "mine",
      authenticate: () => {
        count += 1;
        return { refused: "x-mine", why: `reason ${count} ${"x".repeat(10_000)}` };
      },
    };
    const { app, told } = await start({ schemes: [mine], authn: ["mine"], features: [passwords()] } as never);
    app.get("/mine", { authz: "AUTH", authn: ["mine"] as never }, (c) => c.text("mine"));
    for (let round = 0; round < 400; round += 1) await call(app, "/mine");
    expect(told().length).toBeGreaterThan(0);
    expect(told().length).toBeLessThanOrEqual(200);
    for (const line of told()) expect(line.length).toBeLessThan(400);
  });
});
