import type { ClientAnswer, ClientRequest, TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import {
  basic,
  cookiesSet,
  goodPassword,
  minute,
  type Overrides,
  origin,
  otherPassword,
  type System,
  start,
} from "./authn-system.ts";

const ann = { email: "ann@acme.example", password: goodPassword };
const bob = { email: "bob@acme.example", password: otherPassword };
const evil = "https://evil.example";

interface Place {
  readonly name: string;
  readonly path: string;
  readonly body: Readonly<Record<string, string>>;
}

/** Endpoints that change something for somebody who is signed in. */
const places: readonly Place[] = [
  { name: "a declared route", path: "/act", body: {} },
  { name: "/logout", path: "/logout", body: {} },
  { name: "/verify", path: "/verify", body: { password: goodPassword } },
  { name: "a route open but for strangers' forms", path: "/guarded", body: {} },
];

async function signedIn(system: System, who = ann): Promise<TestClient> {
  const client = system.client();
  await client.signIn(who.email, who.password);
  return client;
}

/** What a refused request must leave as it was. */
async function snapshot(system: System): Promise<string> {
  const rows = await Promise.all(["user", "session", "remember"].map((table) => system.store.find(table, {})));
  return JSON.stringify(rows, (key, value) => (key === "lastSeenAt" ? undefined : value));
}

const refusal = async (
  system: System,
  client: TestClient,
  place: Place,
  init: ClientRequest,
): Promise<ClientAnswer> => {
  const before = await snapshot(system);
  const answer = await client.post(place.path, { csrf: false, ...init });
  expect(await snapshot(system)).toBe(before);
  return answer;
};

describe.each(places)("$name, called with a session's cookie", (place) => {
  it("refuses every request that says it comes from elsewhere, whatever its token", async () => {
    const system = await start();
    const client = await signedIn(system);
    const token = client.csrfToken ?? "";
    const origins: Record<string, string>[] = [
      { origin: evil },
      { origin: "null" },
      { origin: "http://localhost:3001" },
      { origin: "https://localhost:3000" },
      { origin: `${origin}.evil.example` },
      { origin: `${origin}, ${origin}` },
      { origin: evil, "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "SAME-ORIGIN" },
      { referer: `${evil}/?${origin}` },
      { referer: "no url" },
    ];
    for (const headers of origins) {
      for (const body of [{ json: place.body }, { form: { ...place.body, csrf_token: token } }]) {
        const answer = await refusal(system, client, place, {
          ...body,
          headers: { ...headers, "x-csrf-token": token },
        });
        expect([headers, answer.status]).toEqual([headers, 400]);
        expect(answer.headers.get("access-control-allow-origin")).toBeNull();
      }
    }
  });

  it("says by a code what was refused", async () => {
    const system = await start();
    const client = await signedIn(system);
    const codes: unknown[] = [];
    for (const headers of [{}, { "x-csrf-token": "made up" }, { origin: evil }]) {
      const { json } = await refusal(system, client, place, {
        json: place.body,
        headers: { accept: "application/json", ...headers },
      });
      codes.push(json.response?.code ?? json.code);
    }
    expect(codes).toEqual(["csrf_missing", "csrf_invalid", "csrf_origin"]);
  });

  it("refuses a token that is missing, empty, made up or somebody else's, in header and form", async () => {
    const system = await start();
    const client = await signedIn(system);
    const own = client.csrfToken ?? "";
    const foreign = (await signedIn(system, bob)).csrfToken ?? "";
    const anonymous = system.client();
    await anonymous.get("/login");
    const [nonce = "", signature = ""] = own.split(".");
    const tokens = [
      "",
      "null",
      "x",
      "A".repeat(66),
      foreign,
      anonymous.csrfToken ?? "",
      own.slice(0, -1),
      `${own}A`,
      `${nonce}.${foreign.split(".")[1]}`,
      `${foreign.split(".")[0]}.${signature}`,
      own.toUpperCase(),
      `${own},${own}`,
      "x".repeat(10_000),
      `${nonce}.${"x".repeat(10_000)}`,
    ];
    for (const token of tokens) {
      const requests: ClientRequest[] = [
        { json: place.body, headers: { "x-csrf-token": token } },
        { json: { ...place.body, csrf_token: token } },
        { form: { ...place.body, csrf_token: token } },
        { body: new URLSearchParams([...Object.entries(place.body), ["csrf_token", own], ["csrf_token", own]]) },
      ];
      for (const init of requests) {
        const answer = await refusal(system, client, place, init);
        expect([token.slice(0, 80), answer.status]).toEqual([token.slice(0, 80), 400]);
      }
    }
    const array = await refusal(system, client, place, { json: { ...place.body, csrf_token: [own] } });
    expect(array.status).toBe(400);
  });

  it("refuses a body that a page elsewhere can send without asking", async () => {
    const system = await start();
    const client = await signedIn(system);
    const token = client.csrfToken ?? "";
    const text = JSON.stringify(place.body);
    const bodies: [string | undefined, BodyInit][] = [
      ["text/plain", text],
      ["text/plain; application/json", text],
      ["application/json, text/plain", text],
      ["application/octet-stream", text],
      ["multipart/form-data", text],
      [undefined, new Blob([text])],
    ];
    for (const [type, body] of bodies) {
      const headers = type === undefined ? {} : { "content-type": type };
      const bare = await refusal(system, client, place, { body, headers });
      expect([type, [400, 415].includes(bare.status)]).toEqual([type, true]);
    }
    // A form that pretends to be JSON, and the other way round, is parsed by its type: the token is then missing.
    const disguised = { "content-type": "Application/X-WWW-Form-Urlencoded" };
    expect((await refusal(system, client, place, { body: text, headers: disguised })).status).toBe(400);
    const withToken = { ...disguised, "x-csrf-token": token };
    const form = new URLSearchParams(place.body).toString();
    expect((await client.post(place.path, { csrf: false, body: form, headers: withToken })).status).toBeLessThan(400);
  });

  it.each([
    ["X-CSRF-Token", "x-csrf-token"],
    ["X-XSRF-Token", "x-xsrf-token"],
    ["X-CSRFToken", "x-csrftoken"],
  ])("takes the token in the header %s, from its own origin", async (_name, header) => {
    const system = await start();
    const client = await signedIn(system);
    const headers = { [header]: client.csrfToken ?? "", origin, "sec-fetch-site": "same-origin" };
    expect((await client.post(place.path, { csrf: false, json: place.body, headers })).status).toBe(200);
  });

  it("takes the token in a form's field", async () => {
    const system = await start();
    const client = await signedIn(system);
    const answer = await client.post(place.path, {
      csrf: false,
      form: { ...place.body, csrf_token: client.csrfToken ?? "" },
    });
    expect([200, 302]).toContain(answer.status);
  });
});

describe("a token", () => {
  it("is another text each time, and all of them are good while the session lasts", async () => {
    const system = await start();
    const client = await signedIn(system);
    const tokens = new Set<string>();
    for (let count = 0; count < 5; count += 1) {
      await client.get("/login", { headers: { accept: "application/json" } });
      tokens.add(client.csrfToken ?? "");
    }
    expect(tokens.size).toBe(5);
    for (const token of tokens) {
      const answer = await client.post("/act", { csrf: false, json: {}, headers: { "x-csrf-token": token } });
      expect(answer.status).toBe(200);
    }
  });

  it("dies with its session: at sign-in, at verify, at sign-out and when the session is over", async () => {
    const system = await start({ sessions: { idle: "30m" } });
    const client = system.client();
    await client.get("/login");
    const anonymous = client.csrfToken ?? "";
    await client.signIn(ann.email, ann.password);
    const act = async (token: string): Promise<number> =>
      (await client.post("/act", { csrf: false, json: {}, headers: { "x-csrf-token": token } })).status;
    expect(await act(anonymous)).toBe(400);
    const first = client.csrfToken ?? "";
    await client.post("/verify", { json: { password: goodPassword } });
    const second = client.csrfToken ?? "";
    expect([await act(first), await act(second)]).toEqual([400, 200]);
    system.advance(30 * minute);
    expect(await act(second)).toBe(401);
    await client.signIn(ann.email, ann.password);
    expect(await act(second)).toBe(400);
    const third = client.csrfToken ?? "";
    await client.post("/logout", { json: {} });
    await client.signIn(ann.email, ann.password);
    expect(await act(third)).toBe(400);
  });
});

describe("a form of somebody who is not signed in", () => {
  const send = (client: TestClient, init: ClientRequest): Promise<ClientAnswer> =>
    client.post("/login", { csrf: false, form: ann, ...init });

  it("needs the token of the visitor's cookie", async () => {
    const system = await start();
    const client = system.client();
    await client.get("/login");
    const token = client.csrfToken ?? "";
    const withToken = { form: { ...ann, csrf_token: token } };
    expect((await send(client, {})).status).toBe(400);
    expect((await send(system.client(), withToken)).status).toBe(400);
    const stranger = system.client();
    await stranger.get("/login");
    expect((await send(stranger, withToken)).status).toBe(400);
    const answer = await send(client, withToken);
    expect([answer.status, answer.location]).toEqual([302, "/"]);
  });

  it("is shown again with a new token when the old one is no good, and then works", async () => {
    const system = await start();
    const client = system.client();
    const again = await send(client, { form: { ...ann, csrf_token: "x" } });
    expect([again.status, again.headers.get("content-type")]).toEqual([400, "text/html; charset=utf-8"]);
    expect(again.text).toContain(ann.email);
    expect(again.text).not.toContain(goodPassword);
    expect((await send(client, { form: { ...ann, csrf_token: client.csrfToken ?? "" } })).status).toBe(302);
  });

  it.each<[string, Record<string, string>]>([
    ["a foreign Origin", { origin: evil }],
    ["Fetch metadata", { "sec-fetch-site": "cross-site" }],
    ["Fetch metadata of a sibling", { "sec-fetch-site": "same-site" }],
    ["a foreign Referer", { referer: `${evil}/login` }],
    ["an opaque origin", { origin: "null" }],
  ])("or JSON is refused when it has %s: nobody is signed in to an attacker's account", async (_name, headers) => {
    const system = await start();
    const client = system.client();
    await client.get("/login");
    const token = client.csrfToken ?? "";
    for (const init of [{ form: { ...bob, csrf_token: token } }, { json: bob }]) {
      const answer = await client.post("/login", { csrf: false, ...init, headers });
      expect(answer.status).toBe(400);
      expect(cookiesSet(answer).filter((name) => name.includes("session"))).toEqual([]);
    }
    expect(await system.store.count("session", {})).toBe(0);
  });

  it.each<[string, Overrides, readonly [form: number, json: number]]>([
    ["forms (the default)", {}, [400, 200]],
    ["always", { csrf: { unauthenticated: "always" } }, [400, 400]],
    ["never", { csrf: { unauthenticated: "never" } }, [302, 200]],
  ])("needs a token as csrf.unauthenticated says: %s", async (_name, overrides, [form, json]) => {
    const system = await start(overrides);
    expect((await system.client().post("/login", { form: ann })).status).toBe(form);
    expect((await system.client().post("/login", { json: ann })).status).toBe(json);
    // The origin is looked at in any case.
    const answer = await system.client().post("/login", { json: ann, headers: { origin: evil } });
    expect(answer.status).toBe(400);
  });

  it("with csrf.unauthenticated: always gets its token from the GET as JSON", async () => {
    const system = await start({ csrf: { unauthenticated: "always" } });
    const client = system.client();
    await client.get("/login", { headers: { accept: "application/json" } });
    expect((await client.post("/login", { json: ann })).status).toBe(200);
  });
});

describe("options", () => {
  it("csrf.cookie hands the token out in a cookie that scripts read, new after each sign-in", async () => {
    const system = await start({ csrf: { cookie: "XSRF-TOKEN" } });
    const client = system.client();
    await client.get("/login");
    const before = client.cookies.get("XSRF-TOKEN");
    const answer = await client.post("/login", { form: { ...ann, csrf_token: client.csrfToken ?? "" } });
    const cookie = answer.headers.getSetCookie().find((text) => text.startsWith("XSRF-TOKEN="));
    expect(cookie?.split("; ").slice(1).sort()).toEqual(["Path=/", "SameSite=Strict", "Secure"]);
    const token = client.cookies.get("XSRF-TOKEN") ?? "";
    expect(token).not.toBe(before);
    const act = (headers: Record<string, string>): Promise<ClientAnswer> =>
      client.post("/act", { csrf: false, json: {}, headers });
    expect((await act({ "x-xsrf-token": token })).status).toBe(200);
    // The cookie alone, which a browser sends by itself, is no token.
    expect((await act({})).status).toBe(400);
    expect((await act({ "x-xsrf-token": before ?? "" })).status).toBe(400);
  });

  it("csrf.schemes: [] leaves the check of the origin", async () => {
    const system = await start({ csrf: { schemes: [] } });
    const client = await signedIn(system);
    for (const path of ["/act", "/verify"]) {
      const send = (headers: Record<string, string>): Promise<ClientAnswer> =>
        client.post(path, { csrf: false, json: { password: goodPassword }, headers });
      expect((await send({ origin: evil })).status).toBe(400);
      expect((await send({ "sec-fetch-site": "cross-site" })).status).toBe(400);
      expect((await send({})).status).toBe(200);
    }
  });

  it("csrf.schemes may ask tokens for it too", async () => {
    const system = await start({ csrf: { schemes: ["session", "token"] } });
    const answer = await system.client().post("/login?include_auth_token", { json: ann });
    const headers = { "authentication-token": answer.json.response.user.authentication_token as string };
    expect((await system.client().post("/act", { json: {}, headers })).status).toBe(400);
  });

  it.each<[string, Overrides["csrf"]]>([
    ["csrf.unauthenticated", { unauthenticated: "nobody" as "never" }],
    ["csrf.cookie", { cookie: "no name" }],
    ["csrf.cookie", { cookie: "__Host-session" }],
    ["csrf.cookie", { cookie: "" }],
    ["csrf.schemes", { schemes: ["sesion"] }],
    ["csrf.schemes", { schemes: "session" as never }],
  ])("%s is checked at start", async (path, csrf) => {
    await expect(start({ csrf: csrf ?? {} })).rejects.toThrow(path);
  });
});

describe("routes that anybody may call", () => {
  it("unauthCsrf asks strangers for a token of their cookie, and no GET", async () => {
    const system = await start();
    const client = system.client();
    expect((await client.post("/guarded", { json: {} })).status).toBe(400);
    await client.get("/login");
    expect((await client.post("/guarded", { json: {} })).status).toBe(200);
    const token = client.csrfToken ?? "";
    expect((await system.client().post("/guarded", { json: {}, headers: { "x-csrf-token": token } })).status).toBe(400);
    const foreign = await client.post("/guarded", { json: {}, headers: { origin: evil } });
    expect(foreign.status).toBe(400);
  });

  it("without a guard ask nobody, but still whoever is signed in", async () => {
    const system = await start();
    expect((await system.client().post("/anonymous", { json: {} })).status).toBe(200);
    const client = await signedIn(system);
    expect((await client.post("/anonymous", { csrf: false, json: {} })).status).toBe(400);
    expect((await client.post("/anonymous", { json: {} })).json).toEqual({ user: ann.email });
  });
});

describe("methods", () => {
  it("are what they are: no header and no field overrides them", async () => {
    const system = await start();
    const client = await signedIn(system);
    const headers = { "x-http-method-override": "POST", "x-method-override": "POST", "x-http-method": "POST" };
    expect((await client.get("/logout?_method=POST", { headers })).status).toBe(405);
    expect((await client.get("/act?_method=POST", { headers })).status).toBe(405);
    expect((await client.get("/me")).status).toBe(200);
  });

  it("other than safe ones need the token in routes of the application", async () => {
    const system = await start();
    const client = await signedIn(system);
    expect((await client.post("/act", { csrf: false, json: {}, headers: basic(bob.email, bob.password) })).status).toBe(
      400,
    );
  });
});
