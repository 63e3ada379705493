import type { Authenticator } from "../authn/authenticator.ts";
import { type GuardDescription, isOpenTo, takenSchemes } from "../authz/guard.ts";
import type { Refusals } from "../authz/refusal.ts";
import { type AddressRule, trustList } from "../http/address.ts";
import { BODY_LIMITS, type BodyLimits } from "../http/body-limits.ts";
import type { ParameterDescription } from "../http/parameters.ts";
import type { RouteFacts } from "../http/request.ts";
import type { System } from "../http/system.ts";
import { ConfigurationError } from "../model/errors.ts";
import { knownNames } from "../model/known-names.ts";
import { given } from "../model/option-kinds.ts";
import type { RouteNames } from "./names.ts";
import type { DescribedRoute, RouteDocumentation } from "./openapi/described.ts";
import { describeInput } from "./openapi/schema.ts";
import { compileParameters, type RouteParameters } from "./parameters/index.ts";
import type { ClassShapes } from "./parameters/shape.ts";
import type { RouteRecord } from "./types.ts";
import { checkSchemes, checkWords, toGuard, type Words } from "./words.ts";

/** What declaring a route needs. */
export interface DeclarationContext {
  readonly system: System;
  readonly words: Words;
  readonly authenticator: Authenticator;
  readonly refusals: Refusals;
  /** Names of parameters that carry credentials: routes need not declare them. */
  readonly credentialParameters: readonly string[];
  /** The option `casts`. */
  readonly classes: ClassShapes;
  readonly names: RouteNames;
}

const declarationKeys = [
  "authz",
  "authn",
  "params",
  "body",
  "realm",
  "name",
  "doc",
  "shadowed",
  "overlaps",
  "plainHttp",
];

interface Declaration {
  readonly authz?: unknown;
  readonly authn?: readonly string[];
  readonly params?: Parameters<typeof compileParameters>[0];
  readonly body?: Partial<BodyLimits>;
  readonly realm?: string;
  readonly name?: string;
  readonly doc?: RouteDocumentation;
  readonly shadowed?: boolean;
  readonly overlaps?: boolean;
  readonly plainHttp?: true | readonly string[];
}

/** A route that was declared, with all that is known of it. */
export interface DeclaredRoute {
  readonly record: RouteRecord;
  /** By which a mounted one learns that its prefix has parameters. */
  readonly facts: RouteFacts;
  /** True: another route may answer in its place. */
  readonly shadowed: boolean;
  /** True: another route may answer some of its paths. */
  readonly overlaps: boolean;
  /** The clients that it also answers over plain HTTP, by their address; undefined: none. */
  readonly plainHttp: AddressRule | undefined;
  /** For the API's description, at the path where it was mounted. */
  describe(path: string): DescribedRoute;
}

/** Checks a declaration against the vocabulary and turns it into what a request needs: once, at start. */
export function compileRoute(
  context: DeclarationContext,
  label: string,
  method: string,
  path: string,
  input: unknown,
): DeclaredRoute & { readonly guard: ReturnType<typeof toGuard>; readonly parameters: RouteParameters } {
  const declaration = checkDeclaration(input, label);
  const guard = toGuard(declaration.authz, label);
  const body = bodyOf(declaration.body, context.system.bodyLimits, label);
  const parameters = compileParameters(declaration.params, path, method, label, {
    ignored: context.credentialParameters,
    classes: context.classes,
    body: body ?? context.system.bodyLimits,
  });
  const description = guard.describe(context.system.decisions.isGroup);
  checkWords(description, context.words, context.authenticator, parameters.names, label);
  checkIdentifiers(description, parameters, context.system, label);
  if (declaration.authn !== undefined) context.authenticator.check(declaration.authn, `${label}: authn`);
  const chosen = declaration.authn === undefined ? undefined : Object.freeze([...declaration.authn]);
  const contrary = chosen === undefined ? undefined : description.schemes?.find((name) => !chosen.includes(name));
  if (contrary !== undefined) {
    throw new ConfigurationError(label, `authn: leaves out "${contrary}", which the guard asks for`);
  }
  const realm = declaration.realm ?? description.realm;
  const named = takenSchemes(description, chosen ?? context.system.defaultSchemes);
  const schemes = checkSchemes(description, named, chosen !== undefined, label);
  const authn = schemes === named ? chosen : schemes;
  // Of the other schemes a realm is a word in the challenge; of tokens it decides which are taken.
  const own = realm !== undefined && (schemes.includes("token") || schemes.includes("oauth")) ? { realm } : {};
  for (const name of description.routes ?? []) context.names.want(name, label);
  return {
    guard,
    parameters,
    shadowed: declaration.shadowed === true,
    overlaps: declaration.overlaps === true,
    plainHttp: plainHttpOf(declaration.plainHttp, method, description, label),
    facts: {
      label,
      authn,
      realm,
      schemes,
      open: isOpenTo(description.rule),
      parameters,
      declaresParams: declaration.params !== undefined,
      kind: "application",
      ...(body === undefined ? {} : { body }),
      guard: description.text,
    },
    record: {
      method,
      path,
      schemes,
      ...own,
      guard: description.text,
      open: description.open,
      parameters: parameters.describe().map(inWords),
      source: "application",
      ...(declaration.name === undefined ? {} : { name: declaration.name }),
    },
    describe: (at) => ({
      method,
      path: at,
      kind: "application",
      source: "application",
      rule: description.rule ?? { kind: "custom" },
      guard: description.text,
      schemes: authn ?? context.system.defaultSchemes,
      ...own,
      notFoundStatus: context.refusals.notFoundStatus,
      input: (name, own) =>
        describeInput({ params: declaration.params, path: at, label, classes: context.classes }, name, own),
      ...(declaration.params === undefined ? { undeclared: true } : {}),
      ...(declaration.doc === undefined ? {} : { documentation: declaration.doc }),
    }),
  };
}

/**
 * Refuses what the rule of an object is not made for: `"7"` would be another object to it than `7`, or none. A rule that
 * does not say what it wants gets what the route declares, whose type the compiler compares.
 */
function checkIdentifiers(
  { objects }: GuardDescription,
  route: RouteParameters,
  { decisions }: System,
  label: string,
): void {
  const described = route.describe();
  for (const { kind, parameters } of objects ?? []) {
    const wanted = decisions.identifier(kind);
    const used = parameters.length > 0 ? parameters : described.slice(0, 1).map(({ name }) => name);
    for (const { name, type } of described) {
      if (!used.includes(name)) continue;
      const declare = `declare it in params, or write :${name}{int}`;
      if (wanted === undefined && route.undeclared.has(name)) {
        throw new ConfigurationError(
          label,
          `authz: the rule of "${kind}" would be handed ${name} as text; ${declare}, or say id: "text" in the rule`,
        );
      }
      if (wanted === "number" && type !== "integer" && type !== "number") {
        throw new ConfigurationError(
          label,
          `authz: the rule of "${kind}" wants a number, but ${name} is ${type}; ${declare}`,
        );
      }
      if (wanted === "text" && noText.has(type)) {
        throw new ConfigurationError(label, `authz: the rule of "${kind}" wants a text, but ${name} is ${type}`);
      }
    }
  }
}

/** The same for requests of which no route declares the parameters: all are text. */
export function checkPlainIdentifiers({ objects }: GuardDescription, { decisions }: System, label: string): void {
  const unfit = objects?.find(({ kind }) => decisions.identifier(kind) !== "text");
  if (unfit === undefined) return;
  throw new ConfigurationError(
    label,
    `authz: the rule of "${unfit.kind}" would be handed text, as no route declares its parameters; ` +
      'declare the route in security.app(), or say id: "text" in the rule',
  );
}

/** Types, in words, of which no value is a text. */
const noText: ReadonlySet<string> = new Set(["integer", "number", "bigint", "boolean", "date"]);

/** "sid: integer", "lang?: string from a header". */
function inWords({ name, required, type, carrier }: ParameterDescription): string {
  const source = carrier === "header" || carrier === "cookie" ? ` from a ${carrier}` : "";
  return `${name}${required ? "" : "?"}: ${type}${source}`;
}

function checkDeclaration(input: unknown, label: string): Declaration {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new ConfigurationError(label, "authz is missing: declare { authz: … } between the path and the handler");
  }
  for (const key of Object.keys(input)) {
    if (!declarationKeys.includes(key)) {
      throw new ConfigurationError(label, `unknown option "${key}"; ${knownNames(key, declarationKeys)}`);
    }
  }
  const declaration = input as Declaration;
  const { authn, realm, name } = declaration;
  for (const word of ["shadowed", "overlaps"] as const) {
    if (declaration[word] !== undefined && typeof declaration[word] !== "boolean") {
      throw new ConfigurationError(label, `${word}: true or false is expected`);
    }
  }
  if (name !== undefined && (typeof name !== "string" || name === "")) {
    throw new ConfigurationError(label, "name: must be a text");
  }
  if (realm !== undefined && typeof realm !== "string") throw new ConfigurationError(label, "realm: must be a text");
  if (authn !== undefined && (!Array.isArray(authn) || authn.length === 0)) {
    throw new ConfigurationError(label, "authn: a list of at least one scheme is expected");
  }
  checkDocumentation(declaration.doc, label);
  return declaration;
}

/** This machine: what reaches a socket in the file system is on it too. */
const thisMachine: readonly string[] = ["127.0.0.0/8", "::1", "unix"];

/**
 * Who may call the route over plain HTTP, such as a load balancer that asks whether the server lives. Refused where a credential
 * could be asked for, and where it is not plain which requests it is about.
 */
function plainHttpOf(
  option: unknown,
  method: string,
  { rule }: GuardDescription,
  label: string,
): DeclaredRoute["plainHttp"] {
  if (option === undefined) return undefined;
  if (
    option !== true &&
    !(Array.isArray(option) && option.length > 0 && option.every((it) => typeof it === "string"))
  ) {
    throw new ConfigurationError(
      label,
      'plainHttp: networks are expected, such as ["10.0.0.0/8"], or true for this machine',
    );
  }
  if (!isOpenTo(rule))
    throw new ConfigurationError(label, "plainHttp: is for open routes; credentials must not travel in clear");
  if (method !== "GET") throw new ConfigurationError(label, "plainHttp: is for GET");
  return trustList(
    option === true ? thisMachine : (option as readonly string[]),
    (index) => `${label}: plainHttp[${index}]`,
  );
}

/** The route's own limits over those of the system. */
function bodyOf(own: unknown, limits: BodyLimits, label: string): BodyLimits | undefined {
  if (own === undefined) return undefined;
  if (typeof own !== "object" || own === null || Array.isArray(own)) {
    throw new ConfigurationError(label, "body: an object is expected, such as { bytes: 65_536 }");
  }
  for (const [name, value] of Object.entries(own)) {
    if (!Object.hasOwn(BODY_LIMITS, name)) {
      throw new ConfigurationError(
        label,
        `body: unknown option "${name}"; ${knownNames(name, Object.keys(BODY_LIMITS))}`,
      );
    }
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw new ConfigurationError(label, `body: ${name}: a whole number, 1 or more, is expected`);
    }
  }
  return { ...limits, ...given(own) };
}

const documentationKeys = ["summary", "description", "tags", "deprecated", "answers", "listed"];

function checkDocumentation(doc: unknown, label: string): void {
  if (doc === undefined) return;
  if (typeof doc !== "object" || doc === null || Array.isArray(doc)) {
    throw new ConfigurationError(label, "doc: an object is expected");
  }
  for (const [key, value] of Object.entries(doc)) {
    if (!documentationKeys.includes(key)) {
      throw new ConfigurationError(label, `doc: unknown option "${key}"; ${knownNames(key, documentationKeys)}`);
    }
    if (key !== "answers") continue;
    for (const [status, answer] of Object.entries((value ?? {}) as Record<string, unknown>)) {
      const described = typeof answer === "object" && answer !== null && "description" in answer;
      if (!/^[1-5]\d\d$/.test(status) || !described) {
        throw new ConfigurationError(label, `doc: answers: { description: … } by status is expected, not ${status}`);
      }
    }
  }
}
