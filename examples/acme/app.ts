import { randomBytes } from "node:crypto";
import { object, portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import type { Servable } from "portcullis/node";
import type { SqlProvider } from "portcullis/sqlite";
import { z } from "zod";
import { Stores } from "./stores.ts";

/** The application: an API of two routes. Who may call them stands beside them; how callers prove who they are, above. */
export async function createApp(options: {
  /** Where clients reach it, such as "http://localhost:3000". */
  readonly origin: string;
  readonly database: SqlProvider;
}): Promise<{ app: Servable; security: { close(): Promise<void> } }> {
  const { origin, database } = options;
  const stores = new Stores(database);

  const security = await portcullis({
    // Signs the auth tokens. With a key made at each start they end with the process; in production keep one in the
    // environment.
    secretKeys: [process.env.SECRET_KEY ?? randomBytes(32).toString("base64url")],
    origins: [origin],
    datastore: database,
    // Brings /login, which gives out tokens.
    features: [passwords({ remember: false })],
    authn: ["basic", "token"],
    realm: "Acme",
    roles: ["employee"],
    objects: {
      // May this user do that with the store? undefined: there is no such store (404); false: no (403).
      store: (user, id: number, mode) => (mode === "manager" ? stores.isManager(user.id, id) : false),
    },
    // The API describes itself, to everybody: at /openapi.json for programs, at /openapi for people.
    openapi: { authz: "OPEN", title: "Acme" },
    // A program is calling, whatever it says that it accepts.
    handlers: { wantsJson: () => true },
  });

  await stores.createTables();
  const { users } = security;
  for (const [index, name] of ["anna", "bert"].entries()) {
    const email = `${name}@acme.example`;
    const user =
      (await users.find("email", email)) ??
      (await users.create({ email, password: `${name}pass`, roles: ["employee"] }));
    await stores.open({ id: index + 1, name: `${name}'s store` }, user.id);
  }

  const app = security.app();

  app.get(
    "/store",
    {
      authz: "employee",
      doc: { summary: "The stores whose name is like the pattern" },
      params: z.object({ pattern: z.string().default("%") }),
    },
    async (c, { pattern }) => c.json(await stores.list(pattern)),
  );

  app.post(
    "/store/:sid/product",
    {
      authz: object("store", "sid", "manager"),
      params: z.object({ sid: z.int(), product: z.string().min(1), quantity: z.int().positive() }),
    },
    async (c, { sid, product, quantity }) => {
      const added = { store: sid, product, quantity };
      await stores.addProduct(added);
      return c.json(added, 201);
    },
  );

  return { app, security };
}
