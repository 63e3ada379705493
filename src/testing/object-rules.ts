import type { ListedObjectRule } from "../http/system.ts";
import type { Account } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";

/** With what a rule is held to one answer. */
export interface ObjectRuleSubjects<Id, Condition> {
  /** By name: some of each sort, as `security.users.find()` gives them. */
  readonly users: Readonly<Record<string, Account>>;
  /** All objects that the database has, and some that it does not have. */
  readonly ids: readonly Id[];
  /** Default: none in particular. */
  readonly modes?: readonly (string | undefined)[];
  /** Asks the database: which objects does the condition hold of? */
  readonly select: (condition: Condition) => Awaitable<Iterable<Id>>;
}

/**
 * Where a rule's `check` and `where` do not say the same, a line for each: `bob, manage, 3: where lists it, check says false`.
 * None: the list of a page shows what its routes let through. A mode without a condition must let nothing through. Ids are
 * compared as JSON. Rejects with what the rule or the database throws.
 */
export async function objectRuleDifferences<Id, Condition>(
  rule: ListedObjectRule<Awaitable<Condition | null | undefined>>,
  { users, ids, modes = [undefined], select }: ObjectRuleSubjects<Id, Condition>,
): Promise<readonly string[]> {
  const differences: string[] = [];
  for (const [name, user] of Object.entries(users)) {
    for (const mode of modes) {
      const condition = await rule.where(user, mode);
      const found = condition === undefined || condition === null ? [] : await select(condition);
      const listed = new Set([...found].map((id) => JSON.stringify(id)));
      for (const id of ids) {
        const said = await rule.check(user, id, mode);
        const key = JSON.stringify(id);
        const lists = listed.delete(key);
        if (lists === (said === true)) continue;
        const which = [name, ...(mode === undefined ? [] : [mode]), key].join(", ");
        differences.push(`${which}: where ${lists ? "lists it" : "leaves it out"}, check says ${said}`);
      }
      for (const key of listed) differences.push(`${name}, ${key}: where lists it, and it is not among the ids`);
    }
  }
  return differences;
}
