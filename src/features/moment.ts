import type { Catalogue } from "../i18n/catalogue.ts";

/**
 * One for each language that is offered: making one costs milliseconds and memory outside of the heap, which the collector
 * does not see, and a page has up to five times for each of some hundred rows.
 */
const timeFormats = new Map<string, Intl.DateTimeFormat>();

function timeFormat(language: string): Intl.DateTimeFormat {
  let format = timeFormats.get(language);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
    timeFormats.set(language, format);
  }
  return format;
}

/** A moment (epoch milliseconds) as pages show it: in words of the language, in UTC, and for programs. */
export function moment(catalogue: Catalogue, at: number): { readonly time: string; readonly text: string } {
  const date = new Date(at);
  return { time: date.toISOString(), text: `${timeFormat(catalogue.language).format(date)} UTC` };
}
