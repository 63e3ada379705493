import type { AuditEntry } from "../../audit/entry.ts";
import { readable } from "../../audit/file.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { MessageKey } from "../../i18n/catalogue.ts";
import type { Account } from "../../model/account.ts";
import { labelIn, labelOfColumn } from "../../model/label.ts";
import type { Column } from "../../model/schema.ts";
import type { Session } from "../../model/session.ts";
import type { CellView, LabelledCell, PageLink, SectionView } from "../../views/contract.ts";
import { mayActOn } from "../acting.ts";
import type { Endpoint } from "../endpoint.ts";
import { day } from "../moment.ts";
import { userInPath } from "../user-path.ts";
import { trailTable } from "./audit.ts";
import { withQuery } from "./filters.ts";
import { keySections } from "./keys.ts";
import { type Administration, badges, namesOf, pathOf, showing, text, time } from "./pages.ts";
import { sessionSection } from "./sessions.ts";
import { actionsFor } from "./user-actions.ts";
import { userJson } from "./users.ts";

interface UserView {
  readonly user: Account;
  readonly sessions: readonly Session[];
  readonly entries: readonly AuditEntry[];
  readonly lockedUntil: number | undefined;
}

/** So many of the latest entries of the trail stand on a user's page. */
const entriesShown = 10;

/** `/admin/users/:id`: profile, access, ways to sign in, sessions and the latest events of one user, and all that can be done. */
export function userPage(
  admin: Administration,
  mayImpersonate: (administrator: Account, user: Account) => boolean,
): Endpoint {
  const { kernel } = admin;
  return showing<UserView>(admin, {
    name: "admin_user",
    path: `${admin.path}/users/:id`,
    page: "adminUser",
    title: "ADMIN_USER",
    async read(rq) {
      const user = await userInPath(admin.kernel, rq);
      if (user === undefined) return undefined;
      const [lockout] = await kernel.limits.locked({ after: user.id - 1, limit: 2 });
      return {
        user,
        sessions: await kernel.sessions.of(user),
        entries: await kernel.audit.list({ user, limit: entriesShown }),
        lockedUntil: lockout?.userId === user.id ? lockout.lockedUntil : undefined,
      };
    },
    json: ({ user, sessions, entries, lockedUntil }) => ({
      user: userJson(user),
      locked_until: lockedUntil === undefined ? null : new Date(lockedUntil).toISOString(),
      sessions: sessions.length,
      trail: entries.map(readable),
    }),
    async sections(shown, rq) {
      const { user, sessions, entries } = shown;
      const names = await namesOf(
        admin,
        entries.flatMap(({ userId, actorId }) => [userId, actorId]),
      );
      const administrator = rq.identity?.account;
      const reached = await mayActOn(rq, user);
      const acts =
        reached &&
        admin.impersonation !== undefined &&
        administrator !== undefined &&
        mayImpersonate(administrator, user);
      return [
        { title: user.email, facts: profile(admin, rq, shown) },
        {
          title: text(rq, "ADMIN_ACTIONS"),
          links: [
            ...(reached ? actionsFor(admin, rq, user) : []),
            ...(acts ? [linkTo(admin, rq, user, "admin_impersonate", "IMPERSONATE")] : []),
          ],
        },
        {
          title: text(rq, "ADMIN_ACCESS"),
          facts: [
            { label: text(rq, "ADMIN_ROLES"), ...badges(user.roles) },
            { label: text(rq, "ADMIN_PERMISSIONS"), ...badges(user.permissions) },
            { label: text(rq, "ADMIN_PERMISSIONS_OWN"), ...badges(user.ownPermissions) },
          ],
          links: reached
            ? [
                linkTo(admin, rq, user, "admin_user_roles", "ADMIN_USER_ROLES"),
                linkTo(admin, rq, user, "admin_user_permissions", "ADMIN_SET_PERMISSIONS"),
              ]
            : [],
        },
        await credentials(admin, rq, user),
        ...(await keySections(admin, rq, user)),
        sessionSection(admin, rq, sessions),
        {
          title: text(rq, "ADMIN_TRAIL"),
          table: trailTable(admin, rq, entries, names),
          links: [
            {
              href: withQuery(pathOf(admin, "admin_audit"), new URLSearchParams({ user: String(user.id) })),
              text: text(rq, "ADMIN_AUDIT"),
            },
          ],
        },
      ];
    },
  });
}

function linkTo(admin: Administration, rq: SecurityRequest, user: Account, name: string, key: MessageKey): PageLink {
  return { href: pathOf(admin, name, { id: user.id }), text: text(rq, key) };
}

function profile(admin: Administration, rq: SecurityRequest, { user, lockedUntil }: UserView): readonly LabelledCell[] {
  const fact = (key: MessageKey, cell: CellView): readonly LabelledCell[] =>
    cell.text === "" ? [] : [{ label: text(rq, key), ...cell }];
  const own = [...admin.kernel.ownColumns].flatMap(([name, column]): readonly LabelledCell[] => {
    const value = (user as unknown as Readonly<Record<string, unknown>>)[name];
    return value === null || value === undefined
      ? []
      : [{ label: labelIn(labelOfColumn(name, column), rq.catalogue.language), ...shownValue(rq, value, column) }];
  });
  return [
    ...fact("ADMIN_ID", { text: String(user.id) }),
    ...fact("LABEL_USERNAME", { text: user.username ?? "" }),
    ...fact("ADMIN_STATE", { text: text(rq, user.active ? "ADMIN_ACTIVE" : "ADMIN_INACTIVE") }),
    ...fact("ADMIN_LOCKED_UNTIL", time(rq, lockedUntil)),
    ...fact("ADMIN_CONFIRMED", time(rq, user.confirmedAt)),
    ...fact("ADMIN_LAST_SIGN_IN", time(rq, user.currentLoginAt ?? user.lastLoginAt)),
    ...fact("ADMIN_SIGN_INS", { text: user.loginCount === null ? "" : String(user.loginCount) }),
    ...fact("ADMIN_CREATED", time(rq, user.createDatetime)),
    ...fact("ADMIN_CHANGED", time(rq, user.updateDatetime)),
    ...own,
  ];
}

/** A value of the application's own, as people of the page's language write it. */
function shownValue(rq: SecurityRequest, value: unknown, { type }: Column): CellView {
  if (value instanceof Date) return time(rq, value);
  if (typeof value === "boolean") return { text: text(rq, value ? "ADMIN_YES" : "ADMIN_NO") };
  // Numbers as they are: nobody knows whether they count something.
  return type === "date" ? day(rq.catalogue, String(value)) : { text: String(value) };
}

/** Whether there is a password, and what the features know of factors and keys. */
async function credentials(admin: Administration, rq: SecurityRequest, user: Account): Promise<SectionView> {
  const remembered = await admin.kernel.sessions.remembered(user);
  return {
    title: text(rq, "ADMIN_CREDENTIALS"),
    facts: [
      { label: text(rq, "LABEL_PASSWORD"), text: text(rq, user.password === null ? "ADMIN_NO" : "ADMIN_YES") },
      { label: text(rq, "DEVICE_REMEMBERED_COUNT"), text: String(remembered.length) },
      ...(await admin.kernel.waysToSignIn(rq, user)),
    ],
  };
}
