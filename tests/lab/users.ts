import { PortcullisError, UniqueConflictError } from "portcullis";
import type { OpenedDatabase } from "./database.ts";
import type { LabSecurity, LabVocabulary } from "./system.ts";

/** A control call asks for something that cannot be: 400 with the message. */
export class BadRow extends Error {}

type Row = Record<string, unknown>;
type Given = Readonly<Record<string, unknown>>;

/** Users as rows in column names, with the names of their roles. */
export interface UserRows {
  create(input: Given): Promise<Row>;
  read(email: string): Promise<Row | undefined>;
  /** Writes the listed columns past every rule of the product; a clear-text `password` is hashed. */
  patch(email: string, input: Given): Promise<Row | undefined>;
  /** The row as it was. */
  remove(email: string): Promise<Row | undefined>;
}

/** Makes the access to rows of one lab; `keep` is told the clear-text passwords that it sets. */
export function userRows(
  security: LabSecurity,
  { store, schema }: OpenedDatabase,
  now: () => number,
  keep: (email: string, password: string) => void,
): UserRows {
  const columns = schema.user?.columns ?? {};
  const fieldOf = new Map(Object.entries(columns).map(([field, { name }]) => [name, field]));

  const accountOf = (email: string) => security.users.find("email", email, { ignoreCase: true });
  const rowOf = async (id: number): Promise<Row | undefined> => {
    const user = await store.findOne("user", { id });
    if (user === undefined) return undefined;
    const roles = (await security.users.get(id))?.roles ?? [];
    const named = Object.entries(columns).map(([field, { name }]) => [name, user[field]]);
    return { ...Object.fromEntries(named), roles: [...roles].sort() };
  };

  /** Column names become fields, texts become date-times. */
  const fieldsOf = (input: Given): Row => {
    const fields: Row = {};
    for (const [name, value] of Object.entries(input)) {
      const field = fieldOf.get(name);
      if (field === undefined) throw new BadRow(`${name}: no such column; known: ${[...fieldOf.keys()].join(", ")}`);
      const date = columns[field]?.type === "datetime" && value !== null;
      if (date && Number.isNaN(Date.parse(String(value)))) throw new BadRow(`${name}: a date-time is expected`);
      fields[field] = date ? new Date(String(value)) : value;
    }
    return fields;
  };

  const write = async (id: number, input: Given): Promise<void> => {
    const { password, roles, ...rest } = input;
    const set = fieldsOf(rest);
    if (typeof password === "string") set.password = await security.hashPassword(password);
    else if (password === null) set.password = null;
    else if (password !== undefined) throw new BadRow("password: a text or null is expected");
    if (Object.keys(set).length > 0) await store.update("user", { id }, set);
    if (roles !== undefined) await setRoles(id, roles);
    await security.invalidate({ id });
    const email = (await security.users.get(id))?.email;
    if (typeof password === "string" && email !== undefined) keep(email, password);
  };

  const setRoles = async (id: number, roles: unknown): Promise<void> => {
    if (!Array.isArray(roles)) throw new BadRow("roles: a list of names is expected");
    const wanted = new Set(roles as LabVocabulary["role"][]);
    const had = (await security.users.get(id))?.roles ?? new Set<string>();
    for (const role of wanted) if (!had.has(role)) await security.users.addRole(id, role);
    for (const role of had) if (!wanted.has(role as never)) await security.users.removeRole(id, role as never);
  };

  /** What the product refuses is the caller's mistake. */
  const refusing = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const known =
        error instanceof UniqueConflictError || (error instanceof PortcullisError && error.code !== "datastore");
      throw known ? new BadRow(error.message) : error;
    }
  };

  return {
    create: (input) =>
      refusing(async () => {
        const { email, ...rest } = input;
        if (typeof email !== "string") throw new BadRow("email: a text is expected");
        fieldsOf(Object.fromEntries(Object.entries(rest).filter(([name]) => name !== "roles" && name !== "password")));
        // Confirmed unless the caller says otherwise: only tests of confirmation are about its absence.
        const { id } = await security.users.create({ email, confirmedAt: new Date(now()) });
        await write(id, rest);
        return (await rowOf(id)) ?? {};
      }),
    async read(email) {
      const account = await accountOf(email);
      return account === undefined ? undefined : rowOf(account.id);
    },
    patch: (email, input) =>
      refusing(async () => {
        const account = await accountOf(email);
        if (account === undefined) return undefined;
        await write(account.id, input);
        return rowOf(account.id);
      }),
    async remove(email) {
      const account = await accountOf(email);
      if (account === undefined) return undefined;
      const row = await rowOf(account.id);
      await security.users.delete(account);
      return row;
    },
  };
}
