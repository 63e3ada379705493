/**
 * Who may do what with which object: one rule for a route, for a list, and for the question why.
 *
 *     curl -u ann:annpass http://localhost:3000/stores
 *     curl -u ann:annpass -X DELETE http://localhost:3000/stores/1/lines/7
 *     curl -u bob:bobpass http://localhost:3000/stores/1      # 403: another's
 *     curl -u bob:bobpass http://localhost:3000/stores/9      # 404: there is none
 */
import { object, portcullis } from "portcullis";
import { z } from "zod";
import { quickHashing, type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

interface Store {
  readonly manager: string;
  readonly staff: readonly string[];
  readonly lines: readonly number[];
}

export async function createApp({ origin }: RecipeOptions): Promise<Recipe> {
  const users = new Map<string, string>();
  const stores = new Map<number, Store>([
    [1, { manager: "ann", staff: ["ann", "carl"], lines: [7, 8] }],
    [2, { manager: "bob", staff: ["bob"], lines: [9] }],
    [3, { manager: "ann", staff: ["ann", "bob"], lines: [] }],
  ]);

  const security = await portcullis({
    secretKeys,
    origins: [origin],
    passwords: { hashing: quickHashing },
    getUserPass: (login) => users.get(login),
    authn: ["basic"],
    objects: {
      // True: 200, false: 403, undefined: 404. It may as well be asynchronous.
      store(user, sid: number, mode) {
        const store = stores.get(sid);
        if (store === undefined) return undefined;
        return mode === "manage" ? store.manager === user.username : store.staff.includes(user.username ?? "");
      },
      // Two parameters identify it: a line belongs to a store.
      line(user, [sid, line]: readonly [number, number]) {
        const store = stores.get(sid);
        if (store?.lines.includes(line) !== true) return undefined;
        return store.manager === user.username;
      },
    },
  });
  for (const login of ["ann", "bob", "carl"]) users.set(login, await security.hashPassword(`${login}pass`));

  const app = security.app();
  const params = z.object({ sid: z.int() });
  // The same rule filters a list.
  app.get("/stores", { authz: "AUTH" }, async (c) =>
    c.json(await security.visible("store", c.var.user, stores.keys())),
  );
  // Without a parameter it is the route's first.
  app.get("/stores/:sid", { authz: object("store"), params }, (c, { sid }) => c.json(stores.get(sid)?.lines));
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
  return { app, security };
}
