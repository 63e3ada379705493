import type { TicketRequest } from "../authn/tickets.ts";
import type { Operations, Transaction, Where } from "../datastore/contract.ts";
import { unlessWithdrawn } from "../datastore/held-account.ts";
import type { ChangeOptions } from "../datastore/user-operations.ts";
import type { SecurityRequest } from "../http/request.ts";
import { type Account, isLimited, limitedAccount } from "../model/account.ts";
import { boundIdentity, type Identity, sourceOf } from "../model/identity.ts";
import { lineageOf, type Session } from "../model/session.ts";
import type { Kernel } from "./feature.ts";

/**
 * The account of who is signed in, as it is now. Undefined: it was reset or changed since their credential was checked. What
 * they ask for must not be done to the account that came of that.
 */
export async function ownAccount(kernel: Pick<Kernel, "users">, rq: SecurityRequest): Promise<Account | undefined> {
  const known = rq.identity?.account;
  const account = known && (await kernel.users.get(known.id));
  return account?.active === true && account.fsUniquifier === known?.fsUniquifier ? account : undefined;
}

/**
 * A condition for what is done by who is signed in: the account is as it was when their credential was checked, and the
 * session that they came with has not ended. A reset, or another change at the same time, comes before or after it: the
 * user's row is taken until the end of the transaction.
 */
export function unchanged(rq: SecurityRequest): (tx: Operations) => Promise<boolean> {
  const { identity } = rq;
  return async (tx) => {
    if (identity === undefined) return false;
    const { account, session } = identity;
    const { id, fsUniquifier, fsTokenUniquifier } = account;
    // Who came without a session is out also where only the account's tokens have ended.
    const state = session === undefined ? { fsUniquifier, fsTokenUniquifier } : { fsUniquifier };
    if ((await tx.update("user", { id, active: true, ...state }, { fsUniquifier })) === 0) return false;
    if (session === undefined) return true;
    return (await tx.count("session", sessionBehind(session, id), 1)) > 0;
  };
}

/**
 * Makes a change of one's own account, and returns the account as the change has left it: read later, it may be one that
 * somebody else has reset. `also`: what belongs into the same transaction. `tell`: what is told of it once it is done. Undefined,
 * with nothing done: its condition did not hold.
 */
export function changedAccount(
  change: (told: Required<Pick<ChangeOptions, "done" | "tell">>) => Promise<void>,
  { also, tell }: { readonly also?: ChangeOptions["done"]; readonly tell: (now: Account) => void },
): Promise<Account | undefined> {
  return unlessWithdrawn(async () => {
    let now: Account | undefined;
    await change({
      async done(after, tx) {
        now = after;
        await also?.(after, tx);
      },
      tell() {
        if (now !== undefined) tell(now);
      },
    });
    return now;
  });
}

/**
 * Who is signed in, with their account as it is now, limited as before. Undefined: what they came with has ended. As
 * `unchanged` asks it, which takes the row.
 */
export async function presentIdentity(
  kernel: Pick<Kernel, "users" | "datastore">,
  rq: SecurityRequest,
): Promise<Identity | undefined> {
  const { identity } = rq;
  const now = await ownAccount(kernel, rq);
  if (identity === undefined || now === undefined) return undefined;
  const { account: before, session } = identity;
  if (session === undefined) {
    if (now.fsTokenUniquifier !== before.fsTokenUniquifier) return undefined;
  } else if ((await kernel.datastore.count("session", sessionBehind(session, now.id), 1)) === 0) return undefined;
  const account = isLimited(before) ? limitedAccount(now, [...before.permissions]) : now;
  const present = { ...identity, account };
  return sourceOf(before) === undefined ? present : boundIdentity(present);
}

/** The row of this session, or of the one that took its place. */
function sessionBehind({ idHash, lineage }: Session, userId: number): Where {
  return lineage === null ? { idHash } : { userId, lineage };
}

/** What comes without a session, and belongs to no family that would tell one such credential from another. */
const withoutSession = "without a session";

/** What is begun by who is signed in is bound to this, so that it ends with what they came with. */
export async function lineageBehind(kernel: Pick<Kernel, "datastore">, identity: Identity): Promise<string> {
  const { session, tokenFamily } = identity;
  if (session !== undefined) return lineageOf(session);
  if (tokenFamily === undefined) return withoutSession;
  const beside = await kernel.datastore.findOne("session", { tokenFamily });
  return (beside?.["lineage"] as string | null | undefined) ?? tokenFamily;
}

/** Whether a key was made in this sign-in, or since then in another one or in none. */
export function madeSince(
  made: { readonly lineage: string | null; readonly createdAt: number },
  since: LineageSince,
): boolean {
  return made.createdAt >= since.at || made.lineage === since.lineage;
}

/** One sign-in. */
export interface LineageSince {
  readonly lineage: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/**
 * Issues a ticket for what is begun by who is signed in. Undefined: what they came with has ended meanwhile. The ticket ends
 * along with it when its user, or an administrator, ends that; an ordinary sign-out leaves it. `also`: what belongs into the same
 * transaction, such as the mail with its link.
 */
export async function issueFor(
  kernel: Pick<Kernel, "datastore" | "tickets">,
  rq: SecurityRequest,
  request: Omit<TicketRequest, "begunIn">,
  also?: (token: string, tx: Transaction) => Promise<void>,
): Promise<string | undefined> {
  const { identity } = rq;
  if (identity === undefined) return undefined;
  const still = unchanged(rq);
  const begunIn = await lineageBehind(kernel, identity);
  return kernel.datastore.transaction(async (tx) => {
    if (!(await still(tx))) return undefined;
    const token = await kernel.tickets.issue({ ...request, begunIn }, tx);
    await also?.(token, tx);
    return token;
  });
}
