import type { Context } from "hono";
import type { AccountRoutes } from "../routes/app.ts";
import type { Endpoint } from "./endpoint.ts";
import { type EngineContext, endpointHandler, methodNotAllowed } from "./engine.ts";

/** The account pages as routes: their handlers, 405 for other methods, and the style sheet. */
export function accountRoutes(
  engine: EngineContext,
  endpoints: readonly { readonly feature: string; readonly endpoint: Endpoint }[],
  order: readonly string[],
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
  const records = endpoints.flatMap(({ feature, endpoint }) => {
    const description = endpoint.authz.describe();
    const schemes = description.schemes ?? endpoint.authn ?? system.defaultSchemes;
    return endpoint.methods.map((method) => ({
      method,
      path: endpoint.path,
      schemes: order.filter((name) => schemes.includes(name)),
      guard: description.text,
      open: description.open,
      parameters: Object.entries(endpoint.fields).map(
        ([name, field]) => `${name}${field.required ? "" : "?"}: ${field.type}`,
      ),
      source: feature,
    }));
  });
  return {
    records,
    register(add) {
      for (const { endpoint } of endpoints) {
        for (const method of endpoint.methods) add(method, endpoint.path, endpointHandler(engine, endpoint, method));
        add("ALL", endpoint.path, methodNotAllowed(engine, endpoint));
      }
      if (endpoints.length > 0) add("GET", pages.stylesheet, (_c: Context) => stylesheet());
    },
  };
}
