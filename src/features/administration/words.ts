import type { SecurityRequest } from "../../http/request.ts";
import { type MessageKey, messageKeys } from "../../i18n/catalogue.ts";
import { labelIn, labelOfColumn } from "../../model/label.ts";
import { moment } from "../moment.ts";
import { eventName } from "./event-names.ts";
import { type Administration, text } from "./pages.ts";

type Words = Readonly<Record<string, MessageKey>>;

const known: ReadonlySet<string> = new Set(messageKeys);

/** The word for a value that the product writes; one of the application's own goes as it is. */
function word(rq: SecurityRequest, words: Words, value: string): string {
  const key = Object.hasOwn(words, value) ? words[value] : undefined;
  return key === undefined ? value : text(rq, key);
}

const methods: Words = {
  password: "LABEL_PASSWORD",
  email: "VALUE_EMAIL",
  remember: "VALUE_REMEMBER",
  confirm: "EVENT_USER_CONFIRMED",
  register: "EVENT_USER_REGISTERED",
  reset: "VALUE_RESET",
  impersonation: "VALUE_IMPERSONATION",
  apiKey: "VALUE_API_KEY",
};

/** By what somebody was signed in, in the reader's words. */
export function methodName(rq: SecurityRequest, method: string): string {
  return word(rq, methods, method);
}

const which: Words = { one: "VALUE_ONE", others: "VALUE_OTHERS", all: "ADMIN_ALL" };
const ended: Words = { signOut: "EVENT_USER_SIGNED_OUT", reuse: "EVENT_REFRESH_TOKEN_REUSED" };

/** "oldEmail" → "OLD_EMAIL". */
const inCapitals = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

/** The text of that key, if there is one and it needs nothing beside it. */
function messageOf(rq: SecurityRequest, key: string): string | undefined {
  const told = known.has(key) ? text(rq, key as MessageKey, { site: rq.url.host }) : undefined;
  return told?.includes("{") === true ? undefined : told;
}

/** One value of a detail, in the reader's words; what nobody here has written is shown as it is. */
function valueName(
  { kernel }: Administration,
  rq: SecurityRequest,
  event: string,
  name: string,
  value: unknown,
): string {
  if (typeof value === "boolean") return text(rq, value ? "ADMIN_YES" : "ADMIN_NO");
  if (name === "until" && event !== "auditAcknowledged" && typeof value === "number") {
    return moment(rq.catalogue, value).text;
  }
  const told = String(value);
  switch (name) {
    case "authnVia":
    case "authType":
      return methodName(rq, told);
    case "which":
      return word(rq, which, told);
    case "insteadOf":
      return eventName(rq, told);
    case "template":
      return messageOf(rq, `MAIL_${inCapitals(told)}_SUBJECT`) ?? told;
    case "fields": {
      const column = kernel.ownColumns.get(told);
      if (column !== undefined) return labelIn(labelOfColumn(told, column), rq.catalogue.language);
      return messageOf(rq, `LABEL_${inCapitals(told)}`) ?? told;
    }
    case "reason":
      if (event === "signInRefused") return messageOf(rq, told) ?? told;
      if (event === "permissionDenied") return denialName(rq, told);
      return event === "refreshTrackerRevoked" ? word(rq, ended, told) : told;
    default:
      return told;
  }
}

/** What is told beside an event: "Role: editor". */
export function detailText(
  admin: Administration,
  rq: SecurityRequest,
  event: string,
  name: string,
  value: unknown,
): string {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  const told = values.map((one) => valueName(admin, rq, event, name, one)).join(", ");
  return text(rq, "AUDIT_DETAIL", { attr: messageOf(rq, `DETAIL_${inCapitals(name)}`) ?? name, value: told });
}

/** Why somebody was refused, in the reader's words. */
function denialName(rq: SecurityRequest, reason: string): string {
  if (reason === "acts as another user") return text(rq, "IMPERSONATION_REFUSED");
  if (reason === "closed") return text(rq, "GUARD_NOBODY");
  if (reason.startsWith("may not manage ")) return text(rq, "DENIED_MANAGE");
  if (reason.startsWith("may not grant ")) return text(rq, "DENIED_GRANT");
  const [, one, several] =
    /^(?:lacks the ((?:role|group|permission|scope) .+)|has none (of the (?:roles|groups|permissions) .+?)(?: any more)?)$/.exec(
      reason,
    ) ?? [];
  const what = one ?? (several === undefined ? undefined : `any ${several}`);
  return what === undefined ? reason : text(rq, "DENIED_LACKS", { what: guardName(rq, what) });
}

const guards: Words = {
  everybody: "GUARD_EVERYBODY",
  anybody: "GUARD_EVERYBODY",
  nobody: "GUARD_NOBODY",
  "not signed in": "GUARD_ANONYMOUS",
  "anybody with a CSRF token": "GUARD_CSRF",
  "anybody, changes with a CSRF token": "GUARD_CSRF",
  "signed in": "GUARD_SIGNED_IN",
  fresh: "GUARD_FRESH",
};

const named = {
  role: "GUARD_ROLE",
  group: "GUARD_GROUP",
  permission: "GUARD_PERMISSION",
  scope: "GUARD_SCOPE",
} as const satisfies Words;

/** A guard, as `describe` says it, in the reader's words; what the application says of its own goes as it is. */
export function guardName(rq: SecurityRequest, guard: string): string {
  const several = /^(all|any) of (?:\((.*)\)|the ((?:role|group|permission|scope)s .+))$/.exec(guard);
  if (several !== null) {
    const [, how, nested, names] = several;
    const parts = nested === undefined ? singly(names ?? "") : partsOf(nested);
    const list = parts.map((part) => guardName(rq, part)).join("; ");
    return text(rq, how === "all" ? "GUARD_ALL_OF" : "GUARD_ANY_OF", { list });
  }
  const one = /^(role|group|permission|scope) (.+)$/.exec(guard);
  if (one !== null) return text(rq, named[one[1] as keyof typeof named], { name: one[2] ?? "" });
  const within = /^fresh within (\d+) min$/.exec(guard);
  if (within !== null) return text(rq, "GUARD_FRESH_WITHIN", { minutes: within[1] ?? "" });
  const signedIn = /^signed in(?: by ([\w-]+(?: or [\w-]+)*))?, (fresh.*)$/.exec(guard);
  if (signedIn !== null) {
    const by = signedIn[1] === undefined ? "signed in" : `signed in by ${signedIn[1]}`;
    return `${guardName(rq, by)}, ${guardName(rq, signedIn[2] ?? "")}`;
  }
  const by = /^signed in by ([\w-]+(?: or [\w-]+)*)$/.exec(guard);
  if (by !== null) {
    const schemes = (by[1] ?? "").split(" or ").reduce((first, other) => text(rq, "GUARD_OR", { one: first, other }));
    return text(rq, "GUARD_SIGNED_IN_BY", { schemes });
  }
  return word(rq, guards, guard);
}

/** "roles a, b and groups c" → role a, role b, group c. */
function singly(names: string): readonly string[] {
  return names.split(/ (?:and|or) (?=groups )/).flatMap((part) => {
    const [, kind = "", list = ""] = /^(\w+)s (.*)$/.exec(part) ?? [];
    return list.split(", ").map((name) => `${kind} ${name}`);
  });
}

/** Splits at the semicolons that stand in no further parentheses. */
function partsOf(list: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let begin = 0;
  for (let at = 0; at < list.length; at += 1) {
    if (list[at] === "(") depth += 1;
    else if (list[at] === ")") depth -= 1;
    else if (depth === 0 && list.startsWith("; ", at)) {
      parts.push(list.slice(begin, at));
      begin = at + 2;
    }
  }
  return [...parts, list.slice(begin)];
}
