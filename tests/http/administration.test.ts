import { apiKey, column, type RouteRecord } from "portcullis";
import { administration, apiKeys, type Feature, passwords, sessions, usernames } from "portcullis/features";
import { describe, expect, it } from "vitest";
import { administered, html, idOf, json, signedIn, submit } from "./administration-system.ts";
import { goodPassword, hour, otherPassword, start } from "./authn-system.ts";

const pages = ["users", "roles", "sessions", "audit", "limits", "matrix"];

describe("who may", () => {
  it("nobody but administrators by a session reaches any page or form, by any method", async () => {
    const system = await administered();
    const ann = await idOf(system, "ann");
    const records = system.app.accessMatrix().filter(({ source }) => source === "administration");
    expect(records.length).toBeGreaterThan(30);
    const bob = await signedIn(system, "bob");
    const session = String((await system.store.find("session", {}))[0]?.["idHash"]);
    const before = await system.store.find("user", {});
    const at = ({ path }: RouteRecord): string =>
      path.replace(":id", String(ann)).replace(":role", "employee").replace(":session", session);
    for (const record of records) {
      const open = record.path === "/admin/impersonation/end";
      const init = record.method === "GET" ? json : { json: {} };
      const { status: anonymous } = await system.client().request(record.method, at(record), init);
      const { status: plain } = await bob.request(record.method, at(record), init);
      expect([record.method, record.path, anonymous]).toEqual([record.method, record.path, 401]);
      expect([record.method, record.path, plain]).toEqual([
        record.method,
        record.path,
        open ? (record.method === "GET" ? 200 : 400) : 403,
      ]);
    }
    expect(await system.store.find("user", {})).toEqual(before);
  });

  it("an auth token of an administrator opens nothing: the pages are for sessions", async () => {
    const system = await administered();
    const client = system.client();
    const answer = await client.post("/login?include_auth_token", {
      json: { email: "ada@acme.example", password: goodPassword },
    });
    const token = answer.json.response.user.authentication_token as string;
    const asked = await system.client().get("/admin/users", {
      headers: { accept: "application/json", "authentication-token": token },
    });
    expect(asked.status).toBe(401);
  });

  it("reading needs no fresh proof, every change does, and comes back after it", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    const ann = await idOf(system, "ann");
    system.advance(3 * hour);
    for (const page of pages) expect((await ada.get(`/admin/${page}`, html)).status).toBe(200);
    const asked = await ada.get(`/admin/users/${ann}/deactivate`, html);
    expect([asked.status, asked.location]).toEqual([302, `/verify?next=%2Fadmin%2Fusers%2F${ann}%2Fdeactivate`]);
    for (const path of [`users/${ann}/deactivate`, `users/${ann}/delete`, "users/new", "roles/new"]) {
      const answer = await ada.post(`/admin/${path}`, { json: {} });
      expect([path, answer.status, answer.json.response.reauth_required]).toEqual([path, 401, true]);
    }
    expect((await ada.get("/admin/audit/export", json)).status).toBe(401);
    expect((await system.security.users.get(ann))?.active).toBe(true);
  });

  it("a form without the CSRF token, or from another origin, changes nothing", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    const ann = await idOf(system, "ann");
    const path = `/admin/users/${ann}/deactivate`;
    expect((await ada.post(path, { form: {}, csrf: false, ...html })).status).toBe(400);
    const foreign = await ada.post(path, { json: {}, headers: { origin: "https://evil.example" } });
    expect(foreign.status).toBe(400);
    expect((await system.security.users.get(ann))?.active).toBe(true);
  });
});

describe("users", () => {
  it("are listed, searched, narrowed and paged by key, in one page's worth of rows", async () => {
    const system = await administered({ pageSize: 2 });
    const ada = await signedIn(system, "ada");
    const emails = async (
      path: string,
    ): Promise<{ emails: string[]; next: string | null; previous: string | null }> => {
      const { users, next, previous } = (await ada.get(path, json)).json.response;
      return { emails: users.map(({ email }: { email: string }) => email.split("@")[0]), next, previous };
    };
    const first = await emails("/admin/users");
    expect(first).toMatchObject({ emails: ["ann", "bob"], previous: null });
    const second = await emails(`/admin/users?after=${first.next}`);
    expect(second.emails).toEqual(["ada", "off"]);
    const third = await emails(`/admin/users?after=${second.next}`);
    expect(third).toMatchObject({ emails: ["nop"], next: null });
    expect((await emails(`/admin/users?before=${third.previous}`)).emails).toEqual(["ada", "off"]);
    expect((await emails("/admin/users?sort=newest")).emails).toEqual(["nop", "off"]);
    const sorted = await emails("/admin/users?sort=email");
    expect(sorted.emails).toEqual(["ada", "ann"]);
    expect((await emails(`/admin/users?sort=email&after=${sorted.next}`)).emails).toEqual(["bob", "nop"]);
    expect((await emails("/admin/users?sort=email-desc")).emails).toEqual(["off", "nop"]);
    const heads = await ada.get("/admin/users?sort=email&active=true", html);
    expect(heads.text).toContain('aria-sort="ascending"><a href="/admin/users?active=true&amp;sort=email-desc">');
    expect((await emails("/admin/users?search=AN")).emails).toEqual(["ann"]);
    expect((await emails("/admin/users?role=admin")).emails).toEqual(["ada"]);
    expect((await emails("/admin/users?active=false")).emails).toEqual(["off"]);
    expect((await emails("/admin/users?role=employee&active=false")).emails).toEqual([]);
    const text = (await ada.get("/admin/users", json)).text;
    expect(text).not.toContain("argon2");
    expect(text).not.toMatch(/fs_?uniquifier|password/i);
    const page = await ada.get("/admin/users?search=ann&active=true", html);
    expect(page.text).toContain('value="ann"');
    expect(page.text).toContain('<option value="true" selected>');
    expect(page.text).toContain("ann@acme.example");
    expect(page.text).not.toContain("bob@acme.example");
  });

  it("a wrong filter is named in JSON, and said on the page", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    for (const [query, field] of [
      ["role=nobody", "role"],
      ["active=perhaps", "active"],
      ["after=x", "after"],
      [`search=${"x".repeat(300)}`, "search"],
    ]) {
      const answer = await ada.get(`/admin/users?${query}`, json);
      expect([query, answer.status, Object.keys(answer.json.response.field_errors)]).toEqual([query, 400, [field]]);
      expect((await ada.get(`/admin/users?${query}`, html)).status).toBe(200);
    }
    expect((await ada.get("/admin/users?active=perhaps", html)).text).toContain('aria-invalid="true"');
    for (const [path, field] of [
      ["sessions?after=1", "after"],
      ["audit?after=x", "after"],
      ["audit?from=2026-02-31", "from"],
      ["audit?user=nobody@acme.example", "user"],
      ["audit?name=a%20b", "name"],
      ["limits?after=-1", "after"],
    ]) {
      const answer = await ada.get(`/admin/${path}`, json);
      expect([path, answer.status, Object.keys(answer.json.response.field_errors)]).toEqual([path, 400, [field]]);
      expect((await ada.get(`/admin/${path}`, html)).status).toBe(200);
    }
  });

  it("whose number nobody has, or that is none, are 404", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    for (const id of ["0", "-1", "01", "1e0", "x", "99999", "2147483648", "9007199254740993", "1%00"]) {
      for (const path of [`users/${id}`, `users/${id}/delete`, `users/${id}/edit`, `users/${id}/roles`]) {
        expect([path, (await ada.get(`/admin/${path}`, html)).status]).toEqual([path, 404]);
      }
      expect((await ada.post(`/admin/users/${id}/delete`, { json: {} })).status).toBe(404);
    }
  });

  it("one is shown whole: profile, access, sessions, events, and what can be done", async () => {
    const system = await administered({}, {
      columns: { company: column.string({ nullable: true }) },
      features: [passwords(), usernames(), sessions(), administration()],
    } as never);
    const ann = await idOf(system, "ann");
    await system.security.users.update(ann, { company: "<b>Acme</b>" } as never);
    const annClient = await signedIn(system, "ann");
    const ada = await signedIn(system, "ada");
    const page = await ada.get(`/admin/users/${ann}`, html);
    expect(page.status).toBe(200);
    for (const said of ["ann@acme.example", "employee", "&lt;b&gt;Acme&lt;/b&gt;", "Signed in", "Company"]) {
      expect(page.text).toContain(said);
    }
    for (const path of [
      "edit",
      "password",
      "deactivate",
      "unlock",
      "end-sessions",
      "reset-access",
      "delete",
      "roles",
    ]) {
      expect(page.text).toContain(`href="/admin/users/${ann}/${path}"`);
    }
    expect(page.text).not.toContain(`/admin/users/${ann}/activate"`);
    const answer = await ada.get(`/admin/users/${ann}`, json);
    expect(answer.json.response).toMatchObject({ user: { email: "ann@acme.example" }, sessions: 1 });
    expect((await annClient.get("/me", json)).status).toBe(200);
  });

  it("API keys are listed and revoked; what a feature knows of factors is shown", async () => {
    const factors: Feature = {
      name: "factors",
      waysToSignIn: (_kernel, _rq, account) => [{ label: "Passkeys", text: `2 of ${account.email}` }],
    };
    const system = await administered(
      {},
      { features: [passwords(), sessions(), administration(), apiKeys(), factors], schemes: [apiKey()] as never },
    );
    const ann = await idOf(system, "ann");
    const annClient = await signedIn(system, "ann");
    const made = await annClient.post("/api/user/key", { json: { name: "<i>robot</i>" } });
    expect(made.status).toBe(201);
    const [row] = await system.store.find("apiKey", {});
    const ada = await signedIn(system, "ada");
    const page = await ada.get(`/admin/users/${ann}`, html);
    expect(page.text).toContain("2 of ann@acme.example");
    expect(page.text).toContain("&lt;i&gt;robot&lt;/i&gt;");
    expect(page.text).not.toContain(String(row?.["secretHash"]));
    const bob = await idOf(system, "bob");
    const revoke = `keys/${String(row?.["id"])}/revoke`;
    expect((await ada.get(`/admin/users/${bob}/${revoke}`, html)).status).toBe(404);
    expect((await submit(ada, `/admin/users/${ann}/${revoke}`)).status).toBe(302);
    expect((await ada.get(`/admin/users/${ann}/${revoke}`, html)).status).toBe(404);
    expect(await system.store.count("apiKey", {})).toBe(0);
  });

  it("nobody acts as a service account, or sets its password", async () => {
    const system = await administered(
      {},
      { features: [passwords(), sessions(), administration(), apiKeys()], schemes: [apiKey()] as never },
    );
    const { id } = await system.security.users.create({ email: "robot@acme.example", serviceAccount: true } as never);
    const ada = await signedIn(system, "ada");
    for (const path of ["impersonate", "password"]) {
      const answer = await ada.post(`/admin/users/${id}/${path}`, {
        json: { reason: "because", password: otherPassword, password_confirm: otherPassword },
      });
      expect([path, answer.status]).toEqual([path, 400]);
    }
    expect((await system.security.users.get(id))?.password).toBeNull();
  });

  it("is created, edited and given a password under the policy", async () => {
    const system = await administered({}, {
      columns: { company: column.string({ nullable: true }), age: column.integer({ nullable: true }) },
    } as never);
    const ada = await signedIn(system, "ada");
    const weak = await submit(ada, "/admin/users/new", { email: "new@acme.example", password: "password", age: "x" });
    expect([weak.status, weak.text.includes("aria-invalid")]).toEqual([200, true]);
    const made = await submit(ada, "/admin/users/new", {
      email: "new@acme.example",
      username: "newcomer",
      password: goodPassword,
      confirmed: "y",
      company: "Acme",
      age: "42",
    });
    const id = await idOf(system, "new");
    expect([made.status, made.location]).toEqual([302, `/admin/users/${id}`]);
    expect(await system.security.users.get(id)).toMatchObject({ username: "newcomer", company: "Acme", age: 42 });
    const again = await submit(ada, "/admin/users/new", { email: "NEW@acme.example" });
    expect(again.text).toContain("already");

    const theirs = await signedIn(system, "new");
    const form = await ada.get(`/admin/users/${id}/edit`, html);
    expect(form.text).toContain('value="new@acme.example"');
    expect(form.text).toContain('value="42"');
    const same = await submit(ada, `/admin/users/${id}/edit`, {
      email: "new@acme.example",
      username: "newcomer",
      company: "",
      age: "43",
    });
    expect(same.status).toBe(302);
    // What signs nobody in ends nothing.
    expect((await theirs.get("/me", json)).status).toBe(200);
    expect(await system.security.users.get(id)).toMatchObject({ company: null, age: 43 });
    await submit(ada, `/admin/users/${id}/edit`, { email: "newer@acme.example", username: "newcomer" });
    expect((await theirs.get("/me", json)).status).toBe(401);
    expect((await system.security.users.get(id))?.email).toBe("newer@acme.example");
    const clash = await submit(ada, `/admin/users/${id}/edit`, { email: "ann@acme.example", username: "newcomer" });
    expect([clash.status, clash.text.includes("ann@acme.example")]).toEqual([200, true]);

    const refused = await submit(ada, `/admin/users/${id}/password`, { password: "1234", password_confirm: "1234" });
    expect(refused.status).toBe(200);
    const set = await submit(ada, `/admin/users/${id}/password`, {
      password: otherPassword,
      password_confirm: otherPassword,
    });
    expect(set.status).toBe(302);
    expect(
      (await system.client().post("/login", { json: { email: "newer@acme.example", password: otherPassword } })).status,
    ).toBe(200);
    expect(system.events.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["userCreated", "emailChanged", "passwordSet"]),
    );
  });

  it.each([
    ["deactivate", 401],
    ["end-sessions", 401],
    ["reset-access", 401],
    ["delete", 401],
  ])("%s asks first, then ends at once what the user is signed in with", async (action, status) => {
    const system = await administered();
    const ann = await idOf(system, "ann");
    const theirs = await signedIn(system, "ann");
    const ada = await signedIn(system, "ada");
    const asked = await ada.get(`/admin/users/${ann}/${action}`, html);
    expect([asked.status, asked.text.includes("ann@acme.example")]).toEqual([200, true]);
    expect((await theirs.get("/me", json)).status).toBe(200);
    expect((await submit(ada, `/admin/users/${ann}/${action}`)).status).toBe(302);
    expect((await theirs.get("/me", json)).status).toBe(status);
    expect((await ada.get("/me", json)).status).toBe(200);
  });

  it("activates again, and takes a lock off", async () => {
    const system = await administered({}, { limits: { lockout: { failures: 2, periods: ["1h"] } } });
    const ada = await signedIn(system, "ada");
    const off = await idOf(system, "off");
    expect((await submit(ada, `/admin/users/${off}/activate`)).status).toBe(302);
    expect((await system.security.users.get(off))?.active).toBe(true);
    const wrong = { json: { email: "ann@acme.example", password: "wrong" } };
    for (let n = 0; n < 3; n += 1) await system.client().post("/login", wrong);
    const ann = await idOf(system, "ann");
    const locked = (await ada.get("/admin/limits", json)).json.response.lockouts;
    expect(locked).toMatchObject([{ user_id: ann, user: "ann@acme.example" }]);
    expect((await ada.get(`/admin/users/${ann}`, html)).text).toContain("Locked until");
    expect((await ada.get("/admin/limits", html)).text).toContain(`/admin/users/${ann}/unlock`);
    expect((await submit(ada, `/admin/users/${ann}/unlock`)).status).toBe(302);
    expect((await ada.get("/admin/limits", json)).json.response.lockouts).toEqual([]);
    await signedIn(system, "ann");
  });

  it("the own account can't be taken away, nor its own roles changed; the last administrator stays", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    const own = await idOf(system, "ada");
    // Not the last one yet: the own account is what it is about.
    await system.security.users.create({ email: "eve@acme.example", password: goodPassword, roles: ["admin"] });
    for (const action of ["deactivate", "delete", "password", "permissions"]) {
      const answer = await ada.post(`/admin/users/${own}/${action}`, {
        json: { permissions: "", password: otherPassword, password_confirm: otherPassword },
      });
      expect([action, answer.status]).toEqual([action, 400]);
    }
    const revoked = await ada.post(`/admin/users/${own}/roles`, { json: { role: "admin", grant: false } });
    expect(revoked.status).toBe(400);
    expect((await submit(ada, `/admin/users/${await idOf(system, "eve")}/delete`)).status).toBe(302);
    const emptied = await submit(ada, "/admin/roles/admin/edit", { permissions: "read" });
    expect([emptied.status, emptied.text.includes("last active administrator")]).toEqual([200, true]);
    expect((await ada.get("/admin/users", json)).status).toBe(200);
  });
});

it("the access matrix shows every route of the application that serves it", async () => {
  const system = await administered();
  const ada = await signedIn(system, "ada");
  const { routes } = (await ada.get("/admin/matrix", json)).json.response;
  const matrix = system.app.accessMatrix();
  expect(routes).toHaveLength(matrix.length);
  const page = await ada.get("/admin/matrix", html);
  for (const path of ["/employee", "/admin/users/:id/delete", "/login"]) expect(page.text).toContain(path);
});

describe("the pages", () => {
  it("stand under the path, and can be replaced one by one", async () => {
    const system = await start({
      features: [passwords(), administration({ path: "/staff/area", permission: "read" })],
      views: { pages: { adminUsers: () => "<!doctype html><title>own</title>" as never } },
    });
    await system.security.roles.addPermissions("admin", "read");
    const ada = await signedIn(system, "ada");
    expect((await ada.get("/staff/area", html)).location).toBe("/staff/area/users");
    expect((await ada.get("/staff/area/users", html)).text).toContain("<title>own</title>");
    expect((await ada.get("/admin/users", html)).status).toBe(404);
  });

  it.each([
    [{ path: "admin" }, "administration.path"],
    [{ permission: "a b" }, "administration.permission"],
    [{ pageSize: 0 }, "administration.pageSize"],
    [{ pageSize: 201 }, "administration.pageSize"],
    [{ unknown: 1 }, "administration.unknown"],
    [{ impersonation: true }, "administration.impersonation"],
    [{ impersonation: { life: "9h" } }, "administration.impersonation.life"],
    [{ impersonation: { nothing: 1 } }, "administration.impersonation.nothing"],
  ])("%j does not start: %s", (options, path) => {
    expect(() => administration(options as never)).toThrow(expect.objectContaining({ path }));
  });

  it("need sessions", async () => {
    await expect(start({ features: [passwords(), administration()], sessions: { enabled: false } })).rejects.toThrow(
      "administration",
    );
  });
});
