import type { Context } from "hono";
import type { Authenticator } from "../../authn/authenticator.ts";
import type { Guard } from "../../authz/guard.ts";
import type { RouteFacts } from "../../http/request.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { sha256 } from "../../secrets/random.ts";
import type { PageSender } from "../../views/frame.ts";
import { type GuardedHandler, type Runner, requestOf, runGuarded } from "../run.ts";
import type { RouteRecord } from "../types.ts";
import { createCredentials } from "./credentials.ts";
import type { DescribedRoute } from "./described.ts";
import { createDocument, type OpenApiDocument } from "./document.ts";
import type { OpenApiSettings } from "./options.ts";
import { apiPage } from "./page.ts";
import type { OwnErrors } from "./responses.ts";

/** A route of the description itself, compiled as an application's is. */
export interface CompiledDescriptionRoute {
  readonly facts: RouteFacts;
  readonly guard: Guard;
  readonly record: RouteRecord;
}

/** What a description is made with. */
export interface DescriptionContext extends Runner {
  readonly authenticator: Authenticator;
  readonly pages: PageSender;
  /** Undefined: it is served nowhere. */
  readonly settings: OpenApiSettings | undefined;
  readonly origins: readonly string[];
  readonly ownErrors: OwnErrors;
  /** The paths of the account pages. */
  readonly taken: readonly string[];
  /** Compiles the route on which it is served. */
  compile(path: string, authz: unknown): CompiledDescriptionRoute;
}

/** The API's description: the document, and where it is served. */
export interface Description {
  /** Its own routes, for the access matrix. */
  readonly records: readonly RouteRecord[];
  document(routes: readonly DescribedRoute[]): OpenApiDocument;
  /** Adds its routes. `routes` is asked once, with the first request for it. */
  register(
    add: (method: string, path: string, handler: (c: Context) => Response | Promise<Response>) => void,
    routes: () => readonly DescribedRoute[],
  ): void;
}

interface MadeDocument {
  readonly document: OpenApiDocument;
  readonly text: string;
  readonly etag: string;
}

/** Makes the description of one running system. Throws ConfigurationError for a wrong `openapi.authz`. */
export function createDescription(context: DescriptionContext): Description {
  const { settings, system, pages } = context;
  checkPaths(context);
  const compiled =
    settings === undefined
      ? []
      : [settings.path, ...(settings.page === undefined ? [] : [settings.page])].map((path) => ({
          path,
          ...context.compile(path, settings.authz),
        }));

  const document = (routes: readonly DescribedRoute[]): OpenApiDocument =>
    createDocument(routes, {
      title: settings?.title ?? pages.views.siteName,
      version: settings?.version ?? "1",
      description: settings?.description,
      servers: context.origins,
      credentials: createCredentials((scheme) => context.authenticator.describe(scheme, system), system.csrf),
      ownErrors: context.ownErrors,
      toJsonSchema: settings?.toJsonSchema,
    });

  /** The document as its routes are described in it too. */
  const described = compiled.map(({ path, record, guard }): DescribedRoute => {
    const asPage = path === settings?.page;
    return {
      method: "GET",
      path,
      kind: "application",
      source: "openapi",
      name: asPage ? "openapi_page" : "openapi_document",
      rule: guard.describe().rule ?? { kind: "custom" },
      guard: record.guard,
      schemes: system.defaultSchemes,
      input: () => ({ parameters: [], others: false, definitions: {} }),
      documentation: {
        summary: asPage ? "This description, as a page" : "This description",
        answers: { 200: { description: asPage ? "A page." : "An OpenAPI document." } },
      },
    };
  });

  return {
    records: compiled.map(({ record }) => record),
    document,
    register(add, routes) {
      let kept: MadeDocument | undefined;
      const made = (): MadeDocument => {
        if (kept === undefined) {
          const whole = document([...routes(), ...described]);
          const text = JSON.stringify(whole);
          kept = { document: whole, text, etag: `"${sha256(text).slice(0, 27)}"` };
        }
        return kept;
      };
      for (const { path, facts, guard, record } of compiled) {
        const asPage = path === settings?.page;
        const handler: GuardedHandler = asPage
          ? (c) => showPage(context, c, made().document, settings?.path ?? path)
          : (c) => sendDocument(c, made(), record.open !== undefined);
        add("GET", path, (c) => runGuarded(context, facts, guard, c, handler));
      }
    },
  };
}

function checkPaths({ settings, taken }: DescriptionContext): void {
  for (const name of ["path", "page"] as const) {
    const path = settings?.[name];
    if (path !== undefined && taken.includes(path)) {
      throw new ConfigurationError(`openapi.${name}`, `${path} is an account page`);
    }
  }
}

function sendDocument(c: Context, { text, etag }: MadeDocument, open: boolean): Response {
  const headers = {
    etag,
    // Kept, but asked for each time whether it still holds: a guard is asked each time too.
    "cache-control": open ? "no-cache" : "private, no-cache",
    "x-content-type-options": "nosniff",
  };
  const known = (c.req.header("if-none-match") ?? "").split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag) || known.includes("*")) return new Response(null, { status: 304, headers });
  return new Response(text, { headers: { ...headers, "content-type": "application/json" } });
}

async function showPage(
  { pages, bags }: DescriptionContext,
  c: Context,
  document: OpenApiDocument,
  path: string,
): Promise<Response> {
  const rq = requestOf(c);
  // Handlers run behind a guard, which has left it there.
  if (rq === undefined) return new Response(null, { status: 500 });
  const frame = pages.frame(rq, rq.text("TITLE_API"), [], bags.open(rq).flashes());
  return pages.send(rq, apiPage(frame, pages.views.elements, document, path), 200);
}
