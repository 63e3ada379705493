import type { CheckpointRule } from "../../authz/guard.ts";
import { isUnsafe } from "../../http/csrf.ts";
import { describedRoutesOf } from "../../routes/app.ts";
import { compareLock } from "../../routes/matrix.ts";
import type { DescribedRoute } from "../../routes/openapi/described.ts";
import { pathTemplates } from "../../routes/openapi/paths.ts";
import { accessOf, keySchemes } from "../../routes/openapi/security.ts";
import { rehearsal } from "../../routes/run.ts";
import type { RouteRecord } from "../../routes/types.ts";
import { type ClientAnswer, type TestClient, testClient } from "../client.ts";
import { sampleOf } from "../sample.ts";
import { type Call, type Caller, lets, type Outcome, outcomeOf } from "./outcome.ts";
import type { AccessPerson, Credential } from "./people.ts";

/** An application of `security.app()`. */
export interface AccessSubject {
  fetch(request: Request, env?: object): Response | Promise<Response>;
  accessMatrix(): readonly RouteRecord[];
}

/** Objects of one kind, with who may reach them: said here, not asked of the application. */
export interface AccessObjects {
  /** Some that exist, and one that does not. Where several parameters identify one: the list of their values. */
  readonly ids: readonly AccessObjectId[];
  /** As the application's rule, by the person's name: true, false (403), undefined (404). */
  may(person: string, id: AccessObjectId, mode: string | undefined): boolean | undefined;
}

/** What identifies an object: the parameter's value, or the list of those of several parameters. */
export type AccessObjectId = string | number | readonly (string | number)[];

/** What generated access tests need. */
export interface AccessTestOptions {
  /** Of vitest, node:test, jest … */
  readonly describe: (name: string, tests: () => void) => unknown;
  readonly it: (name: string, test: () => Promise<void>) => unknown;
  /** The text of the file that `portcullis routes --lock` wrote: what the guards are meant to be. */
  readonly lock: string;
  /** Who calls every route, by name. Nobody ("anonymous") always does. */
  readonly people: Readonly<Record<string, AccessPerson>>;
  /** By kind of object. */
  readonly objects?: Readonly<Record<string, AccessObjects>>;
  /** Parameters of a route ("POST /entry/:id") where those that are made up would not do; only object guards look at them. */
  readonly values?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Who passes a route, by name: needed where a guard is the application's own, and checked wherever it is said. */
  readonly may?: Readonly<Record<string, readonly string[]>>;
  /** Where a GET brings a CSRF token; default "/login". */
  readonly csrfPath?: string;
}

const anonymous = "anonymous";

/**
 * Makes tests for every route × (nobody, each of the people), and for routes behind an object guard × each object: who must pass
 * does, who must not is refused in the right way. No handler runs: a request ends where the handler would begin.
 *
 * What a route asks comes from its declaration; that the declaration is the one that is meant, from the lock. So a guard that is
 * removed or loosened fails a test, whether it is in the declaration or only in what is enforced.
 */
export function accessTests(app: AccessSubject, options: AccessTestOptions): void {
  const { describe, it, lock, people } = options;
  if (Object.hasOwn(people, anonymous))
    throw new TypeError(`people.${anonymous}: nobody is always there; take another name`);
  const routes = describedRoutesOf(app);
  const changes = compareLock(lock, app.accessMatrix());
  const rehearse = rehearser(app, options);
  const known = new Set(routes.map(labelOf));

  describe("access", () => {
    it("is to the routes of the lock", async () => {
      // Also those of routes that another one answers for: nobody calls them.
      const gone = changes.filter((line) => !known.has(routeOf(line)));
      const others = Object.keys({ ...options.may, ...options.values }).filter((label) => !known.has(label));
      const faults = [...gone, ...others.map((label) => `${label}: there is no such route`)];
      if (faults.length > 0) throw new Error(faults.join("\n"));
    });
    for (const route of routes) {
      const label = labelOf(route);
      const cases = casesOf(route, options);
      describe(label, () => {
        it("is guarded as in the lock", async () => {
          const lines = changes.filter((line) => routeOf(line) === label);
          if (lines.length > 0) throw new Error(lines.join("\n"));
        });
        it("has somebody who passes and, unless it is open, somebody who does not", async () => {
          const fault = coverageFault(route, cases, options);
          if (fault !== undefined) throw new Error(`${label}: ${fault}`);
        });
        for (const one of cases) {
          if (one.expected === "unknown") continue;
          it(`${one.title}: ${inWords(one.expected, route)}`, async () => {
            const answer = await rehearse(route, one);
            const fault = faultOf(one.expected, route, answer);
            if (fault !== undefined) throw new Error(`${label} (${route.guard}), ${one.title}: ${fault}`);
          });
        }
      });
    }
  });
}

/** One request that is tried. */
interface Case {
  readonly title: string;
  readonly person: string;
  readonly method: string;
  /** The schemes whose credentials go along. */
  readonly sent: readonly string[];
  /** The values of parameters that name objects. */
  readonly objects: Readonly<Record<string, string | number>>;
  readonly expected: Outcome;
  /** True: what goes along is nothing to the route, so it says nothing of the person. */
  readonly foreign: boolean;
}

const words: Readonly<Record<string, string>> = {
  pass: "let in",
  unauthenticated: "401",
  stale: "401, to prove again who they are",
  forbidden: "403",
  anonymous: "400, as somebody is signed in",
  csrf: "400, without a CSRF token",
  refused: "refused",
};

function inWords(outcome: Outcome, route: DescribedRoute): string {
  const [kind, status] = outcome.split(" ");
  if (outcome === "notFound") return String(route.notFoundStatus ?? 404);
  if (kind === "failed") return `${status}, by a checkpoint`;
  if (kind === "passed") return `let in, and answered ${status} by a checkpoint`;
  return words[outcome] ?? outcome;
}

function labelOf({ method, path }: DescribedRoute): string {
  return `${method} ${path}`;
}

/** The route of a line of a comparison: "+ GET /x ; role admin". */
function routeOf(line: string): string {
  return line.slice(2).split(" ; ", 1)[0] ?? "";
}

/** A route for all methods is tried with each that does something of its own. */
function methodsOf({ method }: DescribedRoute): readonly string[] {
  return method === "ALL" ? ["GET", "POST", "PUT", "PATCH", "DELETE"] : [method];
}

function casesOf(route: DescribedRoute, { people, objects = {}, may }: AccessTestOptions): readonly Case[] {
  const kinds = objectsOf(route);
  // What the guard's own keys open has no person behind it.
  const keys = new Set(accessOf(route.rule, route.schemes).checkpoints.flatMap(keySchemes));
  const choices = kinds.reduce<ReadonlyMap<string, AccessObjectId>[]>(
    (all, { key, object }) =>
      all.flatMap((chosen) => (objects[object]?.ids ?? []).map((id) => new Map([...chosen, [key, id]]))),
    [new Map()],
  );
  const one = (person: string, sent: readonly string[], method: string, usual: boolean): readonly Case[] =>
    choices.flatMap((chosen): readonly Case[] => {
      const somebody = people[person];
      const said = may?.[labelOf(route)];
      const call: Call = {
        caller: somebody === undefined || isNobody(route, somebody, sent) ? undefined : callerOf(somebody, sent),
        sent: new Set(sent),
        schemes: route.schemes,
        unsafe: isUnsafe(method),
        reach(rule) {
          const { object, mode } = rule;
          const id = chosen.get(parametersOf(route, rule).join(" "));
          const known = objects[object];
          return known === undefined || id === undefined ? "unknown" : known.may(person, id, mode);
        },
        has: (rule) =>
          rule.asks.by === "function"
            ? "unknown"
            : hasAsked(rule, somebody, sent) &&
              (rule.asks.by === "session" || said === undefined || said.includes(person)),
      };
      const values = valuesOf(chosen);
      const told = Object.entries(values).map(([name, id]) => `${name} ${id}`);
      const outcome = outcomeOf(route.rule, call);
      // A credential that the route does not take is nobody's: the application's own guard answers as it does to nobody.
      const foreign = outcome === "unknown" && !usual && !sent.every((name) => route.schemes.includes(name));
      if (foreign && (said === undefined || sent.some((name) => keys.has(name)))) return [];
      const asked = foreign ? anonymous : person;
      const how = usual ? [] : [`by ${sent.join(" and ")}`];
      const by = method === "GET" || method === route.method ? [] : [method];
      return [
        {
          title: [person, ...how, ...by, ...told].join(", "),
          person,
          method,
          sent,
          objects: values,
          expected: outcome === "unknown" && said !== undefined ? (said.includes(asked) ? "pass" : "refused") : outcome,
          foreign,
        },
      ];
    });
  return [anonymous, ...Object.keys(people)].flatMap((person) => {
    const somebody = people[person];
    const usual = credentialsFor(route, somebody);
    const others = Object.keys(somebody?.credentials ?? {}).filter(
      (name) => !(usual.length === 1 && usual[0] === name),
    );
    return methodsOf(route).flatMap((method) => [
      ...one(person, usual, method, true),
      ...others.flatMap((name) => one(person, [name], method, false)),
    ]);
  });
}

/** The states of people whose credentials say nothing of who they are. */
const nobodys: ReadonlySet<AccessPerson["state"]> = new Set(["inactive", "visitor"]);

/** Whether what goes along says nothing of who they are: a token of another realm neither. */
function isNobody(route: DescribedRoute, person: AccessPerson, sent: readonly string[]): boolean {
  if (nobodys.has(person.state)) return true;
  return sent.some((name) => name === "token" || name === "oauth") && person.realm !== route.realm;
}

/** Whether what goes along is what the checkpoint looks for; of keys, as far as the place goes where they stand. */
function hasAsked(rule: CheckpointRule, person: AccessPerson | undefined, sent: readonly string[]): boolean {
  const { asks } = rule;
  if (asks.by !== "session") return keySchemes(rule).some((name) => sent.includes(name));
  if (person?.state === "inactive" || !sent.includes("session")) return false;
  const held = person?.session?.[asks.key];
  const values: readonly unknown[] = asks.values;
  return Array.isArray(held) ? held.some((one) => values.includes(one)) : values.includes(held);
}

function callerOf(person: AccessPerson, sent: readonly string[]): Caller {
  return {
    roles: new Set(person.roles),
    permissions: new Set(person.permissions),
    scopes: sent.includes("oauth") ? new Set(person.scopes) : undefined,
    stale: person.state === "stale",
    oneFactor: person.state === "oneFactor",
  };
}

/** The credentials that somebody would call this route with: some that it takes, else whatever they have. */
function credentialsFor(route: DescribedRoute, person: AccessPerson | undefined): readonly string[] {
  const own = Object.keys(person?.credentials ?? {});
  const { alternatives } = accessOf(route.rule, route.schemes);
  const wanted = alternatives.filter((schemes) => schemes.length > 0);
  // Where nobody needs any, they come with what the route would take.
  const some = wanted.length > 0 ? wanted : route.schemes.map((name) => [name]);
  // What a checkpoint looks for in the session comes with no other credential.
  const bySession = accessOf(route.rule, route.schemes).checkpoints.some(({ asks }) => asks.by === "session");
  const lists = bySession ? [...some.filter((names) => names.includes("session")), ...some] : some;
  return lists.find((schemes) => schemes.every((name) => own.includes(name))) ?? own.slice(0, 1);
}

type ObjectRule = Extract<DescribedRoute["rule"], { kind: "object" }>;

/** The objects that the guard looks at, each once; `key`: the parameters that identify it. */
function objectsOf(route: DescribedRoute): readonly { readonly key: string; readonly object: string }[] {
  const find = (rule: DescribedRoute["rule"]): readonly ObjectRule[] => {
    if (rule.kind === "object") return [rule];
    return rule.kind === "allOf" || rule.kind === "anyOf" ? rule.rules.flatMap(find) : [];
  };
  const found = find(route.rule).map((rule) => ({ key: parametersOf(route, rule).join(" "), object: rule.object }));
  return [...new Map(found.map((one) => [one.key, one])).values()];
}

function parametersOf(route: DescribedRoute, { parameters }: ObjectRule): readonly string[] {
  if (parameters.length > 0) return parameters;
  const [first] = route.input("sample", undefined).parameters;
  return first === undefined ? [] : [first.name];
}

/** The parameters' values for the chosen objects. */
function valuesOf(chosen: ReadonlyMap<string, AccessObjectId>): Readonly<Record<string, string | number>> {
  const pairs = [...chosen].flatMap(([key, id]) => {
    const values = typeof id === "object" ? id : [id];
    return key.split(" ").map((name, index): [string, string | number] => [name, values[index] ?? ""]);
  });
  return Object.fromEntries(pairs);
}

/** What is missing for the tests of a route to say anything. */
function coverageFault(route: DescribedRoute, cases: readonly Case[], options: AccessTestOptions): string | undefined {
  const missing = objectsOf(route).find(({ object }) => (options.objects?.[object]?.ids ?? []).length === 0);
  if (missing !== undefined) return `objects.${missing.object}: name some, and who may reach them`;
  if (cases.some(({ expected }) => expected === "unknown")) {
    return `its guard is the application's own; say in may["${labelOf(route)}"] who passes`;
  }
  const own = cases.filter(({ foreign }) => !foreign);
  const passes = own.filter(({ expected }) => lets(expected)).map(({ person }) => person);
  const said = options.may?.[labelOf(route)];
  if (said !== undefined) {
    const differ = [...new Set([...said, ...passes])].filter((name) => said.includes(name) !== passes.includes(name));
    if (differ.length > 0) return `by its guard, others pass than may says: ${differ.join(", ")}`;
  }
  if (accessOf(route.rule, route.schemes).closed) return undefined;
  if (passes.length === 0) return "none of the people may pass it, so no test would see that it lets the right ones in";
  const open = route.rule.kind === "everybody";
  if (!open && passes.length === own.length)
    return "all of the people may pass it, so no test would see that it refuses";
  return undefined;
}

const rehearsalEnvironment: object = { [rehearsal]: true };

/** Makes requests that end where the handler would begin. */
function rehearser(
  app: AccessSubject,
  { people, values = {}, csrfPath = "/login" }: AccessTestOptions,
): (route: DescribedRoute, one: Case) => Promise<ClientAnswer> {
  const target = { request: (request: Request) => app.fetch(request, rehearsalEnvironment) };
  const credentials = new Map<string, Promise<Credential>>();
  const credentialOf = (person: string, scheme: string): Promise<Credential> => {
    const key = `${person} ${scheme}`;
    const made = credentials.get(key) ?? Promise.resolve(people[person]?.credentials[scheme]?.() ?? {});
    credentials.set(key, made);
    return made;
  };

  return async (route, one) => {
    const client = testClient(target);
    const headers: Record<string, string> = { accept: "application/json" };
    const sent: Record<string, string> = {};
    for (const scheme of one.sent) {
      const credential = await credentialOf(one.person, scheme);
      if (credential instanceof URLSearchParams) for (const [name, value] of credential) sent[name] = value;
      else if (!isClient(credential)) Object.assign(headers, credential);
      else {
        for (const [name, value] of credential.cookies) client.cookies.set(name, value);
        if (one.expected !== "csrf") client.csrfToken = credential.csrfToken;
      }
    }
    const { method } = one;
    if (one.sent.length > 0 && isUnsafe(method) && client.csrfToken === undefined && one.expected !== "csrf") {
      const asked = testClient({ request: (request) => app.fetch(request) });
      for (const [name, value] of client.cookies) asked.cookies.set(name, value);
      await asked.get(csrfPath, { headers });
      for (const [name, value] of asked.cookies) client.cookies.set(name, value);
      client.csrfToken = asked.csrfToken;
    }
    const { path, rest: declared } = filled(route, { ...values[labelOf(route)], ...one.objects });
    const rest = { ...declared, ...sent };
    if (!isUnsafe(method) || method === "DELETE" || route.account !== undefined || route.undeclared === true) {
      const query = new URLSearchParams(Object.entries(rest).map(([name, value]) => [name, String(value)]));
      return client.request(method, query.size === 0 ? path : `${path}?${query}`, { headers });
    }
    return client.request(method, path, { headers, json: rest });
  };
}

function isClient(credential: Credential): credential is TestClient {
  return typeof (credential as Partial<TestClient>).request === "function";
}

/** The path with a value for each parameter, and what else the route needs. */
function filled(
  route: DescribedRoute,
  given: Readonly<Record<string, unknown>>,
): { readonly path: string; readonly rest: Readonly<Record<string, unknown>> } {
  const { parameters } = route.input("sample", undefined);
  const template = pathTemplates(route.path).at(-1);
  const inPath = new Map((template?.parameters ?? []).map(({ name, pattern }) => [name, pattern]));
  const rest: Record<string, unknown> = {};
  let path = template?.template ?? route.path;
  for (const [name, pattern] of inPath) {
    const schema = parameters.find((one) => one.name === name)?.schema ?? { type: "string" };
    const value = given[name] ?? sampleOf(pattern === undefined ? schema : { ...schema, pattern: `^(?:${pattern})$` });
    path = path.replace(`{${name}}`, encodeURIComponent(String(value)));
  }
  if (route.account !== undefined) return { path, rest };
  for (const { name, required, schema } of parameters) {
    if (inPath.has(name)) continue;
    if (Object.hasOwn(given, name)) rest[name] = given[name];
    else if (required) rest[name] = sampleOf(schema);
  }
  return { path, rest };
}

const statuses: Readonly<Record<string, number>> = {
  unauthenticated: 401,
  stale: 401,
  forbidden: 403,
  anonymous: 400,
  csrf: 400,
};

/** How an answer differs from the expected one; undefined: it does not. */
function faultOf(expected: Outcome, route: DescribedRoute, answer: ClientAnswer): string | undefined {
  const passed = answer.headers.get("x-portcullis-rehearsal") !== null;
  const got = passed ? "let in" : `${answer.status} ${answer.text.slice(0, 300)}`;
  const [, status] = expected.split(" ");
  if (status !== undefined) {
    return !passed && answer.status === Number(status)
      ? undefined
      : `must get ${inWords(expected, route)}, but got ${got}`;
  }
  if (expected === "pass") return passed ? undefined : `must be let in, but got ${got}`;
  if (passed) return `must be refused (${inWords(expected, route)}), but is let in`;
  if (expected === "refused")
    return answer.status >= 400 && answer.status < 500 ? undefined : `must be refused, but got ${got}`;
  const wanted = expected === "notFound" ? (route.notFoundStatus ?? 404) : statuses[expected];
  if (answer.status !== wanted) return `must get ${inWords(expected, route)}, but got ${got}`;
  const again = answer.text.includes('"reauth_required":true');
  return again === (expected === "stale") ? undefined : `must get ${inWords(expected, route)}, but got ${got}`;
}
