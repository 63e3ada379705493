import { createAuditTrail, noAuditTrail, type RunningTrail } from "../audit/trail.ts";
import { identityAttributes, loginAttribute } from "../authn/identity-attributes.ts";
import { createLimits, type Limits } from "../authn/limits/limits.ts";
import { memoryLimits } from "../authn/limits/memory.ts";
import type { LimitRules } from "../authn/limits/options.ts";
import { datastoreLimits } from "../authn/limits/store.ts";
import { createPasswordProof, type PasswordProof, type PasswordProofContext } from "../authn/password-proof.ts";
import type { Times } from "../authn/session-options.ts";
import { createAdministrators } from "../datastore/administrators.ts";
import { type CallbackUsers, createCallbackUsers } from "../datastore/callback-users.ts";
import { type Changing, createChanging } from "../datastore/changing.ts";
import type { Datastore } from "../datastore/contract.ts";
import { createPasswordHistory, type PasswordHistory } from "../datastore/password-history.ts";
import { createRoles, type Roles } from "../datastore/roles.ts";
import type { RowUsers, Users } from "../datastore/user-operations.ts";
import type { UserReference } from "../datastore/user-reference.ts";
import { createUsers } from "../datastore/users.ts";
import type { EventHub } from "../events/events.ts";
import { administratorsPermission } from "../features/composition.ts";
import type { Feature } from "../features/feature.ts";
import type { Account, accountFactory } from "../model/account.ts";
import { namedColumns } from "../model/column.ts";
import { inTime } from "../model/deadline.ts";
import { type Schema, secretFields } from "../model/schema.ts";
import { coreTables } from "../model/tables.ts";
import type { AnyOptions } from "../options.ts";
import type { PasswordHasher } from "../passwords/hasher.ts";
import type { PasswordPolicy } from "../passwords/policy.ts";
import type { KeyRing } from "../secrets/keyring.ts";

/** What the accounts stand on. */
export interface AccountsContext {
  readonly features: readonly Feature[];
  readonly schema: Schema;
  readonly datastore: Datastore;
  readonly hasher: PasswordHasher;
  readonly policy: PasswordPolicy;
  readonly account: ReturnType<typeof accountFactory>;
  readonly ring: KeyRing;
  readonly events: EventHub;
  readonly times: Times;
  readonly rules: LimitRules;
  readonly now: () => number;
  readonly log: (message: string, details?: Readonly<Record<string, unknown>>) => void;
  readonly invalidate: (userId: number | undefined) => Promise<void>;
  /** Why no mail can be sent to an address; undefined: it can. */
  readonly undeliverable: (address: string) => string | undefined;
  /** Tells the operator why another way to check passwords said no. */
  readonly told: PasswordProofContext["told"];
  /** A guess at this account from this client was wrong or one too many. */
  readonly failed: PasswordProofContext["failed"];
}

/** The accounts, and what is kept about them: in the datastore, or as the application's own `getUserPass` finds them. */
export interface Accounts {
  readonly audit: RunningTrail;
  readonly roles: Roles;
  readonly history: PasswordHistory;
  readonly limits: Limits;
  /** Undefined: the users are in the datastore. */
  readonly callbacks: CallbackUsers | undefined;
  /** Those of the datastore; without one nobody is in it. */
  readonly rowUsers: RowUsers;
  /** The one way in which accounts are changed. */
  readonly changing: Changing;
  readonly users: Users;
  /** The user as they are now; undefined: gone. */
  readonly again: (user: UserReference) => Promise<Account | undefined>;
  readonly proof: PasswordProof;
  /** Once the database has its tables: opens the trail and makes the roles that the options name. */
  begin(): Promise<void>;
}

/** Wires them; nothing is read or written yet. */
export function wireAccounts(options: AnyOptions, context: AccountsContext): Accounts {
  const { features, schema, datastore, hasher, policy, account, ring, events, times, rules, now, log } = context;
  const { invalidate } = context;
  const withoutStore = options.datastore === undefined;
  const audit = withoutStore
    ? noAuditTrail()
    : createAuditTrail({
        datastore,
        ring,
        events,
        now,
        log,
        required: options.audit?.required === true,
        keep: times.audit,
        queue: options.audit?.queue ?? 10_000,
      });
  const adminPermission = administratorsPermission(features);
  const leaving = features.flatMap((feature) => feature.leavingTables ?? []);
  const administrators =
    adminPermission === undefined ? undefined : createAdministrators(adminPermission, now, leaving);
  const changing = createChanging({ datastore, administrators, now, invalidate, log });
  const roles = createRoles({ datastore, changing, now, events });
  const history = createPasswordHistory(datastore, policy.remembered, now);
  const limitStore = options.limits?.store?.open() ?? (withoutStore ? memoryLimits(now) : datastoreLimits(datastore));
  const limits = createLimits({
    store: limitStore,
    rules,
    ring,
    now,
    events,
    log,
    async namesOf(userId, tx) {
      const user = await (tx === undefined ? again({ id: userId }) : users.get(userId, tx));
      return user === undefined ? [] : proof.namesOf(user);
    },
  });
  const { getUserPass } = options;
  const check = options.passwords?.check;
  const callbacks = withoutStore
    ? createCallbackUsers({
        getUserPass: getUserPass && ((login) => inTime(getUserPass(login), times.deadline, "getUserPass")),
        account,
        ring,
        ownFields: Object.keys(options.columns ?? {}),
      })
    : undefined;
  const rowUsers = createUsers({
    datastore,
    changing,
    unlock: (userId, tx) => limits.unlock(userId, tx),
    async forgetFailures(userId) {
      try {
        await limits.unlock(userId);
      } catch (error) {
        log("the failures that were counted for a user are not forgotten", { error: String(error) });
      }
    },
    roles,
    hasher,
    history,
    account,
    events,
    now,
    fields: Object.keys(schema.user?.columns ?? {}),
    secrets: secretFields(schema.user?.columns ?? {}).filter((field) => coreTables.user?.columns[field] === undefined),
    own: namedColumns(options.columns ?? {}),
    undeliverable: context.undeliverable,
    emailOptional: options.emails === "optional",
    credentialTables: features.flatMap((feature) => feature.credentialTables ?? []),
    accessTables: features.flatMap((feature) => feature.accessTables ?? []),
    administrators,
  });
  const users = callbacks?.users ?? rowUsers;
  const again = callbacks?.again ?? ((user: UserReference) => users.get(typeof user === "number" ? user : user.id));
  const proof = createPasswordProof({
    changing: withoutStore ? undefined : changing,
    check: check && ((...asked) => inTime(check(...asked), times.deadline, "passwords.check")),
    identify:
      callbacks === undefined
        ? rowUsers.identify
        : async ([login]) => (login === undefined ? undefined : callbacks.byLogin(login.value)),
    history,
    hasher,
    limits,
    events,
    log,
    told: context.told,
    failed: context.failed,
    attributes:
      callbacks === undefined
        ? identityAttributes(options.identities, schema.user?.columns ?? {}, log)
        : [loginAttribute],
  });
  return {
    audit,
    roles,
    history,
    limits,
    callbacks,
    rowUsers,
    changing,
    users,
    again,
    proof,
    async begin() {
      await audit.open();
      if (adminPermission !== undefined) await roles.ofPermission(adminPermission);
      for (const name of options.roles ?? []) await roles.findOrCreate(name);
    },
  };
}
