import { afterEach, describe, expect, it } from "vitest";
import { PortcullisError } from "../model/errors.ts";
import { permissionRole } from "../model/permission-role.ts";
import { createAdministrators, LastAdministratorError } from "./administrators.ts";
import type { Datastore, DatastoreProvider } from "./contract.ts";
import { type Domain, openDomain } from "./fixtures/domain.ts";
import { memory } from "./memory/index.ts";
import { sqlite } from "./sqlite/index.ts";
import type { UserQuery } from "./user-pages.ts";

const open: Datastore[] = [];
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
});

async function domain(provider: DatastoreProvider): Promise<Domain> {
  const made = await openDomain(provider, (now) => createAdministrators("admin", now));
  open.push(made.store);
  return made;
}

/** All pages one after the other, forwards and then backwards again: both must tell the same. */
async function walk({ users }: Domain, query: UserQuery): Promise<readonly string[]> {
  const forwards: string[] = [];
  let page = await users.page(query);
  expect(page.previous).toBeUndefined();
  const pages = [page.users.map(({ email }) => email)];
  while (page.next !== undefined) {
    page = await users.page({ ...query, after: page.next });
    pages.push(page.users.map(({ email }) => email));
    if (pages.length > 100) throw new Error("pages without end");
  }
  forwards.push(...pages.flat());
  const backwards = [...(pages.at(-1) ?? [])];
  while (page.previous !== undefined) {
    page = await users.page({ ...query, before: page.previous });
    backwards.unshift(...page.users.map(({ email }) => email));
    if (backwards.length > 1000) throw new Error("pages without end");
  }
  expect(backwards).toEqual(forwards);
  return forwards;
}

describe.each([
  ["memory", () => memory()],
  ["sqlite", () => sqlite(":memory:")],
] as const)("pages of users on %s", (_name, provider) => {
  const people = async (): Promise<Domain> => {
    const all = await domain(provider());
    await all.roles.create("editor", { permissions: ["write"] });
    for (let index = 0; index < 23; index += 1) {
      await all.users.create({
        email: `${index % 2 === 0 ? "ann" : "bob"}${String(index).padStart(2, "0")}@acme.example`,
        username: index % 3 === 0 ? `Annex${index}` : null,
        active: index % 5 !== 0,
        ...(index % 4 === 0 ? { roles: ["editor"] } : {}),
      });
    }
    return all;
  };
  const names = (...numbers: readonly number[]): string[] =>
    numbers.map((index) => `${index % 2 === 0 ? "ann" : "bob"}${String(index).padStart(2, "0")}@acme.example`);
  const every = Array.from({ length: 23 }, (_, index) => index);

  it.each([1, 4, 5, 23, 100])("shows everybody once, %d a page", async (limit) => {
    const all = await people();
    expect(await walk(all, { limit })).toEqual(names(...every));
    expect(await walk(all, { limit, active: false })).toEqual(names(0, 5, 10, 15, 20));
    expect(await walk(all, { limit, role: "editor" })).toEqual(names(0, 4, 8, 12, 16, 20));
    expect(await walk(all, { limit, role: "editor", active: true })).toEqual(names(4, 8, 12, 16));
    // By address first, then those whose username alone begins so.
    const byAddress = names(...every.filter((index) => index % 2 === 0));
    expect(await walk(all, { limit, search: "ANN" })).toEqual([...byAddress, ...names(15, 21, 3, 9)]);
    expect(await walk(all, { limit, search: "ann", active: false })).toEqual(names(0, 10, 20, 15));
    expect(await walk(all, { limit, search: "ann", role: "editor" })).toEqual(names(0, 4, 8, 12, 16, 20));
    expect(await walk(all, { limit, search: "ann1%" })).toEqual([]);
  });

  it.each([1, 4, 23])("comes by number or address, forwards or from the end, %d a page", async (limit) => {
    const all = await people();
    const byAddress = [...names(...every)].sort();
    expect(await walk(all, { limit, order: "desc" })).toEqual(names(...every.toReversed()));
    expect(await walk(all, { limit, sort: "email" })).toEqual(byAddress);
    expect(await walk(all, { limit, sort: "email", order: "desc" })).toEqual(byAddress.toReversed());
    const editors = names(0, 4, 8, 12, 16, 20);
    expect(await walk(all, { limit, role: "editor", order: "desc" })).toEqual(editors.toReversed());
    expect(await walk(all, { limit, role: "editor", sort: "email", order: "desc" })).toEqual(editors.toReversed());
    const found = [...names(...every.filter((index) => index % 2 === 0)), ...names(15, 21, 3, 9)];
    expect(await walk(all, { limit, search: "ann", order: "desc" })).toEqual(found.toReversed());
    const inactive = names(0, 5, 10, 15, 20).sort().toReversed();
    expect(await walk(all, { limit, active: false, sort: "email", order: "desc" })).toEqual(inactive);
  });

  it("has the roles and permissions of each, and the password's hash of none", async () => {
    const all = await people();
    await all.users.setPermissions(1, ["write", "read"]);
    const { users } = await all.users.page({ limit: 2 });
    expect(users.map((user) => [[...user.roles], [...user.permissions].sort(), [...user.ownPermissions]])).toEqual([
      [["editor"], ["read", "write"], ["write", "read"]],
      [[], [], []],
    ]);
    expect(JSON.stringify({ ...users[0] })).not.toContain("argon2");
  });

  it("counts up to a bound, and only when asked", async () => {
    const { users } = await people();
    expect((await users.page({})).total).toBeUndefined();
    expect((await users.page({ countTo: 1000 })).total).toEqual({ count: 23, exact: true });
    expect((await users.page({ countTo: 22 })).total).toEqual({ count: 22, exact: false });
    expect((await users.page({ countTo: 100, role: "editor" })).total).toEqual({ count: 6, exact: true });
    expect((await users.page({ countTo: 5, role: "editor", active: true })).total).toEqual({ count: 4, exact: true });
    expect((await users.page({ countTo: 5, search: "ann" })).total).toEqual({ count: 5, exact: false });
    expect((await users.page({ countTo: 100, search: "ann" })).total).toEqual({ count: 16, exact: true });
  });

  it("shows everybody once whichever of two conditions leads", async () => {
    const all = await domain(provider());
    const { users, roles, store } = all;
    await roles.create("many");
    await roles.create("some");
    const [many, some] = [await roles.require("many"), await roles.require("some")];
    const expected: Record<string, string[]> = { inactive: [], searched: [], some: [] };
    for (let index = 0; index < 620; index += 1) {
      const email = `${index % 100 === 0 ? "x" : "y"}${String(index).padStart(3, "0")}@acme.example`;
      const { id } = await users.create({ email, active: index % 90 !== 0 });
      if (index >= 100) await store.insert("rolesUsers", { userId: id, roleId: many.id });
      if (index % 50 === 0) await store.insert("rolesUsers", { userId: id, roleId: some.id });
      if (index >= 100 && index % 90 === 0) expected["inactive"]?.push(email);
      if (index >= 100 && index % 100 === 0) expected["searched"]?.push(email);
      if (index % 50 === 0 && index % 100 === 0 && index % 90 !== 0) expected["some"]?.push(email);
    }
    for (const limit of [2, 7, 50]) {
      expect(await walk(all, { limit, role: "many", active: false })).toEqual(expected["inactive"]);
      expect(await walk(all, { limit, role: "many", search: "x" })).toEqual(expected["searched"]);
      expect(await walk(all, { limit, role: "some", search: "X", active: true })).toEqual(expected["some"]);
    }
    expect((await users.page({ role: "many", active: true, countTo: 1000 })).total).toEqual({
      count: 515,
      exact: true,
    });
  });

  it("ends a page that looks through many who are not wanted, and goes on from there", async () => {
    const all = await domain(provider());
    const { users, roles, store } = all;
    await roles.create("many");
    const { id: roleId } = await roles.require("many");
    for (let index = 0; index < 5_200; index += 1) {
      const email = `user${String(index).padStart(4, "0")}@acme.example`;
      const row = { email, active: index < 4_600, fsUniquifier: `many-${index}` };
      const userId = await store.insert("user", row);
      await store.insert("rolesUsers", { userId: userId ?? 0, roleId });
    }
    let read = 0;
    const find = store.find.bind(store);
    store.find = async (...given) => {
      const rows = await find(...given);
      read += rows.length;
      return rows;
    };
    for (const query of [
      { role: "many", active: false },
      { search: "user", active: false },
    ]) {
      const found: string[] = [];
      let after: string | undefined;
      let pages = 0;
      do {
        read = 0;
        const page = await users.page({ ...query, after, limit: 100 });
        expect(read).toBeLessThan(3_200);
        found.push(...page.users.map(({ email }) => email));
        after = page.next;
        pages += 1;
      } while (after !== undefined && pages < 50);
      expect(found).toHaveLength(600);
      expect(found[0]).toBe("user4600@acme.example");
    }
  });

  it("goes to a page by number, and on from there", async () => {
    const all = await people();
    const page = await all.users.page({ limit: 5, skip: 10 });
    expect(page.users.map(({ email }) => email)).toEqual(names(10, 11, 12, 13, 14));
    const before = await all.users.page({ limit: 5, before: page.previous });
    expect(before.users.map(({ email }) => email)).toEqual(names(5, 6, 7, 8, 9));
    expect((await all.users.page({ limit: 5, skip: 100 })).users).toEqual([]);
  });

  it("goes on where the last user was removed meanwhile", async () => {
    const all = await people();
    const page = await all.users.page({ limit: 3, search: "bob" });
    await all.users.delete(page.users[2] as { id: number });
    const next = await all.users.page({ limit: 3, search: "bob", after: page.next });
    expect(next.users.map(({ email }) => email)).toEqual(names(7, 9, 11));
  });

  it("refuses what it can't show", async () => {
    const { users } = await people();
    for (const query of [
      { limit: 0 },
      { limit: 1001 },
      { skip: -1 },
      { skip: 1001 },
      { after: "x" },
      { after: Buffer.from('["email","x",1]').toString("base64url") },
      { before: Buffer.from('["id",1.5,1]').toString("base64url") },
      { after: Buffer.from('["id",1,1]').toString("base64url"), before: "x" },
      { sort: "name" as never },
      { order: "up" as never },
      { sort: "email" as const, after: Buffer.from('["id",1,1]').toString("base64url") },
      { search: "x".repeat(256) },
    ]) {
      const failed = users.page(query);
      await expect(failed, JSON.stringify(query)).rejects.toThrow(PortcullisError);
      await expect(failed).rejects.toMatchObject({ code: "invalid_field" });
    }
    await expect(users.page({ role: "nobody" })).rejects.toMatchObject({ code: "unknown_role" });
    await expect(users.page({ role: permissionRole("write") })).rejects.toMatchObject({ code: "unknown_role" });
  });

  it("replaces roles and own permissions, which no list of roles shows", async () => {
    const { users, roles } = await people();
    expect(await users.setPermissions(2, ["read", "write"])).toBe(true);
    expect(await users.setPermissions(2, ["write", "read"])).toBe(false);
    expect(await users.setPermissions(2, ["read"])).toBe(true);
    expect([...((await users.get(2))?.permissions ?? [])]).toEqual(["read"]);
    expect((await roles.list()).map(({ name }) => name)).toEqual(["editor"]);
    await expect(roles.create("permission:x")).rejects.toMatchObject({ code: "invalid_field" });
    await expect(roles.delete("permission:read")).rejects.toMatchObject({ code: "unknown_role" });
    await expect(users.addRole(2, "permission:read")).rejects.toMatchObject({ code: "unknown_role" });
    await expect(users.setPermissions(2, ["x".repeat(70)])).rejects.toMatchObject({ code: "invalid_field" });
    await expect(users.setPermissions(2, ["a,b"])).rejects.toMatchObject({ code: "invalid_field" });
    expect(await users.setRoles(2, ["editor", "editor"])).toBe(true);
    expect([...((await users.get(2))?.permissions ?? [])].sort()).toEqual(["read", "write"]);
    expect(await users.setRoles(2, [])).toBe(true);
    await expect(users.setRoles(2, ["nobody"])).rejects.toMatchObject({ code: "unknown_role" });
  });

  it("keeps the last administrator, whatever would take them away", async () => {
    const { users, roles } = await people();
    await roles.create("boss", { permissions: ["admin", "write"] });
    await users.addRole(2, "boss");
    await users.setPermissions(3, ["admin"]);
    // Number 1 is not active: no administrator, whatever it has.
    await users.addRole(1, "boss");
    await users.setPermissions(3, []);
    for (const work of [
      () => users.deactivate(2),
      () => users.toggleActive(2),
      () => users.delete(2),
      () => users.removeRole(2, "boss"),
      () => users.setRoles(2, ["editor"]),
      () => roles.delete("boss"),
      () => roles.removePermissions("boss", "admin"),
    ]) {
      await expect(work()).rejects.toThrow(LastAdministratorError);
    }
    expect([...((await users.get(2))?.permissions ?? [])].sort()).toEqual(["admin", "write"]);
    // What leaves one is done.
    await users.setPermissions(2, ["admin"]);
    await roles.delete("boss");
    await expect(users.setPermissions(2, [])).rejects.toThrow(LastAdministratorError);
    await users.setPermissions(4, ["admin"]);
    await users.delete(2);
    await expect(users.deactivate(4)).rejects.toThrow(LastAdministratorError);
    expect(await users.deactivate(5)).toBe(true);
  });

  it("leaves one of two administrators who take each other away at once", async () => {
    const { users } = await people();
    for (const id of [2, 3]) await users.setPermissions(id, ["admin"]);
    const done = await Promise.allSettled([users.deactivate(2), users.setPermissions(3, [])]);
    expect(done.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  it("ends sessions without ending mailed links", async () => {
    const { users, store } = await people();
    const before = await users.get(2);
    const session = { idHash: "h", userId: 2, uniquifier: before?.fsUniquifier ?? "", createdAt: 1, lastSeenAt: 1 };
    await store.insert("session", { ...session, expiresAt: 9, methods: [], data: {}, version: 0 });
    expect(await users.endSessions(2)).toBe(1);
    const after = await users.get(2);
    expect(after?.fsUniquifier).toBe(before?.fsUniquifier);
    expect(after?.fsTokenUniquifier).not.toBe(before?.fsTokenUniquifier);
    expect(await store.count("session", { userId: 2 })).toBe(0);
    await expect(users.endSessions(999)).rejects.toMatchObject({ code: "unknown_user" });
  });
});
