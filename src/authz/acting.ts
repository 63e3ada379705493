import type { Acting, Decisions } from "../http/system.ts";
import type { Account } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import { inTime } from "../model/deadline.ts";

/** Who may act on whose account, beyond what roles and permissions say: the option `manages`. */
export interface ManagesOptions<Group extends string = string> {
  /**
   * The groups that are powers: nobody acts on an account in one of them who is not in it. Default: all of the option `groups`.
   * Leave out those that only describe people, such as customers.
   */
  readonly groups?: readonly Group[];
  /**
   * What only the application knows: may this user act on that account (password, e-mail address, factors, keys, sessions, roles,
   * acting as them, deletion)? Only true lets; what throws or does not answer within `ruleDeadline` refuses. `actor` is null where an
   * operator asks on the command line; `target` is the account as it is, and again as a change would make it (`id` 0: a new one).
   */
  readonly check?: (actor: Account | null, target: Account) => Awaitable<boolean | undefined>;
}

/** What the rule needs. */
export interface ActingContext {
  readonly groups: readonly string[];
  readonly decisions: Pick<Decisions, "inGroupNow">;
  readonly rule: ManagesOptions | undefined;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
  /** How long a function of the application may take, in milliseconds. */
  readonly deadline: number;
}

/** Makes the rule of one running system. */
export function createActing({ groups, decisions, rule, log, deadline }: ActingContext): Acting {
  const powers = rule?.groups ?? groups;
  const check = rule?.check;

  /** What the application's function says; undefined: it failed, which never lets. */
  const said = async (path: string, ask: () => Awaitable<unknown>): Promise<unknown> => {
    try {
      return await ask();
    } catch (error) {
      log("a rule on accounts failed, so nobody may act", { rule: path, error: String(error) });
      return undefined;
    }
  };

  // Never from the cache: the account may be one that a change would make, or that nobody has made yet.
  const inGroup = (account: Account, group: string): Promise<unknown> =>
    said(`groupCheck.${group}`, () => decisions.inGroupNow(account, group));

  /** Whether the target has a power of this group that the actor has not. */
  const outranked = async (actor: Account, target: Account, group: string): Promise<boolean> =>
    (await inGroup(target, group)) !== false && (await inGroup(actor, group)) !== true;

  return {
    async mayActOn(actor, target) {
      if (actor !== null && isThemselves(actor, target)) return true;
      if (actor !== null) {
        const answers = await Promise.all(powers.map((group) => outranked(actor, target, group)));
        if (answers.includes(true)) return false;
      }
      if (check === undefined) return true;
      const answer = await said("manages.check", () => inTime(check(actor, target), deadline, "manages.check"));
      return answer === true;
    },
  };
}

/** With a credential that is limited, they are less than their account. */
function isThemselves(actor: Account, target: Account): boolean {
  return (
    actor.id === target.id && target.roles.isSubsetOf(actor.roles) && target.permissions.isSubsetOf(actor.permissions)
  );
}
