import { afterEach, describe, expect, it } from "vitest";
import { memory } from "./datastore/memory/index.ts";
import { passwords, registration } from "./features/index.ts";
import { ConfigurationError, column, portcullis, type Security, type Vocabulary } from "./index.ts";

// What follows is said in plain JavaScript: the compiler would refuse most of it.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Untyped = any;

const running: Security<Vocabulary>[] = [];
afterEach(async () => {
  for (const security of running.splice(0)) await security.close();
});

const base = {
  secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
  origins: ["https://acme.example"],
  passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
  log: () => undefined,
};

async function start(options: Untyped): Promise<void> {
  running.push((await portcullis({ ...base, datastore: memory(), ...options })) as Untyped);
}

/** The path and the message of the refusal. */
async function refusal(options: Untyped): Promise<[string, string]> {
  try {
    await start(options);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    const { path, message, code } = error as ConfigurationError;
    expect(code).toBe("configuration");
    expect(message.startsWith(`${path}: `)).toBe(true);
    return [path, message.slice(path.length + 2)];
  }
  throw new Error("started");
}

describe("options that refuse to start, with their path and the mend", () => {
  it.each<[string, Untyped, RegExp]>([
    // Names
    ["rolse", { rolse: [] }, /unknown option; did you mean "roles"\? known: .*roles/],
    [
      "sessions.idel",
      { sessions: { idel: "1h" } },
      /unknown option; did you mean "idle"\? known: enabled, idle, absolute/,
    ],
    ["tokens.live", { tokens: { live: "1h" } }, /known: type, life/],
    ["freshness.with", { freshness: { with: "1h" } }, /known: within, grace/],
    ["passwords.hash", { passwords: { hash: {} } }, /known: hashing, check, policy/],
    ["passwords.hashing.memmory", { passwords: { hashing: { memmory: 1 } } }, /memory/],
    ["passwords.policy.minimum", { passwords: { policy: { minimum: 1 } } }, /known: minLength, /],
    ["csrf.scheme", { csrf: { scheme: [] } }, /known: schemes, /],
    ["cookies.secure", { cookies: { secure: false } }, /known: prefix, allowInsecure/],
    ["body.size", { body: { size: 1 } }, /known: bytes/],
    ["destinations.afterLogin", { destinations: { afterLogin: "/" } }, /known: afterSignIn/],
    ["handlers.unauthorised", { handlers: { unauthorised: () => undefined } }, /known: unauthenticated/],
    ["views.them", { views: { them: {} } }, /theme/],
    ["views.pages.logn", { views: { pages: { logn: () => "" } } }, /login/],
    ["messages.TITLE_LOGN", { messages: { TITLE_LOGN: "x" } }, /unknown message/],
    ["tables.usr", { tables: { usr: "x" } }, /known: user/],
    ["__proto__x", { __proto__x: 1 }, /unknown option/],
    // What must be there
    ["secretKeys", { secretKeys: undefined }, /./],
    ["secretKeys[0]", { secretKeys: ["short"] }, /32/],
    ["origins", { origins: undefined }, /at least one is needed/],
    ["origins", { origins: [] }, /at least one is needed/],
    ["origins", { origins: "https://acme.example" }, /at least one is needed/],
    ["origins[0]", { origins: ["https://acme.example/"] }, /is not an origin; write it like/],
    ["origins[1]", { origins: ["https://acme.example", "acme.example"] }, /is not an origin/],
    ["origins[0]", { origins: ["http://acme.example"] }, /not encrypted; use https:\/\/, or say cookies/],
    ["origins[0]", { origins: ["ftp://acme.example"] }, /is not an origin/],
    ["origins[0]", { origins: [5] }, /is not an origin/],
    ["datastore", { datastore: undefined }, /is missing; for a start: sqlite/],
    ["datastore", { datastore: "sqlite" }, /is missing; for a start: sqlite/],
    // The vocabulary
    ["roles", { roles: "admin" }, /a list/],
    ["roles[1]", { roles: ["a", "a"] }, /"a" is there twice/],
    ["roles[0]", { roles: ["a,b"] }, /without commas/],
    ["roles[0]", { roles: [""] }, /must be a word/],
    ["roles[0]", { roles: [5] }, /must be a word/],
    ["roles[0]", { roles: ["OPEN"] }, /means something else/],
    ["permissions", { permissions: new Set(["a"]) }, /a list/],
    ["permissions[0]", { permissions: ["a b"] }, /must be a word/],
    ["objects.store", { objects: { store: true } }, /a function \(user, id, mode\)/],
    ["objects", { objects: [] }, /an object/],
    ["columns.Company", { columns: { Company: column.string() } }, /camelCase/],
    ["columns.email", { columns: { email: column.string() } }, /has this already/],
    ["columns.roles", { columns: { roles: column.string() } }, /has this already/],
    ["columns.company", { columns: { company: "string" } }, /column\.string/],
    ["columns", { columns: "company" }, /an object/],
    ["tables.user", { tables: { user: "a b" } }, /no name for a table/],
    ["tables.user", { tables: { user: 5 } }, /no name for a table/],
    // Schemes
    ["authn", { authn: ["jwt"] }, /there is no scheme "jwt"; known: token, session, basic/],
    ["authn", { authn: "basic" }, /a list/],
    ["authn", { authn: [] }, /at least one/],
    ["schemes[0]", { schemes: [{}] }, /a name and a function authenticate/],
    ["schemes[0]", { schemes: [{ name: "badge" }] }, /a name and a function authenticate/],
    ["schemes", { schemes: [{ name: "basic", authenticate: () => undefined }] }, /two schemes "basic"/],
    ["realm", { realm: 5 }, /a text is expected/],
    ["realm", { realm: "" }, /a text is expected/],
    ["identities", { identities: [] }, /name at least one attribute/],
    ["identities[0]", { identities: ["phone"] }, /no text column "phone"; add it to the option columns/],
    ["identities", { identities: "email" }, /a list is expected/],
    // Values
    ["sessions.idle", { sessions: { idle: "soon" } }, /write "30s", "15m", "12h" or "14d"/],
    ["sessions.idle", { sessions: { idle: 60 } }, /no length of time/],
    ["sessions.idle", { sessions: { idle: "0s" } }, /more than nothing/],
    ["sessions.idle", { sessions: { idle: "2d", absolute: "1d" } }, /longer than sessions\.absolute/],
    ["sessions.absolute", { sessions: { absolute: "99999d" } }, /at most ten years/],
    ["sessions.remember", { sessions: { remember: "-1d" } }, /no length of time/],
    ["sessions.cached", { sessions: { cached: -1 } }, /whole number/],
    ["sessions.cached", { sessions: { cached: 1.5 } }, /whole number/],
    ["tokens.life", { tokens: { life: "" } }, /no length of time/],
    ["tokens.header", { tokens: { header: "a b" } }, /no name for a header/],
    ["tokens.header", { tokens: { header: "Authorization" } }, /no name for a header/],
    ["tokens.header", { tokens: { header: 5 } }, /a text is expected/],
    ["tokens.allowInQuery", { tokens: { allowInQuery: true } }, /a text is expected/],
    ["tokens.allowInQuery", { tokens: { allowInQuery: "" } }, /a text is expected/],
    ["freshness.grace", { freshness: { grace: "x" } }, /no length of time/],
    ["passwords.hashing.memory", { passwords: { hashing: { memory: "x" } } }, /./],
    ["csrf.schemes", { csrf: { schemes: ["jwt"] } }, /there is no scheme "jwt"/],
    ["csrf.schemes", { csrf: { schemes: "session" } }, /a list/],
    ["csrf.unauthenticated", { csrf: { unauthenticated: "nevr" } }, /"forms", "always" or "never"/],
    ["csrf.cookie", { csrf: { cookie: "a b" } }, /name of letters/],
    ["csrf.cookie", { csrf: { cookie: true } }, /name of letters/],
    ["cookies.prefix", { cookies: { prefix: "a;b" } }, /letters, digits/],
    ["cookies.allowInsecure", { cookies: { allowInsecure: "yes" } }, /true or false/],
    ["trustedProxies.hops", { trustedProxies: { hops: 0 } }, /1 to 32/],
    ["trustedProxies[0]", { trustedProxies: ["all"] }, /not an IP address/],
    ["trustedProxies", { trustedProxies: "10.0.0.1" }, /hops/],
    ["trustedProxies", { trustedProxies: true }, /hops/],
    ["trustedProxies", { trustedProxies: { hop: 1 } }, /hops/],
    ["body.bytes", { body: { bytes: "1mb" } }, /whole number/],
    ["body.bytes", { body: { bytes: -1 } }, /whole number/],
    ["body.depth", { body: { depth: Number.NaN } }, /whole number/],
    ["body.multipartBytes", { body: { multipartBytes: Number.POSITIVE_INFINITY } }, /whole number/],
    ["prefix", { prefix: "auth" }, /a path without a slash at its end/],
    ["prefix", { prefix: "/auth/" }, /a path without a slash at its end/],
    ["prefix", { prefix: 5 }, /a path without a slash at its end/],
    ["destinations.afterSignIn", { destinations: { afterSignIn: "//evil.example" } }, /starts with one \//],
    ["destinations.afterSignIn", { destinations: { afterSignIn: "https://evil.example" } }, /starts with one \//],
    ["destinations.unauthorized", { destinations: { unauthorized: () => "/" } }, /starts with one \//],
    ["views.siteName", { views: { siteName: "" } }, /name/],
    ["messages.TITLE_LOGIN", { messages: { TITLE_LOGIN: 5 } }, /text/],
    ["handlers.unauthorized", { handlers: { unauthorized: "/denied" } }, /a function/],
    ["handlers.wantsJson", { handlers: { wantsJson: true } }, /a function/],
    ["securityPayload", { securityPayload: ["email"] }, /a function/],
    ["revealAccounts", { revealAccounts: "no" }, /true or false/],
    ["revealAccountState", { revealAccountState: 1 }, /true or false/],
    ["revealAccountState", { revealAccounts: true, revealAccountState: false }, /contradicts revealAccounts/],
    ["migrate", { migrate: true }, /"create", "check" or "always"/],
    ["log", { log: console }, /a function/],
    ["clock", { clock: 5 }, /a function/],
    // Sections
    ["sessions", { sessions: "24h" }, /an object is expected/],
    ["cookies", { cookies: null }, /an object is expected/],
    ["csrf", { csrf: [] }, /an object is expected/],
    [
      "columns.x.nulable",
      { columns: { x: { definition: { type: "string", nulable: true } } } },
      /"nullable"\? known: nullable/,
    ],
    ["passwords.policy.minLenght", { passwords: { policy: { minLenght: 9 } } }, /"minLength"\? known: minLength/],
    ["passwords.hashing.memroy", { passwords: { hashing: { memroy: 1 } } }, /unknown option; did you mean "memory"\?/],
    // Features
    ["features", { features: {} }, /a list/],
    ["features[0]", { features: [passwords] }, /is no feature; call it/],
    ["features[1]", { features: [passwords(), passwords()] }, /"passwords" is there twice/],
    ["features", { features: [registration()] }, /"registration" needs "passwords"; add passwords\(\)/],
  ])("%s %j", async (path, options, message) => {
    const [where, text] = await refusal(options);
    expect(where).toBe(path);
    expect(text).toMatch(message);
  });

  it("are refused by a feature when it is called", () => {
    expect(() => passwords({ remeber: true } as Untyped)).toThrow(
      /^passwords\.remeber: unknown option; did you mean "remember"\? known: remember/,
    );
    expect(() => passwords({ remember: "yes" } as Untyped)).toThrow(/^passwords\.remember: must be a boolean/);
  });

  it("no options at all", async () => {
    await expect(portcullis(undefined as Untyped)).rejects.toThrow(/^options: an object is expected/);
  });
});

describe("what is left out", () => {
  it("may be said as undefined", async () => {
    await start({
      authn: undefined,
      body: { bytes: undefined, depth: undefined },
      columns: undefined,
      cookies: { prefix: undefined, allowInsecure: undefined },
      csrf: { schemes: undefined, unauthenticated: undefined, cookie: undefined },
      destinations: { afterSignIn: undefined, unauthorized: undefined },
      features: undefined,
      freshness: undefined,
      handlers: { unauthorized: undefined },
      identities: undefined,
      objects: undefined,
      roles: undefined,
      sessions: { idle: undefined, cached: undefined },
      tokens: { header: undefined, allowInQuery: undefined },
      trustedProxies: undefined,
      views: undefined,
    });
  });

  it("undefined limits of bodies are the default ones", async () => {
    const security = await portcullis({ ...base, datastore: memory(), body: { bytes: undefined } } as Untyped);
    running.push(security as Untyped);
    const app = security.app();
    const { z } = await import("zod");
    app.post("/x", { authz: "OPEN", params: z.object({ a: z.string() }) }, (c) => c.text("read"));
    const send = (length: number): Promise<Response> | Response =>
      app.request("/x", {
        method: "POST",
        body: JSON.stringify({ a: "x".repeat(length) }),
        headers: { "content-type": "application/json" },
      });
    expect((await send(1000)).status).toBe(200);
    expect((await send(1_100_000)).status).toBe(413);
  });

  it("http:// is for loopback, and elsewhere by an option whose name says so", async () => {
    for (const origin of ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080", "http://shop.localhost"]) {
      await start({ origins: [origin] });
    }
    await start({ origins: ["http://acme.example"], cookies: { allowInsecure: true } });
  });
});

it("closes the datastore when the start fails after it was opened", async () => {
  let closed = 0;
  const provider = memory();
  const datastore = {
    ...provider,
    async open(...args: Parameters<typeof provider.open>) {
      const opened = await provider.open(...args);
      const close = opened.close.bind(opened);
      return Object.assign(opened, {
        close: async () => {
          closed += 1;
          await close();
        },
      });
    },
  };
  const failing = {
    name: "failing",
    endpoints: () => {
      throw new Error("no endpoints");
    },
  };
  await expect(start({ datastore, features: [failing] })).rejects.toThrow("no endpoints");
  expect(closed).toBe(1);
});
