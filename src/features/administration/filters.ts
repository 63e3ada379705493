import type { SecurityRequest } from "../../http/request.ts";
import type { MessageKey } from "../../i18n/catalogue.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { isCalendarDate } from "../../model/calendar-date.ts";
import type { FieldView, FilterView, PageLink } from "../../views/contract.ts";
import type { Fault } from "../fields.ts";
import { userNumber } from "../user-path.ts";
import { type Administration, text } from "./pages.ts";

/** One input of a filter. An empty one asks for nothing. */
export interface FilterField<T> {
  readonly label: MessageKey;
  readonly type: "text" | "date" | "select";
  /** Of a select: its choices, the empty one first. */
  readonly options?: (rq: SecurityRequest) => readonly { readonly value: string; readonly text: string }[];
  parse(input: string): Awaitable<{ readonly value: T } | { readonly fault: Fault }>;
}

type Values<Fields> = { readonly [K in keyof Fields]: Fields[K] extends FilterField<infer T> ? T | undefined : never };

/** What the query asks for. */
export interface Filter<Fields> {
  readonly values: Values<Fields>;
  readonly faults: Readonly<Record<string, readonly Fault[]>>;
  /** What was typed, for links to other pages of the same list. */
  readonly query: URLSearchParams;
  readonly typed: Readonly<Record<string, string>>;
}

const longest = 255;

/** Reads a filter from the query. */
export async function readFilter<const Fields extends Readonly<Record<string, FilterField<unknown>>>>(
  rq: SecurityRequest,
  fields: Fields,
): Promise<Filter<Fields>> {
  const values: Record<string, unknown> = {};
  const faults: Record<string, readonly Fault[]> = {};
  const typed: Record<string, string> = {};
  const query = new URLSearchParams();
  for (const [name, field] of Object.entries(fields)) {
    const given = rq.url.searchParams.get(name)?.trim() ?? "";
    if (given === "") continue;
    typed[name] = given.slice(0, longest);
    const parsed =
      given.length > longest || given.includes("\u0000")
        ? { fault: { key: "FIELD_INVALID" } as const }
        : await field.parse(given);
    if ("fault" in parsed) faults[name] = [parsed.fault];
    else {
      values[name] = parsed.value;
      query.set(name, given);
    }
  }
  return { values: values as Values<Fields>, faults, query, typed };
}

/** The filter as a form. */
export function filterView(
  rq: SecurityRequest,
  action: string,
  fields: Readonly<Record<string, FilterField<unknown>>>,
  { typed, faults }: Pick<Filter<unknown>, "typed" | "faults">,
): FilterView {
  return {
    label: text(rq, "ADMIN_FILTER"),
    action,
    submit: text(rq, "ADMIN_SHOW"),
    fields: Object.entries(fields).map(
      ([name, { label, type, options }]): FieldView => ({
        name,
        label: text(rq, label),
        type,
        value: typed[name] ?? "",
        required: false,
        autocomplete: "off",
        maxLength: longest,
        errors: (faults[name] ?? []).map(({ key, params }) => text(rq, key, params)),
        ...(options === undefined ? {} : { options: options(rq) }),
      }),
    ),
  };
}

/** A path with a query. */
export function withQuery(path: string, query: URLSearchParams, more: Readonly<Record<string, string>> = {}): string {
  const all = new URLSearchParams(query);
  for (const [name, value] of Object.entries(more)) all.set(name, value);
  return all.size === 0 ? path : `${path}?${all}`;
}

/** Where a list goes on: `after` in the query, read by `parse`. A cursor that is none is a fault; the page begins anew then. */
export function readCursor<T>(
  rq: SecurityRequest,
  parse: (text: string) => T | undefined,
): { readonly after: T | undefined; readonly faults: Readonly<Record<string, readonly Fault[]>> } {
  const given = rq.url.searchParams.get("after");
  const after = given === null || given.length > longest ? undefined : parse(given);
  const faults = given !== null && after === undefined ? { after: [{ key: "FIELD_INVALID" } as const] } : {};
  return { after, faults };
}

/** Links to the first and the next page of a list that goes on behind a cursor. */
export function pagerLinks(
  rq: SecurityRequest,
  path: string,
  query: URLSearchParams,
  pages: { readonly isFirst: boolean; readonly next: string | undefined },
): readonly PageLink[] {
  return [
    ...(pages.isFirst ? [] : [{ href: withQuery(path, query), text: text(rq, "ADMIN_FIRST") }]),
    ...(pages.next === undefined
      ? []
      : [{ href: withQuery(path, query, { after: pages.next }), text: text(rq, "ADMIN_NEXT") }]),
  ];
}

/** A user by address or number; the number also of one that is deleted. */
export function userFilter(admin: Administration, label: MessageKey): FilterField<number> {
  return {
    label,
    type: "text",
    async parse(input) {
      const id = userNumber(input.replace(/^#/, ""));
      if (id !== undefined) return { value: id };
      const account = await admin.kernel.users.find("email", input, { ignoreCase: true });
      return account === undefined ? { fault: { key: "ADMIN_FILTER_UNKNOWN_USER" } } : { value: account.id };
    },
  };
}

/** A day in UTC: its beginning or, with `end`, the beginning of the next one, so that "until" has the day itself in it. */
export function dayFilter(label: MessageKey, { end = false }: { readonly end?: boolean } = {}): FilterField<Date> {
  return {
    label,
    type: "date",
    parse(input) {
      if (!isCalendarDate(input)) return { fault: { key: "FIELD_DATE" } };
      const date = new Date(`${input}T00:00:00Z`);
      return { value: end ? new Date(date.getTime() + 86_400_000) : date };
    },
  };
}
