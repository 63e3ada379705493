/** The account system, one folder a feature: `features: [passwords(), registration()]`. */

export { type AccountDeletionOptions, accountDeletion } from "./account-deletion/index.ts";
export { type AdministrationOptions, administration, type ImpersonationOptions } from "./administration/index.ts";
export { type ApiKeysOptions, apiKeys } from "./api-keys/index.ts";
export { type ChangeEmailOptions, changeEmail } from "./change-email/index.ts";
export { changePassword } from "./change-password/index.ts";
export { type ConfirmationOptions, confirmation } from "./confirmation/index.ts";
export {
  type Answer,
  done,
  download,
  type Endpoint,
  type EndpointDefinition,
  type EndpointRequest,
  endpoint,
  goTo,
  invalid,
  jsonEndpoint,
  notFound,
  type Offer,
  outcomeAnswer,
  refused,
} from "./endpoint.ts";
export type { Feature, FeatureKernel, Kernel, TokenFamiliesContext } from "./feature.ts";
export {
  checkboxField,
  emailField,
  type Fault,
  type Field,
  type FieldValues,
  hiddenField,
  identityField,
  passwordField,
} from "./fields.ts";
export { notices } from "./notices/index.ts";
export { type PasswordlessOptions, passwordless } from "./passwordless/index.ts";
export { type PasswordsOptions, passwords } from "./passwords/index.ts";
export { type RecoveryOptions, recovery } from "./recovery/index.ts";
export { type RefreshOptions, refresh } from "./refresh/index.ts";
export type { ExtraFieldOptions, ExtraValues } from "./registration/extra-fields.ts";
export { type RegistrationOptions, registration } from "./registration/index.ts";
export { sessions } from "./sessions/index.ts";
export { tracking } from "./tracking/index.ts";
export { type UnlockOptions, unlock } from "./unlock/index.ts";
export { userManagement } from "./user-management/index.ts";
export type { UserManagementOptions } from "./user-management/options.ts";
export { type UsernamesOptions, usernames } from "./usernames/index.ts";
