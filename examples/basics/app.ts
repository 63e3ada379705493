import { randomBytes } from "node:crypto";
import { type App, portcullis, type Security, type Vocabulary, object } from "portcullis";
import { passwords } from "portcullis/features";
import { type SqlProvider, sqlite } from "portcullis/sqlite";
import { html } from "portcullis/views";

export async function createApp(options: { origin: string; database: SqlProvider }): Promise<{ app: App<Vocabulary>; security: Security<Vocabulary> }> {
  const security = await portcullis({
    secretKeys: [process.env.SECRET_KEY ?? randomBytes(32).toString("base64url")],
    origins: [options.origin],
    datastore: options.database,
    features: [passwords()],
    roles: ["a", "b"],
    objects: { entry: async (user, id: number) => user.id === id },
  });
  const app = security.app();
  app.get("/", { authz: "AUTH" }, (c) =>
    security.page(c, { title: `Hello`, content: html`<h1>Hello, ${c.var.user.email}!</h1>${security.signOutButton(c)}` }));
  return { app, security };
}
