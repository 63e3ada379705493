import type { EventHub } from "../events/events.ts";
import { PortcullisError, UniqueConflictError } from "../model/errors.ts";
import type { Row, Table } from "../model/schema.ts";
import type { Datastore, Transaction } from "./contract.ts";
import type { Roles } from "./roles.ts";
import { type ReadUser, type RecordFault, type UserRecord, userRecords } from "./user-records.ts";
import type { NewUser, Users } from "./users.ts";

/** What became of one record: stored, there before (or earlier in the same file) under its e-mail address, or refused. */
export type ImportOutcome =
  | { readonly kind: "imported" }
  | { readonly kind: "existing" }
  | ({ readonly kind: "refused" } & RecordFault);

/** How records are imported. */
export interface ImportOptions {
  /** Looks at everything and stores nothing. */
  readonly dryRun?: boolean;
  /** Makes the roles that are missing; else a record that names one is refused. */
  readonly createRoles?: boolean;
}

/** Which users are exported: one page of them, by id. */
export interface ExportOptions {
  /** The `next` of the page before. */
  readonly after?: number | undefined;
  /** At most 1,000; default 500. */
  readonly limit?: number;
  /** With the hashes of passwords. */
  readonly hashes?: boolean;
}

/** Accounts from elsewhere, and for elsewhere, as records of a file. */
export interface UserTransfer {
  /** The names of a record's fields. */
  readonly fields: readonly string[];
  /**
   * Stores accounts with the hashes that they bring, all that can be or, when the process is killed, none. An account whose
   * e-mail address is there stays as it is: the same records may come again. Returns one outcome for each of at most 1,000
   * records, in their order; rejects, with nothing stored, when the database fails.
   */
  import(records: readonly UserRecord[], options?: ImportOptions): Promise<readonly ImportOutcome[]>;
  /** One page of records; `next` is undefined after the last one. */
  export(
    options?: ExportOptions,
  ): Promise<{ readonly records: readonly UserRecord[]; readonly next: number | undefined }>;
}

/** What the transfer needs. */
export interface TransferContext {
  readonly datastore: Datastore;
  readonly users: Users;
  readonly roles: Roles;
  readonly events: EventHub;
  /** The table of users. */
  readonly table: Table;
  /** The application's own columns, by their TypeScript names. */
  readonly own: readonly string[];
}

const most = 1_000;

/** Makes the transfer of one running system. */
export function createUserTransfer(context: TransferContext): UserTransfer {
  const { datastore, users, roles, events } = context;
  const records = userRecords(context.table, context.own);

  const store = async (user: ReadUser, tx: Transaction): Promise<void> => {
    const { createDatetime, ...row } = user.row;
    const input = { ...row, roles: user.roles } as unknown as NewUser;
    const account = await users.create(input, tx, user.hash === undefined ? undefined : { hash: user.hash });
    if (createDatetime !== undefined) await tx.update("user", { id: account.id }, { createDatetime });
  };

  /** The outcome of a record that can't be stored, or undefined for one that may be. */
  const precheck = async (user: ReadUser, there: ReadonlySet<string>): Promise<ImportOutcome | undefined> => {
    const { email, username } = user.row;
    if (there.has(email)) return { kind: "existing" };
    // What another program stored may differ in case.
    if ((await users.find("email", email, { ignoreCase: true })) !== undefined) return { kind: "existing" };
    if (typeof username !== "string") return undefined;
    const taken = await users.find("username", username, { ignoreCase: true });
    return taken === undefined ? undefined : usernameTaken;
  };

  /** Stores as many as it can at once; where one of them is refused by the database, each in a transaction of its own. */
  const storeAll = async (wanted: readonly Wanted[]): Promise<void> => {
    try {
      await datastore.transaction(async (tx) => {
        for (const { user } of wanted) await store(user, tx);
      });
      for (const it of wanted) it.outcome = { kind: "imported" };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      for (const it of wanted) it.outcome = await storeOne(it.user);
    }
  };

  const storeOne = async (user: ReadUser): Promise<ImportOutcome> => {
    try {
      await datastore.transaction((tx) => store(user, tx));
      return { kind: "imported" };
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // Somebody else stored it since.
      const again = await precheck(user, new Set());
      return again ?? { kind: "refused", field: "", problem: error.message };
    }
  };

  const knownRoles = async (
    wanted: readonly Wanted[],
    { createRoles, dryRun }: ImportOptions,
  ): Promise<Set<string>> => {
    const known = new Set<string>();
    for (const name of new Set(wanted.flatMap(({ user }) => user.roles))) {
      if ((await roles.find(name)) !== undefined || (createRoles === true && dryRun === true)) known.add(name);
      else if (createRoles === true) known.add((await roles.findOrCreate(name)).name);
    }
    return known;
  };

  return {
    fields: records.fields,

    async import(given, options = {}) {
      if (given.length > most) throw new PortcullisError("too_many", `at most ${most} records are imported at once`);
      const read = given.map((record) => records.read(record));
      const wanted = read.flatMap((user): Wanted[] => ("row" in user ? [{ user, outcome: undefined }] : []));
      const known = await knownRoles(wanted, options);
      const there = await existing(datastore, wanted);
      const names = new Set<string>();
      const open: Wanted[] = [];
      // At the same time: each is a query of its own, which a pool answers beside others.
      const before = await Promise.all(wanted.map(({ user }) => precheck(user, there)));
      for (const [index, it] of wanted.entries()) {
        const { row, roles: named } = it.user;
        const missing = named.find((name) => !known.has(name));
        const username = typeof row["username"] === "string" ? row["username"].toLowerCase() : undefined;
        it.outcome = before[index];
        if (it.outcome === undefined && missing !== undefined) {
          it.outcome = { kind: "refused", field: "roles", problem: `there is no role ${JSON.stringify(missing)}` };
        } else if (it.outcome === undefined && there.has(row.email)) it.outcome = { kind: "existing" };
        else if (it.outcome === undefined && username !== undefined && names.has(username)) it.outcome = usernameTaken;
        if (it.outcome !== undefined) continue;
        there.add(row.email);
        if (username !== undefined) names.add(username);
        open.push(it);
      }
      if (options.dryRun === true) for (const it of open) it.outcome = { kind: "imported" };
      else if (open.length > 0) await storeAll(open);
      const count = open.filter(({ outcome }) => outcome?.kind === "imported").length;
      if (count > 0 && options.dryRun !== true) events.emit("usersImported", { count });
      const outcomes = wanted.values();
      return read.map((it) => {
        if (!("row" in it)) return { kind: "refused", ...it };
        return (outcomes.next().value as Wanted).outcome as ImportOutcome;
      });
    },

    async export({ after = 0, limit = 500, hashes = false } = {}) {
      const page = await datastore.find(
        "user",
        { id: { gt: after } },
        { orderBy: [{ field: "id" }], limit: Math.min(Math.max(1, limit), most) },
      );
      const last = page.at(-1)?.["id"] as number | undefined;
      const names = await roleNames(datastore, page);
      return {
        records: page.map((user) => records.write(user, names.get(user["id"] as number) ?? [], hashes)),
        next: last,
      };
    },
  };
}

/** A record that could be read, on its way. */
interface Wanted {
  readonly user: ReadUser;
  outcome: ImportOutcome | undefined;
}

const usernameTaken: ImportOutcome = { kind: "refused", field: "username", problem: "another account has it" };

/** The addresses among these that accounts have in exactly this spelling. */
async function existing(datastore: Datastore, wanted: readonly Wanted[]): Promise<Set<string>> {
  const addresses = [...new Set(wanted.map(({ user }) => user.row.email))];
  if (addresses.length === 0) return new Set();
  const rows = await datastore.find("user", { email: { in: addresses } });
  return new Set(rows.map((row) => row["email"] as string));
}

async function roleNames(datastore: Datastore, page: readonly Row[]): Promise<ReadonlyMap<number, string[]>> {
  const names = new Map<number, string[]>();
  if (page.length === 0) return names;
  const links = await datastore.find("rolesUsers", { userId: { in: page.map(({ id }) => id as number) } });
  const ids = [...new Set(links.map((link) => link["roleId"] as number))];
  const found = ids.length === 0 ? [] : await datastore.find("role", { id: { in: ids } });
  const byId = new Map(found.map((role) => [role["id"], role["name"] as string]));
  for (const { userId, roleId } of links) {
    const name = byId.get(roleId);
    if (name === undefined) continue;
    const list = names.get(userId as number) ?? [];
    names.set(userId as number, list);
    if (!list.includes(name)) list.push(name);
  }
  for (const list of names.values()) list.sort();
  return names;
}

/** Whether this one record is the reason, and not the database. */
function isRefusal(error: unknown): error is PortcullisError {
  return (
    error instanceof UniqueConflictError ||
    (error instanceof PortcullisError && (error.code === "invalid_field" || error.code === "unknown_role"))
  );
}
