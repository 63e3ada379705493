import type { Catalogue } from "../i18n/catalogue.ts";

/** A moment (epoch milliseconds) as pages show it: in words of the language, in UTC, and for programs. */
export function moment(catalogue: Catalogue, at: number): { readonly time: string; readonly text: string } {
  const date = new Date(at);
  const format = { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" } as const;
  return {
    time: date.toISOString(),
    text: `${new Intl.DateTimeFormat(catalogue.language, format).format(date)} UTC`,
  };
}
