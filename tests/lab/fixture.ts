import type { SeedName } from "./arguments.ts";
import type { LabSecurity, LabVocabulary } from "./system.ts";

/** Those of the database; the group is a function. */
type Role = Exclude<LabVocabulary["role"], "owners">;
type Permission = LabVocabulary["permission"];

interface SeedUser {
  readonly name: string;
  readonly username?: string;
  /** Null: the account has no password. */
  readonly password?: null;
  readonly roles?: readonly Role[];
  readonly active?: false;
  readonly unconfirmed?: true;
}

interface Seed {
  readonly permissions: Readonly<Record<Role, readonly Permission[]>>;
  readonly users: readonly SeedUser[];
}

const editors = ["full-read", "full-write"] as const;
const admins = [...editors, "super"] as const;

const seeds: Readonly<Record<Exclude<SeedName, "none">, Seed>> = {
  users: {
    permissions: { admin: admins, editor: editors, author: ["full-read", "my-write"], simple: [] },
    users: [
      { name: "matt", username: "matt", roles: ["admin"] },
      { name: "joe", username: "joe", roles: ["editor"] },
      { name: "dave", username: "dave", roles: ["admin", "editor"] },
      { name: "jill", username: "jill", roles: ["author"] },
      { name: "tiya", username: "tiya", active: false },
      { name: "gene", username: "gene", roles: ["simple"] },
      { name: "jess", username: "jess", password: null },
      { name: "gal", username: "gal", roles: ["admin"] },
      { name: "gal2", username: "gal2", roles: ["admin"] },
      { name: "gal3", username: "gal3", roles: ["admin"] },
    ],
  },
  // The accounts of the recorded exchanges: contract/golden/README.md.
  golden: {
    permissions: { admin: admins, editor: editors, author: ["full-read"], simple: [] },
    users: [
      { name: "matt", username: "matt", roles: ["admin"] },
      { name: "joe", username: "joe1", roles: ["editor"] },
      { name: "dave", roles: ["admin", "editor"] },
      { name: "jill", roles: ["author"] },
      { name: "tiya", active: false },
      { name: "una", username: "unac", unconfirmed: true },
      { name: "gal", username: "gal1", roles: ["admin"] },
      { name: "nop", username: "nopw", password: null },
    ],
  },
};

/** Makes the roles' permissions and the accounts of a seed in an empty database; `keep` is told the passwords. */
export async function plant(
  security: LabSecurity,
  name: SeedName,
  now: number,
  keep: (email: string, password: string) => void,
): Promise<void> {
  if (name === "none") return;
  const { permissions, users } = seeds[name];
  for (const [role, list] of Object.entries(permissions) as [Role, readonly Permission[]][]) {
    if (list.length > 0) await security.roles.addPermissions(role, ...list);
  }
  for (const { name: local, username, password, roles, active, unconfirmed } of users) {
    if (password === undefined) keep(`${local}@lp.com`, "password");
    await security.users.create({
      email: `${local}@lp.com`,
      password: password === undefined ? "password" : password,
      roles: roles ?? [],
      active: active ?? true,
      confirmedAt: unconfirmed === true ? null : new Date(now),
      ...(username === undefined ? {} : { username }),
    });
  }
}
