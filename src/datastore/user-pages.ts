import type { Account, accountFactory } from "../model/account.ts";
import { PortcullisError } from "../model/errors.ts";
import type { Row } from "../model/schema.ts";
import type { Datastore } from "./contract.ts";
import type { Roles } from "./roles.ts";
import { among, type Direction, type List, listOf, type Part, type Position, searched } from "./user-list.ts";

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

const defaultLimit = 25;
const most = 1_000;
/** A page looks at no more candidates than that: one that finds too few is shorter, and `next` goes on. */
const mostLooked = 2_000;
const bad = (field: string, what: string): PortcullisError => new PortcullisError("invalid_field", `${field}: ${what}`);

/** Makes the paged list of users: by key, never by offset, so that each page costs the same in however large a table. */
export function createUserPages(context: UserPagesContext): (query?: UserQuery) => Promise<UserPage<Account>> {
  const { datastore, roles, account } = context;

  /** The accounts of these rows, with their roles by two queries. */
  const accounts = async (rows: readonly Row[]): Promise<readonly Account[]> => {
    if (rows.length === 0) return [];
    const links = await datastore.find("rolesUsers", { userId: among(rows.map((row) => row["id"] as number)) });
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
    list: List,
    direction: Direction,
    from: Position | undefined,
    wanted: number,
  ): Promise<{ readonly found: readonly { row: Row; at: Position }[]; readonly stopped: Position | undefined }> => {
    const inOrder = (parts: readonly Part[]): readonly Part[] => (direction === "asc" ? parts : parts.toReversed());
    let order = inOrder(list.parts);
    let narrowed = false;
    const found: { row: Row; at: Position }[] = [];
    let looked = 0;
    let position = from;
    let index = from === undefined ? 0 : order.findIndex(({ name }) => name === from.part);
    let size = Math.max(wanted, Math.min(wanted * 2, 500));
    while (index < order.length && found.length < wanted) {
      const part = order[index] as Part;
      const here = position?.part === part.name ? position : undefined;
      const batch = await part.read(direction, here, part.exact ? wanted - found.length : size);
      for (const { row, at, fits } of batch.rows) if (fits) found.push({ row, at });
      looked += batch.looked;
      position = batch.end ?? batch.rows.at(-1)?.at ?? position;
      if (batch.ended) index += 1;
      else if (looked >= mostLooked && found.length < wanted) return { found, stopped: position };
      if (looked > 0 && found.length < wanted) {
        // As many more as the share of those before says, and some too many.
        const likely = found.length > 0 ? ((wanted - found.length) * looked * 1.25) / found.length : looked * 4;
        size = Math.min(500, Math.max(wanted, Math.ceil(likely)));
        if (!narrowed && found.length * 4 < looked) {
          narrowed = true;
          order = inOrder(await list.narrowed());
        }
      }
    }
    return { found, stopped: undefined };
  };

  const count = async (query: UserQuery, list: List, roleId: number | undefined): Promise<UserPage<never>["total"]> => {
    const bound = query.countTo === undefined ? 0 : Math.min(query.countTo, most);
    if (bound <= 0) return undefined;
    const { active } = query;
    let counted: number;
    if (searched(query) === undefined && roleId === undefined) {
      counted = await datastore.count("user", active === undefined ? {} : { active }, bound + 1);
    } else if (searched(query) === undefined && active === undefined && roleId !== undefined) {
      counted = await datastore.count("rolesUsers", { roleId }, bound + 1);
    } else {
      const { found, stopped } = await fetch(list, "asc", undefined, bound + 1);
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
    const list = listOf(datastore, query, role?.id);
    const after = query.after === undefined ? undefined : readCursor("after", query.after, list.parts);
    const before = query.before === undefined ? undefined : readCursor("before", query.before, list.parts);
    const { sort = "id", order = "asc" } = query;
    if (sort !== "id" && sort !== "email") throw bad("sort", "id or email");
    if (order !== "asc" && order !== "desc") throw bad("order", "asc or desc");
    const forward = before === undefined;
    const direction: Direction = forward === (order === "asc") ? "asc" : "desc";
    const { found, stopped } = await fetch(list, direction, after ?? before, skip + limit + 1);
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
      total: await count(query, list, role?.id),
    };
  };
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
