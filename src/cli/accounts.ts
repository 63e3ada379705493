import { encoded } from "../audit/entry.ts";
import type { AskedOptions } from "../datastore/access-state.ts";
import type { NewUser } from "../datastore/user-operations.ts";
import { type Account, accountFactory, futureAccount, withAccess } from "../model/account.ts";
import type { OperatedSystem } from "./application.ts";
import { CommandError } from "./terminal.ts";

/** How commands name a user. */
export const userArgument = "an e-mail address, a username, or id:7";

/**
 * The user who is meant: `id:7`, or an e-mail address, or else a username, both without regard to case. Throws CommandError
 * when there is none.
 */
export async function namedUser({ users }: OperatedSystem, name: string): Promise<Account> {
  const id = /^id:(\d{1,10})$/.exec(name)?.[1];
  if (id !== undefined) return userWithId(users, Number(id));
  const user = await users.find(name.includes("@") ? "email" : "username", name, { ignoreCase: true });
  if (user !== undefined) return user;
  const hint = /^\d+$/.test(name) ? `; an id is written id:${name}` : "";
  throw new CommandError(`there is no user ${JSON.stringify(name)}${hint}`, { exitCode: 1 });
}

async function userWithId({ get }: OperatedSystem["users"], id: number): Promise<Account> {
  const user = await get(id);
  if (user !== undefined) return user;
  throw new CommandError(`there is no user "id:${id}"`, { exitCode: 1 });
}

/**
 * The user who is meant, where the application's rule (`manages.check`) lets an operator act on them. The groups do not bind an
 * operator, who has the program's keys and database anyway. Throws CommandError.
 */
export async function userToActOn(system: OperatedSystem, name: string): Promise<Account> {
  return withinReach(system, await namedUser(system, name));
}

/**
 * Does something to the user with this id, where the rule lets an operator act on them: on the account as the rule was asked
 * about it (`security.askAndDo`). Throws CommandError.
 */
export function actOn<T>(
  system: OperatedSystem,
  userId: number,
  work: (user: Account, options: Required<AskedOptions>) => Promise<T>,
): Promise<T> {
  return system.askAndDo({ userId }, async (asked) =>
    work(await withinReach(system, await userWithId(system.users, userId)), { asked }),
  );
}

async function withinReach(system: OperatedSystem, user: Account): Promise<Account> {
  if (await system.mayActOn(null, user)) return user;
  throw outOfReach(`${titleOf(user)}: the application's rule (manages.check) lets no operator act on this account`);
}

/** Refuses to make an account, new or changed, on which the application's rule would let no operator act. Throws CommandError. */
export async function mayMake(system: OperatedSystem, future: Account): Promise<void> {
  if (await system.mayMake(null, future)) return;
  throw outOfReach(`${titleOf(future)}: the application's rule (manages.check) lets no operator make such an account`);
}

/** The account with these roles; names that are nobody's are left out. */
export async function withRoles({ roles }: OperatedSystem, user: Account, names: Iterable<string>): Promise<Account> {
  const found = await Promise.all([...names].map((name) => roles.find(name)));
  const rows = found.filter((role) => role !== undefined);
  return withAccess(user, { roles: rows, ownPermissions: user.ownPermissions });
}

/** An account that is yet to be made, with these roles and the columns of those that are there. */
export async function newAccount(system: OperatedSystem, { roles = [], ...values }: NewUser): Promise<Account> {
  const like = (await system.users.page({ limit: 1 })).users[0] ?? accountFactory()({ id: 0 }, []);
  return withRoles(system, futureAccount(like, { ...values, roles: [], ownPermissions: [] }), roles);
}

/** Refuses to change a role that somebody has on whom the rule lets no operator act, or would let none. Throws CommandError. */
export async function mayChangeRole(
  system: OperatedSystem,
  name: string,
  permissions: Iterable<string>,
): Promise<void> {
  if (await system.mayChangeRole(null, name, permissions)) return;
  throw outOfReach(
    `the application's rule (manages.check) lets no operator change the role ${plain(name)} for all who have it, or too many have it to ask`,
  );
}

function outOfReach(message: string): CommandError {
  return new CommandError(message, { exitCode: 1 });
}

/** What commands show of a user, as JSON: never a hash, nor what ends sessions. */
export function shownUser(user: Account): Readonly<Record<string, unknown>> {
  return {
    id: user.id,
    email: user.email,
    username: user.username,
    active: user.active,
    confirmed_at: user.confirmedAt,
    roles: [...user.roles].sort(),
    permissions: [...user.ownPermissions].sort(),
    has_password: user.password !== null,
    create_datetime: user.createDatetime,
  };
}

/** The user in a sentence. */
export function titleOf(user: Account): string {
  return `${plain(user.email)} (id:${user.id})`;
}

/** Text of a stranger's without what steers terminals. */
export function plain(text: string | null): string {
  return text === null ? "" : encoded(text);
}
