import { randomBytes } from "node:crypto";
import { object, portcullis } from "portcullis";
import { passwords, registration } from "portcullis/features";
import type { Servable } from "portcullis/node";
import type { SqlProvider } from "portcullis/sqlite";
import { html } from "portcullis/views";
import { z } from "zod";
import { Entries } from "./entries.ts";

/** The application: everybody writes a diary and reads their own. */
export async function createApp(options: {
  /** Where browsers reach it, such as "http://localhost:3000". */
  readonly origin: string;
  readonly database: SqlProvider;
}): Promise<{ app: Servable; security: { close(): Promise<void> } }> {
  const { origin, database } = options;
  const entries = new Entries(database);

  const security = await portcullis({
    // Signs the tokens in forms. A key made at each start is enough here; in production keep one in the environment.
    secretKeys: [process.env.SECRET_KEY ?? randomBytes(32).toString("base64url")],
    origins: [origin],
    datastore: database,
    features: [passwords(), registration()],
    objects: {
      // May this user reach that entry? undefined: there is none (404); false: no (403).
      async entry(user, id: number) {
        const entry = await entries.find(id);
        return entry === undefined ? undefined : entry.author === user.id;
      },
    },
    views: { siteName: "Diary" },
  });
  await entries.createTable();

  const app = security.app();

  app.get("/", { authz: "AUTH" }, async (c) => {
    const own = await entries.by(c.var.user.id);
    return security.page(c, {
      title: "My diary",
      content: html`<h1>My diary</h1>
        <ul>
          ${own.map((entry) => html`<li><a href="/entry/${entry.id}">${entry.title}</a></li>`)}
        </ul>
        <form method="post" action="/entry">
          ${security.csrfField(c)}
          <div class="field">
            <label for="title">Title</label>
            <input id="title" name="title" required maxlength="100">
          </div>
          <div class="field">
            <label for="text">Text</label>
            <textarea id="text" name="text" required rows="5"></textarea>
          </div>
          <button type="submit">Write</button>
        </form>
        ${security.signOutButton(c)}`,
    });
  });

  app.post(
    "/entry",
    { authz: "AUTH", params: z.object({ title: z.string().min(1).max(100), text: z.string().min(1) }) },
    async (c, { title, text }) => {
      // The author is who is signed in, never what the form says.
      await entries.add({ author: c.var.user.id, title, text });
      c.var.session.flash("success", "Written.");
      return c.redirect("/");
    },
  );

  // Only who passes the rule above reaches the handler, so it need not look again.
  app.get("/entry/:id", { authz: object("entry", "id"), params: z.object({ id: z.int() }) }, async (c, { id }) => {
    const entry = await entries.get(id);
    return security.page(c, {
      title: entry.title,
      content: html`<h1>${entry.title}</h1>
        ${entry.text.split(/\s*\n/).map((paragraph) => html`<p>${paragraph}</p>`)}
        <ul class="links">
          <li><a href="/">My diary</a></li>
        </ul>`,
    });
  });

  return { app, security };
}
