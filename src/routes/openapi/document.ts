import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { GuardRule } from "../../authz/guard.ts";
import { isUnsafe } from "../../http/csrf.ts";
import { type Credentials, csrfHeader } from "./credentials.ts";
import type { DescribedInput, DescribedParameter, DescribedRoute, ToJsonSchema } from "./described.ts";
import type { Json } from "./json.ts";
import { operationNames } from "./names.ts";
import { type PathTemplate, pathTemplates } from "./paths.ts";
import {
  checkpointAnswers,
  errorReference,
  errorResponses,
  errorSchemas,
  errorStatuses,
  type OwnErrors,
  successes,
} from "./responses.ts";
import { embedded, jsonSchemaOf } from "./schema.ts";
import { accessOf } from "./security.ts";

/** An OpenAPI document (3.1.1). */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: Json & { readonly title: string; readonly version: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Json>>;
  readonly components: {
    readonly schemas: Json;
    readonly responses: Json;
    readonly securitySchemes: Json;
  };
}

/** What a document is made with. */
export interface DocumentContext {
  readonly title: string;
  readonly version: string;
  readonly description: string | undefined;
  readonly servers: readonly string[];
  readonly credentials: Credentials;
  readonly ownErrors: OwnErrors;
  readonly toJsonSchema: ToJsonSchema | undefined;
}

/** The methods that OpenAPI 3.1 has a word for, of those that an application declares. */
const methods: ReadonlySet<string> = new Set(["get", "put", "post", "delete", "options", "head", "patch", "trace"]);
/** What a route for all methods is shown as. */
const allMethods = ["GET", "PUT", "POST", "PATCH", "DELETE"];

/**
 * Describes the routes, in the order in which they are asked: the first that stands for a path and method answers. What nobody
 * can call is left out.
 */
export function createDocument(routes: readonly DescribedRoute[], context: DocumentContext): OpenApiDocument {
  const paths = new Map<string, { readonly template: PathTemplate; readonly item: Record<string, Json> }>();
  const schemas: Record<string, unknown> = { ...errorSchemas };
  const tags = new Set<string>();
  const nameOf = operationNames();
  for (const route of routes) {
    if (route.documentation?.listed === false || accessOf(route.rule, route.schemes).closed) continue;
    for (const template of pathTemplates(route.path)) {
      const known = paths.get(template.pattern);
      const entry = known ?? { template, item: {} };
      for (const method of route.method === "ALL" ? allMethods : [route.method]) {
        const key = methods.has(method.toLowerCase()) ? method.toLowerCase() : `x-${method.toLowerCase()}`;
        if (Object.hasOwn(entry.item, key)) continue;
        const name = nameOf(route, method, template);
        const operation = describeOperation(
          { ...route, method },
          name,
          { template, shown: entry.template },
          context,
          schemas,
        );
        for (const tag of operation.tags) tags.add(tag);
        entry.item[key] = operation.operation;
      }
      paths.set(template.pattern, entry);
    }
  }
  const shown = [...paths.values()]
    .filter(({ item }) => Object.keys(item).length > 0)
    .sort((a, b) => (a.template.template < b.template.template ? -1 : 1));
  return {
    openapi: "3.1.1",
    info: {
      title: context.title,
      version: context.version,
      ...(context.description === undefined ? {} : { description: context.description }),
    },
    servers: context.servers.map((url) => ({ url })),
    tags: [...tags].sort().map((name) => ({ name })),
    paths: Object.fromEntries(shown.map(({ template, item }) => [template.template, item])),
    components: {
      schemas,
      responses: errorResponses(context.ownErrors),
      securitySchemes: context.credentials.securitySchemes(),
    },
  };
}

function describeOperation(
  route: DescribedRoute,
  name: string,
  path: { readonly template: PathTemplate; readonly shown: PathTemplate },
  context: DocumentContext,
  schemas: Record<string, unknown>,
): { readonly operation: Json; readonly tags: readonly string[] } {
  const { documentation = {}, method } = route;
  const unsafe = isUnsafe(method);
  const access = accessOf(route.rule, route.schemes);
  const input = route.input(name, context.toJsonSchema);
  Object.assign(schemas, input.definitions);
  const carried = takesBody(method, route);
  const parameters = parametersOf(route, input, path, carried);
  const body = carried ? requestBody(route, input) : undefined;
  const csrf = unsafe && (access.refusals.has("csrf") || context.credentials.checksOrigin(access));
  const statuses = errorStatuses(route, access, {
    unsafe,
    csrf,
    takes: input.parameters.length > 0 || input.whole !== undefined,
    body: body !== undefined && route.undeclared !== true,
  });
  const schemaOf = (answer: { readonly schema?: unknown }, status: string): Json | undefined => {
    if (answer.schema === undefined) return undefined;
    const said = jsonSchemaOf(answer.schema as StandardSchemaV1, "output", context.toJsonSchema);
    if (said === undefined) return {};
    const { schema, definitions } = embedded(said, `${name}.answer.${status}`);
    Object.assign(schemas, definitions);
    return schema;
  };
  // What the application says of its own answers stands over what a checkpoint answers.
  const good = { ...checkpointAnswers(access), ...successes(route, schemaOf) };
  const tags = documentation.tags ?? [tagOf(route)];
  return {
    tags,
    operation: {
      operationId: name,
      ...(documentation.summary === undefined ? {} : { summary: documentation.summary }),
      ...(documentation.description === undefined ? {} : { description: documentation.description }),
      tags,
      ...(documentation.deprecated === true ? { deprecated: true } : {}),
      "x-guard": route.guard,
      ...(parameters.length === 0 ? {} : { parameters }),
      ...(body === undefined ? {} : { requestBody: body }),
      responses: {
        ...good,
        ...Object.fromEntries(
          statuses
            .filter((status) => !Object.hasOwn(good, status))
            .map((status) => [status, errorReference(status, route.kind, context.ownErrors)]),
        ),
      },
      security: context.credentials.requirements(access, scopesOf(route.rule), unsafe),
    },
  };
}

/**
 * What carries the parameters that are not in the path: a body has no defined meaning with the others (RFC 9110 9.3). Account
 * endpoints read one of a DELETE too.
 */
function takesBody(method: string, { kind }: DescribedRoute): boolean {
  return isUnsafe(method) && (method !== "DELETE" || kind === "account");
}

function parametersOf(
  route: DescribedRoute,
  input: DescribedInput,
  { template, shown }: { readonly template: PathTemplate; readonly shown: PathTemplate },
  carried: boolean,
): readonly Json[] {
  const result: Json[] = template.parameters.map(({ name, pattern }, index) => {
    const schema = input.parameters.find((one) => one.name === name && one.carrier === "path")?.schema ?? {
      type: "string",
    };
    return {
      // Another route of the same path may call it otherwise; for OpenAPI it has one name.
      name: shown.parameters[index]?.name ?? name,
      in: "path",
      required: true,
      schema:
        pattern === undefined || schema["type"] !== "string" ? schema : { ...schema, pattern: `^(?:${pattern})$` },
    };
  });
  for (const one of input.parameters) {
    if (one.carrier === "query" || (one.carrier === "any" && !carried)) result.push(inQuery(one));
    if (one.carrier === "header" || one.carrier === "cookie") {
      const { sentAs = one.name, carrier, required, schema } = one;
      result.push({ name: sentAs, in: carrier, ...(required ? { required } : {}), schema });
    }
  }
  if (!carried && input.others !== false) {
    let name = "others";
    while (result.some((one) => one["name"] === name)) name += "_";
    result.push({
      name,
      in: "query",
      description: "Any other names.",
      schema: { type: "object", additionalProperties: input.others },
    });
  }
  const csrf = csrfByHeader(route.rule);
  if (carried && csrf !== undefined) {
    const description = `${csrf.every ? "Needed" : "Needed from who is not signed in"}; forms and JSON objects may send it as the field \`csrf_token\`.`;
    result.push({ name: csrfHeader, in: "header", description, schema: { type: "string" } });
  }
  return result;
}

/** A guard that wants a token of who is not signed in: the security requirements can't say that. */
function csrfByHeader(rule: GuardRule): { readonly every: boolean } | undefined {
  if (rule.kind === "csrf") return { every: rule.every === true };
  if (rule.kind === "checkpoint" && rule.asks.by === "session") return { every: false };
  if (rule.kind !== "allOf" && rule.kind !== "anyOf") return undefined;
  const all = rule.rules.map(csrfByHeader).filter((one) => one !== undefined);
  return all.find(({ every }) => every) ?? all[0];
}

function inQuery({ name, required, schema, description }: DescribedParameter): Json {
  const shared = {
    name,
    in: "query",
    ...(required ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
  };
  // An object is one JSON text there; a list is its name repeated, which is what OpenAPI takes for granted.
  return schema["type"] === "object"
    ? { ...shared, content: { "application/json": { schema } } }
    : { ...shared, schema };
}

function requestBody(route: DescribedRoute, input: DescribedInput): Json | undefined {
  if (route.undeclared === true) return undefined;
  const inBody = input.parameters.filter(({ carrier }) => carrier === "any");
  const beside = input.others !== false && route.account?.page !== false;
  if (inBody.length === 0 && !beside && input.whole === undefined) return undefined;
  const required = inBody.filter((one) => one.required);
  const schema: Json = input.whole ?? {
    type: "object",
    properties: Object.fromEntries(
      inBody.map(({ name, schema: own, description }) => [
        name,
        description === undefined ? own : { ...own, description },
      ]),
    ),
    ...(required.length === 0 ? {} : { required: required.map(({ name }) => name) }),
    ...(input.others === true ? {} : { additionalProperties: input.others }),
  };
  const types = inBody.some(({ file }) => file === true)
    ? ["multipart/form-data"]
    : route.account?.page === false
      ? ["application/json"]
      : [
          "application/json",
          "application/x-www-form-urlencoded",
          ...(route.account === undefined ? ["multipart/form-data"] : []),
        ];
  return {
    ...(required.length === 0 ? {} : { required: true }),
    content: Object.fromEntries(types.map((type) => [type, { schema }])),
  };
}

function scopesOf(rule: GuardRule): readonly string[] {
  if (rule.kind === "scopes") return rule.names;
  if (rule.kind !== "allOf" && rule.kind !== "anyOf") return [];
  return [...new Set(rule.rules.flatMap(scopesOf))];
}

function tagOf({ source, path }: DescribedRoute): string {
  if (source !== "application") return source;
  const first = /^\/([A-Za-z0-9._~-]+)/.exec(path)?.[1];
  return first ?? "application";
}
