/** A default that is written out changes nothing: each option whose comment names one, by itself and all of them at once. */
import { globSync, readFileSync } from "node:fs";
import { apiKey, column, httpd, outbox, param, portcullis, type SecurityOptions } from "portcullis";
import * as features from "portcullis/features";
import { memory } from "portcullis/memory";
import { mysql } from "portcullis/mysql";
import { postgres } from "portcullis/postgres";
import { sqlite } from "portcullis/sqlite";
import { testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { goodPassword, observed, origin, secretKey, weakHashing } from "./authn-system.ts";

/** An option by its interface and name, where it stands in the options, and its default. */
type Row = readonly [option: string, path: string, value: unknown];
/** What an option is for, where it is refused without that: it is looked at beside it, and not among all the others. */
const goesWith: Readonly<Record<string, Row>> = {
  "mail.queue.limit": ["DeliveryOptions.store", "mail.queue.store", "memory"],
};
const core: readonly Row[] = [
  ["SecurityOptions.ruleDeadline", "ruleDeadline", "10s"],
  ["SecurityOptions.hookDeadline", "hookDeadline", "2s"],
  ["SecurityOptions.authn", "authn", ["token", "session"]],
  ["SecurityOptions.realm", "realm", "Login Required"],
  ["SecurityOptions.emails", "emails", "required"],
  ["SecurityOptions.identities", "identities", ["email"]],
  ["SecurityOptions.enabled", "sessions.enabled", true],
  ["SecurityOptions.idle", "sessions.idle", "24h"],
  ["SecurityOptions.absolute", "sessions.absolute", "14d"],
  ["SecurityOptions.remember", "sessions.remember", "30d"],
  ["SecurityOptions.pending", "sessions.pending", "10m"],
  ["SecurityOptions.cached", "sessions.cached", 10_000],
  ["SecurityOptions.within", "freshness.within", "1h"],
  ["SecurityOptions.grace", "freshness.grace", "1h"],
  ["SecurityOptions.retypeInJson", "passwords.retypeInJson", true],
  ["SecurityOptions.required", "audit.required", false],
  ["SecurityOptions.queue", "audit.queue", 10_000],
  ["SecurityOptions.clearSiteData", "sessions.clearSiteData", ["cache"]],
  ["SecurityOptions.accountBytes", "body.accountBytes", 16_384],
  ["SecurityOptions.prefix", "prefix", ""],
  ["SecurityOptions.revealAccountState", "revealAccountState", true],
  ["SecurityOptions.mode", "mode", "prod"],
  ["SecurityOptions.migrate", "migrate", "create"],
  ["CsrfOptions.schemes", "csrf.schemes", ["session"]],
  ["CsrfOptions.unauthenticated", "csrf.unauthenticated", "forms"],
  ["TokenOptions.type", "tokens.type", "opaque"],
  ["TokenOptions.life", "tokens.life", "15m"],
  ["TokenOptions.delay", "tokens.delay", "30s"],
  ["TokenOptions.grace", "tokens.grace", "0s"],
  ["TokenOptions.renewal", "tokens.renewal", 0],
  ["TokenOptions.carriers", "tokens.carriers", ["header"]],
  ["TokenOptions.header", "tokens.header", "Authentication-Token"],
  ["TokenOptions.bearer", "tokens.bearer", "Bearer"],
  ["TokenOptions.cookie", "tokens.cookie", "token"],
  ["TokenOptions.parameter", "tokens.parameter", "auth_token"],
  ["CacheOptions.password", "caches.password", { size: 10_000, ttl: "1m" }],
  ["CacheOptions.token", "caches.token", { size: 10_000 }],
  ["CacheOptions.group", "caches.group", false],
  ["CacheOptions.object", "caches.object", false],
  ["LimitOptions.perAccount", "limits.signIn.perAccount", "10/15m"],
  ["LimitOptions.perAddress", "limits.signIn.perAddress", "100/15m"],
  ["LimitOptions.perTarget", "limits.mail.perTarget", "6/1h"],
  ["LimitOptions.perAddress", "limits.mail.perAddress", "30/1h"],
  ["LimitOptions.failures", "limits.lockout.failures", 20],
  ["LimitOptions.again", "limits.lockout.again", 5],
  ["LimitOptions.within", "limits.lockout.within", "24h"],
  ["LimitOptions.periods", "limits.lockout.periods", ["1m", "5m", "30m", "2h", "12h", "24h"]],
  ["PasswordPolicyOptions.minLength", "passwords.policy.minLength", 8],
  ["PasswordPolicyOptions.maxLength", "passwords.policy.maxLength", 128],
  ["CorsOptions.credentials", "cors.credentials", false],
  ["CorsOptions.maxAge", "cors.maxAge", 600],
  ["CorsOptions.methods", "cors.methods", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]],
  ["RouteOptions.internalStatus", "routes.internalStatus", 500],
  ["RouteOptions.notFoundStatus", "routes.notFoundStatus", 404],
  ["RouteOptions.keepErrors", "routes.keepErrors", false],
  ["RouteOptions.returnParameter", "routes.returnParameter", "next"],
  ["RouteOptions.stream", "routes.json.stream", true],
  ["OpenApiOptions.path", "openapi.path", "/openapi.json"],
  ["OpenApiOptions.page", "openapi.page", "/openapi"],
  ["OpenApiOptions.title", "openapi.title", "Portcullis"],
  ["OpenApiOptions.version", "openapi.version", "1"],
  ["LanguageOptions.default", "languages.default", "en"],
  ["ViewOptions.siteName", "views.siteName", "Portcullis"],
  ["MailOptions.format", "mail.format", "both"],
  ["DeliveryOptions.concurrency", "mail.queue.concurrency", 4],
  ["DeliveryOptions.drain", "mail.queue.drain", 5_000],
  ["DeliveryOptions.limit", "mail.queue.limit", 1_000],
  [
    "DeliveryOptions.retryAfter",
    "mail.queue.retryAfter",
    [1_000, 5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000],
  ],
  ["DeliveryOptions.store", "mail.queue.store", "database"],
  ["DeliveryOptions.keep", "mail.queue.keep", "3d"],
  ["DeliveryOptions.timeout", "mail.queue.timeout", 30_000],
  ["DestinationOptions.afterSignIn", "destinations.afterSignIn", "/"],
  ["DestinationOptions.afterSignOut", "destinations.afterSignOut", "/"],
  ["DestinationOptions.afterChangePassword", "destinations.afterChangePassword", "/"],
];

/** Of the features, by `feature.option`. */
const ofFeatures: readonly Row[] = [
  ["AccountDeletionOptions.grace", "accountDeletion.grace", "14d"],
  ["AdministrationOptions.pageSize", "administration.pageSize", 25],
  ["AdministrationOptions.path", "administration.path", "/admin"],
  ["AdministrationOptions.permission", "administration.permission", "admin"],
  ["ApiKeysOptions.maxLife", "apiKeys.maxLife", "365d"],
  ["ApiKeysOptions.path", "apiKeys.path", "/api/user"],
  ["ApiKeysOptions.perUser", "apiKeys.perUser", 25],
  ["ApiKeysOptions.prefix", "apiKeys.prefix", "pk"],
  ["ChangeEmailOptions.within", "changeEmail.within", "2h"],
  ["ConfirmationOptions.required", "confirmation.required", true],
  ["ConfirmationOptions.signIn", "confirmation.signIn", false],
  ["ConfirmationOptions.within", "confirmation.within", "2d"],
  ["ImpersonationOptions.administrators", "administration.impersonation.administrators", false],
  ["ImpersonationOptions.life", "administration.impersonation.life", "30m"],
  ["PasswordlessOptions.within", "passwordless.within", "15m"],
  ["PasswordsOptions.remember", "passwords.remember", true],
  ["RecoveryOptions.signIn", "recovery.signIn", false],
  ["RecoveryOptions.within", "recovery.within", "1h"],
  ["RefreshOptions.absolute", "refresh.absolute", "30d"],
  ["RefreshOptions.carrier", "refresh.carrier", "cookie"],
  ["RefreshOptions.grace", "refresh.grace", "10s"],
  ["RefreshOptions.idle", "refresh.idle", "7d"],
  ["RegistrationOptions.signIn", "registration.signIn", false],
  ["ExtraFieldOptions.maxLength", "registration.fields.company.maxLength", 255],
  ["ExtraFieldOptions.required", "registration.fields.company.required", true],
  ["ExtraFieldOptions.type", "registration.fields.company.type", "text"],
  ["UnlockOptions.within", "unlock.within", "1d"],
  ["UserManagementOptions.allowStale", "userManagement.allowStale", false],
  ["UserManagementOptions.defaultRoles", "userManagement.defaultRoles", []],
  ["UserManagementOptions.manage", "userManagement.manage", true],
  ["UserManagementOptions.maxPageSize", "userManagement.maxPageSize", 100],
  ["UserManagementOptions.ownProfile", "userManagement.ownProfile", false],
  ["UserManagementOptions.pageSize", "userManagement.pageSize", 25],
  ["UserManagementOptions.path", "userManagement.path", "/api/user"],
  ["UserManagementOptions.permission", "userManagement.permission", "admin"],
  ["UsernamesOptions.change", "usernames.change", true],
  ["UsernamesOptions.characters", "usernames.characters", "ascii"],
  ["UsernamesOptions.maxLength", "usernames.maxLength", 32],
  ["UsernamesOptions.minLength", "usernames.minLength", 4],
  ["UsernamesOptions.recover", "usernames.recover", true],
  ["UsernamesOptions.required", "usernames.required", false],
];
const ofSchemes: readonly Row[] = [
  ["ApiKeyOptions.carriers", "apiKey.carriers", ["bearer", "header"]],
  ["ApiKeyOptions.header", "apiKey.header", "X-API-Key"],
  ["HttpdOptions.header", "httpd.header", "Remote-User"],
  ["ParamOptions.password", "param.password", "PASS"],
  ["ParamOptions.user", "param.user", "USER"],
];

/** Those that only a database or a server shows: that they are taken is all that is looked at here. */
const elsewhere: Readonly<Record<string, () => unknown>> = {
  "SqliteOptions.lockTimeout": () => sqlite(":memory:", { lockTimeout: 5_000 }),
  "PostgresOptions.connectTimeout": () => postgres("postgres://localhost/x", { connectTimeout: 10_000 }),
  "PostgresOptions.statementTimeout": () => postgres("postgres://localhost/x", { statementTimeout: 10_000 }),
  "PostgresOptions.lockTimeout": () => postgres("postgres://localhost/x", { lockTimeout: 8_000 }),
  "PostgresOptions.idleTransactionTimeout": () =>
    postgres("postgres://localhost/x", { idleTransactionTimeout: 30_000 }),
  "PostgresOptions.lease": () => postgres("postgres://localhost/x", { lease: 1_000 }),
  "PostgresOptions.listen": () => postgres("postgres://localhost/x", { listen: true }),
  "PostgresOptions.max": () => postgres("postgres://localhost/x", { max: 10 }),
  "MysqlOptions.connectTimeout": () => mysql("mysql://localhost/x", { connectTimeout: 10_000 }),
  "MysqlOptions.max": () => mysql("mysql://localhost/x", { max: 10 }),
  "OutboxOptions.kept": () => outbox({ kept: 200 }),
  "StringColumnOptions.length": () => column.string({ length: 255 }),
};

/** Defaults that are made of something else, or that say that there is none: nothing can be written in their place. */
const unwritable: readonly string[] = [
  ...["ApiKeysOptions.rate", "DestinationOptions.afterConfirm", "DestinationOptions.afterRegister"],
  ...["DestinationOptions.afterReset", "DestinationOptions.confirmError", "HashingOptions.concurrency"],
  ...["JwtOptions.audience", "JwtOptions.issuer", "JwtOptions.keys", "LanguageOptions.ofUser"],
  ...["LanguageOptions.offered", "LimitOptions.store", "MailOptions.replyTo", "ManagesOptions.groups"],
  ...["PasswordPolicyOptions.breached", "PasswordPolicyOptions.maxAge", "PasswordPolicyOptions.strength"],
  ...["PhoneOptions.region", "PostgresOptions.schema", "RouteOptions.contentType", "RouteOptions.onError"],
  ...["RouteOptions.signInPage", "SecurityOptions.cors", "SecurityOptions.keep", "SecurityOptions.log"],
  ...["SecurityOptions.allowInsecure", "SecurityOptions.messages", "SecurityOptions.openapi", "SecurityOptions.secure"],
  ...["SecurityOptions.trustedProxies", "UserManagementOptions.managers"],
  ...["SmtpOptions.name", "SmtpOptions.port", "SmtpOptions.startTls", "FlaskSecurityOptions.singleHash"],
];
/** Looked at in the tests of what they belong to: rules of one route, calls, and clients of other servers. */
const beside =
  /^(?:ApiKeyCheckpoint|BearerCheckpoint|Breached|Strength|Column|Export|Fresh|Ldap|Parameter|Digest|Fake|PassFunction|Redis|Serve|Smtp|Twilio|Hashing|HashPassword)Options\.|^JwtOptions\.algorithm$/;

let time = 0;
type Written = Record<string, Record<string, unknown>>;

function put(into: object, path: string, value: unknown): void {
  const names = path.split(".");
  let at = into as Record<string, unknown>;
  for (const name of names.slice(0, -1)) {
    at[name] ??= {};
    at = at[name] as Record<string, unknown>;
  }
  at[names.at(-1) as string] = value;
}

/** The options of a system with everything on, and these rows written out. */
function optionsOf(rows: readonly Row[], sessionsOff: boolean): SecurityOptions {
  const own: Written = {
    registration: { fields: { company: { label: "Company" } } },
    administration: { impersonation: {} },
  };
  const plans: Written = {};
  const options: Record<string, unknown> = {
    mail: { sender: outbox() },
    cors: { origins: ["https://shop.example"] },
    openapi: { authz: "OPEN" },
    passwords: { hashing: weakHashing },
    ...(sessionsOff ? { sessions: { enabled: false } } : {}),
  };
  for (const [, path, value] of rows) {
    if (ofFeatures.some((row) => row[1] === path)) put(own, path, value);
    else if (ofSchemes.some((row) => row[1] === path)) put(plans, path, value);
    else if (path !== "sessions.enabled" || !sessionsOff) put(options, path, value);
  }
  const on = Object.keys(features).filter((name) => /^[a-z]/.test(name) && name in made);
  return {
    ...options,
    secretKeys: [secretKey],
    origins: [origin],
    cookies: { allowInsecure: false },
    roles: ["admin"],
    permissions: ["admin", "impersonate"],
    columns: {},
    features: on
      .filter((name) => !(sessionsOff && needSessions.has(name)))
      .map((name) => made[name]?.((own[name] ?? {}) as never)),
    schemes: [apiKey(plans["apiKey"]), httpd(plans["httpd"]), param(plans["param"])],
    trustedProxies: ["127.0.0.1"],
    log: () => undefined,
    clock: () => time,
  } as unknown as SecurityOptions;
}
const made: Readonly<Record<string, (options: never) => unknown>> = Object.fromEntries(
  [
    ...["accountDeletion", "administration", "apiKeys", "changeEmail", "changePassword", "confirmation", "notices"],
    ...["passwordless", "passwords", "recovery", "refresh", "registration", "sessions", "tracking", "unlock"],
    ...["userManagement", "usernames"],
  ].map((name) => [name, (features as unknown as Record<string, (options: never) => unknown>)[name] ?? (() => name)]),
);
const needSessions = new Set(["administration", "sessions"]);

/** What a system is, as far as it can be seen: its routes, its description, what it answers, sets and stores. */
async function seen(rows: readonly Row[], sessionsOff = false): Promise<readonly string[]> {
  time = Date.UTC(2026, 0, 2);
  const { provider, store } = observed(memory());
  const security = await portcullis({ ...optionsOf(rows, sessionsOff), datastore: provider });
  const found: string[] = [];
  try {
    const app = security.app();
    app.get("/mine", { authz: "AUTH" }, (c) => c.json({ via: c.var.identity.via }));
    app.post("/mine", { authz: "AUTH" }, (c) => c.json({}));
    app.get("/basic", { authz: "AUTH", authn: ["basic"] }, (c) => c.json({}));
    app.get("/thrown", { authz: "OPEN" }, () => {
      throw new Error("thrown");
    });
    found.push(JSON.stringify(app.openapi()), JSON.stringify(app.routes.map(({ method, path }) => [method, path])));
    const email = "ann@acme.example";
    await security.users.create({ email, password: goodPassword, confirmedAt: new Date(0) });
    const client = testClient(app, origin);
    const html = { headers: { accept: "text/html" } };
    const json = { email, password: goodPassword, remember: true };
    const asked: readonly [string, string, object?][] = [
      ["GET", "/mine"],
      ["GET", "/mine", html],
      ["GET", "/basic"],
      ["GET", "/thrown"],
      ["GET", "/login", html],
      ["GET", "/register", html],
      ["POST", "/login", { json: { email, password: "not the right one" } }],
      ["POST", "/login", { form: { email, password: goodPassword }, csrf: false }],
      ["POST", "/login?include_auth_token", { json }],
      ["GET", "/mine"],
      ["POST", "/mine", { json: {}, csrf: false }],
      ["POST", "/mine", { json: {} }],
      ["POST", "/reset", { json: { email } }],
      ["POST", "/api/user/key", { json: { name: "one" } }],
      ["POST", "/change", { json: { password: goodPassword, new_password: "short", new_password_confirm: "short" } }],
      ["OPTIONS", "/mine", { headers: { origin: "https://shop.example", "access-control-request-method": "PUT" } }],
      ["POST", "/login", { json: { email: "x".repeat(17_000) } }],
      ["POST", "/logout", { json: {} }],
    ];
    for (const [method, path, init] of asked) {
      const { status, headers, text } = await client.request(method, path, init ?? {});
      found.push(`${method} ${path}: ${status} ${JSON.stringify([...headers])} ${text}`);
      if (path.includes("include")) await note();
    }
    await security.delivery.idle();
    await note();
    const later = testClient(app, origin);
    await later.post("/login", { json: { email, password: goodPassword } });
    for (const hours of [2, 23, 25, 24 * 15]) {
      time += hours * 3_600_000;
      found.push(`after ${hours} h: ${(await later.get("/mine", { headers: { accept: "text/html" } })).status}`);
    }
  } finally {
    await security.close();
  }
  // What is random, and nothing else.
  return found.map((text) => text.replace(/[\w-]{20,}(?:\.[\w-]{8,})*/g, "…"));

  async function note(): Promise<void> {
    for (const table of ["session", "remember", "ticket", "apiKey", "refreshFamily", "limit"]) {
      const stored = await store()
        .find(table, {})
        .catch(() => []);
      const times = stored.map((row) =>
        Object.entries(row).filter(
          ([name, value]) => typeof value === "number" || value === null || name === "purpose",
        ),
      );
      found.push(`${table} ${JSON.stringify(times.map((row) => JSON.stringify(row)).sort())}`);
    }
  }
}

describe("a default that is written out changes nothing", () => {
  const base = seen([]);
  const rows = [...core, ...ofFeatures, ...ofSchemes];
  it.each(rows.map((row) => [row[1], row] as const))("%s", async (_path, row) => {
    const beside = goesWith[row[1]];
    if (beside === undefined) expect(await seen([row])).toEqual(await base);
    else expect(await seen([beside, row])).toEqual(await seen([beside]));
  });

  it("all of them at once", async () => {
    expect(await seen(rows.filter(([, path]) => goesWith[path] === undefined))).toEqual(await base);
  });

  it("and so the other way round: other values are seen", async () => {
    const others: readonly Row[] = [
      ["", "sessions.idle", "1h"],
      ["", "sessions.absolute", "2d"],
      ["", "sessions.remember", "3d"],
      ["", "csrf.schemes", []],
      ["", "csrf.unauthenticated", "always"],
      ["", "realm", "another"],
      ["", "passwords.policy.minLength", 20],
      ["", "cors.maxAge", 5],
      ["", "recovery.within", "9m"],
      ["", "usernames.required", true],
      ["", "body.accountBytes", 20_000],
    ];
    for (const row of others) expect(await seen([row]), row[1]).not.toEqual(await base);
  });

  it("nor where there are no sessions", async () => {
    const without = await seen([], true);
    for (const row of core) {
      // Sessions are among the documented defaults of these.
      if (row[1] === "authn" || goesWith[row[1]] !== undefined) continue;
      expect(await seen([row], true), row[1]).toEqual(without);
    }
  }, 120_000);

  it.each(Object.entries(elsewhere))("nor is it refused: %s", (_name, make) => {
    expect(make()).toBeDefined();
  });
});

describe("csrf.schemes", () => {
  const byCookie = async (csrf: SecurityOptions["csrf"], sessionsOff = false): Promise<number> => {
    const security = await portcullis({
      ...optionsOf([["", "tokens.carriers", ["cookie", "header"]]], sessionsOff),
      datastore: memory(),
      ...(csrf === undefined ? {} : { csrf }),
    });
    time = Date.UTC(2026, 0, 2);
    const app = security.app();
    app.post("/mine", { authz: "AUTH", authn: ["token"] }, (c) => c.json({}));
    const user = await security.users.create({ email: "ann@acme.example", password: goodPassword });
    const client = testClient(app, origin);
    client.cookies.set("__Host-token", await security.createToken(user));
    const { status } = await client.post("/mine", { json: {}, csrf: false });
    await security.close();
    return status;
  };

  it("asks for a token of auth tokens in cookies, written out or not, with sessions or without", async () => {
    for (const off of [false, true]) {
      expect(await byCookie(undefined, off)).toBe(400);
      expect(await byCookie({ schemes: ["session"] }, off)).toBe(400);
      expect(await byCookie({ schemes: [] }, off)).toBe(200);
    }
  });
});

it("each option whose comment names a default stands in the table", () => {
  const named: string[] = [];
  for (const file of globSync("src/**/*.ts")) {
    if (/\.test(?:-d)?\.ts$|^src\/(?:i18n\/languages|testing|cli|client)\//.test(file)) continue;
    const blocks = readFileSync(file, "utf8").matchAll(
      /^export (?:interface (\w*Options)\b[^{]*|type (\w*Options)\b[^={]*=\s*)\{([\s\S]*?)^\}/gm,
    );
    for (const [, one, other, body = ""] of blocks) {
      for (const [, comment = "", name] of body.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*?)\*\/\s*readonly (\w+)\?:/g)) {
        if (/\bdefaults?\b/i.test(comment)) named.push(`${one ?? other}.${name}`);
      }
    }
  }
  const table = [...core, ...ofFeatures, ...ofSchemes].map(([option]) => option);
  const known = [...table, ...Object.keys(elsewhere), ...unwritable];
  expect(named.length).toBeGreaterThan(150);
  expect(named.filter((name) => !beside.test(name) && !known.includes(name))).toEqual([]);
  // One that is gone, or of which there are several, is seen too.
  for (const name of table) {
    const counted = (list: readonly string[]) => list.filter((it) => it === name).length;
    expect(counted(named), name).toBeGreaterThanOrEqual(counted(table));
  }
  for (const name of [...Object.keys(elsewhere), ...unwritable]) expect(named, name).toContain(name);
});
