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

/** What is begun by nobody but who is signed in: without a lineage it was begun before lineages were kept, by who knows whom. */
const begunSignedIn = ["change-email", "delete-account"];

/** Ends what was begun by who was signed in; with `kept`, in another sign-in than this session's. */
export async function endBegun(tx: Operations, userId: number, kept?: Session): Promise<void> {
  await tx.delete("ticket", { userId, lineage: null, purpose: { in: begunSignedIn } });
  const begun = { userId, lineage: { not: null } };
  if (kept === undefined) {
    await tx.delete("ticket", begun);
    return;
  }
  const others = (await tx.find("ticket", begun)).filter(({ lineage }) => lineage !== lineageOf(kept));
  if (others.length > 0) await tx.delete("ticket", { id: { in: others.map(({ id }) => id as string) } });
}
