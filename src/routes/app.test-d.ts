import { Hono } from "hono";
import { hc } from "hono/client";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { memory } from "../datastore/memory/index.ts";
import {
  type App,
  allOf,
  anonymousRequired,
  anyOf,
  authRequired,
  authTokenRequired,
  column,
  customGuard,
  fresh,
  httpAuthRequired,
  type Identity,
  object,
  open,
  permissionsAccepted,
  permissionsRequired,
  portcullis,
  rolesAccepted,
  rolesRequired,
  type Security,
  type SecurityEvents,
  sessionOf,
  unauthCsrf,
  type Vocabulary,
} from "../index.ts";

const security = await portcullis({
  secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
  origins: ["http://localhost:3000"],
  datastore: memory(),
  roles: ["employee", "admin"],
  permissions: ["read", "write"],
  objects: { store: (_user, id: number) => id === 1, book: () => undefined },
  columns: {
    company: column.string({ nullable: true }),
    nick: column.string(),
    born: column.datetime({ nullable: true }),
    size: column.integer({ default: 0 }),
    vip: column.boolean({ default: false }),
    note: column.text({ nullable: true }),
  },
  session: sessionOf<{ cart: string[]; visits: number }>(),
  schemes: [{ name: "badge", authenticate: () => undefined }],
});
const app = security.app();

test("a route says who may call it", () => {
  app.get("/", { authz: "OPEN" }, (c) => c.text(""));
  app.get("/", { authz: "AUTH" }, (c) => c.text(""));
  app.get("/", { authz: "CLOSE" }, (c) => c.text(""));
  app.get("/", { authz: "employee" }, (c) => c.text(""));
  app.get("/", { authz: ["employee", "admin"] }, (c) => c.text(""));
  // @ts-expect-error no declaration
  app.get("/", (c) => c.text(""));
  // @ts-expect-error a handler of its own and no declaration
  app.post("/", () => new Response());
  // @ts-expect-error no authz
  app.get("/", {}, (c) => c.text(""));
  // @ts-expect-error no authz beside the parameters
  app.get("/", { params: z.object({}) }, (c) => c.text(""));
  // @ts-expect-error no handler
  app.get("/", { authz: "OPEN" });
  // @ts-expect-error no declaration
  app.on("PURGE", "/", () => new Response());
  // @ts-expect-error no declaration
  app.all("/", () => new Response());
  // @ts-expect-error no declaration behind a base path
  app.basePath("/x").get("/", () => new Response());
});

test("words outside of the vocabulary", () => {
  // @ts-expect-error no such role
  app.get("/", { authz: "emploee" }, (c) => c.text(""));
  // @ts-expect-error not this role of several
  app.get("/", { authz: ["employee", "typo"] }, (c) => c.text(""));
  // @ts-expect-error lower case is a role and not a word
  app.get("/", { authz: "open" }, (c) => c.text(""));
  app.get("/", { authz: rolesRequired("employee", "admin") }, (c) => c.text(""));
  app.get("/", { authz: rolesAccepted("employee") }, (c) => c.text(""));
  // @ts-expect-error no such role
  app.get("/", { authz: rolesRequired("employee", "typo") }, (c) => c.text(""));
  // @ts-expect-error no such role
  app.get("/", { authz: rolesAccepted("typo") }, (c) => c.text(""));
  app.get("/", { authz: permissionsRequired("read", "write") }, (c) => c.text(""));
  app.get("/", { authz: permissionsAccepted("read") }, (c) => c.text(""));
  // @ts-expect-error no such permission
  app.get("/", { authz: permissionsRequired("typo") }, (c) => c.text(""));
  // @ts-expect-error no such permission
  app.get("/", { authz: permissionsAccepted("read", "typo") }, (c) => c.text(""));
  // @ts-expect-error a role is no permission
  app.get("/", { authz: permissionsRequired("admin") }, (c) => c.text(""));
  app.get("/:sid{int}", { authz: object("store", "sid") }, (c) => c.text(""));
  // @ts-expect-error the rule takes numbers
  app.get("/:sid", { authz: object("store", "sid") }, (c) => c.text(""));
  // @ts-expect-error no such kind of object
  app.get("/:sid", { authz: object("shop", "sid") }, (c) => c.text(""));
  // @ts-expect-error no such parameter
  app.get("/:sid", { authz: object("store", "id") }, (c) => c.text(""));
  app.get("/", { authz: object("store", "sid"), params: z.object({ sid: z.int() }) }, (c) => c.text(""));
  // @ts-expect-error no such parameter in the schema
  app.get("/", { authz: object("store", "sid"), params: z.object({ id: z.int() }) }, (c) => c.text(""));
  // @ts-expect-error the path's parameter is not in the schema: the query's would be asked about
  app.get("/:sid", { authz: object("store", "id"), params: z.object({ id: z.int() }) }, (c) => c.text(""));
  // @ts-expect-error nor in the record
  app.get("/:sid", { authz: "AUTH", params: { id: z.int() } }, (c) => c.text(""));
  // @ts-expect-error nor where the route is made by `on`
  app.on("GET", "/:sid/:part?", { authz: "AUTH", params: { sid: z.int() } }, (c) => c.text(""));
  // @ts-expect-error a parameter of the base path is one of the route's
  app.basePath("/:sid").get("/x", { authz: "AUTH", params: { id: z.int() } }, (c) => c.text(""));
  app.get("/:sid{int}", { authz: object("store", "sid"), params: z.object({ id: z.int() }) }, (c) => c.text(""));
  app.get("/:sid{[0-9]+}/:part?", { authz: "AUTH", params: { sid: z.int(), part: z.string().optional() } }, (c) =>
    c.text(""),
  );
  app.get("/:sid", { authz: "AUTH", params: z.looseObject({ id: z.int() }) }, (c) => c.text(""));
  app.get("/:sid", { authz: "AUTH" }, (c, { sid }) => c.text(sid));
  app.get("/", { authz: authRequired("session", "badge") }, (c) => c.text(""));
  // @ts-expect-error no such scheme
  app.get("/", { authz: authRequired("session", "jwt") }, (c) => c.text(""));
  app.get("/", { authz: "AUTH", authn: ["basic", "badge"] }, (c) => c.text(""));
  // @ts-expect-error no such scheme
  app.get("/", { authz: "AUTH", authn: ["bacis"] }, (c) => c.text(""));
  // @ts-expect-error no such option
  app.get("/", { authz: "AUTH", auhtn: ["basic"] }, (c) => c.text(""));
  // @ts-expect-error deep in a combination
  app.get("/", { authz: anyOf(rolesRequired("admin"), allOf(permissionsRequired("raed"))) }, (c) => c.text(""));
  // @ts-expect-error no words in a combination
  anyOf("AUTH");
  // @ts-expect-error the application's own guard is no word either
  app.get("/", { authz: () => true }, (c) => c.text(""));
  // @ts-expect-error a schema or nothing
  app.get("/", { authz: "AUTH", params: { id: "int" } }, (c) => c.text(""));
  // @ts-expect-error minutes as a number
  authRequired("session", { within: "5m" });
  // @ts-expect-error no such limit
  fresh({ wihtin: 5 });
});

test("the guards of security.guard and security.check are held to the same", () => {
  security.guard("admin");
  security.guard(anyOf(rolesRequired("admin"), permissionsRequired("read")));
  // @ts-expect-error no such role
  security.guard("typo");
  // @ts-expect-error no such permission
  security.guard(permissionsRequired("typo"));
  // @ts-expect-error no such role
  void security.check(new Request("http://localhost/"), "typo");
});

test("parameters are typed by the schema", () => {
  const params = z.object({
    sid: z.int(),
    product: z.string(),
    pattern: z.string().default("%"),
    when: z.string().transform((text) => new Date(text)),
    many: z.array(z.number()).optional(),
  });
  app.post("/store/:sid", { authz: "AUTH", params }, (c, p) => {
    expectTypeOf(p.sid).toEqualTypeOf<number>();
    expectTypeOf(p.product).toEqualTypeOf<string>();
    // The output side: with the default, transformed.
    expectTypeOf(p.pattern).toEqualTypeOf<string>();
    expectTypeOf(p.when).toEqualTypeOf<Date>();
    expectTypeOf(p.many).toEqualTypeOf<number[] | undefined>();
    // @ts-expect-error no such parameter
    p.typo;
    return c.text("");
  });
  app.get("/store/:shelf{[0-9]+}/:box?", { authz: "AUTH" }, (c, p) => {
    expectTypeOf(p.shelf).toEqualTypeOf<string>();
    // Optional in the path: the router may leave it out.
    expectTypeOf(p.box).toEqualTypeOf<string | undefined>();
    return c.text("");
  });
  app.get("/plain/:id", { authz: "OPEN" }, (c, p) => {
    expectTypeOf(p.id).toEqualTypeOf<string>();
    // @ts-expect-error not in the path
    p.other;
    return c.text("");
  });
  app.basePath("/store/:sid{int}").get("/x", { authz: object("store", "sid") }, (c, p) => {
    expectTypeOf(p.sid).toEqualTypeOf<number>();
    return c.text("");
  });
  // @ts-expect-error handlers answer with a response
  app.get("/", { authz: "OPEN" }, () => "text");
});

type Words = typeof security extends Security<infer V extends Vocabulary> ? V : never;

test("the user is there exactly where the guard makes sure of it", () => {
  app.get("/", { authz: "OPEN" }, (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    expectTypeOf(c.var.identity).toEqualTypeOf<Identity | null>();
    // @ts-expect-error nobody may be there
    c.var.user.email;
    return c.text(c.var.user?.email ?? "");
  });
  app.get("/", { authz: open("why") }, (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    return c.text("");
  });
  app.get("/", { authz: "AUTH" }, (c) => {
    expectTypeOf(c.var.user.email).toEqualTypeOf<string>();
    expectTypeOf(c.var.identity).toEqualTypeOf<Identity>();
    return c.text("");
  });
  app.get("/", { authz: "employee" }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: ["employee", "admin"] }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: rolesRequired("admin") }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: rolesAccepted("admin") }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: permissionsRequired("read") }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: permissionsAccepted("read") }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: authRequired() }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: authRequired("token", { within: 5 }) }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: authTokenRequired() }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: httpAuthRequired("x") }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: fresh() }, (c) => c.text(c.var.user.email));
  app.get("/:sid{int}", { authz: object("store", "sid") }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: anonymousRequired() }, (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    return c.text("");
  });
  app.get("/", { authz: unauthCsrf() }, (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    return c.text("");
  });
  const own = customGuard("on Mondays", () => ({ kind: "allow" }));
  app.get("/", { authz: own }, (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    return c.text("");
  });
  app.get("/", { authz: allOf(own, rolesRequired("admin")) }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: allOf(own, unauthCsrf()) }, (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    return c.text("");
  });
  app.get("/", { authz: anyOf(rolesRequired("admin"), fresh()) }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: anyOf(own, rolesRequired("admin")) }, (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    return c.text("");
  });
  app.get("/", { authz: allOf(anyOf(own, fresh()), authRequired()) }, (c) => c.text(c.var.user.email));
  app.get("/", { authz: anyOf(allOf(own, fresh()), own) }, (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    return c.text("");
  });
  // Which of the two is known at run time only.
  const some = "OPEN" as "OPEN" | "AUTH";
  app.get("/", { authz: some }, (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    return c.text("");
  });
  const guard = rolesRequired("admin") as ReturnType<typeof rolesRequired<"admin">> | ReturnType<typeof unauthCsrf>;
  app.get("/", { authz: guard }, (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    return c.text("");
  });
  const hono = new Hono();
  hono.get("/", security.guard("AUTH"), (c) => c.text(c.var.user.email));
  hono.get("/", security.guard("OPEN"), (c) => {
    expectTypeOf(c.var.user).toBeNullable();
    return c.text("");
  });
});

test("a plain check", async () => {
  const request = new Request("http://localhost/");
  const decision = await security.check(request, "admin");
  if (decision.allowed) expectTypeOf(decision.user.company).toEqualTypeOf<string | null>();
  else expectTypeOf(decision.response).toEqualTypeOf<Response>();
  const openly = await security.check(request, "OPEN");
  if (openly.allowed) expectTypeOf(openly.user).toBeNullable();
  // @ts-expect-error only when it was allowed
  decision.user;
});

test("the user has the application's columns, and helpers that know the vocabulary", () => {
  app.get("/", { authz: "AUTH" }, (c) => {
    const { user } = c.var;
    expectTypeOf(user.company).toEqualTypeOf<string | null>();
    expectTypeOf(user.nick).toEqualTypeOf<string>();
    expectTypeOf(user.born).toEqualTypeOf<Date | null>();
    expectTypeOf(user.size).toEqualTypeOf<number>();
    expectTypeOf(user.vip).toEqualTypeOf<boolean>();
    expectTypeOf(user.note).toEqualTypeOf<string | null>();
    user.hasRole("admin");
    user.hasPermission("read");
    // @ts-expect-error no such role
    user.hasRole("typo");
    // @ts-expect-error no such permission
    user.hasPermission("typo");
    // @ts-expect-error no such column
    user.typo;
    return c.text("");
  });
});

test("the session bag is typed", () => {
  app.get("/", { authz: "OPEN" }, (c) => {
    expectTypeOf(c.var.session.get("cart")).toEqualTypeOf<string[] | undefined>();
    expectTypeOf(c.var.session.get("visits")).toEqualTypeOf<number | undefined>();
    c.var.session.set("visits", 3);
    c.var.session.delete("cart");
    // @ts-expect-error no such key
    c.var.session.get("typo");
    // @ts-expect-error a number is expected
    c.var.session.set("visits", "3");
    // @ts-expect-error no such key
    c.var.session.delete("typo");
    // @ts-expect-error no such category
    c.var.session.flash("typo", "x");
    return c.text("");
  });
});

test("only declared applications are mounted", () => {
  app.route("/sub", security.app());
  app.route("/sub", security.app().basePath("/x"));
  // @ts-expect-error a plain Hono application says nothing of who may call it
  app.route("/sub", new Hono());
  // @ts-expect-error nothing is mounted raw
  app.mount("/raw", (request: Request) => fetch(request));
});

test("operations know the vocabulary", () => {
  void security.users.create({ email: "a@b.c", nick: "a", roles: ["admin"] });
  // @ts-expect-error no such role
  void security.users.create({ email: "a@b.c", roles: ["typo"] });
  // @ts-expect-error a column of another type
  void security.users.create({ email: "a@b.c", nick: 3 });
  void security.users.find("company", "x");
  // @ts-expect-error no such column
  void security.users.find("typo", "x");
  void security.users.addRole(1, "admin");
  // @ts-expect-error no such role
  void security.users.addRole(1, "typo");
  void security.users.removeRole(1, "admin");
  // @ts-expect-error no such role
  void security.users.removeRole(1, "typo");
  void security.users.update(1, { company: null });
  // @ts-expect-error null where the column is not nullable
  void security.users.update(1, { nick: null });
  // @ts-expect-error set by an operation of its own
  void security.users.update(1, { password: "x" });
});

test("events are typed", () => {
  security.events.on("userAuthenticated", (event) => {
    expectTypeOf(event.authnVia).toEqualTypeOf<readonly string[]>();
    expectTypeOf(event.user.email).toEqualTypeOf<string>();
    // @ts-expect-error no such field
    event.typo;
  });
  // @ts-expect-error no such event
  security.events.on("userAuthentcated", () => undefined);
  expectTypeOf<SecurityEvents["userUnauthenticated"]>().toEqualTypeOf<{ path: string }>();
});

test("without a vocabulary there are no roles to name", async () => {
  const bare = await portcullis({ secretKeys: [], origins: [], datastore: memory() });
  const routes = bare.app();
  routes.get("/", { authz: "AUTH" }, (c) => c.text(c.var.user.email));
  // @ts-expect-error no role is declared
  routes.get("/", { authz: "admin" }, (c) => c.text(""));
  // @ts-expect-error no object is declared
  routes.get("/:id", { authz: object("store", "id") }, (c) => c.text(""));
});

test("options are checked", () => {
  const base = { secretKeys: [], origins: [], datastore: memory() };
  // @ts-expect-error no such option
  void portcullis({ ...base, rolse: ["a"] });
  // @ts-expect-error no such scheme
  void portcullis({ ...base, authn: ["jwt"] });
  // @ts-expect-error no length of time
  void portcullis({ ...base, sessions: { idle: "soon" } });
  // @ts-expect-error no such message
  void portcullis({ ...base, messages: { TITLE_LOGN: "x" } });
  // @ts-expect-error no such handler
  void portcullis({ ...base, handlers: { unauthorised: () => undefined } });
});

const chained = security
  .app()
  .get("/stores", { authz: "OPEN", params: z.object({ pattern: z.string().default("%") }) }, (c, { pattern }) =>
    c.json([{ sid: 1, name: pattern }]),
  )
  .post(
    "/stores/:sid/products",
    { authz: object("store", "sid"), params: z.object({ sid: z.int(), product: z.string(), quantity: z.int() }) },
    (c, { sid, quantity }) => c.json({ sid, quantity }, 201),
  )
  .delete("/stores/:sid", { authz: "admin" }, (c, { sid }) => c.json({ removed: sid }))
  .on("PUT", "/stores/:sid", { authz: "admin", params: z.object({ sid: z.int() }) }, (c) => c.body(null, 204))
  .route(
    "/books",
    security.app().get("/:isbn", { authz: "OPEN" }, (c, { isbn }) => c.json({ isbn })),
  );
type AppType = typeof chained;

test("Hono's client knows the routes", async () => {
  const client = hc<AppType>("http://localhost");
  const list = await client.stores.$get({ query: { pattern: "x" } });
  expectTypeOf(await list.json()).toEqualTypeOf<{ sid: number; name: string }[]>();
  // The default is the server's business.
  await client.stores.$get({ query: {} });
  // @ts-expect-error no such parameter
  await client.stores.$get({ query: { patern: "x" } });
  const added = await client.stores[":sid"].products.$post({
    param: { sid: "1" },
    json: { product: "x", quantity: 3 },
  });
  expectTypeOf(await added.json()).toEqualTypeOf<{ sid: number; quantity: number }>();
  // @ts-expect-error the quantity is missing
  await client.stores[":sid"].products.$post({ param: { sid: "1" }, json: { product: "x" } });
  // @ts-expect-error the quantity is a number
  await client.stores[":sid"].products.$post({ param: { sid: "1" }, json: { product: "x", quantity: "3" } });
  // @ts-expect-error the path's parameter is missing
  await client.stores[":sid"].products.$post({ json: { product: "x", quantity: 3 } });
  const removed = await client.stores[":sid"].$delete({ param: { sid: "1" } });
  expectTypeOf(await removed.json()).toEqualTypeOf<{ removed: string }>();
  await client.stores[":sid"].$put({ param: { sid: "1" }, json: {} });
  const book = await client.books[":isbn"].$get({ param: { isbn: "x" } });
  expectTypeOf(await book.json()).toEqualTypeOf<{ isbn: string }>();
  // @ts-expect-error no such route
  client.typo;
  // @ts-expect-error no such method
  client.stores.$patch;
});

test("the type of an application can be written", () => {
  const declared: App<Words> = security.app();
  expectTypeOf(declared.accessMatrix).returns.toExtend<readonly { path: string }[]>();
});
