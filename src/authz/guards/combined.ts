import type { SecurityRequest } from "../../http/request.ts";
import { type Awaitable, settled } from "../../model/awaitable.ts";
import { ConfigurationError } from "../../model/errors.ts";
import type { Identity } from "../../model/identity.ts";
import { type Guard, type GuardDescription, type GuardRule, type GuardWords, type IsGroup, isGuard } from "../guard.ts";
import { allow, type Verdict } from "../verdict.ts";

/** The words of several guards together; somebody is sure to be signed in when one of them makes sure of it. */
export type AllWords<Guards extends readonly Guard[]> = Words<
  Guards,
  true extends UserOf<Guards[number]> ? true : false
>;

/** The words of several guards together; somebody is sure to be signed in when each of them makes sure of it. */
export type AnyWords<Guards extends readonly Guard[]> = Words<
  Guards,
  false extends UserOf<Guards[number]> ? false : true
>;

type UserOf<G> = G extends Guard<infer W> ? W["user"] : never;

interface Words<Guards extends readonly Guard[], User extends boolean> extends GuardWords {
  readonly role: WordOf<Guards[number], "role">;
  readonly permission: WordOf<Guards[number], "permission">;
  readonly object: WordOf<Guards[number], "object">;
  readonly parameter: WordOf<Guards[number], "parameter">;
  readonly identified: WordOf<Guards[number], "identified">;
  readonly scheme: WordOf<Guards[number], "scheme">;
  readonly scope: ScopeOf<Guards[number]>;
  readonly user: User;
}

type WordOf<G, Key extends "role" | "permission" | "object" | "parameter" | "identified" | "scheme"> =
  G extends Guard<infer W> ? W[Key] : never;

type ScopeOf<G> = G extends Guard<infer W> ? (W extends { readonly scope: infer S extends string } ? S : never) : never;

/** All must let pass. Those that name schemes are asked first, those that need the object's parameters last. */
export function allOf<const Guards extends readonly Guard[]>(...guards: Guards): Guard<AllWords<Guards>> {
  const descriptions = several("allOf", guards);
  const rank = (guard: Guard): number => {
    const { schemes, objects, parameters } = guard.describe();
    return schemes !== undefined ? 0 : objects !== undefined || parameters !== undefined ? 2 : 1;
  };
  const ordered = [...guards].sort((a, b) => rank(a) - rank(b));
  /** What a checkpoint does that passes waits until the others have passed too: the first of those is done. */
  const from = (rq: SecurityRequest, start: number, passed: Verdict): Awaitable<Verdict> => {
    let last = passed;
    for (let index = start; index < ordered.length; index += 1) {
      const verdict = settled((ordered[index] as Guard).check(rq));
      if (verdict instanceof Promise) {
        const before = last;
        return verdict.then((found) => (lets(found) ? from(rq, index + 1, first(before, found)) : found));
      }
      if (!lets(verdict)) return verdict;
      last = first(last, verdict);
    }
    return last;
  };
  return {
    parts: guards,
    check: (rq) => from(rq, 0, allow),
    describe: (isGroup) => merge(`all of (${inWords(guards, isGroup)})`, descriptions, "some"),
  };
}

/** True when the request may go on, or is answered by what a checkpoint does that passes. */
function lets(verdict: Verdict): boolean {
  return verdict.kind === "allow" || (verdict.kind === "diverted" && verdict.passed);
}

function first(before: Verdict, found: Verdict): Verdict {
  return before.kind === "allow" ? found : before;
}

/** One is enough. When none lets pass, the answer is the one that comes nearest: stale before forbidden before 404 before 401. */
export function anyOf<const Guards extends readonly Guard[]>(...guards: Guards): Guard<AnyWords<Guards>> {
  const descriptions = several("anyOf", guards);
  const from = (rq: SecurityRequest, start: number, best: Refused | undefined): Awaitable<Verdict> => {
    let nearest = best;
    // What one alternative found out about the caller must not count for the next, which may accept other schemes.
    const before = rq.identity;
    for (let index = start; index < guards.length; index += 1) {
      const verdict = settled((guards[index] as Guard).check(rq));
      if (verdict instanceof Promise) {
        return verdict.then((found) => {
          if (lets(found)) return found;
          const next = nearer(nearest, { verdict: found, identity: rq.identity });
          rq.identity = before;
          return from(rq, index + 1, next);
        });
      }
      if (lets(verdict)) return verdict;
      nearest = nearer(nearest, { verdict, identity: rq.identity });
      rq.identity = before;
    }
    // The answer is to whoever was refused: a stale session is sent to its own check.
    rq.identity = nearest?.identity ?? before;
    return (nearest as Refused).verdict;
  };
  return {
    parts: guards,
    check: (rq) => from(rq, 0, undefined),
    describe: (isGroup) => merge(`any of (${inWords(guards, isGroup)})`, descriptions, "every"),
  };
}

const order: readonly Verdict["kind"][] = [
  "stale",
  "diverted",
  "forbidden",
  "notFound",
  "redirected",
  "unauthenticated",
];

/** A refusal with whom it is for. */
interface Refused {
  readonly verdict: Verdict;
  readonly identity: Identity | undefined;
}

function nearer(a: Refused | undefined, b: Refused): Refused {
  if (a === undefined) return b;
  if (a.verdict.kind === "unauthenticated" && b.verdict.kind === "unauthenticated") {
    // Any of the ways would do: all are offered.
    const schemes = [...new Set([...a.verdict.schemes, ...b.verdict.schemes])];
    return { ...a, verdict: { ...a.verdict, schemes, realm: a.verdict.realm ?? b.verdict.realm } };
  }
  return order.indexOf(b.verdict.kind) < order.indexOf(a.verdict.kind) ? b : a;
}

function inWords(guards: readonly Guard[], isGroup: IsGroup | undefined): string {
  return guards.map((guard) => guard.describe(isGroup).text).join("; ");
}

function several(name: string, guards: readonly Guard[]): readonly GuardDescription[] {
  if (guards.length === 0) throw new ConfigurationError(name, "name at least one guard");
  return guards.map((guard: unknown) => {
    if (!isGuard(guard)) {
      const shown = typeof guard === "string" ? JSON.stringify(guard) : `something of type ${typeof guard}`;
      throw new ConfigurationError(
        name,
        `${shown} is no guard; words and roles become one by authRequired() and rolesRequired()`,
      );
    }
    return guard.describe();
  });
}

/** An open alternative opens the whole: then there is a reason to show. */
function merge(text: string, parts: readonly GuardDescription[], signedInWhen: "some" | "every"): GuardDescription {
  const schemes = [...new Set(parts.flatMap((part) => part.schemes ?? []))];
  // Where one is enough, each that names no schemes lets the route's own in; where all must let pass, those named bind.
  const takesOthers = (part: GuardDescription): boolean => part.schemes === undefined || part.otherSchemes === true;
  const others =
    signedInWhen === "every"
      ? parts.some(takesOthers)
      : parts.filter((part) => part.schemes !== undefined).every(takesOthers);
  const open = signedInWhen === "every" ? parts.find((part) => part.open !== undefined)?.open : undefined;
  const objects = parts.flatMap((part) => part.objects ?? []);
  const parameters = parts.flatMap((part) => part.parameters ?? []);
  const routes = parts.flatMap((part) => part.routes ?? []);
  const scopes = [...new Set(parts.flatMap((part) => part.scopes ?? []))];
  const isLimited = (part: GuardDescription): boolean => part.limited === true;
  const limited = signedInWhen === "some" ? parts.some(isLimited) : parts.every(isLimited);
  return {
    text,
    rule: {
      kind: signedInWhen === "some" ? "allOf" : "anyOf",
      rules: parts.map((part): GuardRule => part.rule ?? { kind: "custom" }),
    },
    roles: [...new Set(parts.flatMap((part) => part.roles ?? []))],
    permissions: [...new Set(parts.flatMap((part) => part.permissions ?? []))],
    authenticated: signedInWhen === "some" ? parts.some((p) => p.authenticated) : parts.every((p) => p.authenticated),
    ...(objects.length === 0 ? {} : { objects }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(routes.length === 0 ? {} : { routes }),
    ...(scopes.length === 0 ? {} : { scopes, ...(limited ? { limited } : {}) }),
    ...(schemes.length === 0 ? {} : { schemes, ...(others ? { otherSchemes: true } : {}) }),
    ...(open === undefined ? {} : { open }),
  };
}
