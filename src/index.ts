/** Portcullis: routes that say who may call them, and a complete account system in the application's own database. */

import "./model/refuse-old-node.ts";

export type { AuditEntry, AuditResult } from "./audit/entry.ts";
export type { Acknowledgement, AuditQuery, AuditTrail } from "./audit/trail.ts";
export type { AuditFault, AuditReport, VerifyOptions } from "./audit/verify.ts";
export { type SessionBag, type SessionDeclaration, sessionOf } from "./authn/bag.ts";
export type { Gate, GateAttempt, GateVerdict, Remedy } from "./authn/gates.ts";
export type { IdentityDefinition } from "./authn/identity-attributes.ts";
export type { EndpointLimits, LimitName, LimitOptions } from "./authn/limits/options.ts";
export type { Rate } from "./authn/limits/rate.ts";
export type { LimitStore, LimitStoreProvider, Lockout } from "./authn/limits/store.ts";
export type { PasswordCheck } from "./authn/password-proof.ts";
export type { CredentialDescription, Scheme, SchemePlan } from "./authn/scheme.ts";
export { type ApiKeyOptions, apiKey } from "./authn/schemes/api-key.ts";
export { type DigestAlgorithm, type DigestOptions, digest, digestSecret } from "./authn/schemes/digest.ts";
export { type FakeOptions, fake } from "./authn/schemes/fake.ts";
export { type HttpdOptions, httpd } from "./authn/schemes/httpd.ts";
export { oauth } from "./authn/schemes/oauth.ts";
export type { BuiltInScheme } from "./authn/schemes/options.ts";
export { type ParamOptions, param, password } from "./authn/schemes/param.ts";
export type { SiteData } from "./authn/session-options.ts";
export type { TokenOverrides } from "./authn/tokens/index.ts";
export type { Claims } from "./authn/tokens/issuers.ts";
export type { IssuerOption, JwtKeyOption, JwtOptions, TokenOptions } from "./authn/tokens/options.ts";
export type { ManagesOptions } from "./authz/acting.ts";
export type { CachedUser, CacheName, Uncache } from "./authz/caches.ts";
export type { ExplainedCase, ExplainedStep, Explanation } from "./authz/explain.ts";
export { type CheckpointRule, customGuard, type Guard, type GuardDescription, type GuardRule } from "./authz/guard.ts";
export {
  anonymousRequired,
  authRequired,
  authTokenRequired,
  type FreshOptions,
  fresh,
  httpAuthRequired,
  unauthCsrf,
} from "./authz/guards/authentication.ts";
export {
  apiCheckpoint,
  type CheckpointValue,
  checkpoint,
  loginCheck,
  permissionCheck,
} from "./authz/guards/checkpoint.ts";
export type { CheckpointAction, CheckpointActions } from "./authz/guards/checkpoint-actions.ts";
export { allOf, anyOf } from "./authz/guards/combined.ts";
export { includeCsrf } from "./authz/guards/csrf.ts";
export {
  type ApiKeyCheckpointOptions,
  apiKeyCheckpoint,
  type BearerCheckpointOptions,
  bearerCheckpoint,
} from "./authz/guards/key-checkpoint.ts";
export { object } from "./authz/guards/object.ts";
export { open } from "./authz/guards/open.ts";
export { type PassFunctionOptions, passFunctionCheck } from "./authz/guards/pass-function.ts";
export { permissionsAccepted, permissionsRequired, rolesAccepted, rolesRequired } from "./authz/guards/roles.ts";
export { type ScopeWords, scope } from "./authz/guards/scope.ts";
export type { Handlers } from "./authz/refusal.ts";
export { allow, forbidden, notFound, stale, type Verdict } from "./authz/verdict.ts";
export { LastAdministratorError } from "./datastore/administrators.ts";
export type { CacheStats } from "./datastore/cache.ts";
export type { CacheOption, CacheOptions } from "./datastore/cache-options.ts";
export type { GetUserPass, OwnUser } from "./datastore/callback-users.ts";
export type { Datastore, DatastoreProvider, Transaction } from "./datastore/contract.ts";
export { type NewRole, type Roles, UnknownRoleError } from "./datastore/roles.ts";
export type { SharedCache, SharedCacheProvider } from "./datastore/shared-cache.ts";
export type { AddressProof, ChangeOptions, NewUser, Users } from "./datastore/user-operations.ts";
export type { UserPage, UserQuery } from "./datastore/user-pages.ts";
export type { UserRecord } from "./datastore/user-records.ts";
export { UnknownUserError } from "./datastore/user-reference.ts";
export type { ExportOptions, ImportOptions, ImportOutcome, UserTransfer } from "./datastore/user-transfer.ts";
export { DeliveryError, type MailAddress, type MailSender, type OutgoingMail } from "./delivery/mail.ts";
export { type Outbox, type OutboxOptions, outbox, type SmsOutbox, smsOutbox } from "./delivery/outbox.ts";
export type { PhoneNumbers, PhoneOptions } from "./delivery/phone.ts";
export type { DeliveryOptions } from "./delivery/queue.ts";
export type { OutgoingSms, SmsSender } from "./delivery/sms.ts";
export { type TwilioOptions, twilio } from "./delivery/twilio.ts";
export {
  type EventContext,
  type EventHub,
  type Refusal,
  refuse,
  type SecurityAttemptName,
  type SecurityAttempts,
  type SecurityEventName,
  type SecurityEvents,
} from "./events/events.ts";
export type { KeyRequest } from "./features/api-keys/for-owner.ts";
export type { MailData, Mailer, MailOptions, MailRecipient, SmsOptions, Texter } from "./features/delivery.ts";
export type { Destination, DestinationOptions, SpaOptions } from "./features/destinations.ts";
export type { Device } from "./features/sessions/devices.ts";
export type { Problem } from "./http/answer.ts";
export type { BodyLimits } from "./http/body-limits.ts";
export type { SecurityRequest } from "./http/request.ts";
export type { GroupCheck, ListedObjectRule, ObjectCheck, ObjectRule, TypedObjectRule } from "./http/system.ts";
export type { Catalogue, MessageKey, Texts } from "./i18n/catalogue.ts";
export type { LanguageOptions, LanguageTag, MessageOptions } from "./i18n/languages.ts";
export type { Account, SecurityPayload } from "./model/account.ts";
export {
  column,
  type OwnColumn,
  type OwnColumns,
  type OwnFields,
  type OwnSecrets,
  type SecretValue,
} from "./model/column.ts";
export type { Duration } from "./model/duration.ts";
export {
  ConfigurationError,
  DatastoreError,
  LimitedError,
  MissingReferenceError,
  MissingTransactionError,
  OverloadedError,
  PortcullisError,
  UniqueConflictError,
  WithdrawnError,
} from "./model/errors.ts";
export type { BadCredential, Identity } from "./model/identity.ts";
export type { Label } from "./model/label.ts";
export type { Role, User } from "./model/user.ts";
export type { IdentityOption, SecurityOptions, UserOf } from "./options.ts";
export type { PolicyFault } from "./passwords/checks/check.ts";
export type { PasswordHasher, Verification } from "./passwords/hasher.ts";
export { PasswordRefusedError } from "./passwords/refused.ts";
export type { CorsOptions } from "./routes/around/cors.ts";
export { type JsonConversion, toJson } from "./routes/around/json.ts";
export type {
  ErrorFormat,
  ErrorRenderer,
  HeaderMaker,
  Mode,
  RequestHook,
  ResponseHook,
  RouteOptions,
} from "./routes/around/options.ts";
export type { RequestOrigin } from "./routes/arrival.ts";
export { formatMatrix, type MatrixFormat } from "./routes/matrix.ts";
export type { AnswerDocumentation, RouteDocumentation, ToJsonSchema } from "./routes/openapi/described.ts";
export type { OpenApiDocument } from "./routes/openapi/document.ts";
export type { OpenApiOptions } from "./routes/openapi/options.ts";
export type {
  App,
  ARouteMustDeclareItsAuthz,
  DeclareRoute,
  DeclareRouteOn,
  HandlerParams,
  MountApp,
  RouteDeclaration,
  RouteRecord,
} from "./routes/types.ts";
export type { Authz, ConditionsOf, CurrentUser, GuardedEnv, IdsOf, SignsIn, Vocabulary } from "./routes/vocabulary.ts";
export {
  type CreateTokenOptions,
  type Decision,
  type HashPasswordOptions,
  type LoginStateOptions,
  type OwnPage,
  portcullis,
  type Security,
} from "./security.ts";
