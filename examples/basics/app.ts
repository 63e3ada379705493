import { randomBytes } from "node:crypto";
import { portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import type { Servable } from "portcullis/node";
import type { SqlProvider } from "portcullis/sqlite";
import { html } from "portcullis/views";

/** The application: one page that only its users see. */
export async function createApp(options: {
  /** Where browsers reach it, such as "http://localhost:3000". */
  readonly origin: string;
  readonly database: SqlProvider;
}): Promise<{ app: Servable; security: { close(): Promise<void> } }> {
  const security = await portcullis({
    // Signs the tokens in forms. A key made at each start is enough here; in production keep one in the environment.
    secretKeys: [process.env.SECRET_KEY ?? randomBytes(32).toString("base64url")],
    origins: [options.origin],
    datastore: options.database,
    features: [passwords()],
    views: { siteName: "Basics" },
  });

  if ((await security.users.find("email", "test@me.com")) === undefined) {
    await security.users.create({ email: "test@me.com", password: "password" });
  }

  const app = security.app();

  // "AUTH": whoever is signed in. Everybody else is sent to the sign-in page and comes back afterwards.
  app.get("/", { authz: "AUTH" }, (c) =>
    security.page(c, {
      title: "Home",
      content: html`<h1>Hello, ${c.var.user.email}!</h1>
        <p>You see this page because you are signed in.</p>
        ${security.signOutButton(c)}`,
    }),
  );

  return { app, security };
}
