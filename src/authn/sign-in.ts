import { announce } from "../datastore/announce.ts";
import type { Changing } from "../datastore/changing.ts";
import type { Datastore, Operations } from "../datastore/contract.ts";
import { withAccount } from "../datastore/held-account.ts";
import type { Users } from "../datastore/user-operations.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { MessageKey } from "../i18n/catalogue.ts";
import { type Account, withColumns } from "../model/account.ts";
import { WithdrawnError } from "../model/errors.ts";
import { type CredentialFault, type Identity, isFault } from "../model/identity.ts";
import type { Row } from "../model/schema.ts";
import { lineageOf, type RememberCredential, type Session } from "../model/session.ts";
import { randomId } from "../secrets/random.ts";
import { type Gate, type GateVerdict, gateFault, type Purpose, type Remedy } from "./gates.ts";
import { createImpersonation, type Impersonation } from "./impersonation.ts";
import type { Limits } from "./limits/limits.ts";
import { createParking } from "./parking.ts";
import type { Guessed } from "./password-proof.ts";
import type { RememberCredentials } from "./remember.ts";
import { createRenewal, tokenIdentity } from "./renewal.ts";
import { handSession } from "./session-cookie.ts";
import { type MadeSession, type NewSession, newSession } from "./session-row.ts";
import type { Sessions } from "./sessions.ts";
import type { Tickets } from "./tickets.ts";
import type { FamilyMember, FamilyOrigin, TokenFamilies } from "./token-families.ts";
import type { Tokens } from "./tokens/index.ts";

/** That somebody is this account, as a feature found out. */
export interface Proof {
  readonly account: Account;
  /** "password", "code", "confirm" … */
  readonly methods: readonly string[];
  /** Also make a remember credential. */
  readonly remember?: boolean;
  /** Also issue an auth token; where there are no sessions, one is issued always. */
  readonly token?: boolean;
  /** False: no session is made, and no cookie set, but an auth token alone. */
  readonly session?: boolean;
  /** The guess by which it was proved: what the gates say settles it. */
  readonly guess?: Pick<Guessed, "settle">;
}

/** One shape for every sign-in that is not done: a client tells it by `pending`, which no finished one has. */
export interface PendingAnswer extends Readonly<Record<string, unknown>> {
  /** The gate at which it waits. */
  readonly pending: string;
  /** Where it goes on: what is asked for there is posted with `shown_for`. */
  readonly path: string;
  /** Names this sign-in among those of the browser; it is no secret. */
  readonly shown_for: string;
}

/** How a sign-in ended. */
export type SignInOutcome =
  | {
      readonly kind: "signedIn";
      readonly identity: Identity;
      readonly token: string | undefined;
      /** What JSON gets beside the auth token, such as a refresh token. */
      readonly members: Readonly<Record<string, unknown>>;
    }
  | {
      readonly kind: "pending";
      readonly gate: string;
      readonly path: string;
      /** What JSON is told: `pending` (the gate), `path`, `shown_for`, and what the gate adds. */
      readonly answer: PendingAnswer;
    }
  | {
      readonly kind: "refused";
      readonly key: MessageKey;
      readonly field: string | undefined;
      readonly remedy?: Remedy | undefined;
    };

/** How a caller goes on after a change of their account. */
export interface Renewal {
  readonly identity: Identity;
  /** The auth token that was asked for. */
  readonly token: string | undefined;
  /** What JSON gets beside it, such as a refresh token. */
  readonly members: Readonly<Record<string, unknown>>;
}

/** A sign-in that waits at a gate. */
export interface ParkedSignIn {
  /** Names it, and is no secret: a form carries it, so that it acts for this one and for no other of the same browser. */
  readonly id: string;
  readonly account: Account;
  readonly gate: string;
  /** What the gate kept with it. */
  readonly park: Readonly<Record<string, unknown>>;
  /**
   * Takes an attempt away before a guess is checked, from this sign-in and from the account's budget for second factors;
   * false: none left, the sign-in is void. Throws LimitedError.
   */
  attempt(): Promise<boolean>;
}

/**
 * Changes the account of a parked sign-in. `consume` uses the sign-in up, in the transaction of the change, so that of many at
 * once one wins, and a change that fails leaves it waiting. The account as it is then; undefined: nothing was changed.
 */
export type AccountChange = (
  account: Account,
  consume: (tx: Operations) => Promise<boolean>,
) => Promise<Account | undefined>;

/** The one way to become somebody. */
export interface SignIn {
  /** Passes the gates and, when all let through, makes the session (and token, and remember credential). */
  complete(rq: SecurityRequest, proof: Proof): Promise<SignInOutcome>;
  /** Passes the gates for one request that carries its own proof; makes nothing. Undefined: a gate is against it. */
  admit(rq: SecurityRequest, proof: Proof, via: string): Promise<Identity | undefined>;
  /** The same, with the gate that is against it. */
  admitOrFault(rq: SecurityRequest, proof: Proof, via: string): Promise<Identity | CredentialFault>;
  /** Passes the gates with a credential that goes back to a sign-in (an API key): as they ask when a token is renewed. */
  admitAgain(rq: SecurityRequest, proof: Proof): Promise<true | CredentialFault>;
  /**
   * The signed-in user proved again who they are: the session gets a new id and a new time of authentication. A caller with an
   * auth token gets a fresh one beside it, which is no more than that: of its family, and it ends no later.
   */
  reauthenticate(rq: SecurityRequest, identity: Identity, proof: Proof): Promise<SignInOutcome>;
  /**
   * The account changed under its owner's own hands (`account` is the new state), which ended every session: the one that
   * asked for it goes on under a new id, as fresh and with the same methods as before, and keeps its remember credential.
   * With `token` it gets an auth token too; a caller who came with one, and without a session, gets nothing else.
   */
  renew(rq: SecurityRequest, account: Account, options?: { readonly token?: boolean }): Promise<Renewal | undefined>;
  /** Passes the gates with a remember credential and makes a session that is not fresh. */
  restore(rq: SecurityRequest): Promise<Identity | undefined>;
  /** Passes the gates with a refresh token and makes an auth token and the refresh token's successor; no session. */
  refresh(rq: SecurityRequest, text: string): Promise<SignInOutcome>;
  /** The sign-in that waits at this gate for this caller. */
  parked(rq: SecurityRequest, gate: string): Promise<ParkedSignIn | undefined>;
  /**
   * The gate is satisfied: the parked sign-in is consumed and goes on at the gates behind. With `change` it is satisfied by a
   * change of the account, which ends everything that is pending for it.
   */
  resume(rq: SecurityRequest, gate: string, methods: readonly string[], change?: AccountChange): Promise<SignInOutcome>;
  /**
   * Ends the session, the remember credential, the family of the refresh token and a parked sign-in of this caller. Of a
   * caller without a session, the family of the auth token.
   */
  signOut(rq: SecurityRequest): Promise<void>;
  readonly impersonation: Impersonation;
}

/**
 * What a feature does in the transaction of a sign-in. Resolves to the columns of the user that it has changed. `lineage` is
 * that of the session: what is begun in it is bound to that.
 */
export type SignedInWork = (
  tx: Operations,
  account: Account,
  rq: SecurityRequest,
  lineage: string,
  // biome-ignore lint/suspicious/noConfusingVoidType: one that changes nothing need not say so
) => Promise<Readonly<Row> | void>;

/** What the pipeline needs. */
export interface SignInContext {
  readonly datastore: Datastore;
  readonly changing: Changing;
  /** Forgets what is cached of this user, here and in the other processes. */
  readonly invalidate: (userId: number) => Promise<void>;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly remember: RememberCredentials;
  readonly tickets: Tickets;
  readonly limits: Limits;
  readonly tokens: Tokens;
  /** Undefined: auth tokens cannot be renewed. */
  readonly families: TokenFamilies | undefined;
  readonly gates: readonly Gate[];
  /** What features do in the transaction of a sign-in's session. */
  readonly signedIn: readonly SignedInWork[];
  /** For how long a parked sign-in waits, in milliseconds. */
  readonly pendingLife: number;
  /** What browsers are told to forget at a sign-out, as the header says it; undefined: nothing. */
  readonly clearSiteData: string | undefined;
  /** May this administrator act as that user? */
  readonly mayImpersonate: (administrator: Account, user: Account) => boolean;
}

/** On its way through the gates. */
export interface Passage {
  /** "renew" passes no gate: nobody becomes anybody. */
  readonly purpose: Purpose | "renew";
  readonly proof: Proof;
  /** Names of gates that a parked sign-in has behind it. */
  readonly passed: readonly string[];
  readonly identity?: Identity;
  /** The remember credential that a session is restored from. */
  readonly remembered?: RememberCredential;
}

/** What gates judge. */
export type JudgedPassage = Passage & { readonly purpose: Purpose };

/** Makes the pipeline of one running system. */
export function createSignIn(context: SignInContext): SignIn {
  const { datastore, users, sessions, remember, tickets, limits, families } = context;
  const gates = [...context.gates].sort((a, b) => a.order - b.order);

  type Stopped = { readonly gate: string; readonly verdict: Exclude<GateVerdict, "pass"> } | undefined;

  const askGates = async (
    rq: SecurityRequest,
    { purpose, proof, passed, remembered }: JudgedPassage,
  ): Promise<Stopped> => {
    for (const gate of gates) {
      if (passed.includes(gate.name)) continue;
      const { account, methods } = proof;
      const verdict = await gate.check({ rq, account, purpose, methods, remembered: remembered?.methods ?? [] });
      if (verdict === "pass") continue;
      if ("refuse" in verdict) {
        const { account: user, methods: authnVia } = proof;
        rq.system.events.emit("signInRefused", { user, authnVia, reason: verdict.refuse }, rq);
      }
      return { gate: gate.name, verdict };
    }
    return undefined;
  };

  /**
   * Asks the gates in order; the first that does not let pass decides. A right guess is given back only now: one that is
   * answered with a refusal is spent like a wrong one.
   */
  const judge = async (rq: SecurityRequest, passage: JudgedPassage): Promise<Stopped> => {
    const { guess } = passage.proof;
    if (guess === undefined) return askGates(rq, passage);
    let stopped: Stopped;
    try {
      stopped = await askGates(rq, passage);
    } catch (error) {
      await guess.settle("unknown");
      throw error;
    }
    // One request cannot wait for a second step.
    const waits = stopped !== undefined && !("refuse" in stopped.verdict) && passage.purpose !== "request";
    await guess.settle(stopped === undefined || waits ? "letIn" : "refused");
    return stopped;
  };

  const pass = async (rq: SecurityRequest, passage: JudgedPassage): Promise<SignInOutcome> => {
    const stopped = await judge(rq, passage);
    if (stopped === undefined) return establish(rq, passage);
    const { gate, verdict } = stopped;
    if ("refuse" in verdict) {
      const { refuse: key, field, remedy } = verdict;
      return { kind: "refused", key, field, remedy };
    }
    const id = await parking.park(rq, passage, gate, verdict);
    const { path, answer } = verdict;
    return { kind: "pending", gate, path, answer: { ...answer, pending: gate, path, shown_for: id } };
  };

  /** The only place that makes an auth token. It ends with its family at the latest. */
  const authToken = (
    rq: SecurityRequest,
    origin: FamilyOrigin,
    member: FamilyMember | undefined,
    family: string | undefined = member?.family,
  ): string => {
    const end = Math.min((member?.at ?? rq.system.now()) + context.tokens.life, origin.until ?? Infinity);
    return context.tokens.issue(origin.account, {
      authenticatedAt: origin.authenticatedAt,
      expiresAt: Math.min(end, member?.expiresAt ?? end),
      methods: origin.methods,
      family,
    });
  };

  /** From here on this request is that caller's, whatever its cookies say. */
  const become = (rq: SecurityRequest, identity: Identity): void => {
    rq.identity = identity;
    rq.session = identity.session;
    rq.tried = new Map([[identity.via, identity]]);
  };

  /** The last stage, and the only place that makes a session with a user. */
  const establish = async (rq: SecurityRequest, passage: Passage): Promise<SignInOutcome> => {
    const { proof, purpose, identity: before } = passage;
    const noted = purpose === "sign-in" && context.signedIn.length > 0;
    const at = rq.system.now();
    const withSession = sessions.enabled && proof.session !== false;
    const old = withSession ? (before?.session ?? rq.session) : undefined;
    const restored = purpose === "restore";
    const goesOn = purpose === "reauthenticate" || purpose === "renew";
    const methods =
      purpose === "reauthenticate" ? [...new Set([...(before?.methods ?? []), ...proof.methods])] : proof.methods;
    // A token is no fresher than the session that it comes from; what was never proved, was proved long ago.
    const authenticatedAt = purpose === "renew" ? (old?.authenticatedAt ?? 0) : at;
    // A token that is proved again gets a fresh one beside it, which is no more than that one.
    const presented = purpose === "reauthenticate" && !withSession ? before : undefined;
    // Nor does it outlive that one.
    const until = purpose === "renew" ? old?.expiresAt : presented?.expiresAt;
    const origin: FamilyOrigin = { account: proof.account, methods, authenticatedAt, until };
    const withToken = !restored && (proof.token === true || (purpose !== "renew" && !withSession));
    // One browser, one credential, and never that of a user who was here before.
    if (purpose === "sign-in" && proof.session !== false) {
      await remember.revoke(rq);
      await impersonation.forget(rq);
      await families?.endPresented(rq);
    }
    const { remembered } = passage;
    const continued = goesOn || restored;
    const lineage = continued ? (remembered?.lineage ?? (old === undefined ? undefined : lineageOf(old))) : undefined;
    const begun = lineage ?? randomId(16);
    // All or nothing: neither a new session beside the old one nor a credential without its session. Each is made of the
    // account as it was proved, whatever the hooks write; inserted first, so that the account's row is taken along.
    const { id, fsUniquifier, fsTokenUniquifier } = proof.account;
    // Where all sessions end between a change and what goes on after it, their end changes the tokens' uniquifier alone.
    // Of a token that is proved again: what was there with the token, not with the proof.
    const tokenProved = presented === undefined ? undefined : presented.account.fsTokenUniquifier;
    const proved =
      purpose === "renew" || tokenProved !== undefined
        ? { id, fsUniquifier, fsTokenUniquifier: tokenProved === undefined ? fsTokenUniquifier : tokenProved }
        : { id, fsUniquifier };
    const told: (() => unknown)[] = [];
    // Of whom what is cached does not count any more: announced with the sign-in.
    const concerned = new Set<number>();
    const established = await withAccount(datastore, proved, async (tx) => {
      let { account } = proof;
      const noCookie = proof.session === false && families?.byCookie === true;
      const begins = withToken && !noCookie && presented === undefined;
      const member = begins ? await families?.begin(rq, tx, origin) : undefined;
      const credential =
        withSession && proof.remember === true && !restored
          ? await remember.create(rq, account, proof.methods, begun, tx)
          : undefined;
      const absolute = at + sessions.limits.absolute;
      const made = withSession
        ? await createSession(rq, tx, {
            account,
            methods,
            at,
            authenticatedAt: restored ? null : purpose === "renew" ? (old?.authenticatedAt ?? null) : at,
            // A bag goes along with the same user, or from a visitor to the user they turn out to be.
            data: old !== undefined && (old.userId === null || old.userId === account.id) ? old.data : {},
            rememberId: credential?.id ?? remembered?.id ?? (old?.userId === account.id ? old.rememberId : null),
            // A change of the account has ended the family too.
            tokenFamily: member?.family ?? (purpose === "reauthenticate" ? (old?.tokenFamily ?? null) : null),
            lineage: begun,
            // What a remember credential brings back lasts no longer than that.
            expiresAt:
              goesOn && old !== undefined ? old.expiresAt : Math.min(absolute, remembered?.expiresAt ?? absolute),
          })
        : undefined;
      // What a sign-out has ended in the meantime is not brought back. Both are locked until the end of the transaction, so
      // that a sign-out that comes now finds the new session too, by its remember credential.
      if (remembered !== undefined) {
        const kept = await tx.update("remember", { id: remembered.id }, { userId: account.id });
        if (kept === 0) throw new WithdrawnError();
      }
      const replaced = old === undefined ? 0 : await tx.delete("session", { idHash: old.idHash });
      if (replaced > 0 && typeof old?.userId === "number") concerned.add(old.userId);
      if (purpose === "reauthenticate" && old !== undefined && replaced === 0) throw new WithdrawnError();
      // Of one session, one family: that of before would outlive its sign-out.
      const former = purpose === "reauthenticate" && member !== undefined ? old?.tokenFamily : undefined;
      if (typeof former === "string") await families?.endWithin(tx, former, (tell) => told.push(tell));
      for (const work of noted ? context.signedIn : []) {
        const changed = await work(tx, account, rq, begun);
        if (changed !== undefined) account = withColumns(account, changed);
      }
      // The user's other devices read the row again; nobody else's are concerned.
      if (noted && made !== undefined) concerned.add(account.id);
      for (const userId of concerned) await announce(tx, userId);
      return { made, member, credential, account };
    });
    if (established === undefined) return { kind: "refused", key: "GENERIC_AUTHN_FAILED", field: undefined };
    const { made, member, credential, account } = established;
    try {
      // With a family, tokens have ended too.
      if (told.length > 0) await context.invalidate(id);
      else await Promise.all([...concerned].map((userId) => sessions.forget({ userId }, true)));
    } finally {
      // It is done, whatever became of the caches.
      for (const tell of told) await tell();
    }
    credential?.hand();
    if (made !== undefined) handSession(rq, made.id);
    const token = withToken ? authToken(rq, origin, member, presented?.tokenFamily) : undefined;
    const members = member?.hand() ?? {};
    const session = made?.session;
    const identity: Identity =
      session === undefined
        ? tokenIdentity({ ...origin, account }, member?.family ?? presented?.tokenFamily)
        : { account, via: "session", methods, authenticatedAt: session.authenticatedAt, session };
    become(rq, identity);
    // A new session has new CSRF tokens: a script that reads them from the cookie needs one.
    if (session !== undefined && rq.system.csrf.cookie !== undefined) rq.system.csrf.token(rq);
    if (restored) rq.system.events.emit("sessionRestored", { user: account }, rq);
    else if (purpose !== "renew") {
      rq.system.events.emit("userAuthenticated", { user: account, authnVia: proof.methods }, rq);
    }
    if (member !== undefined) {
      rq.system.events.emit("refreshTrackerCreated", { user: account, family: member.family });
    }
    return { kind: "signedIn", identity, token, members };
  };

  /** Ends a session with all that it goes with, or nothing of it. */
  const endSession = async (rq: SecurityRequest, session: Session): Promise<void> => {
    const { tokenFamily } = session;
    await sessions.end(session, async (tx, afterwards) => {
      await remember.revoke(rq, tx);
      if (tokenFamily !== null) await families?.endWithin(tx, tokenFamily, afterwards);
    });
  };

  const createSession = async (rq: SecurityRequest, tx: Operations, input: NewSession): Promise<MadeSession> => {
    const made = newSession(rq, input);
    await tx.insert("session", { ...made.session });
    return made;
  };

  const impersonation = createImpersonation({
    changing: context.changing,
    users,
    sessions,
    mayImpersonate: context.mayImpersonate,
    createSession: (rq, tx, { account, own, expiresAt }) =>
      createSession(rq, tx, {
        account,
        own,
        expiresAt,
        methods: ["impersonation"],
        at: rq.system.now(),
        authenticatedAt: null,
        data: {},
        rememberId: null,
        tokenFamily: null,
        lineage: randomId(16),
      }),
    endSession,
    become,
  });

  const admitOrFault: SignIn["admitOrFault"] = async (rq, proof, via) => {
    const stopped = await judge(rq, { purpose: "request", proof, passed: [] });
    if (stopped !== undefined) return gateFault(stopped);
    return { account: proof.account, via, methods: proof.methods, authenticatedAt: rq.system.now() };
  };

  const parking = createParking({ users, tickets, limits, life: context.pendingLife, goOn: pass });
  const renewal = createRenewal({ datastore, users, remember, families, judge, pass, establish, authToken, become });

  return {
    impersonation,
    ...renewal,
    parked: parking.parked,
    resume: parking.resume,
    complete: (rq, proof) => pass(rq, { purpose: "sign-in", proof, passed: [] }),

    async admit(rq, proof, via) {
      const found = await admitOrFault(rq, proof, via);
      return isFault(found) ? undefined : found;
    },

    admitOrFault,

    async admitAgain(rq, proof) {
      const stopped = await judge(rq, { purpose: "refresh", proof, passed: [] });
      return stopped === undefined || gateFault(stopped);
    },

    async signOut(rq) {
      const { cookies, events } = rq.system;
      const id = rq.cookie(cookies.name("session"));
      // One that lets nobody in now (the account is closed for a while) must not come back either.
      const session = rq.session ?? (id === undefined || !sessions.enabled ? undefined : await sessions.row(id));
      const { account, tokenFamily } = rq.identity ?? {};
      await families?.endPresented(rq, { body: true });
      await impersonation.forget(rq);
      // What else lets the caller in ends only where no session does.
      const family = rq.session === undefined ? tokenFamily : undefined;
      if (family !== undefined && family !== session?.tokenFamily) await families?.end(family);
      if (session === undefined) await remember.revoke(rq);
      else await endSession(rq, session);
      await parking.drop(rq);
      handSession(rq, undefined);
      // Nothing that a browser kept was shown to who came without the cookie, and to a script of another origin it is an error.
      if (id !== undefined || rq.session !== undefined) rq.clearSiteData = context.clearSiteData;
      const { cookie } = rq.system.csrf;
      if (cookie !== undefined) {
        rq.clearCookie(cookie, { ...cookies.attributes(), httpOnly: false, sameSite: "Strict" });
      }
      // While it is still known who did it.
      if (account !== undefined) events.emit("userSignedOut", { user: account }, rq);
      rq.identity = undefined;
      rq.session = undefined;
      rq.tried = undefined;
    },
  };
}
