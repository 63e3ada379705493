import type { Account } from "../model/account.ts";

/** A user who may not be loaded where it happened, by their id. */
export interface OfUser {
  readonly userId: number;
}

/**
 * What happened, by name: Flask-Security's signals with their fields in camelCase, and what it has no signal for. Where, from
 * which address and by whom stands in the context that every listener gets beside the event. Features add theirs by declaration.
 */
export interface SecurityEvents {
  // Sign-in and sign-out
  /** Somebody proved who they are and passed every gate. */
  userAuthenticated: { user: Account; authnVia: readonly string[] };
  /** A proof failed for a known user. */
  userFailedAuthn: { user: Account; authType: string; tfa: boolean };
  /** A proof failed, and nobody has that identity. What was typed is not told: it may be a password. */
  unknownIdentity: { authType: string };
  /** The proof was right, but a gate or a before-hook did not let the user in. */
  signInRefused: { user: Account; authnVia: readonly string[]; reason: string };
  /** A caller without (valid) credentials was turned away. */
  userUnauthenticated: { path: string };
  /** A session was made from a remember credential. */
  sessionRestored: { user: Account };
  userSignedOut: { user: Account };
  /** Somebody who is signed in asked for what they may not. */
  permissionDenied: { user: Account | undefined; reason: string };
  /** Sessions of a user were ended: by the user one of them, or all others, or by an administrator all. `count` of them. */
  sessionsEnded: { user: Account; which: "one" | "others" | "all"; count: number };
  /** A remember credential was presented that had been replaced: whoever uses it now may have stolen it. It is revoked. */
  rememberReused: { userId: number };
  /** A refresh token was presented that had been replaced. Its family is revoked. */
  refreshTokenReused: { userId: number; family: string };
  /** A sign-in began a family of tokens that can be renewed. */
  refreshTrackerCreated: { user: Account; family: string };
  /** A new auth token was given for a refresh token. */
  tokenRefreshed: { user: Account; family: string };
  /** A family of tokens was ended before its time. */
  refreshTrackerRevoked: { userId: number; family: string; reason: "signOut" | "reuse" };
  /** Too many attempts: refused without being looked at. `user`: where the attempt named one. */
  limitReached: { limit: string; user: Account | undefined; address: string | undefined };
  /** Clients come from one address as through a proxy that the option `trustedProxies` does not declare. Once a process. */
  undeclaredProxy: { peer: string };
  /** Guessing has locked an account until then (epoch milliseconds). */
  accountLocked: { user: Account; until: number; failures: number };
  /** Guessing has locked a name that no account has, until then (epoch milliseconds). */
  unknownIdentityLocked: { until: number; failures: number };
  /** A lock was taken away before its time. */
  accountUnlocked: { userId: number };

  // Registration and confirmation
  userRegistered: { user: Account; formData: Readonly<Record<string, unknown>> };
  /** A registration for an address or username that is taken. */
  userNotRegistered: {
    user: Account | undefined;
    existingEmail: boolean;
    existingUsername: boolean;
    formData: Readonly<Record<string, unknown>>;
  };
  confirmInstructionsSent: { user: Account };
  /** The account's address was proved for the first time. */
  userConfirmed: { user: Account };
  /**
   * The first proof of an address came from elsewhere than where the account was begun: its password, sessions, tokens, keys and
   * pending changes of before have ended.
   */
  registrationDisowned: { user: Account };
  loginInstructionsSent: { user: Account };

  // Passwords, e-mail, username
  passwordChanged: { user: Account };
  passwordReset: { user: Account };
  resetInstructionsSent: { user: Account };
  /** A stored hash was replaced by one of the current form at sign-in. */
  passwordUpgraded: { user: Account };
  changeEmailInstructionsSent: { user: Account; newEmail: string };
  /** A change of address that waited for its link was taken back. */
  changeEmailCancelled: { user: Account; newEmail: string };
  emailChanged: { user: Account; oldEmail: string };
  usernameChanged: { user: Account; oldUsername: string | null };
  usernameRecoverySent: { user: Account };

  // Delivery
  /** A mail was given up. `user` is undefined where it was for an address that no account has. */
  mailFailed: { user: Account | undefined; template: string; to: string; failure: string; attempts: number };
  /**
   * A mail that somebody asked for was not sent, because no account has the address or the account gets none: it is off, say,
   * or confirmed already. `insteadOf`: the event that tells of it where one is sent.
   */
  mailWithheld: { user: Account | undefined; insteadOf: string };
  /** A text message was given up. */
  smsFailed: { user: Account | undefined; to: string; failure: string; attempts: number };

  // The end of an account
  accountDeletionRequested: { user: Account };
  accountDeletionCancelled: { user: Account };
  /** The owner said of a sign-in that it was not theirs: everything that was signed in has ended. */
  signInDisowned: { user: Account };
  /** The account is removed for good; `user` is what it was. */
  accountDeleted: { user: Account };
  accountExported: { user: Account };

  // What operations on users and roles changed; who did it is the context's `actor`
  /** An account was made by the application or an administrator, not by registration. */
  userCreated: OfUser;
  /** So many accounts were imported from elsewhere. */
  usersImported: { count: number };
  /** A password was set by the application or an administrator. */
  passwordSet: OfUser;
  userActivated: OfUser;
  userDeactivated: OfUser;
  userDeleted: OfUser;
  /** Every session, token and credential was ended by an operation. */
  accessReset: OfUser;
  roleGranted: OfUser & { readonly role: string };
  roleRevoked: OfUser & { readonly role: string };
  /** Permissions that a user has without a role. */
  userPermissionsChanged: OfUser & { readonly added: readonly string[]; readonly removed: readonly string[] };
  roleCreated: { role: string };
  roleDeleted: { role: string };
  rolePermissionsChanged: { role: string; added: readonly string[]; removed: readonly string[] };

  /** An administrator acts as this user from now on, until then (epoch milliseconds), for this reason. */
  impersonationStarted: { user: Account; administrator: Account; reason: string; until: number };
  /** The administrator is themselves again. */
  impersonationEnded: { user: Account; administrator: Account };
  /** A key that programs sign in with was made; `key` is its id. */
  apiKeyCreated: { user: Account; key: string; name: string };
  /** Its owner or an administrator ended it, or the owner disowned the sign-in that it may come from. */
  apiKeyRevoked: OfUser & { readonly key: string };
  /** Fields of an account were changed by an administrator, or the profile by its owner. */
  userUpdated: OfUser & { readonly fields: readonly string[] };

  // The trail itself
  /** Entries were taken out into a file: so many. */
  auditExported: { count: number };
  /** An operator has acknowledged the breaks that the trail reports, up to the entry of this number. */
  auditAcknowledged: { until: number; reason: string; by: string };
  /** Entries of the trail could not be stored; they wait, or (`lost`) went to the log instead. */
  auditFailed: { reason: string; waiting: number; lost: number };
}

/** The names of all events. */
export type SecurityEventName = keyof SecurityEvents;

/** Where something happened, and who did it: what a trail needs beside the event. */
export interface EventContext {
  /** Epoch milliseconds, by the system's clock. */
  readonly at: number;
  /** The client's address; undefined outside of a request. */
  readonly address: string | undefined;
  /** The user agent as it was sent: text of a stranger's. */
  readonly agent: string | undefined;
  /** "POST /login"; undefined outside of a request. */
  readonly route: string | undefined;
  /** Who was signed in when it happened, and by which scheme. */
  readonly actor: Account | undefined;
  readonly via: string | undefined;
  /** The administrator who acts as `actor`; undefined: `actor` themselves. */
  readonly impersonator?: Account | undefined;
}

/** What is about to happen, by name, for hooks that may refuse it. Features add theirs by declaration. */
export interface SecurityAttempts {
  /**
   * Somebody proved who they are and every gate let them pass. `purpose`: to get a session ("sign-in"), for one request
   * ("request"), from a remember credential ("restore"), or to prove it again ("reauthenticate").
   */
  signIn: { user: Account; methods: readonly string[]; purpose: string };
  /** Asked for known and unknown addresses alike, before either is looked up. */
  register: { email: string; formData: Readonly<Record<string, unknown>> };
  changePassword: { user: Account };
  resetPassword: { user: Account };
  changeEmail: { user: Account; newEmail: string };
  changeUsername: { user: Account; newUsername: string };
  deleteAccount: { user: Account };
  /** An administrator is about to act as this user. */
  impersonate: { user: Account; administrator: Account; reason: string };
}

/** The names of all attempts. */
export type SecurityAttemptName = keyof SecurityAttempts;
