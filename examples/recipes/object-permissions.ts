/**
 * Who may do what with which object: one rule for a route, for a list, and for the question why.
 *
 *     curl -u ann:annpass http://localhost:3000/stores
 *     curl -u ann:annpass -X DELETE http://localhost:3000/stores/1/lines/7
 *     curl -u bob:bobpass http://localhost:3000/stores/1      # 403: another's
 *     curl -u bob:bobpass http://localhost:3000/stores/9      # 404: there is none
 */
import { DatabaseSync } from "node:sqlite";
import { type ListedObjectRule, object, portcullis } from "portcullis";
import { z } from "zod";
import { quickHashing, type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

/** A condition of SQL with the values of its parameters. Yours may be an expression of Kysely, Drizzle or Prisma. */
interface Condition {
  readonly sql: string;
  readonly values: readonly string[];
}

/** The application's own tables. */
export interface Shop {
  manager(sid: number): unknown;
  staff(sid: number): readonly unknown[];
  lines(sid: number): readonly unknown[];
  stores(where: Condition): readonly unknown[];
  close(): void;
}

export function openShop(): Shop {
  const db = new DatabaseSync(":memory:");
  db.exec(`
    create table store (sid integer primary key, manager text not null);
    create table staff (sid integer not null, login text not null);
    create table line (line integer primary key, sid integer not null);
    insert into store values (1, 'ann'), (2, 'bob'), (3, 'ann');
    insert into staff values (1, 'ann'), (1, 'carl'), (2, 'bob'), (3, 'ann'), (3, 'bob');
    insert into line values (7, 1), (8, 1), (9, 2);
  `);
  const column = (name: string, sql: string, ...values: readonly (string | number)[]): unknown[] =>
    db
      .prepare(sql)
      .all(...values)
      .map((row) => row[name]);
  return {
    manager: (sid) => column("manager", "select manager from store where sid = ?", sid)[0],
    staff: (sid) => column("login", "select login from staff where sid = ?", sid),
    lines: (sid) => column("line", "select line from line where sid = ?", sid),
    stores: ({ sql, values }) => column("sid", `select sid from store where ${sql} order by sid`, ...values),
    close: () => db.close(),
  };
}

/** Who may do what with a store: asked of one, and as the condition of a list. */
export function storeRule(shop: Shop): ListedObjectRule<Condition> {
  return {
    // True: 200, false: 403, undefined: 404. It may as well be asynchronous.
    check(user, sid: number, mode) {
      const manager = shop.manager(sid);
      if (manager === undefined) return undefined;
      return mode === "manage" ? manager === user.username : shop.staff(sid).includes(user.username);
    },
    where(user, mode) {
      const values = [user.username ?? ""];
      return mode === "manage"
        ? { sql: "manager = ?", values }
        : { sql: "sid in (select sid from staff where login = ?)", values };
    },
  };
}

export async function createApp({ origin }: RecipeOptions): Promise<Recipe> {
  const users = new Map<string, string>();
  const shop = openShop();
  const security = await portcullis({
    secretKeys,
    origins: [origin],
    passwords: { hashing: quickHashing },
    getUserPass: (login) => users.get(login),
    authn: ["basic"],
    objects: {
      store: storeRule(shop),
      // Two parameters identify it: a line belongs to a store.
      line(user, [sid, line]: readonly [number, number]) {
        return shop.lines(sid).includes(line) ? shop.manager(sid) === user.username : undefined;
      },
    },
  });
  for (const login of ["ann", "bob", "carl"]) users.set(login, await security.hashPassword(`${login}pass`));

  const app = security.app();
  const params = z.object({ sid: z.int() });
  // The same rule as a condition of the query: what is not visible is not even read.
  app.get("/stores", { authz: "AUTH" }, (c) => c.json(shop.stores(security.visibleWhere("store", c.var.user))));
  // And of identifiers that are there already, such as those of a search.
  app.get("/search", { authz: "AUTH" }, async (c) => c.json(await security.visible("store", c.var.user, [3, 2, 1])));
  // Without a parameter it is the route's first.
  app.get("/stores/:sid", { authz: object("store"), params }, (c, { sid }) => c.json(shop.lines(sid)));
  app.put("/stores/:sid", { authz: object("store", "sid", "manage"), params }, (c, { sid }) =>
    c.json({ changed: sid }),
  );
  app.delete(
    "/stores/:sid/lines/:line",
    { authz: object("line", ["sid", "line"]), params: params.extend({ line: z.int() }) },
    (c, { line }) => c.json({ deleted: line }),
  );
  // And says why, to whoever runs the application: who is refused is told no more than the status.
  app.get("/why/:sid", { authz: object("store", "sid", "manage"), params }, async (c, { sid }) =>
    c.json(await security.explain(object("store", "sid", "manage"), { user: c.var.user, params: { sid } })),
  );
  const close = async (): Promise<void> => {
    await security.close();
    shop.close();
  };
  return { app, security: { ...security, close } };
}
