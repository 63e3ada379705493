import { type Duration, milliseconds } from "../../model/duration.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { formPage, sectionsPage } from "../../views/pages.ts";
import { type Endpoint, endpoint, goTo, refused } from "../endpoint.ts";
import type { Feature } from "../feature.ts";
import { checkOptions, checkPath } from "../options.ts";
import { auditPages } from "./audit.ts";
import { impersonationPages, impersonationRule } from "./impersonation.ts";
import { keyPages } from "./keys.ts";
import { limitsPage } from "./limits.ts";
import { matrixPage } from "./matrix.ts";
import { outboxPages } from "./outbox.ts";
import { type Administration, mayLook } from "./pages.ts";
import { rolePages } from "./roles.ts";
import { sessionPages } from "./sessions.ts";
import { userPage } from "./user.ts";
import { userActions } from "./user-actions.ts";
import { userForms } from "./user-forms.ts";
import { usersPage } from "./users.ts";

/** Options of the feature `administration`. */
export interface AdministrationOptions {
  /** Where the pages are; default "/admin". */
  readonly path?: string;
  /** Who may see and use them; default "admin". */
  readonly permission?: string;
  /** Rows a page, 1 to 200; default 25. */
  readonly pageSize?: number;
  /** How administrators act as other users; false: not at all. */
  readonly impersonation?: ImpersonationOptions | false;
}

/** How administrators act as other users. */
export interface ImpersonationOptions {
  /** It ends after so long, at most "8h"; default "30m". */
  readonly life?: Duration;
  /** Also as other administrators; default false. */
  readonly administrators?: boolean;
}

const longestLife = 8 * 3_600_000;

/**
 * `/admin`: users, roles, sessions, the audit trail, limits and locks, what waits to be sent and the access matrix as pages for administrators,
 * and acting as another user. Every change needs a fresh proof of identity.
 */
export function administration(options: AdministrationOptions = {}): Feature {
  const settings = checked(options);
  const rule = impersonationRule(settings);
  return {
    name: "administration",
    requires: ["passwords"],
    administrators: settings.permission,
    pages: {
      adminUsers: sectionsPage,
      adminUser: sectionsPage,
      adminRoles: sectionsPage,
      adminRole: sectionsPage,
      adminSessions: sectionsPage,
      adminAudit: sectionsPage,
      adminMatrix: sectionsPage,
      adminLimits: sectionsPage,
      adminOutbox: sectionsPage,
      adminForm: formPage,
      endImpersonation: formPage,
    },
    ...(settings.impersonation === undefined ? {} : { mayImpersonate: rule }),
    endpoints(kernel) {
      if (!kernel.sessions.enabled) {
        throw new ConfigurationError(
          "features",
          '"administration" needs sessions; leave it out: sessions.enabled is false',
        );
      }
      if (!kernel.declaredPermissions.has(settings.permission)) {
        throw new ConfigurationError(
          "administration.permission",
          `there is no permission "${settings.permission}"; add it to the option permissions`,
        );
      }
      const admin: Administration = { kernel, ...settings };
      return [
        start(admin),
        usersPage(admin),
        ...userForms(admin),
        userPage(admin, rule),
        ...userActions(admin),
        ...keyPages(admin),
        ...impersonationPages(admin, rule),
        ...rolePages(admin),
        ...sessionPages(admin),
        ...auditPages(admin),
        limitsPage(admin),
        ...outboxPages(admin),
        matrixPage(admin),
      ];
    },
  };
}

function checked(
  options: AdministrationOptions,
): Omit<Administration, "kernel"> & { readonly administrators: boolean } {
  checkOptions("administration", options, {
    path: "string",
    permission: "string",
    pageSize: "number",
    impersonation: options.impersonation === false ? "boolean" : "object",
  });
  const { path = "/admin", permission = "admin", pageSize = 25, impersonation = {} } = options;
  checkPath("administration.path", path);
  if (permission === "" || /[,\s]/.test(permission)) {
    throw new ConfigurationError("administration.permission", "must be the name of a permission");
  }
  if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > 200) {
    throw new ConfigurationError("administration.pageSize", "a whole number from 1 to 200 is expected");
  }
  const shared = { path, permission, pageSize };
  if (impersonation === false) return { ...shared, impersonation: undefined, administrators: false };
  if (impersonation === null || Array.isArray(impersonation)) {
    throw new ConfigurationError("administration.impersonation", "an object or false is expected");
  }
  checkOptions("administration.impersonation", impersonation, { life: "string", administrators: "boolean" });
  const life = milliseconds("administration.impersonation.life", impersonation.life ?? "30m");
  if (life > longestLife) throw new ConfigurationError("administration.impersonation.life", 'must be at most "8h"');
  return { ...shared, impersonation: { life }, administrators: impersonation.administrators === true };
}

/** The administration's own address leads to the users. */
function start(admin: Administration): Endpoint {
  return endpoint({
    name: "admin",
    path: admin.path,
    methods: ["GET"],
    authz: mayLook(admin),
    authn: ["session"],
    page: "adminUsers",
    title: "ADMIN",
    submitLabel: "ADMIN_SHOW",
    fields: {},
    show: (rq) => (rq.wantsJson ? {} : goTo(admin.kernel.path("admin_users") ?? admin.path)),
    submit: () => refused("METHOD_NOT_ALLOWED"),
  });
}
