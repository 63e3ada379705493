import type { AuditTrail } from "../audit/trail.ts";
import type { ApiKeySettings, ApiKeys } from "../authn/api-keys.ts";
import type { BagKeeper } from "../authn/bag.ts";
import type { Gate } from "../authn/gates.ts";
import type { Limits } from "../authn/limits/limits.ts";
import type { PasswordProof } from "../authn/password-proof.ts";
import type { Sessions } from "../authn/sessions.ts";
import type { SignedInWork, SignIn } from "../authn/sign-in.ts";
import type { Tickets } from "../authn/tickets.ts";
import type { TokenFamilies } from "../authn/token-families.ts";
import type { Changing } from "../datastore/changing.ts";
import type { Datastore } from "../datastore/contract.ts";
import type { PasswordHistory } from "../datastore/password-history.ts";
import type { Roles } from "../datastore/roles.ts";
import type { Users } from "../datastore/user-operations.ts";
import type { PhoneNumbers } from "../delivery/phone.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";
import type { Account } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { Column, Schema } from "../model/schema.ts";
import type { PasswordHasher } from "../passwords/hasher.ts";
import type { PasswordPolicy } from "../passwords/policy.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import type { LabelledCell, Pages } from "../views/contract.ts";
import type { Mails } from "../views/mail.ts";
import type { AccountDeletionService } from "./account-deletion/index.ts";
import type { KeyBounds } from "./api-keys/creation.ts";
import type { BrowserMark } from "./browser-mark.ts";
import type { ConfirmationService } from "./confirmation/index.ts";

import type { Mailer, Texter, Waiting } from "./delivery.ts";

import type { Destinations } from "./destinations.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Field } from "./fields.ts";
import type { RecoveryService } from "./recovery/index.ts";
import type { UsernamesService } from "./usernames/index.ts";

/** What a feature's functions can reach. */
export interface Kernel {
  readonly system: System;
  readonly datastore: Datastore;
  /** The one way in which what an account is or may is changed, beside `users` and `roles`. */
  readonly changing: Changing;
  readonly users: Users;
  readonly roles: Roles;
  readonly hasher: PasswordHasher;
  readonly policy: PasswordPolicy;
  readonly history: PasswordHistory;
  readonly proof: PasswordProof;
  readonly limits: Limits;
  readonly audit: AuditTrail;
  readonly tickets: Tickets;
  readonly sessions: Sessions;
  readonly signIn: SignIn;
  /** The families of auth tokens that can be renewed, where a feature keeps them. */
  readonly families: TokenFamilies | undefined;
  readonly bags: BagKeeper;
  /** Tells the browser in which an account was begun. */
  readonly browserMark: BrowserMark;
  /** True: answers may tell whether an account exists. */
  readonly revealAccounts: boolean;
  /** True: who has shown the password, or holds a mailed link, is told why they are not let in. */
  readonly revealAccountState: boolean;
  /** True: an account may have no e-mail address, which is "" then. */
  readonly emailOptional: boolean;
  /** False: JSON clients need not send a new password a second time. */
  readonly retypeInJson: boolean;
  readonly destinations: Destinations;
  /** The columns that the application added to the user and that may be seen, by their field's name. */
  readonly ownColumns: ReadonlyMap<string, Column>;
  /** Those that it marked as secret. */
  readonly secretColumns: ReadonlyMap<string, Column>;
  /** The permissions that the option `permissions` declares. */
  readonly declaredPermissions: ReadonlySet<string>;
  /** The scopes that the option `scopes` declares. */
  readonly declaredScopes: ReadonlySet<string>;
  /** The roles that the option `roles` declares: they are in the database. */
  readonly declaredRoles: ReadonlySet<string>;
  /** The names of the features that are on. */
  readonly features: ReadonlySet<string>;
  /** What features do for each other; undefined where one is off. */
  readonly services: Services;
  /** The path of another feature's endpoint, or undefined when that feature is off. */
  path(endpoint: string): string | undefined;
  /** What the features know of the ways in which this user signs in, beside the password: for the administration. */
  waysToSignIn(rq: SecurityRequest, account: Account): Promise<readonly LabelledCell[]>;
  /** Undefined where the feature apiKeys is off. */
  readonly apiKeys: ApiKeys | undefined;
  /** Sends mails: they are written with the request, and delivered off its path. */
  readonly mail: Mailer;
  /** Sends text messages in the same way. */
  readonly sms: Texter;
  /** What waits to be sent in the database; undefined: nothing waits there. */
  readonly waiting: Waiting | undefined;
  readonly phones: PhoneNumbers;
  /** The first of `origins`: what links outside of pages are built on. */
  readonly origin: string;
  /**
   * The absolute URL of an endpoint, for mails: on the first of `origins`, whatever host the request named. A token takes
   * the place of the path's `:token`. Throws PortcullisError `no_endpoint` when that feature is off.
   */
  link(endpoint: string, token?: string): string;
  /**
   * Work that the answer does not wait for, so that its time tells nothing. What it throws is logged; `close()` waits for it.
   */
  background(work: () => Promise<void>): void;
}

/** What features do for each other. */
export interface Services {
  readonly confirmation?: ConfirmationService;
  readonly recovery?: RecoveryService;
  readonly usernames?: UsernamesService;
  readonly accountDeletion?: AccountDeletionService;
  /** What API keys may be given. */
  readonly keyBounds?: KeyBounds;
}

/** What keeping families of tokens needs. */
export interface TokenFamiliesContext extends FeatureKernel {
  readonly ring: KeyRing;
  /** Life of an auth token in milliseconds. */
  readonly tokenLife: number;
}

/** What there is before anybody can sign in. */
export type FeatureKernel = Omit<Kernel, "signIn" | "bags" | "browserMark" | "proof" | "apiKeys" | "families">;

/** A field of the application's own in the page where accounts are made. */
export interface RegistrationField extends Field<unknown> {
  /** What the column of its name is given for a value of the field; undefined as the value: its default. */
  stored(value: unknown): ReturnType<Field<unknown>["parse"]>;
}

/** One part of the account system, a folder each: what it needs, what it adds. */
export interface Feature {
  readonly name: string;
  /** Features that must be on as well. */
  readonly requires?: readonly string[];
  /** Columns that it adds to the user. Accounts, JSON, exports and logs show each that is not marked `secret: true`. */
  readonly userColumns?: Readonly<Record<string, Column>>;
  /** Its pages as they come; an application replaces them by the option `views.pages`. */
  readonly pages?: Partial<Pages>;
  /** The application's own fields of the page where accounts are made, by name, for the application's own columns. */
  readonly registrationFields?: (columns: FeatureKernel["ownColumns"]) => Readonly<Record<string, RegistrationField>>;
  /** Tables of its own. */
  readonly tables?: Schema;
  /** Tables of its own whose rows are credentials of a user (`userId`): emptied whenever all of theirs ends. */
  readonly credentialTables?: readonly string[];
  /** Tables of its own with what users have set up to get in beside the password (`userId`): emptied by `resetAccess`. */
  readonly accessTables?: readonly string[];
  /** Tables of its own whose rows (`userId`) say who is shut out though active: such a user is no administrator who stays. */
  readonly leavingTables?: readonly string[];
  /** It has API keys, made so. */
  readonly apiKeys?: ApiKeySettings;
  /** The permission of administrators: as long as it is on, the last active user who has it can't be taken away. */
  readonly administrators?: string;
  /** Makes auth tokens renewable; at most one feature does. */
  readonly tokenFamilies?: (context: TokenFamiliesContext) => TokenFamilies;
  /** Done each hour, and by `security.purge()`: removes what is over. */
  readonly purge?: (kernel: Kernel) => Promise<void>;
  /** Conditions that it puts on every sign-in. */
  readonly gates?: (kernel: FeatureKernel) => readonly Gate[];
  /**
   * Runs in the transaction that makes a session by a sign-in (not by "keep me signed in" or proving again), which holds the
   * user's row: what it throws undoes it. Resolves to the columns of the user that it has changed.
   */
  readonly signedIn?: SignedInWork;
  /** May this administrator act as that user? Where no feature says yes, nobody may. Asked at each of their requests. */
  readonly mayImpersonate?: (administrator: Account, user: Account) => boolean;
  /** For how long its mailed links work that can be the first proof of an address, in milliseconds. */
  readonly linkLife?: number;
  /** What an administrator is shown of the factors and keys that this user has set up; never a secret. */
  readonly waysToSignIn?: (
    kernel: FeatureKernel,
    rq: SecurityRequest,
    account: Account,
  ) => Awaitable<readonly LabelledCell[]>;
  /** Called once the system is wired, to listen to its events. */
  readonly start?: (kernel: FeatureKernel) => void;
  /** What other features may ask of it. */
  readonly services?: (kernel: Kernel) => Services;
  readonly endpoints?: (kernel: Kernel) => readonly Endpoint[];
  /** Its mails' templates. A feature that has some needs the option `mail`: without it the system refuses to start. */
  readonly mails?: Partial<Mails>;
  /** "sms": it sends text messages and needs the option `sms`. "phones": it reads phone numbers. */
  readonly needs?: readonly ("sms" | "phones")[];
}
