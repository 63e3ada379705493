import type { SecurityEventName, SecurityEvents } from "../events/events.ts";
import type { AuditResult } from "./entry.ts";

/** What the trail keeps of an event. */
export interface AuditRule<Name extends SecurityEventName> {
  /** Default "ok". */
  readonly result?: AuditResult;
  /** The event's fields that are kept beside user and context: none unless listed, so that nothing secret gets in by itself. */
  readonly fields?: readonly (keyof SecurityEvents[Name] & string)[];
  /** Not kept. */
  readonly skip?: true;
}

/** The events that the trail does not keep; the reasons stand beside their rules. */
type SkippedEventName = "userUnauthenticated" | "tokenRefreshed" | "limitReached" | "auditFailed";

/** The names of the entries in the trail: of each event that is kept, and of what the trail says of itself. */
export type AuditEntryName = Exclude<SecurityEventName, SkippedEventName> | "auditBroken";

type AuditRules = { readonly [Name in SecurityEventName]?: AuditRule<Name> };

const rules: { readonly [Name in SkippedEventName]: { readonly skip: true } } & {
  readonly [Name in Exclude<SecurityEventName, SkippedEventName>]?: AuditRule<Name> & { readonly skip?: never };
} = {
  userAuthenticated: { fields: ["authnVia"] },
  userFailedAuthn: { result: "failed", fields: ["authType", "tfa"] },
  unknownIdentity: { result: "failed", fields: ["authType"] },
  signInRefused: { result: "denied", fields: ["authnVia", "reason"] },
  // Anybody can cause it without limit, and it says nothing about anybody.
  userUnauthenticated: { skip: true },
  permissionDenied: { result: "denied", fields: ["reason"] },
  sessionsEnded: { fields: ["which", "count"] },
  rememberReused: { result: "denied" },
  refreshTokenReused: { result: "denied" },
  // A family each few minutes and device would bury the rest.
  tokenRefreshed: { skip: true },
  refreshTrackerRevoked: { fields: ["reason"] },
  mailWithheld: { result: "denied", fields: ["insteadOf"] },
  mailFailed: { result: "failed", fields: ["template"] },
  smsFailed: { result: "failed" },
  accountLocked: { result: "denied", fields: ["failures"] },
  unknownIdentityLocked: { result: "denied", fields: ["failures"] },
  // Refused without a look at it, and as often as somebody likes: the lock that follows is kept.
  limitReached: { skip: true },
  undeclaredProxy: { fields: ["peer"] },
  userNotRegistered: { result: "denied", fields: ["existingEmail", "existingUsername"] },
  usernameChanged: { fields: ["oldUsername"] },
  emailChanged: { fields: ["oldEmail"] },
  usersImported: { fields: ["count"] },
  roleGranted: { fields: ["role"] },
  roleRevoked: { fields: ["role"] },
  userPermissionsChanged: { fields: ["added", "removed"] },
  roleCreated: { fields: ["role"] },
  roleDeleted: { fields: ["role"] },
  rolePermissionsChanged: { fields: ["role", "added", "removed"] },
  impersonationStarted: { fields: ["reason", "until"] },
  auditExported: { fields: ["count"] },
  auditAcknowledged: { fields: ["reason", "by", "until"] },
  apiKeyCreated: { fields: ["key", "name"] },
  apiKeyRevoked: { fields: ["key"] },
  userUpdated: { fields: ["fields"] },
  // What can't be stored must not be stored: it goes to the log.
  auditFailed: { skip: true },
};

/** Of an event that is not here the trail keeps its name, its user and the context, with the result "ok". */
export const auditRules: AuditRules = rules;
