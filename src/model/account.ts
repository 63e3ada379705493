import { permissionOfRole } from "./permission-role.ts";
import { type Column, type Row, secretFields } from "./schema.ts";
import { coreTables } from "./tables.ts";
import type { Role, User } from "./user.ts";

/** What JSON answers show of a user. */
export type SecurityPayload = Record<string, unknown>;

/**
 * A user with what decides about access: what caches hold, guards read and handlers get as `c.var.user`.
 * Turned into JSON it shows its `securityPayload()`, never the row.
 */
export interface Account extends User {
  /** Names of the user's roles. */
  readonly roles: ReadonlySet<string>;
  /** All permissions of these roles, and the user's own. */
  readonly permissions: ReadonlySet<string>;
  /** The permissions that were given to the user without a role. */
  readonly ownPermissions: ReadonlySet<string>;
  hasRole(role: string): boolean;
  hasPermission(permission: string): boolean;
  /** What JSON answers show of this user: e-mail and, where there is one, the username, or what the option `securityPayload` says. */
  securityPayload(): SecurityPayload;
}

/** How an application says what JSON answers show of a user. */
export type PayloadMaker = (account: Account) => SecurityPayload;

const defaultPayload: PayloadMaker = ({ email, username }) => {
  const named = username === null ? {} : { username };
  return email === "" ? named : { email, ...named };
};

/** What an account is called where people read it: its address, or the username where there is none. */
export function displayName({ email, username }: Pick<User, "email" | "username">): string {
  return email === "" ? (username ?? "") : email;
}

/** Whether the account is one for machines: nobody signs in to it, keys alone act for it. */
export function isService(account: Account): boolean {
  return (account as unknown as Readonly<Row>)["serviceAccount"] === true;
}

const coreColumns: Readonly<Record<string, Column>> = coreTables.user?.columns ?? {};

/** The core's own secrets, which its parts read: no spread, loop, JSON or log line carries them along. */
const hidden: PropertyDescriptorMap = Object.fromEntries(
  secretFields(coreColumns).map((field) => [
    field,
    { value: null, enumerable: false, writable: true, configurable: true },
  ]),
);

/** On each account's prototype: the columns that are no part of it. */
const left: unique symbol = Symbol("the secret columns");

/** These columns without those that no account shows. */
function shown<R extends Readonly<Row>>(secrets: readonly string[], columns: R): R {
  if (!secrets.some((field) => field in columns)) return columns;
  return Object.fromEntries(Object.entries(columns).filter(([field]) => !secrets.includes(field))) as R;
}

function secretsOf(account: Account): readonly string[] {
  return (account as { readonly [left]?: readonly string[] })[left] ?? [];
}

const limitedOnes = new WeakSet<Account>();

/** Whether this is the account as a credential sees it that may less. */
export function isLimited(account: Account): boolean {
  return limitedOnes.has(account);
}

/** The account as a credential sees it that is limited to these permissions: of them, those that the account has, and no role. */
export function limitedAccount(account: Account, permissions: readonly string[]): Account {
  const limited = Object.create(Object.getPrototypeOf(account), Object.getOwnPropertyDescriptors(account)) as Account;
  limitedOnes.add(limited);
  const kept = new Set(permissions.filter((permission) => account.permissions.has(permission)));
  return Object.assign(limited, { roles: new Set<string>(), permissions: kept, ownPermissions: new Set<string>() });
}

/** The account with columns of its row as they are now, or as a change that nothing has stored yet would make them. */
export function withColumns(account: Account, columns: Readonly<Record<string, unknown>>): Account {
  const changed = Object.create(Object.getPrototypeOf(account), Object.getOwnPropertyDescriptors(account)) as Account;
  if (limitedOnes.has(account)) limitedOnes.add(changed);
  return Object.assign(changed, shown(secretsOf(account), columns));
}

/** What decides about access: the rows of all roles, and the permissions without a role. */
export interface AccessChange {
  readonly roles: readonly Pick<Role, "name" | "permissions">[];
  readonly ownPermissions: Iterable<string>;
}

function accessOf({ roles, ownPermissions }: AccessChange): Pick<Account, "roles" | "permissions" | "ownPermissions"> {
  const own = new Set(ownPermissions);
  return {
    roles: new Set(roles.map(({ name }) => name)),
    permissions: new Set([...own, ...roles.flatMap(({ permissions }) => permissions)]),
    ownPermissions: own,
  };
}

/** The account with this access: what a change of roles or permissions would make it. */
export function withAccess(account: Account, access: AccessChange): Account {
  return withColumns(account, { ...accessOf(access) });
}

/** An account that is yet to be made, with the methods of one that is there; its `id` is 0. */
export function futureAccount(like: Account, values: Readonly<Record<string, unknown>> & AccessChange): Account {
  const account = Object.create(Object.getPrototypeOf(like), hidden) as Account;
  const { roles, ownPermissions, ...rest } = values;
  return Object.assign(account, {
    ...Object.fromEntries(Object.keys(like).map((name) => [name, null])),
    ...shown(secretsOf(like), rest),
    id: 0,
    password: null,
    ...accessOf({ roles, ownPermissions }),
  });
}

/**
 * Returns the maker of accounts from a user's row and the rows of their roles. Of the table's columns those that are marked
 * as secret are no part of an account; the core's own are, where nothing but code that names them finds them.
 */
export function accountFactory(
  payload: PayloadMaker = defaultPayload,
  columns: Readonly<Record<string, Column>> = coreColumns,
): (user: Row, roles: readonly Row[]) => Account {
  const secrets = secretFields(columns).filter((field) => !Object.hasOwn(hidden, field));
  const methods = {
    [left]: secrets,
    hasRole(this: Account, role: string): boolean {
      return this.roles.has(role);
    },
    hasPermission(this: Account, permission: string): boolean {
      return this.permissions.has(permission);
    },
    securityPayload(this: Account): SecurityPayload {
      return payload(this);
    },
    toJSON(this: Account): SecurityPayload {
      return payload(this);
    },
  };
  return (user, roles) => {
    const names = new Set<string>();
    const permissions = new Set<string>();
    const ownPermissions = new Set<string>();
    for (const role of roles as unknown as readonly Role[]) {
      const own = permissionOfRole(role.name);
      if (own === undefined) names.add(role.name);
      else ownPermissions.add(own);
      for (const permission of role.permissions) permissions.add(permission);
    }
    // Hidden ones are defined first: later, they would make a slow object.
    const account = Object.create(methods, hidden) as Account;
    return Object.assign(account, shown(secrets, user), {
      email: user["email"] ?? "",
      roles: names,
      permissions,
      ownPermissions,
    });
  };
}
