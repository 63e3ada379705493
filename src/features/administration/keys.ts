import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import type { SectionView } from "../../views/contract.ts";
import { done, type Endpoint } from "../endpoint.ts";
import { userInPath } from "../user-path.ts";
import { type Administration, changingPage, pathOf, text, time } from "./pages.ts";

/** `/admin/users/:id/keys/:key/revoke`; only where the feature apiKeys is on. */
export function keyPages(admin: Administration): readonly Endpoint[] {
  const { apiKeys } = admin.kernel;
  if (apiKeys === undefined) return [];
  return [
    changingPage(admin, {
      name: "admin_key_revoke",
      path: `${admin.path}/users/:id/keys/:key/revoke`,
      title: "ADMIN_REVOKE_KEY",
      submitLabel: "ADMIN_REVOKE",
      fields: {},
      async read(rq) {
        const user = await userInPath(admin.kernel, rq);
        const id = rq.context?.req.param("key");
        const key = user === undefined ? undefined : (await apiKeys.of(user.id)).find((one) => one.id === id);
        return user === undefined || key === undefined ? undefined : { user, key };
      },
      account: ({ user }) => user,
      intro: (_rq, { user, key }) => ({ key: "ADMIN_REVOKE_KEY_ASK", params: { name: key.name, user: user.email } }),
      async submit(_request, { user, key }, asked) {
        await apiKeys.revoke(user.id, key.id, asked);
        return done(pathOf(admin, "admin_user", { id: user.id }), { message: { key: "ADMIN_KEY_REVOKED" } });
      },
      back: ({ user }) => pathOf(admin, "admin_user", { id: user.id }),
    }),
  ];
}

/** The keys of one user, as a part of their page; none where the feature is off. */
export async function keySections(
  admin: Administration,
  rq: SecurityRequest,
  user: Account,
): Promise<readonly SectionView[]> {
  const { apiKeys } = admin.kernel;
  if (apiKeys === undefined) return [];
  const keys = await apiKeys.of(user.id);
  const columns = [
    "ADMIN_NAME",
    "ADMIN_KEY",
    "ADMIN_CREATED",
    "ADMIN_LAST_USED",
    "ADMIN_ENDS",
    "ADMIN_ACTIONS",
  ] as const;
  return [
    {
      title: text(rq, "ADMIN_KEYS"),
      table: {
        label: text(rq, "ADMIN_KEYS"),
        columns: columns.map((key) => ({ text: text(rq, key) })),
        rows: keys.map((key) => [
          { text: key.name },
          { text: `${apiKeys.settings.prefix}_${key.id}` },
          time(rq, key.createdAt),
          time(rq, key.lastUsedAt),
          time(rq, key.expiresAt),
          {
            text: text(rq, "ADMIN_REVOKE"),
            href: pathOf(admin, "admin_key_revoke", { id: user.id, key: key.id }),
          },
        ]),
        empty: text(rq, "ADMIN_NONE"),
      },
    },
  ];
}
