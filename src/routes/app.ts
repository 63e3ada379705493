import { type Context, Hono } from "hono";
import type { RouterRoute } from "hono/types";
import { mergePath } from "hono/utils/url";
import { nobody } from "../authz/guards/open.ts";
import type { AddressRule } from "../http/address.ts";
import { notePeer } from "../http/connection.ts";
import { noRoute, type RouteFacts, SecurityRequest } from "../http/request.ts";
import { commandLine, type MatrixSource } from "../model/command-line.ts";
import { ConfigurationError } from "../model/errors.ts";
import { type Around, executing } from "./around/around.ts";
import type { AroundSettings } from "./around/options.ts";
import { compileRoute, type DeclarationContext, type DeclaredRoute } from "./declaration.ts";
import type { DescribedRoute } from "./openapi/described.ts";
import type { Description } from "./openapi/description.ts";
import { otherMethods } from "./other-methods.ts";
import { injecting } from "./parameters/injection.ts";
import { pathParameters, routerPath } from "./parameters/path.ts";
import { undeclared } from "./plain.ts";
import { type Behind, checkReach, type Standing } from "./reach.ts";
import { type GuardedHandler, type Runner, runGuarded } from "./run.ts";
import type { App, RouteRecord } from "./types.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** What making applications needs. */
export interface AppContext extends Runner, DeclarationContext {
  /** What stands around every request. */
  readonly around: Around | undefined;
  readonly beforeExec: AroundSettings["beforeExec"];
  readonly pathRule: AroundSettings["pathRule"];
  /** Answers what is thrown; undefined: Hono does. */
  readonly onError: ((error: unknown, c: Context) => Promise<Response>) | undefined;
  /** The account pages: added to the application that is served, before its first request. */
  readonly accounts: AccountRoutes;
  /** The API's description: added to the same application. */
  readonly description: Description;
}

/** The routes of the account system, as the application that is served takes them in. */
export interface AccountRoutes {
  readonly records: readonly RouteRecord[];
  /** The same for the API's description. */
  readonly described: readonly DescribedRoute[];
  /** Called for each method and path; the handler answers. `matrix`: all routes of the application that serves them. */
  register(
    add: (method: string, path: string, handler: (c: Context) => Response | Promise<Response>) => void,
    matrix?: () => readonly RouteRecord[],
  ): void;
  /** What is answered where no route of the application does, in the place of 404. */
  atLast(method: string, path: string): Response | undefined;
}

const errorHandlerOf = (hono: Hono): unknown => (hono as unknown as { errorHandler: unknown }).errorHandler;
/** A mounted application with this one leaves its errors to the one that it is mounted in, without a wrapping of its own. */
const plainErrorHandler = errorHandlerOf(new Hono());

const methods = ["get", "post", "put", "patch", "delete", "options", "query", "all"] as const;
/** What is known of an application's routes, shared by all its `basePath` views. */
interface AppState {
  /** The application itself, of which there may be views. */
  readonly root: Hono;
  readonly routes: DeclaredRoute[];
  /** Notes a route. Refuses one that another stands in the way of. */
  note(route: DeclaredRoute): void;
  /** What stands behind each entry of the router that answers requests; entries of middleware are missing. */
  readonly answering: Map<RouterRoute, Answering>;
  /** Routes of plain applications that were mounted, and closed. */
  readonly closed: RouteRecord[];
  /** Adds the account pages, once. */
  addAccounts(): void;
  /** Who may ask for which path over plain HTTP. */
  readonly plainHttp: Map<string, AddressRule>;
  /** The last check before the application is used. */
  seal(): void;
  /** All its routes as the access matrix shows them. */
  records(): readonly RouteRecord[];
  /** All its routes, the account endpoints included. */
  described(): readonly DescribedRoute[];
}

/** What answers at an entry of the router: a declared route, or something that has none. */
type Answering = { readonly route: DeclaredRoute } | { readonly label: string };

const states = new WeakMap<object, AppState>();
/** Handlers of account pages: they stay with the application that is served and are not mounted along. */
const accountHandlers = new WeakSet<object>();

/** Makes an application whose routes must be declared. */
export function createApp<V extends Vocabulary>(context: AppContext): App<V> {
  const hono = new Hono();
  const add = hono.on.bind(hono);
  const routes: DeclaredRoute[] = [];
  const patterns = new Set<string>();
  const answering = new Map<RouterRoute, Answering>();
  let behind: ReadonlyMap<DeclaredRoute, Behind> = new Map();
  let records: readonly RouteRecord[] = [];
  const plainHttp: AppState["plainHttp"] = new Map();
  let methodsAt: ReturnType<typeof otherMethods> = () => [];
  let added = false;
  let checked = 0;
  const state: AppState = {
    root: hono,
    routes,
    answering,
    closed: [],
    plainHttp,
    note(route) {
      const { record } = route;
      const pattern = `${record.method} ${patternOf(record.path)}`;
      if (patterns.has(pattern)) {
        throw new ConfigurationError(
          `${record.method} ${record.path}`,
          "is declared twice; the second would never be called",
        );
      }
      patterns.add(pattern);
      if (record.name !== undefined) context.names.note(record.name, route.facts, record.path);
      routes.push(route);
    },
    addAccounts() {
      if (added) return;
      added = true;
      const addOwn = (method: string, path: string, handler: (c: Context) => Response | Promise<Response>): void => {
        accountHandlers.add(handler);
        const before = hono.routes.length;
        add(method, path, handler);
        noteAnswering(hono, before, answering, { label: `the account page ${path}` });
      };
      context.accounts.register(addOwn, state.records);
      context.description.register(addOwn, state.described);
    },
    records: () => [...records, ...state.closed, ...context.accounts.records, ...context.description.records],
    seal() {
      if (added && checked === routes.length) return;
      state.addAccounts();
      // Account pages answer every method, be it with 405.
      const taken = new Set(context.accounts.records.map((record) => record.path));
      const ofDescription = new Set(context.description.records.map((record) => record.path));
      for (const { record } of routes) {
        const { method, path } = record;
        if (ofDescription.has(path) && (method === "GET" || method === "ALL")) {
          throw new ConfigurationError(
            `${method} ${path}`,
            "is where the API is described; choose another path, or set openapi.path or openapi.page",
          );
        }
        if (taken.has(path)) {
          throw new ConfigurationError(
            `${method} ${path}`,
            "is an account page; choose another path, or move the account pages by the option prefix",
          );
        }
      }
      context.names.check();
      methodsAt = otherMethods(hono.routes.filter((entry) => "route" in (answering.get(entry) ?? {})));
      behind = checkReach(hono.routes.flatMap((entry) => standingOf(entry, answering.get(entry))));
      for (const route of routes) {
        if (route.plainHttp === undefined) continue;
        const { method, path } = route.record;
        const before = behind.get(route);
        if (before !== undefined) {
          throw new ConfigurationError(`${method} ${path}`, `plainHttp: ${before.label} answers in its place`);
        }
        if (/[:*{]/.test(path)) {
          throw new ConfigurationError(`${method} ${path}`, "plainHttp: the path must have no parameters");
        }
        plainHttp.set(path, route.plainHttp);
      }
      records = routes.map((route) => {
        const before = behind.get(route);
        return before === undefined ? route.record : { ...route.record, behind: before.label };
      });
      checked = routes.length;
    },
    described() {
      state.seal();
      const served = routes.filter((route) => behind.get(route)?.whole !== true);
      return [...served.map((route) => route.describe(route.record.path)), ...context.accounts.described];
    },
  };
  decorate(hono, context, state, "/");
  if (context.onError !== undefined) hono.onError(context.onError);
  hono.notFound(async (c) => {
    // Browsers ask for an icon by themselves, also beside pages that name none.
    const ours = context.accounts.atLast(c.req.method, c.req.path);
    if (ours !== undefined) return ours;
    const rq = new SecurityRequest(context.system, c.req.raw, noRoute, c);
    const allow = methodsAt(c.req.method, c.req.path);
    if (allow.length === 0) return context.refusals.message(rq, 404, "not_found", "NOT_FOUND");
    const headers = { allow: allow.join(", ") };
    return context.refusals.message(rq, 405, "method_not_allowed", "METHOD_NOT_ALLOWED", { headers });
  });
  commandLine()?.applications.add(hono as Hono & MatrixSource);
  return hono as unknown as App<V>;
}

/** Replaces what adds routes on one Hono object by what asks for a declaration. */
function decorate(hono: Hono, context: AppContext, state: AppState, base: string): void {
  states.set(hono, state);
  const add: (method: string, path: string, handler: (c: Context) => Response | Promise<Response>) => unknown =
    hono.on.bind(hono);
  const mount = hono.route.bind(hono);
  const basePath = hono.basePath.bind(hono);
  const use: (...args: unknown[]) => unknown = hono.use.bind(hono) as never;
  const dispatch = hono.fetch;
  const closed = (c: Context): Response | Promise<Response> =>
    runGuarded(context, closedRoute, nobody, c, () => new Response(null, { status: 403 }));

  const declare = (
    method: string,
    path: unknown,
    declaration: unknown,
    handler: unknown,
    more: readonly unknown[],
  ): void => {
    if (typeof path !== "string" || !path.startsWith("/")) {
      throw new ConfigurationError(`${method} ${String(path)}`, "the path must be a string that starts with /");
    }
    const full = mergePath(base, path);
    const label = `${method} ${full}`;
    if (method === "HEAD") {
      throw new ConfigurationError(label, "is never reached: HEAD is answered by the route for GET; declare that one");
    }
    const objection = context.pathRule?.(method, full);
    if (typeof objection === "string") throw new ConfigurationError(label, objection);
    const route = compileRoute(context, label, method, full, declaration);
    if (typeof handler !== "function") throw new ConfigurationError(label, "the handler is missing");
    if (more.length > 0) {
      throw new ConfigurationError(label, "one handler is expected; middleware goes into app.use before it");
    }
    state.addAccounts();
    state.note(route);
    const run = injecting(
      context,
      route.parameters,
      label,
      { classes: context.classes },
      executing(context.beforeExec, handler as GuardedHandler),
    );
    const before = hono.routes.length;
    add(method, routerPath(path), (c) => runGuarded(context, route.facts, route.guard, c, run));
    noteAnswering(hono, before, state.answering, { route });
  };

  const mountApp = (path: string, sub: Hono): void => {
    if (typeof path !== "string" || !Array.isArray(sub?.routes)) {
      throw new ConfigurationError(`route ${String(path)}`, "a path and an application of security.app() are expected");
    }
    state.addAccounts();
    const known = states.get(sub);
    if (known === undefined) {
      // A plain Hono application says nothing of who may call it: nobody.
      const before = hono.routes.length;
      for (const { method, path: inner } of sub.routes) {
        add(method, mergePath(routerPath(path), inner), closed);
        state.closed.push(undeclared(method, mergePath(base, path, inner), "plain handler, closed"));
      }
      const label = `a route without a declaration, mounted at ${mergePath(base, path)} and closed`;
      noteAnswering(hono, before, state.answering, { label });
      return;
    }
    commandLine()?.applications.delete(known.root as Hono & MatrixSource);
    const prefix = mergePath(base, path);
    const mounted = new Map<DeclaredRoute, DeclaredRoute>();
    for (const route of known.routes) {
      const full = mergePath(prefix, route.record.path);
      // One parameter of a name: else the guard would ask about the prefix's value in the place of the route's own.
      pathParameters(full, `${route.record.method} ${full}`);
      const there = { ...route, record: { ...route.record, path: full } };
      state.note(there);
      mounted.set(route, there);
      if (prefix.includes("/:")) route.facts.prefixed = true;
    }
    for (const record of known.closed) state.closed.push({ ...record, path: mergePath(prefix, record.path) });
    const routes = sub.routes.filter((route) => !accountHandlers.has(route.handler));
    const before = hono.routes.length;
    // Hono's route() reads nothing of the other application but these two.
    mount(routerPath(path), {
      routes,
      errorHandler: errorHandlerOf(sub) === context.onError ? plainErrorHandler : errorHandlerOf(sub),
    } as unknown as Hono);
    for (const [index, entry] of routes.entries()) {
      const own = known.answering.get(entry);
      const there = own !== undefined && "route" in own ? mounted.get(own.route) : undefined;
      const now = there === undefined ? own : { route: there };
      if (now !== undefined) state.answering.set(hono.routes[before + index] as RouterRoute, now);
    }
  };

  const replacements: Record<string, unknown> = {
    on(names: string | readonly string[], path: string, declaration: unknown, handler: unknown, ...more: unknown[]) {
      for (const name of typeof names === "string" ? [names] : names)
        declare(name.toUpperCase(), path, declaration, handler, more);
      return hono;
    },
    basePath(path: string) {
      const view = basePath(routerPath(path)) as Hono;
      decorate(view, context, state, mergePath(base, path));
      return view;
    },
    route(path: string, sub: Hono) {
      mountApp(path, sub);
      return hono;
    },
    // Middleware must stand before the same requests as the route with that path.
    use(first: unknown, ...more: unknown[]) {
      const where = typeof first === "string" ? first : "*";
      for (const handler of typeof first === "string" ? more : [first, ...more]) {
        // Without a next it would answer by itself: a route that says nothing of who may call it.
        if (typeof handler !== "function" || handler.length < 2) {
          throw new ConfigurationError(
            `use ${mergePath(base, where)}`,
            "middleware takes (c, next); what answers by itself is a route: app.all(path, { authz: … }, handler)",
          );
        }
      }
      use(typeof first === "string" ? routerPath(first) : first, ...more);
      return hono;
    },
    mount(path: string) {
      throw new ConfigurationError(
        `mount ${path}`,
        "what is mounted raw declares nothing; use route with an application of security.app()",
      );
    },
    accessMatrix() {
      state.seal();
      return state.records();
    },
    openapi() {
      return context.description.document(state.described());
    },
    fetch: ((request, environment, execution) => {
      state.seal();
      // Before anything that may wait: a client that resets the connection takes its address away.
      notePeer(request, environment);
      if (context.around === undefined) return dispatch(request, environment, execution);
      return context.around.serve(
        request,
        environment,
        () => dispatch(request, environment, execution),
        state.plainHttp,
      );
    }) satisfies Hono["fetch"],
  };
  for (const method of methods) {
    replacements[method] = (path: unknown, declaration: unknown, handler: unknown, ...more: unknown[]) => {
      declare(method.toUpperCase(), path, declaration, handler, more);
      return hono;
    };
  }
  Object.assign(hono, replacements);
}

const closedRoute: RouteFacts = {
  label: "undeclared route",
  authn: undefined,
  realm: undefined,
  parameters: undefined,
  declaresParams: false,
  kind: "application",
};

/**
 * All routes of an application of `security.app()` as they are described, the account endpoints included, in the order in which
 * they are asked. Throws TypeError for anything else.
 */
export function describedRoutesOf(app: object): readonly DescribedRoute[] {
  const state = states.get(app);
  if (state === undefined) throw new TypeError("an application of security.app() is expected");
  return state.described();
}

/** Notes what answers at the entries that the router got since there were `before`. */
function noteAnswering(hono: Hono, before: number, answering: Map<RouterRoute, Answering>, by: Answering): void {
  for (const entry of hono.routes.slice(before)) answering.set(entry, by);
}

/** An entry of the router as it is asked which one answers; none for middleware, which goes on to the next. */
function standingOf(entry: RouterRoute, by: Answering | undefined): readonly Standing<DeclaredRoute>[] {
  if (by === undefined) return [];
  const { method, path } = entry;
  if (!("route" in by)) {
    return [{ method, path, label: by.label, pattern: path, route: undefined, ...answersItself }];
  }
  const { record, shadowed, overlaps } = by.route;
  const label = `${record.method} ${record.path}`;
  return [
    {
      method,
      path,
      label,
      pattern: patternOf(record.path),
      route: by.route,
      shadowed,
      overlaps,
      lock: lockOf(record),
      open: record.open !== undefined,
    },
  ];
}

const answersItself = { shadowed: false, overlaps: false, lock: "", open: false } as const;

/** Two routes with the same one let in the same callers. */
function lockOf({ guard, schemes, realm }: RouteRecord): string {
  return JSON.stringify([guard, [...schemes].sort(), realm]);
}

/** The path with its parameters' names left out: "/a/:b" and "/a/:c" answer the same requests. */
function patternOf(path: string): string {
  return path.replace(/\/:[^/{}?]+/g, "/:");
}
