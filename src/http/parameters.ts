import type { MessageKey } from "../i18n/catalogue.ts";
import type { Awaitable } from "../model/awaitable.ts";

/** What is wrong with one parameter. `code` is stable. */
export interface ParameterFault {
  readonly name: string;
  readonly code: "missing" | "unexpected" | "duplicate" | "invalid";
  /** In English, or in whatever language the application's schema speaks. */
  readonly message: string;
  /** The same in any language, where it is known what is expected. */
  readonly words?: ParameterWords;
  /** True: the message is the schema's. */
  readonly own?: true;
}

/** A text of the catalogues with what is filled in. */
export interface ParameterWords {
  readonly key: Extract<MessageKey, `PARAMETER_${string}`>;
  readonly params?: Readonly<Record<string, string>>;
}

/** Where a parameter comes from: the path, a header, a cookie, or any of query, form and JSON. */
export type Carrier = "path" | "header" | "cookie" | "any";

/** Reads what stands in a request's head. */
export interface HeadReader {
  /** The value of a header; undefined: it is not there. */
  header(name: string): string | undefined;
  /** The value of a cookie; undefined: it is not there, or twice. */
  cookie(name: string): string | undefined;
}

/** A request's values before conversion, by carrier. */
export interface RawParameters {
  /** Path parameters, percent-decoded by the router. */
  readonly path: Readonly<Record<string, string>>;
  /** The path as it was sent, still percent-encoded; tells a "%" that was sent as such from one that would not decode. */
  readonly rawPath?: string;
  /** True: `path` may hold parameters of a prefix, which the route's own path does not name. */
  readonly prefixed?: boolean;
  /** The query string without "?". */
  readonly query: string;
  readonly body: ParsedBody | undefined;
  /** For routes with parameters from headers or cookies. */
  readonly head?: HeadReader;
}

/** A body read by its declared media type, within the limits. */
export type ParsedBody =
  | { readonly kind: "none" }
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "form"; readonly entries: readonly (readonly [name: string, value: string | File])[] };

/** One declared parameter, for the access matrix and OpenAPI. */
export interface ParameterDescription {
  readonly name: string;
  readonly carrier: Carrier;
  readonly required: boolean;
  /** "integer", "string", "date", "string[]" … in words. */
  readonly type: string;
}

/** A route's parameters, compiled when the route is declared. */
export interface CompiledParameters {
  readonly names: readonly string[];
  describe(): readonly ParameterDescription[];
  /** Converts and validates; synchronous when the schema is. */
  convert(raw: RawParameters): Awaitable<ConvertedParameters>;
}

/** Either the converted values or all faults. */
export type ConvertedParameters =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly faults: readonly ParameterFault[] };
