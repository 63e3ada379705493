import type { DecisionCache } from "../datastore/decision-cache.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Decisions, GroupCheck, ListedObjectRule, ObjectCheck, ObjectRule } from "../http/system.ts";
import { type Account, isLimited } from "../model/account.ts";
import { type Awaitable, settled } from "../model/awaitable.ts";
import { inTime } from "../model/deadline.ts";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";

/** What deciding needs: the application's own functions. */
export interface DecisionsContext {
  readonly objects: ReadonlyMap<string, ObjectRule>;
  readonly groups: readonly string[];
  /** Checked with `groups`; undefined: there are none. */
  readonly groupCheck: GroupCheck<string> | undefined;
  /** Undefined: the functions are asked each time. */
  readonly groupCache: DecisionCache | undefined;
  readonly objectCache: DecisionCache | undefined;
  /** So many milliseconds a rule may take. */
  readonly deadline: number;
}

/** Makes the decisions of one running system. */
export function createDecisions(context: DecisionsContext): Decisions {
  const { objects, groups, groupCheck, groupCache, objectCache, deadline } = context;
  const checks = new Map(
    groups.map((group) => {
      const check = typeof groupCheck === "function" ? groupCheck : groupCheck?.[group];
      const what = typeof groupCheck === "function" ? "groupCheck" : `groupCheck.${group}`;
      return [group, (account: Account) => inTime(check?.(account, group), deadline, what)];
    }),
  );
  // The deadline stands before the caches: what comes too late is not kept.
  const limited = (kind: string, check: ObjectCheck): ObjectCheck => {
    const what = `objects.${kind}`;
    return (user, id, mode) => inTime(check(user, id, mode), deadline, what);
  };
  const objectChecks = new Map([...objects].map(([kind, rule]) => [kind, limited(kind, checkOf(rule))]));
  const asked = (account: Account, group: string): Awaitable<boolean | undefined> => checks.get(group)?.(account);
  // Only the very value true lets in.
  const isTrue = (answer: unknown): boolean => answer === true;
  return {
    isGroup: (name) => checks.has(name),
    inGroup(rq, account, group) {
      const cache = trusted(rq, account, groupCache);
      const answer = settled(
        cache === undefined
          ? asked(account, group)
          : cache.decide(account.id, groupKey(account.id, group), () => asked(account, group)),
      );
      return answer instanceof Promise ? answer.then(isTrue) : isTrue(answer);
    },
    async inGroupNow(account, group) {
      return isTrue(await asked(account, group));
    },
    isObject: (kind) => objects.has(kind),
    identifier(kind) {
      const rule = objects.get(kind);
      return typeof rule === "object" ? rule.id : undefined;
    },
    object(rq, kind, account, id, mode) {
      const rule = objectChecks.get(kind);
      const cache = trusted(rq, account, objectCache);
      const key = cache === undefined ? undefined : objectKey(kind, account.id, id, mode);
      if (rule === undefined || cache === undefined || key === undefined) return rule?.(account, id, mode);
      return cache.decide(account.id, key, () => rule(account, id, mode));
    },
    where(kind) {
      const rule = objects.get(kind);
      return isListed(rule) ? (user, mode) => rule.where(user, mode) : undefined;
    },
  };
}

function isListed(rule: ObjectRule | undefined): rule is ListedObjectRule {
  return typeof rule === "object" && "where" in rule && typeof rule.where === "function";
}

function checkOf(rule: ObjectRule): ObjectCheck {
  return typeof rule === "function" ? rule : (user, id, mode) => rule.check(user, id, mode);
}

/** Throws ConfigurationError unless each rule is a function, or a check with its `where`. */
export function checkObjectRules(objects: Readonly<Record<string, unknown>>): void {
  for (const [kind, rule] of Object.entries(objects)) {
    const path = `objects.${kind}`;
    if (typeof rule === "function") continue;
    if (typeof rule !== "object" || rule === null) {
      throw new ConfigurationError(path, "a function (user, id, mode), or { check, where }, is expected");
    }
    checkKnown(path, rule, ["check", "where", "id"]);
    const { check, where, id } = rule as { readonly check?: unknown; readonly where?: unknown; readonly id?: unknown };
    if (typeof check !== "function") {
      throw new ConfigurationError(`${path}.check`, "a function (user, id, mode) is expected");
    }
    if (id !== undefined && id !== "number" && id !== "text") {
      throw new ConfigurationError(`${path}.id`, '"number" or "text" is expected');
    }
    // A check with the type of its identifier needs no condition for lists.
    if (typeof where !== "function" && !(where === undefined && id !== undefined)) {
      throw new ConfigurationError(`${path}.where`, "a function (user, mode) that gives a condition is expected");
    }
  }
}

/**
 * Endpoints that change an account never trust a cache. Neither does a credential that is less than its account: decisions
 * are kept by the user, and theirs would answer for it.
 */
function trusted(
  rq: SecurityRequest | undefined,
  account: Account,
  cache: DecisionCache | undefined,
): DecisionCache | undefined {
  return cache === undefined || rq?.route.kind === "account" || isLimited(account) ? undefined : cache;
}

/** Under what a decision on a group is cached. */
export function groupKey(userId: number, group: string): string {
  return JSON.stringify([userId, group]);
}

/** Under what a decision on an object is cached; undefined: the identifier is no text, number or list of those. */
export function objectKey(kind: string, userId: number, id: unknown, mode: string | undefined): string | undefined {
  const isPlain = (value: unknown): boolean => typeof value === "string" || Number.isFinite(value);
  if (!(Array.isArray(id) ? id.every(isPlain) : isPlain(id))) return undefined;
  return JSON.stringify([kind, userId, id, mode ?? null]);
}

/**
 * The rule's condition for the database. Whatever could be taken for no condition throws: an unknown kind and a rule without
 * a `where` ConfigurationError; nobody, and a mode for which `where` gives nothing, PortcullisError `no_condition`.
 */
export function visibleCondition(
  decisions: Decisions,
  kind: string,
  account: Account | null | undefined,
  mode: string | undefined,
): unknown {
  if (!decisions.isObject(kind)) throw new ConfigurationError("visibleWhere", `there is no object kind "${kind}"`);
  const where = decisions.where(kind);
  if (where === undefined) {
    throw new ConfigurationError("visibleWhere", `the rule of "${kind}" has no where; declare { check, where }`);
  }
  if (account === null || account === undefined) {
    throw new PortcullisError("no_condition", `visibleWhere: nobody is signed in, so no condition holds for "${kind}"`);
  }
  // Query builders take nothing for "no condition", which is every row.
  const there = (condition: unknown): unknown => {
    if (condition !== undefined && condition !== null) return condition;
    const which = mode === undefined ? "without a mode" : `in the mode "${mode}"`;
    throw new PortcullisError("no_condition", `visibleWhere: the rule of "${kind}" gives no condition ${which}`);
  };
  const condition = settled(where(account, mode));
  return condition instanceof Promise ? condition.then(there) : there(condition);
}

/** So many rules are asked at once for a list: more would only wait for the application's database. */
const atOnce = 16;

/**
 * Those of the identifiers, in their order, whose object this user may reach in this mode: the rule that a route asks,
 * asked for a list. Rejects with what a rule throws.
 */
export async function visibleObjects<Id>(
  decisions: Decisions,
  kind: string,
  account: Account | null,
  ids: Iterable<Id>,
  mode: string | undefined,
): Promise<Id[]> {
  if (!decisions.isObject(kind)) throw new ConfigurationError("visible", `there is no object kind "${kind}"`);
  if (account === null) return [];
  const list = [...ids];
  const seen: Id[] = [];
  for (let start = 0; start < list.length; start += atOnce) {
    const part = list.slice(start, start + atOnce);
    const answers = await Promise.all(part.map(async (id) => decisions.object(undefined, kind, account, id, mode)));
    seen.push(...part.filter((_, index) => answers[index] === true));
  }
  return seen;
}
