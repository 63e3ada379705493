import { refuse } from "portcullis";
import { administration, passwords, refresh, registration, sessions } from "portcullis/features";
import type { TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { administered, html, idOf, json, signedIn, submit } from "./administration-system.ts";
import { goodPassword, hour, minute, otherPassword, type System } from "./authn-system.ts";

const reason = { reason: "Ticket 4711: the order is missing" };
const sessionCookie = "__Host-session";
const ownCookie = "__Host-impersonator";

const me = async (client: TestClient): Promise<string> => {
  const answer = await client.get("/me", json);
  return answer.status === 200 ? answer.json.user.split("@")[0] : String(answer.status);
};

/** ada acts as ann. */
async function acting(system: System): Promise<TestClient> {
  const ada = await signedIn(system, "ada");
  const answer = await submit(ada, `/admin/users/${await idOf(system, "ann")}/impersonate`, reason);
  expect(answer.status).toBe(302);
  return ada;
}

describe("acting as another user", () => {
  it("is begun with a reason, said on every page, and ended by a button, back in the own session", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    const ann = await idOf(system, "ann");
    const own = ada.cookies.get(sessionCookie);
    expect((await ada.get(`/admin/users/${ann}`, html)).text).toContain(`/admin/users/${ann}/impersonate`);
    const unsaid = await submit(ada, `/admin/users/${ann}/impersonate`, { reason: "  " });
    expect([unsaid.status, unsaid.text.includes("aria-invalid"), await me(ada)]).toEqual([200, true, "ada"]);
    const begun = await submit(ada, `/admin/users/${ann}/impersonate`, reason);
    expect([begun.status, begun.location]).toEqual([302, "/"]);
    expect(await me(ada)).toBe("ann");
    expect(ada.cookies.get(sessionCookie)).not.toBe(own);

    const page = await ada.get("/page", html);
    expect(page.text).toContain("ada@acme.example acts as ann@acme.example.");
    const banner = /<div class="banner"[\s\S]*?<\/div>/.exec(page.text)?.[0] ?? "";
    const token = /name="csrf_token" value="([^"]+)"/.exec(banner)?.[1] ?? "";
    expect(banner).toContain('action="/admin/impersonation/end"');
    // Also where something is refused.
    expect((await ada.get("/change-username", html)).text).toContain('class="banner"');
    const ended = await ada.post("/admin/impersonation/end", { form: { csrf_token: token }, ...html, csrf: false });
    expect([ended.status, ended.location]).toEqual([302, `/admin/users/${ann}`]);
    expect([await me(ada), ada.cookies.get(sessionCookie), ada.cookies.has(ownCookie)]).toEqual(["ada", own, false]);
    expect((await ada.get("/page", html)).text).not.toContain('class="banner"');
    expect((await ada.get("/admin/users", html)).status).toBe(200);
  });

  it("is in the trail with the reason; what is done meanwhile carries both", async () => {
    const system = await administered();
    const ada = await acting(system);
    const [annId, adaId] = [await idOf(system, "ann"), await idOf(system, "ada")];
    expect((await ada.get("/change-username", html)).status).toBe(403);
    await submit(ada, "/admin/impersonation/end");
    const entries = (await system.security.audit.list({ actor: adaId })).map(({ name, userId, details }) => ({
      name,
      userId,
      details: JSON.parse(details),
    }));
    expect(entries).toEqual(
      expect.arrayContaining([
        { name: "impersonationStarted", userId: annId, details: { reason: reason.reason, until: expect.any(Number) } },
        { name: "permissionDenied", userId: annId, details: { reason: "acts as another user", as: annId } },
        { name: "impersonationEnded", userId: annId, details: { as: annId } },
      ]),
    );
    // No sign-in of the user's, for those who count or mail them.
    expect(system.events.filter(({ name }) => name === "userAuthenticated")).toHaveLength(1);
    expect((await system.security.audit.verify()).ok).toBe(true);
  });

  it("is not one of the user's devices, and changes nothing of the user's own sessions", async () => {
    const system = await administered();
    const ann = await signedIn(system, "ann");
    await acting(system);
    expect((await ann.get("/sessions", json)).json.response.sessions).toHaveLength(1);
    expect(await me(ann)).toBe("ann");
    const admin = await signedIn(system, "ada");
    const found = (await admin.get("/admin/sessions", json)).json.response.sessions;
    expect(found.filter(({ impersonator }: { impersonator: string | null }) => impersonator !== null)).toMatchObject([
      { user: "ann@acme.example", impersonator: "ada@acme.example", methods: ["impersonation"] },
    ]);
  });
});

describe("what is not open to it", () => {
  it("no account page but signing out and ending it, by any method: also none of the administration", async () => {
    const system = await administered();
    const ada = await acting(system);
    const before = await system.store.find("user", {});
    const open = new Set(["/logout", "/admin/impersonation/end", "/login"]);
    const closed = system.app
      .accessMatrix()
      .filter(({ source, path }) => source !== "application" && !open.has(path) && !path.endsWith(".json"));
    expect(closed.length).toBeGreaterThan(35);
    for (const { method, path } of closed) {
      const at = path.replace(":id", "1").replace(":role", "employee").replace(":session", "x".repeat(43));
      const answer = await ada.request(method, at, method === "GET" ? json : { json: {} });
      expect([method, path, answer.status]).toEqual([method, path, 403]);
    }
    expect(await me(ada)).toBe("ann");
    expect(await system.store.find("user", {})).toEqual(before);
    const signIn = await ada.post("/login?include_auth_token", {
      json: { email: "ann@acme.example", password: goodPassword },
    });
    expect([signIn.status, signIn.text.includes("authentication_token")]).toEqual([400, false]);
  });

  it("nothing that needs a fresh proof, and no way to give one", async () => {
    const system = await administered();
    const ada = await acting(system);
    for (const path of ["/fresh", "/graceful", "/lenient"]) expect((await ada.get(path, json)).status).toBe(401);
    const proof = await ada.post("/verify", { json: { password: goodPassword } });
    expect(proof.status).toBe(403);
  });

  it.each([
    ["ada", "oneself"],
    ["eve", "another administrator"],
    ["off", "somebody who is not active"],
  ])("%s: %s", async (name) => {
    const system = await administered();
    await system.security.users.create({ email: "eve@acme.example", password: goodPassword, roles: ["admin"] });
    const ada = await signedIn(system, "ada");
    const id = await idOf(system, name);
    expect((await ada.get(`/admin/users/${id}`, html)).text).not.toContain("/impersonate");
    const asked = await ada.get(`/admin/users/${id}/impersonate`, html);
    expect([asked.status, asked.location]).toEqual([302, `/admin/users/${id}`]);
    const answer = await ada.post(`/admin/users/${id}/impersonate`, { json: reason });
    expect([answer.status, await me(ada)]).toEqual([400, "ada"]);
    expect(await system.store.count("session", { impersonatorId: { not: null } })).toBe(0);
  });

  it("a before-hook of the application refuses it, and one that fails does", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    const path = `/admin/users/${await idOf(system, "ann")}/impersonate`;
    const off = system.security.events.before("impersonate", ({ reason: said }) =>
      said.startsWith("Ticket") ? refuse("ACTION_REFUSED") : undefined,
    );
    expect((await ada.post(path, { json: reason })).status).toBe(400);
    off();
    system.security.events.before("impersonate", () => {
      throw new Error("broken");
    });
    expect([(await ada.post(path, { json: reason })).status, await me(ada)]).toEqual([400, "ada"]);
  });

  it("anything at all where the option is off", async () => {
    const system = await administered({ impersonation: false });
    const ada = await signedIn(system, "ada");
    const ann = await idOf(system, "ann");
    expect((await ada.get(`/admin/users/${ann}`, html)).text).not.toContain("impersonate");
    expect((await ada.get(`/admin/users/${ann}/impersonate`, html)).status).toBe(404);
  });

  it("other administrators, unless the option says so; then too no administration", async () => {
    const system = await administered({ impersonation: { administrators: true } });
    await system.security.users.create({ email: "eve@acme.example", password: goodPassword, roles: ["admin"] });
    const ada = await signedIn(system, "ada");
    await submit(ada, `/admin/users/${await idOf(system, "eve")}/impersonate`, reason);
    expect(await me(ada)).toBe("eve");
    expect((await ada.get("/admin/users", html)).status).toBe(403);
  });
});

describe("how it ends", () => {
  it("by itself after its life, whatever happens meanwhile, and the own session is back", async () => {
    const system = await administered({ impersonation: { life: "30m" } });
    const ada = await acting(system);
    for (let n = 0; n < 5; n += 1) {
      system.advance(5 * minute);
      expect(await me(ada)).toBe("ann");
    }
    system.advance(5 * minute);
    expect(await me(ada)).toBe("ada");
    expect(ada.cookies.has(ownCookie)).toBe(false);
    expect((await ada.get("/admin/users", html)).status).toBe(200);
  });

  it("what was sent as the user when it had ended is not done as the administrator", async () => {
    const system = await administered();
    const ada = await acting(system);
    await ada.get("/page", html);
    system.advance(hour);
    const answer = await ada.post("/act", { json: {} });
    expect(answer.status).toBe(401);
    expect(await me(ada)).toBe("ada");
  });

  it.each(["signs out", "deactivated", "demoted", "access reset", "deleted", "session over"])(
    "at once with the administrator: %s",
    async (how) => {
      const system = await administered();
      await system.security.users.create({ email: "eve@acme.example", password: goodPassword, roles: ["admin"] });
      const eve = await signedIn(system, "eve");
      const elsewhere = eve.copy();
      await submit(eve, `/admin/users/${await idOf(system, "ann")}/impersonate`, reason);
      expect(await me(eve)).toBe("ann");
      const id = await idOf(system, "eve");
      const { users } = system.security;
      if (how === "signs out") await elsewhere.post("/logout", { json: {} });
      else if (how === "deactivated") await users.deactivate(id);
      else if (how === "demoted") await users.removeRole(id, "admin");
      else if (how === "access reset") await users.resetAccess(id);
      else if (how === "deleted") await users.delete(id);
      else await system.store.delete("session", { userId: id });
      // A user again, or nobody: never ann.
      expect(await me(eve)).toBe(how === "demoted" ? "eve" : "401");
      if (how !== "demoted") expect(await me(eve)).toBe("401");
    },
  );

  it.each(["deactivated", "promoted", "deleted", "password changed", "sessions ended"])(
    "at once with the user: %s",
    async (how) => {
      const system = await administered();
      const ada = await acting(system);
      const id = await idOf(system, "ann");
      const { users } = system.security;
      if (how === "deactivated") await users.deactivate(id);
      else if (how === "promoted") await users.addRole(id, "admin");
      else if (how === "deleted") await users.delete(id);
      else if (how === "password changed") await users.setPassword(id, otherPassword);
      else await users.endSessions(id);
      expect(await me(ada)).toBe("ada");
    },
  );

  it("by signing out: of both, in this browser and for every copy of its cookies", async () => {
    const system = await administered();
    const ada = await acting(system);
    const copy = ada.copy();
    await ada.get("/page", html);
    expect((await ada.post("/logout", { json: {} })).status).toBe(200);
    expect([await me(ada), ada.cookies.has(ownCookie), ada.cookies.has(sessionCookie)]).toEqual(["401", false, false]);
    expect(await me(copy)).toBe("401");
    expect(await system.store.count("session", {})).toBe(0);
  });

  it.each(["signing out", "signing in as somebody else"])("by %s: the tokens of the own session too", async (how) => {
    const features = [passwords(), sessions(), administration(), refresh({ carrier: "body" })];
    const system = await administered({}, { features });
    const ada = system.client();
    const answer = await ada.post("/login?include_auth_token", {
      json: { email: "ada@acme.example", password: goodPassword },
    });
    ada.csrfToken = answer.json.response.csrf_token;
    const { authentication_token, refresh_token } = answer.json.response.user;
    const begun = await submit(ada, `/admin/users/${await idOf(system, "ann")}/impersonate`, reason);
    expect(begun.status).toBe(302);
    await ada.get("/page", html);
    if (how === "signing out") expect((await ada.post("/logout", { json: {} })).status).toBe(200);
    else {
      ada.cookies.delete(sessionCookie);
      await ada.signIn("bob@acme.example", otherPassword);
    }
    expect((await system.client().post("/refresh-token", { json: { refresh_token } })).status).toBe(400);
    const token = { headers: { ...json.headers, "authentication-token": authentication_token } };
    expect((await system.client().get("/me", token)).status).toBe(401);
  });

  it("by signing out while the administrator's account is closed: it is not back once that is opened", async () => {
    const system = await administered();
    const ada = await acting(system);
    const copy = ada.copy();
    await ada.get("/page", html);
    const id = await idOf(system, "ada");
    await system.store.update("user", { id }, { active: false });
    system.security.invalidate();
    await ada.post("/logout", { json: {} });
    await system.store.update("user", { id }, { active: true });
    system.security.invalidate();
    expect([await me(ada), await me(copy)]).toEqual(["401", "401"]);
    expect(await system.store.count("session", {})).toBe(0);
  });

  it("nobody who signs in after it finds the administrator's session behind theirs", async () => {
    const system = await administered();
    const ada = await acting(system);
    ada.cookies.delete(sessionCookie);
    await ada.signIn("bob@acme.example", otherPassword);
    expect([await me(ada), ada.cookies.has(ownCookie)]).toEqual(["bob", false]);
    expect(await system.store.count("session", {})).toBe(1);
  });

  it("twice at once, and where there is nothing to end: refused, and nothing happens", async () => {
    const system = await administered();
    const ada = await acting(system);
    await ada.get("/page", html);
    const copy = ada.copy();
    const answers = await Promise.all([
      ada.post("/admin/impersonation/end", { json: {} }),
      copy.post("/admin/impersonation/end", { json: {} }),
    ]);
    expect(answers.map(({ status }) => status).sort()[0]).toBe(200);
    expect([await me(ada)]).toEqual(["ada"]);
    const again = await ada.post("/admin/impersonation/end", { json: {} });
    expect(again.status).toBe(400);
  });
});

describe("cookies", () => {
  it("the session of the user alone leads nowhere else, and the other cookie takes the administrator's own session only", async () => {
    const system = await administered();
    const ada = await acting(system);
    const thief = ada.copy();
    thief.cookies.delete(ownCookie);
    await thief.get("/page", html);
    await thief.post("/admin/impersonation/end", { json: {} });
    expect(await me(thief)).toBe("401");

    const other = await acting(system);
    const nested = other.cookies.get(sessionCookie) as string;
    const forger = system.client();
    forger.cookies.set(ownCookie, nested);
    expect(await me(forger)).toBe("401");
    for (const value of ["x", "", "y".repeat(43)]) {
      forger.cookies.set(ownCookie, value);
      expect(await me(forger)).toBe("401");
    }
  });

  it("are set as the session's: HttpOnly, Secure, SameSite, for this host", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    const answer = await submit(ada, `/admin/users/${await idOf(system, "ann")}/impersonate`, reason);
    const set = answer.headers.getSetCookie().filter((cookie) => !/max-age=0/i.test(cookie));
    const ours = set.filter(
      (cookie) => cookie.startsWith("__Host-impersonator") || cookie.startsWith("__Host-session"),
    );
    expect(ours).toHaveLength(2);
    for (const cookie of ours) expect(cookie).toMatch(/Path=\/; HttpOnly; Secure; SameSite=Lax/i);
  });
});

it("a session that was made before the feature was switched off is nobody's", async () => {
  const system = await administered();
  const ada = await acting(system);
  const rows = await system.store.find("session", {});
  expect(await me(ada)).toBe("ann");
  const { start } = await import("./authn-system.ts");
  const off = await start({ features: [passwords(), registration()] });
  for (const row of rows) await off.store.insert("session", row);
  const client = off.client();
  for (const [name, value] of ada.cookies) if (name === sessionCookie) client.cookies.set(name, value);
  expect(await me(client)).toBe("401");
});
