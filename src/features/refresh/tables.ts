import type { Table } from "../../model/schema.ts";
import { table } from "../../model/tables.ts";

/** One family of tokens: the refresh tracker of Flask-Security's newest models (`fsqla_v4`), column by column. */
export interface TrackedFamily {
  readonly refreshFamily: string;
  /** The generation of the newest refresh token; null in rows that no token was made for. */
  readonly gen: number | null;
  /** When the family ends, however busy. */
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  /** When the newest refresh token was made, in whole seconds. */
  readonly lastUsedAt: Date;
  readonly createDatetime: Date;
  readonly userId: number;
}

/** The table behind it. No secret is in it: refresh tokens are signed, and of each family one generation counts. */
export const refreshTracker: Table = table("fs_refresh_tracker", ["id"], {
  id: { type: "id" },
  refreshFamily: { type: "string", length: 64, unique: true },
  gen: { type: "integer", nullable: true },
  expiresAt: { type: "datetime" },
  revokedAt: { type: "datetime", nullable: true },
  lastUsedAt: { type: "datetime" },
  createDatetime: { type: "datetime", default: "now" },
  name: { type: "string", length: 64 },
  userId: {
    type: "integer",
    index: true,
    references: { table: "user", column: "id", onDelete: "cascade" },
  },
});
