import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import type { Session } from "../model/session.ts";
import { randomId, sha256 } from "../secrets/random.ts";

const maxAgent = 255;

/** What the row of a new session with a user says. */
export interface NewSession {
  readonly account: Account;
  readonly methods: readonly string[];
  readonly at: number;
  readonly authenticatedAt: number | null;
  readonly data: Session["data"];
  readonly rememberId: string | null;
  readonly tokenFamily: string | null;
  readonly lineage: string;
  readonly expiresAt: number;
  /** The session of the administrator who acts as this user. */
  readonly own?: Session;
}

/** A session, and the id that its cookie carries: the row has its hash alone. */
export interface MadeSession {
  readonly session: Session;
  readonly id: string;
}

/** The row of a session under a new id. It is nobody's until the sign-in pipeline stores it. */
export function newSession(rq: SecurityRequest, input: NewSession): MadeSession {
  const id = randomId(32);
  const session: Session = {
    idHash: sha256(id),
    userId: input.account.id,
    uniquifier: input.account.fsUniquifier,
    createdAt: input.at,
    lastSeenAt: input.at,
    expiresAt: input.expiresAt,
    authenticatedAt: input.authenticatedAt,
    methods: input.methods,
    freshUntil: null,
    rememberId: input.rememberId,
    tokenFamily: input.tokenFamily,
    lineage: input.lineage,
    impersonatorId: input.own?.userId ?? null,
    impersonatorSession: input.own?.idHash ?? null,
    address: rq.address ?? null,
    agent: rq.header("user-agent")?.slice(0, maxAgent) ?? null,
    data: input.data,
    version: 0,
  };
  return { session, id };
}
