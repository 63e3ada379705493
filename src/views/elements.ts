import { html } from "hono/html";
import { type Catalogue, createCatalogue } from "../i18n/catalogue.ts";
import { attributes, idOf } from "./attributes.ts";
import type {
  BannerView,
  Elements,
  FieldView,
  FlashMessage,
  FormPageProps,
  Html,
  ListRow,
  ListView,
  PageFrame,
  PageLink,
  RowAction,
} from "./contract.ts";
import { createSection } from "./sections.ts";

const english: Catalogue = createCatalogue();
const rightToLeft: ReadonlySet<string> = new Set(["Adlm", "Arab", "Hebr", "Mand", "Nkoo", "Rohg", "Syrc", "Thaa"]);
const textual: ReadonlySet<FieldView["type"]> = new Set(["text", "email", "tel"]);

/** The writing direction of a BCP 47 tag, by the script that it is usually written in. */
export function directionOf(language: string): "ltr" | "rtl" {
  try {
    return rightToLeft.has(new Intl.Locale(language).maximize().script ?? "") ? "rtl" : "ltr";
  } catch {
    return "ltr";
  }
}

/** The default elements with an application's replacements; the layout shows flashes with the replaced `alert`. */
export function createElements(replacements: Partial<Elements> = {}): Elements {
  const elements: Elements = {
    layout: (frame, content) => layout(frame, content, elements),
    heading,
    alert,
    form,
    field,
    button,
    list,
    links,
    banner,
    nav,
    section: createSection({ field: (view) => elements.field(view), links: (list) => elements.links(list) }),
    ...replacements,
  };
  return elements;
}

/** The elements as they come; an application's own element may wrap one of these. */
export const defaultElements: Elements = createElements();

function layout(frame: PageFrame, content: Html, elements: Elements): Html {
  const texts = frame.catalogue ?? english;
  return html`<!doctype html>
<html${attributes({ lang: frame.language, dir: directionOf(frame.language) })}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex, nofollow">
<meta name="referrer" content="same-origin">
<meta name="format-detection" content="telephone=no">
<title>${frame.title} · ${frame.siteName}</title>
${frame.icon === undefined ? undefined : html`<link rel="icon" type="image/svg+xml"${attributes({ href: frame.icon })}>\n`}<link rel="stylesheet"${attributes({ href: frame.stylesheet })}>
</head>
<body>
<a class="skip" href="#content">${texts.text("SKIP_TO_CONTENT")}</a>
<header class="bar">
<p class="brand"><span class="mark" aria-hidden="true">${monogram(frame.siteName)}</span> <bdi>${frame.siteName}</bdi></p>
${account(frame, texts)}</header>
${frame.banner === undefined ? undefined : elements.banner(frame.banner)}<main id="content" tabindex="-1">
<div class="${frame.wide === true ? "card wide" : "card"}">
${frame.flashes.map((flash) => elements.alert(flash))}${content}
</div>
</main>
</body>
</html>
`;
}

/** The right end of the bar: who is signed in, and where to go. */
function account(frame: PageFrame, texts: Catalogue): Html | undefined {
  if (frame.signedInAs === undefined && frame.links.length === 0 && frame.signOut === undefined) return undefined;
  const who =
    frame.signedInAs === undefined
      ? undefined
      : html`<p class="who"><bdi>${texts.text("SIGNED_IN_AS", { name: frame.signedInAs })}</bdi></p>\n`;
  const nav =
    frame.links.length === 0
      ? undefined
      : html`<nav${attributes({ "aria-label": texts.text("NAVIGATION") })}><ul>${frame.links.map(item)}</ul></nav>\n`;
  const out = frame.signOut === undefined ? undefined : actionForm(frame.signOut, {}, undefined);
  return html`<div class="account">${who}${nav}${out}</div>\n`;
}

/** The first letter of the site's name, as people see letters. */
export function monogram(siteName: string): string {
  const first = new Intl.Segmenter().segment(siteName.trim()).containing(0);
  return first?.segment.toUpperCase() ?? "";
}

function heading(text: string): Html {
  return html`<h1>${text}</h1>\n`;
}

/** Errors interrupt a screen reader, everything else waits for a pause. */
function alert(message: FlashMessage): Html {
  const role = message.category === "error" || message.category === "warning" ? "alert" : "status";
  return html`<div${attributes({ class: `alert ${message.category}`, role })}><p>${message.text}</p></div>\n`;
}

function form(props: FormPageProps, content: Html): Html {
  const intro = props.intro === undefined ? undefined : html`<p class="intro">${props.intro}</p>\n`;
  return html`${intro}${summary(props)}<form${attributes({ method: "post", action: props.action })}>
${Object.entries(props.hidden).map(
  ([name, value]) => html`<input${attributes({ type: "hidden", name, value, autocomplete: "off" })}>\n`,
)}${content}</form>
`;
}

/** All that is wrong with the form in one place, with a link to each faulty field. */
function summary(props: FormPageProps): Html | undefined {
  const faulty = Object.values<FieldView>(props.fields).filter((field) => field.errors.length > 0);
  if (props.errors.length === 0 && faulty.length === 0) return undefined;
  if (faulty.length === 0 && props.errors.length === 1)
    return props.elements.alert({ category: "error", text: props.errors[0] ?? "" });
  const title = (props.frame.catalogue ?? english).text("ERROR_SUMMARY");
  const ofFields = faulty.map(
    (field) => html`<li><a href="#${idOf("field", field.name)}">${field.label}</a>: ${field.errors.join(" ")}</li>\n`,
  );
  return html`<div class="alert error" role="alert"><p class="title">${title}</p>
<ul>
${props.errors.map((text) => html`<li>${text}</li>\n`)}${ofFields}</ul></div>
`;
}

function field(view: FieldView): Html {
  const id = idOf("field", view.name);
  const hintId = view.hint === undefined ? undefined : idOf("hint", view.name);
  const errorId = view.errors.length === 0 ? undefined : idOf("error", view.name);
  const shared = {
    id,
    name: view.name,
    required: view.required,
    autocomplete: view.autocomplete,
    autofocus: view.autofocus,
    "aria-describedby": [hintId, errorId].filter((part) => part !== undefined).join(" ") || undefined,
    "aria-invalid": errorId === undefined ? undefined : "true",
  };
  const label = html`<label${attributes({ for: id })}>${view.label}</label>`;
  const hint =
    hintId === undefined ? undefined : html`<p${attributes({ class: "hint", id: hintId })}>${view.hint}</p>\n`;
  const errors =
    errorId === undefined
      ? undefined
      : html`<div${attributes({ class: "wrong", id: errorId })}>${view.errors.map((text) => html`<p>${text}</p>`)}</div>\n`;
  if (view.type === "checkbox") {
    const box = html`<input${attributes({ ...shared, type: "checkbox", value: view.value || "on", checked: view.checked })}>`;
    return html`<div class="field check"><div class="row">${box} ${label}</div>\n${hint}${errors}</div>\n`;
  }
  const control =
    view.type === "select"
      ? select(view, shared)
      : view.type === "textarea"
        ? textarea(view, shared)
        : input(view, shared);
  const lead = view.lead === undefined ? undefined : html`<p class="lead">${view.lead}</p>\n`;
  return html`${lead}<div class="field">${label}\n${hint}${control}\n${errors}</div>\n`;
}

function input(view: FieldView, shared: Record<string, string | boolean | undefined>): Html {
  const isPassword = view.type === "password";
  const verbatim = isPassword || view.type === "email" || view.autocomplete === "username";
  return html`<input${attributes({
    ...shared,
    type: view.type,
    value: isPassword || view.value === "" ? undefined : view.value,
    inputmode: view.inputMode,
    step: view.step,
    // Browsers cut a pasted password at maxlength without a word; the server says that it is too long.
    maxlength: isPassword ? undefined : view.maxLength,
    autocapitalize: verbatim ? "none" : undefined,
    spellcheck: verbatim ? "false" : undefined,
    dir: textual.has(view.type) ? "auto" : undefined,
  })}>`;
}

function select(view: FieldView, shared: Record<string, string | boolean | undefined>): Html {
  const options = (view.options ?? []).map(
    ({ value, text }) => html`<option${attributes({ value, selected: value === view.value })}>${text}</option>`,
  );
  return html`<select${attributes(shared)}>${options}</select>`;
}

/** HTML drops the first line break of the element: what the text begins with stays. */
function textarea(view: FieldView, shared: Record<string, string | boolean | undefined>): Html {
  const rest = attributes({ ...shared, rows: "4", maxlength: view.maxLength, dir: "auto" });
  return html`<textarea${rest}>\n${view.value}</textarea>`;
}

function button(text: string): Html {
  return html`<button type="submit">${text}</button>\n`;
}

function list(view: ListView, hidden: Readonly<Record<string, string>>): Html {
  if (view.rows.length === 0) return html`<p class="notice">${view.empty}</p>\n`;
  const below = view.actions.map((action) => actionForm(action, hidden, undefined));
  return html`<ul${attributes({ class: "rows", "aria-label": view.label })}>
${view.rows.map((row) => listRow(row, hidden))}</ul>
${below}`;
}

function listRow(row: ListRow, hidden: Readonly<Record<string, string>>): Html {
  const id = idOf("row", row.id);
  const badge = row.badge === undefined ? undefined : html` <span class="badge">${row.badge}</span>`;
  const facts = row.facts.map(({ label, text, time }) => {
    const value =
      time === undefined ? html`<bdi>${text}</bdi>` : html`<time${attributes({ datetime: time })}>${text}</time>`;
    return html`<div><dt>${label}</dt><dd>${value}</dd></div>\n`;
  });
  const list = facts.length === 0 ? undefined : html`<dl>\n${facts}</dl>\n`;
  const text = row.text === undefined ? undefined : html`<pre>${row.text}</pre>\n`;
  // Each button is named after its row too: "Sign out" alone says nothing to who hears one button after the other.
  return html`<li><h2${attributes({ id })}>${row.title}${badge}</h2>
${list}${text}${links(row.links ?? [])}${row.actions.map((action) => actionForm(action, hidden, id))}</li>
`;
}

function actionForm(action: RowAction, hidden: Readonly<Record<string, string>>, rowId: string | undefined): Html {
  const inputs = Object.entries({ ...hidden, ...action.hidden }).map(
    ([name, value]) => html`<input${attributes({ type: "hidden", name, value, autocomplete: "off" })}>`,
  );
  return html`<form${attributes({ method: "post", action: action.path })}>${inputs}<button${attributes({ type: "submit", class: "quiet", "aria-describedby": rowId })}>${action.text}</button></form>
`;
}

function links(list: readonly PageLink[]): Html {
  return list.length === 0 ? html`` : html`<ul class="links">${list.map(item)}</ul>\n`;
}

function banner(view: BannerView): Html {
  const action = view.action === undefined ? undefined : actionForm(view.action, {}, undefined);
  return html`<div class="banner" role="status"><p>${view.text}</p>${action}</div>\n`;
}

function nav(list: readonly PageLink[], label: string): Html {
  return html`<nav${attributes({ class: "tabs", "aria-label": label })}><ul>${list.map(item)}</ul></nav>\n`;
}

function item(link: PageLink): Html {
  return html`<li><a${attributes({ href: link.href, "aria-current": link.current === true ? "page" : undefined })}>${link.text}</a></li>`;
}
