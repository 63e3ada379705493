import { createHash } from "node:crypto";
import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import type { Pages, ViewOptions, Views } from "./contract.ts";
import { createElements, defaultElements, monogram } from "./elements.ts";
import { defaultPages } from "./pages.ts";
import { createIcon, createStyleSheet, defaultTheme } from "./theme.ts";

export { html, raw } from "hono/html";
export { attributes, localPath } from "./attributes.ts";
export type {
  BannerView,
  CellView,
  Elements,
  FieldView,
  FilterView,
  FlashMessage,
  FormPageProps,
  Html,
  LabelledCell,
  ListRow,
  ListView,
  NoticePageProps,
  PageFrame,
  PageLink,
  Pages,
  RowAction,
  SectionView,
  TableView,
  Theme,
  ViewOptions,
  Views,
} from "./contract.ts";
export { defaultElements } from "./elements.ts";
export {
  type MailContent,
  type MailLayout,
  type MailParts,
  type MailProps,
  type Mails,
  type MailTemplate,
  mailContent,
  mailLayout,
} from "./mail.ts";
export { type CorePages, defaultPages, formPage, listPage, noticePage, sectionsPage } from "./pages.ts";
export { createStyleSheet, defaultTheme } from "./theme.ts";

const optionNames: readonly (keyof ViewOptions)[] = ["siteName", "pages", "elements", "theme"];

/**
 * The views of a running system: the defaults, the pages that its features bring, and the application's replacements.
 * Throws ConfigurationError with the path (`views.pages.logn`) for a name that is not known and for a value of the wrong kind.
 *
 * @param featurePages the pages of the features that are on, by name
 */
export function createViews(options: ViewOptions | undefined, featurePages: Partial<Pages> = {}): Views {
  const given = section("views", options, optionNames);
  const pages = { ...defaultPages, ...featurePages };
  const theme = section("views.theme", given.theme);
  const css = createStyleSheet(theme);
  const siteName = siteNameOf(given.siteName ?? "Portcullis");
  const icon = createIcon(monogram(siteName), theme);
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 16);
  return {
    siteName,
    // A page of a feature that is off is missing here, and nothing asks for it.
    pages: { ...pages, ...functions("views.pages", given.pages, Object.keys(pages)) } as Pages,
    elements: createElements(functions("views.elements", given.elements, Object.keys(defaultElements))),
    theme: { ...defaultTheme, ...theme },
    css,
    cssHash: hash(css),
    icon,
    iconHash: hash(icon),
  };
}

/** An options object whose names all are known; undefined values count as left out. */
function section<T extends object>(path: string, value: T | undefined, known?: readonly string[]): Partial<T> {
  if (value === undefined) return {};
  checkKnown(path, value, known ?? Object.keys(value));
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as Partial<T>;
}

function functions<T extends object>(path: string, value: T | undefined, known: readonly string[]): Partial<T> {
  const given = section(path, value, known);
  for (const [name, part] of Object.entries(given)) {
    if (typeof part !== "function") throw new ConfigurationError(`${path}.${name}`, "must be a function");
  }
  return given;
}

function siteNameOf(name: unknown): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (typeof name !== "string" || name.trim() === "" || /[\u0000-\u001f\u007f]/.test(name)) {
    throw new ConfigurationError("views.siteName", "must be a name without control characters");
  }
  return name.trim();
}
