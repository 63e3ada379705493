import type { Schema } from "../model/schema.ts";
import { table } from "../model/tables.ts";

/**
 * What waits to be sent, written in the transaction of what it is about. Without foreign keys: a mail may outlive the account that
 * it is about, and a row for nobody must cost the same.
 */
export const outboxTables: Schema = {
  outbox: table(
    "portcullis_outbox",
    ["id"],
    {
      id: { type: "key", length: 64 },
      /** Rises with time: the order of what goes to one recipient. */
      position: { type: "epochMs", index: true },
      /** "mail" or "sms". */
      channel: { type: "key", length: 16 },
      /** The name of the mail's template. */
      kind: { type: "string", length: 64 },
      /** A hash of the address or number: finds what goes to the same one. */
      recipient: { type: "key", length: 64 },
      userId: { type: "integer", nullable: true },
      /** Who it goes to and what it says, sealed: there are links in it that give access. */
      body: { type: "text", secret: true },
      /** It is for nobody, and is not sent. */
      decoy: { type: "boolean" },
      createdAt: { type: "epochMs" },
      /** The next attempt; while somebody is at it, when their claim runs out. */
      dueAt: { type: "epochMs" },
      expiresAt: { type: "epochMs" },
      attempts: { type: "integer" },
      claim: { type: "key", length: 64, nullable: true },
      lastError: { type: "string", length: 255, nullable: true },
    },
    [
      ["channel", "dueAt"],
      ["recipient", "position"],
    ],
  ),
};
