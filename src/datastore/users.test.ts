import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { UniqueConflictError } from "../model/errors.ts";
import type { Datastore, DatastoreProvider } from "./contract.ts";
import { type Domain, openDomain } from "./fixtures/domain.ts";
import { memory } from "./memory/index.ts";
import { UnknownRoleError } from "./roles.ts";
import { sqlite } from "./sqlite/index.ts";
import { UnknownUserError } from "./user-reference.ts";

const open: Datastore[] = [];
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
});

async function domain(provider: DatastoreProvider): Promise<Domain> {
  const made = await openDomain(provider);
  open.push(made.store);
  return made;
}

describe.each([
  ["memory", () => memory()],
  ["sqlite", () => sqlite(":memory:")],
] as const)("users on %s", (_name, provider) => {
  it("are made with a normalised address, a hash, a uniquifier and roles that exist", async () => {
    const { users, roles, store } = await domain(provider());
    await roles.create("editor", { permissions: ["read", "write"] });
    await roles.create("author", { permissions: ["read"] });
    const user = await users.create({ email: " Ann@BÜCHER.example", password: "x", roles: ["editor", "author"] });
    expect(user).toMatchObject({ email: "ann@bücher.example", active: true, username: null, fsTokenUniquifier: null });
    expect(user.password).toMatch(/^\$argon2id\$/);
    expect(user.fsUniquifier).toMatch(/^[0-9a-f]{32}$/);
    expect([[...user.roles].sort(), [...user.permissions].sort()]).toEqual([
      ["author", "editor"],
      ["read", "write"],
    ]);
    expect([
      user.hasRole("editor"),
      user.hasRole("Editor"),
      user.hasPermission("write"),
      user.hasPermission(""),
    ]).toEqual([true, false, true, false]);
    await expect(users.create({ email: "b@acme.example", roles: ["nobody"] })).rejects.toBeInstanceOf(UnknownRoleError);
    // With the role that is missing the user is not made either.
    expect(await store.count("user", {})).toBe(1);
  });

  it("show themselves in JSON without hash and uniquifiers, and hand on no hash by a spread", async () => {
    const { users } = await domain(provider());
    const user = await users.create({ email: "ann@acme.example", username: "Ann", password: "secret" });
    expect(JSON.parse(JSON.stringify({ user }))).toEqual({ user: { email: "ann@acme.example", username: "Ann" } });
    expect(user.securityPayload()).toEqual({ email: "ann@acme.example", username: "Ann" });
    expect(Object.keys({ ...user })).not.toContain("password");
  });

  it("are found by any attribute, without regard to case where it is asked", async () => {
    const { users } = await domain(provider());
    const { id } = await users.create({ email: "ann@acme.example", username: "Ann" });
    await users.create({ email: "bob@acme.example", username: "Bob" });
    expect((await users.get(id))?.id).toBe(id);
    expect((await users.find("email", "ANN@acme.example"))?.id).toBe(id);
    expect((await users.find("username", "Ann"))?.id).toBe(id);
    expect(await users.find("username", "ann")).toBeUndefined();
    expect((await users.find("username", "aNN", { ignoreCase: true }))?.id).toBe(id);
    expect((await users.find("id", id))?.id).toBe(id);
    for (const value of ["%", "A%", "_nn", "", "ann@acme.example'"]) {
      expect(await users.find("username", value, { ignoreCase: true })).toBeUndefined();
      expect(await users.find("email", value, { ignoreCase: true })).toBeUndefined();
    }
    await expect(users.find("nothing" as "email", "x")).rejects.toThrow("user.nothing");
  });

  it("have one address and one name each, whatever the case", async () => {
    const { users } = await domain(provider());
    await users.create({ email: "ann@acme.example", username: "Ann" });
    const conflict = users.create({ email: "ANN@acme.example" });
    await expect(conflict).rejects.toMatchObject({ code: "unique_conflict", field: "email" });
    await expect(users.create({ email: "b@acme.example", username: "Ann" })).rejects.toBeInstanceOf(
      UniqueConflictError,
    );
    await expect(users.create({ email: "no address" })).rejects.toThrow("user.email");
  });

  it.each(["id", "fsUniquifier", "fsTokenUniquifier", "createDatetime", "updateDatetime"])(
    "can't be made with %s, nor have it changed",
    async (field) => {
      const { users } = await domain(provider());
      await expect(users.create({ email: "a@acme.example", [field]: "1" })).rejects.toThrow(`user.${field}`);
      const user = await users.create({ email: "a@acme.example" });
      await expect(users.update(user, { [field]: "1" } as object)).rejects.toThrow(`user.${field}`);
    },
  );

  it("are changed in the columns that are listed, and no others", async () => {
    const { users, told } = await domain(provider());
    const user = await users.create({ email: "a@acme.example" });
    await users.update(user, { username: "anna", email: "B@acme.example" });
    expect(await users.get(user.id)).toMatchObject({ username: "anna", email: "b@acme.example" });
    expect(told).toEqual([user.id]);
    for (const field of ["password", "active", "nothing", "__proto__x"]) {
      await expect(users.update(user, { [field]: true } as object)).rejects.toThrow(`user.${field}`);
    }
    await expect(users.update(999, { username: "x" })).rejects.toBeInstanceOf(UnknownUserError);
  });

  it.each([
    "activate",
    "deactivate",
    "toggleActive",
    "delete",
    "setUniquifier",
    "setTokenUniquifier",
    "resetAccess",
  ] as const)("%s says so when there is no such user", async (operation) => {
    const { users } = await domain(provider());
    await expect(users[operation](999)).rejects.toBeInstanceOf(UnknownUserError);
    await expect(users.setPassword(999, "x")).rejects.toBeInstanceOf(UnknownUserError);
  });

  it("are activated and deactivated once, and toggled each time", async () => {
    const { users, told } = await domain(provider());
    const user = await users.create({ email: "a@acme.example" });
    expect(await users.activate(user)).toBe(false);
    expect(await users.deactivate(user)).toBe(true);
    expect(await users.deactivate(user)).toBe(false);
    expect((await users.get(user.id))?.fsUniquifier).not.toBe(user.fsUniquifier);
    expect([await users.toggleActive(user), await users.toggleActive(user)]).toEqual([true, false]);
    // What changed nothing is told to nobody.
    expect(told).toHaveLength(3);
  });

  it("get and lose roles, each once", async () => {
    const { users, roles, store } = await domain(provider());
    const user = await users.create({ email: "a@acme.example" });
    await roles.create("editor");
    const added = await Promise.all([users.addRole(user, "editor"), users.addRole(user, "editor")]);
    expect(added.sort()).toEqual([false, true]);
    expect(await store.count("rolesUsers", {})).toBe(1);
    expect((await users.get(user.id))?.hasRole("editor")).toBe(true);
    expect([await users.removeRole(user, "editor"), await users.removeRole(user, "editor")]).toEqual([true, false]);
    await expect(users.addRole(user, "Editor")).rejects.toBeInstanceOf(UnknownRoleError);
    await expect(users.removeRole(user, "nobody")).rejects.toBeInstanceOf(UnknownRoleError);
    await expect(users.addRole(999, "editor")).rejects.toBeInstanceOf(UnknownUserError);
  });

  it("leave nothing behind when they are deleted, and nothing of others is touched", async () => {
    const { users, roles, store } = await domain(provider());
    await roles.create("editor");
    const [user, other] = [
      await users.create({ email: "a@acme.example", roles: ["editor"] }),
      await users.create({ email: "b@acme.example", roles: ["editor"] }),
    ];
    for (const { id, fsUniquifier } of [user, other]) {
      const common = { userId: id, uniquifier: fsUniquifier, createdAt: 0, expiresAt: 1 };
      await store.insert("remember", {
        ...common,
        id: `r${id}`,
        secretHash: "x",
        previousHash: null,
        rotatedAt: 0,
        methods: [],
      });
      await store.insert("ticket", {
        ...common,
        id: `t${id}`,
        purpose: "x",
        secretHash: "x",
        payload: {},
        attemptsLeft: 1,
        consumedAt: null,
      });
    }
    await users.delete(user);
    for (const table of ["remember", "ticket", "rolesUsers"])
      expect([table, await store.count(table, {})]).toEqual([table, 1]);
    expect(await users.get(user.id)).toBeUndefined();
    expect((await users.get(other.id))?.hasRole("editor")).toBe(true);
  });

  it("have a new password only through its operation, which ends everything", async () => {
    const { users } = await domain(provider());
    const user = await users.create({ email: "a@acme.example", password: "x" });
    await users.setTokenUniquifier(user);
    await users.setPassword(user, "y");
    const changed = await users.get(user.id);
    expect(changed?.password).not.toBe(user.password);
    expect([changed?.fsUniquifier === user.fsUniquifier, changed?.fsTokenUniquifier]).toEqual([false, null]);
    await users.setPassword(user, null);
    expect((await users.get(user.id))?.password).toBeNull();
  });
});

describe("addresses", () => {
  it("that were stored are found again by every spelling that normalises to them", async () => {
    const { users } = await domain(memory());
    await users.create({ email: "straße.ﬁx@bücher.example" });
    const letters = [..."straße.ﬁx@bücher.example"];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { minLength: letters.length, maxLength: letters.length }),
        async (upper) => {
          // Letters whose capitals are others ("ß" → "SS") stay as they are.
          const spelled = letters.map((letter, at) => {
            const capital = letter.toUpperCase();
            return upper[at] === true && capital.toLowerCase() === letter ? capital : letter;
          });
          expect((await users.find("email", spelled.join(""), { ignoreCase: true }))?.id).toBe(1);
        },
      ),
      { numRuns: 50 },
    );
  });
});
