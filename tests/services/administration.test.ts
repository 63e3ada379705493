import { randomBytes } from "node:crypto";
import type { TestClient } from "portcullis/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { administered, html, idOf, json, signedIn, submit } from "../http/administration-system.ts";
import { goodPassword, type System } from "../http/authn-system.ts";
import { describeDatabases, type SuiteDatabase } from "./each-database.ts";

const reason = { reason: "Ticket 4711" };

/** What the administration's pages must do on a real database. */
function pages(database: SuiteDatabase): void {
  let system: System;
  let ada: TestClient;

  beforeAll(async () => {
    system = await administered({ pageSize: 7 }, { datastore: database.provider() });
    for (let index = 0; index < 25; index += 1) {
      await system.security.users.create({ email: `user${index}@acme.example`, password: null });
    }
    for (let index = 0; index < 20; index += 1) await signedIn(system, index % 2 === 0 ? "ann" : "bob");
    ada = await signedIn(system, "ada");
  });
  afterAll(() => system?.security.close());

  /** The members of a list, page by page to its end. */
  async function walk(path: string, member: string, key: string): Promise<unknown[]> {
    const found: unknown[] = [];
    let next: string | null = null;
    for (let page = 0; page < 50; page += 1) {
      const at: string = next === null ? path : `${path}${path.includes("?") ? "&" : "?"}after=${next}`;
      const answer = await ada.get(at, json);
      expect([at, answer.status]).toEqual([at, 200]);
      const { response } = answer.json;
      found.push(...response[member].map((one: Record<string, unknown>) => one[key]));
      next = response.next;
      if (next === null) return found;
    }
    throw new Error(`${path} has no end`);
  }

  it("lists are paged by key without gap or repetition", async () => {
    const users = await walk("/admin/users", "users", "id");
    expect(users).toEqual([...users].sort((a, b) => Number(a) - Number(b)));
    expect(new Set(users).size).toBe(30);
    expect(await walk("/admin/users?sort=newest", "users", "id")).toEqual(users.toReversed());
    const byEmail = await walk("/admin/users?sort=email", "users", "email");
    expect(byEmail).toEqual([...byEmail].sort());
    expect(await walk("/admin/users?sort=email-desc", "users", "email")).toEqual(byEmail.toReversed());
    // All of them end in the same millisecond.
    const sessions = await walk("/admin/sessions", "sessions", "id");
    expect([sessions.length, new Set(sessions).size]).toEqual([21, 21]);
    const trail = await walk("/admin/audit", "entries", "sequence");
    expect(trail).toEqual([...trail].sort((a, b) => Number(b) - Number(a)));
  });

  it("every page shows, and says nothing of another language's or database's", async () => {
    const ann = await idOf(system, "ann");
    for (const path of ["users", `users/${ann}`, "roles", "roles/admin", "sessions", "audit", "limits", "matrix"]) {
      expect([path, (await ada.get(`/admin/${path}`, html)).status]).toEqual([path, 200]);
    }
  });

  it("of acting as a user and signing out at once nothing is left", async () => {
    await system.security.users.create({
      email: `eve${randomBytes(3).toString("hex")}@acme.example`,
      password: goodPassword,
      roles: ["admin"],
    });
    const path = `/admin/users/${await idOf(system, "ann")}/impersonate`;
    for (let round = 0; round < 10; round += 1) {
      const eve = await signedIn(system, "ada");
      const elsewhere = eve.copy();
      const [begun] = await Promise.all([eve.post(path, { json: reason }), elsewhere.post("/logout", { json: {} })]);
      expect([200, 400, 401]).toContain(begun.status);
      // Whoever was first: the administrator's session is over, and with it everything in which they act as somebody else.
      expect((await eve.get("/me", json)).status).toBe(401);
    }
  });

  it("ten begin at once, and each that got through ends with the administrator's session", async () => {
    const admin = await signedIn(system, "ada");
    const path = `/admin/users/${await idOf(system, "bob")}/impersonate`;
    const copies = Array.from({ length: 10 }, () => admin.copy());
    const answers = await Promise.all(copies.map((copy) => copy.post(path, { json: reason })));
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    const acting = copies.filter((_copy, index) => answers[index]?.status === 200);
    for (const copy of acting) expect((await copy.get("/me", json)).json.user).toBe("bob@acme.example");
    await submit(acting[0] as TestClient, "/admin/impersonation/end");
    await (acting[0] as TestClient).get("/page", html);
    expect((await (acting[0] as TestClient).post("/logout", { json: {} })).status).toBe(200);
    for (const copy of copies) expect((await copy.get("/me", json)).status).toBe(401);
  });
}

describeDatabases("the administration", pages);
