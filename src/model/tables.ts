import type { Column, Schema, Table } from "./schema.ts";

type ColumnInput = Omit<Column, "name" | "nullable"> & { readonly nullable?: boolean };

/** "fsUniquifier" → "fs_uniquifier": columns keep Flask-Security's names. */
export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Completes a table from its columns: names derived from the fields, not null unless said. */
export function table(
  name: string,
  primaryKey: readonly string[],
  columns: Record<string, ColumnInput>,
  indexes: readonly (readonly string[])[] = [],
): Table {
  const complete: Record<string, Column> = {};
  for (const [field, column] of Object.entries(columns)) {
    complete[field] = { nullable: false, ...column, name: columnName(field) };
  }
  return indexes.length === 0
    ? { name, primaryKey, columns: complete }
    : { name, primaryKey, columns: complete, indexes };
}

const optional = (length: number): ColumnInput => ({ type: "string", length, nullable: true });
const moment: ColumnInput = { type: "datetime", nullable: true };
const stamp: ColumnInput = { type: "datetime", default: "now" };
const ofUser: ColumnInput = {
  type: "integer",
  index: true,
  references: { table: "user", column: "id", onDelete: "cascade" },
};

/**
 * The tables of the core. `user`, `role` and `roles_users` are those of Flask-Security's newest models (`fsqla_v4`)
 * with two columns more (`fs_token_uniquifier`, optional there, and `mail_language`); the `portcullis_` tables are our own.
 */
export const coreTables: Schema = {
  user: table(
    "user",
    ["id"],
    {
      id: { type: "id" },
      email: { type: "string", length: 255, unique: true, ignoreCase: true },
      username: { type: "string", length: 255, nullable: true, unique: true, ignoreCase: true },
      password: { ...optional(255), secret: true },
      active: { type: "boolean" },
      fsUniquifier: { type: "string", length: 64, unique: true, secret: true },
      fsTokenUniquifier: { type: "string", length: 64, nullable: true, unique: true, secret: true },
      confirmedAt: moment,
      lastLoginAt: moment,
      currentLoginAt: moment,
      lastLoginIp: optional(64),
      currentLoginIp: optional(64),
      loginCount: { type: "integer", nullable: true },
      mailLanguage: optional(35),
      createDatetime: stamp,
      updateDatetime: stamp,
    },
    [["active", "id"]],
  ),
  role: table("role", ["id"], {
    id: { type: "id" },
    name: { type: "string", length: 80, unique: true },
    description: optional(255),
    permissions: { type: "list", nullable: true },
    updateDatetime: stamp,
  }),
  rolesUsers: table(
    "roles_users",
    [],
    {
      userId: { type: "integer", nullable: true, index: true, references: { table: "user", column: "id" } },
      roleId: { type: "integer", nullable: true, index: true, references: { table: "role", column: "id" } },
    },
    [["roleId", "userId"]],
  ),
  session: table("portcullis_session", ["idHash"], {
    idHash: { type: "key", length: 64 },
    userId: { ...ofUser, nullable: true },
    uniquifier: { ...optional(64), secret: true },
    createdAt: { type: "epochMs" },
    lastSeenAt: { type: "epochMs" },
    expiresAt: { type: "epochMs", index: true },
    authenticatedAt: { type: "epochMs", nullable: true },
    methods: { type: "list" },
    freshUntil: { type: "epochMs", nullable: true },
    rememberId: { type: "key", length: 64, nullable: true, index: true },
    tokenFamily: { type: "key", length: 64, nullable: true, index: true },
    lineage: { type: "key", length: 64, nullable: true },
    impersonatorId: { type: "integer", nullable: true, index: true },
    impersonatorSession: { type: "key", length: 64, nullable: true, index: true },
    address: optional(64),
    agent: optional(255),
    data: { type: "json" },
    version: { type: "integer" },
  }),
  remember: table("portcullis_remember", ["id"], {
    id: { type: "key", length: 64 },
    userId: ofUser,
    uniquifier: { type: "string", length: 64, secret: true },
    secretHash: { type: "key", length: 64, secret: true },
    previousHash: { type: "key", length: 64, nullable: true, secret: true },
    rotatedAt: { type: "epochMs" },
    methods: { type: "list" },
    lineage: { type: "key", length: 64, nullable: true },
    createdAt: { type: "epochMs" },
    expiresAt: { type: "epochMs", index: true },
  }),
  passwordHistory: table("portcullis_password_history", ["id"], {
    id: { type: "key", length: 64 },
    userId: ofUser,
    password: { type: "string", length: 255, secret: true },
    createdAt: { type: "epochMs" },
  }),
  ticket: table("portcullis_ticket", ["id"], {
    id: { type: "key", length: 64 },
    purpose: { type: "string", length: 64 },
    userId: { ...ofUser, nullable: true },
    uniquifier: { ...optional(64), secret: true },
    lineage: { type: "key", length: 64, nullable: true },
    secretHash: { type: "key", length: 64, secret: true },
    payload: { type: "json" },
    attemptsLeft: { type: "integer" },
    createdAt: { type: "epochMs" },
    expiresAt: { type: "epochMs", index: true },
    consumedAt: { type: "epochMs", nullable: true },
  }),
  limit: table("portcullis_limit", ["id"], {
    id: { type: "key", length: 64 },
    stamp: { type: "key", length: 64 },
    // No reference: what is counted for an account must cost the same as for a name that nobody has.
    userId: { type: "integer", nullable: true },
    wholeAt: { type: "epochMs" },
    failures: { type: "integer" },
    lockedUntil: { type: "epochMs", index: true },
    expiresAt: { type: "epochMs", index: true },
    // 0: not known, as of rows from before there was this column.
    countedAt: { type: "epochMs", default: 0 },
  }),
};
