/** What the tests of the API's description ask of a document and of the server that it describes. */
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { OpenApiDocument } from "portcullis";
import { sampleOf } from "portcullis/testing";

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** One operation of a document. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operation: Json & {
    readonly operationId: string;
    readonly security: readonly Json[];
    readonly responses: Readonly<Record<string, Json>>;
    readonly parameters?: readonly Json[];
    readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Json }>> };
  };
}

/** Answers requests: an application in this process, or a server. */
export type Send = (path: string, init: RequestInit) => Promise<Response>;

/** All operations that OpenAPI has a method for. */
export function operationsOf(document: OpenApiDocument): readonly Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([key]) => !key.startsWith("x-"))
      .map(([key, operation]) => ({ method: key.toUpperCase(), path, operation: operation as Operation["operation"] })),
  );
}

/** What an OpenAPI 3.1 validator finds wrong; undefined: nothing. */
export async function faultsOf(document: OpenApiDocument): Promise<unknown> {
  const copy = JSON.parse(JSON.stringify(document)) as Record<string, unknown>;
  const { valid, errors } = await new Validator().validate(copy);
  if (!valid) return errors;
  // The validator does not look into schemas: each must be one.
  const ajv = ajvOf(document);
  for (const schema of schemasIn(copy)) {
    try {
      ajv.compile(schema);
    } catch (error) {
      return { schema, error: String(error) };
    }
  }
  return undefined;
}

/** Validates by the schemas of the document, which is known to it as "document". */
export function ajvOf(document: OpenApiDocument): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema(JSON.parse(JSON.stringify({ $id: "document", ...document })) as object, "document");
  return ajv;
}

/** The schemas of parameters, bodies and answers, with their references made absolute. */
function schemasIn(node: unknown): object[] {
  if (Array.isArray(node)) return node.flatMap(schemasIn);
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === "schema" && typeof value === "object" && value !== null ? [absolute(value)] : schemasIn(value),
  );
}

function absolute<T>(node: T): T {
  return JSON.parse(JSON.stringify(node).replaceAll('"$ref":"#/', '"$ref":"document#/')) as T;
}

/** The path of an operation with a value for each of its parameters, and its query's required ones. */
export function samplePath({ path, operation }: Operation, values: Json = {}): string {
  const query = new URLSearchParams();
  let filled = path;
  for (const { name, in: place, schema, required } of operation.parameters ?? []) {
    const value = String(values[name as string] ?? sampleOf(schema as Json));
    if (place === "path") filled = filled.replace(`{${String(name)}}`, encodeURIComponent(value));
    else if (place === "query" && required === true) query.set(String(name), value);
  }
  return query.size === 0 ? filled : `${filled}?${query}`;
}

/** A request to an operation, with a body where it takes one. */
export function sampleRequest(one: Operation, headers: Readonly<Record<string, string>> = {}): RequestInit {
  const schema = one.operation.requestBody?.content["application/json"]?.schema;
  const unsafe = one.method !== "GET" && one.method !== "HEAD";
  return {
    method: one.method,
    redirect: "manual",
    headers: {
      accept: "application/json",
      ...(schema === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(unsafe && schema !== undefined ? { body: JSON.stringify(sampleOf(schema)) } : {}),
  };
}

/** What is wrong with an answer by the description; undefined: it is as described. */
export async function undescribed(
  document: OpenApiDocument,
  { operation }: Operation,
  response: Response,
): Promise<unknown> {
  const { responses } = operation;
  const said = responses[String(response.status)] ?? responses[`${String(response.status)[0]}XX`];
  if (said === undefined) return `${response.status} is not described: ${(await response.text()).slice(0, 200)}`;
  const reference = said["$ref"];
  const found =
    typeof reference === "string"
      ? (document.components.responses[reference.slice(reference.lastIndexOf("/") + 1)] as Json)
      : said;
  const type = (response.headers.get("content-type") ?? "").split(";", 1)[0] ?? "";
  const content = found["content"] as Readonly<Record<string, { readonly schema: Json }>> | undefined;
  if (content === undefined || !type.includes("json")) return undefined;
  const schema = content[type]?.schema;
  if (schema === undefined) return `${response.status} as ${type} is not described`;
  const validate: ValidateFunction = ajvOf(document).compile(absolute(schema));
  const body: unknown = JSON.parse(await response.text());
  return validate(body) ? undefined : { body, errors: validate.errors };
}
