import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import { PortcullisError } from "../model/errors.ts";

/** Attributes by name: a text or number is escaped, `true` gives the bare name, `false`, null and undefined nothing. */
export type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>;

const attributeName = /^[a-z][a-z0-9-]*$/;
/** Attributes whose value the browser opens. */
const opened: ReadonlySet<string> = new Set(["href", "action", "formaction", "src"]);

/**
 * A path of this server, unchanged: it begins with a single "/" and has no backslash (which browsers read as "/") and
 * no control character (which they drop), so that it can neither leave the origin nor be a `javascript:` URL.
 * Anything else throws PortcullisError `unsafe_path`.
 */
export function localPath(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (!/^\/(?!\/)/.test(path) || /[\\\u0000-\u001f\u007f-\u009f]/.test(path)) {
    throw new PortcullisError("unsafe_path", `not a path of this server: ${JSON.stringify(path.slice(0, 100))}`);
  }
  return path;
}

/**
 * A list of attributes for a tag, each with a space before it. `href`, `action`, `formaction` and `src` go through
 * `localPath`; event handlers, `style` and `srcdoc` are refused, since the pages' CSP forbids them anyway.
 *
 * @example html`<a${attributes({ href: "/login", hreflang: undefined })}>Sign in</a>`
 */
export function attributes(values: Attributes): HtmlEscapedString {
  let text = "";
  for (const [name, value] of Object.entries(values)) {
    if (!attributeName.test(name) || name.startsWith("on") || name === "style" || name === "srcdoc") {
      throw new PortcullisError("unsafe_attribute", `the attribute ${JSON.stringify(name)} cannot be set`);
    }
    if (value === null || value === undefined || value === false) continue;
    if (value === true) text += ` ${name}`;
    else text += html` ${name}="${opened.has(name) ? localPath(String(value)) : String(value)}"`;
  }
  return raw(text);
}

/** An id that is the same for the same name, different for different names, and valid in `aria-describedby` lists. */
export function idOf(prefix: string, name: string): string {
  return `${prefix}-${name.replace(/[^A-Za-z0-9_-]/g, (unit) => `.${unit.charCodeAt(0).toString(16)}.`)}`;
}
