/** The maximum age of passwords: a sign-in with one that is too old waits until a new one is set. */
import { portcullis } from "portcullis";
import { changePassword, passwords, recovery, refresh, registration } from "portcullis/features";
import { memory } from "portcullis/memory";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { rightCode, secondStep } from "./authn-second-step.ts";
import {
  basic,
  cookiesSet,
  day,
  goodPassword,
  minute,
  type Overrides,
  origin,
  secretKey,
  start,
  tokenOf,
  weakHashing,
} from "./authn-system.ts";
import { startWithOutbox, type WithOutbox } from "./outbox-system.ts";

const ann = "ann@acme.example";
const fresh = "correct horse battery";
const json = { accept: "application/json" };
const aging = (maxAge: `${number}d`): NonNullable<Overrides["passwords"]> => ({
  hashing: weakHashing,
  policy: { maxAge },
});

type Aged = WithOutbox;

async function system(overrides: Overrides = {}): Promise<Aged> {
  return startWithOutbox({
    features: [passwords(), registration(), recovery(), changePassword(), refresh({ carrier: "body" })],
    passwords: aging("90d"),
    ...overrides,
  });
}

const signIn = (client: TestClient, password: string, path = "/login"): Promise<ClientAnswer> =>
  client.post(path, { json: { email: ann, password } });
const renew = (client: TestClient, password: string = fresh, path = "/expired-password"): Promise<ClientAnswer> =>
  client.post(path, { json: { password, password_confirm: password } });
const me = async (client: TestClient): Promise<number> => (await client.get("/me", { headers: json })).status;

describe("a password that is too old", () => {
  it("signs in up to its age; then the sign-in waits, and nothing exists that gives access", async () => {
    const made = await system();
    made.advance(90 * day - 1);
    expect((await signIn(made.client(), goodPassword)).status).toBe(200);
    made.advance(1);
    const client = made.client();
    const answer = await signIn(client, goodPassword, "/login?include_auth_token");
    expect(answer.status).toBe(200);
    expect(answer.json.response).toEqual({
      pending: "expired_password",
      path: "/expired-password",
      shown_for: expect.any(String),
      password_expired: true,
    });
    expect(answer.text).not.toContain("authentication_token");
    expect(cookiesSet(answer)).toEqual(["__Host-pending"]);
    expect(await me(client)).toBe(401);
  });

  it("goes on with a new one, as JSON, with the token that was asked for", async () => {
    const made = await system();
    made.advance(91 * day);
    const client = made.client();
    await signIn(client, goodPassword, "/login?include_auth_token");
    const answer = await renew(client);
    expect(answer.status).toBe(200);
    expect(await me(client)).toBe(200);
    const token: string = answer.json.response.user.authentication_token;
    const byToken = await made.client().get("/token", { headers: { ...json, "authentication-token": token } });
    expect(byToken.status).toBe(200);
    expect((await signIn(made.client(), goodPassword)).status).toBe(400);
    const again = await signIn(made.client(), fresh);
    expect(again.json.response.password_expired).toBeUndefined();
    await made.security.delivery.idle();
    expect(made.box.all().map(({ template, to }) => [template, to.address])).toEqual([["passwordChanged", ann]]);
    expect(made.events.filter(({ name }) => name === "passwordChanged")).toHaveLength(1);
    made.advance(90 * day);
    expect((await signIn(made.client(), fresh)).json.response.password_expired).toBe(true);
  });

  it("as a page, with where one wanted to go", async () => {
    const made = await system();
    made.advance(91 * day);
    const client = made.client();
    await client.get("/login");
    const parked = await client.post("/login?next=/page", { form: { email: ann, password: goodPassword } });
    expect([parked.status, parked.location]).toEqual([302, "/expired-password?next=%2Fpage"]);
    const page = await client.get("/expired-password?next=%2Fpage");
    expect(page.text).toContain('autocomplete="new-password"');
    const shown_for = /name="shown_for" value="([^"]+)"/.exec(page.text)?.[1] ?? "";
    const form = { password: fresh, password_confirm: fresh, shown_for };
    const answer = await client.post("/expired-password?next=%2Fpage", { form });
    expect([answer.status, answer.location]).toEqual([302, "/page"]);
    expect(await me(client)).toBe(200);
  });

  it("the new one must be new, and one that the policy accepts; the sign-in waits on", async () => {
    const made = await system();
    made.advance(91 * day);
    const client = made.client();
    await signIn(client, goodPassword);
    for (const [password, field] of [
      [goodPassword, "password"],
      ["short", "password"],
    ] as const) {
      const answer = await renew(client, password);
      expect([answer.status, Object.keys(answer.json.response.field_errors)]).toEqual([400, [field]]);
    }
    const differing = await client.post("/expired-password", { json: { password: fresh, password_confirm: "x" } });
    expect(Object.keys(differing.json.response.field_errors)).toEqual(["password_confirm"]);
    expect((await renew(client)).status).toBe(200);
  });

  it("needs a sign-in that waits: nobody else's, none that is over, and once", async () => {
    const made = await system();
    made.advance(91 * day);
    expect((await renew(made.client())).status).toBe(400);
    expect((await made.client().get("/expired-password")).location).toBe("/login");
    const late = made.client();
    await signIn(late, goodPassword);
    made.advance(11 * minute);
    expect((await renew(late)).status).toBe(400);
    const client = made.client();
    await signIn(client, goodPassword);
    const twin = client.copy();
    const answers = await Promise.all([renew(client, fresh), renew(twin, "another good phrase")]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 400]);
    expect((await renew(twin, "one more good phrase")).status).toBe(400);
  });

  it("an account that is switched off meanwhile stays out, with its old password", async () => {
    const made = await system();
    made.advance(91 * day);
    const client = made.client();
    await signIn(client, goodPassword);
    await made.security.users.deactivate((await made.security.users.find("email", ann)) as never);
    expect((await renew(client)).status).toBe(400);
    expect(await me(client)).toBe(401);
    expect(made.events.filter(({ name }) => name === "passwordChanged")).toEqual([]);
  });

  it("a hook that refuses leaves the old one, and the sign-in waiting", async () => {
    const made = await system();
    made.advance(91 * day);
    const client = made.client();
    await signIn(client, goodPassword);
    const stop = made.security.events.before("changePassword", () => {
      throw new Error("broken");
    });
    expect((await renew(client)).status).toBe(400);
    stop();
    expect((await renew(client)).status).toBe(200);
  });

  it("a wrong one is answered as ever", async () => {
    const made = await system();
    const before = await signIn(made.client(), "wrong");
    made.advance(91 * day);
    const after = await signIn(made.client(), "wrong");
    expect([after.status, after.text]).toEqual([before.status, before.text]);
  });
});

describe("on the other ways", () => {
  it("a request with HTTP Basic is refused, and so is a refresh; a session lives its time", async () => {
    const made = await system({ passwords: aging("3d") });
    const client = made.client();
    const answer = await client.post("/login?include_auth_token", { json: { email: ann, password: goodPassword } });
    const json = { refresh_token: answer.json.response.user.refresh_token as string };
    const inTime = await made.client().get("/basic", { headers: basic(ann, goodPassword) });
    expect(inTime.status).toBe(200);
    for (let passed = 0; passed < 3.5; passed += 0.5) {
      made.advance(day / 2);
      expect(await me(client)).toBe(200);
    }
    expect((await made.client().get("/basic", { headers: basic(ann, goodPassword) })).status).toBe(401);
    expect((await made.client().post("/refresh-token", { json })).status).toBe(400);
  });

  it("the second factor comes first, and gates behind are asked too", async () => {
    const step = (name: string, order: number) =>
      secondStep({ name, order, path: `/${name}`, asks: (email) => email === ann });
    const made = await system({ features: [passwords(), step("before", 400), step("behind", 600)] });
    made.advance(91 * day);
    const client = made.client();
    expect((await signIn(client, goodPassword)).json.response.tf_state).toBe("before");
    expect((await renew(client)).status).toBe(400);
    const second = await client.post("/before", { json: { password: rightCode } });
    expect(second.json.response).toMatchObject({ password_expired: true });
    expect(await me(client)).toBe(401);
    expect((await renew(client)).json.response.tf_state).toBe("behind");
    expect(await me(client)).toBe(401);
    expect((await client.post("/behind", { json: { password: rightCode } })).status).toBe(200);
    expect(await me(client)).toBe(200);
  });

  it("a new password by a mailed link, or by whoever is signed in, begins anew", async () => {
    const made = await system({ passwords: aging("10d") });
    made.advance(6 * day);
    await made.client().post("/reset", { json: { email: ann } });
    await made.security.delivery.idle();
    const link = /\/reset\/[\w.-]+/.exec(made.box.all().at(-1)?.text ?? "")?.[0] ?? "";
    expect((await renew(made.client(), fresh, link)).status).toBe(200);
    made.advance(6 * day);
    const client = made.client();
    await client.signIn(ann, fresh);
    await client.get("/login", { headers: json });
    const change = { password: fresh, new_password: goodPassword, new_password_confirm: goodPassword };
    expect((await client.post("/change", { json: change })).status).toBe(200);
    made.advance(6 * day);
    expect((await signIn(made.client(), goodPassword)).json.response.password_expired).toBeUndefined();
  });

  it("without sessions a sign-in waits alike", async () => {
    let time = Date.UTC(2026, 0, 1);
    const security = await portcullis({
      secretKeys: [secretKey],
      origins: [origin],
      cookies: { allowInsecure: false },
      datastore: memory(),
      features: [passwords()],
      passwords: aging("90d"),
      sessions: { enabled: false },
      clock: () => time,
    });
    onTestFinished(() => security.close());
    await security.users.create({ email: ann, password: goodPassword });
    const client = testClient(security.app(), origin);
    await tokenOf(client, ann, goodPassword);
    time += 91 * day;
    const parked = await signIn(client, goodPassword);
    expect(parked.json.response.password_expired).toBe(true);
    expect(parked.text).not.toContain("authentication_token");
    const answer = await renew(client);
    expect(Object.keys(answer.json.response.user)).toContain("authentication_token");
  });

  it("a password that was stored before anything was noted is as old as its account", async () => {
    const made = await system();
    const id = (await made.security.users.find("email", ann))?.id as number;
    await made.store.delete("passwordHistory", { userId: id });
    made.advance(89 * day);
    expect((await signIn(made.client(), goodPassword)).json.response.password_expired).toBeUndefined();
    made.advance(2 * day);
    expect((await signIn(made.client(), goodPassword)).json.response.password_expired).toBe(true);
  });

  it("is off unless it is asked for, and a length of time", async () => {
    const made = await system({ passwords: { hashing: weakHashing } });
    made.advance(3000 * day);
    expect((await signIn(made.client(), goodPassword)).json.response.password_expired).toBeUndefined();
    expect((await made.client().get("/expired-password")).status).toBe(404);
    await expect(start({ passwords: { policy: { maxAge: "soon" as never } } })).rejects.toThrow(
      "passwords.policy.maxAge:",
    );
  });
});
