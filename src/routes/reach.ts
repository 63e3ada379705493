import { Hono } from "hono";
import type { Router } from "hono/router";
import { ConfigurationError } from "../model/errors.ts";
import { overlap, takers } from "./overlap.ts";
import { formsOf, samplePaths } from "./samples.ts";

/** Something that answers requests, in the order in which the router asks. */
export interface Standing<Route> {
  readonly method: string;
  /** As the router takes it. */
  readonly path: string;
  /** "GET /users/:id", for messages. */
  readonly label: string;
  /** The path as it was declared, its parameters without their names. */
  readonly pattern: string;
  /** Undefined: no declared route, but something that answers before one. */
  readonly route: Route | undefined;
  /** True: it is meant that another answers in its place. */
  readonly shadowed: boolean;
  /** True: it is meant that another answers some of its paths. */
  readonly overlaps: boolean;
  /** Who may call it, in words that are the same for the same guard. */
  readonly lock: string;
  /** True: everybody may, so what stands before it lets in nobody whom it would not. */
  readonly open: boolean;
}

/** What stands before a route. */
export interface Behind {
  /** The label of what answers in its place. */
  readonly label: string;
  /** True: it is never reached at all; false: not with one of its methods, or not without its optional parameter. */
  readonly whole: boolean;
}

/** The methods that a route for all of them is asked about; the last one is nobody's own. */
const allMethods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PORTCULLIS"] as const;

/**
 * Asks the router for each route which one answers at its paths: one that stands behind a wider one is listed as guarded, and
 * what is served is the wider one. Answers which routes are shadowed and say so.
 *
 * @throws {ConfigurationError} for a route behind another one that does not say that it is meant
 */
export function checkReach<Route>(standing: readonly Standing<Route>[]): ReadonlyMap<Route, Behind> {
  // Of the same kind as the application's own, which takes no more routes once it was asked.
  const router = new Hono().router as unknown as Router<number>;
  for (const [index, { method, path }] of standing.entries()) router.add(method, path, index);
  const behind = new Map<Route, Behind>();
  for (const [index, one] of standing.entries()) {
    if (one.route === undefined) continue;
    const found = shadowOf(router, standing, index);
    if (found === undefined) {
      const overlapping = overlapOf(router, standing, index);
      if (overlapping === undefined) {
        if (one.shadowed) throw idle(one, "shadowed", "no other route answers any of its paths");
        if (one.overlaps) throw idle(one, "overlaps", "no earlier route with another guard answers any of its paths");
      } else if (!one.shadowed && !one.overlaps) {
        throw new ConfigurationError(
          one.label,
          `overlaps with ${overlapping.label}, which asks something else of the caller and answers ${overlapping.request}: ` +
            "declare this one before it, give both the same guard, or say overlaps: true where the order is meant",
        );
      }
      continue;
    }
    if (!one.shadowed) {
      const { method, path, label } = found;
      throw new ConfigurationError(
        one.label,
        `${found.whole ? "is never reached" : "is not always reached"}: ${method} ${path} is answered by ${label}, ` +
          "which stands before it; declare it before that one, or say shadowed: true where this is meant",
      );
    }
    behind.set(one.route, { label: found.label, whole: found.whole });
  }
  return behind;
}

/** A word that changes nothing would hide the day on which it does. */
function idle<Route>(one: Standing<Route>, word: "shadowed" | "overlaps", why: string): ConfigurationError {
  return new ConfigurationError(one.label, `${word}: true says nothing here: ${why}; leave it out`);
}

/**
 * A request to one of the route's paths that an earlier one answers, which asks something else of the caller:
 * `/:org/settings`, open, and then `/admin/:page`. What stands first for fewer paths is how routes are read, and no surprise.
 */
function overlapOf<Route>(
  router: Router<number>,
  standing: readonly Standing<Route>[],
  index: number,
): { readonly label: string; readonly request: string } | undefined {
  const own = standing[index] as Standing<Route>;
  if (own.open) return undefined;
  for (const [at, earlier] of standing.slice(0, index).entries()) {
    if (earlier.route === undefined || earlier.lock === own.lock) continue;
    if (earlier.method !== own.method && earlier.method !== "ALL" && own.method !== "ALL") continue;
    const methods = own.method !== "ALL" ? [own.method] : earlier.method !== "ALL" ? [earlier.method] : ["GET"];
    const method = methods[0] as string;
    const path = overlap(earlier.path, own.path, (one) => {
      const taking = takers(router, method, one);
      return taking[0] === at && taking.includes(index);
    });
    if (path !== undefined) return { label: earlier.label, request: `${method} ${path}` };
  }
  return undefined;
}

interface Shadow extends Behind {
  /** A request that another one answers. */
  readonly method: string;
  readonly path: string;
  /** True: it stands at the same path, for one method of all. */
  readonly same: boolean;
}

function shadowOf<Route>(
  router: Router<number>,
  standing: readonly Standing<Route>[],
  index: number,
): Shadow | undefined {
  const own = standing[index] as Standing<Route>;
  const methods = own.method === "ALL" ? allMethods : [own.method];
  const shadows: Shadow[] = [];
  let count = 0;
  for (const form of formsOf(own.path)) {
    for (const method of methods) {
      count++;
      const shadow = shadowAt(router, standing, index, method, form);
      if (shadow !== undefined) shadows.push(shadow);
    }
  }
  const whole = shadows.length === count;
  const [first] = shadows;
  if (first === undefined) return undefined;
  // "GET /x" before "ALL /x" is what everybody reads as "the others": only what another path takes is a surprise.
  const surprising = whole ? first : shadows.find((one) => !one.same);
  return surprising === undefined ? undefined : { ...surprising, whole };
}

/** Undefined: with this method, this form of the route is reached somewhere. */
function shadowAt<Route>(
  router: Router<number>,
  standing: readonly Standing<Route>[],
  index: number,
  method: string,
  form: string,
): Shadow | undefined {
  const own = standing[index] as Standing<Route>;
  let shadow: Shadow | undefined;
  let known: Shadow | undefined;
  for (const path of samplePaths(form)) {
    const answering = takers(router, method, path);
    const [first] = answering;
    const before = first === undefined || first >= index ? undefined : (standing[first] as Standing<Route>);
    const mine = answering.includes(index);
    if (mine && before === undefined) return undefined;
    if (before === undefined) continue;
    const same = answering.some((other) => other < index && isTwin(standing[other] as Standing<Route>, own));
    const found: Shadow = { method, path, label: before.label, same, whole: false };
    if (mine) known ??= found;
    // No text was found for its own pattern, yet one that takes any text stands before it.
    else shadow ??= found;
  }
  return known ?? shadow;
}

/** The same path for one of the methods. */
function isTwin<Route>(other: Standing<Route>, own: Standing<Route>): boolean {
  return other.pattern === own.pattern && other.method !== "ALL" && own.method === "ALL";
}
