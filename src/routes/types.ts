import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Context, Hono } from "hono";
import type { BlankSchema, HandlerResponse, MergePath, MergeSchemaPath, ParamKeys, Schema, ToSchema } from "hono/types";
import type { RouteDocumentation } from "./openapi/described.ts";
import type { OpenApiDocument } from "./openapi/document.ts";
import type { Authz, GuardedEnv, SignsIn, Vocabulary } from "./vocabulary.ts";

/** What a route says of itself. */
export interface RouteDeclaration<A, P, Scheme extends string> {
  /** Who may call it. Leaving it out does not compile; at run time it refuses to start. */
  readonly authz: A;
  /** The schemes that this route accepts; default: the application's. */
  readonly authn?: readonly Scheme[];
  /** Its parameters: an object of any Standard Schema library (zod, valibot, arktype …). */
  readonly params?: P;
  /** The realm in its challenges (RFC 9110 11.5). */
  readonly realm?: string;
  /** What the API's description says of it, beside what follows from all that. */
  readonly doc?: RouteDocumentation;
  /** Its name, by which checkpoints lead to it. */
  readonly name?: string;
}

/** What stands in the place of `this` when the declaration is missing, so that the compiler says it in words. */
export interface ARouteMustDeclareItsAuthz {
  readonly "declare { authz: … } between the path and the handler": never;
}

type SchemaInput<P> = P extends StandardSchemaV1 ? StandardSchemaV1.InferInput<P> : Record<never, never>;
type SchemaOutput<P> = P extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<P> : Record<never, never>;

/** ":id{[0-9]+}" and ":id?" → "id". */
type PlainName<K> = K extends `${infer Name}{${string}}${string}`
  ? PlainName<Name>
  : K extends `${infer Name}?`
    ? Name
    : K;
type PathNames<Path extends string> = PlainName<ParamKeys<Path>> & string;
/** The names that the path may leave out: ":id?" → "id". */
type OptionalNames<Path extends string> = PlainName<Extract<ParamKeys<Path>, `${string}?`>> & string;

/** What the handler gets: the schema's output, and as text what the path has beyond it. */
export type HandlerParams<Path extends string, P> = SchemaOutput<P> & {
  readonly [K in Exclude<PathNames<Path>, keyof SchemaOutput<P>>]: K extends OptionalNames<Path>
    ? string | undefined
    : string;
};

type TextOf<T> = T extends Date
  ? string
  : T extends readonly (infer E)[]
    ? readonly (TextOf<E> | string)[]
    : T | string;

/** What Hono's client sends: path parameters as such, the rest in the query or, where there is a body, as JSON. */
type ClientInput<M extends string, Path extends string, P> = [P] extends [StandardSchemaV1]
  ? M extends "get" | "delete" | "head"
    ? {
        query: { [K in keyof Omit<SchemaInput<P>, PathNames<Path>>]: TextOf<SchemaInput<P>[K & keyof SchemaInput<P>]> };
      }
    : { json: Omit<SchemaInput<P>, PathNames<Path>> }
  : Record<never, never>;

/** `app.get` and its like: path, declaration, handler. */
export interface DeclareRoute<V extends Vocabulary, M extends string, S extends Schema, Base extends string> {
  <
    const Path extends string,
    const A extends Authz<V, keyof HandlerParams<MergePath<Base, Path>, P> & string>,
    R extends HandlerResponse<unknown>,
    P extends StandardSchemaV1 | undefined = undefined,
  >(
    path: Path,
    declaration: RouteDeclaration<A, P, V["scheme"]>,
    handler: (
      c: Context<GuardedEnv<V, SignsIn<A>>, MergePath<Base, Path>>,
      params: HandlerParams<MergePath<Base, Path>, P>,
    ) => R,
  ): App<V, S & ToSchema<M, MergePath<Base, Path>, ClientInput<M, MergePath<Base, Path>, P>, R>, Base>;
  // biome-ignore lint/suspicious/noExplicitAny: keeps App a Hono for Hono's own types; `this` makes it uncallable
  (this: ARouteMustDeclareItsAuthz, ...args: any[]): any;
}

/** `app.on`: methods, path, declaration, handler. */
export interface DeclareRouteOn<V extends Vocabulary, S extends Schema, Base extends string> {
  <
    const M extends string,
    const Path extends string,
    const A extends Authz<V, keyof HandlerParams<MergePath<Base, Path>, P> & string>,
    R extends HandlerResponse<unknown>,
    P extends StandardSchemaV1 | undefined = undefined,
  >(
    method: M | readonly M[],
    path: Path,
    declaration: RouteDeclaration<A, P, V["scheme"]>,
    handler: (
      c: Context<GuardedEnv<V, SignsIn<A>>, MergePath<Base, Path>>,
      params: HandlerParams<MergePath<Base, Path>, P>,
    ) => R,
  ): App<
    V,
    S & ToSchema<Lowercase<M>, MergePath<Base, Path>, ClientInput<Lowercase<M>, MergePath<Base, Path>, P>, R>,
    Base
  >;
  // biome-ignore lint/suspicious/noExplicitAny: as in DeclareRoute
  (this: ARouteMustDeclareItsAuthz, ...args: any[]): any;
}

/** `app.route`: only applications whose routes are declared. */
export interface MountApp<V extends Vocabulary, S extends Schema, Base extends string> {
  <SubPath extends string, SubSchema extends Schema, SubBase extends string>(
    path: SubPath,
    app: App<V, SubSchema, SubBase>,
  ): App<V, MergeSchemaPath<SubSchema, MergePath<Base, SubPath>> | S, Base>;
  // biome-ignore lint/suspicious/noExplicitAny: as in DeclareRoute
  (this: ARouteMustDeclareItsAuthz, ...args: any[]): any;
}

/** One line of the access matrix. */
export interface RouteRecord {
  /** The name that it was given; undefined: none. */
  readonly name?: string;
  readonly method: string;
  readonly path: string;
  /** The schemes that it accepts, in the order in which they are tried. */
  readonly schemes: readonly string[];
  /** The guard in words. */
  readonly guard: string;
  /** Why it is open; undefined: it is not. An empty text: open, without a reason. */
  readonly open: string | undefined;
  /** "sid: integer", "pattern?: string" … */
  readonly parameters: readonly string[];
  /** "application", or the feature that brings it. */
  readonly source: string;
}

/**
 * A Hono application whose routes must be declared: `get`, `post`, `put`, `patch`, `delete`, `options`, `all` and `on`
 * take `(path, { authz, params … }, handler)`. The application that is served also answers the account pages.
 */
export interface App<V extends Vocabulary, S extends Schema = BlankSchema, Base extends string = "/">
  extends Hono<GuardedEnv<V, false>, S, Base> {
  get: DeclareRoute<V, "get", S, Base>;
  post: DeclareRoute<V, "post", S, Base>;
  put: DeclareRoute<V, "put", S, Base>;
  patch: DeclareRoute<V, "patch", S, Base>;
  delete: DeclareRoute<V, "delete", S, Base>;
  options: DeclareRoute<V, "options", S, Base>;
  query: DeclareRoute<V, "query", S, Base>;
  all: DeclareRoute<V, "all", S, Base>;
  on: DeclareRouteOn<V, S, Base>;
  route: MountApp<V, S, Base>;
  basePath<SubPath extends string>(path: SubPath): App<V, S, MergePath<Base, SubPath>>;
  /** Not possible: what is mounted raw declares nothing. Use `route` with an application of `security.app()`. */
  // biome-ignore lint/suspicious/noExplicitAny: as in DeclareRoute
  mount(this: ARouteMustDeclareItsAuthz, ...args: any[]): any;
  /** Every route with its guard, the account pages included. */
  accessMatrix(): readonly RouteRecord[];
  /** The API's description (OpenAPI 3.1) of all routes, the account endpoints included. The option `openapi` serves it. */
  openapi(): OpenApiDocument;
}
