import { encoded } from "../audit/entry.ts";
import type { Account } from "../model/account.ts";
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
  const user =
    id !== undefined
      ? await users.get(Number(id))
      : await users.find(name.includes("@") ? "email" : "username", name, { ignoreCase: true });
  if (user !== undefined) return user;
  const hint = /^\d+$/.test(name) ? `; an id is written id:${name}` : "";
  throw new CommandError(`there is no user ${JSON.stringify(name)}${hint}`, { exitCode: 1 });
}

/**
 * The user who is meant, where the application's rule (`manages.check`) lets an operator act on them. The groups do not bind an
 * operator, who has the program's keys and database anyway. Throws CommandError.
 */
export async function userToActOn(system: OperatedSystem, name: string): Promise<Account> {
  const user = await namedUser(system, name);
  if (await system.mayActOn(null, user)) return user;
  throw new CommandError(
    `${titleOf(user)}: the application's rule (manages.check) lets no operator act on this account`,
    {
      exitCode: 1,
    },
  );
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
