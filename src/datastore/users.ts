import type { EventHub } from "../events/events.ts";
import type { Account, accountFactory } from "../model/account.ts";
import { type Awaitable, andThen, settled } from "../model/awaitable.ts";
import { normalizeEmail } from "../model/email.ts";
import { PortcullisError } from "../model/errors.ts";
import { knownNames } from "../model/known-names.ts";
import { type Column, needsValue, type Row } from "../model/schema.ts";
import type { Role } from "../model/user.ts";
import { normalizeUsername } from "../model/username.ts";
import type { PasswordHasher } from "../passwords/hasher.ts";
import { type AskedOptions, inTurn } from "./access-state.ts";
import { accountRow, newUniquifier } from "./account-row.ts";
import type { Administrators } from "./administrators.ts";
import { announce } from "./announce.ts";
import type { Datastore, Operations, Transaction } from "./contract.ts";
import { unlessWithdrawn, WithdrawnError } from "./held-account.ts";
import { refuseTaken } from "./identity-conflict.ts";
import type { PasswordHistory } from "./password-history.ts";
import { endBegun, endTickets } from "./pending.ts";
import { grantRole, type Roles } from "./roles.ts";
import { createUserGrants } from "./user-grants.ts";
import { createUserLookup } from "./user-lookup.ts";
import type { AccountLookup, ChangeOptions, ProtectedField, RowUsers } from "./user-operations.ts";
import { createUserPages } from "./user-pages.ts";
import { idOf, UnknownUserError, type UserReference } from "./user-reference.ts";

/** What the operations on users need. */
export interface UsersContext {
  readonly datastore: Datastore;
  readonly roles: Roles;
  readonly hasher: PasswordHasher;
  readonly history: PasswordHistory;
  readonly account: ReturnType<typeof accountFactory>;
  readonly events: EventHub;
  readonly now: () => number;
  /** Whether an account may have no address. */
  readonly emailOptional?: boolean;
  /** Why no mail can be sent to an address; undefined: it can. Asked where an account is given one. */
  readonly undeliverable?: (address: string) => string | undefined;
  /** The application's own columns by their TypeScript names. */
  readonly own?: Readonly<Record<string, Column>>;
  /** The names of the user's columns, for messages. */
  readonly fields: readonly string[];
  /** Those that no account shows. */
  readonly secrets?: readonly string[];
  /** Takes the lock and the counted failures off a user; true when it was locked. */
  readonly unlock: (userId: number) => Promise<boolean>;
  /** The same after something else that is done and stays done: does not throw. */
  readonly forgetFailures: (userId: number) => Promise<void>;
  /** Called after each commit that changes what hangs on a user. */
  readonly invalidate: (userId: number) => Promise<void>;
  /** Further tables whose rows are credentials of a user: what ends all of theirs empties them. */
  readonly credentialTables?: readonly string[];
  /** Further tables that only `resetAccess` and `delete` empty: what a user has set up to get in beside the password. */
  readonly accessTables?: readonly string[];
  /** The rule that one administrator stays, where somebody is one. */
  readonly administrators?: Administrators | undefined;
}

const protectedFields: ReadonlySet<string> = new Set<ProtectedField>([
  "id",
  "password",
  "active",
  "fsUniquifier",
  "fsTokenUniquifier",
  "createDatetime",
  "updateDatetime",
]);

/** How what names a user is written where it is stored. */
const storedForms = { email: normalizeEmail, username: normalizeUsername };

function valueNeeded(column: string): PortcullisError {
  return new PortcullisError("invalid_field", `user.${column}: a value is needed, the column is not nullable`);
}

/** Makes the operations on users of one running system. */
export function createUsers(context: UsersContext): RowUsers {
  const { datastore, roles, hasher, history, invalidate, events } = context;
  const { administrators } = context;
  const fields = new Set(context.fields);

  const loadRows = async (
    operations: Operations,
    field: string,
    value: string | number,
  ): Promise<Account | undefined> => {
    const user = await operations.findOne("user", { [field]: value });
    return user === undefined ? undefined : context.account(user, await roles.ofUser(user["id"] as number, operations));
  };
  const bundled = (found: { user: Row; roles: readonly Row[] } | undefined): Account | undefined =>
    found === undefined ? undefined : context.account(found.user, found.roles);
  const load = (operations: Operations, field: string, value: string | number): Awaitable<Account | undefined> => {
    if (operations !== datastore || datastore.loadUser === undefined) return loadRows(operations, field, value);
    return andThen(settled(datastore.loadUser(field, value)), bundled);
  };
  const lookup: AccountLookup = (attribute, value) =>
    andThen(load(datastore, attribute, value), (found) =>
      // Some collations find more than was asked for.
      found !== undefined && (found as unknown as Row)[attribute] === value ? found : undefined,
    );
  const identify = createUserLookup({ datastore, roles, account: context.account });

  const checkFields = (input: Row, forbidden: ReadonlySet<string>): void => {
    for (const name of Object.keys(input)) {
      if (!fields.has(name)) {
        throw new PortcullisError(
          "invalid_field",
          `user.${name}: there is no such column; ${knownNames(name, [...fields])}`,
        );
      }
      if (forbidden.has(name)) {
        throw new PortcullisError("invalid_field", `user.${name}: has an operation of its own and can't be set here`);
      }
      if (input[name] === null && context.own?.[name]?.nullable === false) throw valueNeeded(name);
    }
  };
  /** As it is stored: null, where an account may have none. */
  const emailOf = (email: unknown): string | null => {
    if (email === null || email === "") {
      if (context.emailOptional === true) return null;
      throw new PortcullisError(
        "invalid_field",
        'user.email: is needed; emails: "optional" allows accounts without one',
      );
    }
    const normal = typeof email === "string" ? normalizeEmail(email) : undefined;
    if (normal === undefined) throw new PortcullisError("invalid_field", "user.email: not an e-mail address");
    return normal;
  };
  /** The same of an address that nobody has proved. */
  const givenEmailOf = (email: unknown): string | null => {
    const address = emailOf(email);
    const problem = address === null ? undefined : context.undeliverable?.(address);
    if (problem !== undefined) throw new PortcullisError("invalid_field", `user.email: ${problem}`);
    return address;
  };
  const usernameOf = (username: unknown): string | null => {
    const normal = typeof username === "string" ? normalizeUsername(username) : null;
    if (normal === undefined) throw new PortcullisError("invalid_field", "user.username: not a username");
    return normal;
  };
  /** With address and username in the form that is stored. */
  const identified = (set: Row): Row => ({
    ...set,
    ...("email" in set ? { email: givenEmailOf(set["email"]) } : {}),
    ...("username" in set ? { username: usernameOf(set["username"]) } : {}),
  });
  const named = (set: Row): boolean => "email" in set || "username" in set;
  const stamp = (): { updateDatetime: Date } => ({ updateDatetime: new Date(context.now()) });

  /** Sets columns of a row that must exist; the only place where an address or a username is changed. */
  const write = async (tx: Transaction, id: number, set: Row): Promise<void> => {
    await refuseTaken(tx, set, id);
    if ((await tx.update("user", { id }, { ...set, ...stamp() })) === 0) throw new UnknownUserError(id);
    await announce(tx, id);
  };
  /** Gives another address, in a transaction: the links that were mailed to the one before it end. */
  const move = async (tx: Transaction, id: number, set: Row): Promise<void> => {
    await hold(tx, id);
    const before = await tx.findOne("user", { id });
    await write(tx, id, set);
    // Where the database lets an account be without one, "" and null are the same.
    if ((before?.["email"] || null) !== (set["email"] || null)) await tx.delete("ticket", { userId: id });
  };
  /** Changes a row that must exist, and tells everybody. False: the condition did not hold. */
  const change = (user: UserReference, set: Row, options: AskedOptions = {}): Promise<boolean> => {
    const id = idOf(user);
    return endIf(id, async (tx) => {
      await inTurn(tx, context, options);
      await write(tx, id, set);
    });
  };

  /** Rows that a new uniquifier has made worthless: removed so that they do not pile up. */
  const sweep = async (operations: Operations, userId: number): Promise<void> => {
    await operations.delete("session", { userId });
    await operations.delete("session", { impersonatorId: userId });
    await operations.delete("remember", { userId });
    await endTickets(operations, userId);
    for (const table of context.credentialTables ?? []) await operations.delete(table, { userId });
  };

  /** Removes what was set up to get in beside the password. */
  const clearAccess = async (operations: Operations, userId: number): Promise<void> => {
    for (const table of context.accessTables ?? []) await operations.delete(table, { userId });
  };

  /** Ends everything that hangs on the account, in a transaction. */
  const end = async (tx: Transaction, id: number, set: Row): Promise<void> => {
    await write(tx, id, { ...set, fsUniquifier: newUniquifier() });
    await sweep(tx, id);
  };

  /**
   * Takes the user's row: the first thing in each transaction that ends credentials. What makes them takes it as well
   * (`withAccount`), so that the one comes before the other.
   */
  const hold = async (tx: Transaction, id: number, { onlyIf, as }: ChangeOptions = {}): Promise<void> => {
    if ((await tx.update("user", { ...as, id }, stamp())) > 0) return;
    // Removed after the condition's subject was found, or changed: it does not hold any more.
    throw onlyIf === undefined && as === undefined ? new UnknownUserError(id) : new WithdrawnError();
  };

  /** Hands out the account as it is in this transaction. */
  const hand = async (tx: Transaction, id: number, done: ChangeOptions["done"]): Promise<void> => {
    if (done === undefined) return;
    const account = await load(tx, "id", id);
    if (account === undefined) throw new UnknownUserError(id);
    await done(account, tx);
  };

  const endWithin = async (tx: Transaction, id: number, set: Row, options: ChangeOptions): Promise<void> => {
    const { onlyIf, done } = options;
    await hold(tx, id, options);
    if (onlyIf !== undefined && !(await onlyIf(tx))) throw new WithdrawnError();
    const hash = set["password"];
    const before = typeof hash === "string" ? (await tx.findOne("user", { id }))?.["password"] : undefined;
    await end(tx, id, set);
    if (typeof hash === "string") await history.append(tx, id, hash, typeof before === "string" ? before : null);
    await hand(tx, id, done);
  };

  /** All of it, or nothing: false where the condition did not hold. */
  const endIf = async (id: number, work: (tx: Transaction) => Promise<void>): Promise<boolean> => {
    const done = await unlessWithdrawn(async () => {
      await datastore.transaction(work);
      return true;
    });
    if (done === undefined) return false;
    await invalidate(id);
    return true;
  };

  const endAll = (user: UserReference, set: Row, options: ChangeOptions = {}): Promise<boolean> => {
    const id = idOf(user);
    return endIf(id, async (tx) => {
      await inTurn(tx, context, { onlyIf: options.asked });
      await endWithin(tx, id, set, options);
    });
  };

  /** Does what may take an administrator away. */
  const keeping = <T>(tx: Transaction, userId: number, work: () => Promise<T>): Promise<T> =>
    administrators === undefined ? work() : administrators.keep(tx, userId, work);

  const setActive = async (user: UserReference, active: boolean, options: AskedOptions = {}): Promise<boolean> => {
    const id = idOf(user);
    const work = async (tx: Transaction): Promise<boolean> => {
      const count = await tx.update("user", { id, active: !active }, { active, ...stamp() });
      if (count === 0 && (await tx.count("user", { id })) === 0) throw new UnknownUserError(id);
      // Whatever was signed in stays out also after the account is active again.
      if (count > 0 && !active) {
        await tx.update("user", { id }, { fsUniquifier: newUniquifier(), fsTokenUniquifier: null });
        await sweep(tx, id);
      }
      return count > 0;
    };
    const changed = await unlessWithdrawn(() =>
      datastore.transaction(async (tx) => {
        await inTurn(tx, context, options);
        await announce(tx, id);
        return active ? work(tx) : keeping(tx, id, () => work(tx));
      }),
    );
    if (changed === undefined) return false;
    await invalidate(id);
    if (changed) events.emit(active ? "userActivated" : "userDeactivated", { userId: id });
    return changed;
  };

  const endSessionsWith = async (user: UserReference, options: AskedOptions = {}): Promise<number | undefined> => {
    const id = idOf(user);
    const count = await unlessWithdrawn(() =>
      datastore.transaction(async (tx) => {
        await inTurn(tx, context, options);
        if ((await tx.update("user", { id }, { fsTokenUniquifier: newUniquifier(), ...stamp() })) === 0) {
          throw new UnknownUserError(id);
        }
        await announce(tx, id);
        const sessions = await tx.delete("session", { userId: id });
        await tx.delete("remember", { userId: id });
        await endBegun(tx, id);
        for (const table of context.credentialTables ?? []) await tx.delete(table, { userId: id });
        return sessions;
      }),
    );
    if (count !== undefined) await invalidate(id);
    return count;
  };

  const createWith = async (
    input: Parameters<RowUsers["create"]>[0],
    tx?: Transaction,
    made?: { readonly hash: string },
    options: AskedOptions = {},
  ): Promise<Account> => {
    const { password, roles: names, permissions, active, ...rest } = input;
    checkFields(rest, protectedFields);
    const lacking = Object.entries(context.own ?? {}).find(
      ([name, column]) => needsValue(column) && (rest as Row)[name] === undefined,
    );
    if (lacking !== undefined) throw valueNeeded(lacking[0]);
    const hash = made?.hash ?? (password === undefined || password === null ? null : await hasher.hash(password));
    const known: Row = identified({ ...rest, email: input.email, active: active ?? true });
    const row = accountRow(known, hash, context.now());
    const links: Role[] = [];
    for (const permission of new Set(permissions ?? [])) links.push(await roles.ofPermission(permission, tx));
    const work = async (operations: Operations): Promise<Account> => {
      await refuseTaken(operations, row);
      const id = await operations.insert("user", row);
      if (id === undefined) throw new PortcullisError("datastore", "the datastore returned no id for the new user");
      if (hash !== null) await history.append(operations, id, hash, null);
      for (const name of names ?? []) await grantRole(operations, id, await roles.require(name, operations));
      for (const role of links) await grantRole(operations, id, role);
      const account = await load(operations, "id", id);
      if (account === undefined) throw new UnknownUserError(id);
      return account;
    };
    // Inside of somebody else's transaction nothing has happened yet: who began it tells of it.
    if (tx !== undefined) return work(tx);
    const account = await datastore.transaction(async (own) => {
      await inTurn(own, context, options);
      return work(own);
    });
    events.emit("userCreated", { userId: account.id });
    return account;
  };

  return {
    ...createUserGrants({ datastore, roles, administrators, events, now: context.now, stamp, invalidate }),
    page: createUserPages({ datastore, roles, account: context.account }),
    get: async (id, tx) => await load(tx ?? datastore, "id", id),
    lookup,
    identify,

    async find(attribute, value, options) {
      if (!fields.has(attribute))
        throw new PortcullisError("invalid_field", `user.${attribute}: there is no such column`);
      if (context.secrets?.includes(attribute) === true) {
        throw new PortcullisError("invalid_field", `user.${attribute}: is secret, and nobody is found by it`);
      }
      if (typeof value === "number") return lookup(attribute, value);
      const wanted = Object.hasOwn(storedForms, attribute)
        ? storedForms[attribute as keyof typeof storedForms](value)
        : value;
      if (wanted === undefined) return undefined;
      const ignoreCase = options?.ignoreCase === true;
      // Names of a database that was taken over are stored in another form.
      if (!ignoreCase && attribute !== "username") return lookup(attribute, wanted);
      return identify([{ attribute, value: wanted, ignoreCase }]);
    },

    create: (input, tx, made) => createWith(input, tx, made),
    createIf: (input, options) => unlessWithdrawn(() => createWith(input, undefined, undefined, options)),

    async update(user, set, tx) {
      checkFields(set as Row, protectedFields);
      const row = identified(set as Row);
      const id = idOf(user);
      if (!("email" in row)) {
        await (tx === undefined ? change(user, row) : write(tx, id, row));
        return;
      }
      if (tx !== undefined) return move(tx, id, row);
      await datastore.transaction((own) => move(own, id, row));
      await invalidate(id);
    },

    async edit(user, set, options = {}) {
      checkFields(set as Row, protectedFields);
      const row = identified(set as Row);
      if (!named(row)) return change(user, row, options);
      const proved = "email" in row ? { confirmedAt: new Date(context.now()) } : {};
      const id = idOf(user);
      const { done } = options;
      return endIf(id, async (tx) => {
        await inTurn(tx, context, options);
        await endWithin(tx, id, { ...row, ...proved, fsTokenUniquifier: null }, done === undefined ? {} : { done });
      });
    },

    async isLastAdministrator(user) {
      const id = idOf(user);
      if (administrators === undefined || !(await administrators.is(datastore, id))) return false;
      return !(await administrators.others(datastore, id));
    },

    async delete(user, options = {}) {
      const id = idOf(user);
      const gone = await endIf(id, async (tx) => {
        await inTurn(tx, context, options);
        await keeping(tx, id, async () => {
          await hold(tx, id);
          await announce(tx, id);
          await sweep(tx, id);
          await clearAccess(tx, id);
          await history.remove(tx, id);
          await tx.delete("rolesUsers", { userId: id });
          if ((await tx.delete("user", { id })) === 0) throw new UnknownUserError(id);
        });
      });
      if (!gone) return false;
      // The database may give the id to somebody else.
      await context.forgetFailures(id);
      events.emit("userDeleted", { userId: id });
      return true;
    },

    async unlock(user, options = {}) {
      const { onlyIf } = options;
      // Locks are not always kept in this database: the condition is asked at the last moment before.
      if (onlyIf !== undefined) {
        const holds = await unlessWithdrawn(() =>
          datastore.transaction(async (tx) => {
            await inTurn(tx, context, options);
            return true;
          }),
        );
        if (holds === undefined) return false;
      }
      return context.unlock(idOf(user));
    },
    activate: (user, options) => setActive(user, true, options),
    deactivate: (user, options) => setActive(user, false, options),
    async toggleActive(user) {
      const account = await load(datastore, "id", idOf(user));
      if (account === undefined) throw new UnknownUserError(idOf(user));
      await setActive(user, !account.active);
      return !account.active;
    },

    async setPassword(user, password, options) {
      // Hashed before anything is locked or used up: it takes long, and may be refused.
      const hash = password === null ? null : await hasher.hash(password);
      const changed = await endAll(user, { password: hash, fsTokenUniquifier: null }, options);
      // What was guessed at is gone, and whoever set the new one gets in with it.
      if (changed) await context.forgetFailures(idOf(user));
      return changed;
    },
    async setEmail(user, email, options) {
      const address = givenEmailOf(email);
      const confirmedAt = address === null ? null : new Date(context.now());
      return endAll(user, { email: address, confirmedAt, fsTokenUniquifier: null }, options);
    },
    async setUsername(user, username, options) {
      return endAll(user, { username: usernameOf(username), fsTokenUniquifier: null }, options);
    },
    async prove(user, { first, email, password, endsAccess, mailLanguage }, options) {
      const { onlyIf } = options;
      const id = idOf(user);
      const hash = typeof password === "string" ? await hasher.hash(password) : password;
      const set: Row = {
        ...(first === true || email !== undefined ? { confirmedAt: new Date(context.now()) } : {}),
        ...(mailLanguage === undefined ? {} : { mailLanguage }),
        ...(email === undefined ? {} : { email: emailOf(email) }),
        ...(hash === undefined ? {} : { password: hash }),
      };
      const holds = async (tx: Transaction): Promise<boolean> => {
        if (onlyIf !== undefined && !(await onlyIf(tx))) return false;
        if (endsAccess === true) await clearAccess(tx, id);
        return true;
      };
      if (hash !== undefined || email !== undefined || endsAccess === true) {
        const changed = await endAll(user, { ...set, fsTokenUniquifier: null }, { ...options, onlyIf: holds });
        if (changed && hash !== undefined) await context.forgetFailures(id);
        return changed;
      }
      return endIf(id, async (tx) => {
        await hold(tx, id, { ...options, onlyIf: holds });
        if (!(await holds(tx))) throw new WithdrawnError();
        await write(tx, id, set);
        await hand(tx, id, options.done);
      });
    },
    setUniquifier: (user, options) => endAll(user, { fsTokenUniquifier: null }, options),
    async setTokenUniquifier(user) {
      await change(user, { fsTokenUniquifier: newUniquifier() });
    },
    async endSessions(user) {
      return (await endSessionsWith(user)) as number;
    },
    endSessionsIf: endSessionsWith,
    async resetAccess(user, { onlyIf: asked } = {}) {
      const id = idOf(user);
      const reset = await endAll(
        user,
        { fsTokenUniquifier: null },
        {
          asked,
          onlyIf: async (tx) => {
            await clearAccess(tx, id);
            return true;
          },
        },
      );
      if (!reset && (asked === undefined || (await load(datastore, "id", id)) === undefined))
        throw new UnknownUserError(id);
      return reset;
    },
    async shutOut(user, options) {
      const id = idOf(user);
      return endIf(id, (tx) => keeping(tx, id, () => endWithin(tx, id, { fsTokenUniquifier: null }, options)));
    },
  };
}
