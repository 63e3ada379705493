import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { PortcullisError } from "../../model/errors.ts";
import type { SectionView, TableView } from "../../views/contract.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Fault } from "../fields.ts";
import { type Filter, type FilterField, filterView, readFilter, withQuery } from "./filters.ts";
import { type Administration, badges, pathOf, showing, text, time } from "./pages.ts";

interface UserList {
  readonly faults: Readonly<Record<string, readonly Fault[]>>;
  readonly filter: Filter<{
    readonly search: FilterField<string>;
    readonly role: FilterField<string>;
    readonly active: FilterField<boolean>;
    readonly sort: FilterField<(typeof orders)[keyof typeof orders]>;
  }>;
  readonly roles: readonly string[];
  readonly users: readonly Account[];
  readonly next: string | undefined;
  readonly previous: string | undefined;
}

/** In which order users can come. */
const orders = {
  "": { label: "ADMIN_SORT_OLDEST", sort: "id", order: "asc" },
  newest: { label: "ADMIN_SORT_NEWEST", sort: "id", order: "desc" },
  email: { label: "ADMIN_SORT_EMAIL", sort: "email", order: "asc" },
  "email-desc": { label: "ADMIN_SORT_EMAIL_DESC", sort: "email", order: "desc" },
} as const;

/** `/admin/users`: all users, narrowed by address or name, role and state; in an order of four, by address while searching. The
 * heads of the columns sort too. */
export function usersPage(admin: Administration): Endpoint {
  const { kernel } = admin;
  const fieldsWith = (roles: readonly string[]) =>
    ({
      search: { label: "ADMIN_SEARCH", type: "text", parse: (input: string) => ({ value: input }) },
      role: {
        label: "ADMIN_ROLE",
        type: "select",
        options: (rq: SecurityRequest) => [
          { value: "", text: text(rq, "ADMIN_ALL") },
          ...roles.map((name) => ({ value: name, text: name })),
        ],
        parse: (input: string) =>
          roles.includes(input) ? { value: input } : { fault: { key: "FIELD_INVALID" } as const },
      },
      active: {
        label: "ADMIN_STATE",
        type: "select",
        options: (rq: SecurityRequest) => [
          { value: "", text: text(rq, "ADMIN_ALL") },
          { value: "true", text: text(rq, "ADMIN_ACTIVE") },
          { value: "false", text: text(rq, "ADMIN_INACTIVE") },
        ],
        parse: (input: string) =>
          input === "true" || input === "false"
            ? { value: input === "true" }
            : { fault: { key: "FIELD_INVALID" } as const },
      },
      sort: {
        label: "ADMIN_SORT",
        type: "select",
        options: (rq: SecurityRequest) =>
          (Object.keys(orders) as (keyof typeof orders)[]).map((value) => ({
            value,
            text: text(rq, orders[value].label),
          })),
        parse: (input: string) =>
          Object.hasOwn(orders, input)
            ? { value: orders[input as keyof typeof orders] }
            : { fault: { key: "FIELD_INVALID" } as const },
      },
    }) as const;

  return showing<UserList>(admin, {
    name: "admin_users",
    path: `${admin.path}/users`,
    page: "adminUsers",
    title: "ADMIN_USERS",
    async read(rq) {
      const roles = (await kernel.roles.list()).map(({ name }) => name);
      const filter = await readFilter(rq, fieldsWith(roles));
      const { searchParams } = rq.url;
      const after = searchParams.get("after") ?? undefined;
      const before = searchParams.get("before") ?? undefined;
      const { faults } = filter;
      if (Object.keys(faults).length > 0) {
        return { filter, faults, roles, users: [], next: undefined, previous: undefined };
      }
      const { search, role, active, sort: by } = filter.values;
      const query = { search, role, active, sort: by?.sort, order: by?.order, limit: admin.pageSize };
      try {
        const page = await kernel.users.page({ ...query, ...(after === undefined ? { before } : { after }) });
        return { filter, faults, roles, ...page };
      } catch (error) {
        // A cursor that is none of this list's: the page begins anew.
        if (!(error instanceof PortcullisError && error.code === "invalid_field")) throw error;
        const field = after === undefined ? "before" : "after";
        const page = await kernel.users.page(query);
        return { filter, faults: { [field]: [{ key: "FIELD_INVALID" }] }, roles, ...page };
      }
    },
    faults: ({ faults }) => faults,
    json: ({ users, next, previous }) => ({
      users: users.map(userJson),
      next: next ?? null,
      previous: previous ?? null,
    }),
    sections: (shown, rq) => [listSection(admin, rq, shown, fieldsWith(shown.roles))],
  });
}

function listSection(
  admin: Administration,
  rq: SecurityRequest,
  { filter, users, next, previous }: UserList,
  fields: Parameters<typeof filterView>[2],
): SectionView {
  const sorted = filter.typed["sort"] ?? "";
  /** The head of a column that sorts: up, and when it is sorted so, down. */
  const sorting = (up: string, down: string): Pick<TableView["columns"][number], "sort"> => ({
    sort: {
      href: withQuery(rq.path, filter.query, { sort: sorted === up ? down : up }),
      ...(sorted === up ? { direction: "ascending" } : sorted === down ? { direction: "descending" } : {}),
    },
  });
  const columns = [
    // Those of a role come by their number.
    { key: "LABEL_EMAIL", ...(filter.values.role === undefined ? sorting("email", "email-desc") : {}) },
    { key: "LABEL_USERNAME" },
    { key: "ADMIN_ROLES" },
    { key: "ADMIN_STATE" },
    { key: "ADMIN_LAST_SIGN_IN" },
    // While searching the order is that of addresses.
    { key: "ADMIN_CREATED", ...(filter.values.search === undefined ? sorting("", "newest") : {}) },
  ] as const;
  return {
    filter: filterView(rq, rq.path, fields, filter),
    table: {
      label: text(rq, "ADMIN_USERS"),
      columns: columns.map(({ key, ...sort }) => ({ text: text(rq, key), ...sort })),
      rows: users.map((user) => [
        { text: user.email, href: pathOf(admin, "admin_user", { id: user.id }) },
        { text: user.username ?? "" },
        { ...badges(user.roles) },
        { text: text(rq, user.active ? "ADMIN_ACTIVE" : "ADMIN_INACTIVE") },
        time(rq, user.currentLoginAt ?? user.lastLoginAt),
        time(rq, user.createDatetime),
      ]),
      empty: text(rq, "ADMIN_NONE"),
    },
    links: [
      ...(previous === undefined
        ? []
        : [{ href: withQuery(rq.path, filter.query, { before: previous }), text: text(rq, "ADMIN_PREVIOUS") }]),
      ...(next === undefined
        ? []
        : [{ href: withQuery(rq.path, filter.query, { after: next }), text: text(rq, "ADMIN_NEXT") }]),
      { href: pathOf(admin, "admin_user_create"), text: text(rq, "ADMIN_CREATE_USER") },
    ],
  };
}

/** A user as JSON: nothing that could be used to sign in. */
export function userJson(user: Account): Readonly<Record<string, unknown>> {
  const iso = (date: Date | null): string | null => date?.toISOString() ?? null;
  return {
    id: user.id,
    email: user.email,
    username: user.username,
    active: user.active,
    confirmed_at: iso(user.confirmedAt),
    roles: [...user.roles].sort(),
    permissions: [...user.permissions].sort(),
    own_permissions: [...user.ownPermissions].sort(),
    create_datetime: iso(user.createDatetime),
    update_datetime: iso(user.updateDatetime),
    last_login_at: iso(user.lastLoginAt),
    current_login_at: iso(user.currentLoginAt),
    login_count: user.loginCount,
  };
}
