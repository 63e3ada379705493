import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { SessionBag } from "../../authn/bag.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { ConfigurationError } from "../../model/errors.ts";

declare const carried: unique symbol;

/** What a special parameter stands for; "user" and "session" are typed by the route and the vocabulary. */
export type SpecialKind = "sent" | "rest" | "user" | "session" | "value";

/** A parameter whose kind says where it comes from: not from the path, the query or the body under its own name. */
export interface SpecialParameter<T = unknown, K extends SpecialKind = SpecialKind> {
  readonly special: K;
  /** For the compiler only. */
  readonly [carried]?: T;
}

/** A parameter out of a header or a cookie. */
export interface SentParameter<T = unknown> extends SpecialParameter<T, "sent"> {
  readonly carrier: "header" | "cookie";
  /** The name of the header or cookie. */
  readonly sentAs: string;
  readonly schema: StandardSchemaV1 | undefined;
}

/** All parameters that no other one takes. */
export interface RestParameter<T = unknown> extends SpecialParameter<T, "rest"> {
  readonly schema: StandardSchemaV1 | undefined;
}

/** What the route is given without anybody sending it. */
export interface InjectedParameter<T = unknown, K extends "user" | "session" | "value" = "value">
  extends SpecialParameter<T, K> {
  readonly needs: Needs;
  readonly make: (values: never, about: Injection) => Awaitable<T>;
}

/** What a special parameter may ask for. */
export type Needs = Readonly<Record<string, SentParameter | InjectedParameter<unknown, "user" | "session" | "value">>>;

/** Whom a special parameter is made for. */
export interface Injection {
  readonly rq: SecurityRequest;
  /** The parameter's name in the route. */
  readonly name: string;
}

type Needed<N extends Needs> = { readonly [K in keyof N]: N[K] extends SpecialParameter<infer T> ? T : never };

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const marks: WeakSet<object> = new WeakSet();

function marked<T extends object>(parameter: T): T {
  marks.add(parameter);
  return Object.freeze(parameter);
}

/** True for what the functions of this file made. */
export function isSpecial(value: unknown): value is SentParameter | RestParameter | InjectedParameter {
  return typeof value === "object" && value !== null && marks.has(value);
}

function sent(carrier: "header" | "cookie", name: unknown, schema: StandardSchemaV1 | undefined): SentParameter {
  if (typeof name !== "string" || !token.test(name)) {
    throw new ConfigurationError(carrier, `${JSON.stringify(name) ?? String(name)} is no name for a ${carrier}`);
  }
  return marked({ special: "sent", carrier, sentAs: carrier === "header" ? name.toLowerCase() : name, schema });
}

/**
 * A parameter out of a header (RFC 9110 5): `lang: header("accept-language")`. With a schema it is converted like text of
 * a query; a list is split at its commas. Without one it is a text that must be there.
 */
export function header(name: string): SentParameter<string>;
export function header<S extends StandardSchemaV1>(
  name: string,
  schema: S,
): SentParameter<StandardSchemaV1.InferOutput<S>>;
export function header(name: string, schema?: StandardSchemaV1): SentParameter {
  return sent("header", name, schema);
}

/** The same out of a cookie (RFC 6265), percent-decoded. One that is sent twice counts as not sent. */
export function cookie(name: string): SentParameter<string>;
export function cookie<S extends StandardSchemaV1>(
  name: string,
  schema: S,
): SentParameter<StandardSchemaV1.InferOutput<S>>;
export function cookie(name: string, schema?: StandardSchemaV1): SentParameter {
  return sent("cookie", name, schema);
}

/** All parameters that no other one takes, each by this schema; without a schema as they came. */
export function rest(): RestParameter<Readonly<Record<string, unknown>>>;
export function rest<S extends StandardSchemaV1>(
  schema: S,
): RestParameter<Readonly<Record<string, StandardSchemaV1.InferOutput<S>>>>;
export function rest(schema?: StandardSchemaV1): RestParameter {
  return marked({ special: "rest", schema });
}

const theRequest: InjectedParameter<SecurityRequest> = marked({
  special: "value",
  needs: {},
  make: (_values: never, { rq }: Injection) => rq,
});
const theUser: InjectedParameter<Account | null, "user"> = marked({
  special: "user",
  needs: {},
  make: (_values: never, { rq }: Injection) => rq.identity?.account ?? null,
});
const theSession: InjectedParameter<SessionBag, "session"> = marked({
  special: "session",
  needs: {},
  // What a handler finds under c.var.session (routes/run.ts).
  make: (_values: never, { rq }: Injection) => rq.context?.get("session") as SessionBag,
});

/** The request as guards and hooks see it. */
export function request(): InjectedParameter<SecurityRequest> {
  return theRequest;
}

/** Who is signed in: never null behind a guard that makes sure of it. */
export function currentUser(): InjectedParameter<Account | null, "user"> {
  return theUser;
}

/** The session bag. */
export function session(): InjectedParameter<SessionBag, "session"> {
  return theSession;
}

/**
 * A parameter of the application's own: made once a request, after all checks, of the special parameters that it asks for.
 *
 * ```ts
 * const basket = special({ user: currentUser(), shop: header("x-shop", z.int()) }, ({ user, shop }) => openBasket(user, shop));
 * app.get("/basket", { authz: "AUTH", params: { basket } }, (c, { basket }) => c.json(basket));
 * ```
 *
 * What it throws is the application's own error.
 */
export function special<T>(make: (about: Injection) => Awaitable<T>): InjectedParameter<T>;
export function special<const N extends Needs, T>(
  needs: N,
  make: (values: Needed<N>, about: Injection) => Awaitable<T>,
): InjectedParameter<T>;
export function special(
  first: Needs | ((about: Injection) => unknown),
  second?: (values: never, about: Injection) => unknown,
): InjectedParameter {
  const needs = typeof first === "function" ? {} : first;
  const make = typeof first === "function" ? (_values: never, about: Injection) => first(about) : second;
  if (typeof needs !== "object" || needs === null || typeof make !== "function") {
    throw new ConfigurationError(
      "special",
      "a function is expected, behind a record of special parameters where it needs some",
    );
  }
  for (const [name, need] of Object.entries(needs)) {
    if (!isSpecial(need) || need.special === ("rest" as string)) {
      throw new ConfigurationError(
        `special.${name}`,
        "a special parameter is expected: header(…), currentUser(), special(…) …",
      );
    }
  }
  return marked({ special: "value", needs, make });
}
