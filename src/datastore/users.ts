import type { EventHub } from "../events/events.ts";
import type { Account, accountFactory } from "../model/account.ts";
import { type Awaitable, andThen, settled } from "../model/awaitable.ts";
import { PortcullisError } from "../model/errors.ts";
import type { Row } from "../model/schema.ts";
import type { Role } from "../model/user.ts";
import type { PasswordHasher } from "../passwords/hasher.ts";
import type { AskedOptions } from "./access-state.ts";
import { accountRow, newUniquifier } from "./account-row.ts";
import type { Administrators } from "./administrators.ts";
import type { Changing } from "./changing.ts";
import type { Datastore, Operations, Transaction } from "./contract.ts";
import { refuseTaken } from "./identity-conflict.ts";
import type { PasswordHistory } from "./password-history.ts";
import { endBegun, endTickets } from "./pending.ts";
import { grantRole, type Roles } from "./roles.ts";
import { createUserFields, type UserFieldsContext } from "./user-fields.ts";
import { createUserGrants } from "./user-grants.ts";
import { createUserLookup } from "./user-lookup.ts";
import type { AccountLookup, ChangeOptions, RowUsers } from "./user-operations.ts";
import { createUserPages } from "./user-pages.ts";
import { idOf, UnknownUserError, type UserReference } from "./user-reference.ts";

/** What the operations on users need. */
export interface UsersContext extends UserFieldsContext {
  readonly datastore: Datastore;
  readonly changing: Changing;
  readonly roles: Roles;
  readonly hasher: PasswordHasher;
  readonly history: PasswordHistory;
  readonly account: ReturnType<typeof accountFactory>;
  readonly events: EventHub;
  readonly now: () => number;
  /** Takes the lock and the counted failures off a user, in a transaction of theirs; true when it was locked. */
  readonly unlock: (userId: number, tx: Transaction) => Promise<boolean>;
  /** The same after something else that is done and stays done: does not throw. */
  readonly forgetFailures: (userId: number) => Promise<void>;
  /** Further tables whose rows are credentials of a user: what ends all of theirs empties them. */
  readonly credentialTables?: readonly string[];
  /** Further tables that only `resetAccess` and `delete` empty: what a user has set up to get in beside the password. */
  readonly accessTables?: readonly string[];
  /** The rule that one administrator stays, where somebody is one. */
  readonly administrators?: Administrators | undefined;
}

/** Makes the operations on users of one running system. */
export function createUsers(context: UsersContext): RowUsers {
  const { datastore, changing, roles, hasher, history, events, administrators } = context;
  const fields = createUserFields(context);

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

  const named = (set: Row): boolean => "email" in set || "username" in set;
  const proved = (): Date => new Date(context.now());

  /** Sets columns of a row that is taken; the only place where an address or a username is changed. */
  const write = async (tx: Transaction, id: number, set: Row): Promise<void> => {
    await refuseTaken(tx, set, id);
    await tx.update("user", { id }, set);
  };

  /** Rows that a new uniquifier has made worthless: removed so that they do not pile up. */
  const sweep = async (tx: Transaction, userId: number): Promise<void> => {
    await tx.delete("session", { userId });
    await tx.delete("session", { impersonatorId: userId });
    await tx.delete("remember", { userId });
    await endTickets(tx, userId);
    for (const table of context.credentialTables ?? []) await tx.delete(table, { userId });
  };

  /** Removes what was set up to get in beside the password. */
  const clearAccess = async (tx: Transaction, userId: number): Promise<void> => {
    for (const table of context.accessTables ?? []) await tx.delete(table, { userId });
  };

  /** Ends everything that hangs on an account whose row is taken. */
  const end = async (tx: Transaction, id: number, set: Row = {}): Promise<void> => {
    const hash = set["password"];
    const before = typeof hash === "string" ? (await tx.findOne("user", { id }))?.["password"] : undefined;
    await write(tx, id, { ...set, fsTokenUniquifier: null, fsUniquifier: newUniquifier() });
    await sweep(tx, id);
    if (typeof hash === "string") await history.append(tx, id, hash, typeof before === "string" ? before : null);
  };

  /** Hands out the account as it is in this transaction. */
  const hand = async (tx: Transaction, id: number, { done }: ChangeOptions): Promise<void> => {
    if (done === undefined) return;
    const account = await load(tx, "id", id);
    if (account === undefined) throw new UnknownUserError(id);
    await done(account, tx);
  };

  /** A change that ends everything. */
  const endAll = async (
    user: UserReference,
    set: Row,
    options: ChangeOptions & { readonly mayCostAdministrator?: boolean } = {},
  ): Promise<void> => {
    const id = idOf(user);
    await changing(id, options, async (tx, afterwards) => {
      await end(tx, id, set);
      await hand(tx, id, options);
      // What was guessed at is gone, and whoever set the new one gets in with it.
      if ("password" in set) afterwards(() => context.forgetFailures(id));
    });
  };

  const setActive = async (user: UserReference, active: boolean, options: AskedOptions = {}): Promise<boolean> => {
    const id = idOf(user);
    // Whatever was signed in stays out also after the account is active again.
    const ended = active ? {} : { fsUniquifier: newUniquifier(), fsTokenUniquifier: null };
    let changed = false;
    const take = async (tx: Transaction): Promise<void> => {
      const set = { active, ...ended, updateDatetime: new Date(context.now()) };
      changed = (await tx.update("user", { id, active: !active }, set)) > 0;
      if (!changed && (await tx.count("user", { id })) === 0) throw new UnknownUserError(id);
    };
    const rules = { ...options, take, mayCostAdministrator: !active, keepsCaches: (done: boolean) => !done };
    return changing(id, rules, async (tx, afterwards) => {
      if (!changed) return false;
      if (!active) await sweep(tx, id);
      afterwards(() => events.emit(active ? "userActivated" : "userDeactivated", { userId: id }));
      return true;
    });
  };

  return {
    ...createUserGrants({ changing, roles, events }),
    page: createUserPages({ datastore, roles, account: context.account }),
    get: async (id, tx) => await load(tx ?? datastore, "id", id),
    lookup,
    identify,

    async find(attribute, value, options) {
      const wanted = fields.searched(attribute, value);
      if (wanted === undefined) return undefined;
      if (typeof wanted === "number") return lookup(attribute, wanted);
      const ignoreCase = options?.ignoreCase === true;
      // Names of a database that was taken over are stored in another form.
      if (!ignoreCase && attribute !== "username") return lookup(attribute, wanted);
      return identify([{ attribute, value: wanted, ignoreCase }]);
    },

    async create(input, options = {}) {
      const { password, roles: names, permissions, active, ...rest } = input;
      const known = fields.toCreate(rest);
      const hash = options.hash ?? (password === undefined || password === null ? null : await hasher.hash(password));
      const row = accountRow({ ...known, active: active ?? true }, hash, context.now());
      const links: Role[] = [];
      for (const permission of new Set(permissions ?? [])) links.push(await roles.ofPermission(permission, options.tx));
      const { asked, tx } = options;
      return changing("nobody", { asked, tx }, async (tx, afterwards) => {
        await refuseTaken(tx, row);
        const id = await tx.insert("user", row);
        if (id === undefined) throw new PortcullisError("datastore", "the datastore returned no id for the new user");
        if (hash !== null) await history.append(tx, id, hash, null);
        for (const name of names ?? []) await grantRole(tx, id, await roles.require(name, tx));
        for (const role of links) await grantRole(tx, id, role);
        const account = await load(tx, "id", id);
        if (account === undefined) throw new UnknownUserError(id);
        if (options.told !== false) afterwards(() => events.emit("userCreated", { userId: id }));
        return account;
      });
    },

    async update(user, set, tx) {
      const row = fields.toStore(set as Row);
      const id = idOf(user);
      if (!named(row)) return changing(id, { tx, set: row }, async () => undefined);
      await changing(id, { tx }, async (tx) => {
        const before = "email" in row ? await tx.findOne("user", { id }) : undefined;
        await write(tx, id, row);
        if (!("email" in row)) return;
        // The links that were mailed to the address before. Where the database lets an account be without one, "" and null
        // are the same.
        if ((before?.["email"] || null) !== (row["email"] || null)) await endTickets(tx, id);
      });
    },

    async edit(user, set, options = {}) {
      const row = fields.toStore(set as Row);
      if (!named(row)) {
        await changing(idOf(user), { ...options, set: row }, async () => undefined);
        return;
      }
      await endAll(user, { ...row, ...("email" in row ? { confirmedAt: proved() } : {}) }, options);
    },

    async isLastAdministrator(user) {
      const id = idOf(user);
      if (administrators === undefined || !(await administrators.is(datastore, id))) return false;
      return !(await administrators.others(datastore, id));
    },

    async delete(user, options = {}) {
      const id = idOf(user);
      await changing(id, { ...options, mayCostAdministrator: true }, async (tx, afterwards) => {
        await sweep(tx, id);
        await clearAccess(tx, id);
        await history.remove(tx, id);
        await tx.delete("rolesUsers", { userId: id });
        if ((await tx.delete("user", { id })) === 0) throw new UnknownUserError(id);
        // The database may give the id to somebody else.
        afterwards(() => context.forgetFailures(id));
        afterwards(() => events.emit("userDeleted", { userId: id }));
      });
    },

    unlock(user, options = {}) {
      const id = idOf(user);
      return changing(id, options, async (tx, afterwards) => {
        // Where locks are kept elsewhere, the turn and the row are held until it is done.
        const locked = await context.unlock(id, tx);
        if (locked) afterwards(() => events.emit("accountUnlocked", { userId: id }));
        return locked;
      });
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
      await endAll(user, { password: hash }, options);
    },
    async setEmail(user, email, options) {
      const address = fields.givenEmail(email);
      await endAll(user, { email: address, confirmedAt: address === null ? null : proved() }, options);
    },
    async setUsername(user, username, options) {
      await endAll(user, { username: fields.username(username) }, options);
    },
    async prove(user, { first, email, password, endsAccess, mailLanguage }, options) {
      const id = idOf(user);
      const hash = typeof password === "string" ? await hasher.hash(password) : password;
      const set: Row = {
        ...(first === true || email !== undefined ? { confirmedAt: proved() } : {}),
        ...(mailLanguage === undefined ? {} : { mailLanguage }),
        ...(email === undefined ? {} : { email: fields.provedEmail(email) }),
        ...(hash === undefined ? {} : { password: hash }),
      };
      const ends = hash !== undefined || email !== undefined || endsAccess === true;
      await changing(id, ends ? options : { ...options, set }, async (tx, afterwards) => {
        if (endsAccess === true) await clearAccess(tx, id);
        if (ends) await end(tx, id, set);
        await hand(tx, id, options);
        if (hash !== undefined) afterwards(() => context.forgetFailures(id));
      });
    },
    setUniquifier: (user, options) => endAll(user, {}, options),
    async setTokenUniquifier(user) {
      await changing(idOf(user), { set: { fsTokenUniquifier: newUniquifier() } }, async () => undefined);
    },
    endSessions(user, options = {}) {
      const id = idOf(user);
      return changing(id, { ...options, set: { fsTokenUniquifier: newUniquifier() } }, async (tx) => {
        const sessions = await tx.delete("session", { userId: id });
        await tx.delete("remember", { userId: id });
        await endBegun(tx, id);
        for (const table of context.credentialTables ?? []) await tx.delete(table, { userId: id });
        return sessions;
      });
    },
    async resetAccess(user, options = {}) {
      const id = idOf(user);
      await changing(id, options, async (tx) => {
        await clearAccess(tx, id);
        await end(tx, id);
      });
    },
    shutOut: (user, options) => endAll(user, {}, { ...options, mayCostAdministrator: true }),
  };
}
