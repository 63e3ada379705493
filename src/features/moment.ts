import type { Catalogue } from "../i18n/catalogue.ts";

const styles = {
  moment: { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" },
  day: { dateStyle: "medium", timeZone: "UTC" },
} as const;

/** Making a format costs more than all else of a page that shows a hundred moments. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(language: string, style: keyof typeof styles): Intl.DateTimeFormat {
  const key = `${style} ${language}`;
  let format = formats.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(language, styles[style]);
    formats.set(key, format);
  }
  return format;
}

/** A moment (epoch milliseconds) as pages show it: in words of the language, in UTC, and for programs. */
export function moment(catalogue: Catalogue, at: number): { readonly time: string; readonly text: string } {
  const date = new Date(at);
  return { time: date.toISOString(), text: `${formatOf(catalogue.language, "moment").format(date)} UTC` };
}

/** A day (`YYYY-MM-DD`) in the same way. */
export function day(catalogue: Catalogue, date: string): { readonly time: string; readonly text: string } {
  return { time: date, text: formatOf(catalogue.language, "day").format(new Date(`${date}T00:00:00Z`)) };
}
