import type { SecurityRequest } from "../../http/request.ts";
import { UniqueConflictError } from "../../model/errors.ts";
import type { Role } from "../../model/user.ts";
import { forbidden, mayChangeRole } from "../acting.ts";
import { type Answer, done, type Endpoint, invalid } from "../endpoint.ts";
import { type Field, textField } from "../fields.ts";
import { withQuery } from "./filters.ts";
import { type Administration, badges, changingPage, pathOf, showing, text } from "./pages.ts";
import { permissionsField, unknownPermission } from "./permissions.ts";
import { keepingAdministrators } from "./user-actions.ts";

/** `/admin/roles`, `/admin/roles/new`, `/admin/roles/:role` with its permissions, and the page that asks before one is deleted. */
export function rolePages(admin: Administration): readonly Endpoint[] {
  return [list(admin), create(admin), one(admin), edit(admin), remove(admin)];
}

/** The role that the path names. */
function roleOf(admin: Administration, name: string | undefined): Promise<Role | undefined> {
  return name === undefined || name.length > 80 ? Promise.resolve(undefined) : admin.kernel.roles.find(name);
}

function list(admin: Administration): Endpoint {
  return showing<readonly Role[]>(admin, {
    name: "admin_roles",
    path: `${admin.path}/roles`,
    page: "adminRoles",
    title: "ADMIN_ROLES",
    read: () => admin.kernel.roles.list(),
    json: (roles) => ({ roles: roles.map(roleJson) }),
    sections: (roles, rq) => [
      {
        table: {
          label: text(rq, "ADMIN_ROLES"),
          columns: (["ADMIN_NAME", "ADMIN_DESCRIPTION", "ADMIN_PERMISSIONS"] as const).map((key) => ({
            text: text(rq, key),
          })),
          rows: roles.map(({ name, description, permissions }) => [
            { text: name, href: pathOf(admin, "admin_role", { role: name }) },
            { text: description ?? "" },
            badges(permissions),
          ]),
          empty: text(rq, "ADMIN_NONE"),
        },
        links: [{ href: pathOf(admin, "admin_role_create"), text: text(rq, "ADMIN_CREATE_ROLE") }],
      },
    ],
  });
}

function roleJson({ name, description, permissions }: Role): Readonly<Record<string, unknown>> {
  return { name, description, permissions };
}

function one(admin: Administration): Endpoint {
  return showing<Role>(admin, {
    name: "admin_role",
    path: `${admin.path}/roles/:role`,
    page: "adminRole",
    title: "ADMIN_ROLE",
    read: (rq) => roleOf(admin, rq.context?.req.param("role")),
    json: (role) => ({ role: roleJson(role) }),
    sections: (role, rq) => [
      {
        title: role.name,
        facts: [
          ...(role.description === null ? [] : [{ label: text(rq, "ADMIN_DESCRIPTION"), text: role.description }]),
          { label: text(rq, "ADMIN_PERMISSIONS"), ...badges(role.permissions) },
        ],
        links: [
          { href: pathOf(admin, "admin_role_edit", { role: role.name }), text: text(rq, "ADMIN_EDIT_ROLE") },
          ...(admin.kernel.declaredRoles.has(role.name)
            ? []
            : [{ href: pathOf(admin, "admin_role_delete", { role: role.name }), text: text(rq, "ADMIN_DELETE_ROLE") }]),
          {
            href: withQuery(pathOf(admin, "admin_users"), new URLSearchParams({ role: role.name })),
            text: text(rq, "ADMIN_USERS"),
          },
        ],
      },
    ],
  });
}

/** Somebody out of the caller's reach has it, would come out of reach by it, or too many have it to ask of each. */
function outOfReachOf(rq: SecurityRequest, { name }: Role): Answer {
  return forbidden(rq, `may not manage everybody who has the role ${name}`);
}

/** A role's name: one word, as routes and the user's list of roles write it. */
const nameField: Field<string> = {
  ...textField({ label: "ADMIN_NAME", autocomplete: "off", required: true }),
  maxLength: 80,
  parse(input) {
    if (typeof input !== "string") return { fault: { key: "FIELD_REQUIRED" } };
    const name = input.trim();
    const fine = /^[^\s,\p{Cc}]+$/u.test(name) && name.isWellFormed() && name.length <= 80;
    return fine && !/^(?:OPEN|AUTH|CLOSE)$|^permission:/.test(name)
      ? { value: name }
      : { fault: { key: "ADMIN_ROLE_INVALID" } };
  },
};

function create(admin: Administration): Endpoint {
  return changingPage(admin, {
    name: "admin_role_create",
    path: `${admin.path}/roles/new`,
    title: "ADMIN_CREATE_ROLE",
    submitLabel: "ADMIN_CREATE_ROLE",
    fields: {
      name: nameField,
      description: textField({ label: "ADMIN_DESCRIPTION", autocomplete: "off", required: false }),
      permissions: permissionsField("ADMIN_PERMISSIONS", admin.kernel.declaredPermissions),
    },
    read: () => true as const,
    account: () => undefined,
    async submit({ fields }, _all, asked) {
      const { name, description, permissions } = fields;
      const unknown = unknownPermission(permissions, admin.kernel.declaredPermissions, new Set());
      if (unknown !== undefined) return invalid({ permissions: [unknown] });
      try {
        const described = description === "" ? {} : { description };
        await admin.kernel.roles.create(name, { ...described, permissions, ...asked });
      } catch (error) {
        if (error instanceof UniqueConflictError) return invalid({ name: [{ key: "ADMIN_ROLE_EXISTS" }] });
        throw error;
      }
      return done(pathOf(admin, "admin_role", { role: name }), { message: { key: "ADMIN_ROLE_CREATED" } });
    },
    back: () => pathOf(admin, "admin_roles"),
  });
}

function edit(admin: Administration): Endpoint {
  const { roles } = admin.kernel;
  return changingPage(admin, {
    name: "admin_role_edit",
    path: `${admin.path}/roles/:role/edit`,
    title: "ADMIN_EDIT_ROLE",
    submitLabel: "ADMIN_SAVE",
    fields: { permissions: permissionsField("ADMIN_PERMISSIONS", admin.kernel.declaredPermissions) },
    read: (rq) => roleOf(admin, rq.context?.req.param("role")),
    account: () => undefined,
    intro: (_rq, role) => ({ key: "ADMIN_FOR_ROLE", params: { role: role.name } }),
    initial: (role) => ({ permissions: role.permissions.join(", ") }),
    submit: ({ rq, fields }, role, asked) =>
      keepingAdministrators(async () => {
        const wanted = new Set(fields.permissions);
        const had = new Set(role.permissions);
        const unknown = unknownPermission(fields.permissions, admin.kernel.declaredPermissions, had);
        if (unknown !== undefined) return invalid({ permissions: [unknown] });
        if (!(await mayChangeRole(rq, admin.kernel, role.name, wanted))) return outOfReachOf(rq, role);
        await roles.setPermissions(role.name, fields.permissions, asked);
        return done(pathOf(admin, "admin_role", { role: role.name }), { message: { key: "ADMIN_ROLE_SAVED" } });
      }),
    back: (role) => pathOf(admin, "admin_role", { role: role.name }),
  });
}

function remove(admin: Administration): Endpoint {
  const { kernel } = admin;
  return changingPage(admin, {
    name: "admin_role_delete",
    path: `${admin.path}/roles/:role/delete`,
    title: "ADMIN_DELETE_ROLE",
    submitLabel: "ADMIN_DELETE_ROLE",
    fields: {},
    read: (rq) => roleOf(admin, rq.context?.req.param("role")),
    account: () => undefined,
    intro: (_rq, role) => ({ key: "ADMIN_DELETE_ROLE_ASK", params: { role: role.name } }),
    // It would be there again at the next start, without its permissions.
    objection: (_rq, role) => (kernel.declaredRoles.has(role.name) ? "ADMIN_ROLE_DECLARED" : undefined),
    submit: ({ rq }, role, asked) =>
      keepingAdministrators(async () => {
        if (!(await mayChangeRole(rq, kernel, role.name, undefined))) return outOfReachOf(rq, role);
        await kernel.roles.delete(role.name, asked);
        return done(pathOf(admin, "admin_roles"), { message: { key: "ADMIN_ROLE_DELETED" } });
      }),
    back: (role) => pathOf(admin, "admin_role", { role: role.name }),
  });
}
