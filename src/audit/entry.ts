import type { EventContext, SecurityEventName, SecurityEvents } from "../events/events.ts";
import { auditRules } from "./rules.ts";

/** How what happened ended. */
export type AuditResult = "ok" | "failed" | "denied";

/** What one row of the trail says, before it has its place in the chain. */
export interface AuditFacts {
  /** Epoch milliseconds, UTC. */
  readonly at: number;
  /** The event's name. */
  readonly name: string;
  readonly result: AuditResult;
  /** Whom it concerns; null: nobody that is known. */
  readonly userId: number | null;
  /** Who did it; null: somebody who was not signed in, or a program. Whoever acted as somebody else: `details.as` says as whom. */
  readonly actorId: number | null;
  readonly address: string | null;
  /** The user agent, cut, with control characters encoded. */
  readonly agent: string | null;
  /** "POST /login"; null outside of a request. */
  readonly route: string | null;
  /** The scheme by which the actor was signed in. */
  readonly via: string | null;
  /** A JSON object with the few listed fields of the event. */
  readonly details: string;
}

/** One row of the trail. */
export interface AuditEntry extends AuditFacts {
  /** 1, 2, 3 … without gaps. */
  readonly sequence: number;
  /** The hash of the entry before. */
  readonly previous: string;
  /** base64url SHA-256 over all that stands here. */
  readonly hash: string;
}

const maxText = 255;
const maxAddress = 64;
const maxDetails = 2_000;
const maxItems = 20;

/**
 * Text of a stranger's as one record may hold it: cut, and every character that breaks lines, steers terminals or turns the
 * direction of what follows as \u escape (ASVS 16.4.1).
 */
export function encoded(text: string, max: number = maxText): string {
  const safe = text
    .slice(0, max)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/gu, (char) =>
      char === "\\"
        ? "\\\\"
        : [...Array(char.length).keys()]
            .map((index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, "0")}`)
            .join(""),
    );
  if (safe.length <= max) return safe;
  // Not in the middle of an escape, nor of a pair of surrogates.
  return safe
    .slice(0, max)
    .replace(/\p{Cs}$/u, "")
    .replace(/(?<!\\)((?:\\\\)*)\\(?:u[0-9a-f]{0,3})?$/, "$1");
}

/** What the trail keeps of an event; undefined: nothing. */
export function factsOf<Name extends SecurityEventName>(
  name: Name,
  event: SecurityEvents[Name],
  context: EventContext,
): AuditFacts | undefined {
  const rule = Object.hasOwn(auditRules, name) ? auditRules[name] : undefined;
  if (rule?.skip === true) return undefined;
  const fields = event as unknown as Readonly<Record<string, unknown>>;
  const details: Record<string, unknown> = {};
  for (const field of [...((rule?.fields ?? []) as readonly string[])].sort()) {
    const value = plain(fields[field]);
    if (value !== undefined) details[field] = value;
  }
  const as = context.impersonator === undefined ? undefined : idOf(context.actor);
  if (as !== undefined) details["as"] = as;
  const text = JSON.stringify(details);
  return {
    at: context.at,
    name: encoded(name, 64),
    result: rule?.result ?? "ok",
    userId: idOf(fields["user"]) ?? number(fields["userId"]) ?? null,
    actorId: idOf(context.impersonator) ?? idOf(context.actor) ?? null,
    address: context.address === undefined ? null : encoded(context.address, maxAddress),
    agent: context.agent === undefined ? null : encoded(context.agent),
    route: context.route === undefined ? null : encoded(context.route),
    via: context.via === undefined ? null : encoded(context.via, 64),
    details: text.length <= maxDetails ? text : '{"cut":true}',
  };
}

/** The details of a stored entry. Whoever can write to the database may have put anything there: what is no JSON object is none. */
export function detailsOf({ details }: Pick<AuditEntry, "details">): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(details);
  } catch {
    return {};
  }
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** Numbers, booleans and encoded texts, and short lists of these; nothing else gets into the trail. */
function plain(value: unknown): unknown {
  if (typeof value === "string") return encoded(value);
  if (typeof value === "boolean" || Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.slice(0, maxItems).map((item) => plain(item) ?? null);
  return undefined;
}

function idOf(user: unknown): number | undefined {
  return typeof user === "object" && user !== null ? number((user as { readonly id?: unknown }).id) : undefined;
}

function number(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? (value as number) : undefined;
}
