import type { Account, accountFactory } from "../model/account.ts";
import { PortcullisError } from "../model/errors.ts";
import type { Row } from "../model/schema.ts";
import type { Datastore } from "./contract.ts";
import type { Roles } from "./roles.ts";

/** Which users a page is of, and where it lies among them. */
export interface UserQuery<Role extends string = string> {
  /**
   * What the e-mail address or the username begins with, without regard to case. Matches come by e-mail address, then those
   * by username; without a search users come by id.
   */
  readonly search?: string | undefined;
  readonly role?: Role | undefined;
  readonly active?: boolean | undefined;
  /**
   * By what users come where nothing is searched for; default "id", which is the order in which they were made. Those of a
   * role always come by it.
   */
  readonly sort?: "id" | "email" | undefined;
  /** Default "asc". */
  readonly order?: "asc" | "desc" | undefined;
  /** A cursor of another page: the users behind it, or before it. */
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  /** Users a page, 1 to 1,000; default 25. */
  readonly limit?: number | undefined;
  /** So many users are passed over first, at most 1,000: for pages by number. */
  readonly skip?: number | undefined;
  /** Users are counted up to that, at most 1,000; default: not at all. */
  readonly countTo?: number | undefined;
}

/** One page of users. */
export interface UserPage<A> {
  readonly users: readonly A[];
  /** For `after`: where the next page begins; undefined: this is the last one. */
  readonly next: string | undefined;
  /** For `before`: where the page before ends; undefined: this is the first one. */
  readonly previous: string | undefined;
  /** How many there are in all; `exact: false`: at least so many. Undefined where `countTo` does not ask for it. */
  readonly total: { readonly count: number; readonly exact: boolean } | undefined;
}

/** What pages of users need. */
export interface UserPagesContext {
  readonly datastore: Datastore;
  readonly roles: Roles;
  readonly account: ReturnType<typeof accountFactory>;
}

type Direction = "asc" | "desc";

/** Where a user lies: in which part of the list, by which key there, and the id. */
interface Position {
  readonly part: string;
  readonly key: string | number;
  readonly id: number;
}

/** Candidates in the order of a part, each with where it lies; `ended`: there are no more of this part. */
interface Batch {
  readonly rows: readonly { readonly row: Row; readonly at: Position; readonly fits: boolean }[];
  readonly ended: boolean;
  /** How far was looked, where that is further than the last row. */
  readonly end?: Position | undefined;
}

/** A part of the list with one order and one index. */
interface Part {
  readonly name: string;
  read(direction: Direction, from: Position | undefined, limit: number): Promise<Batch>;
}

const defaultLimit = 25;
const most = 1_000;
/** A page looks at no more candidates than that: one that finds too few is shorter, and `next` goes on. */
const mostLooked = 2_000;
/** What so few have is read at once instead of being looked for. */
const few = 500;
/** Addresses that differ in case alone lie at one place: so many are read again to find the one that was last. */
const ties = 16;

const bad = (field: string, what: string): PortcullisError => new PortcullisError("invalid_field", `${field}: ${what}`);

/** Makes the paged list of users: by key, never by offset, so that each page costs the same in however large a table. */
export function createUserPages(context: UserPagesContext): (query?: UserQuery) => Promise<UserPage<Account>> {
  const { datastore, roles, account } = context;

  /** The accounts of these rows, with their roles by two queries. */
  const accounts = async (rows: readonly Row[]): Promise<readonly Account[]> => {
    if (rows.length === 0) return [];
    const links = await datastore.find("rolesUsers", { userId: { in: rows.map((row) => row["id"] as number) } });
    const ids = [...new Set(links.map((link) => link["roleId"] as number))];
    const known = new Map<unknown, Row>();
    if (ids.length > 0) {
      for (const role of await datastore.find("role", { id: { in: ids } })) known.set(role["id"], role);
    }
    return rows.map((row) => {
      const own = links.filter((link) => link["userId"] === row["id"]).map((link) => known.get(link["roleId"]));
      return account(row, [...new Set(own.filter((role) => role !== undefined))]);
    });
  };

  const fetch = async (
    parts: readonly Part[],
    direction: Direction,
    from: Position | undefined,
    wanted: number,
  ): Promise<{ readonly found: readonly { row: Row; at: Position }[]; readonly stopped: Position | undefined }> => {
    const order = direction === "asc" ? parts : parts.toReversed();
    const found: { row: Row; at: Position }[] = [];
    let looked = 0;
    let position = from;
    let index = from === undefined ? 0 : order.findIndex(({ name }) => name === from.part);
    let size = wanted;
    while (index < order.length && found.length < wanted) {
      const part = order[index] as Part;
      const batch = await part.read(direction, position?.part === part.name ? position : undefined, size);
      for (const { row, at, fits } of batch.rows) if (fits) found.push({ row, at });
      looked += Math.max(batch.rows.length, 1);
      position = batch.end ?? batch.rows.at(-1)?.at ?? position;
      if (batch.ended) index += 1;
      else if (looked >= mostLooked && found.length < wanted) return { found, stopped: position };
      size = Math.min(500, Math.max(size, 100));
    }
    return { found, stopped: undefined };
  };

  const count = async (
    query: UserQuery,
    parts: readonly Part[],
    roleId: number | undefined,
  ): Promise<UserPage<never>["total"]> => {
    const bound = query.countTo === undefined ? 0 : Math.min(query.countTo, most);
    if (bound <= 0) return undefined;
    const { active } = query;
    let counted: number;
    if (searched(query) === undefined && roleId === undefined) {
      counted = await datastore.count("user", active === undefined ? {} : { active }, bound + 1);
    } else if (searched(query) === undefined && active === undefined && roleId !== undefined) {
      counted = await datastore.count("rolesUsers", { roleId }, bound + 1);
    } else {
      const { found, stopped } = await fetch(parts, "asc", undefined, bound + 1);
      return { count: Math.min(found.length, bound), exact: stopped === undefined && found.length <= bound };
    }
    return { count: Math.min(counted, bound), exact: counted <= bound };
  };

  return async (query = {}) => {
    const { limit = defaultLimit, skip = 0 } = query;
    if (!Number.isInteger(limit) || limit < 1 || limit > most) throw bad("limit", `1 to ${most} users a page`);
    if (!Number.isInteger(skip) || skip < 0 || skip > most) throw bad("skip", `at most ${most}; beyond it use "after"`);
    if (query.after !== undefined && query.before !== undefined) throw bad("before", "leave it out beside after");
    const role = query.role === undefined ? undefined : await roles.require(query.role);
    const parts = partsOf(datastore, query, await narrow(datastore, query, role?.id));
    const after = query.after === undefined ? undefined : readCursor("after", query.after, parts);
    const before = query.before === undefined ? undefined : readCursor("before", query.before, parts);
    const { sort = "id", order = "asc" } = query;
    if (sort !== "id" && sort !== "email") throw bad("sort", "id or email");
    if (order !== "asc" && order !== "desc") throw bad("order", "asc or desc");
    const forward = before === undefined;
    const direction: Direction = forward === (order === "asc") ? "asc" : "desc";
    const { found, stopped } = await fetch(parts, direction, after ?? before, skip + limit + 1);
    const page = found.slice(skip, skip + limit);
    const more = found.length > skip + limit ? page.at(-1)?.at : stopped;
    if (!forward) page.reverse();
    const first = page[0]?.at;
    const last = page.at(-1)?.at;
    const began = after !== undefined || skip > 0;
    return {
      users: await accounts(page.map(({ row }) => row)),
      next: forward ? cursor(more) : cursor(last ?? before),
      previous: !forward ? cursor(more) : began ? cursor(first ?? after) : undefined,
      total: await count(query, parts, role?.id),
    };
  };
}

/** What is searched for; undefined: nothing. */
function searched({ search }: UserQuery): string | undefined {
  const text = search?.trim().normalize("NFC");
  if (text !== undefined && text.length > 255) throw bad("search", "at most 255 characters");
  return text === undefined || text === "" ? undefined : text;
}

/** What every user of the list has: conditions on the row, and a role that is looked up. */
interface Narrowed {
  readonly where: { readonly active?: boolean; readonly id?: { readonly in: readonly number[] } };
  readonly roleId: number | undefined;
  /** True: the rows lead, as fewer users meet their conditions than have the role. */
  readonly byRow: boolean;
}

/**
 * Which condition leads: of two that must both hold, the one that fewer users meet, so that no page looks through all who
 * meet the other.
 */
async function narrow(datastore: Datastore, query: UserQuery, roleId: number | undefined): Promise<Narrowed> {
  const where = query.active === undefined ? {} : { active: query.active };
  const plain = { where, roleId, byRow: false };
  if (query.active !== undefined && byText(query) && (await datastore.count("user", where, few + 1)) <= few) {
    const rows = await datastore.find("user", where);
    return { ...plain, where: { ...where, id: { in: rows.map((row) => row["id"] as number) } } };
  }
  if (roleId === undefined || (query.active === undefined && searched(query) === undefined)) return plain;
  const links = await datastore.find("rolesUsers", { roleId }, { limit: few + 1 });
  if (links.length <= few) {
    const ids = links.map((link) => link["userId"]).filter((id) => typeof id === "number");
    return { where: { ...where, id: { in: ids } }, roleId: undefined, byRow: true };
  }
  return { ...plain, byRow: query.active !== undefined && (await datastore.count("user", where, few + 1)) <= few };
}

/** Whether users come by their address or username. */
function byText(query: UserQuery): boolean {
  return searched(query) !== undefined || (query.sort === "email" && query.role === undefined);
}

function partsOf(datastore: Datastore, query: UserQuery, { where: active, roleId, byRow }: Narrowed): readonly Part[] {
  const text = searched(query);
  if (text !== undefined) {
    const email = searchPart(datastore, "email", text, active, roleId);
    // Nobody's username has an @ in it.
    return text.includes("@") ? [email] : [email, searchPart(datastore, "username", text, active, roleId)];
  }
  if (roleId !== undefined && !byRow) return [rolePart(datastore, roleId, active)];
  if (byText(query)) {
    return [searchPart(datastore, "email", "", active, undefined)];
  }
  return [
    {
      name: "id",
      async read(direction, from, limit) {
        const id = from === undefined ? {} : { id: { ...active.id, ...beyond(direction, from.id) } };
        const rows = await datastore.find(
          "user",
          { ...active, ...id },
          { orderBy: [{ field: "id", direction }], limit },
        );
        const holds = await holders(datastore, roleId, rows);
        return { rows: rows.map((row) => placed("id", row, holds(row))), ended: rows.length < limit };
      },
    },
  ];
}

/** Who of these has the role; without one, everybody. */
async function holders(
  datastore: Datastore,
  roleId: number | undefined,
  rows: readonly Row[],
): Promise<(row: Row) => boolean> {
  if (roleId === undefined || rows.length === 0) return () => true;
  const ids = rows.map((row) => row["id"] as number);
  const having = await datastore.find("rolesUsers", { roleId, userId: { in: ids } });
  const found = new Set(having.map((link) => link["userId"]));
  return (row) => found.has(row["id"]);
}

/** Users who have a role, by id: from the links, of which there are as many as matches. */
function rolePart(datastore: Datastore, roleId: number, active: Narrowed["where"]): Part {
  return {
    name: "id",
    async read(direction, from, limit) {
      const userId = { userId: from === undefined ? { not: null } : beyond(direction, from.id) };
      const links = await datastore.find(
        "rolesUsers",
        { roleId, ...userId },
        { orderBy: [{ field: "userId", direction }], limit },
      );
      const ids = [...new Set(links.map((link) => link["userId"]).filter((id) => typeof id === "number"))];
      const last = ids.at(-1);
      const end = last === undefined ? undefined : { part: "id", key: last, id: last };
      if (ids.length === 0) return { rows: [], ended: true };
      const rows = await datastore.find(
        "user",
        { ...active, id: { in: ids } },
        { orderBy: [{ field: "id", direction }] },
      );
      return { rows: rows.map((row) => placed("id", row, true)), ended: links.length < limit, end };
    },
  };
}

/** Users whose field begins so, by that field. */
function searchPart(
  datastore: Datastore,
  field: "email" | "username",
  text: string,
  wanted: Narrowed["where"],
  roleId: number | undefined,
): Part {
  // Looked at here where many are or are not active: a database that went by it would sort them all.
  const where = wanted.id === undefined ? {} : wanted;
  return {
    name: field,
    async read(direction, from, limit) {
      const edge = from === undefined ? {} : { [direction === "asc" ? "from" : "upTo"]: String(from.key) };
      const atMost = from === undefined ? limit : limit + ties;
      const rows = await datastore.find(
        "user",
        { [field]: { startsWith: text, ...edge }, ...where },
        {
          orderBy: [
            { field, direction, ignoreCase: true },
            { field: "id", direction },
          ],
          limit: atMost,
        },
      );
      const passed = from === undefined ? -1 : rows.findIndex((row) => row["id"] === from.id);
      // Whoever was last may be gone: then what lies at the very same place and was there before goes by the id.
      const fresh =
        passed >= 0 || from === undefined
          ? rows.slice(passed + 1)
          : rows.filter((row) => fold(row[field]) !== fold(from.key) || isBeyond(direction, row["id"], from.id));
      const holds = await holders(datastore, roleId, fresh);
      const fits = (row: Row): boolean =>
        holds(row) &&
        (wanted.active === undefined || row["active"] === wanted.active) &&
        // Found by the address already.
        (field === "email" || !fold(row["email"]).startsWith(fold(text)));
      return { rows: fresh.map((row) => placed(field, row, fits(row))), ended: rows.length < atMost };
    },
  };
}

function beyond(direction: Direction, id: number): { readonly gt: number } | { readonly lt: number } {
  return direction === "asc" ? { gt: id } : { lt: id };
}

function isBeyond(direction: Direction, id: unknown, edge: number): boolean {
  return direction === "asc" ? (id as number) > edge : (id as number) < edge;
}

function placed(part: string, row: Row, fits: boolean): Batch["rows"][number] {
  return { row, at: { part, key: row[part] as string | number, id: row["id"] as number }, fits };
}

function fold(text: unknown): string {
  return String(text).normalize("NFC").toLowerCase();
}

function cursor(at: Position | undefined): string | undefined {
  if (at === undefined) return undefined;
  return Buffer.from(JSON.stringify([at.part, at.key, at.id])).toString("base64url");
}

function readCursor(field: string, text: string, parts: readonly Part[]): Position {
  try {
    if (text.length > 2_000) throw bad(field, "too long");
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    if (!Array.isArray(value)) throw bad(field, "no list");
    const [part, key, id] = value as readonly unknown[];
    const known = parts.some(({ name }) => name === part);
    const typed = part === "id" ? Number.isSafeInteger(key) : typeof key === "string" && key.isWellFormed();
    if (known && typed && Number.isSafeInteger(id)) {
      return { part: part as string, key: key as string | number, id: id as number };
    }
  } catch {
    // Whatever is wrong with it, it is none of ours.
  }
  throw bad(field, "is no cursor of this list");
}
