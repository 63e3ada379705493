import { UniqueConflictError } from "../model/errors.ts";
import type { Row } from "../model/schema.ts";
import type { Operations, Transaction } from "./contract.ts";

/** What names a user: no two may have the same in another case, whatever the database's collation takes for the same. */
const identities = ["email", "username"] as const;

/** So many that differ in case alone are looked at: databases that others filled may have some. */
const mostAlike = 20;

/** How addresses and names are compared. Folding twice changes nothing. */
export function fold(text: string): string {
  return text.normalize("NFC").toLowerCase().normalize("NFC");
}

/** The spellings in which the database is asked for a text: Flask-Security stored usernames as NFKD gave them. */
export function spellings(field: string, text: string): readonly string[] {
  const decomposed = field === "username" ? text.normalize("NFKD") : text;
  return decomposed === text ? [text] : [text, decomposed];
}

/**
 * Throws UniqueConflictError when another user than that one has an address or username of the row, in whatever case. In a
 * transaction also when another process is about to take the name: addresses are stored in lower case, where the unique
 * index sees them, usernames as they were written.
 */
export async function refuseTaken(
  operations: Operations & Pick<Transaction, "claim">,
  row: Row,
  besides?: number,
): Promise<void> {
  for (const field of identities) {
    const value = row[field];
    if (typeof value !== "string") continue;
    if (field === "username") await operations.claim?.(`username ${fold(value)}`);
    const alike = await operations.find(
      "user",
      { [field]: { inIgnoringCase: spellings(field, value) } },
      { limit: mostAlike },
    );
    const other = alike.some((it) => it["id"] !== besides && fold(String(it[field])) === fold(value));
    if (other) throw new UniqueConflictError("user", field);
  }
}
