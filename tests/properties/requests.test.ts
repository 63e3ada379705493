import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { basic, goodPassword, origin, type System, start } from "../http/authn-system.ts";

let system: System;
beforeAll(async () => {
  system = await start({ authn: ["session", "token", "basic"] });
});

const guarded = ["/me", "/act", "/employee", "/fresh", "/token", "/session", "/basic", "/verify"];
const open = ["/", "/login", "/register", "/logout", "/anonymous", "/bag/a", "/keep/a/b"];

/** What a header may carry on the wire: visible Latin-1 and spaces. */
const headerText = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 60 }),
  fc.constantFrom(
    "",
    "null",
    "*/*",
    "text/html;q=0.1",
    "__Host-session=",
    "Basic",
    "Bearer ",
    "Basic Og==",
    "XYZ ".repeat(5),
  ),
  fc.base64String({ maxLength: 60 }).map((text) => `Basic ${text}`),
  fc
    .tuple(
      fc.constantFrom("session", "remember", "pending"),
      fc.string({ unit: fc.constantFrom(...'aA0-_.=%";'), maxLength: 70 }),
    )
    .map(([name, value]) => `__Host-${name}=${value}`),
  fc
    .string({ unit: fc.constantFrom(..."abcXYZ019-_"), minLength: 22, maxLength: 22 })
    .map((id) => `__Host-remember=${id}.${"a".repeat(43)}`),
);
const headers = fc.dictionary(
  fc.constantFrom(
    ...["accept", "accept-language", "authorization", "authentication-token", "content-type", "cookie", "forwarded"],
    ...["if-none-match", "origin", "referer", "sec-fetch-site", "user-agent", "x-csrf-token", "x-forwarded-for"],
  ),
  headerText,
  { maxKeys: 5 },
);
const value = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom("ann@acme.example", "ANN@acme.example", "on", "/me", "//evil.test", "new@acme.example"),
);
const field = fc.constantFrom(
  ...["email", "username", "password", "password_confirm", "remember", "next", "csrf_token", "__proto__", "id", ""],
);
const body = fc.oneof(
  fc.constant(undefined),
  fc.uint8Array({ maxLength: 100 }).map((bytes) => ({ bytes, type: undefined })),
  fc
    .dictionary(field, value, { maxKeys: 6 })
    .map((json) => ({ bytes: JSON.stringify(json), type: "application/json" })),
  fc.jsonValue().map((json) => ({ bytes: JSON.stringify(json), type: "application/json" })),
  fc.array(fc.tuple(field, value.map(String)), { maxLength: 6 }).map((entries) => ({
    bytes: entries.map((pair) => pair.map((text) => encodeURIComponent(text.toWellFormed())).join("=")).join("&"),
    type: "application/x-www-form-urlencoded",
  })),
);
const target = fc.oneof(
  fc
    .tuple(fc.constantFrom(...guarded, ...open), fc.string({ unit: "binary", maxLength: 30 }))
    .map((it_) => it_.join("?")),
  fc.string({ unit: fc.constantFrom(..."/.%20;:@#?&=~aé\\"), maxLength: 20 }).map((text) => `/${text}`),
);
const method = fc.constantFrom("GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "QUERY");

it("no request crashes the server, and none without credentials gets what is guarded", async () => {
  const sessions = await system.store.count("session", { userId: { not: null } });
  await fc.assert(
    fc.asyncProperty(method, target, headers, body, async (verb, path, sent, content) => {
      const carried = verb !== "GET" && verb !== "HEAD" ? content : undefined;
      const url = new URL(origin + path);
      const request = new Request(url, {
        method: verb,
        headers: { ...(carried?.type === undefined ? {} : { "content-type": carried.type }), ...sent },
        ...(carried === undefined ? {} : { body: carried.bytes as BodyInit }),
      });
      const answer = await system.app.request(request);
      const text = await answer.text();
      expect(answer.status, `${verb} ${path}: ${text}`).toBeLessThan(500);
      if (guarded.includes(url.pathname)) {
        expect(verb === "OPTIONS" || answer.status >= 300, `${verb} ${path}: ${answer.status} ${text}`).toBe(true);
      }
      expect(text).not.toMatch(/argon2|\bat .*\.ts:\d/);
    }),
  );
  expect(await system.store.count("session", { userId: { not: null } })).toBe(sessions);
  // The property can fail: with credentials the same routes open.
  const client = system.client();
  await client.signIn("ann@acme.example", goodPassword);
  expect((await client.get("/me")).status).toBe(200);
  expect((await system.client().get("/basic", { headers: basic("ann@acme.example", goodPassword) })).status).toBe(200);
});
