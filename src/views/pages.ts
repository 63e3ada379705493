import { html } from "hono/html";
import { type Catalogue, createCatalogue } from "../i18n/catalogue.ts";
import { attributes } from "./attributes.ts";
import type { FieldView, FormPageProps, Html, NoticePageProps, Pages } from "./contract.ts";

/** The pages that the core brings; features add theirs. */
export type CorePages = Pick<Pages, "error" | "unauthorized" | "login" | "logout" | "register" | "verify" | "sessions">;

const english: Catalogue = createCatalogue();

/** The core's pages as they come. */
export const defaultPages: CorePages = {
  error: noticePage,
  unauthorized: noticePage,
  login: (props) => formPage({ ...props, fields: passwordLast(props.fields) }),
  logout: formPage,
  register: formPage,
  verify: formPage,
  sessions: listPage,
};

/**
 * A page with one form: heading, errors, intro, the fields in the order of `fields`, the button, links.
 * Features build their pages with it.
 */
export function formPage(props: FormPageProps): Html {
  const { elements, frame } = props;
  const fields = Object.values(props.fields).map((field) => elements.field(field));
  const rows = props.list === undefined ? undefined : elements.list(props.list, props.hidden);
  const offer = props.offer === undefined ? undefined : elements.banner(props.offer);
  const content = html`${accountForPasswordManagers(props)}${fields}${elements.button(props.submit)}`;
  return elements.layout(
    frame,
    html`${navOf(props)}${elements.heading(frame.title)}${rows}${elements.form(props, content)}${offer}${elements.links(props.links)}`,
  );
}

/** A page with a list: heading, what is wrong, intro, the rows with their buttons, links. */
export function listPage(props: FormPageProps): Html {
  const { elements, frame, list } = props;
  const errors = props.errors.map((text) => elements.alert({ category: "error", text }));
  const intro = props.intro === undefined ? undefined : html`<p class="intro">${props.intro}</p>\n`;
  const rows = list === undefined ? undefined : elements.list(list, props.hidden);
  return elements.layout(
    frame,
    html`${elements.heading(frame.title)}${errors}${intro}${rows}${elements.links(props.links)}`,
  );
}

/** A page that shows something: navigation, heading, what is wrong, intro, the sections, rows with buttons, links. */
export function sectionsPage(props: FormPageProps): Html {
  const { elements, frame, list, sections = [] } = props;
  const errors = props.errors.map((text) => elements.alert({ category: "error", text }));
  const intro = props.intro === undefined ? undefined : html`<p class="intro">${props.intro}</p>\n`;
  return elements.layout(
    frame,
    html`${navOf(props)}${elements.heading(frame.title)}${errors}${intro}${sections.map((section) => elements.section(section))}${list === undefined ? undefined : elements.list(list, props.hidden)}${elements.links(props.links)}`,
  );
}

function navOf({ elements, nav, frame }: FormPageProps): Html | undefined {
  if (nav === undefined || nav.length === 0) return undefined;
  return elements.nav(nav, (frame.catalogue ?? english).text("ADMIN"));
}

/** A page with a heading, a sentence and links. */
export function noticePage(props: NoticePageProps): Html {
  const { elements, frame } = props;
  return elements.layout(
    frame,
    html`${elements.heading(frame.title)}<p class="notice">${props.text}</p>\n${elements.links(props.links)}`,
  );
}

/**
 * The fields as people look for them: what names the account, the password, "remember me" above the button. The
 * whole form gets this order, so that the summary of errors has it too.
 */
function passwordLast(fields: FormPageProps["fields"]): FormPageProps["fields"] {
  const rank = (field: FieldView) => (field.name === "remember" ? 2 : field.name === "password" ? 1 : 0);
  return Object.fromEntries(Object.entries(fields).toSorted(([, a], [, b]) => rank(a) - rank(b)));
}

/** A password manager that knows several accounts of this site needs the name beside the password; without `name` it is not sent. */
function accountForPasswordManagers({ account: value, fields }: FormPageProps): Html | undefined {
  const shown: readonly FieldView[] = Object.values(fields);
  if (value === undefined || !shown.some(({ type }) => type === "password")) return undefined;
  if (shown.some(({ autocomplete }) => autocomplete === "username")) return undefined;
  return html`<input${attributes({ type: "text", value, autocomplete: "username", hidden: true, readonly: true })}>\n`;
}
