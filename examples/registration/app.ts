import { randomBytes } from "node:crypto";
import { open, portcullis } from "portcullis";
import { passwords, registration } from "portcullis/features";
import type { Servable } from "portcullis/node";
import type { SqlProvider } from "portcullis/sqlite";
import { html } from "portcullis/views";
import { z } from "zod";

/** The application's own table, beside the accounts in the same database. */
interface Tables {
  profile: { user_id: number; name: string; birth_year: number };
}

/** The application: a front page, registration with fields of its own, and a dashboard behind it. */
export async function createApp(options: {
  /** Where browsers reach it, such as "http://localhost:3000". */
  readonly origin: string;
  readonly database: SqlProvider;
}): Promise<{ app: Servable; security: { close(): Promise<void> } }> {
  const { origin, database } = options;
  const thisYear = new Date().getFullYear();

  const security = await portcullis({
    // Signs the tokens in forms. A key made at each start is enough here; in production keep one in the environment.
    secretKeys: [process.env.SECRET_KEY ?? randomBytes(32).toString("base64url")],
    origins: [origin],
    datastore: database,
    features: [
      passwords(),
      registration({
        fields: {
          name: { label: "Your name", autocomplete: "name", maxLength: 80 },
          birthYear: {
            label: "Year of birth",
            type: "number",
            // Checks what was typed; onRegister gets the number.
            schema: z.coerce.number().int().min(1900).max(thisYear),
          },
        },
        // Account and profile come into being together: should this throw, there is no account either.
        async onRegister(tx, user, { name, birthYear }) {
          await database
            .kysely<Tables>(tx)
            .insertInto("profile")
            .values({ user_id: user.id, name, birth_year: birthYear })
            .execute();
        },
      }),
    ],
    destinations: { afterSignIn: "/dashboard" },
    views: { siteName: "Registration" },
  });

  const db = database.kysely<Tables>();
  await db.schema
    .createTable("profile")
    .ifNotExists()
    .addColumn("user_id", "integer", (column) => column.primaryKey().references("user.id").onDelete("cascade"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("birth_year", "integer", (column) => column.notNull())
    .execute();

  const app = security.app();

  // Every route says who may call it; open ones can say why, and the access matrix shows it.
  app.get("/", { authz: open("the front page") }, (c) =>
    security.page(c, {
      title: "Welcome",
      content: html`<h1>Welcome!</h1>
        <p>Create an account to see your dashboard.</p>
        <ul class="links">
          <li><a href="/register">Create an account</a></li>
          <li><a href="/dashboard">Dashboard</a></li>
        </ul>`,
    }),
  );

  app.get("/dashboard", { authz: "AUTH" }, async (c) => {
    const { name, birth_year } = await db
      .selectFrom("profile")
      .selectAll()
      .where("user_id", "=", c.var.user.id)
      .executeTakeFirstOrThrow();
    return security.page(c, {
      title: "Dashboard",
      content: html`<h1>Hello, ${name}!</h1>
        <p>You turn ${thisYear - birth_year} this year.</p>
        ${security.signOutButton(c)}`,
    });
  });

  return { app, security };
}
