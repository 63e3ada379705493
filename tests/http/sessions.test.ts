import { outbox } from "portcullis";
import { changePassword, passwords, refresh, registration, sessions } from "portcullis/features";
import type { TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { day, goodPassword, hour, otherPassword, type System, start, tokenOf } from "./authn-system.ts";

const features = [passwords(), registration(), sessions()];
const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const safari =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
const json = { headers: { accept: "application/json" } };

async function signedIn(system: System, email: string, agent: string, remember = false): Promise<TestClient> {
  const client = system.client();
  const password = email.startsWith("bob") ? otherPassword : goodPassword;
  const answer = await client.post("/login", { json: { email, password, remember }, headers: { "user-agent": agent } });
  expect(answer.status).toBe(200);
  client.csrfToken = answer.json.response.csrf_token;
  return client;
}

const listed = async (client: TestClient) => {
  const answer = await client.get("/sessions", json);
  expect(answer.status).toBe(200);
  return answer.json.response.sessions as { id: string; current: boolean; [field: string]: unknown }[];
};
const me = async (client: TestClient): Promise<number> => (await client.get("/me", json)).status;

describe("own sessions", () => {
  it("are listed with device, times and limits, this one first", async () => {
    const system = await start({ features });
    const phone = await signedIn(system, "ann@acme.example", safari);
    system.advance(hour);
    const desk = await signedIn(system, "ann@acme.example", firefox);
    await signedIn(system, "bob@acme.example", firefox);
    const list = await listed(desk);
    expect(list).toMatchObject([
      { current: true, program: "Firefox", system: "Linux", methods: ["password"] },
      { current: false, program: "Safari", system: "iPhone", remembered_until: null },
    ]);
    const now = system.now();
    expect(list[0]).toMatchObject({
      created: new Date(now).toISOString(),
      idle_end: new Date(now + day).toISOString(),
      absolute_end: new Date(now + 14 * day).toISOString(),
    });
    // What is told of a session is no key to it.
    const keys = (await system.store.find("session", {})).map(({ idHash }) => idHash);
    for (const { id } of list) expect(keys).not.toContain(id);
    expect(await me(phone)).toBe(200);
  });

  it("one is ended, on its next request, with its credential", async () => {
    const system = await start({ features });
    const phone = await signedIn(system, "ann@acme.example", safari, true);
    const desk = await signedIn(system, "ann@acme.example", firefox);
    expect(await me(phone)).toBe(200);
    const other = (await listed(desk)).find(({ current }) => !current);
    const answer = await desk.post("/sessions/end", { json: { id: other?.id } });
    expect([answer.status, answer.json.response.ended]).toEqual([200, 1]);
    expect(await me(phone)).toBe(401);
    expect(await me(desk)).toBe(200);
    expect(await system.store.count("remember", {})).toBe(0);
    expect(system.events).toContainEqual({
      name: "sessionsEnded",
      event: expect.objectContaining({ which: "one", count: 1 }),
    });
  });

  it("a device that is only kept signed in is listed, and ended", async () => {
    const system = await start({ features });
    await signedIn(system, "ann@acme.example", safari, true);
    system.advance(2 * day);
    const desk = await signedIn(system, "ann@acme.example", firefox);
    const other = (await listed(desk)).find(({ current }) => !current);
    expect(other).toMatchObject({ absolute_end: null, remembered_until: expect.any(String) });
    expect((await desk.post("/sessions/end", { json: { id: other?.id } })).status).toBe(200);
    expect(await system.store.count("remember", {})).toBe(0);
  });

  it("all others are ended, with auth tokens; this one stays", async () => {
    const system = await start({ features });
    const phone = await signedIn(system, "ann@acme.example", safari, true);
    const desk = await signedIn(system, "ann@acme.example", firefox, true);
    const bob = await signedIn(system, "bob@acme.example", firefox);
    const token = await tokenOf(system.client(), "ann@acme.example", goodPassword);
    const answer = await desk.post("/sessions/end-others", { json: {} });
    expect([answer.status, answer.json.response.ended]).toEqual([200, 2]);
    expect(await me(phone)).toBe(401);
    expect(await me(desk)).toBe(200);
    expect(await me(bob)).toBe(200);
    expect((await system.client().get("/token", { headers: { "authentication-token": token } })).status).toBe(401);
    expect(await system.store.count("remember", {})).toBe(1);
  });

  it("ending this one signs out", async () => {
    const system = await start({ features });
    const desk = await signedIn(system, "ann@acme.example", firefox);
    const [own] = await listed(desk);
    expect((await desk.post("/sessions/end", { json: { id: own?.id } })).status).toBe(200);
    expect(await me(desk)).toBe(401);
  });

  it("ids of others, and ids that there are not, are 404, and nobody is signed out", async () => {
    const system = await start({ features });
    const victim = await signedIn(system, "bob@acme.example", firefox);
    const [theirs] = await listed(victim);
    const keys = (await system.store.find("session", {})).map(({ idHash }) => String(idHash));
    const mallory = await signedIn(system, "ann@acme.example", firefox);
    for (const id of [theirs?.id, ...keys, "0", "1", "x".repeat(22)]) {
      const answer = await mallory.post("/sessions/end", { json: { id } });
      expect([id, answer.status]).toEqual([id, 404]);
    }
    for (const id of ["", ["a"], { gt: "" }, "x".repeat(500), undefined]) {
      expect((await mallory.post("/sessions/end", { json: { id } })).status).toBe(400);
    }
    expect(await me(victim)).toBe(200);
    expect(await me(mallory)).toBe(200);
  });

  it("ending asks for a fresh proof, listing does not [ASVS 7.5.2]", async () => {
    const system = await start({ features, freshness: { within: "5m", grace: "0s" } });
    const desk = await signedIn(system, "ann@acme.example", firefox);
    system.advance(10 * 60_000);
    const [own] = await listed(desk);
    for (const [path, body] of [
      ["/sessions/end", { id: own?.id }],
      ["/sessions/end-others", {}],
    ] as const) {
      const answer = await desk.post(path, { json: body });
      expect([answer.status, answer.json.response.reauth_required]).toEqual([401, true]);
    }
    expect(await me(desk)).toBe(200);
  });

  it("the page works without scripts: a form and a button for each row", async () => {
    const system = await start({ features });
    const phone = await signedIn(system, "ann@acme.example", '"><script>alert(1)</script>');
    const desk = await signedIn(system, "ann@acme.example", firefox);
    const page = await desk.get("/sessions", { headers: { accept: "text/html" } });
    expect(page.status).toBe(200);
    expect(page.text).not.toContain("<script");
    expect(page.text.match(/action="\/sessions\/end"/g)).toHaveLength(2);
    expect(page.text).toContain("Firefox · Linux");
    expect(page.text).toContain('class="badge">This device');
    const token = /name="csrf_token" value="([^"]+)"/.exec(page.text)?.[1] ?? "";
    const done = await desk.post("/sessions/end-others", { form: { csrf_token: token } });
    expect([done.status, done.headers.get("location")]).toEqual([302, "/sessions"]);
    expect(await me(phone)).toBe(401);
    const after = await desk.get("/sessions", { headers: { accept: "text/html" } });
    expect(after.text).toContain("All other devices are signed out.");
    expect(after.text).not.toContain("/sessions/end-others");
  });

  it("needs a sign-in, and a CSRF token for a form", async () => {
    const system = await start({ features });
    expect((await system.client().get("/sessions", json)).status).toBe(401);
    expect((await system.client().post("/sessions/end-others", { json: {} })).status).toBeGreaterThanOrEqual(400);
    const desk = await signedIn(system, "ann@acme.example", firefox);
    desk.csrfToken = undefined;
    const refused = await desk.post("/sessions/end-others", { form: { csrf_token: "x" } });
    expect(refused.status).toBe(400);
  });

  it("what a device was handed beside its session ends with it: tokens are renewed no more [ASVS 10.4.9]", async () => {
    const system = await start({ features: [...features, refresh({ carrier: "body" })] });
    const tokens = async (client: TestClient) => {
      const body = { email: "ann@acme.example", password: goodPassword, remember: true };
      const { json } = await client.post("/login?include_auth_token", { json: body });
      client.csrfToken = json.response.csrf_token;
      return json.response.user as { authentication_token: string; refresh_token: string };
    };
    const renew = async (token: { refresh_token: string }) =>
      (await system.client().post("/refresh-token", { json: { refresh_token: token.refresh_token } })).status;
    const use = async (token: { authentication_token: string }) =>
      (await system.client().get("/token", { headers: { "authentication-token": token.authentication_token } })).status;
    const [phone, tablet, desk] = [system.client(), system.client(), system.client()];
    const ofPhone = await tokens(phone);
    system.advance(1000);
    const ofTablet = await tokens(tablet);
    system.advance(1000);
    const ofDesk = await tokens(desk);
    const oldest = (await listed(desk)).at(-1);
    const one = await desk.post("/sessions/end", { json: { id: oldest?.id } });
    expect([one.status, one.json.response.ended]).toEqual([200, 1]);
    expect([await use(ofPhone), await renew(ofPhone), await me(phone)]).toEqual([401, 400, 401]);
    expect([await use(ofTablet), await use(ofDesk), await me(tablet)]).toEqual([200, 200, 200]);

    const others = await desk.post("/sessions/end-others", { json: {} });
    expect([others.status, others.json.response.ended]).toEqual([200, 1]);
    expect([await use(ofTablet), await renew(ofTablet), await me(tablet), await me(desk)]).toEqual([
      401, 400, 401, 200,
    ]);
    const revoked = await system.store.find("refreshTracker", { revokedAt: { not: null } });
    expect(revoked).toHaveLength(2);
  });

  it("a button that was pressed too late leads back to the page, and so does any form of ours", async () => {
    const system = await start({
      features: [...features, changePassword()],
      freshness: { within: "5m", grace: "0s" },
      mail: { sender: outbox() },
      prefix: "/auth",
      paths: { sessions: "/devices" },
    });
    const client = system.client();
    await client.get("/auth/login");
    await client.post("/auth/login", { form: { email: "ann@acme.example", password: goodPassword } });
    await client.get("/auth/devices");
    system.advance(10 * 60_000);
    for (const [path, back] of [
      ["/auth/sessions/end-others", "/auth/devices"],
      ["/auth/sessions/end", "/auth/devices"],
      ["/auth/change", "/auth/change"],
    ] as const) {
      const answer = await client.post(path, { form: { id: "x" } });
      expect([answer.status, answer.location]).toEqual([302, `/auth/verify?next=${encodeURIComponent(back)}`]);
    }
    await client.get("/auth/verify");
    const proved = await client.post(`/auth/verify?next=${encodeURIComponent("/auth/devices")}`, {
      form: { password: goodPassword },
    });
    expect(proved.location).toBe("/auth/devices");
    expect((await client.get("/auth/devices")).status).toBe(200);
    const stranger = await system.client().post("/auth/sessions/end-others", { form: {} });
    expect(stranger.location).toBe(`/auth/login?next=${encodeURIComponent("/auth/devices")}`);
  });
});
