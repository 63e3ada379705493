import { lineageOf, type Session } from "../model/session.ts";
import type { Operations } from "./contract.ts";

// What was mailed to a user or begun by them, and waits: it ends along with what it came from, in the same transaction.

/** Ends it all, or what is of one purpose or was begun in one sign-in. */
export async function endTickets(
  tx: Operations,
  userId: number,
  which: { readonly purpose: string } | { readonly lineage: string } | Readonly<Record<never, never>> = {},
): Promise<void> {
  await tx.delete("ticket", { ...which, userId });
}

/**
 * What nobody begins but who is signed in, and a sign-in that waits for its next step, for which all steps before are done:
 * without a lineage it was begun by who knows whom.
 */
const begunByUser = ["change-email", "delete-account", "sign-in"];

/** Ends what was begun by who was signed in, or half so; with `kept`, in another sign-in than this session's. */
export async function endBegun(tx: Operations, userId: number, kept?: Session): Promise<void> {
  await tx.delete("ticket", { userId, lineage: null, purpose: { in: begunByUser } });
  const begun = { userId, lineage: { not: null } };
  if (kept === undefined) {
    await tx.delete("ticket", begun);
    return;
  }
  const others = (await tx.find("ticket", begun)).filter(({ lineage }) => lineage !== lineageOf(kept));
  if (others.length > 0) await tx.delete("ticket", { id: { in: others.map(({ id }) => id as string) } });
}
