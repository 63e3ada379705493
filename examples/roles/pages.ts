import { type Html, html } from "portcullis/views";
import type { Entry, Writing } from "./entries.ts";

/** A list of entries, with what comes below it. */
export function entryList(
  heading: string,
  entries: readonly (Entry & { readonly email?: string })[],
  below: readonly (Html | undefined)[] = [],
): Html {
  return html`<h1>${heading}</h1>
    <ul>
      ${entries.map(({ id, title, email }) => html`<li><a href="/entry/${id}">${title}</a>${email && ` by ${email}`}</li>`)}
    </ul>
    ${below}`;
}

/** One entry; with a CSRF field, the admin's actions. */
export function entryPage(entry: Entry, csrfField: Html | undefined): Html {
  const actions =
    csrfField &&
    html`<ul class="links">
        <li><a href="/entry/${entry.id}/edit">Edit</a></li>
      </ul>
      <form method="post" action="/entry/${entry.id}/delete">${csrfField}<button type="submit">Delete</button></form>`;
  return html`<h1>${entry.title}</h1>
    ${entry.text.split(/\s*\n/).map((paragraph) => html`<p>${paragraph}</p>`)}
    ${actions}`;
}

/** The form for a new entry, or for one that is there. */
export function writingForm(action: string, csrfField: Html, submit: string, entry?: Writing): Html {
  return html`<form method="post" action="${action}">
    ${csrfField}
    <div class="field">
      <label for="title">Title</label>
      <input id="title" name="title" required maxlength="100" value="${entry?.title ?? ""}">
    </div>
    <div class="field">
      <label for="text">Text</label>
      <textarea id="text" name="text" required rows="5">${entry?.text}</textarea>
    </div>
    <button type="submit">${submit}</button>
  </form>`;
}
