import assert from "node:assert/strict";
import type { Datastore } from "../../datastore/contract.ts";
import { type ConformanceRunner, failure, sessionRow, userRow } from "./fixtures.ts";

/** The part of the conformance suite about `loadSession` and `loadUser`, for stores that have them. */
export function bundleConformance(store: () => Datastore, it: ConformanceRunner["it"]): void {
  it("loads a session with its user and roles", async () => {
    const loadSession = store().loadSession?.bind(store());
    if (loadSession === undefined) return;
    const userId = (await store().insert("user", userRow("bundle", { karma: 7 }))) as number;
    await store().insert("session", sessionRow("bundle-hash", userId));
    assert.deepEqual((await loadSession("bundle-hash"))?.roles, []);
    const roles: number[] = [];
    for (const name of ["bundle-a", "bundle-b"]) {
      const roleId = (await store().insert("role", { name, permissions: [`${name}-read`] })) as number;
      roles.push(roleId);
      await store().insert("rolesUsers", { userId, roleId });
    }
    // A pair that stands there twice is one role.
    await store().insert("rolesUsers", { userId, roleId: roles[0] });
    const bundle = await loadSession("bundle-hash");
    assert.deepEqual(bundle?.session, await store().findOne("session", { idHash: "bundle-hash" }));
    assert.deepEqual(bundle?.user, await store().findOne("user", { id: userId }));
    const found = await store().find("role", { id: { in: roles } }, { orderBy: [{ field: "id" }] });
    assert.deepEqual(
      [...(bundle?.roles ?? [])].sort((a, b) => Number(a.id) - Number(b.id)),
      found,
    );
    assert.equal(await loadSession("no-such-hash"), undefined);
    assert.equal(await loadSession("BUNDLE-HASH"), undefined);
    await store().insert("session", sessionRow("anonymous-hash", null));
    const anonymous = await loadSession("anonymous-hash");
    assert.deepEqual([anonymous?.session.idHash, anonymous?.user, anonymous?.roles], ["anonymous-hash", undefined, []]);
  });

  it("loads a user by one field, with roles", async () => {
    const loadUser = store().loadUser?.bind(store());
    if (loadUser === undefined) return;
    const userId = (await store().insert("user", userRow("loaded"))) as number;
    const roleId = await store().insert("role", { name: "loaded-role" });
    await store().insert("rolesUsers", { userId, roleId });
    for (const [field, value] of [
      ["id", userId],
      ["email", "loaded@example.com"],
      ["fsUniquifier", "uniquifier-loaded"],
    ] as const) {
      const bundle = await loadUser(field, value);
      assert.deepEqual(bundle?.user, await store().findOne("user", { id: userId }), field);
      assert.deepEqual(
        bundle?.roles.map((role) => role.name),
        ["loaded-role"],
        field,
      );
    }
    assert.equal(await loadUser("email", "LOADED@example.com"), undefined);
    assert.equal(await loadUser("email", "nul\u0000"), undefined);
    await assert.rejects(async () => await loadUser("nosuch", "x"), failure("nosuch"));
  });

  it("loads users by several conditions, each once, with roles", async () => {
    const loadUsers = store().loadUsers?.bind(store());
    if (loadUsers === undefined) return;
    const one = (await store().insert("user", userRow("anyone", { username: "Any-One" }))) as number;
    const two = (await store().insert("user", userRow("anytwo", { username: "any-two" }))) as number;
    for (const name of ["any-a", "any-b"]) {
      const roleId = await store().insert("role", { name });
      await store().insert("rolesUsers", { userId: one, roleId });
    }
    const email = (text: string) => ({ email: { inIgnoringCase: [text] } });
    const username = (...texts: string[]) => ({ username: { inIgnoringCase: texts } });
    const found = async (...any: Parameters<typeof loadUsers>[0]) =>
      (await loadUsers(any)).map(({ user, roles }) => [user.id, roles.map(({ name }) => name).sort()]);
    assert.deepEqual(await found(email("ANYONE@example.com")), [[one, ["any-a", "any-b"]]]);
    // By both conditions, and still once.
    assert.deepEqual(await found(email("anyone@example.com"), username("ANY-one", "nobody-there")), [
      [one, ["any-a", "any-b"]],
    ]);
    assert.deepEqual((await found(username("any-one"), email("anytwo@example.com"))).sort(), [
      [one, ["any-a", "any-b"]],
      [two, []],
    ]);
    const [bundle] = await loadUsers([email("anytwo@example.com")]);
    assert.deepEqual(bundle?.user, await store().findOne("user", { id: two }));
    assert.deepEqual(await found(email("nobody-there@example.com"), username("nobody-there")), []);
    assert.deepEqual(await found(email("nul\u0000")), []);
    assert.deepEqual(await found(), []);
    await assert.rejects(async () => await loadUsers([{ nosuch: "x" }]), failure("nosuch"));
  });
}
