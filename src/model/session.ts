/** One signed-in browser or client (or an anonymous visitor who has a session bag): a row, its id known only as a hash. Times are epoch milliseconds. */
export interface Session {
  /** base64url SHA-256 of the id in the cookie. */
  readonly idHash: string;
  readonly userId: number | null;
  /** The user's `fsUniquifier` when the session began; a session whose value differs from the user's is over. */
  readonly uniquifier: string | null;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  /** The absolute end. */
  readonly expiresAt: number;
  /** When the user last proved who they are; null after a restore from a remember credential. */
  readonly authenticatedAt: number | null;
  /** How: "password", "remember", "confirm" … */
  readonly methods: readonly string[];
  /** A freshness check that passed holds until then (grace). */
  readonly freshUntil: number | null;
  readonly rememberId: string | null;
  /** The family of tokens that began with it; they end together. */
  readonly tokenFamily: string | null;
  /**
   * The same for all that goes back to one sign-in: it stays when the session gets another id, and a remember credential
   * hands it on. Null: the session is older than this; see `lineageOf`.
   */
  readonly lineage: string | null;
  /** The administrator who acts as this user in it, and the `idHash` of their own session, with which it ends. */
  readonly impersonatorId: number | null;
  readonly impersonatorSession: string | null;
  readonly address: string | null;
  readonly agent: string | null;
  /** The application's session bag. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Counts the bag's writes, for compare-and-set. */
  readonly version: number;
}

/** A long-lived "remember me" credential; its secret is replaced at each use. */
export interface RememberCredential {
  readonly id: string;
  readonly userId: number;
  readonly uniquifier: string;
  readonly secretHash: string;
  /** The secret before the last rotation: accepted for a few seconds from parallel requests, afterwards a sign of theft. */
  readonly previousHash: string | null;
  readonly rotatedAt: number;
  readonly methods: readonly string[];
  readonly lineage: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** What is begun in a session is bound to this, so that it can be ended with it. */
export function lineageOf({ lineage, idHash }: Pick<Session, "lineage" | "idHash">): string {
  return lineage ?? idHash;
}

/** Anything that is used once: mailed, pending, or a state (RFC 6749 `state`, a WebAuthn challenge). */
export interface Ticket {
  readonly id: string;
  readonly purpose: string;
  readonly userId: number | null;
  /** The sign-in in which it was begun; null: begun by nobody who was signed in. */
  readonly lineage: string | null;
  /** The user's `fsUniquifier` when it was issued; a changed one voids the ticket. */
  readonly uniquifier: string | null;
  readonly secretHash: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly attemptsLeft: number;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly consumedAt: number | null;
}
