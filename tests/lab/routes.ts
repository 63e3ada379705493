import type { Context } from "hono";
import {
  type App,
  allOf,
  authRequired,
  authTokenRequired,
  fresh,
  httpAuthRequired,
  object,
  open,
  permissionsAccepted,
  permissionsRequired,
  type RequestHook,
  rolesAccepted,
  rolesRequired,
} from "portcullis";
import { cookie, currentUser, header, prefixed, rest } from "portcullis/params";
import { html } from "portcullis/views";
import { z } from "zod";
import type { LabSecurity, LabVocabulary } from "./system.ts";

type Scheme = LabVocabulary["scheme"];

const reading = ["GET"] as const;
const both = ["GET", "POST"] as const;
const sample = open("a sample of an open route");
/** Bodies of any kind, read within the server's limits. */
const bodies: WeakMap<Request, unknown> = new WeakMap();

/** Parameters are members of an object: what may be any JSON is read before the handler, by the hook that is given the request. */
export const readAnyJson: RequestHook = async (rq) => {
  if (rq.path !== "/json" && rq.path !== "/json_auth") return;
  const body = await rq.body();
  if (body.kind === "json") bodies.set(rq.request, body.value);
  else if (body.kind === "form") bodies.set(rq.request, Object.fromEntries(body.entries));
};

const echo = (c: Context): Response => c.json(bodies.get(c.req.raw) ?? null);
const typed = z.object({
  id: z.int(),
  when: z.date().optional(),
  flag: z.boolean().optional(),
  tags: z.array(z.string()).optional(),
  ratio: z.number().optional(),
});

/** Parameters that nobody sends under their own name, and all that is left. */
const special = {
  id: z.int(),
  any: z.int().meta(prefixed).optional(),
  json: z.json().optional(),
  depth: header("x-depth", z.int().optional()),
  theme: cookie("theme", z.enum(["light", "dark"]).optional()),
  user: currentUser(),
  others: rest(),
};

/** The application of the sample routes, with the account pages. */
export function sampleApp(
  security: LabSecurity,
  { sessions, keys, digest }: { readonly sessions: boolean; readonly keys: boolean; readonly digest: boolean },
): App<LabVocabulary> {
  const app = security.app();
  /** `{"message": …}`, or a page that says the same. */
  const say =
    (message: string) =>
    (c: Context): Response | Promise<Response> =>
      asksForPage(c) ? security.page(c, { title: message, content: html`<p>${message}</p>` }) : c.json({ message });

  app.get("/", { authz: sample }, say("home"));
  for (const name of ["page1", "post_logout", "post_register", "post_confirm", "post_reset", "post_change_username"]) {
    app.get(`/${name}`, { authz: sample }, say(name));
  }
  app.get("/unauthz", { authz: sample }, say("unauthz"));
  app.get("/post_login", { authz: "AUTH" }, say("post_login"));
  /** Without sessions no route may name them. */
  const signedInBy = (...schemes: readonly Scheme[]) =>
    authRequired(...schemes.filter((name) => sessions || name !== "session"));
  app.get("/profile", { authz: signedInBy("session", "token") }, say("profile"));

  app.on(both, "/http", { authz: httpAuthRequired() }, say("http"));
  app.on(
    both,
    "/http_admin_required",
    { authz: allOf(httpAuthRequired(), permissionsRequired("admin")) },
    say("http_admin_required"),
  );
  app.on(both, "/http_custom_realm", { authz: httpAuthRequired("My Realm") }, say("http_custom_realm"));
  if (digest) app.on(both, "/digest", { authz: authRequired("digest") }, say("digest"));
  if (sessions) app.on(both, "/session", { authz: authRequired("session") }, say("session"));
  app.on(both, "/token", { authz: authTokenRequired() }, say("token"));
  app.on(both, "/multi_auth", { authz: signedInBy("session", "token", "basic") }, say("multi_auth"));

  if (keys) {
    app.on(both, "/keyed", { authz: "AUTH", authn: ["apiKey"] }, (c) => {
      const { user, identity } = c.var;
      return c.json({ email: user.email, via: identity.via, permissions: [...user.permissions].sort() });
    });
  }

  app.get("/admin", { authz: "admin" }, say("admin"));
  app.get("/admin_and_editor", { authz: rolesRequired("admin", "editor") }, say("admin_and_editor"));
  app.get("/admin_or_editor", { authz: rolesAccepted("admin", "editor") }, say("admin_or_editor"));
  app.get("/simple", { authz: rolesAccepted("simple") }, say("simple"));
  app.get("/admin_perm", { authz: permissionsAccepted("full-write", "super") }, say("admin_perm"));
  app.get("/admin_perm_required", { authz: permissionsRequired("full-write", "super") }, say("admin_perm_required"));

  app.post("/json", { authz: open("echoes what it is sent") }, echo);
  app.post("/json_auth", { authz: "AUTH" }, echo);
  app.on(both, "/fresh", { authz: fresh({ within: 60 }) }, say("fresh"));
  app.on(reading, "/me", { authz: "AUTH" }, (c) => {
    const { account, via, methods } = c.var.identity;
    return c.json({ email: account.email, roles: [...account.roles].sort(), via, methods });
  });

  app.get("/owners", { authz: "owners" }, say("owners"));

  const identified = z.looseObject({ id: z.int() });
  app.get("/obj/:id", { authz: object("obj", "id", "read"), params: identified }, (c, { id }) => c.json({ id }));
  app.patch("/obj/:id", { authz: object("obj", "id", "write"), params: identified }, (c, sent) => c.json(sent));
  app.delete("/obj/:id", { authz: object("obj", "id", "delete"), params: identified }, (c, { id }) => c.json({ id }));
  app.on(both, "/typed/:id", { authz: open("echoes typed parameters"), params: typed }, (c, values) => c.json(values));
  app.on(both, "/special/:id{int}", { authz: open("echoes special parameters"), params: special }, (c, values) =>
    c.json({ ...values, user: values.user?.email ?? null }),
  );
  return app;
}

function asksForPage(c: Context): boolean {
  return c.req.header("accept")?.includes("text/html") === true;
}
