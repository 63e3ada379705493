import { mostConcerned } from "../datastore/access-state.ts";
import type { UserPage, UserQuery } from "../datastore/user-pages.ts";
import type { Acting } from "../http/system.ts";
import { type Account, withAccess } from "../model/account.ts";
import type { Role } from "../model/user.ts";

/** A role as a change would make it; `permissions` undefined: deleted. */
export interface RoleChange {
  readonly name: string;
  readonly permissions: Iterable<string> | undefined;
}

/** Where the accounts that have a role are found. */
export interface RoleMembers {
  readonly users: { page(query: UserQuery): Promise<UserPage<Account>> };
  readonly roles: { list(): Promise<readonly Role[]> };
}

/** So many are asked about at once. */
const atOnce = 50;

/** Whether this actor (null: an operator of the command line) may change a role so, as far as everybody goes who has it. */
export async function mayChangeRole(
  acting: Acting,
  members: RoleMembers,
  actor: Account | null,
  change: RoleChange,
): Promise<boolean> {
  if (await acting.isUnbound(actor)) return true;
  const may = async (now: Account, then: Account): Promise<boolean> =>
    (await acting.mayActOn(actor, now)) && (await acting.mayMake(actor, then));
  return allMembers(members, change, may);
}

/**
 * Whether `may` says yes of everybody who has the role, as they are and as its change would make them: who changes a role acts
 * on all of them. False also where there are too many to ask.
 */
export async function allMembers(
  { users, roles }: RoleMembers,
  { name, permissions }: RoleChange,
  may: (now: Account, then: Account) => Promise<boolean>,
): Promise<boolean> {
  const then = new Map((await roles.list()).map((role) => [role.name, role]));
  const changed = then.get(name);
  if (changed === undefined) return true;
  if (permissions === undefined) then.delete(name);
  else then.set(name, { ...changed, permissions: [...permissions] });
  const changedTo = (account: Account): Account => {
    const rows = [...account.roles].map((role) => then.get(role)).filter((role) => role !== undefined);
    return withAccess(account, { roles: rows, ownPermissions: account.ownPermissions });
  };
  let after: string | undefined;
  let count = 0;
  do {
    const page = await users.page({ role: name, after, limit: atOnce });
    count += page.users.length;
    if (count > mostConcerned) return false;
    const answers = await Promise.all(page.users.map((account) => may(account, changedTo(account))));
    if (answers.includes(false)) return false;
    after = page.next;
  } while (after !== undefined);
  return true;
}
