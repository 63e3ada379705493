import type { Operations } from "../../datastore/contract.ts";
import type { EventHub } from "../../events/events.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { normalizeEmail } from "../../model/email.ts";
import { LimitedError } from "../../model/errors.ts";
import type { KeyRing } from "../../secrets/keyring.ts";
import { type Counter, createCounters, type Refused, type TakenTogether, type Weight } from "./counters.ts";
import type { MeterRule } from "./meter.ts";
import { networkOf } from "./network.ts";
import type { EndpointLimits, LimitRules } from "./options.ts";
import type { Budget } from "./rate.ts";
import type { LimitStore, Lockout } from "./store.ts";

/** Whose secret somebody tries to guess. */
export interface Guess {
  /** Passwords and second factors are counted apart: a right password must not give new guesses at the code. */
  readonly kind: "password" | "factor";
  readonly account: Account | undefined;
  /** What was typed to say who is meant, in its one spelling, whether an account has that name or not; undefined: nothing was. */
  readonly name: string | undefined;
  /** Where nothing was typed: all names of the account, in that spelling. A guess at the account is one at each of them. */
  readonly names?: readonly string[];
}

/** A guess that was let through: it counts as a failure unless one of these is called. */
export interface Attempt {
  /**
   * False: by this name there are guesses left, but none at the account. What was sent must not be looked at and counts as
   * wrong: an answer of its own would tell that the name is one of several of an account.
   */
  readonly open: boolean;
  /** It was right: the account's failures are forgotten, or with `"once"` this attempt alone. */
  succeed(forget?: "all" | "once"): Promise<void>;
  /** It was wrong: tells whoever is to know when that locked the account, and resolves when that is done. */
  fail(): Promise<void>;
  /** It was not looked at. */
  undo(): Promise<void>;
  /** It may have been looked at, and nobody knows what came out: the guess is spent, but it is no failure that locks. */
  spend(): Promise<void>;
}

/** Checks an endpoint's limits; throws LimitedError. */
export type EndpointCheck = (rq: SecurityRequest, fields: Readonly<Record<string, unknown>>) => Promise<void>;

/** How often somebody may try. */
export interface Limits {
  readonly rules: LimitRules;
  /** Takes a guess from the budgets of the client's address and of the account, before it is checked. Throws LimitedError. */
  attempt(rq: SecurityRequest | undefined, guess: Guess): Promise<Attempt>;
  /** Takes one use of something (an API key) from a budget of its own. Throws LimitedError. */
  spend(limit: string, rq: SecurityRequest, account: Account, subject: string, budget: Budget): Promise<void>;
  /**
   * Before anything is sent because a stranger asked for it: may it be? `target` is the address or number that it goes to,
   * or, where nobody is known by that, what was typed: the same call for known and unknown, so that nothing tells them
   * apart. False: answer as if it had been sent. Throws LimitedError when the client's own budget is used up.
   */
  mail(rq: SecurityRequest, target: string): Promise<boolean>;
  /** The check of an endpoint's limits; undefined where it has none. Throws ConfigurationError. */
  endpoint(name: string, own: EndpointLimits | undefined): EndpointCheck | undefined;
  /**
   * Takes the lock and all counted failures off an account. True when it was locked. With `tx`, in that transaction where this
   * database keeps them, and whoever began it tells of it.
   */
  unlock(userId: number, tx?: Operations): Promise<boolean>;
  /** The accounts that are locked now, by rising id; `after`: the last id of the page before. */
  locked(page?: { readonly after?: number; readonly limit?: number }): Promise<readonly Lockout[]>;
  /**
   * What belongs to a lock beside the event: called when guessing has locked an account (undefined: a name that nobody has), and
   * the answer waits for it.
   */
  onLock(listener: LockListener): void;
  /** Removes what is over. */
  purge(): Promise<number>;
}

/** Told of a lock. */
export type LockListener = (account: Account | undefined) => Promise<void>;

/** What the limits need. */
export interface LimitsContext {
  readonly store: LimitStore;
  readonly rules: LimitRules;
  readonly ring: KeyRing;
  readonly now: () => number;
  readonly events: EventHub;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
  /** The names of an account, as guesses spell them. */
  readonly namesOf: (userId: number, tx?: Operations) => Promise<readonly string[]>;
}

const purpose = "limits";
const kinds = ["password", "factor"] as const;
const mostLocked = 1000;

/** Makes the limits of one running system. */
export function createLimits(context: LimitsContext): Limits {
  const { store, rules, events, now } = context;
  const counters = createCounters(store, now);
  const lockListeners: LockListener[] = [];
  let told = false;

  /** Keys say neither who nor from where: whoever reads the table or Redis learns no names. */
  const counter = (
    name: string,
    text: string,
    rule: MeterRule,
    { userId = null, weight = "refuses" }: { readonly userId?: number | null; readonly weight?: Weight } = {},
  ): Counter => ({ key: context.ring.sign(purpose, `${name}\n${text}`), rule, userId, weight });

  const addressCounter = (name: string, rq: SecurityRequest | undefined, budget: Budget | undefined) => {
    if (rq === undefined || budget === undefined) return undefined;
    const address = rq.address;
    if (address !== undefined) return counter(name, networkOf(address), { budget, lockout: undefined });
    // One budget for all whose address nobody knows would let one of them shut out the others.
    if (!told) context.log("the host hands on no client addresses: limits by address are not applied");
    told = true;
    return undefined;
  };

  const tell = (limit: string, rq: SecurityRequest | undefined, user: Account | undefined): void =>
    events.emit("limitReached", { limit, user, address: rq?.address });
  const refuse = (limit: string, rq: SecurityRequest | undefined, user: Account | undefined, wait: number): never => {
    tell(limit, rq, user);
    throw new LimitedError(Math.max(1, Math.ceil(wait / 1000)));
  };

  /** A counter, and the name of the limit that it stands for. */
  type Named = readonly [limit: string, counter: Counter | undefined];

  /** Takes one attempt from each, or none and throws LimitedError. */
  const taken = async (
    rq: SecurityRequest | undefined,
    user: Account | undefined,
    ...named: readonly Named[]
  ): Promise<TakenTogether> => {
    const wanted = named.map(([, counter]) => counter).filter((counter) => counter !== undefined);
    if (wanted.length === 0) return { taken: [], closed: undefined };
    const answer = await counters.take(wanted);
    const nameFor = (of: Refused): string => {
      const [limit = ""] = named.find(([, one]) => one === of.counter) ?? [];
      return of.taking.reason === "locked" ? "lockout" : limit;
    };
    if ("refused" in answer) return refuse(nameFor(answer.refused), rq, user, answer.refused.taking.wait);
    if (answer.closed !== undefined) tell(nameFor(answer.closed), rq, user);
    return answer;
  };

  const accountRule: MeterRule | undefined =
    rules.perAccount === undefined && rules.lockout === undefined
      ? undefined
      : { budget: rules.perAccount, lockout: rules.lockout };

  /** Whose it is stands nowhere: the account's own counter is what lists of locked accounts show. */
  const nameCounter = (kind: Guess["kind"], rule: MeterRule, name: string, weight: Weight = "refuses"): Counter =>
    counter(`signIn.${kind}`, `name ${name}`, rule, { weight });

  /**
   * The counters of a guess: `own` is the account's, `names` are those of what it is called by. A name is counted alike
   * whether it is somebody's or not, and it alone gives the answer; what stands behind it (the account, or for a name that
   * nobody has a counter that is as busy) only closes. Who is signed in knows whose account it is: there the account answers.
   */
  const guessCounters = ({ kind, account, name, names = [] }: Guess) => {
    if (accountRule === undefined) return { own: undefined, names: [] };
    const userId = account?.id ?? null;
    const behind = (weight: Weight, text: string): Counter =>
      counter(`signIn.${kind}`, text, accountRule, { userId, weight });
    if (name !== undefined) {
      return {
        own: behind("closes", account === undefined ? `nobody ${name}` : `account ${account.id}`),
        names: [nameCounter(kind, accountRule, name)],
      };
    }
    if (account === undefined) return { own: undefined, names: [] };
    return {
      own: behind("refuses", `account ${account.id}`),
      names: [...new Set(names)].map((one) => nameCounter(kind, accountRule, one, "counts")),
    };
  };

  return {
    rules,
    onLock: (listener) => void lockListeners.push(listener),
    async attempt(rq, guess) {
      const byAddress = addressCounter("signIn.address", rq, rules.perAddress);
      const { own, names } = guessCounters(guess);
      const { account } = guess;
      // The address first: whoever is out of guesses fills no table with names. What a name refuses was no guess: somebody
      // who waits for their own account must not use up the office's budget.
      const took = await taken(
        rq,
        account,
        ["signIn.perAddress", byAddress],
        ...names.map((one): Named => ["signIn.perAccount", one]),
        ["signIn.perAccount", own],
      );
      const all = took.taken;
      const ofAccount = all.find(({ counter: of }) => of === own);
      const guessed: readonly Counter[] = own === undefined ? [] : [...names, own];
      return {
        open: took.closed === undefined,
        undo: () => counters.settle(all),
        spend: () => counters.settle(all, [], "failure"),
        async fail() {
          if (ofAccount?.taking.locks !== true) return;
          const { lockedUntil, failures } = ofAccount.taking.meter;
          if (account === undefined) events.emit("unknownIdentityLocked", { until: lockedUntil, failures });
          else events.emit("accountLocked", { user: account, until: lockedUntil, failures });
          for (const listener of lockListeners) await listener(account);
        },
        succeed: (forget = "all") =>
          forget === "once"
            ? counters.settle(all)
            : counters.settle(
                all.filter(({ counter: of }) => !guessed.includes(of)),
                guessed,
              ),
      };
    },

    async mail(rq, target) {
      await taken(rq, undefined, ["mail.perAddress", addressCounter("mail.address", rq, rules.mailPerAddress)]);
      if (rules.mailPerTarget === undefined) return true;
      const spelled = normalizeEmail(target) ?? target.normalize("NFC").toLowerCase().trim();
      const answer = await counters.take([
        counter("mail.target", spelled, { budget: rules.mailPerTarget, lockout: undefined }),
      ]);
      if ("taken" in answer) return true;
      events.emit("limitReached", { limit: "mail.perTarget", user: undefined, address: rq.address });
      return false;
    },

    endpoint(name, own) {
      const { perIdentity, perAddress } = rules.endpoint(name, own);
      if (perIdentity === undefined && perAddress === undefined) return undefined;
      return async (rq, fields) => {
        const account = rq.identity?.account;
        const limit = `endpoints.${name}`;
        await taken(rq, account, [`${limit}.perAddress`, addressCounter(`${limit} address`, rq, perAddress)]);
        const identity = account === undefined ? namedIn(fields) : `account ${account.id}`;
        if (perIdentity === undefined || identity === undefined) return;
        const rule = { budget: perIdentity, lockout: undefined };
        await taken(rq, account, [`${limit}.perIdentity`, counter(`${limit} identity`, identity, rule)]);
      };
    },

    async spend(limit, rq, account, subject, budget) {
      await taken(rq, account, [limit, counter(limit, subject, { budget, lockout: undefined })]);
    },

    async unlock(userId, tx) {
      const meters = (tx === undefined ? undefined : store.within?.(tx)) ?? store;
      const rule: MeterRule = { budget: undefined, lockout: undefined };
      const names = await context.namesOf(userId, tx);
      const keys = kinds.flatMap((kind) => [
        counter(`signIn.${kind}`, `account ${userId}`, rule).key,
        ...(kind === "password" ? names.map((name) => nameCounter(kind, rule, name).key) : []),
      ]);
      let locked = false;
      for (const key of new Set(keys)) {
        const meter = await meters.read(key);
        if (meter === undefined) continue;
        await meters.remove(key);
        locked ||= meter.lockedUntil > now();
      }
      if (locked && tx === undefined) events.emit("accountUnlocked", { userId });
      return locked;
    },

    async locked({ after = 0, limit = 100 } = {}) {
      const at = now();
      const longest = rules.lockout?.periods.reduce((a, b) => Math.max(a, b), 0) ?? 0;
      const found = await store.locked(at, after, Math.min(Math.max(1, limit), mostLocked));
      const byUser = new Map<number, Lockout>();
      for (const row of found) {
        // From before the clock was set back: no lock is longer than the longest.
        const lockout = { ...row, lockedUntil: Math.min(row.lockedUntil, at + longest) };
        const known = byUser.get(lockout.userId);
        if (known === undefined || known.lockedUntil < lockout.lockedUntil) byUser.set(lockout.userId, lockout);
      }
      return [...byUser.values()];
    },

    purge: () => store.purge(now()),
  };
}

/** The fields by which forms name an account. */
const identityFields = ["identity", "email", "username", "phone"] as const;

function namedIn(fields: Readonly<Record<string, unknown>>): string | undefined {
  for (const name of identityFields) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (typeof value === "string" && value !== "") {
      return `name ${normalizeEmail(value) ?? value.normalize("NFC").toLowerCase()}`;
    }
  }
  return undefined;
}
