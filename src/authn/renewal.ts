import type { Datastore } from "../datastore/contract.ts";
import { withAccount } from "../datastore/held-account.ts";
import type { Users } from "../datastore/user-operations.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import type { Identity } from "../model/identity.ts";
import type { RememberCredentials } from "./remember.ts";
import type { JudgedPassage, Passage, Proof, Renewal, SignIn, SignInOutcome } from "./sign-in.ts";
import type { FamilyMember, FamilyOrigin, TokenFamilies } from "./token-families.ts";

/** What it needs of the sign-in pipeline, the only place where sessions and tokens are made. */
export interface RenewalContext {
  readonly datastore: Datastore;
  readonly users: Users;
  readonly remember: RememberCredentials;
  /** Undefined: auth tokens cannot be renewed. */
  readonly families: TokenFamilies | undefined;
  /** The gate that does not let pass; undefined: all do. */
  readonly judge: (rq: SecurityRequest, passage: JudgedPassage) => Promise<object | undefined>;
  /** The gates, and then the last stage. */
  readonly pass: (rq: SecurityRequest, passage: JudgedPassage) => Promise<SignInOutcome>;
  /** The last stage. */
  readonly establish: (rq: SecurityRequest, passage: Passage) => Promise<SignInOutcome>;
  readonly authToken: (rq: SecurityRequest, origin: FamilyOrigin, member: FamilyMember | undefined) => string;
  /** From here on the request is that caller's. */
  readonly become: (rq: SecurityRequest, identity: Identity) => void;
}

/** Who comes with an auth token of this origin. */
export function tokenIdentity(origin: FamilyOrigin, family: string | undefined): Identity {
  return {
    account: origin.account,
    via: "token",
    methods: origin.methods,
    authenticatedAt: origin.authenticatedAt,
    ...(origin.until === undefined ? {} : { expiresAt: origin.until }),
    ...(family === undefined ? {} : { tokenFamily: family }),
  };
}

/** How somebody who was signed in goes on: the proof repeated, a session restored, or renewed with its account, a token renewed. */
export function createRenewal(
  context: RenewalContext,
): Pick<SignIn, "reauthenticate" | "restore" | "renew" | "refresh"> {
  const { datastore, users, remember, families, judge, pass, establish, authToken, become } = context;

  /** The successor of a token that a change of the account has ended: as old, and never for a caller with less than all rights. */
  const renewToken = async (rq: SecurityRequest, before: Identity, account: Account): Promise<Renewal | undefined> => {
    if (before.via !== "token" || before.scopes !== undefined) return undefined;
    // What could not be renewed cannot be now, and ends when it would have ended.
    const renewable = before.tokenFamily !== undefined;
    const until = renewable ? undefined : before.expiresAt;
    const origin: FamilyOrigin = {
      account,
      methods: before.methods,
      authenticatedAt: before.authenticatedAt ?? 0,
      until,
    };
    const begun = await withAccount(datastore, account, async (tx) => ({
      member: renewable && families !== undefined ? await families.begin(rq, tx, origin) : undefined,
    }));
    if (begun === undefined) return undefined;
    const { member } = begun;
    const token = authToken(rq, origin, member);
    const identity = tokenIdentity(origin, member?.family);
    become(rq, identity);
    if (member !== undefined) rq.system.events.emit("refreshTrackerCreated", { user: account, family: member.family });
    return { identity, token, members: member?.hand() ?? {} };
  };

  return {
    async reauthenticate(rq, identity, proof) {
      if (proof.account.id !== identity.account.id) {
        return { kind: "refused", key: "GENERIC_AUTHN_FAILED", field: undefined };
      }
      if (identity.session !== undefined) return pass(rq, { purpose: "reauthenticate", proof, passed: [], identity });
      // Only what stands for the whole account: neither a limited token nor what is proved by each request.
      if (identity.via !== "token" || identity.scopes !== undefined) {
        return { kind: "refused", key: "GENERIC_AUTHN_FAILED", field: undefined };
      }
      const alone = { ...proof, token: true, session: false, remember: false };
      return pass(rq, { purpose: "reauthenticate", proof: alone, passed: [], identity });
    },

    async restore(rq) {
      const credential = await remember.use(rq);
      if (credential === undefined) return undefined;
      const account = await users.get(credential.userId);
      if (account === undefined || account.fsUniquifier !== credential.uniquifier) return undefined;
      const proof: Proof = { account, methods: ["remember"] };
      const passage = { purpose: "restore" as const, proof, passed: [], remembered: credential };
      if ((await judge(rq, passage)) !== undefined) return undefined;
      const outcome = await establish(rq, passage);
      return outcome.kind === "signedIn" ? outcome.identity : undefined;
    },

    async renew(rq, account, { token = false } = {}) {
      const identity = rq.identity;
      const session = identity?.session;
      if (identity === undefined || identity.account.id !== account.id) return undefined;
      if (session === undefined) return token ? renewToken(rq, identity, account) : undefined;
      const remembered = session.rememberId !== null;
      const outcome = await establish(rq, {
        purpose: "renew",
        proof: { account, methods: session.methods, remember: remembered, token },
        passed: [],
        identity,
      });
      return outcome.kind === "signedIn" ? outcome : undefined;
    },

    async refresh(rq, text) {
      // Whatever the reason: who holds a token that is of no use learns no more than that.
      const refused: SignInOutcome = { kind: "refused", key: "REFRESH_TOKEN_INVALID", field: "refresh_token" };
      const presented = await families?.recognise(rq, text);
      if (presented === undefined) return refused;
      const { account, methods } = presented;
      const passage = { purpose: "refresh" as const, proof: { account, methods }, passed: [] };
      if ((await judge(rq, passage)) !== undefined) return refused;
      const member = await presented.take();
      if (member === undefined) return refused;
      const token = authToken(rq, presented, member);
      const identity = tokenIdentity(presented, member.family);
      become(rq, identity);
      rq.system.events.emit("tokenRefreshed", { user: account, family: member.family });
      return { kind: "signedIn", identity, token, members: member.hand() };
    },
  };
}
