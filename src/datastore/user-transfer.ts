import type { EventHub } from "../events/events.ts";
import { DatastoreError, PortcullisError, UniqueConflictError } from "../model/errors.ts";
import { permissionRole } from "../model/permission-role.ts";
import type { Row, Table } from "../model/schema.ts";
import { accountRow } from "./account-row.ts";
import type { Datastore, Transaction } from "./contract.ts";
import { fold, spellings } from "./identity-conflict.ts";
import type { PasswordHistory } from "./password-history.ts";
import type { Roles } from "./roles.ts";
import { type ReadUser, type RecordFault, type UserRecord, userRecords } from "./user-records.ts";

/** What became of one record: stored, there before (or earlier in the same file) under its e-mail address, or refused. */
export type ImportOutcome =
  | { readonly kind: "imported" }
  | { readonly kind: "existing" }
  | ({ readonly kind: "refused" } & RecordFault);

/** How records are imported. */
export interface ImportOptions {
  /** Looks at everything and stores nothing. */
  readonly dryRun?: boolean;
  /** Makes the roles and permissions that are missing; else a record that names one is refused. */
  readonly createRoles?: boolean;
}

/** Which users are exported: one page of them, by id. */
export interface ExportOptions {
  /** The `next` of the page before. */
  readonly after?: number | undefined;
  /** At most 1,000; default 500. */
  readonly limit?: number;
  /** With the hashes of passwords and with columns that are marked as secret. */
  readonly hashes?: boolean;
}

/** Accounts from elsewhere, and for elsewhere, as records of a file. */
export interface UserTransfer {
  /** The names of a record's fields. */
  readonly fields: readonly string[];
  /** Those of them that an export has only with `hashes`. */
  readonly secret: ReadonlySet<string>;
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
  readonly history: PasswordHistory;
  /** Whether hashes of former passwords are kept. */
  readonly remembersPasswords: boolean;
  readonly roles: Roles;
  readonly events: EventHub;
  readonly now: () => number;
  /** The table of users. */
  readonly table: Table;
  /** The application's own columns, by their TypeScript names. */
  readonly own: readonly string[];
  /** Why no mail can be sent to an address; undefined: it can. */
  readonly undeliverable?: (address: string) => string | undefined;
}

const most = 1_000;

/** Makes the transfer of one running system. */
export function createUserTransfer(context: TransferContext): UserTransfer {
  const { datastore, history, remembersPasswords, roles, events, now } = context;
  const records = userRecords(context.table, context.own);

  /** Stores accounts in one transaction, by few statements. */
  const store = async (accounts: readonly ReadUser[], known: ReadonlyMap<string, number>): Promise<void> => {
    const at = now();
    await datastore.transaction(async (tx) => {
      await insertAll(
        tx,
        "user",
        accounts.map(({ row, hash }) => accountRow(row, hash ?? null, at)),
      );
      const stored = await tx.find("user", { email: { in: accounts.map(({ row }) => row.email) } });
      const ids = new Map(stored.map((row) => [row["email"], row["id"] as number]));
      const idOf = ({ row }: ReadUser): number => {
        const id = ids.get(row.email);
        if (id === undefined) throw new DatastoreError("the datastore does not find a user that it has just stored");
        return id;
      };
      const links = accounts.flatMap((user) =>
        grantsOf(user).map(({ name }) => ({ userId: idOf(user), roleId: known.get(name) })),
      );
      if (links.length > 0) await insertAll(tx, "rolesUsers", links);
      if (!remembersPasswords) return;
      for (const user of accounts) if (user.hash !== undefined) await history.append(tx, idOf(user), user.hash, null);
    });
  };

  /** Stores as many as it can at once; where the database refuses one of them, each in a transaction of its own. */
  const storeAll = async (wanted: readonly Wanted[], known: ReadonlyMap<string, number>): Promise<void> => {
    try {
      await store(
        wanted.map(({ user }) => user),
        known,
      );
      for (const it of wanted) it.outcome = { kind: "imported" };
    } catch (error) {
      if (!(error instanceof UniqueConflictError)) throw error;
      if (wanted.length === 1) await explain(wanted, error);
      else for (const it of wanted) await storeAll([it], known);
    }
  };

  /** Somebody else has stored the same since it was looked for. */
  const explain = async (wanted: readonly Wanted[], { field = "" }: UniqueConflictError): Promise<void> => {
    const there = await taken(wanted);
    for (const it of wanted) {
      it.outcome = there(it.user) ?? { kind: "refused", field, problem: "another account has it" };
    }
  };

  /** Tells of a record whether its e-mail address or username is taken, in whatever case. */
  const taken = async (wanted: readonly Wanted[]): Promise<(user: ReadUser) => ImportOutcome | undefined> => {
    const of = async (field: "email" | "username"): Promise<ReadonlySet<string>> => {
      const values = [...new Set(wanted.map(({ user }) => user.row[field]).filter((it) => typeof it === "string"))];
      if (values.length === 0) return new Set();
      const asked = values.flatMap((value) => spellings(field, value));
      const rows = await datastore.find("user", { [field]: { inIgnoringCase: asked } });
      return new Set(rows.map((row) => fold(String(row[field]))));
    };
    const [emails, usernames] = [await of("email"), await of("username")];
    return ({ row }) => {
      if (emails.has(fold(row.email))) return { kind: "existing" };
      return row["username"] !== undefined && usernames.has(fold(String(row["username"]))) ? usernameTaken : undefined;
    };
  };

  const knownRoles = async (
    wanted: readonly Wanted[],
    { createRoles, dryRun }: ImportOptions,
  ): Promise<ReadonlyMap<string, number>> => {
    const known = new Map<string, number>();
    for (const { name, permission } of wanted.flatMap(({ user }) => grantsOf(user))) {
      if (known.has(name)) continue;
      const role = await datastore.findOne("role", { name });
      // A collation that ignores case must not turn one role into another.
      if (role?.["name"] === name) known.set(name, role["id"] as number);
      else if (createRoles !== true) continue;
      else if (dryRun === true) known.set(name, 0);
      else
        known.set(
          name,
          (await (permission === undefined ? roles.findOrCreate(name) : roles.ofPermission(permission))).id,
        );
    }
    return known;
  };

  return {
    fields: records.fields,
    secret: records.secret,

    async import(given, options = {}) {
      if (given.length > most) throw new PortcullisError("too_many", `at most ${most} records are imported at once`);
      const read = given.map((record) => records.read(record));
      const wanted = read.flatMap((user): Wanted[] => ("row" in user ? [{ user, outcome: undefined }] : []));
      const known = await knownRoles(wanted, options);
      const there = await taken(wanted);
      const emails = new Set<string>();
      const usernames = new Set<string>();
      for (const it of wanted) {
        const { row } = it.user;
        const username = row["username"] === undefined ? undefined : fold(String(row["username"]));
        const missing = grantsOf(it.user).find(({ name }) => !known.has(name));
        it.outcome = emails.has(fold(row.email)) ? { kind: "existing" } : there(it.user);
        const problem = context.undeliverable?.(row.email);
        if (it.outcome === undefined && problem !== undefined)
          it.outcome = { kind: "refused", field: "email", problem };
        if (it.outcome === undefined && missing !== undefined) {
          it.outcome = { kind: "refused", ...missing.fault };
        }
        if (it.outcome === undefined && username !== undefined && usernames.has(username)) it.outcome = usernameTaken;
        if (it.outcome !== undefined) continue;
        emails.add(fold(row.email));
        if (username !== undefined) usernames.add(username);
      }
      const open = wanted.filter(({ outcome }) => outcome === undefined);
      if (options.dryRun === true) for (const it of open) it.outcome = { kind: "imported" };
      else if (open.length > 0) await storeAll(open, known);
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

/** The roles that a record names, those that stand for its permissions among them, with what is wrong when they are missing. */
function grantsOf({ roles, permissions }: ReadUser): readonly {
  readonly name: string;
  readonly permission?: string;
  readonly fault: RecordFault;
}[] {
  return [
    ...roles.map((name) => ({
      name,
      fault: { field: "roles", problem: `there is no role ${JSON.stringify(name)}` },
    })),
    ...permissions.map((permission) => ({
      name: permissionRole(permission),
      permission,
      fault: { field: "permissions", problem: `nobody was given ${JSON.stringify(permission)} so far` },
    })),
  ];
}

async function insertAll(tx: Transaction, table: string, rows: readonly Row[]): Promise<void> {
  if (tx.insertAll !== undefined) await tx.insertAll(table, rows);
  else for (const row of rows) await tx.insert(table, row);
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
