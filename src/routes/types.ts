import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Context, Hono } from "hono";
import type { BlankSchema, HandlerResponse, MergePath, MergeSchemaPath, Schema, ToSchema } from "hono/types";
import type { BodyLimits } from "../http/body-limits.ts";
import type { RouteDocumentation } from "./openapi/described.ts";
import type { OpenApiDocument } from "./openapi/document.ts";
import type { ParameterRecord } from "./parameters/record.ts";
import type { SpecialParameter } from "./parameters/special.ts";
import type { Authz, GuardedEnv, Identified, SignsIn, Vocabulary } from "./vocabulary.ts";

/** What a route says of itself. */
export interface RouteDeclaration<A, P, Scheme extends string> {
  /** Who may call it. Leaving it out does not compile; at run time it refuses to start. */
  readonly authz: A;
  /** The schemes that this route accepts; default: the application's. */
  readonly authn?: readonly Scheme[];
  /**
   * Its parameters: one object of any Standard Schema library (zod, valibot, arktype …), or a record with a schema or a
   * special parameter (`portcullis/params`) for each name.
   */
  readonly params?: P;
  /** What its bodies may cost, where that is not the option `body`: `{ bytes: 65_536, members: 50_000 }`. */
  readonly body?: Partial<BodyLimits>;
  /** The realm in its challenges (RFC 9110 11.5). */
  readonly realm?: string;
  /** What the API's description says of it, beside what follows from all that. */
  readonly doc?: RouteDocumentation;
  /** Its name, by which checkpoints lead to it. */
  readonly name?: string;
  /** True: that a route before it answers in its place is meant. Where this is not said, the application refuses to start. */
  readonly shadowed?: boolean;
  /** True: that a route before it, with another guard, answers some of its paths is meant. Else the application refuses to start. */
  readonly overlaps?: boolean;
  /**
   * An open GET route without parameters also answers over plain HTTP: clients of these networks (`["10.0.0.0/8"]`), or with true
   * of this machine. For probes of a load balancer; default: nobody, where the option `secure` refuses plain HTTP.
   */
  readonly plainHttp?: true | readonly string[];
}

/** What stands in the place of `this` when the declaration is missing, so that the compiler says it in words. */
export interface ARouteMustDeclareItsAuthz {
  readonly "declare { authz: … } between the path and the handler": never;
}

/** What `params` may be: one schema of an object, or a record with a schema or a special parameter for each name. */
export type ParameterDeclaration = StandardSchemaV1 | ParameterRecord;

/** The names of a record whose values are sent under that very name. */
type PlainKeys<P> = { [K in keyof P]: P[K] extends StandardSchemaV1 ? K : never }[keyof P];
/** The names of a record that guards may ask for: what is sent, by whatever carrier. */
type SentKeys<P> = {
  [K in keyof P]: P[K] extends StandardSchemaV1 | SpecialParameter<unknown, "sent"> ? K : never;
}[keyof P];

type SchemaInput<P> = P extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<P>
  : P extends ParameterRecord
    ? { readonly [K in PlainKeys<P>]: P[K] extends StandardSchemaV1 ? StandardSchemaV1.InferInput<P[K]> : never }
    : Record<never, never>;

/** The value of one parameter of a record: by its schema, or by what is special about it. */
type ParameterValue<Q, V extends Vocabulary, SignedIn extends boolean> = Q extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<Q>
  : Q extends SpecialParameter<infer T, infer K>
    ? K extends "user"
      ? GuardedEnv<V, SignedIn>["Variables"]["user"]
      : K extends "session"
        ? GuardedEnv<V, SignedIn>["Variables"]["session"]
        : T
    : never;

type SchemaOutput<P, V extends Vocabulary, SignedIn extends boolean> = P extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<P>
  : P extends ParameterRecord
    ? { readonly [K in keyof P]: ParameterValue<P[K], V, SignedIn> }
    : Record<never, never>;

/** ":id{[0-9]+}" → "id{[0-9]+}", for each parameter of a path. */
type PathParts<Path extends string> = Path extends `${infer Head}/${infer Rest}`
  ? PathParts<Head> | PathParts<Rest>
  : Path extends `:${infer Part}`
    ? Part
    : never;
/** "id{[0-9]+}" and "id?" → "id". */
type PlainName<K> = K extends `${infer Name}{${string}` ? Name : K extends `${infer Name}?` ? Name : K;
type PathNames<Path extends string> = PlainName<PathParts<Path>> & string;
/** What a conversion in the path makes of the text. */
type PathValue<K> =
  | (K extends `${string}{int}${string}` | `${string}{number}${string}`
      ? number
      : K extends `${string}{date}${string}`
        ? Date
        : string)
  // The path may leave it out.
  | (K extends `${string}?` ? undefined : never);

/** The names of what is sent, which guards may ask for. */
type ParameterNames<Path extends string, P> =
  | PathNames<Path>
  | ((P extends StandardSchemaV1
      ? keyof StandardSchemaV1.InferOutput<P>
      : P extends ParameterRecord
        ? SentKeys<P>
        : never) &
      string);

type Conversion = "int" | "number" | "uuid" | "date" | "path";
type KeysOf<T> = T extends unknown ? keyof T : never;
/** The names that a declaration speaks of; a schema that does not tell its input, or takes any name, may mean each. */
type DeclaredNames<P> = P extends StandardSchemaV1
  ? unknown extends StandardSchemaV1.InferInput<P>
    ? string
    : KeysOf<StandardSchemaV1.InferInput<P>>
  : P extends ParameterRecord
    ? Extract<P[keyof P], SpecialParameter<unknown, "rest">> extends never
      ? keyof P
      : string
    : string;
/** The parameters of a path that neither a conversion there nor the declared parameters say anything of. */
type Undeclared<Path extends string, P> = Exclude<
  PlainName<Exclude<PathParts<Path>, `${string}{${Conversion}}${"" | "?"}`>>,
  DeclaredNames<P>
>;
/** Asks for them by name. */
type DeclaresPath<Path extends string, P> = [Undeclared<Path, P>] extends [never]
  ? unknown
  : {
      readonly params: {
        readonly [K in Undeclared<Path, P> & string as `:${K} of the path is missing in params`]: never;
      };
    };

/** What the handler gets: the parameters that are declared, and by its conversion or as text what the path has beyond them. */
export type HandlerParams<Path extends string, P, V extends Vocabulary, SignedIn extends boolean> = SchemaOutput<
  P,
  V,
  SignedIn
> & {
  readonly [K in PathParts<Path> as Exclude<PlainName<K>, keyof SchemaOutput<P, V, SignedIn>> & string]: PathValue<K>;
};

/** The first parameter of a path; never: it has none. */
type FirstName<Path extends string> = Path extends `${infer Head}/${infer Rest}`
  ? Head extends `:${infer Part}`
    ? PlainName<Part>
    : FirstName<Rest>
  : Path extends `:${infer Part}`
    ? PlainName<Part>
    : never;

/** Which of the declared kinds of objects the route's parameters may identify, by their types. */
type Identifying<V extends Vocabulary, Path extends string, P> = [keyof NonNullable<V["ids"]>] extends [never]
  ? string
  : Identified<
      NonNullable<V["ids"]>,
      Sent<HandlerParams<Path, P, V, true>, ParameterNames<Path, P>>,
      FirstName<Path> & string
    >;
/** Those with these names; what a loose schema lets through has none. */
type Sent<Values, Names> = {
  [Name in keyof Values as string extends Name ? never : Name extends Names ? Name : never]: Values[Name];
};

type TextOf<T> = T extends Date
  ? string
  : T extends readonly (infer E)[]
    ? readonly (TextOf<E> | string)[]
    : T | string;

/** What Hono's client sends: path parameters as such, the rest in the query or, where there is a body, as JSON. */
type ClientInput<M extends string, Path extends string, P> = [P] extends [ParameterDeclaration]
  ? M extends "get" | "delete" | "head"
    ? {
        query: { [K in keyof Omit<SchemaInput<P>, PathNames<Path>>]: TextOf<SchemaInput<P>[K & keyof SchemaInput<P>]> };
      }
    : { json: Omit<SchemaInput<P>, PathNames<Path>> }
  : Record<never, never>;

/** `app.get` and its like: path, declaration, handler. */
export interface DeclareRoute<V extends Vocabulary, M extends string, S extends Schema, Base extends string> {
  // The first signature ends the compiler's comparison with Hono's own members, which else takes millions of instantiations,
  // and is the one that it quotes where a declaration is missing: the other one has more parameters. `this` makes it
  // uncallable. What is wrong in a declaration is quoted from the last one.
  // biome-ignore lint/suspicious/noExplicitAny: keeps App a Hono for Hono's own types
  (this: ARouteMustDeclareItsAuthz, ...args: any[]): any;
  <
    const Path extends string,
    const A extends Authz<V, ParameterNames<MergePath<Base, Path>, P>, Identifying<V, MergePath<Base, Path>, P>>,
    R extends HandlerResponse<unknown>,
    P extends ParameterDeclaration | undefined = undefined,
  >(
    path: Path,
    declaration: RouteDeclaration<A, P, V["scheme"]> & DeclaresPath<MergePath<Base, Path>, P>,
    handler: (
      c: Context<GuardedEnv<V, SignsIn<A>>, MergePath<Base, Path>>,
      params: HandlerParams<MergePath<Base, Path>, P, V, SignsIn<A>>,
    ) => R,
  ): App<V, S & ToSchema<M, MergePath<Base, Path>, ClientInput<M, MergePath<Base, Path>, P>, R>, Base>;
}

/** `app.on`: methods, path, declaration, handler. */
export interface DeclareRouteOn<V extends Vocabulary, S extends Schema, Base extends string> {
  // biome-ignore lint/suspicious/noExplicitAny: as in DeclareRoute
  (this: ARouteMustDeclareItsAuthz, ...args: any[]): any;
  <
    const M extends string,
    const Path extends string,
    const A extends Authz<V, ParameterNames<MergePath<Base, Path>, P>, Identifying<V, MergePath<Base, Path>, P>>,
    R extends HandlerResponse<unknown>,
    P extends ParameterDeclaration | undefined = undefined,
  >(
    method: M | readonly M[],
    path: Path,
    declaration: RouteDeclaration<A, P, V["scheme"]> & DeclaresPath<MergePath<Base, Path>, P>,
    handler: (
      c: Context<GuardedEnv<V, SignsIn<A>>, MergePath<Base, Path>>,
      params: HandlerParams<MergePath<Base, Path>, P, V, SignsIn<A>>,
    ) => R,
  ): App<
    V,
    S & ToSchema<Lowercase<M>, MergePath<Base, Path>, ClientInput<Lowercase<M>, MergePath<Base, Path>, P>, R>,
    Base
  >;
}

/** `app.route`: only applications whose routes are declared. */
export interface MountApp<V extends Vocabulary, S extends Schema, Base extends string> {
  // biome-ignore lint/suspicious/noExplicitAny: as in DeclareRoute
  (this: ARouteMustDeclareItsAuthz, ...args: any[]): any;
  <SubPath extends string, SubSchema extends Schema, SubBase extends string>(
    path: SubPath,
    app: App<V, SubSchema, SubBase>,
  ): App<V, MergeSchemaPath<SubSchema, MergePath<Base, SubPath>> | S, Base>;
}

/** One line of the access matrix. */
export interface RouteRecord {
  /** The name that it was given; undefined: none. */
  readonly name?: string;
  readonly method: string;
  readonly path: string;
  /** The schemes that it accepts, in the order in which they are tried. */
  readonly schemes: readonly string[];
  /** The realm whose tokens it takes, where it is one of its own. */
  readonly realm?: string;
  /** The guard in words. */
  readonly guard: string;
  /** Why it is open; undefined: it is not. An empty text: open, without a reason. */
  readonly open: string | undefined;
  /** "sid: integer", "pattern?: string" … */
  readonly parameters: readonly string[];
  /** "application", or the feature that brings it. */
  readonly source: string;
  /** False: nobody declared it; it is a handler of a plain Hono application, or middleware of it. */
  readonly declared?: false;
  /** The route that answers in its place, as it says itself by `shadowed`; undefined: it is reached. */
  readonly behind?: string;
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
  // biome-ignore lint/suspicious/noExplicitAny: as in DeclareRoute
  basePath(this: ARouteMustDeclareItsAuthz, ...args: any[]): any;
  basePath<SubPath extends string>(path: SubPath): App<V, S, MergePath<Base, SubPath>>;
  /** Not possible: what is mounted raw declares nothing. Use `route` with an application of `security.app()`. */
  // biome-ignore lint/suspicious/noExplicitAny: as in DeclareRoute
  mount(this: ARouteMustDeclareItsAuthz, ...args: any[]): any;
  /** Every route with its guard, the account pages included. */
  accessMatrix(): readonly RouteRecord[];
  /** The API's description (OpenAPI 3.1) of all routes, the account endpoints included. The option `openapi` serves it. */
  openapi(): OpenApiDocument;
}
