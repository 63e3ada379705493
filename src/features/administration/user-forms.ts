import type { ChangeOptions } from "../../datastore/user-operations.ts";
import type { SecurityRequest } from "../../http/request.ts";
import { type Account, futureAccount, isService, withColumns } from "../../model/account.ts";
import { UniqueConflictError } from "../../model/errors.ts";
import { labelOfColumn } from "../../model/label.ts";
import type { Row } from "../../model/schema.ts";
import { askAs, forbidden, futureOf, mayActOn, mayMake, outOfReach } from "../acting.ts";
import { type Answer, done, type Endpoint, endpoint, invalid, notFound, refused } from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import {
  addressFault,
  checkboxField,
  emailField,
  type Fault,
  type Field,
  hiddenField,
  passwordField,
} from "../fields.ts";
import { ownFields, ownValues } from "../own-fields.ts";
import { emitIdentityChanged, mailIdentityChanged } from "../owner-notices.ts";
import { policyFaults, setCheckedPassword } from "../passwords/checked-password.ts";
import { newPasswordFaults, newPasswordFields } from "../passwords/new-password.ts";
import { takenFault } from "../taken-columns.ts";
import { userInPath } from "../user-path.ts";
import { type Administration, changingPage, concernedBy, mayChange, once, pathOf, text, unlessGone } from "./pages.ts";
import { permissionsField, unknownPermission } from "./permissions.ts";
import { isYourself, keepingAdministrators } from "./user-actions.ts";

/** The forms of the administration that make and change accounts. */
export function userForms(admin: Administration): readonly Endpoint[] {
  return [create(admin), edit(admin), password(admin), permissions(admin), roles(admin)];
}

const backToUser =
  (admin: Administration) =>
  ({ id }: Account): string =>
    pathOf(admin, "admin_user", { id });

const about = (_rq: SecurityRequest, user: Account): Fault => ({
  key: "ADMIN_FOR_USER",
  params: { user: user.email },
});

/** The field of the feature `usernames`; where that is off there are no usernames. */
function usernameFields(kernel: Kernel): Readonly<Record<string, Field<unknown>>> {
  const service = kernel.services.usernames;
  return service === undefined ? {} : { username: service.field };
}

/** `/admin/users/new`. */
function create(admin: Administration): Endpoint {
  const { kernel } = admin;
  const fields: Readonly<Record<string, Field<unknown>>> = {
    email: emailField({ reaches: kernel.mail.reaches }),
    ...usernameFields(kernel),
    password: passwordField({
      autocomplete: "new-password",
      optional: true,
      hint: { key: "HINT_PASSWORD_LENGTH", params: { min: kernel.policy.minLength } },
    }),
    confirmed: checkboxField("ADMIN_CONFIRMED"),
    ...ownFields(kernel),
  };
  return changingPage<true, typeof fields>(admin, {
    name: "admin_user_create",
    path: `${admin.path}/users/new`,
    title: "ADMIN_CREATE_USER",
    submitLabel: "ADMIN_CREATE_USER",
    fields,
    read: () => true as const,
    account: () => undefined,
    async submit({ rq, fields }, _nobody, asked) {
      const values: Readonly<Record<string, unknown>> = fields;
      const email = values["email"] as string;
      const username = (values["username"] as string | undefined) ?? null;
      const given = values["password"] as string;
      if (given !== "") {
        const faults = await policyFaults(kernel, { email, username }, given);
        if (faults.length > 0) return invalid({ password: faults });
      }
      if (username !== null && (await kernel.services.usernames?.taken(username)) === true) {
        return invalid(taken("username", username));
      }
      const future =
        rq.identity &&
        futureAccount(rq.identity.account, {
          ...ownValues(kernel, values),
          ...{ email, username, active: true, roles: [], ownPermissions: [] },
          confirmedAt: values["confirmed"] === true ? new Date(rq.system.now()) : null,
        });
      if (future === undefined || !(await mayMake(rq, future))) {
        return forbidden(rq, "may not make such a user");
      }
      return unlessTaken(kernel, { email, username }, ownValues(kernel, values), async () => {
        const input = {
          email,
          ...(username === null ? {} : { username }),
          password: given === "" ? null : given,
          confirmedAt: values["confirmed"] === true ? new Date(rq.system.now()) : null,
          ...ownValues(kernel, values),
        };
        const user = await kernel.users.create(input, asked);
        return done(pathOf(admin, "admin_user", { id: user.id }), {
          message: { key: "ADMIN_USER_CREATED" },
          response: { id: user.id },
        });
      });
    },
    back: () => pathOf(admin, "admin_users"),
  });
}

/** `/admin/users/:id/edit`: address, username, and the application's own columns. */
function edit(admin: Administration): Endpoint {
  const { kernel } = admin;
  const fields: Readonly<Record<string, Field<unknown>>> = {
    email: emailField(),
    ...usernameFields(kernel),
    ...ownFields(kernel),
  };
  return changingPage<Account, typeof fields>(admin, {
    name: "admin_user_edit",
    path: `${admin.path}/users/:id/edit`,
    title: "ADMIN_EDIT_USER",
    submitLabel: "ADMIN_SAVE",
    fields,
    read: (rq) => userInPath(admin.kernel, rq),
    account: (user) => user,
    intro: about,
    initial: (user) => {
      const row = user as unknown as Readonly<Record<string, unknown>>;
      return Object.fromEntries(Object.keys(fields).map((name) => [name, typedOf(row[name])]));
    },
    async submit({ rq, fields }, user, { asked }) {
      const values: Readonly<Record<string, unknown>> = fields;
      const email = values["email"] as string;
      const fault = addressFault(kernel.mail.reaches, email, user.email);
      if (fault !== undefined) return invalid({ email: [fault] });
      const hasNames = kernel.services.usernames !== undefined;
      const username = hasNames ? ((values["username"] as string | undefined) ?? null) : user.username;
      if (username !== null && username !== user.username) {
        if ((await kernel.services.usernames?.taken(username, user)) === true) {
          return invalid(taken("username", username));
        }
      }
      const { events } = kernel.system;
      return unlessTaken(kernel, { email, username }, ownValues(kernel, values), async () => {
        const own = await changedValues(kernel, rq, user, ownValues(kernel, values));
        // A new address or name ends what hung on the old one; all of it is changed, or nothing.
        const set = {
          ...own,
          ...(email === user.email ? {} : { email }),
          ...(username === user.username ? {} : { username }),
        };
        // An address, a name or a column may be all that makes somebody a member of a group.
        if (!(await mayMake(rq, withColumns(user, set)))) return outOfReach(rq, user);
        let renewed: Account | undefined;
        const keep: ChangeOptions["done"] = async (after, tx) => {
          renewed = after;
          await mailIdentityChanged(kernel, user, after, tx);
        };
        const fields = Object.keys(own);
        const tell = (): void => {
          if (renewed !== undefined) emitIdentityChanged(kernel, user, renewed, rq);
          if (fields.length > 0) events.emit("userUpdated", { userId: user.id, fields });
        };
        if (Object.keys(set).length > 0) await kernel.users.edit(user, set, { asked, done: keep, tell });
        if (renewed !== undefined && isYourself(rq, user)) await kernel.signIn.renew(rq, renewed);
        return done(pathOf(admin, "admin_user", { id: user.id }), { message: { key: "ADMIN_USER_SAVED" } });
      });
    },
    back: backToUser(admin),
  });
}

/**
 * Those of the values that differ from what the user has. A form shows moments to the second, and texts without what their
 * input does not keep: what comes back as it was shown is left as it is.
 */
async function changedValues(kernel: Kernel, rq: SecurityRequest, user: Account, own: Row): Promise<Row> {
  const isForm = (await rq.body()).kind === "form";
  const row = user as unknown as Row;
  const shown = (name: string, value: unknown): unknown => {
    if (value instanceof Date) return isForm ? Math.floor(value.getTime() / 1_000) : value.getTime();
    if (typeof value !== "string") return value ?? null;
    const isLine = isForm && kernel.ownColumns.get(name)?.type === "string";
    return value.replace(/\r\n?|\n/g, isLine ? "" : "\n").trim() || null;
  };
  return Object.fromEntries(
    Object.entries(own).filter(([name, value]) => shown(name, value) !== shown(name, row[name])),
  );
}

/** What a column holds, as JSON has it; the page makes of it what its input takes. */
function typedOf(value: unknown): unknown {
  return value instanceof Date ? value.toISOString() : (value ?? "");
}

function taken(field: "email" | "username", value: string): Readonly<Record<string, readonly Fault[]>> {
  return field === "email"
    ? { email: [{ key: "EMAIL_ALREADY_ASSOCIATED", params: { email: value } }] }
    : { username: [{ key: "USERNAME_ALREADY_ASSOCIATED", params: { username: value } }] };
}

/** Says at its field which value another account has. An administrator may know who is there. */
async function unlessTaken(
  kernel: Kernel,
  values: { readonly email: string; readonly username: string | null },
  own: Readonly<Record<string, unknown>>,
  change: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await change();
  } catch (error) {
    if (!(error instanceof UniqueConflictError)) throw error;
    const { field } = error;
    if (field !== undefined && Object.hasOwn(own, field)) {
      const label = labelOfColumn(field, kernel.ownColumns.get(field) ?? {});
      return invalid({ [field]: [takenFault(label, own[field])] });
    }
    return error.field === "username"
      ? invalid(taken("username", values.username ?? ""))
      : invalid(taken("email", values.email));
  }
}

/** `/admin/users/:id/password`. */
function password(admin: Administration): Endpoint {
  const { kernel } = admin;
  return changingPage(admin, {
    name: "admin_user_password",
    path: `${admin.path}/users/:id/password`,
    title: "ADMIN_SET_PASSWORD",
    submitLabel: "ADMIN_SET_PASSWORD",
    fields: newPasswordFields(kernel, "password", "password_confirm"),
    read: (rq) => userInPath(admin.kernel, rq),
    account: (user) => user,
    intro: about,
    // Whoever changes their own must know the old one.
    objection: (rq, user) =>
      isYourself(rq, user) ? "ADMIN_NOT_YOURSELF" : isService(user) ? "ADMIN_SERVICE_ACCOUNT" : undefined,
    async submit({ rq, fields }, user, { asked }) {
      const faults = await newPasswordFaults(kernel, rq, user, fields, "password", "password_confirm");
      if (faults !== undefined) return invalid(faults);
      const wrong = await setCheckedPassword(kernel, user, fields.password, { asked });
      if (wrong.length > 0) return invalid({ password: wrong });
      return done(pathOf(admin, "admin_user", { id: user.id }), { message: { key: "ADMIN_PASSWORD_SET" } });
    },
    back: backToUser(admin),
  });
}

/** `/admin/users/:id/permissions`: the permissions that the user has beside those of the roles. */
function permissions(admin: Administration): Endpoint {
  const { kernel } = admin;
  return changingPage(admin, {
    name: "admin_user_permissions",
    path: `${admin.path}/users/:id/permissions`,
    title: "ADMIN_SET_PERMISSIONS",
    submitLabel: "ADMIN_SAVE",
    fields: { permissions: permissionsField("ADMIN_PERMISSIONS_OWN", kernel.declaredPermissions) },
    read: (rq) => userInPath(admin.kernel, rq),
    account: (user) => user,
    intro: about,
    initial: (user) => ({ permissions: [...user.ownPermissions].sort().join(", ") }),
    objection: (rq, user) => (isYourself(rq, user) ? "ADMIN_NOT_YOURSELF" : undefined),
    submit: ({ rq, fields }, user, asked) =>
      keepingAdministrators(async () => {
        const unknown = unknownPermission(fields.permissions, kernel.declaredPermissions, user.ownPermissions);
        if (unknown !== undefined) return invalid({ permissions: [unknown] });
        const future = await futureOf(kernel, user, { ownPermissions: fields.permissions });
        if (!(await mayMake(rq, future))) return outOfReach(rq, user);
        await kernel.users.setPermissions(user, fields.permissions, asked);
        return done(pathOf(admin, "admin_user", { id: user.id }), { message: { key: "ADMIN_USER_SAVED" } });
      }),
    back: backToUser(admin),
  });
}

/** `/admin/users/:id/roles`: every role with a button that grants or revokes it. */
function roles(admin: Administration): Endpoint {
  const { kernel } = admin;
  const path = `${admin.path}/users/:id/roles`;
  const read = once((rq) => userInPath(admin.kernel, rq));
  /** The user, where the caller may act on them: a page that is shown again says no more than one that is asked for. */
  const reached = once(async (rq) => {
    const user = await read(rq);
    return user !== undefined && (await mayActOn(rq, user)) ? user : undefined;
  });
  return endpoint({
    name: "admin_user_roles",
    path,
    authz: mayChange(admin),
    authn: ["session"],
    page: "adminUser",
    title: "ADMIN_USER_ROLES",
    submitLabel: "ADMIN_SAVE",
    fields: { role: hiddenField(80), grant: grantField },
    async intro(rq) {
      const user = await reached(rq);
      return user === undefined ? undefined : about(rq, user);
    },
    async show(rq) {
      const user = await read(rq);
      if (user === undefined) return notFound();
      if ((await reached(rq)) === undefined) return outOfReach(rq, user);
      return rq.wantsJson ? { roles: [...user.roles].sort() } : {};
    },
    async list(rq) {
      const user = await reached(rq);
      const all = user === undefined ? [] : await kernel.roles.list();
      return {
        label: text(rq, "ADMIN_ROLES"),
        empty: text(rq, "ADMIN_NONE"),
        actions: [],
        rows: all.map(({ name, description, permissions }) => {
          const has = user?.roles.has(name) === true;
          return {
            id: name,
            title: name,
            ...(has ? { badge: text(rq, "ADMIN_GRANTED") } : {}),
            facts: [
              ...(description === null || description === ""
                ? []
                : [{ label: text(rq, "ADMIN_DESCRIPTION"), text: description }]),
              { label: text(rq, "ADMIN_PERMISSIONS"), text: permissions.join(", ") },
            ],
            actions: [
              {
                path: pathOf(admin, "admin_user_roles", { id: user?.id ?? 0 }),
                text: text(rq, has ? "ADMIN_REVOKE" : "ADMIN_GRANT"),
                hidden: { role: name, grant: has ? "false" : "true" },
              },
            ],
          };
        }),
      };
    },
    links: (rq) => [
      { href: pathOf(admin, "admin_user", { id: rq.context?.req.param("id") ?? "" }), text: text(rq, "ADMIN_USER") },
    ],
    submit: ({ rq, fields }) =>
      askAs(kernel, rq, concernedBy(rq), [admin.permission], async (asked) => {
        // Not what was read for the page: it may be another time.
        const user = await userInPath(admin.kernel, rq);
        if (user === undefined) return notFound();
        const roles = new Set(user.roles);
        if (fields.grant) roles.add(fields.role);
        else roles.delete(fields.role);
        if (!(await mayActOn(rq, user))) return outOfReach(rq, user);
        if (!(await mayMake(rq, await futureOf(kernel, user, { roles })))) return outOfReach(rq, user);
        if (isYourself(rq, user)) return refused("ADMIN_NOT_YOURSELF");
        if ((await kernel.roles.find(fields.role)) === undefined) return notFound();
        const change = async (): Promise<Answer> => {
          if (fields.grant) await kernel.users.addRole(user, fields.role, asked);
          else await kernel.users.removeRole(user, fields.role, asked);
          return done(pathOf(admin, "admin_user_roles", { id: user.id }), {
            message: {
              key: fields.grant ? "ADMIN_ROLE_GRANTED" : "ADMIN_ROLE_REVOKED",
              params: { role: fields.role },
            },
          });
        };
        return unlessGone(() => keepingAdministrators(change));
      }),
  });
}

/** True grants, false revokes: said, never guessed. */
const grantField: Field<boolean> = {
  ...hiddenField(5),
  parse(input) {
    if (input === true || input === "true") return { value: true };
    return input === false || input === "false" ? { value: false } : { fault: { key: "FIELD_INVALID" } };
  },
} as Field<boolean>;
