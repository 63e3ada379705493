import { authRequired } from "../../authz/guards/authentication.ts";
import { unlessWithdrawn } from "../../datastore/held-account.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { MessageKey } from "../../i18n/catalogue.ts";
import { lengthOfTime } from "../../i18n/length-of-time.ts";
import type { Account } from "../../model/account.ts";
import { isService } from "../../model/account.ts";
import type { BannerView } from "../../views/contract.ts";
import { done, type Endpoint, endpoint, goTo, refused } from "../endpoint.ts";
import { textField } from "../fields.ts";
import { shownForField } from "../shown-for.ts";
import { userInPath } from "../user-path.ts";
import { type Administration, changingPage, pathOf } from "./pages.ts";

/** What an administrator may act as: an active person who is no administrator, unless the option says otherwise. */
export function impersonationRule(options: {
  readonly permission: string;
  readonly administrators: boolean;
}): (administrator: Account, user: Account) => boolean {
  return (administrator, user) =>
    administrator.id !== user.id &&
    administrator.active &&
    user.active &&
    !isService(user) &&
    administrator.hasPermission(options.permission) &&
    (options.administrators || !user.hasPermission(options.permission));
}

/** `/admin/users/:id/impersonate` begins to act as a user, for a reason; `/admin/impersonation/end` ends it. */
export function impersonationPages(
  admin: Administration,
  may: (administrator: Account, user: Account) => boolean,
): readonly Endpoint[] {
  const { kernel, impersonation } = admin;
  if (impersonation === undefined) return [];
  const objection = (rq: SecurityRequest, user: Account): MessageKey | undefined => {
    const administrator = rq.identity?.account;
    return administrator !== undefined && may(administrator, user) ? undefined : "IMPERSONATION_NOT_POSSIBLE";
  };

  const begin = changingPage(admin, {
    name: "admin_impersonate",
    path: `${admin.path}/users/:id/impersonate`,
    title: "IMPERSONATE",
    submitLabel: "IMPERSONATE",
    fields: { reason: textField({ label: "IMPERSONATE_REASON", autocomplete: "off", required: true }) },
    read: (rq) => userInPath(admin.kernel, rq),
    account: (user) => user,
    intro: (rq, user) => ({
      key: "IMPERSONATE_ASK",
      params: { user: user.email, time: lengthOfTime(rq.catalogue.language, impersonation.life) },
    }),
    objection,
    async submit({ rq, fields }, user, { asked }) {
      const administrator = rq.identity?.account;
      if (administrator === undefined) return refused("UNAUTHENTICATED");
      const reason = fields.reason.trim();
      const refusal = await rq.system.events.ask("impersonate", { user, administrator, reason }, rq);
      if (refusal !== undefined) return refused(refusal.refuse);
      const { life } = impersonation;
      const identity = await unlessWithdrawn(() =>
        kernel.signIn.impersonation.begin(rq, user, { life, reason, asked }),
      );
      if (identity === undefined) return refused("IMPERSONATION_NOT_POSSIBLE");
      return done(kernel.destinations.afterSignIn(rq), {
        message: { key: "IMPERSONATION_STARTED", params: { user: user.email } },
        response: { user: identity.account.securityPayload(), csrf_token: rq.system.csrf.token(rq) },
        followNext: false,
      });
    },
    back: (user) => pathOf(admin, "admin_user", { id: user.id }),
  });

  const end = endpoint({
    name: "end_impersonation",
    path: `${admin.path}/impersonation/end`,
    authz: authRequired("session"),
    authn: ["session"],
    whileImpersonating: true,
    page: "endImpersonation",
    title: "IMPERSONATION_END",
    submitLabel: "IMPERSONATION_END",
    fields: {},
    // Whoever is themselves already has nothing to end.
    show: (rq) =>
      rq.identity?.impersonator === undefined && !rq.wantsJson ? goTo(kernel.path("admin") ?? admin.path) : {},
    async submit({ rq }) {
      const user = rq.identity?.account;
      if (user === undefined || rq.identity?.impersonator === undefined) return refused("ACTION_REFUSED");
      const own = await kernel.signIn.impersonation.end(rq);
      // Their own session was over as well.
      if (own === undefined) return goTo(kernel.path("login") ?? "/", { key: "LOGGED_OUT" });
      return done(pathOf(admin, "admin_user", { id: user.id }), {
        message: { key: "IMPERSONATION_ENDED" },
        response: { user: own.account.securityPayload(), csrf_token: rq.system.csrf.token(rq) },
        followNext: false,
      });
    },
  });
  return [begin, end];
}

/** What stands above every page while somebody acts as another user; `end` is the path that ends it. */
export function impersonationBanner(rq: SecurityRequest, end: string | undefined): BannerView | undefined {
  const { identity } = rq;
  if (identity?.impersonator === undefined) return undefined;
  const said = rq.text("IMPERSONATION_BANNER", {
    administrator: identity.impersonator.email,
    user: identity.account.email,
  });
  if (end === undefined) return { text: said };
  const hidden = { csrf_token: rq.system.csrf.token(rq), [shownForField]: rq.system.formNames.of(identity.account) };
  return { text: said, action: { path: end, text: rq.text("IMPERSONATION_END"), hidden } };
}
