import type { AskedOptions } from "../datastore/access-state.ts";
import type { Changing } from "../datastore/changing.ts";
import type { Operations } from "../datastore/contract.ts";
import type { Users } from "../datastore/user-operations.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import type { Identity } from "../model/identity.ts";
import type { Session } from "../model/session.ts";
import { sha256 } from "../secrets/random.ts";
import { handSession } from "./session-cookie.ts";
import type { Sessions } from "./sessions.ts";

/** An administrator acts as another user, in a session of its own beside theirs. */
export interface Impersonation {
  /**
   * Makes the session; undefined when the user may not be acted as, or the caller's own session is over. `life` in
   * milliseconds; it ends with the caller's own session at the latest. Throws WithdrawnError where the user was changed
   * meanwhile, the caller's session is over, or `asked` says so.
   */
  begin(
    rq: SecurityRequest,
    user: Account,
    options: { readonly life: number; readonly reason: string } & AskedOptions,
  ): Promise<Identity | undefined>;
  /** Ends it; the administrator is themselves again. Undefined when their own session is over. */
  end(rq: SecurityRequest): Promise<Identity | undefined>;
  /** The administrator's own session where the other one is over: back in its cookie, or undefined when it is over too. */
  ownSession(rq: SecurityRequest): Promise<Identity | undefined>;
  /** Ends also the administrator's own session, when the caller has one: nobody stays signed in behind a sign-in or sign-out. */
  forget(rq: SecurityRequest): Promise<void>;
}

/** What it needs of the sign-in pipeline, the only place where sessions are made. */
export interface ImpersonationContext {
  readonly changing: Changing;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly mayImpersonate: (administrator: Account, user: Account) => boolean;
  /** Makes the row of a session that no proof is behind: never fresh, and nothing renews it. */
  readonly createSession: (
    rq: SecurityRequest,
    tx: Operations,
    input: { readonly account: Account; readonly own: Session; readonly expiresAt: number },
  ) => Promise<{ readonly session: Session; readonly id: string }>;
  /** Ends the caller's own session with all that it goes with, as signing out does. */
  readonly endSession: (rq: SecurityRequest, session: Session) => Promise<void>;
  /** From here on the request is that caller's. */
  readonly become: (rq: SecurityRequest, identity: Identity) => void;
}

/** Makes it for one running system. */
export function createImpersonation(context: ImpersonationContext): Impersonation {
  const { changing, users, sessions } = context;
  /** The id of the own session, and the hash of the one beside which it waits: it is that one's administrator's alone. */
  const kept = (rq: SecurityRequest): { readonly id: string; readonly beside: string } | undefined => {
    const [id, beside, ...more] = rq.cookie(rq.system.cookies.name("impersonator"))?.split(".") ?? [];
    return id === undefined || beside === undefined || more.length > 0 ? undefined : { id, beside };
  };
  const clearOwn = (rq: SecurityRequest): void =>
    rq.clearCookie(rq.system.cookies.name("impersonator"), rq.system.cookies.attributes());

  /** The administrator's own session goes back into its cookie, unless that holds another session than the one it waits for. */
  const goBack = async (rq: SecurityRequest): Promise<Identity | undefined> => {
    const own = kept(rq);
    const present = rq.cookie(rq.system.cookies.name("session"));
    clearOwn(rq);
    if (own === undefined || present === undefined || sha256(present) !== own.beside) return undefined;
    const { id } = own;
    const live = await sessions.load(id);
    if (live?.identity === undefined || live.session.impersonatorId !== null) return undefined;
    handSession(rq, id);
    context.become(rq, live.identity);
    return live.identity;
  };

  return {
    async begin(rq, user, { life, reason, asked }) {
      const administrator = rq.identity?.account;
      const own = rq.identity?.session;
      const id = rq.cookie(rq.system.cookies.name("session"));
      if (administrator === undefined || own === undefined || id === undefined) return undefined;
      if (rq.identity?.impersonator !== undefined || administrator.id === user.id) return undefined;
      // Before the transaction: the application's functions may want the same connection.
      if (!(await rq.system.acting.mayActOn(administrator, user))) return undefined;
      const at = rq.system.now();
      const until = Math.min(at + life, own.expiresAt);
      const account = await users.get(user.id);
      if (account === undefined || !account.active || !context.mayImpersonate(administrator, account)) return undefined;
      const as = { fsUniquifier: account.fsUniquifier, active: true };
      // Takes the lock on the own session: a sign-out at the same time comes before, and leaves nothing, or after. Before the
      // new one is made: what ends the administrator's sessions takes theirs, and then those that they have begun as others.
      const onlyIf = async (tx: Operations): Promise<boolean> =>
        (await tx.update("session", { idHash: own.idHash }, { lastSeenAt: at })) > 0;
      const made = await changing(account.id, { asked, as, onlyIf, keepsCaches: true }, (tx) =>
        context.createSession(rq, tx, { account, own, expiresAt: until }),
      );
      const { session } = made;
      // While the request is still the administrator's own.
      rq.system.events.emit("impersonationStarted", { user: account, administrator, reason, until }, rq);
      const { cookies } = rq.system;
      rq.setCookie(cookies.name("impersonator"), `${id}.${session.idHash}`, cookies.attributes());
      handSession(rq, made.id);
      const identity: Identity = {
        account,
        via: "session",
        methods: session.methods,
        authenticatedAt: null,
        session,
        impersonator: administrator,
      };
      context.become(rq, identity);
      return identity;
    },

    async end(rq) {
      const { identity } = rq;
      if (identity?.impersonator === undefined || identity.session === undefined) return undefined;
      await sessions.end(identity.session);
      const { account: user, impersonator: administrator } = identity;
      rq.system.events.emit("impersonationEnded", { user, administrator }, rq);
      handSession(rq, undefined);
      rq.identity = undefined;
      rq.session = undefined;
      rq.tried = undefined;
      return goBack(rq);
    },

    ownSession: goBack,

    async forget(rq) {
      const own = kept(rq);
      if (own === undefined) return;
      clearOwn(rq);
      // Also one that lets nobody in now: it must not come back.
      const session = await sessions.row(own.id);
      if (session !== undefined) await context.endSession(rq, session);
    },
  };
}
