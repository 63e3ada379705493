import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { memory } from "../datastore/memory/index.ts";
import {
  allOf,
  checkpoint,
  column,
  oauth,
  object,
  passFunctionCheck,
  portcullis,
  rolesAccepted,
  rolesRequired,
  scope,
  type User,
} from "../index.ts";

const secretKeys = ["0123456789abcdefghijABCDEFGHIJ-x_yz"];
const origins = ["http://localhost:3000"];

const security = await portcullis({
  secretKeys,
  origins,
  getUserPass: (login) => (login === "ann" ? "hash" : undefined),
  columns: { company: column.string({ nullable: true }) },
  groups: ["staff", "board"],
  groupCheck: (user, group) => user.username === group,
  scopes: ["read", "write"],
  schemes: [oauth()],
  objects: { line: (_user, [order, line]: readonly [number, number]) => order === line },
});
const app = security.app();

test("groups and scopes are the vocabulary of a route", () => {
  app.get("/a", { authz: "staff" }, (c) => c.text(c.var.user.company ?? ""));
  app.get("/b", { authz: ["staff", "board"] }, (c) => c.text(""));
  app.get("/c", { authz: allOf(scope("read"), rolesRequired("staff")), authn: ["oauth"] }, (c) => c.text(""));
  // @ts-expect-error no such group
  app.get("/d", { authz: "stuff" }, (c) => c.text(""));
  // @ts-expect-error no such group in a list
  app.get("/e", { authz: ["staff", "stuff"] }, (c) => c.text(""));
  // @ts-expect-error no such group in a guard
  app.get("/f", { authz: rolesAccepted("stuff") }, (c) => c.text(""));
  // @ts-expect-error no such scope
  app.get("/g", { authz: scope("reed"), authn: ["oauth"] }, (c) => c.text(""));
});

test("several identifying parameters must be the route's", () => {
  const params = z.object({ order: z.int(), line: z.int() });
  app.get("/:order/:line", { authz: object("line", ["order", "line"]), params }, (c) => c.text(""));
  app.get("/p/:order{int}/:line{int}", { authz: object("line", ["order", "line"], "own") }, (c) => c.text(""));
  // @ts-expect-error the rule takes two numbers, not one
  app.get("/:order{int}", { authz: object("line") }, (c) => c.text(""));
  // @ts-expect-error nor a list of one
  app.get("/:order{int}", { authz: object("line", ["order"]) }, (c) => c.text(""));
  // @ts-expect-error nor texts
  app.get("/t/:order/:line", { authz: object("line", ["order", "line"]) }, (c) => c.text(""));
  // @ts-expect-error one of them is a text
  app.get("/o/:order{int}/:line", { authz: object("line", ["order", "line"]) }, (c) => c.text(""));
  // @ts-expect-error the route has no such parameter
  app.get("/y/:order", { authz: object("line", ["order", "line"]) }, (c) => c.text(""));
  // @ts-expect-error no such kind
  app.get("/z/:order", { authz: object("lines", "order") }, (c) => c.text(""));
});

test("the rule of an object gets what it is made for", async () => {
  const security = await portcullis({
    secretKeys,
    origins,
    datastore: memory(),
    roles: ["staff"],
    objects: {
      store: (_user, id: number, _mode) => id === 1,
      shelf: { check: (_user, id: number) => id === 1, id: "number" },
      book: { check: (_user, slug: string) => slug === "a", id: "text" },
      pair: { check: (_user, [a, b]: readonly [number, string]) => a === 1 && b === "", where: () => 1 },
      many: (_user, ids: readonly number[]) => ids.length === 1,
      whatever: () => true,
    },
  });
  const app = security.app();
  const text = z.object({ sid: z.string() });
  const number = z.object({ sid: z.int(), other: z.string().optional() });
  app.get("/1/:sid", { authz: object("store", "sid"), params: number }, (c) => c.text(""));
  app.get("/2/:sid", { authz: object("store"), params: number }, (c) => c.text(""));
  app.get("/3/:sid{int}", { authz: object("shelf", "sid") }, (c) => c.text(""));
  app.get("/4/:slug", { authz: object("book", "slug") }, (c) => c.text(""));
  app.get("/5/:a{int}/:b", { authz: object("pair", ["a", "b"]) }, (c) => c.text(""));
  app.get("/6/:a{int}/:b{int}", { authz: object("many", ["a", "b"]) }, (c) => c.text(""));
  app.get("/7/:a{int}/:b", { authz: object("whatever", ["a", "b"]) }, (c) => c.text(""));
  app.get("/8", { authz: object("many", "ids"), params: z.object({ ids: z.array(z.int()) }) }, (c) => c.text(""));
  app.basePath("/:sid{int}").get("/9", { authz: allOf(rolesRequired("staff"), object("store")) }, (c) => c.text(""));
  // @ts-expect-error no parameter is declared, so it is a text
  app.get("/a/:sid", { authz: object("store", "sid") }, (c) => c.text(""));
  // @ts-expect-error nor is the first one
  app.get("/b/:sid", { authz: object("store") }, (c) => c.text(""));
  // @ts-expect-error a text
  app.get("/c/:sid", { authz: object("store", "sid"), params: text }, (c) => c.text(""));
  // @ts-expect-error a text that looks like a number
  app.get("/d/:sid{[0-9]+}", { authz: object("shelf", "sid") }, (c) => c.text(""));
  // @ts-expect-error perhaps nothing
  app.get("/e", { authz: object("store", "sid"), params: number.partial() }, (c) => c.text(""));
  // @ts-expect-error a number where the rule takes a text
  app.get("/f/:slug{int}", { authz: object("book", "slug") }, (c) => c.text(""));
  // @ts-expect-error in the other order
  app.get("/g/:a{int}/:b", { authz: object("pair", ["b", "a"]) }, (c) => c.text(""));
  // @ts-expect-error a text among them
  app.get("/h/:a{int}/:b", { authz: object("many", ["a", "b"]) }, (c) => c.text(""));
  // @ts-expect-error in one of several guards
  app.get("/i/:sid", { authz: allOf(rolesRequired("staff"), object("store", "sid")) }, (c) => c.text(""));
  // @ts-expect-error on a base path
  app.basePath("/:sid").get("/j", { authz: object("store", "sid") }, (c) => c.text(""));
  // @ts-expect-error by its methods
  app.on("PURGE", "/k/:sid", { authz: object("store", "sid") }, (c) => c.text(""));
  security.guard(object("book", "slug"));
  // @ts-expect-error a plain application hands texts on
  security.guard(object("store", "sid"));
});

test("checkpoints make sure of nobody", () => {
  app.get("/h", { authz: checkpoint("plan", ["team", 1, true]) }, (c) => c.text(c.var.user?.email ?? ""));
  // @ts-expect-error nobody is sure to be there
  app.get("/i", { authz: passFunctionCheck(() => true) }, (c) => c.text(c.var.user.email));
  // @ts-expect-error an object is no value to look for
  checkpoint("plan", { team: true });
  // @ts-expect-error no such action
  checkpoint("plan", "team", { fail: { url: "/plans" } });
  app.get("/j", { authz: allOf(checkpoint("plan", "team"), rolesRequired("staff")) }, (c) => c.text(c.var.user.email));
});

test("the small functions know the vocabulary", () => {
  app.get("/k", { authz: "AUTH" }, async (c) => {
    expectTypeOf(security.userScope(c, "read")).toEqualTypeOf<boolean>();
    // @ts-expect-error no such scope
    security.userScope(c, "reed");
    expectTypeOf(security.currentUser(c)?.company).toEqualTypeOf<string | null | undefined>();
    expectTypeOf((await security.getUser(c))?.company).toEqualTypeOf<string | null | undefined>();
    expectTypeOf((await security.checkUserPassword("ann", "x"))?.company).toEqualTypeOf<string | null | undefined>();
    expectTypeOf(await security.visible("line", c.var.user, [[1, 2]] as [number, number][])).toEqualTypeOf<
      [number, number][]
    >();
    // @ts-expect-error no such kind
    await security.visible("lines", c.var.user, [1]);
    return c.text("");
  });
});

test("visibleWhere gives what the rule's where gives", async () => {
  interface Condition {
    readonly sql: string;
  }
  const security = await portcullis({
    secretKeys,
    origins,
    datastore: memory(),
    objects: {
      plain: (_user, id: number) => id === 1,
      listed: { check: (_user, id: number) => id === 1, where: (user): Condition => ({ sql: `owner = ${user.id}` }) },
      perhaps: { check: () => true, where: (user, mode) => (mode === "read" ? user.email : undefined) },
      later: { check: () => true, where: async () => 7 },
    },
  });
  const app = security.app();
  app.get("/a", { authz: "AUTH" }, async (c) => {
    expectTypeOf(security.visibleWhere("listed", c.var.user, "read")).toEqualTypeOf<Condition>();
    // Nothing is never given.
    expectTypeOf(security.visibleWhere("perhaps", c.var.user)).toEqualTypeOf<string>();
    expectTypeOf(security.visibleWhere("later", c.var.user)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(await security.visible("listed", c.var.user, [1])).toEqualTypeOf<number[]>();
    // @ts-expect-error this rule has no where
    security.visibleWhere("plain", c.var.user);
    // @ts-expect-error no such kind
    security.visibleWhere("nothing", c.var.user);
    return c.text("");
  });
  // @ts-expect-error nobody is there for sure
  app.get("/b", { authz: "OPEN" }, (c) => c.text(security.visibleWhere("perhaps", c.var.user)));
  app.get("/c/:id{int}", { authz: object("listed", "id") }, (c) => c.text(""));
  // @ts-expect-error where alone decides nothing
  await portcullis({ secretKeys, origins, datastore: memory(), objects: { x: { where: () => 1 } } });
});

test("groupCheck answers for each group", async () => {
  const options = { secretKeys, origins, datastore: memory(), groups: ["staff", "board"] } as const;
  const staff = (user: User): boolean => user.id === 1;
  await portcullis({ ...options, groupCheck: { staff, board: async () => true } });
  // @ts-expect-error board has no function
  await portcullis({ ...options, groupCheck: { staff } });
  // @ts-expect-error no such group
  await portcullis({ ...options, groupCheck: { staff, board: staff, stuff: staff } });
  // @ts-expect-error no answer
  await portcullis({ ...options, groupCheck: () => "yes" });
  // @ts-expect-error a number is no hash
  await portcullis({ secretKeys, origins, getUserPass: () => 7 });
});
