import type { AuditEntry } from "../../audit/entry.ts";
import type { SecurityRequest } from "../../http/request.ts";
import { type MessageKey, messageKeys } from "../../i18n/catalogue.ts";
import type { FilterField } from "./filters.ts";
import { text } from "./pages.ts";

const known: ReadonlySet<string> = new Set(messageKeys);
const prefix = "EVENT_";
const shape = /^[A-Za-z]{1,64}$/;

/** With "EVENT_", "userRegistered" is EVENT_USER_REGISTERED. */
function keyOf(prefix: string, name: string): string {
  return prefix + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** EVENT_USER_REGISTERED is "userRegistered". */
function nameOf(key: string): string {
  return key
    .slice(prefix.length)
    .toLowerCase()
    .replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}

/** What happened, in the reader's words; an event of the application's own goes by its name. */
export function eventName(rq: SecurityRequest, name: string): string {
  return nameFor(rq, prefix, name);
}

/** What is told beside it: "Role: editor". The value is as the trail has it. */
export function detailText(rq: SecurityRequest, name: string, value: unknown): string {
  const told = Array.isArray(value) ? value.join(" ") : String(value);
  return text(rq, "AUDIT_DETAIL", { attr: nameFor(rq, "DETAIL_", name), value: told });
}

function nameFor(rq: SecurityRequest, prefix: string, name: string): string {
  const key = keyOf(prefix, name);
  return known.has(key) ? text(rq, key as MessageKey) : name;
}

const results = {
  ok: "AUDIT_RESULT_OK",
  failed: "AUDIT_RESULT_FAILED",
  denied: "AUDIT_RESULT_DENIED",
} as const satisfies Readonly<Record<AuditEntry["result"], MessageKey>>;

/** How it ended. */
export function resultName(rq: SecurityRequest, result: AuditEntry["result"]): string {
  return text(rq, results[result]);
}

/** The events to choose from, by their words; the query names them as the trail does, those of the application's own too. */
export const eventFilter: FilterField<string> = {
  label: "ADMIN_EVENT",
  type: "select",
  options(rq) {
    const asked = rq.url.searchParams.get("name")?.trim() ?? "";
    const names = [...known].filter((key) => key.startsWith(prefix)).map(nameOf);
    if (shape.test(asked) && !names.includes(asked)) names.push(asked);
    const collator = new Intl.Collator(rq.catalogue.language);
    const choices = names.map((value) => ({ value, text: eventName(rq, value) }));
    return [{ value: "", text: text(rq, "ADMIN_ALL") }, ...choices.sort((a, b) => collator.compare(a.text, b.text))];
  },
  parse: (input) => (shape.test(input) ? { value: input } : { fault: { key: "FIELD_INVALID" } }),
};
