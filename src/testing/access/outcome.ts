import type { CheckpointRule, GuardRule } from "../../authz/guard.ts";

/** What a guard is expected to answer; "unknown": only the application knows. */
export type Outcome =
  | "pass"
  | "unauthenticated"
  | "stale"
  | "forbidden"
  | "notFound"
  | "anonymous"
  | "csrf"
  /** Refused, whichever way. */
  | "refused"
  /** A checkpoint fails, or passes, and answers by itself with this status. */
  | `failed ${number}`
  | `passed ${number}`
  | "unknown";

/** True where the caller is let in: the handler runs, or what a checkpoint does that passes. */
export function lets(outcome: Outcome): boolean {
  return outcome === "pass" || outcome.startsWith("passed ");
}

/** Who is calling, as far as guards look. */
export interface Caller {
  readonly roles: ReadonlySet<string>;
  readonly permissions: ReadonlySet<string>;
  /** What the credentials are limited to; undefined: they are not. */
  readonly scopes: ReadonlySet<string> | undefined;
  readonly stale: boolean;
  readonly oneFactor: boolean;
}

/** One request as guards see it. */
export interface Call {
  /** Undefined: nobody, or somebody whose credentials are worth nothing. */
  readonly caller: Caller | undefined;
  /** The schemes whose credentials go along. */
  readonly sent: ReadonlySet<string>;
  /** The schemes that the route takes where its guard names none. */
  readonly schemes: readonly string[];
  readonly unsafe: boolean;
  /** The rule for objects: may the caller reach the one that is called? */
  readonly reach: (rule: Extract<GuardRule, { kind: "object" }>) => boolean | undefined | "unknown";
  /** Does the caller have what the checkpoint looks for? */
  readonly has: (rule: CheckpointRule) => boolean | "unknown";
}

/** What a guard with this rule must answer: worked out from the rule alone, by none of the code that enforces it. */
export function outcomeOf(rule: GuardRule, call: Call): Outcome {
  return decide(rule, call, false);
}

/** `identified`: a part of the guard that was asked before has found out who is calling. */
function decide(rule: GuardRule, call: Call, identified: boolean): Outcome {
  const { caller } = call;
  const known = (schemes: readonly string[]): boolean =>
    caller !== undefined && schemes.some((name) => call.sent.has(name));
  const here = caller !== undefined && (identified || known(call.schemes)) ? caller : undefined;
  switch (rule.kind) {
    case "everybody":
      return "pass";
    case "nobody":
      return "forbidden";
    case "anonymous":
      return here === undefined ? "pass" : "anonymous";
    case "csrf":
      return here === undefined && call.unsafe ? "csrf" : "pass";
    case "custom":
      return "unknown";
    case "checkpoint": {
      const has = call.has(rule);
      if (has === "unknown") return "unknown";
      if (has) return rule.passed?.status === undefined ? "pass" : `passed ${rule.passed.status}`;
      return rule.failed === undefined ? "forbidden" : `failed ${rule.failed.status}`;
    }
    case "signedIn": {
      const there = rule.schemes === undefined ? here !== undefined : known(rule.schemes);
      if (!there) return "unauthenticated";
      return rule.fresh !== undefined && caller?.stale === true ? "stale" : "pass";
    }
    case "roles":
      return here === undefined ? "unauthenticated" : listed(rule, here.roles);
    case "permissions":
      return here === undefined ? "unauthenticated" : listed(rule, here.permissions);
    case "scopes":
      if (here === undefined) return "unauthenticated";
      return here.scopes === undefined ? "pass" : listed({ every: true, names: rule.names }, here.scopes);
    case "object": {
      if (here === undefined) return "unauthenticated";
      const reached = call.reach(rule);
      if (reached === "unknown") return "unknown";
      return reached === true ? "pass" : reached === false ? "forbidden" : "notFound";
    }
    case "secondFactor":
      if (here === undefined) return "unauthenticated";
      return here.oneFactor ? "refused" : "pass";
    case "allOf":
      return all(rule.rules, call, identified);
    case "anyOf":
      return any(rule.rules.map((part) => decide(part, call, identified)));
  }
}

function listed(
  { every, names }: { readonly every: boolean; readonly names: readonly string[] },
  own: ReadonlySet<string>,
): Outcome {
  return (every ? names.every((name) => own.has(name)) : names.some((name) => own.has(name))) ? "pass" : "forbidden";
}

/** Those that name schemes are asked first, those that need the object last. What a checkpoint does waits for the others. */
function all(rules: readonly GuardRule[], call: Call, before: boolean): Outcome {
  let identified = before;
  let passed: Outcome = "pass";
  for (const rule of rules.toSorted((a, b) => rank(a) - rank(b))) {
    const outcome = decide(rule, call, identified);
    if (!lets(outcome)) return outcome;
    if (passed === "pass") passed = outcome;
    identified ||= rank(rule) === 0;
  }
  return passed;
}

function rank(rule: GuardRule): number {
  if (includes(rule, (part) => part.kind === "signedIn" && part.schemes !== undefined)) return 0;
  return includes(rule, needsParameters) ? 2 : 1;
}

function needsParameters(rule: GuardRule): boolean {
  return rule.kind === "object" || (rule.kind === "checkpoint" && rule.asks.by === "function");
}

function includes(rule: GuardRule, test: (part: GuardRule) => boolean): boolean {
  if (rule.kind === "allOf" || rule.kind === "anyOf") return rule.rules.some((part) => includes(part, test));
  return test(rule);
}

/** The refusal that comes nearest to passing, after a stale proof and what a checkpoint answers. */
const nearest: readonly Outcome[] = ["refused", "forbidden", "csrf", "notFound", "anonymous", "unauthenticated"];

function any(outcomes: readonly Outcome[]): Outcome {
  const passed = outcomes.find(lets);
  if (passed !== undefined) return passed;
  if (outcomes.includes("unknown")) return "unknown";
  if (outcomes.includes("stale")) return "stale";
  const failed = outcomes.find((outcome) => outcome.startsWith("failed "));
  return failed ?? nearest.find((outcome) => outcomes.includes(outcome)) ?? "forbidden";
}
