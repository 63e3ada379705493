import { UnknownRoleError } from "../../datastore/roles.ts";
import type { ChangeOptions } from "../../datastore/user-operations.ts";
import type { UserPage } from "../../datastore/user-pages.ts";
import { type Account, futureAccount, withColumns } from "../../model/account.ts";
import { PortcullisError, UniqueConflictError } from "../../model/errors.ts";
import { labelOfColumn } from "../../model/label.ts";
import { askAs, forbidden, outOfReach, rolesNamed } from "../acting.ts";
import { textOrNull } from "../answers.ts";
import { type Answer, done, type Endpoint, failed, invalid, jsonEndpoint } from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import { addressFault, emailField, type Fault, type Field, passwordField } from "../fields.ts";
import {
  anyUsernameField,
  booleanField,
  integerField,
  maybe,
  objectField,
  plainTextField,
  wordsField,
} from "../json-fields.ts";
import { neededColumns } from "../own-fields.ts";
import { emitIdentityChanged, mailIdentityChanged } from "../owner-notices.ts";
import { policyFaults } from "../passwords/checked-password.ts";
import { removeAccount } from "../removal.ts";
import { takenFault } from "../taken-columns.ts";
import type { ManagementSettings } from "./options.ts";
import { profileBytes, profileFields } from "./profile.ts";
import { changeUser, freshManagersOnly, managersOnly, managing, oneUser, powersOf, toUser } from "./rules.ts";
import { userSchema, userView } from "./view.ts";

/** Users are counted, and reached by a page's number, up to that; beyond it lists go on by `next`. */
const countedTo = 1_000;

/** The list of users, new ones, and one of them. */
export function userEndpoints(kernel: Kernel, settings: ManagementSettings): readonly Endpoint[] {
  return [
    listUsers(kernel, settings),
    createUser(kernel, settings),
    showUser(kernel, settings),
    editUser(kernel, settings),
    deleteUser(kernel, settings),
  ];
}

function listUsers(kernel: Kernel, settings: ManagementSettings): Endpoint {
  const text = plainTextField(2_000);
  return jsonEndpoint({
    name: "api_users",
    summary: "List users",
    path: `${settings.path}/users`,
    method: "GET",
    authz: managersOnly(settings),
    strict: true,
    fields: {
      page: maybe(integerField(1, 1_000_000)),
      page_size: maybe(integerField(1, settings.maxPageSize)),
      search: maybe(plainTextField(255)),
      role: maybe(plainTextField(80)),
      active: maybe(booleanField()),
      after: maybe(text),
      before: maybe(text),
    },
    answers: {
      done: {
        users: { type: "array", items: userSchema },
        total: { type: ["integer", "null"] },
        total_is_exact: { type: "boolean" },
        page: { type: ["integer", "null"] },
        page_size: { type: "integer" },
        next: textOrNull,
        previous: textOrNull,
      },
    },
    async submit({ fields }) {
      const { page = 1, page_size: limit = settings.pageSize, after, before, role, search, active } = fields;
      const skip = after === undefined && before === undefined ? (page - 1) * limit : 0;
      if (skip > countedTo) return invalid({ page: [{ key: "PAGE_TOO_FAR" }] });
      if (role !== undefined && (await kernel.roles.find(role)) === undefined) {
        return invalid({ role: [{ key: "FIELD_INVALID" }] });
      }
      let found: UserPage<Account>;
      try {
        found = await kernel.users.page({ search, role, active, after, before, limit, skip, countTo: countedTo });
      } catch (error) {
        // Everything else was looked at before.
        if (!(error instanceof PortcullisError) || error.code !== "invalid_field") throw error;
        return invalid({ [after === undefined ? "before" : "after"]: [{ key: "CURSOR_INVALID" }] });
      }
      return done("/", {
        response: {
          users: found.users.map((account) => userView(account, settings)),
          total: found.total?.count ?? null,
          total_is_exact: found.total?.exact ?? false,
          page: after === undefined && before === undefined ? page : null,
          page_size: limit,
          next: found.next ?? null,
          previous: found.previous ?? null,
        },
      });
    },
  });
}

/** The field of a username: by the rules of the feature `usernames` where it is on. */
function usernameOf(kernel: Kernel): Field<string | undefined> {
  return kernel.services.usernames?.field ?? anyUsernameField();
}

function createUser(kernel: Kernel, settings: ManagementSettings): Endpoint {
  const profile = profileFields(kernel, settings);
  return jsonEndpoint({
    name: "api_new_user",
    summary: "Create a user or a service account",
    path: `${settings.path}/users`,
    authz: freshManagersOnly(settings),
    strict: true,
    bodyBytes: profileBytes(kernel, settings),
    fields: {
      email: maybe(emailField({ reaches: kernel.mail.reaches })),
      username: maybe(usernameOf(kernel)),
      password: maybe(passwordField({ autocomplete: "new-password" })),
      active: maybe(booleanField()),
      roles: maybe(wordsField()),
      permissions: maybe(wordsField(kernel.declaredPermissions)),
      profile: maybe(objectField(profile)),
      service: maybe(booleanField()),
    },
    answers: { done: { user: userSchema }, failures: [403, 409], status: 201 },
    submit: ({ rq, fields }) =>
      askAs(kernel, rq, {}, managing(settings), async (asked) => {
        const powers = powersOf(rq, settings);
        if (powers === undefined) return failed(401, "UNAUTHENTICATED");
        const { roles = settings.defaultRoles, permissions = settings.defaultPermissions, password, username } = fields;
        const service = fields.service === true;
        const faults: Record<string, readonly Fault[]> = {};
        if (service && kernel.apiKeys === undefined) faults["service"] = [{ key: "FIELD_INVALID" }];
        // Nobody signs in to it.
        if (service && password !== undefined) faults["password"] = [{ key: "FIELD_INVALID" }];
        // Machines have no mail: an address that no mail can ever go to (RFC 2606 2).
        const email = fields.email ?? (service ? serviceAddress(kernel) : undefined);
        if (email === undefined) return invalid({ ...faults, email: [{ key: "EMAIL_NOT_PROVIDED" }] });
        const unknown = await unknownRoles(kernel, roles);
        if (unknown) faults["roles"] = [{ key: "FIELD_INVALID" }];
        if (neededColumns(kernel, fields.profile ?? {}).length > 0) faults["profile"] = [{ key: "FIELD_REQUIRED" }];
        if (Object.keys(faults).length > 0) return invalid(faults);
        // What the application gives everybody is no grant of the caller's.
        if (fields.roles !== undefined && !powers.grantsRoles(roles)) return forbidden(rq, "may not grant these roles");
        if (fields.permissions !== undefined && !powers.grantsPermissions(permissions)) {
          return forbidden(rq, "may not grant these permissions");
        }
        if (!(await grantsWhatRolesGive(kernel, roles, fields.roles, powers))) {
          return forbidden(rq, "may not grant what these roles permit");
        }
        // An address, a name or a profile may be all that makes somebody a member of a group.
        const future = futureAccount(powers.actor, {
          ...fields.profile,
          ...(service ? { serviceAccount: true } : {}),
          email,
          username: username ?? null,
          active: fields.active ?? true,
          confirmedAt: new Date(kernel.system.now()),
          roles: await rolesNamed(kernel, roles),
          ownPermissions: permissions,
        });
        if (!(await powers.joins(future))) return outOfReach(rq, future);
        if (password !== undefined) {
          const wrong = await policyFaults(kernel, { email, username: username ?? null }, password);
          if (wrong.length > 0) return invalid({ password: wrong });
        }
        const taken = await takenFaults(kernel, { email, username }, undefined);
        if (taken !== undefined) return invalid(taken);
        try {
          const input = {
            ...fields.profile,
            ...(service ? { serviceAccount: true } : {}),
            email,
            username: username ?? null,
            password: password ?? null,
            active: fields.active ?? true,
            // Whoever manages users vouches for the address.
            confirmedAt: new Date(kernel.system.now()),
            roles,
            permissions,
          };
          const account = await kernel.users.create(input, asked);
          return done("/", { status: 201, response: { user: userView(account, settings) } });
        } catch (error) {
          if (error instanceof UnknownRoleError) return invalid({ roles: [{ key: "FIELD_INVALID" }] });
          return conflict(kernel, error, { profile: fields.profile, email, username });
        }
      }),
  });
}

function serviceAddress(kernel: Kernel): string {
  return `service-${kernel.system.now().toString(36)}-${crypto.randomUUID().slice(0, 13)}@service.invalid`;
}

async function unknownRoles(kernel: Kernel, roles: readonly string[]): Promise<boolean> {
  for (const role of roles) if ((await kernel.roles.find(role)) === undefined) return true;
  return false;
}

/** A role may hold permissions that whoever gives it does not have. */
async function grantsWhatRolesGive(
  kernel: Kernel,
  roles: readonly string[],
  asked: readonly string[] | undefined,
  powers: NonNullable<ReturnType<typeof powersOf>>,
): Promise<boolean> {
  if (asked === undefined) return true;
  for (const name of roles) {
    const role = await kernel.roles.find(name);
    if (role !== undefined && !powers.grantsPermissions(role.permissions)) return false;
  }
  return true;
}

/** An address or username that another account has. Who manages users may know. */
async function takenFaults(
  kernel: Kernel,
  { email, username }: { readonly email?: string | undefined; readonly username?: string | null | undefined },
  besides: number | undefined,
): Promise<Record<string, readonly Fault[]> | undefined> {
  const faults: Record<string, readonly Fault[]> = {};
  const others = async (attribute: "email" | "username", value: string): Promise<boolean> => {
    const found = await kernel.users.find(attribute, value, { ignoreCase: true });
    return found !== undefined && found.id !== besides;
  };
  if (email !== undefined && (await others("email", email))) {
    Object.assign(faults, addressTaken(email));
  }
  if (username !== undefined && username !== null && (await others("username", username))) {
    Object.assign(faults, usernameTaken(username));
  }
  return Object.keys(faults).length === 0 ? undefined : faults;
}

type Faults = Record<string, readonly Fault[]>;

const addressTaken = (email: string): Faults => ({ email: [{ key: "EMAIL_ALREADY_ASSOCIATED", params: { email } }] });
const usernameTaken = (username: string): Faults => ({
  username: [{ key: "USERNAME_ALREADY_ASSOCIATED", params: { username } }],
});

/** What was to be stored, of which another account may have something. */
interface ConflictingValues {
  readonly email?: string | undefined;
  readonly username?: string | null | undefined;
  readonly profile?: Readonly<Record<string, unknown>> | undefined;
}

/** Two at once, or a profile's value that must be unique: the field at fault. */
export function conflict(kernel: Kernel, error: unknown, { profile, email, username }: ConflictingValues): Answer {
  if (!(error instanceof UniqueConflictError) || error.table !== "user") throw error;
  const { field } = error;
  if (field === "email") return invalid(addressTaken(email ?? ""));
  if (field === "username") return invalid(usernameTaken(username ?? ""));
  if (field !== undefined && profile !== undefined && Object.hasOwn(profile, field)) {
    const label = labelOfColumn(field, kernel.ownColumns.get(field) ?? {});
    return invalid({ [field]: [takenFault(label, profile[field])] });
  }
  return failed(409, "ACTION_REFUSED");
}

function showUser(kernel: Kernel, settings: ManagementSettings): Endpoint {
  return jsonEndpoint({
    name: "api_show_user",
    summary: "Show a user",
    path: `${settings.path}/users/:id`,
    method: "GET",
    authz: managersOnly(settings),
    fields: {},
    answers: { done: { user: userSchema }, failures: oneUser },
    submit: ({ rq }) =>
      toUser(kernel, settings, rq, async (target) => done("/", { response: { user: userView(target, settings) } })),
  });
}

function editUser(kernel: Kernel, settings: ManagementSettings): Endpoint {
  const username = usernameOf(kernel);
  return jsonEndpoint({
    name: "api_edit_user",
    summary: "Edit a user",
    path: `${settings.path}/users/:id`,
    method: "PATCH",
    authz: freshManagersOnly(settings),
    strict: true,
    bodyBytes: profileBytes(kernel, settings),
    fields: {
      email: maybe(emailField()),
      // Null or an empty text takes the username away.
      username: {
        ...username,
        required: false,
        parse(input: unknown) {
          if (input === undefined) return { value: undefined };
          const parsed = username.parse(input);
          return "fault" in parsed ? parsed : { value: parsed.value ?? null };
        },
        schema: textOrNull,
      } as Field<string | null | undefined>,
      profile: maybe(objectField(profileFields(kernel, settings))),
    },
    answers: { done: { user: userSchema }, failures: oneUser },
    submit: ({ rq, fields }) =>
      changeUser(kernel, settings, rq, async (target, powers, asked) => {
        const email = fields.email === target.email ? undefined : fields.email;
        const fault = email === undefined ? undefined : addressFault(kernel.mail.reaches, email);
        if (fault !== undefined) return invalid({ email: [fault] });
        const name = fields.username === target.username ? undefined : fields.username;
        const taken = await takenFaults(kernel, { email, username: name }, target.id);
        if (taken !== undefined) return invalid(taken);
        const set = {
          ...fields.profile,
          ...(email === undefined ? {} : { email }),
          ...(name === undefined ? {} : { username: name }),
        };
        if (Object.keys(set).length > 0) {
          if (!(await powers.joins(withColumns(target, set)))) return outOfReach(rq, target);
          try {
            let renamed: Account | undefined;
            const done: ChangeOptions["done"] = async (after, tx) => {
              renamed = after;
              await mailIdentityChanged(kernel, target, after, tx);
            };
            const changed = Object.keys(fields.profile ?? {});
            const tell = (): void => {
              if (renamed !== undefined) emitIdentityChanged(kernel, target, renamed, rq);
              if (changed.length > 0) rq.system.events.emit("userUpdated", { userId: target.id, fields: changed }, rq);
            };
            await kernel.users.edit(target, set, { ...asked, done, tell });
          } catch (error) {
            return conflict(kernel, error, { profile: fields.profile, email, username: name });
          }
        }
        const now = (await kernel.users.get(target.id)) ?? target;
        return done("/", { response: { user: userView(now, settings) } });
      }),
  });
}

function deleteUser(kernel: Kernel, settings: ManagementSettings): Endpoint {
  return jsonEndpoint({
    name: "api_delete_user",
    summary: "Delete a user",
    path: `${settings.path}/users/:id`,
    method: "DELETE",
    authz: freshManagersOnly(settings),
    strict: true,
    fields: {},
    answers: { failures: oneUser },
    submit: ({ rq }) =>
      changeUser(kernel, settings, rq, async (target, _powers, asked) => {
        await removeAccount(kernel, target, asked);
        return done("/", { response: {} });
      }),
  });
}
