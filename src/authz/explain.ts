import { noRoute, type RouteFacts, SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";
import type { Account } from "../model/account.ts";
import type { Guard } from "./guard.ts";
import { reasonOf, type Verdict } from "./verdict.ts";

/** For whom and for what a decision is to be explained. */
export interface ExplainedCase {
  /** Who would call; null: nobody. */
  readonly user: Account | null;
  /** The route's parameters, converted as the rule gets them. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** By which scheme; default "session". */
  readonly via?: string;
  /** What the credential would be limited to; default: not limited. */
  readonly scopes?: readonly string[];
  /** When the user proved who they are, in epoch milliseconds; default now. */
  readonly authenticatedAt?: number | null;
}

/** What one guard would say. */
export interface ExplainedStep {
  /** The guard in words, as in the access matrix. */
  readonly guard: string;
  readonly allowed: boolean;
  /** What failed; undefined where nothing did. */
  readonly reason: string | undefined;
  /** What the guards say that it is made of. */
  readonly steps?: readonly ExplainedStep[];
}

/** A decision with its reasons. For the application's own eyes: callers are told less. */
export interface Explanation extends ExplainedStep {
  /** The status that programs would be answered with; 200: the handler runs. */
  readonly status: number;
}

/**
 * Asks the guard, and each guard that it is made of, what it would say. Rejects with what a rule throws.
 *
 * @param notFoundStatus of an object that is not there: `Refusals.notFoundStatus`
 */
export async function explain(
  system: System,
  guard: Guard,
  facts: RouteFacts,
  of: ExplainedCase,
  notFoundStatus: number,
): Promise<Explanation> {
  const values = of.params ?? {};
  const route: RouteFacts = {
    ...noRoute,
    ...facts,
    declaresParams: true,
    parameters: {
      names: Object.keys(values),
      describe: () => [],
      convert: () => ({ ok: true, value: values }),
    },
  };
  /** Each guard is asked by a request of its own: what one found out must not help the next. */
  const ask = async (one: Guard): Promise<Verdict> => {
    const rq = new SecurityRequest(system, new Request("http://localhost/"), route);
    if (of.user !== null) {
      rq.identity = {
        account: of.user,
        via: of.via ?? "session",
        methods: [],
        authenticatedAt: of.authenticatedAt === undefined ? system.now() : of.authenticatedAt,
        ...(of.scopes === undefined ? {} : { scopes: of.scopes }),
      };
    }
    return one.check(rq);
  };
  const step = async (one: Guard): Promise<ExplainedStep & { readonly verdict: Verdict }> => {
    const verdict = await ask(one);
    const steps: ExplainedStep[] = [];
    for (const part of one.parts ?? []) {
      const { verdict: _, ...said } = await step(part);
      steps.push(said);
    }
    return {
      guard: one.describe(system.decisions.isGroup).text,
      allowed: verdict.kind === "allow",
      reason: reasonOf(verdict),
      ...(steps.length === 0 ? {} : { steps }),
      verdict,
    };
  };
  const { verdict, ...said } = await step(guard);
  return { ...said, status: statusOf(verdict, notFoundStatus) };
}

function statusOf(verdict: Verdict, notFoundStatus: number): number {
  switch (verdict.kind) {
    case "allow":
      return 200;
    case "unauthenticated":
    case "stale":
      return 401;
    case "notFound":
      return notFoundStatus;
    default:
      return verdict.status;
  }
}
