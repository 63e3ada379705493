import { type } from "arktype";
import { hc } from "hono/client";
import * as v from "valibot";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { memory } from "../datastore/memory/index.ts";
import { column, object, portcullis, type SecurityRequest, sessionOf } from "../index.ts";
import { cast, cookie, currentUser, header, request, rest, session, special } from "./params.ts";

class House {
  readonly name: string = "";
}

const security = await portcullis({
  secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
  origins: ["http://localhost:3000"],
  datastore: memory(),
  objects: { store: (_user, id: number) => id === 1 },
  columns: { company: column.string({ nullable: true }) },
  session: sessionOf<{ cart: string[] }>(),
  casts: [cast(House, () => new House())],
});
const app = security.app();

test("valibot's and arktype's schemas are inferred as zod's are", () => {
  const inValibot = v.object({
    id: v.pipe(v.number(), v.integer()),
    when: v.optional(v.date()),
    to: v.optional(v.string(), "x"),
  });
  app.get("/", { authz: "OPEN", params: inValibot }, (c, p) => {
    expectTypeOf(p.id).toEqualTypeOf<number>();
    expectTypeOf(p.when).toEqualTypeOf<Date | undefined>();
    expectTypeOf(p.to).toEqualTypeOf<string>();
    // @ts-expect-error no such parameter
    p.typo;
    return c.text("");
  });
  const inArktype = type({ id: "number.integer", "when?": "Date", unit: "'kg' | 'm'", "null?": "string | null" });
  app.get("/:unit", { authz: "OPEN", params: inArktype }, (c, p) => {
    expectTypeOf(p.id).toEqualTypeOf<number>();
    expectTypeOf(p.when).toEqualTypeOf<Date | undefined>();
    expectTypeOf(p.unit).toEqualTypeOf<"kg" | "m">();
    expectTypeOf(p.null).toEqualTypeOf<string | null | undefined>();
    // @ts-expect-error no such parameter
    p.typo;
    return c.text("");
  });
});

test("a record has a schema for each name", () => {
  app.post(
    "/:sid/:shelf{int}/:day{date}/:x{number}/:file{path}",
    {
      authz: object("store", "sid"),
      params: {
        sid: z.int(),
        note: z.string().optional(),
        count: v.pipe(v.number(), v.integer()),
        unit: type("'kg' | 'm'"),
        house: cast(House, () => new House()),
        lang: header("accept-language"),
        depth: header("depth", z.int().optional()),
        theme: cookie("theme", z.enum(["light", "dark"])),
        others: rest(z.boolean()),
      },
    },
    (c, p) => {
      expectTypeOf(p.sid).toEqualTypeOf<number>();
      expectTypeOf(p.note).toEqualTypeOf<string | undefined>();
      expectTypeOf(p.count).toEqualTypeOf<number>();
      expectTypeOf(p.unit).toEqualTypeOf<"kg" | "m">();
      expectTypeOf(p.house).toEqualTypeOf<House>();
      expectTypeOf(p.lang).toEqualTypeOf<string>();
      expectTypeOf(p.depth).toEqualTypeOf<number | undefined>();
      expectTypeOf(p.theme).toEqualTypeOf<"light" | "dark">();
      expectTypeOf(p.others).toEqualTypeOf<Readonly<Record<string, boolean>>>();
      // Conversions in the path.
      expectTypeOf(p.shelf).toEqualTypeOf<number>();
      expectTypeOf(p.day).toEqualTypeOf<Date>();
      expectTypeOf(p.x).toEqualTypeOf<number>();
      expectTypeOf(p.file).toEqualTypeOf<string>();
      // @ts-expect-error no such parameter
      p.typo;
      return c.text("");
    },
  );
  app.get("/:id{int}?", { authz: "OPEN" }, (c, { id }) => {
    expectTypeOf(id).toEqualTypeOf<number | undefined>();
    return c.text("");
  });
  app.basePath("/:bid{int}").get("/:id{uuid}", { authz: "OPEN" }, (c, p) => {
    expectTypeOf(p.bid).toEqualTypeOf<number>();
    expectTypeOf(p.id).toEqualTypeOf<string>();
    return c.text("");
  });
  // @ts-expect-error a word is no schema
  app.get("/", { authz: "OPEN", params: { id: "int" } }, (c) => c.text(""));
  // @ts-expect-error a class alone is no schema
  app.get("/", { authz: "OPEN", params: { house: House } }, (c) => c.text(""));
  // @ts-expect-error the function that makes it, not called
  app.get("/", { authz: "OPEN", params: { user: currentUser } }, (c) => c.text(""));
  // @ts-expect-error nothing is no schema
  app.get("/", { authz: "OPEN", params: { id: undefined } }, (c) => c.text(""));
  // @ts-expect-error forged: nobody but currentUser() makes one
  app.get("/", { authz: "OPEN", params: { user: { special: "users" } } }, (c) => c.text(""));
});

test("guards may ask for what is sent, and for nothing else", () => {
  const of = { shop: header("x-shop", z.int()), bag: session(), others: rest() };
  app.get("/", { authz: object("store", "shop"), params: of }, (c) => c.text(""));
  // @ts-expect-error nobody sends the session
  app.get("/", { authz: object("store", "bag"), params: of }, (c) => c.text(""));
  // @ts-expect-error the rest is not one parameter
  app.get("/", { authz: object("store", "others"), params: of }, (c) => c.text(""));
  // @ts-expect-error no such parameter
  app.get("/", { authz: object("store", "typo"), params: of }, (c) => c.text(""));
});

test("the user and the session are typed by the route and the vocabulary", () => {
  const params = { user: currentUser(), bag: session(), rq: request() };
  app.get("/", { authz: "AUTH", params }, (c, { user, bag, rq }) => {
    expectTypeOf(user.company).toEqualTypeOf<string | null>();
    expectTypeOf(bag.get("cart")).toEqualTypeOf<string[] | undefined>();
    // @ts-expect-error no such key
    bag.get("typo");
    expectTypeOf(rq).toEqualTypeOf<SecurityRequest>();
    return c.text("");
  });
  app.get("/", { authz: "OPEN", params }, (c, { user }) => {
    expectTypeOf(user).toBeNullable();
    // @ts-expect-error nobody may be there
    user.email;
    return c.text("");
  });
});

test("special parameters of the application's own", () => {
  const plain = special(({ rq, name }) => rq.path.length + name.length);
  const own = special(
    { plain, depth: header("depth", z.int()), user: currentUser() },
    async ({ plain: n, depth, user }) => {
      expectTypeOf(n).toEqualTypeOf<number>();
      expectTypeOf(depth).toEqualTypeOf<number>();
      expectTypeOf(user).toBeNullable();
      return new House();
    },
  );
  app.get("/", { authz: "OPEN", params: { plain, own } }, (c, p) => {
    expectTypeOf(p.plain).toEqualTypeOf<number>();
    expectTypeOf(p.own).toEqualTypeOf<House>();
    return c.text("");
  });
  // @ts-expect-error a schema is no special parameter
  special({ a: z.int() }, () => 1);
  // @ts-expect-error the rest cannot be asked for
  special({ a: rest() }, () => 1);
  // @ts-expect-error no such need
  special({ plain }, ({ typo }) => typo);
});

test("conversions make what they are for", () => {
  // @ts-expect-error a date is no house
  cast(House, () => new Date());
  // @ts-expect-error a class is expected
  cast("House", () => new House());
  // @ts-expect-error no such option
  void portcullis({ secretKeys: [], origins: [], datastore: memory(), cast: [] });
  // @ts-expect-error conversions are expected
  void portcullis({ secretKeys: [], origins: [], datastore: memory(), casts: [House] });
});

const chained = security
  .app()
  .post(
    "/things/:id{int}",
    { authz: "OPEN", params: { name: z.string(), lang: header("x"), user: currentUser() } },
    (c) => c.json({ ok: true }),
  );

test("Hono's client sends what is sent", async () => {
  const client = hc<typeof chained>("http://localhost");
  await client.things[":id{int}"].$post({ param: { id: "1" }, json: { name: "x" } });
  // @ts-expect-error the name is missing
  await client.things[":id{int}"].$post({ param: { id: "1" }, json: {} });
  // @ts-expect-error nobody sends the user
  await client.things[":id{int}"].$post({ param: { id: "1" }, json: { name: "x", user: null } });
});
