import type { AuditEntry } from "../../audit/entry.ts";
import type { AuditEntryName } from "../../audit/rules.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { MessageKey } from "../../i18n/catalogue.ts";
import type { FilterField } from "./filters.ts";
import { text } from "./pages.ts";

/** What the trail's entries are called, each of them. */
const words = {
  userAuthenticated: "EVENT_USER_AUTHENTICATED",
  userFailedAuthn: "EVENT_USER_FAILED_AUTHN",
  unknownIdentity: "EVENT_UNKNOWN_IDENTITY",
  signInRefused: "EVENT_SIGN_IN_REFUSED",
  sessionRestored: "EVENT_SESSION_RESTORED",
  userSignedOut: "EVENT_USER_SIGNED_OUT",
  permissionDenied: "EVENT_PERMISSION_DENIED",
  sessionsEnded: "EVENT_SESSIONS_ENDED",
  rememberReused: "EVENT_REMEMBER_REUSED",
  refreshTokenReused: "EVENT_REFRESH_TOKEN_REUSED",
  refreshTrackerCreated: "EVENT_REFRESH_TRACKER_CREATED",
  refreshTrackerRevoked: "EVENT_REFRESH_TRACKER_REVOKED",
  undeclaredProxy: "EVENT_UNDECLARED_PROXY",
  accountLocked: "EVENT_ACCOUNT_LOCKED",
  unknownIdentityLocked: "EVENT_UNKNOWN_IDENTITY_LOCKED",
  accountUnlocked: "EVENT_ACCOUNT_UNLOCKED",
  userRegistered: "EVENT_USER_REGISTERED",
  userNotRegistered: "EVENT_USER_NOT_REGISTERED",
  confirmInstructionsSent: "EVENT_CONFIRM_INSTRUCTIONS_SENT",
  userConfirmed: "EVENT_USER_CONFIRMED",
  registrationDisowned: "EVENT_REGISTRATION_DISOWNED",
  loginInstructionsSent: "EVENT_LOGIN_INSTRUCTIONS_SENT",
  passwordChanged: "EVENT_PASSWORD_CHANGED",
  passwordReset: "EVENT_PASSWORD_RESET",
  resetInstructionsSent: "EVENT_RESET_INSTRUCTIONS_SENT",
  passwordUpgraded: "EVENT_PASSWORD_UPGRADED",
  changeEmailInstructionsSent: "EVENT_CHANGE_EMAIL_INSTRUCTIONS_SENT",
  changeEmailCancelled: "EVENT_CHANGE_EMAIL_CANCELLED",
  emailChanged: "EVENT_EMAIL_CHANGED",
  usernameChanged: "EVENT_USERNAME_CHANGED",
  usernameRecoverySent: "EVENT_USERNAME_RECOVERY_SENT",
  mailFailed: "EVENT_MAIL_FAILED",
  mailWithheld: "EVENT_MAIL_WITHHELD",
  smsFailed: "EVENT_SMS_FAILED",
  accountDeletionRequested: "EVENT_ACCOUNT_DELETION_REQUESTED",
  accountDeletionCancelled: "EVENT_ACCOUNT_DELETION_CANCELLED",
  signInDisowned: "EVENT_SIGN_IN_DISOWNED",
  accountDeleted: "EVENT_ACCOUNT_DELETED",
  accountExported: "EVENT_ACCOUNT_EXPORTED",
  userCreated: "EVENT_USER_CREATED",
  usersImported: "EVENT_USERS_IMPORTED",
  passwordSet: "EVENT_PASSWORD_SET",
  userActivated: "EVENT_USER_ACTIVATED",
  userDeactivated: "EVENT_USER_DEACTIVATED",
  userDeleted: "EVENT_USER_DELETED",
  accessReset: "EVENT_ACCESS_RESET",
  roleGranted: "EVENT_ROLE_GRANTED",
  roleRevoked: "EVENT_ROLE_REVOKED",
  userPermissionsChanged: "EVENT_USER_PERMISSIONS_CHANGED",
  roleCreated: "EVENT_ROLE_CREATED",
  roleDeleted: "EVENT_ROLE_DELETED",
  rolePermissionsChanged: "EVENT_ROLE_PERMISSIONS_CHANGED",
  impersonationStarted: "EVENT_IMPERSONATION_STARTED",
  impersonationEnded: "EVENT_IMPERSONATION_ENDED",
  apiKeyCreated: "EVENT_API_KEY_CREATED",
  apiKeyRevoked: "EVENT_API_KEY_REVOKED",
  userUpdated: "EVENT_USER_UPDATED",
  auditBroken: "EVENT_AUDIT_BROKEN",
  auditAcknowledged: "EVENT_AUDIT_ACKNOWLEDGED",
  auditExported: "EVENT_AUDIT_EXPORTED",
} as const satisfies Readonly<Record<AuditEntryName, MessageKey>>;

const shape = /^[A-Za-z]{1,64}$/;

/** What happened, in the reader's words; an event of the application's own goes by its name. */
export function eventName(rq: SecurityRequest, name: string): string {
  return Object.hasOwn(words, name) ? text(rq, words[name as AuditEntryName]) : name;
}

const results = {
  ok: "AUDIT_RESULT_OK",
  failed: "AUDIT_RESULT_FAILED",
  denied: "AUDIT_RESULT_DENIED",
} as const satisfies Readonly<Record<AuditEntry["result"], MessageKey>>;

/** How it ended. */
export function resultName(rq: SecurityRequest, result: AuditEntry["result"]): string {
  return text(rq, results[result]);
}

/** The events to choose from, by their words; the query names them as the trail does, those of the application's own too. */
export const eventFilter: FilterField<string> = {
  label: "ADMIN_EVENT",
  type: "select",
  options(rq) {
    const asked = rq.url.searchParams.get("name")?.trim() ?? "";
    const names: string[] = Object.keys(words);
    if (shape.test(asked) && !names.includes(asked)) names.push(asked);
    const collator = new Intl.Collator(rq.catalogue.language);
    const choices = names.map((value) => ({ value, text: eventName(rq, value) }));
    return [{ value: "", text: text(rq, "ADMIN_ALL") }, ...choices.sort((a, b) => collator.compare(a.text, b.text))];
  },
  parse: (input) => (shape.test(input) ? { value: input } : { fault: { key: "FIELD_INVALID" } }),
};
