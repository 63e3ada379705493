import type { Context } from "hono";
import type { SecurityRequest } from "../http/request.ts";
import type { AccountRoutes } from "../routes/app.ts";
import type { RouteRecord } from "../routes/types.ts";
import type { Endpoint } from "./endpoint.ts";
import { describeEndpoint } from "./endpoint-description.ts";
import { endpointHandler, methodNotAllowed } from "./engine.ts";
import type { EngineContext } from "./form-page.ts";

/** A document that is the same for everybody, such as the key set. */
export interface PublishedDocument {
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
  /** Seconds for which others may keep it. */
  readonly maxAge: number;
  /** Why it is open. */
  readonly open: string;
  readonly source: string;
}

/** Where an endpoint finds the routes of the application that serves it. */
const matrixKey = "portcullis-matrix";

/** Every route of the application that serves this request, with its guard. */
export function matrixOf(rq: SecurityRequest): readonly RouteRecord[] {
  return (rq.context?.get(matrixKey) as (() => readonly RouteRecord[]) | undefined)?.() ?? [];
}

/** The account pages as routes: their handlers, 405 for other methods, the style sheet and the icon. */
export function accountRoutes(
  engine: EngineContext,
  endpoints: readonly { readonly feature: string; readonly endpoint: Endpoint }[],
  documents: readonly PublishedDocument[],
): AccountRoutes {
  const { pages, system } = engine;
  const stylesheet = (): Response =>
    new Response(pages.views.css, {
      headers: {
        "content-type": "text/css; charset=utf-8",
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
      },
    });
  const icon = (maxAge: string): Response =>
    new Response(pages.views.icon, {
      headers: {
        "content-type": "image/svg+xml; charset=utf-8",
        "cache-control": `public, ${maxAge}`,
        // Opened by itself it is a document of this origin: nothing in it runs, and nothing is loaded.
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
        "x-content-type-options": "nosniff",
      },
    });
  const records = endpoints.flatMap(({ feature, endpoint }) => {
    const description = endpoint.authz.describe(system.decisions.isGroup);
    const schemes = description.schemes ?? endpoint.authn ?? system.defaultSchemes;
    return endpoint.methods.map((method) => ({
      method,
      path: endpoint.path,
      schemes,
      guard: description.text,
      open: description.open,
      parameters: Object.entries(endpoint.fields).map(
        ([name, field]) => `${name}${field.required ? "" : "?"}: ${field.type}`,
      ),
      source: feature,
    }));
  });
  const published = documents.map(
    ({ path, open, source }): RouteRecord => ({
      method: "GET",
      path,
      schemes: [],
      guard: "anybody",
      open,
      parameters: [],
      source,
    }),
  );
  const all = [...records, ...published];
  return {
    records: all,
    described: endpoints.flatMap(({ feature, endpoint }) => describeEndpoint(system, feature, endpoint)),
    register(add, matrix = () => all) {
      for (const { path, body, contentType, maxAge } of documents) {
        add(
          "GET",
          path,
          () =>
            new Response(body, {
              headers: {
                "content-type": contentType,
                "cache-control": `public, max-age=${maxAge}`,
                "x-content-type-options": "nosniff",
              },
            }),
        );
        add("ALL", path, methodNotAllowed(engine, path, [], ["GET"]));
      }
      const byPath = new Map<string, Endpoint[]>();
      for (const { endpoint } of endpoints) {
        for (const method of endpoint.methods) {
          const handler = endpointHandler(engine, endpoint, method);
          add(method, endpoint.path, (c) => {
            c.set(matrixKey, matrix);
            return handler(c);
          });
        }
        byPath.set(endpoint.path, [...(byPath.get(endpoint.path) ?? []), endpoint]);
      }
      for (const [path, there] of byPath) add("ALL", path, methodNotAllowed(engine, path, there));
      if (endpoints.length === 0) return;
      add("GET", pages.stylesheet, (_c: Context) => stylesheet());
      add("GET", pages.icon, (_c: Context) => icon("max-age=31536000, immutable"));
    },
    atLast(method, path) {
      const asked = path === "/favicon.ico" && (method === "GET" || method === "HEAD");
      return asked && endpoints.length > 0 ? icon("max-age=86400") : undefined;
    },
  };
}
