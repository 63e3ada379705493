/** What the access matrix can say of handlers that nobody declared: those of a plain Hono application. */
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
 * The lines of a plain application: a guard by its words, anything else as what is not declared. `declared`: the handlers
 * that belong to an application which declares them.
 */
export function plainRecords(app: PlainApplication, declared: ReadonlySet<object>): readonly RouteRecord[] {
  const handlers = new Map<string, { readonly method: string; readonly path: string; readonly own: object[] }>();
  for (const { method, path, handler } of app.routes) {
    const own = ownHandler(handler);
    if (declared.has(own)) continue;
    const line = handlers.get(`${method} ${path}`) ?? { method, path, own: [] };
    handlers.set(`${method} ${path}`, line);
    line.own.push(own);
  }
  return [...handlers.values()].map(({ method, path, own }) => {
    const guards = own
      .map((one) => Reflect.get(one, guarded) as PlainGuard | undefined)
      .filter((one) => one !== undefined);
    const [first] = guards;
    if (first === undefined) return undeclared(method, path, own.some(answers) ? "plain handler" : "middleware");
    const guard = `${guards.map((one) => one.guard).join(" and ")}, by security.guard()`;
    const open = guards.every((one) => one.open !== undefined) ? first.open : undefined;
    return { ...undeclared(method, path, ""), ...first, guard, open };
  });
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
