import { describe, expect, it } from "vitest";
import { createEventHub } from "../events/events.ts";
import { coreTables } from "../model/tables.ts";
import { createChanging } from "./changing.ts";
import type { Datastore, DatastoreProvider } from "./contract.ts";
import { memory } from "./memory/index.ts";
import { createRoles, type Roles, UnknownRoleError } from "./roles.ts";
import { sqlite } from "./sqlite/index.ts";

async function made(provider: DatastoreProvider): Promise<{ roles: Roles; store: Datastore; changes(): number }> {
  let changes = 0;
  const store = await provider.open(coreTables, { now: Date.now, log: () => undefined });
  await store.migrate();
  const { now } = Date;
  const invalidate = async (): Promise<void> => {
    changes += 1;
  };
  const changing = createChanging({
    ...{ datastore: store, administrators: undefined, now, invalidate },
    log: () => undefined,
  });
  const roles = createRoles({ datastore: store, changing, events: createEventHub(() => undefined), now });
  return { roles, store, changes: () => changes };
}

describe.each([
  ["memory", () => memory()],
  ["sqlite", () => sqlite(":memory:")],
] as const)("roles on %s", (_name, provider) => {
  it("are made once, found by their exact name and listed by it", async () => {
    const { roles } = await made(provider());
    const editor = await roles.create("editor", { description: "edits", permissions: ["write", "read"] });
    expect(editor).toMatchObject({ name: "editor", description: "edits" });
    await roles.create("author");
    await expect(roles.create("editor")).rejects.toMatchObject({ code: "unique_conflict", table: "role" });
    expect(await roles.find("editor")).toEqual(editor);
    for (const name of ["Editor", "edito%", "", "editor "]) expect(await roles.find(name)).toBeUndefined();
    expect((await roles.list()).map(({ name }) => name)).toEqual(["author", "editor"]);
    await expect(roles.require("nobody")).rejects.toBeInstanceOf(UnknownRoleError);
  });

  it("are found or made, also by many at once", async () => {
    const { roles, store } = await made(provider());
    const found = await Promise.all(Array.from({ length: 5 }, () => roles.findOrCreate("editor")));
    expect(new Set(found.map(({ id }) => id)).size).toBe(1);
    expect(await store.count("role", {})).toBe(1);
  });

  it("have a set of permissions", async () => {
    const { roles, changes } = await made(provider());
    await roles.create("editor", { permissions: ["read"] });
    expect(await roles.addPermissions("editor", "write", "read", "write")).toEqual(["read", "write"]);
    expect(await roles.removePermissions("editor", "read", "nothing")).toEqual(["write"]);
    expect((await roles.find("editor"))?.permissions).toEqual(["write"]);
    expect(changes()).toBe(2);
    await expect(roles.addPermissions("nobody", "x")).rejects.toBeInstanceOf(UnknownRoleError);
    expect(changes()).toBe(2);
  });

  it("keep what several add at once", async () => {
    const { roles } = await made(provider());
    await roles.create("editor");
    await Promise.all(["a", "b", "c", "d"].map((permission) => roles.addPermissions("editor", permission)));
    expect((await roles.find("editor"))?.permissions).toEqual(["a", "b", "c", "d"]);
  });

  it.each(["", "a,b", "a b", "a\n"])(
    "take no permission %j that the stored list would tear apart",
    async (permission) => {
      const { roles } = await made(provider());
      await roles.create("editor");
      await expect(roles.addPermissions("editor", permission)).rejects.toThrow("role.permissions");
      await expect(roles.create("other", { permissions: [permission] })).rejects.toThrow("role.permissions");
      expect(await roles.find("other")).toBeUndefined();
    },
  );

  it("take no name that is empty or too long", async () => {
    const { roles } = await made(provider());
    await expect(roles.create("")).rejects.toThrow("role.name");
    await expect(roles.create("x".repeat(81))).rejects.toThrow("role.name");
  });

  it("go with all who have them", async () => {
    const { roles, store, changes } = await made(provider());
    const { id } = await roles.create("editor");
    const user = await store.insert("user", {
      email: "a@acme.example",
      active: true,
      fsUniquifier: "a",
      createDatetime: new Date(),
      updateDatetime: new Date(),
    });
    await store.insert("rolesUsers", { userId: user, roleId: id });
    expect((await roles.ofUser(user ?? 0)).map(({ name }) => name)).toEqual(["editor"]);
    await roles.delete("editor");
    expect([await roles.ofUser(user ?? 0), await store.count("rolesUsers", {}), changes()]).toEqual([[], 0, 1]);
    await expect(roles.delete("editor")).rejects.toBeInstanceOf(UnknownRoleError);
  });
});
