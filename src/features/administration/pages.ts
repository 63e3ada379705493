import type { Guard } from "../../authz/guard.ts";
import { authRequired } from "../../authz/guards/authentication.ts";
import { allOf } from "../../authz/guards/combined.ts";
import { permissionsRequired } from "../../authz/guards/roles.ts";
import type { AskedOptions, Concerned } from "../../datastore/access-state.ts";
import { UnknownRoleError } from "../../datastore/roles.ts";
import { UnknownUserError } from "../../datastore/user-reference.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { MessageKey, MessageParameters } from "../../i18n/catalogue.ts";
import type { Account } from "../../model/account.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import type { CellView, PageLink, Pages, SectionView } from "../../views/contract.ts";
import { askAs, mayActOn, outOfReach } from "../acting.ts";
import { type Answer, bodyFor, done, type Endpoint, endpoint, invalid, notFound, refused } from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import type { Fault, Field, FieldValues } from "../fields.ts";
import { moment } from "../moment.ts";
import { userIdInPath } from "../user-path.ts";

/** What all pages of the administration share. */
export interface Administration {
  readonly kernel: Kernel;
  /** Where they are, such as "/admin". */
  readonly path: string;
  readonly permission: string;
  /** Rows a page. */
  readonly pageSize: number;
  /** Undefined: administrators act as nobody. */
  readonly impersonation: { readonly life: number } | undefined;
}

/** A text in the caller's language. */
export function text(rq: SecurityRequest, key: MessageKey, params?: MessageParameters): string {
  return rq.catalogue.text(key as "ADMIN", params as undefined);
}

/** A moment as a cell; "" where there is none. */
export function time(rq: SecurityRequest, at: number | Date | null | undefined): CellView {
  if (at === null || at === undefined) return { text: "" };
  return moment(rq.catalogue, typeof at === "number" ? at : at.getTime());
}

/** Names as a cell, each in a frame of its own. */
export function badges(names: Iterable<string>): CellView {
  const list = [...names].sort();
  return list.length === 0 ? { text: "–" } : { text: "", badges: list };
}

const tabs: readonly (readonly [endpoint: string, key: MessageKey])[] = [
  ["admin_users", "ADMIN_USERS"],
  ["admin_roles", "ADMIN_ROLES"],
  ["admin_sessions", "ADMIN_SESSIONS"],
  ["admin_audit", "ADMIN_AUDIT"],
  ["admin_limits", "ADMIN_LIMITS"],
  ["admin_outbox", "ADMIN_OUTBOX"],
  ["admin_matrix", "ADMIN_MATRIX"],
];

/** The links to the administration's parts. */
function nav(admin: Administration, rq: SecurityRequest): readonly PageLink[] {
  return tabs.flatMap(([name, key]) => {
    const href = admin.kernel.path(name);
    if (href === undefined) return [];
    const current = rq.path === href || rq.path.startsWith(`${href}/`);
    return [{ href, text: text(rq, key), ...(current ? { current } : {}) }];
  });
}

/** The path of a page about one thing. */
export function pathOf(
  admin: Administration,
  name: string,
  values: Readonly<Record<string, string | number>> = {},
): string {
  const path = admin.kernel.path(name) ?? admin.path;
  return path.replace(/:(\w+)/g, (_whole, parameter: string) => encodeURIComponent(String(values[parameter] ?? "")));
}

/** A page that shows something, and the same as JSON. */
export interface ShowingPage<T> {
  readonly name: string;
  readonly path: string;
  readonly page: keyof Pages;
  readonly title: MessageKey;
  /** Reads what is shown, once a request; undefined: there is no such thing. */
  readonly read: (rq: SecurityRequest) => Awaitable<T | undefined>;
  /** What is wrong with the query, by field: JSON gets 400, the page says it. */
  readonly faults?: (shown: T) => Readonly<Record<string, readonly Fault[]>>;
  readonly json: (shown: T, rq: SecurityRequest) => Awaitable<Readonly<Record<string, unknown>>>;
  readonly sections: (shown: T, rq: SecurityRequest) => Awaitable<readonly SectionView[]>;
}

/** The guard of all that shows something. */
export function mayLook(admin: Pick<Administration, "permission">): Guard {
  return allOf(authRequired("session"), permissionsRequired(admin.permission));
}

/** Makes the endpoint of a page that shows something. */
export function showing<T>(admin: Administration, page: ShowingPage<T>): Endpoint {
  const read = once(page.read);
  return endpoint({
    name: page.name,
    path: page.path,
    methods: ["GET"],
    authz: mayLook(admin),
    authn: ["session"],
    page: page.page,
    title: page.title,
    submitLabel: "ADMIN_SHOW",
    fields: {},
    wide: true,
    nav: (rq) => nav(admin, rq),
    async show(rq) {
      const shown = await read(rq);
      if (shown === undefined) return notFound();
      if (!rq.wantsJson) return {};
      const faults = page.faults?.(shown) ?? {};
      return Object.keys(faults).length > 0 ? invalid(faults) : page.json(shown, rq);
    },
    async sections(rq) {
      const shown = await read(rq);
      return shown === undefined ? [] : page.sections(shown, rq);
    },
    submit: () => refused("METHOD_NOT_ALLOWED"),
  });
}

/** A page with a form that changes something; with no fields it is the page that asks before it. */
export interface ChangingPage<T, Fields extends Readonly<Record<string, Field<unknown>>>> {
  readonly name: string;
  readonly path: string;
  readonly title: MessageKey;
  readonly submitLabel: MessageKey;
  readonly fields: Fields;
  /** What is changed; undefined: there is no such thing. */
  readonly read: (rq: SecurityRequest) => Awaitable<T | undefined>;
  readonly intro?: (rq: SecurityRequest, subject: T) => Awaitable<Fault>;
  /** Whose account is acted on; undefined: nobody's. */
  readonly account: (subject: T) => Account | undefined;
  /** Why it can't be; said in the place of asking. */
  readonly objection?: (rq: SecurityRequest, subject: T) => Awaitable<MessageKey | undefined>;
  readonly initial?: (subject: T) => Readonly<Record<string, unknown>>;
  /** Whom and what it is about, where the path does not say so by `:id` and `:role`. */
  readonly concerned?: (rq: SecurityRequest) => Awaitable<Concerned>;
  /** `asked` goes with the change, where it is one of who may do what: if that was changed meanwhile, all is asked again. */
  readonly submit: (
    request: { readonly rq: SecurityRequest; readonly fields: FieldValues<Fields> },
    subject: T,
    asked: Required<AskedOptions>,
  ) => Awaitable<Answer>;
  /** Where it goes on, and where the page leads back to. */
  readonly back: (subject: T) => string;
}

/** The guard of all that changes something: the permission, and a fresh proof of identity. */
export function mayChange(admin: Pick<Administration, "permission">): Guard {
  return allOf(authRequired("session", {}), permissionsRequired(admin.permission));
}

/** Makes the endpoint of a page that changes something. */
export function changingPage<T, const Fields extends Readonly<Record<string, Field<unknown>>>>(
  admin: Administration,
  page: ChangingPage<T, Fields>,
): Endpoint {
  const read = once(page.read);
  const { intro, initial } = page;
  return endpoint({
    name: page.name,
    path: page.path,
    authz: mayChange(admin),
    authn: ["session"],
    page: "adminForm",
    title: page.title,
    submitLabel: page.submitLabel,
    fields: page.fields,
    bodyBytes: bodyFor(
      admin.kernel,
      Object.values(page.fields).reduce((units, { maxLength }) => units + maxLength, 0),
    ),
    nav: (rq) => nav(admin, rq),
    ...(intro === undefined
      ? {}
      : {
          intro: async (rq) => {
            const subject = await read(rq);
            return subject === undefined ? undefined : intro(rq, subject);
          },
        }),
    ...(initial === undefined
      ? {}
      : {
          initial: async (rq) => {
            const subject = await read(rq);
            return subject === undefined ? {} : initial(subject);
          },
        }),
    async show(rq) {
      const subject = await read(rq);
      if (subject === undefined) return notFound();
      const target = page.account(subject);
      if (target !== undefined && !(await mayActOn(rq, target))) return outOfReach(rq, target);
      const objection = await page.objection?.(rq, subject);
      if (objection === undefined) return initial === undefined || !rq.wantsJson ? {} : { values: initial(subject) };
      return rq.wantsJson ? refused(objection) : done(page.back(subject), { message: { key: objection } });
    },
    submit: async ({ rq, fields }) =>
      askAs(admin.kernel, rq, await (page.concerned ?? concernedBy)(rq), [admin.permission], async (asked) => {
        // Not what was read for the page: it may be another time.
        const subject = await page.read(rq);
        if (subject === undefined) return notFound();
        const target = page.account(subject);
        if (target !== undefined && !(await mayActOn(rq, target))) return outOfReach(rq, target);
        const objection = await page.objection?.(rq, subject);
        if (objection !== undefined) return refused(objection);
        return unlessGone(() => page.submit({ rq, fields: fields as FieldValues<Fields> }, subject, asked));
      }),
  });
}

/** Whom and what the path of a request names. */
export function concernedBy(rq: SecurityRequest): Concerned {
  return { userId: userIdInPath(rq), role: rq.context?.req.param("role") };
}

/** 404 where the user or the role was removed by somebody else meanwhile. */
export async function unlessGone(change: () => Awaitable<Answer>): Promise<Answer> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof UnknownRoleError || error instanceof UnknownUserError) return notFound();
    throw error;
  }
}

/** What is read once in each request, however many parts of the page ask for it. */
export function once<T>(read: (rq: SecurityRequest) => Awaitable<T>): (rq: SecurityRequest) => Awaitable<T> {
  const kept = new WeakMap<SecurityRequest, { readonly value: Awaitable<T> }>();
  return (rq) => {
    const known = kept.get(rq);
    if (known !== undefined) return known.value;
    const value = read(rq);
    kept.set(rq, { value });
    return value;
  };
}

/** The e-mail addresses of these users, by their number; those that are deleted are missing. */
export async function namesOf(
  admin: Administration,
  ids: readonly (number | null)[],
): Promise<ReadonlyMap<number, string>> {
  const wanted = [...new Set(ids.filter((id) => id !== null))];
  if (wanted.length === 0) return new Map();
  const rows = await admin.kernel.datastore.find("user", { id: { in: wanted } });
  return new Map(rows.map((row) => [row["id"] as number, row["email"] as string]));
}

/** A user as a cell, with a link to their page; the number alone when they are deleted. */
export function userCell(admin: Administration, names: ReadonlyMap<number, string>, id: number | null): CellView {
  if (id === null) return { text: "" };
  const name = names.get(id);
  return name === undefined ? { text: `#${id}` } : { text: name, href: pathOf(admin, "admin_user", { id }) };
}
