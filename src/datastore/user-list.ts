import { PortcullisError } from "../model/errors.ts";
import type { Row } from "../model/schema.ts";
import type { Datastore } from "./contract.ts";
import { fold, spellings } from "./identity-conflict.ts";
import type { UserQuery } from "./user-pages.ts";

/** Which way a list is read. */
export type Direction = "asc" | "desc";

/** Where a user lies: in which part of the list, by which key there, and the id. */
export interface Position {
  readonly part: string;
  readonly key: string | number;
  readonly id: number;
}

/** Candidates in the order of a part, each with where it lies; `ended`: there are no more of this part. */
interface Batch {
  readonly rows: readonly { readonly row: Row; readonly at: Position; readonly fits: boolean }[];
  /** How many candidates were looked at: those that the database has passed over as well. */
  readonly looked: number;
  readonly ended: boolean;
  /** How far was looked, where that is further than the last row. */
  readonly end?: Position | undefined;
}

/** A part of the list with one order and one index. */
export interface Part {
  readonly name: string;
  /** Whether each candidate is one that is wanted. */
  readonly exact: boolean;
  read(direction: Direction, from: Position | undefined, limit: number): Promise<Batch>;
}

/** What so few have is read at once instead of being looked for. */
const few = 500;
/** Addresses that differ in case alone lie at one place: so many are read again to find the one that was last. */
const ties = 16;

/** What is searched for; undefined: nothing. */
export function searched({ search }: UserQuery): string | undefined {
  const text = search?.trim().normalize("NFC");
  if (text !== undefined && text.length > 255) {
    throw new PortcullisError("invalid_field", "search: at most 255 characters");
  }
  return text === undefined || text === "" ? undefined : text;
}

/** A list of users. */
export interface List {
  readonly parts: readonly Part[];
  /** The same parts where fewer candidates are looked at, for a list of which many turned out not to be wanted. */
  narrowed(): Promise<readonly Part[]>;
}

/** The list that a query is of. */
export function listOf(datastore: Datastore, query: UserQuery, roleId: number | undefined): List {
  const plain: Narrowed = { where: query.active === undefined ? {} : { active: query.active }, roleId, byRow: false };
  let narrowed: Promise<readonly Part[]> | undefined;
  return {
    parts: partsOf(datastore, query, plain),
    narrowed() {
      narrowed ??= narrow(datastore, query, plain).then((found) => partsOf(datastore, query, found));
      return narrowed;
    },
  };
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
async function narrow(datastore: Datastore, query: UserQuery, plain: Narrowed): Promise<Narrowed> {
  const { where, roleId } = plain;
  if (query.active !== undefined && byText(query) && (await datastore.count("user", where, few + 1)) <= few) {
    const rows = await datastore.find("user", where);
    return { ...plain, where: { ...where, id: { in: rows.map((row) => row["id"] as number) } } };
  }
  if (roleId === undefined || (query.active === undefined && searched(query) === undefined)) return plain;
  if ((await datastore.count("rolesUsers", { roleId }, few + 1)) <= few) {
    const links = await datastore.find("rolesUsers", { roleId });
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
    if (text.includes("@")) return [email];
    return [email, ...usernameParts(datastore, text, active, roleId)];
  }
  if (roleId !== undefined && !byRow) return [rolePart(datastore, roleId, active)];
  if (byText(query)) {
    return [searchPart(datastore, "email", "", active, undefined)];
  }
  return [
    {
      name: "id",
      exact: roleId === undefined,
      async read(direction, from, limit) {
        const id = from === undefined ? {} : { id: { ...active.id, ...beyond(direction, from.id) } };
        const rows = await datastore.find(
          "user",
          { ...active, ...id },
          { orderBy: [{ field: "id", direction }], limit },
        );
        const holds = await holders(datastore, roleId, rows);
        const placedRows = rows.map((row) => placed("id", row, holds(row)));
        return { rows: placedRows, looked: rows.length, ended: rows.length < limit };
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
  const having = await datastore.find("rolesUsers", { roleId, userId: among(ids) });
  const found = new Set(having.map((link) => link["userId"]));
  return (row) => found.has(row["id"]);
}

/** These ids; where they lie close together the range that they are in, which a database reads at once, with some others. */
export function among(
  ids: readonly number[],
): { readonly in: readonly number[] } | { readonly gte: number; readonly lte: number } {
  const [least, most] = [Math.min(...ids), Math.max(...ids)];
  return ids.length > 1 && most - least < ids.length * 2 ? { gte: least, lte: most } : { in: ids };
}

/** Users who have a role, by id: from the links, of which there are as many as matches. */
function rolePart(datastore: Datastore, roleId: number, active: Narrowed["where"]): Part {
  return {
    name: "id",
    exact: active.active === undefined,
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
      if (ids.length === 0) return { rows: [], looked: 0, ended: true };
      const rows = await datastore.find(
        "user",
        { ...active, id: among(ids) },
        { orderBy: [{ field: "id", direction }] },
      );
      const having = new Set(ids);
      const placedRows = rows.map((row) => placed("id", row, having.has(row["id"] as number)));
      return { rows: placedRows, looked: links.length, ended: links.length < limit, end };
    },
  };
}

/**
 * Users whose username begins so: those who have it composed, and those who have it as Flask-Security stores it. A database finds
 * by the one spelling nobody who has the other, or both by either, so each part takes those of its own.
 */
function usernameParts(
  datastore: Datastore,
  text: string,
  wanted: Narrowed["where"],
  roleId: number | undefined,
): readonly Part[] {
  const [composed = text, decomposed] = spellings("username", text.normalize("NFKC"));
  // Found by the address already.
  const byAddress = (row: Row): boolean => beginsWith(row["email"], text);
  if (decomposed === undefined) {
    return [searchPart(datastore, "username", composed, wanted, roleId, { fits: (row) => !byAddress(row) })];
  }
  const isDecomposed = (row: Row): boolean =>
    String(row["username"]).toLowerCase().startsWith(decomposed.toLowerCase());
  const part = (name: string, spelling: string, own: (row: Row) => boolean): Part =>
    searchPart(datastore, "username", spelling, wanted, roleId, { name, fits: (row) => own(row) && !byAddress(row) });
  return [part("username", composed, (row) => !isDecomposed(row)), part("decomposed", decomposed, isDecomposed)];
}

/** Users whose field begins so, by that field. */
function searchPart(
  datastore: Datastore,
  field: "email" | "username",
  text: string,
  wanted: Narrowed["where"],
  roleId: number | undefined,
  { name = field, fits: isOwn = () => true }: { name?: string; fits?: (row: Row) => boolean } = {},
): Part {
  // Looked at here where many are or are not active: a database that went by it would sort them all.
  const where = wanted.id === undefined ? {} : wanted;
  return {
    name,
    exact: field === "email" && roleId === undefined && (wanted.active === undefined || wanted.id !== undefined),
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
          : rows.filter(
              (row) => fold(String(row[field])) !== fold(String(from.key)) || isBeyond(direction, row["id"], from.id),
            );
      const holds = await holders(datastore, roleId, fresh);
      const fits = (row: Row): boolean =>
        holds(row) &&
        (wanted.active === undefined || row["active"] === wanted.active) &&
        // Some collations find letters with other accents, too.
        beginsWith(row[field], text) &&
        isOwn(row);
      const placedRows = fresh.map((row) => placed(name, row, fits(row), field));
      return { rows: placedRows, looked: fresh.length, ended: rows.length < atMost };
    },
  };
}

function beyond(direction: Direction, id: number): { readonly gt: number } | { readonly lt: number } {
  return direction === "asc" ? { gt: id } : { lt: id };
}

function isBeyond(direction: Direction, id: unknown, edge: number): boolean {
  return direction === "asc" ? (id as number) > edge : (id as number) < edge;
}

function placed(part: string, row: Row, fits: boolean, field = part): Batch["rows"][number] {
  return { row, at: { part, key: row[field] as string | number, id: row["id"] as number }, fits };
}

function beginsWith(text: unknown, beginning: string): boolean {
  return fold(String(text)).startsWith(fold(beginning));
}
