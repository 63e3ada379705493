import type { Guard } from "../../authz/guard.ts";
import { signedIn } from "../../authz/guards/authentication.ts";
import type { AskedOptions } from "../../datastore/access-state.ts";
import type { SecurityRequest } from "../../http/request.ts";
import { type Account, isService, withColumns } from "../../model/account.ts";
import { given } from "../../model/option-kinds.ts";
import { askAs, forbidden, futureOf, outOfReach } from "../acting.ts";
import { createKey, newKeyAnswer, newKeyFields } from "../api-keys/creation.ts";
import { withKeys } from "../api-keys/index.ts";
import { keySchema, keyView } from "../api-keys/view.ts";
import {
  type Answer,
  done,
  type Endpoint,
  type EndpointRequest,
  failed,
  invalid,
  jsonEndpoint,
  notFound,
} from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import { type Field, passwordField } from "../fields.ts";
import { wordsField } from "../json-fields.ts";
import { setCheckedPassword } from "../passwords/checked-password.ts";
import { userInPath } from "../user-path.ts";
import type { ManagementSettings } from "./options.ts";
import { profileBytes, profileFields } from "./profile.ts";
import { changeUser, freshManagersOnly, managersOnly, oneUser, type Powers } from "./rules.ts";
import { conflict } from "./users.ts";
import { userSchema, userView } from "./view.ts";

type Fields = Readonly<Record<string, Field<unknown>>>;

/** What is done to one user; undefined: done, and the answer is the user as they are now. */
type Work<F extends Fields> = (
  target: Account,
  request: EndpointRequest<F>,
  powers: Powers,
  asked: Required<AskedOptions>,
) => unknown;

/** The actions, as the API's description calls them. */
const summaries = {
  permissions: "Set the permissions of a user",
  roles: "Set the roles of a user",
  password: "Set the password of a user",
  activate: "Activate a user",
  deactivate: "Deactivate a user",
  unlock: "Take the lock off a user",
  "reset-access": "End everything that gives a user access",
} as const;

/** What administrators do to one user beside editing. */
export function actionEndpoints(kernel: Kernel, settings: ManagementSettings): readonly Endpoint[] {
  const action = <const F extends Fields>(
    name: keyof typeof summaries,
    fields: F,
    authz: Guard,
    work: Work<F>,
  ): Endpoint =>
    jsonEndpoint({
      name: `api_${name.replace("-", "_")}`,
      summary: summaries[name],
      path: `${settings.path}/users/:id/${name}`,
      authz,
      strict: true,
      fields,
      answers: { done: { user: userSchema }, failures: oneUser },
      submit: (request) =>
        changeUser(kernel, settings, request.rq, async (target, powers, asked) => {
          const result = await work(target, request, powers, asked);
          if (isAnswer(result)) return result;
          const now = (await kernel.users.get(target.id)) ?? target;
          return done("/", { response: { user: userView(now, settings) } });
        }),
    });
  const plain = managersOnly(settings);
  const strong = freshManagersOnly(settings);
  const { users } = kernel;
  return [
    action(
      "permissions",
      { permissions: wordsField(kernel.declaredPermissions) },
      strong,
      async (target, { rq, fields }, powers, asked) => {
        const changed = difference(target.ownPermissions, fields.permissions);
        if (!powers.grantsPermissions(changed)) return forbidden(rq, "may not grant these permissions");
        const future = await futureOf(kernel, target, { ownPermissions: fields.permissions });
        if (!(await powers.joins(future))) return outOfReach(rq, target);
        return users.setPermissions(target, fields.permissions, asked);
      },
    ),
    action("roles", { roles: wordsField() }, strong, async (target, { rq, fields }, powers, asked) => {
      const changed = difference(target.roles, fields.roles);
      for (const name of fields.roles) {
        if ((await kernel.roles.find(name)) === undefined) return invalid({ roles: [{ key: "FIELD_INVALID" }] });
      }
      for (const name of changed) {
        const role = await kernel.roles.find(name);
        if (!powers.grantsRoles([name]) || !powers.grantsPermissions(role?.permissions ?? [])) {
          return forbidden(rq, "may not grant these roles");
        }
      }
      const future = await futureOf(kernel, target, { roles: fields.roles });
      if (!(await powers.joins(future))) return outOfReach(rq, target);
      return users.setRoles(target, fields.roles, asked);
    }),
    action(
      "password",
      { password: passwordField({ autocomplete: "new-password" }) },
      strong,
      async (target, { fields }, _powers, asked) => {
        if (isService(target)) return failed(409, "ACTION_REFUSED");
        const wrong = await setCheckedPassword(kernel, target, fields.password, asked);
        return wrong.length > 0 ? invalid({ password: wrong }) : undefined;
      },
    ),
    action("activate", {}, strong, async (target, { rq }, powers, asked) =>
      (await powers.joins(withColumns(target, { active: true })))
        ? users.activate(target, asked)
        : outOfReach(rq, target),
    ),
    action("deactivate", {}, plain, async (target, { rq }, powers, asked) =>
      (await powers.joins(withColumns(target, { active: false })))
        ? users.deactivate(target, asked)
        : outOfReach(rq, target),
    ),
    action("unlock", {}, plain, (target, _request, _powers, asked) => users.unlock(target, asked)),
    action("reset-access", {}, strong, async (target, _request, _powers, asked) => {
      await users.resetAccess(target, {
        ...asked,
        tell: () => kernel.system.events.emit("accessReset", { userId: target.id }),
      });
    }),
    endSessions(kernel, settings),
    ...(Object.keys(settings.profile).length === 0 ? [] : [profile(kernel, settings, true)]),
    ...(kernel.apiKeys === undefined ? [] : serviceKeys(kernel, settings)),
  ];
}

function isAnswer(result: unknown): result is Answer {
  return typeof result === "object" && result !== null && "kind" in result;
}

/** What is there on one side alone. */
function difference(before: ReadonlySet<string>, after: readonly string[]): ReadonlySet<string> {
  return before.symmetricDifference(new Set(after));
}

function endSessions(kernel: Kernel, settings: ManagementSettings): Endpoint {
  return jsonEndpoint({
    name: "api_end_sessions",
    summary: "End all sessions of a user",
    path: `${settings.path}/users/:id/sessions`,
    method: "DELETE",
    authz: managersOnly(settings),
    strict: true,
    fields: {},
    answers: { done: { ended: { type: "integer" } }, failures: oneUser },
    submit: ({ rq }) =>
      changeUser(kernel, settings, rq, async (target, _powers, asked) => {
        const tell = (count: number): void =>
          rq.system.events.emit("sessionsEnded", { user: target, which: "all", count }, rq);
        const count = await kernel.users.endSessions(target, { ...asked, tell });
        return done("/", { response: { ended: count } });
      }),
  });
}

/** The profile: by an administrator, or by the user where that is allowed. */
export function profile(kernel: Kernel, settings: ManagementSettings, manage: boolean): Endpoint {
  const fields = Object.fromEntries(
    Object.entries(profileFields(kernel, settings)).map(([name, field]) => [
      name,
      {
        ...field,
        parse: (input: unknown) => (input === undefined ? { value: undefined } : field.parse(input)),
      } as Field<unknown>,
    ]),
  );
  const write = async (
    target: Account,
    values: Readonly<Record<string, unknown>>,
    asked: AskedOptions,
  ): Promise<Answer> => {
    const set = given(values);
    if (Object.keys(set).length > 0) {
      try {
        const told = { userId: target.id, fields: Object.keys(set) };
        const tell = (): void => kernel.system.events.emit("userUpdated", told);
        await kernel.users.edit(target, set, { ...asked, tell });
      } catch (error) {
        return conflict(kernel, error, { profile: set });
      }
    }
    const now = (await kernel.users.get(target.id)) ?? target;
    return done("/", { response: { user: userView(now, settings) } });
  };
  return jsonEndpoint({
    name: "api_profile",
    summary: "Change the profile of a user",
    path: `${settings.path}/users/:id/profile`,
    authz: settings.ownProfile ? signedIn : managersOnly(settings),
    strict: true,
    bodyBytes: profileBytes(kernel, settings),
    // A column whose values are unique tells which ones are taken.
    limits: { perIdentity: "300/1h" },
    fields,
    answers: { done: { user: userSchema }, failures: oneUser },
    async submit({ rq, fields: values }) {
      const actor = rq.identity?.account;
      if (actor === undefined) return failed(401, "UNAUTHENTICATED");
      const own = rq.context?.req.param("id") === String(actor.id);
      if (settings.ownProfile && own) {
        return askAs(kernel, rq, { userId: actor.id }, undefined, async (asked) => {
          const target = await userInPath(kernel, rq);
          if (target === undefined) return notFound();
          // A column may be all that makes somebody a member of a group. Who may act on others is no matter of one's own profile.
          const future = withColumns(target, given(values));
          const joins = !(await rq.system.acting.withinGroups(target, future));
          return joins ? outOfReach(rq, target) : write(target, values, asked);
        });
      }
      const manager =
        actor.permissions.has(settings.permission) ||
        (settings.managers !== undefined && actor.permissions.has(settings.managers));
      // Whoever may not manage users learns of no id whether it is somebody's.
      if (!manage || !manager) return forbidden(rq, "may not edit other profiles");
      return changeUser(kernel, settings, rq, async (target, powers, asked) => {
        return (await powers.joins(withColumns(target, given(values))))
          ? write(target, values, asked)
          : outOfReach(rq, target);
      });
    },
  });
}

/** Keys of service accounts. Those of people are their own alone. */
function serviceKeys(kernel: Kernel, settings: ManagementSettings): readonly Endpoint[] {
  const keyed = withKeys(kernel);
  const bounds = kernel.services.keyBounds ?? { maxLife: 86_400_000, rate: undefined };
  const path = `${settings.path}/users/:id/key`;
  const ofService = (
    rq: SecurityRequest,
    work: (target: Account, asked: Required<AskedOptions>) => Promise<Answer>,
  ): Promise<Answer> =>
    changeUser(kernel, settings, rq, async (target, _powers, asked) =>
      isService(target) ? work(target, asked) : failed(403, "SERVICE_ACCOUNTS_ONLY"),
    );
  return [
    jsonEndpoint({
      name: "api_service_keys",
      summary: "The API keys of a service account",
      path,
      method: "GET",
      authz: managersOnly(settings),
      fields: {},
      answers: { done: { keys: { type: "array", items: keySchema } }, failures: oneUser },
      submit: ({ rq }) =>
        ofService(rq, async (target) => {
          const keys = await keyed.apiKeys.of(target.id);
          return done("/", { response: { keys: keys.map((key) => keyView(keyed.apiKeys, key)) } });
        }),
    }),
    jsonEndpoint({
      name: "api_new_service_key",
      summary: "Make an API key for a service account",
      path,
      authz: settings.allowStale ? managersOnly(settings) : freshManagersOnly(settings),
      strict: true,
      fields: newKeyFields(kernel, bounds),
      answers: { done: newKeyAnswer, failures: oneUser, status: 201 },
      submit: ({ rq, fields }) => ofService(rq, (target, asked) => createKey(keyed, rq, target, fields, bounds, asked)),
    }),
    jsonEndpoint({
      name: "api_delete_service_key",
      summary: "Delete an API key of a service account",
      path: `${path}/:key`,
      method: "DELETE",
      authz: managersOnly(settings),
      strict: true,
      fields: {},
      answers: { failures: oneUser },
      submit: ({ rq }) =>
        ofService(rq, async (target, asked) => {
          const gone = await keyed.apiKeys.revoke(target.id, rq.context?.req.param("key") ?? "", asked);
          return gone ? done("/", { response: {} }) : notFound();
        }),
    }),
  ];
}
