import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { GuardRule } from "../../authz/guard.ts";
import type { Json } from "./json.ts";

/** What the API's description says of a route beside what follows from its declaration. It changes nothing of what the route does. */
export interface RouteDocumentation {
  /** A few words. */
  readonly summary?: string;
  /** CommonMark. */
  readonly description?: string;
  /** Groups of routes; default: the first part of the path. */
  readonly tags?: readonly string[];
  readonly deprecated?: boolean;
  /** What the handler answers, by status. Nothing checks that it does. Default: some answer with 2xx. */
  readonly answers?: Readonly<Record<number, AnswerDocumentation>>;
  /** False: the description leaves the route out. */
  readonly listed?: boolean;
}

/** One answer of a handler. */
export interface AnswerDocumentation {
  readonly description: string;
  /** The JSON body, by a library that can say it as JSON Schema. */
  readonly schema?: StandardSchemaV1;
}

/** One parameter as the description names it. */
export interface DescribedParameter {
  readonly name: string;
  /** "any": in the query, or where there is a body, there. */
  readonly carrier: "path" | "any" | "query" | "header" | "cookie";
  /** The name of the header or cookie. */
  readonly sentAs?: string;
  readonly required: boolean;
  readonly schema: Json;
  /** A file: only a multipart form carries it. */
  readonly file?: boolean;
  readonly description?: string;
}

/** What a route takes. */
export interface DescribedInput {
  readonly parameters: readonly DescribedParameter[];
  /** Other names: false, or the schema of their values. */
  readonly others: Json | boolean;
  /** Schemas that the others refer to, by the name that they get among the document's. */
  readonly definitions: Readonly<Record<string, Json>>;
  /** The body as one schema, where it is no plain object of parameters. */
  readonly whole?: Json;
}

/** One route as the description is made from: an application's or an account endpoint's, for one method. */
export interface DescribedRoute {
  /** Upper case; "ALL": any. */
  readonly method: string;
  /** As Hono writes it. */
  readonly path: string;
  readonly kind: "account" | "application";
  /** The feature that brings it, or "application". */
  readonly source: string;
  /** Its name where it has one; the `operationId` is made from it. */
  readonly name?: string;
  readonly rule: GuardRule;
  /** The guard in words. */
  readonly guard: string;
  /** The schemes that a guard takes which names none. */
  readonly schemes: readonly string[];
  /** The realm whose tokens it takes, where it is one of its own. */
  readonly realm?: string;
  /** What it takes; `name` is the operation's, to tell definitions apart. */
  input(name: string, own: ToJsonSchema | undefined): DescribedInput;
  /** With what its guard's "there is no such object" is answered; undefined: 404. */
  readonly notFoundStatus?: number;
  /** True: query and body are the handler's own business. */
  readonly undeclared?: boolean;
  readonly documentation?: RouteDocumentation;
  readonly account?: DescribedEndpoint;
}

/** What is special about an account endpoint. */
export interface DescribedEndpoint {
  /** False: JSON only. */
  readonly page: boolean;
  /** The members of `response` in its JSON answer, as JSON Schema. */
  readonly answer: Json | undefined;
  /** Statuses with which it may refuse, beside what follows from its guard and fields. */
  readonly failures: readonly number[];
  /** The status of what went well, in JSON. */
  readonly status: 200 | 201;
}

/**
 * Says a schema as JSON Schema (draft 2020-12), for libraries that cannot do it themselves; undefined: it cannot either. `side`
 * is what is validated ("input") or what comes out of it ("output").
 */
export type ToJsonSchema = (schema: StandardSchemaV1, side: "input" | "output") => object | undefined;
