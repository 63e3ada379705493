import type { Catalogue } from "../i18n/catalogue.ts";

/** Making a format costs more than all else of a page that shows a hundred moments. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(language: string): Intl.DateTimeFormat {
  let format = formats.get(language);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
    formats.set(language, format);
  }
  return format;
}

/** A moment (epoch milliseconds) as pages show it: in words of the language, in UTC, and for programs. */
export function moment(catalogue: Catalogue, at: number): { readonly time: string; readonly text: string } {
  const date = new Date(at);
  return { time: date.toISOString(), text: `${formatOf(catalogue.language).format(date)} UTC` };
}
