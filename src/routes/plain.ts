/** What the access matrix can say of handlers that nobody declared: those of a plain Hono application. */
import { Hono } from "hono";
import type { Router } from "hono/router";
import { takers } from "./overlap.ts";
import { formsOf, samplePaths } from "./samples.ts";
import type { RouteRecord } from "./types.ts";

// Of the whole process: the command and the program may come from two copies of the package.
const guarded = Symbol.for("portcullis.guardedBy");
/** Under which Hono keeps a handler that it wraps when an application is mounted. */
const composed = "__COMPOSED_HANDLER";

/** What a guard in front of plain handlers asks. */
export type PlainGuard = Pick<RouteRecord, "guard" | "schemes" | "realm" | "open">;

/** An application of Hono's own, as the matrix reads it. */
export interface PlainApplication {
  readonly routes: readonly { readonly method: string; readonly path: string; readonly handler: object }[];
}

/** Notes at a middleware which guard it is. */
export function noteGuard(middleware: object, guard: PlainGuard): void {
  Object.defineProperty(middleware, guarded, { value: guard });
}

/** Whether this is an application of Hono's own, in which nothing is declared. */
export function isPlain(value: unknown): value is PlainApplication {
  const app = value as Partial<PlainApplication> | null | undefined;
  return typeof app === "object" && Array.isArray(app?.routes) && !("accessMatrix" in app);
}

/** The handler itself, where it was mounted with an application. */
export function ownHandler(handler: object): object {
  let own = handler;
  for (let inner: unknown = own; typeof inner === "function"; inner = Reflect.get(own, composed)) own = inner;
  return own;
}

/**
 * The lines of a plain application: a guard by its words where it is asked first, anything else as what is not declared.
 * `declared`: the handlers that belong to an application which declares them.
 */
export function plainRecords(app: PlainApplication, declared: ReadonlySet<object>): readonly RouteRecord[] {
  const entries: Entry[] = [];
  const lines = new Map<string, [Entry, ...Entry[]]>();
  // Of the same kind as the application's own, which takes no more routes once it was asked.
  const router = new Hono().router as unknown as Router<number>;
  for (const { method, path, handler } of app.routes) {
    const own = ownHandler(handler);
    if (declared.has(own)) continue;
    const guard = Reflect.get(own, guarded) as PlainGuard | undefined;
    const entry = { at: entries.length, method, path, guard, what: answers(own) ? plainHandler : middleware };
    router.add(method, path, entry.at);
    entries.push(entry);
    const line = lines.get(`${method} ${path}`);
    if (line === undefined) lines.set(`${method} ${path}`, [entry]);
    else line.push(entry);
  }
  return [...lines.values()].map((line) => recordOf(router, entries, line));
}

/** A handler in the order in which the router asks. */
interface Entry {
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly guard: PlainGuard | undefined;
  /** What it is where it is no guard of ours. */
  readonly what: string;
}

const plainHandler = "plain handler";
const middleware = "middleware or handler";

/** What stands before a guard may answer in its place: only a guard that is asked before all else guards its line. */
function recordOf(router: Router<number>, entries: readonly Entry[], line: readonly [Entry, ...Entry[]]): RouteRecord {
  const { method, path } = line[0];
  const guards: PlainGuard[] = [];
  let ahead: string | undefined;
  for (const one of line) {
    if (one.guard === undefined) continue;
    ahead = aheadOf(router, entries, line, one);
    if (ahead !== undefined) break;
    guards.push(one.guard);
  }
  if (guards.length === 0) {
    if (ahead !== undefined) {
      return { ...undeclared(method, path, `${ahead}, before the guard`), open: "may answer before the guard" };
    }
    const what = kindOf(line);
    return undeclared(method, path, what === middleware ? `${middleware}: may answer` : what);
  }
  const words = `${guards.map(({ guard }) => guard).join(" and ")}, by security.guard()`;
  const realm = joined(guards.map((one) => one.realm));
  const opens = guards.map(({ open }) => open);
  return {
    ...undeclared(method, path, ""),
    guard: ahead === undefined ? words : `${words}; ${ahead}, before a further guard`,
    schemes: [...new Set(guards.flatMap(({ schemes }) => schemes))],
    ...(realm === "" ? {} : { realm }),
    open: opens.includes(undefined) ? undefined : joined(opens),
  };
}

/** What may answer before this guard of the line; undefined: nothing. */
function aheadOf(
  router: Router<number>,
  entries: readonly Entry[],
  line: readonly Entry[],
  guard: Entry,
): string | undefined {
  const own = line.filter((one) => one.at < guard.at && one.guard === undefined);
  if (own.length > 0) return kindOf(own);
  const other = entries.slice(0, guard.at).find((one) => precedes(router, one, guard));
  return other === undefined ? undefined : `${other.what} of ${other.method} ${other.path}`;
}

/** One that answers by itself tells more of a line than what may only do so. */
function kindOf(entries: readonly Entry[]): string {
  return entries.some(({ what }) => what === plainHandler) ? plainHandler : middleware;
}

/** Each text once. */
function joined(texts: readonly (string | undefined)[]): string {
  return [...new Set(texts.filter((text) => text !== undefined && text !== ""))].join(", ");
}

/**
 * Whether what stands on another line takes every request of this guard's before it. What takes a `next` counts at the same
 * paths alone: that of wider ones, such as a log of all requests, has a line of its own.
 */
function precedes(router: Router<number>, one: Entry, guard: Entry): boolean {
  if (one.guard !== undefined) return false;
  if (one.method !== guard.method && one.method !== "ALL" && guard.method !== "ALL") return false;
  const same = takesAll(router, guard, one);
  // One method of all at the same paths is what everybody reads as an exception.
  if (same && one.method !== guard.method && guard.method === "ALL") return false;
  return (same || one.what === plainHandler) && takesAll(router, one, guard);
}

/** Whether one takes all paths of another that were found. */
function takesAll(router: Router<number>, one: Entry, other: Entry): boolean {
  // Where both are for all methods, one that nobody names.
  const method = [one.method, other.method].find((name) => name !== "ALL") ?? "PORTCULLIS";
  let found = false;
  for (const form of formsOf(other.path)) {
    for (const path of samplePaths(form)) {
      const taking = takers(router, method, path);
      if (!taking.includes(other.at)) continue;
      if (!taking.includes(one.at)) return false;
      found = true;
    }
  }
  return found;
}

/** A line for what is not declared. */
export function undeclared(method: string, path: string, what: string): RouteRecord {
  return {
    method,
    path,
    schemes: [],
    guard: `not declared here: ${what}`,
    open: undefined,
    parameters: [],
    source: "application",
    declared: false,
  };
}

/** Without a next it can only answer by itself. */
function answers(handler: object): boolean {
  return typeof handler === "function" && handler.length < 2;
}
