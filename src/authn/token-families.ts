import type { Afterwards } from "../datastore/changing.ts";
import type { Operations, Transaction } from "../datastore/contract.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";

/** The sign-in that a family of tokens goes back to. */
export interface FamilyOrigin {
  readonly account: Account;
  /** How the user proved who they are, and when, in epoch milliseconds. */
  readonly methods: readonly string[];
  readonly authenticatedAt: number;
  /** When it ends at the latest, in epoch milliseconds, where it goes back to a credential that ends. */
  readonly until?: number | undefined;
}

/** The newest refresh token of a family, as it goes out beside an auth token. */
export interface FamilyMember {
  readonly family: string;
  /** When it was made, in epoch milliseconds, whole seconds: the same for all that ask for it at once. */
  readonly at: number;
  /** When the family ends, however busy, in epoch milliseconds. */
  readonly expiresAt: number;
  /** Sets its cookie, or returns the members that JSON gets beside the auth token. To be called once everything is stored. */
  hand(): Readonly<Record<string, unknown>>;
}

/** A refresh token that is one: nothing has changed yet. */
export interface PresentedMember extends FamilyOrigin {
  /** Takes its successor's place in the family; undefined when the family has ended meanwhile. */
  take(): Promise<FamilyMember | undefined>;
}

/**
 * The families behind auth tokens that can be renewed. A feature keeps them; the sign-in pipeline alone makes the auth
 * tokens (authn/sign-in.ts).
 */
export interface TokenFamilies {
  /** True: refresh tokens travel as a cookie, and a caller who wants none gets no family. */
  readonly byCookie: boolean;
  /** At a sign-in that makes an auth token, in its transaction. */
  begin(rq: SecurityRequest, tx: Operations, origin: FamilyOrigin): Promise<FamilyMember>;
  /** What this text is a refresh token of. One that had been replaced ends its family. */
  recognise(rq: SecurityRequest, text: string): Promise<PresentedMember | undefined>;
  /** Whether auth tokens of this family still count. */
  alive(family: string): Promise<boolean>;
  /** Ends the family of the caller's refresh token (with `body`: also of one in the JSON body) and removes its cookie. */
  endPresented(rq: SecurityRequest, options?: { readonly body: boolean }): Promise<void>;
  /** Ends a family with its tokens and its sessions, effective on the next request. */
  end(family: string): Promise<void>;
  /** The same within a change of the family's user. */
  endWithin(tx: Transaction, family: string, afterwards: Afterwards): Promise<void>;
  /** Removes what is over. */
  purge(): Promise<void>;
}
