import { describe, expect, it } from "vitest";
import { administered, html, idOf, json, signedIn, submit } from "./administration-system.ts";
import { goodPassword, minute } from "./authn-system.ts";

describe("roles and permissions", () => {
  it("are granted and revoked by a button each, and effective at once", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    const bobId = await idOf(system, "bob");
    const bob = await signedIn(system, "bob");
    expect((await bob.get("/employee", json)).status).toBe(403);
    const page = await ada.get(`/admin/users/${bobId}/roles`, html);
    expect(page.text).toContain('name="role" value="employee"');
    const path = `/admin/users/${bobId}/roles`;
    expect((await submit(ada, path, { role: "employee", grant: "true" })).status).toBe(302);
    expect((await bob.get("/employee", json)).status).toBe(200);
    expect((await submit(ada, path, { role: "employee", grant: "false" })).status).toBe(302);
    expect((await bob.get("/employee", json)).status).toBe(403);
    expect((await submit(ada, path, { role: "nothing", grant: "true" })).status).toBe(404);
    expect((await submit(ada, path, { role: "employee", grant: "maybe" })).status).toBe(200);
    expect((await submit(ada, path, { role: "employee" })).status).toBe(200);
    expect((await bob.get("/employee", json)).status).toBe(403);
  });

  it("own permissions are set as a list", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    const bobId = await idOf(system, "bob");
    const bob = await signedIn(system, "bob");
    expect((await submit(ada, `/admin/users/${bobId}/permissions`, { permissions: "read, write" })).status).toBe(302);
    expect((await bob.get("/permission", json)).json).toEqual({ read: true });
    const form = await ada.get(`/admin/users/${bobId}/permissions`, html);
    expect(form.text).toContain('value="read, write"');
    const wrong = await submit(ada, `/admin/users/${bobId}/permissions`, { permissions: "a b" });
    expect(wrong.text).toContain("aria-invalid");
    await submit(ada, `/admin/users/${bobId}/permissions`, { permissions: "" });
    expect((await bob.get("/permission", json)).json).toEqual({ read: false });
  });

  it("roles are made, changed and deleted; those that the application declares stay", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    const made = await submit(ada, "/admin/roles/new", { name: "auditor", description: "Reads", permissions: "read" });
    expect([made.status, made.location]).toEqual([302, "/admin/roles/auditor"]);
    expect((await submit(ada, "/admin/roles/new", { name: "auditor", permissions: "" })).text).toContain(
      "aria-invalid",
    );
    for (const name of ["", "a b", "a,b", "OPEN", "permission:x", "x".repeat(81)]) {
      expect([name, (await submit(ada, "/admin/roles/new", { name, permissions: "" })).status]).toEqual([name, 200]);
    }
    expect((await submit(ada, "/admin/roles/auditor/edit", { permissions: "write,  read" })).status).toBe(302);
    const [role] = (await ada.get("/admin/roles", json)).json.response.roles.filter(
      ({ name }: { name: string }) => name === "auditor",
    );
    expect(role).toEqual({ name: "auditor", description: "Reads", permissions: ["read", "write"] });
    expect((await ada.get("/admin/roles/auditor", html)).text).toContain("/admin/roles/auditor/delete");
    expect((await submit(ada, "/admin/roles/auditor/delete")).status).toBe(302);
    expect((await ada.get("/admin/roles/auditor", html)).status).toBe(404);
    const declared = await ada.get("/admin/roles/employee/delete", html);
    expect([declared.status, declared.location]).toEqual([302, "/admin/roles/employee"]);
    expect((await ada.post("/admin/roles/employee/delete", { json: {} })).status).toBe(400);
    expect(await system.security.roles.find("employee")).toBeDefined();
  });
});

describe("sessions", () => {
  it("of everybody are paged by key without gap or repetition, also where many end at once", async () => {
    const system = await administered({ pageSize: 3 });
    const ada = await signedIn(system, "ada");
    for (let n = 0; n < 4; n += 1) await signedIn(system, "ann");
    system.advance(minute);
    for (let n = 0; n < 4; n += 1) await signedIn(system, "bob");
    const seen: string[] = [];
    let next: string | null = "";
    let count = 0;
    while (next !== null) {
      const path: string = next === "" ? "/admin/sessions" : `/admin/sessions?after=${next}`;
      const { sessions: found, next: more } = (await ada.get(path, json)).json.response;
      seen.push(...found.map(({ id }: { id: string }) => id));
      next = more;
      count += 1;
    }
    expect([seen.length, new Set(seen).size, count]).toEqual([9, 9, 3]);
  });

  it("one is ended, with what keeps the device signed in", async () => {
    const system = await administered();
    const ann = system.client();
    await ann.signIn("ann@acme.example", goodPassword, { remember: true });
    const ada = await signedIn(system, "ada");
    const found = (await ada.get("/admin/sessions", json)).json.response.sessions;
    const { id } = found.find(({ user }: { user: string }) => user === "ann@acme.example");
    expect((await submit(ada, `/admin/sessions/${id}/end`)).status).toBe(302);
    expect((await ann.get("/me", json)).status).toBe(401);
    expect((await ada.get(`/admin/sessions/${id}/end`, html)).status).toBe(404);
    expect(await system.store.count("remember", {})).toBe(0);
  });
});

describe("the audit trail", () => {
  it("is narrowed, paged and exported; the export is in it", async () => {
    const system = await administered({ pageSize: 2 });
    const ann = await idOf(system, "ann");
    for (let n = 0; n < 3; n += 1) await signedIn(system, "ann");
    await signedIn(system, "bob");
    const ada = await signedIn(system, "ada");
    const list = async (query: string) => (await ada.get(`/admin/audit?${query}`, json)).json.response;
    const first = await list(`user=${ann}&name=userAuthenticated`);
    expect(first.entries).toHaveLength(2);
    const second = await list(`user=${ann}&name=userAuthenticated&after=${first.next}`);
    expect([second.entries.length, second.next]).toEqual([1, null]);
    expect(
      (await list("user=ANN@acme.example")).entries.every(({ userId }: { userId: number }) => userId === ann),
    ).toBe(true);
    expect((await list("from=2026-01-03")).entries).toEqual([]);
    // The last day is whole.
    expect((await list("to=2026-01-01")).entries).toEqual([]);
    expect((await list("from=2026-01-02&to=2026-01-02")).entries).toHaveLength(2);
    expect((await list("from=2026-01-02&to=2026-01-03")).entries).toHaveLength(2);
    const csv = await ada.get("/admin/audit/export?format=csv&name=userAuthenticated", html);
    expect(csv.headers.get("content-type")).toContain("text/csv");
    expect(csv.headers.get("content-disposition")).toBe('attachment; filename="audit-2026-01-02.csv"');
    expect(csv.text.split("\r\n")).toHaveLength(7);
    const file = await ada.get("/admin/audit/export?format=json&name=userAuthenticated", html);
    expect(JSON.parse(file.text).entries).toHaveLength(5);
    expect((await ada.get("/admin/audit/export?format=xml", json)).status).toBe(400);
    expect(system.events.filter(({ name }) => name === "auditExported")).toHaveLength(2);
    expect((await list("name=auditExported")).entries[0]).toMatchObject({ details: { count: 5 } });
    const page = await ada.get(`/admin/audit?user=${ann}`, html);
    expect(page.text).toContain("/admin/audit/export?user=");
  });
});
