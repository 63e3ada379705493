import { passwords, type RefreshOptions, refresh } from "portcullis/features";
import type { ClientAnswer } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { createKeyRing } from "../../src/secrets/keyring.ts";
import { seal } from "../../src/secrets/signed.ts";
import {
  accept,
  ann,
  bob,
  cookie,
  expectRefused,
  named,
  open,
  pairOf,
  renew,
  renewed,
  signIn,
  works,
} from "./authn-refresh-system.ts";
import { rightCode, secondStep, watchedGate } from "./authn-second-step.ts";
import { cookiesSet, day, goodPassword, minute, type System, secretKey, userId } from "./authn-system.ts";

describe("a refresh token in the body", () => {
  it("comes along with an auth token, and with nothing else", async () => {
    const system = await open();
    const without = await system.client().signIn(ann, goodPassword);
    expect(without.json.response.user).toEqual({ email: ann });
    expect(await system.store.count("refreshTracker", {})).toBe(0);
    const answer = await system
      .client()
      .post("/login?include_auth_token", { json: { email: ann, password: goodPassword } });
    expect(typeof answer.json.response.user.refresh_token).toBe("string");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(cookiesSet(answer)).toEqual(["__Host-session"]);
    expect(named(system, "refreshTrackerCreated")).toHaveLength(1);
    const [row] = await system.store.find("refreshTracker", {});
    expect(row).toMatchObject({ gen: 1, revokedAt: null, name: "default", userId: await userId(system, ann) });
    expect(answer.text).not.toContain(JSON.stringify(row?.["refreshFamily"]));
  });

  it("is replaced at each use; the new auth token is as old as the sign-in, and nobody is signed in by a cookie", async () => {
    const system = await open();
    const signedInAt = system.now();
    const first = await signIn(system.client());
    system.advance(20 * minute);
    expect(await works(system, first)).toBe(false);
    const answer = await renew(system, first.refresh);
    expect([answer.status, cookiesSet(answer)]).toEqual([200, []]);
    expect(Object.keys(answer.json.response.user)).toEqual(["email", "authentication_token", "refresh_token"]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const second = pairOf(answer);
    const me = await system.client().get("/me", { headers: { ...accept, "authentication-token": second.auth } });
    expect(me.json).toEqual({ user: ann, via: "token", methods: ["password"], authenticatedAt: signedInAt });
    system.advance(minute);
    const third = await renewed(system, second.refresh);
    expect(new Set([first, second, third].map((pair) => pair.refresh)).size).toBe(3);
    expect(named(system, "tokenRefreshed")).toHaveLength(2);
    expect(await system.store.count("session", {})).toBe(1);
  });

  it("that comes back after it was replaced ends its family: refresh tokens, auth tokens and the session", async () => {
    const system = await open();
    const client = system.client();
    const first = await signIn(client);
    const other = await signIn(system.client());
    system.advance(minute);
    const second = await renewed(system, first.refresh);
    system.advance(minute);
    expect(await works(system, second)).toBe(true);
    expect((await client.get("/me", { headers: accept })).status).toBe(200);
    await expectRefused(system, first.refresh);
    expect(named(system, "refreshTokenReused")).toEqual([
      { userId: await userId(system, ann), family: expect.any(String) },
    ]);
    expect(named(system, "refreshTrackerRevoked")).toMatchObject([{ reason: "reuse" }]);
    await expectRefused(system, second.refresh);
    await expectRefused(system, first.refresh);
    expect(await works(system, second)).toBe(false);
    expect((await client.get("/me", { headers: accept })).status).toBe(401);
    expect(named(system, "refreshTokenReused")).toHaveLength(1);
    // Another sign-in of the same user is another family.
    expect(await works(system, await renewed(system, other.refresh))).toBe(true);
  });

  it("gives thirty requests at once one pair, and its family lives on", async () => {
    const system = await open();
    const { refresh: token } = await signIn(system.client());
    const answers = await Promise.all(Array.from({ length: 30 }, () => renew(system, token)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 30 }, () => 200));
    expect(new Set(answers.map((answer) => JSON.stringify(pairOf(answer)))).size).toBe(1);
    expect(await system.store.findOne("refreshTracker", {})).toMatchObject({ gen: 2, revokedAt: null });
    const [first] = answers;
    if (first !== undefined) expect(await works(system, await renewed(system, pairOf(first).refresh))).toBe(true);
  });

  it.each([
    [undefined, 8_999, 200],
    [undefined, 10_000, 400],
    ["30s", 28_999, 200],
    ["30s", 30_000, 400],
    ["0s", 0, 400],
  ] as const)("with a grace of %s, %i ms after it was replaced, is answered %i", async (grace, later, status) => {
    const system = await open(grace === undefined ? {} : { grace });
    const first = await signIn(system.client());
    const second = await renewed(system, first.refresh);
    system.advance(later);
    const answer = await renew(system, first.refresh);
    expect(answer.status).toBe(status);
    if (status === 200) expect(pairOf(answer)).toEqual(second);
    expect((await renew(system, second.refresh)).status).toBe(status);
  });

  it("two generations old is reused also in the grace", async () => {
    const system = await open();
    const first = await signIn(system.client());
    const second = await renewed(system, first.refresh);
    const third = await renewed(system, second.refresh);
    await expectRefused(system, first.refresh);
    await expectRefused(system, third.refresh);
  });

  it("ends when it was not used for the idle time", async () => {
    const system = await open({ idle: "1d" });
    let { refresh: token } = await signIn(system.client());
    system.advance(day - 1000);
    ({ refresh: token } = await renewed(system, token));
    system.advance(day);
    await expectRefused(system, token);
    expect(named(system, "refreshTokenReused")).toEqual([]);
    await system.security.purge();
    expect(await system.store.count("refreshTracker", {})).toBe(0);
  });

  it("ends at the absolute time, however busy, and its auth tokens with it", async () => {
    const system = await open({ idle: "1d", absolute: "3d" });
    let pair = await signIn(system.client());
    for (let half = 0; half < 5; half += 1) {
      system.advance(day / 2);
      pair = await renewed(system, pair.refresh);
    }
    system.advance(day / 2 - 5 * minute);
    pair = await renewed(system, pair.refresh);
    system.advance(4 * minute);
    expect(await works(system, pair)).toBe(true);
    system.advance(minute + 1000);
    expect(await works(system, pair)).toBe(false);
    await expectRefused(system, pair.refresh);
  });

  it.each<[string, (system: System, id: number) => Promise<unknown>]>([
    ["a new password", ({ security }, id) => security.users.setPassword(id, "a new passphrase")],
    ["no password", ({ security }, id) => security.users.setPassword(id, null)],
    ["deactivation", ({ security }, id) => security.users.deactivate(id)],
    [
      "deactivation, taken back",
      async ({ security }, id) => {
        await security.users.deactivate(id);
        await security.users.activate(id);
      },
    ],
    ["deletion", ({ security }, id) => security.users.delete(id)],
    ["a new uniquifier", ({ security }, id) => security.users.setUniquifier(id)],
    ["the end of all auth tokens", ({ security }, id) => security.users.setTokenUniquifier(id)],
    ["a reset of all access", ({ security }, id) => security.users.resetAccess(id)],
    // Past every operation, as a foreign program does it.
    ["a row switched off by hand", ({ store }, id) => store.update("user", { id }, { active: false })],
  ])("ends with %s", async (_name, change) => {
    const system = await open();
    const first = await signIn(system.client());
    const bobs = await signIn(system.client(), bob);
    const second = await renewed(system, first.refresh);
    await change(system, await userId(system, ann));
    await expectRefused(system, second.refresh);
    await expectRefused(system, first.refresh);
    expect((await renew(system, bobs.refresh)).status).toBe(200);
    expect(named(system, "refreshTokenReused")).toEqual([]);
  });

  it("is refused while a gate refuses, and is good again afterwards", async () => {
    let locked = false;
    const seen: string[] = [];
    const gate = watchedGate("locked", 100, (_email, purpose) => {
      seen.push(purpose);
      return locked ? "refuse" : "pass";
    });
    const system = await open({}, { features: [passwords(), refresh({ carrier: "body" }), gate] });
    const { refresh: token } = await signIn(system.client());
    locked = true;
    await expectRefused(system, token);
    locked = false;
    await renewed(system, token);
    expect(seen).toEqual(["sign-in", "refresh", "refresh"]);
  });

  it("asks for no second factor again that its sign-in had, and for one that it had not it is refused", async () => {
    let asked: readonly string[] = [ann];
    const step = secondStep({ name: "step", order: 400, path: "/step", asks: (email) => asked.includes(email) });
    const system = await open({}, { features: [passwords(), refresh({ carrier: "body" }), step] });
    const client = system.client();
    const parked = await client.post("/login?include_auth_token", { json: { email: ann, password: goodPassword } });
    expect(parked.text).not.toContain("refresh_token");
    expect(await system.store.count("refreshTracker", {})).toBe(0);
    const done = await client.post("/step", { json: { password: rightCode } });
    const { refresh: token } = pairOf(done);
    const next = await renewed(system, token);
    const me = await system.client().get("/me", { headers: { ...accept, "authentication-token": next.auth } });
    expect(me.json.methods).toEqual(["password", "step"]);
    const bobs = await signIn(system.client(), bob);
    asked = [ann, bob];
    await expectRefused(system, bobs.refresh);
  });

  it("is valid only as the exact text of a refresh token", async () => {
    const system = await open();
    const { refresh: token, auth } = await signIn(system.client());
    const { refresh: other } = await signIn(system.client(), bob);
    const [body = "", signature = ""] = token.split(".");
    const ring = createKeyRing([secretKey]);
    const plain = ring.decrypt("sealed:refresh-token", signature) ?? "";
    const payload = JSON.parse(plain) as [number, Record<string, unknown>];
    // As tokens were signed once, with a signature of nobody.
    const changed = (change: object): string =>
      `${Buffer.from(JSON.stringify([payload[0], { ...payload[1], ...change }])).toString("base64url")}.${signature.slice(0, 43)}`;
    const wrong = [
      auth,
      `${token} `,
      `${token}=`,
      token.slice(0, -1),
      token.toUpperCase(),
      `${signature.slice(0, 60)}.${other.split(".")[1]}`,
      `${body}.${signature.slice(0, 60)}${other.split(".")[1]?.slice(60)}`,
      `${Buffer.from(JSON.stringify([payload[0] + day, payload[1]])).toString("base64url")}.${signature.slice(0, 43)}`,
      changed({ g: 2 }),
      changed({ g: 0 }),
      changed({ f: "x".repeat(43) }),
      changed({ o: { u: "x", f: true } }),
      // Signed by us for something else, or by a stranger.
      seal(ring, "auth-token", payload[1], payload[0]),
      seal(createKeyRing(["another key of the tests: 8hTw3Zp0Lq"]), "refresh-token", payload[1], payload[0]),
      // Signed rightly, of a family that is not there, of a generation that was not made yet.
      seal(ring, "refresh-token", { ...payload[1], f: "x".repeat(43) }, payload[0]),
      seal(ring, "refresh-token", { ...payload[1], g: 7 }, payload[0]),
    ];
    for (const text of wrong) await expectRefused(system, text);
    for (let at = 0; at < token.length; at += 11) {
      await expectRefused(system, token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1));
    }
    // None of that did any harm, and a refresh token is no auth token.
    expect(await works(system, { auth: token, refresh: "" })).toBe(false);
    await renewed(system, token);
  });

  it("is asked for by its field's name, and nothing in its place is taken or answered with 5xx", async () => {
    const system = await open();
    const { refresh: token } = await signIn(system.client());
    for (const input of [undefined, null, "", 7, true, [token], { token }, "x".repeat(2_049), "x".repeat(15_000)]) {
      const answer = await renew(system, input);
      expect([input, answer.status, Object.keys(answer.json.response.field_errors)]).toEqual([
        input,
        400,
        ["refresh_token"],
      ]);
    }
    const post = (body: string, type = "application/json"): Promise<ClientAnswer> =>
      system.client().post("/refresh-token", { body, headers: { ...accept, "content-type": type } });
    for (const body of ["[]", "7", "{", `{"refresh_token":"${token}"`]) expect((await post(body)).status).toBe(400);
    expect((await post("")).status).toBe(400);
    expect((await post(JSON.stringify({ refresh_token: "x".repeat(3_000_000) }))).status).toBe(413);
    const form = { refresh_token: token };
    expect((await system.client().post("/refresh-token", { form })).status).toBe(415);
    expect((await system.client().post("/refresh-token", { form, headers: accept })).status).toBe(415);
    expect((await post(`refresh_token=${token}`, "text/plain")).status).toBe(415);
    for (const method of ["GET", "PUT", "DELETE"]) {
      const answer = await system.client().request(method, `/refresh-token?refresh_token=${token}`);
      expect([answer.status, answer.headers.get("allow")]).toEqual([405, "POST"]);
    }
    // Neither a cookie nor the query carries it.
    const client = system.client();
    client.cookies.set(cookie, token);
    expect((await client.post(`/refresh-token?refresh_token=${token}`, { json: {} })).status).toBe(400);
    await renewed(system, token);
  });

  it("needs no CSRF token, and is refused to pages elsewhere", async () => {
    const system = await open({}, { csrf: { unauthenticated: "always" } });
    const client = system.client();
    await client.get("/login", { headers: accept });
    const { refresh: token } = await signIn(client);
    for (const headers of [
      { origin: "https://evil.example" },
      { "sec-fetch-site": "cross-site" },
      { origin: "null" },
    ]) {
      const answer = await system.client().post("/refresh-token", { json: { refresh_token: token }, headers });
      expect(answer.status).toBe(400);
    }
    await renewed(system, token);
  });

  it("survives a change of the signing key while the old one is listed", async () => {
    const before = await open();
    const { refresh: token } = await signIn(before.client());
    const tracker = await before.store.findOne("refreshTracker", {});
    const user = await before.store.findOne("user", { email: ann });
    const answered = async (secretKeys: readonly string[]): Promise<number> => {
      const system = await open({}, { secretKeys });
      await system.store.update("user", { email: ann }, { fsUniquifier: user?.["fsUniquifier"] });
      const { id: _id, ...row } = tracker ?? {};
      await system.store.insert("refreshTracker", row);
      return (await renew(system, token)).status;
    };
    const newKey = "the next key of the tests: 93xLmQ4Vb6";
    expect(await answered([newKey, secretKey])).toBe(200);
    expect(await answered([newKey])).toBe(400);
  });
});

describe("options", () => {
  it.each<[object, string]>([
    [{ carrier: "header" }, "refresh.carrier"],
    [{ idle: "never" }, "refresh.idle"],
    [{ idle: "31d" }, "refresh.idle"],
    [{ idle: "1m" }, "refresh.idle"],
    [{ absolute: "0s" }, "refresh.absolute"],
    [{ grace: "5m" }, "refresh.grace"],
    [{ rotate: false }, "refresh.rotate"],
  ])("%j is refused at the start", async (options, path) => {
    await expect(async () => open(options as RefreshOptions)).rejects.toThrow(path);
  });
});
