import { randomBytes } from "node:crypto";
import { allOf, object, portcullis, type RouteRecord, rolesAccepted, rolesRequired } from "portcullis";
import { passwords, registration } from "portcullis/features";
import type { Servable } from "portcullis/node";
import type { SqlProvider } from "portcullis/sqlite";
import { html } from "portcullis/views";
import { z } from "zod";
import { Entries } from "./entries.ts";
import { entryList, entryPage, writingForm } from "./pages.ts";

/** The accounts that are there from the start. */
export const accounts = [
  { email: "admin@example.com", password: "adminpass", role: "admin" },
  { email: "writer@example.com", password: "writerpass", role: "writer" },
] as const;

/** The application: writers keep a diary, admins look after all of them. */
export async function createApp(options: {
  /** Where browsers reach it, such as "http://localhost:3000". */
  readonly origin: string;
  readonly database: SqlProvider;
}): Promise<{ app: Servable; security: { close(): Promise<void> }; routes: readonly RouteRecord[] }> {
  const { origin, database } = options;
  const entries = new Entries(database);

  const security = await portcullis({
    // Signs the tokens in forms. A key made at each start is enough here; in production keep one in the environment.
    secretKeys: [process.env.SECRET_KEY ?? randomBytes(32).toString("base64url")],
    origins: [origin],
    datastore: database,
    features: [passwords(), registration({ roles: ["writer"] })],
    // All the roles there are: a route that names another one does not compile.
    roles: ["writer", "admin"],
    objects: {
      // May this user read that entry? undefined: there is none (404); false: no (403).
      async entry(user, id: number) {
        const entry = await entries.find(id);
        return entry === undefined ? undefined : entry.author === user.id || user.hasRole("admin");
      },
    },
    views: { siteName: "Diary" },
  });
  await entries.createTable();
  for (const { email, password, role } of accounts) {
    if ((await security.users.find("email", email)) === undefined) {
      await security.users.create({ email, password, roles: [role] });
    }
  }

  // Guards are values: name those that several routes share.
  const person = rolesAccepted("writer", "admin");
  const keeper = allOf(rolesRequired("admin"), object("entry", "id"));

  const which = z.object({ id: z.int() });
  const writing = z.object({ title: z.string().min(1).max(100), text: z.string().min(1) });

  const app = security.app();

  app.get("/", { authz: person }, async (c) => {
    const own = await entries.by(c.var.user.id);
    return security.page(c, {
      title: "My diary",
      links: c.var.user.hasRole("admin") ? [{ href: "/entries", text: "All entries" }] : [],
      content: entryList("My diary", own, [
        writingForm("/entry", security.csrfField(c), "Write"),
        security.signOutButton(c),
      ]),
    });
  });

  app.post("/entry", { authz: person, params: writing }, async (c, { title, text }) => {
    await entries.add(c.var.user.id, { title, text });
    c.var.session.flash("success", "Written.");
    return c.redirect("/");
  });

  app.get("/entries", { authz: "admin" }, async (c) =>
    security.page(c, {
      title: "All entries",
      links: [{ href: "/", text: "My diary" }],
      content: entryList("All entries", await entries.all()),
    }),
  );

  app.get("/entry/:id", { authz: object("entry", "id"), params: which }, async (c, { id }) => {
    const entry = await entries.get(id);
    // Who is no admin would be refused by the two actions anyway; not to show them is only polite.
    const mayKeep = c.var.user.hasRole("admin");
    return security.page(c, {
      title: entry.title,
      links: [{ href: "/", text: "My diary" }],
      content: entryPage(entry, mayKeep ? security.csrfField(c) : undefined),
    });
  });

  app.get("/entry/:id/edit", { authz: keeper, params: which }, async (c, { id }) =>
    security.page(c, {
      title: "Edit",
      links: [{ href: "/entries", text: "All entries" }],
      content: html`<h1>Edit</h1>
        ${writingForm(`/entry/${id}/edit`, security.csrfField(c), "Save", await entries.get(id))}`,
    }),
  );

  app.post(
    "/entry/:id/edit",
    { authz: keeper, params: which.extend(writing.shape) },
    async (c, { id, title, text }) => {
      await entries.change(id, { title, text });
      c.var.session.flash("success", "Saved.");
      return c.redirect(`/entry/${id}`);
    },
  );

  app.post("/entry/:id/delete", { authz: keeper, params: which }, async (c, { id }) => {
    await entries.delete(id);
    c.var.session.flash("success", "Deleted.");
    return c.redirect("/entries");
  });

  return { app, security, routes: app.accessMatrix() };
}
