import type { Schema } from "../model/schema.ts";
import { table } from "../model/tables.ts";

const text = (length: number) => ({ type: "string", length, nullable: true }) as const;

/**
 * The trail's rows, and one row that says where the chain begins and ends. Without foreign keys: what a user did outlives
 * the user. `epochMs` is the type of 64-bit numbers.
 */
export const auditTables: Schema = {
  audit: table("portcullis_audit", ["sequence"], {
    sequence: { type: "epochMs" },
    at: { type: "epochMs", index: true },
    name: { type: "key", length: 64, index: true },
    result: { type: "key", length: 16 },
    userId: { type: "integer", nullable: true, index: true },
    actorId: { type: "integer", nullable: true, index: true },
    address: text(64),
    agent: text(255),
    route: text(255),
    via: text(64),
    details: { type: "text" },
    previous: { type: "key", length: 64 },
    hash: { type: "key", length: 64 },
  }),
  auditHead: table("portcullis_audit_head", ["id"], {
    id: { type: "integer" },
    /** Counts the writes; taking one locks the row. */
    version: { type: "epochMs" },
    sequence: { type: "epochMs" },
    hash: { type: "key", length: 64 },
    /** The last entry that retention removed: the chain goes on behind it. */
    prunedSequence: { type: "epochMs" },
    prunedHash: { type: "key", length: 64 },
    /** HMAC over the above by the application's key. */
    signature: { type: "key", length: 64 },
  }),
};
