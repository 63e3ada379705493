import type { CheckpointRule, GuardRule } from "../../authz/guard.ts";

/** The ways in which a guard may refuse; "anonymous": only who is signed in, "csrf": only for want of a token. */
export type RefusalKind = "unauthenticated" | "stale" | "forbidden" | "notFound" | "anonymous" | "csrf";

/** Who gets past a guard, as far as credentials go. */
export interface Access {
  /** Each is enough; in each, all schemes are needed. One without schemes: nobody needs to be signed in. */
  readonly alternatives: readonly (readonly string[])[];
  /** True: a part of the guard is the application's own, which may also refuse who needs no credentials. */
  readonly unknown: boolean;
  readonly refusals: ReadonlySet<RefusalKind>;
  /** True: nobody gets past it, whoever they are. */
  readonly closed: boolean;
  /** The checkpoints that it is made of, which answer by themselves. */
  readonly checkpoints: readonly CheckpointRule[];
}

/** The names that a checkpoint's keys have among schemes: one for each place where a key may stand. */
export function keySchemes({ asks }: CheckpointRule): readonly string[] {
  const word = (name: string): string => name.replace(/[^\w.-]/g, "_");
  if (asks.by === "bearer") return ["bearerCheckpoint"];
  if (asks.by !== "header") return [];
  const query = asks.query === undefined ? [] : [`apiKeyCheckpoint_query_${word(asks.query)}`];
  return [`apiKeyCheckpoint_${word(asks.name)}`, ...query];
}

/** A scheme that the guard leaves to the route. */
const any = "*";
type Sets = readonly ReadonlySet<string>[];

/** What a rule asks of a route that takes these schemes where the guard names none. */
export function accessOf(rule: GuardRule, schemes: readonly string[]): Access {
  const usable = schemes.filter((name) => name !== "none");
  const spread = (set: ReadonlySet<string>): readonly ReadonlySet<string>[] =>
    set.has(any) ? usable.map((name) => new Set([...set].map((each) => (each === any ? name : each)))) : [set];
  const sets = smallest(setsOf(rule).flatMap(spread));
  return {
    alternatives: sets.map((set) => [...set]),
    unknown: isUnknown(rule),
    refusals: refusalsOf(rule),
    closed: sets.length === 0,
    checkpoints: checkpointsOf(rule),
  };
}

function isKey(name: string): boolean {
  return /^(?:bearerCheckpoint$|apiKeyCheckpoint_)/.test(name);
}

function setsOf(rule: GuardRule): Sets {
  switch (rule.kind) {
    case "everybody":
    case "anonymous":
    case "csrf":
    case "custom":
      return [new Set()];
    case "nobody":
      return [];
    case "checkpoint": {
      const keys = keySchemes(rule);
      return keys.length === 0 ? [new Set()] : keys.map((name) => new Set([name]));
    }
    case "signedIn":
      return (rule.schemes ?? [any]).filter((name) => name !== "none").map((name) => new Set([name]));
    case "roles":
    case "permissions":
    case "scopes":
    case "object":
    case "secondFactor":
      return [new Set([any])];
    case "anyOf":
      return smallest(rule.rules.flatMap(setsOf));
    case "allOf":
      return rule.rules
        .map(setsOf)
        .reduce(
          (all, sets) => smallest(all.flatMap((set) => sets.map((each) => both(set, each)))),
          [new Set<string>()],
        );
  }
}

/** Whoever is signed in by a scheme that one part names is signed in for the part that names none. */
function both(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  const union = new Set([...a, ...b]);
  // Behind the key of a checkpoint is nobody.
  if ([...union].some((name) => name !== any && !isKey(name))) union.delete(any);
  return union;
}

/** Without those that ask for more than another one does, and each once. */
function smallest(sets: Sets): Sets {
  return sets.filter(
    (set, index) =>
      !sets.some((other, at) => at !== index && other.isSubsetOf(set) && (other.size < set.size || at < index)),
  );
}

function isUnknown(rule: GuardRule): boolean {
  if (rule.kind === "custom") return true;
  // What the session holds or a function says, no credential of the description gives.
  if (rule.kind === "checkpoint") return keySchemes(rule).length === 0;
  return (rule.kind === "allOf" || rule.kind === "anyOf") && rule.rules.some(isUnknown);
}

function checkpointsOf(rule: GuardRule): readonly CheckpointRule[] {
  if (rule.kind === "checkpoint") return [rule];
  return rule.kind === "allOf" || rule.kind === "anyOf" ? rule.rules.flatMap(checkpointsOf) : [];
}

const everyRefusal: readonly RefusalKind[] = ["unauthenticated", "stale", "forbidden", "notFound", "anonymous"];

function refusalsOf(rule: GuardRule): ReadonlySet<RefusalKind> {
  switch (rule.kind) {
    case "everybody":
      return new Set();
    case "nobody":
      return new Set(["forbidden"]);
    case "anonymous":
      return new Set(["anonymous"]);
    case "csrf":
      return new Set(["csrf"]);
    case "checkpoint": {
      // What it answers by itself stands with the checkpoints.
      const refused: readonly RefusalKind[] = rule.failed === undefined ? ["forbidden"] : [];
      // A visitor's session comes along by itself.
      return new Set(rule.asks.by === "session" ? [...refused, "csrf"] : refused);
    }
    case "signedIn":
      return new Set(rule.fresh === undefined ? ["unauthenticated"] : ["unauthenticated", "stale"]);
    case "roles":
    case "permissions":
    case "scopes":
    case "secondFactor":
      return new Set(["unauthenticated", "forbidden"]);
    case "object":
      return new Set(["unauthenticated", "forbidden", "notFound"]);
    case "custom":
      return new Set(everyRefusal);
    case "allOf":
    case "anyOf": {
      // Where one alternative lets everybody pass, nobody is refused.
      if (rule.kind === "anyOf" && rule.rules.some(({ kind }) => kind === "everybody")) return new Set();
      const all = new Set<RefusalKind>();
      for (const part of rule.rules) for (const kind of refusalsOf(part)) all.add(kind);
      return all;
    }
  }
}
