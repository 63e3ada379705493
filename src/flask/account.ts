import { changeEmail } from "../features/change-email/index.ts";
import { changePassword } from "../features/change-password/index.ts";
import { confirmation } from "../features/confirmation/index.ts";
import type { DestinationOptions, SpaOptions } from "../features/destinations.ts";
import type { Feature } from "../features/feature.ts";
import { passwordless } from "../features/passwordless/index.ts";
import { recovery } from "../features/recovery/index.ts";
import { usernames } from "../features/usernames/index.ts";
import type { Duration } from "../model/duration.ts";
import { ConfigurationError } from "../model/errors.ts";
import type { Draft, TranslatedOptions } from "./translation.ts";

/** The settings that the functions below look at. */
export const accountSettings: readonly string[] = [
  ...["CONFIRMABLE", "CONFIRM_EMAIL_WITHIN", "LOGIN_WITHOUT_CONFIRMATION", "AUTO_LOGIN_AFTER_CONFIRM", "CONFIRM_URL"],
  ...["RECOVERABLE", "RESET_PASSWORD_WITHIN", "AUTO_LOGIN_AFTER_RESET", "RESET_URL", "CHANGEABLE", "CHANGE_URL"],
  ...["CHANGE_EMAIL", "CHANGE_EMAIL_WITHIN", "CHANGE_EMAIL_URL", "CHANGE_USERNAME", "CHANGE_USERNAME_URL"],
  ...["USERNAME_REQUIRED", "USERNAME_MIN_LENGTH", "USERNAME_MAX_LENGTH", "USERNAME_RECOVERY", "USERNAME_RECOVERY_URL"],
  ...["PASSWORDLESS", "LOGIN_WITHIN", "LOGIN_URL", "LOGOUT_URL", "REGISTER_URL", "VERIFY_URL", "POST_CONFIRM_VIEW"],
  ...["POST_RESET_VIEW", "POST_CHANGE_VIEW", "POST_CHANGE_EMAIL_VIEW", "POST_CHANGE_USERNAME_VIEW"],
  ...["CONFIRM_ERROR_VIEW", "RESET_ERROR_VIEW", "CHANGE_EMAIL_ERROR_VIEW", "LOGIN_ERROR_VIEW", "RESET_VIEW"],
  ...["REDIRECT_BEHAVIOR", "REDIRECT_HOST", "REDIRECT_ALLOWED_SUBDOMAINS", "REDIRECT_BASE_DOMAIN"],
];

/** The features of an account's life that the settings switch on. */
export function accountFeatures({ read, refuse, settings }: Draft): readonly Feature[] {
  const within = (name: string): { readonly within?: Duration } => {
    const value = read.seconds(name);
    if (value === undefined) return {};
    if (value > 0) return { within: `${value}s` };
    refuse(name);
    return {};
  };
  const features: Feature[] = [];
  if (read.boolean("CONFIRMABLE") === true) {
    features.push(
      confirmation({
        ...within("CONFIRM_EMAIL_WITHIN"),
        required: read.boolean("LOGIN_WITHOUT_CONFIRMATION") !== true,
        signIn: read.boolean("AUTO_LOGIN_AFTER_CONFIRM") === true,
      }),
    );
  }
  if (read.boolean("RECOVERABLE") === true) {
    features.push(
      recovery({ ...within("RESET_PASSWORD_WITHIN"), signIn: read.boolean("AUTO_LOGIN_AFTER_RESET") === true }),
    );
  }
  if (read.boolean("CHANGEABLE") === true) features.push(changePassword());
  if (read.boolean("CHANGE_EMAIL") === true) features.push(changeEmail(within("CHANGE_EMAIL_WITHIN")));
  if (read.boolean("USERNAME_ENABLE") === true) features.push(usernamesOf({ read, refuse, settings }));
  // Here their pages belong to the feature, which asks for a name at registration too.
  else for (const page of ["CHANGE_USERNAME", "USERNAME_RECOVERY"]) if (read.boolean(page) === true) refuse(page);
  if (read.boolean("PASSWORDLESS") === true) features.push(passwordless(within("LOGIN_WITHIN")));
  return features;
}

function usernamesOf({ read }: Draft): Feature {
  const minLength = read.count("USERNAME_MIN_LENGTH");
  const maxLength = read.count("USERNAME_MAX_LENGTH");
  return usernames({
    required: read.boolean("USERNAME_REQUIRED") === true,
    // What is allowed there are letters and digits of any script.
    characters: "letters",
    change: read.boolean("CHANGE_USERNAME") === true,
    recover: read.boolean("USERNAME_RECOVERY") === true,
    ...(minLength === undefined ? {} : { minLength }),
    ...(maxLength === undefined ? {} : { maxLength }),
  });
}

/** Where pages are and go on, beside sign-in, sign-out and registration. */
export function accountDestinations(draft: Draft, path: (name: string) => string | undefined): DestinationOptions {
  const entries: readonly (readonly [keyof DestinationOptions, string])[] = [
    ["afterConfirm", "POST_CONFIRM_VIEW"],
    ["afterReset", "POST_RESET_VIEW"],
    ["afterChangePassword", "POST_CHANGE_VIEW"],
    ["afterChangeEmail", "POST_CHANGE_EMAIL_VIEW"],
    ["afterChangeUsername", "POST_CHANGE_USERNAME_VIEW"],
    ["confirmError", "CONFIRM_ERROR_VIEW"],
    ["resetError", "RESET_ERROR_VIEW"],
    ["changeEmailError", "CHANGE_EMAIL_ERROR_VIEW"],
    ["signInError", "LOGIN_ERROR_VIEW"],
  ];
  return Object.fromEntries(
    entries.flatMap(([destination, name]) => {
      const value = draft.read.text(name) === undefined ? undefined : path(name);
      return value === undefined ? [] : [[destination, value]];
    }),
  );
}

/** Each page's own path, the single-page client and the sub-domains that may be redirected to. */
export function placesOf(draft: Draft, names: ReadonlySet<string>): TranslatedOptions {
  const paths = pathsOf(draft, names);
  const spa = spaOf(draft);
  const redirectOrigins = subdomainsOf(draft);
  return {
    ...(paths === undefined ? {} : { paths }),
    ...(spa === undefined ? {} : { spa }),
    ...(redirectOrigins === undefined ? {} : { redirectOrigins }),
  };
}

/** The settings for pages' paths: where a page is when nothing is said, and the endpoints that are there. */
const urls: readonly (readonly [name: string, path: string, endpoints: readonly string[]])[] = [
  ["LOGIN_URL", "/login", ["login"]],
  ["LOGOUT_URL", "/logout", ["logout"]],
  ["REGISTER_URL", "/register", ["register"]],
  ["VERIFY_URL", "/verify", ["verify"]],
  ["CONFIRM_URL", "/confirm", ["send_confirmation", "confirm_email"]],
  ["RESET_URL", "/reset", ["forgot_password", "reset_password"]],
  ["CHANGE_URL", "/change", ["change_password"]],
  ["CHANGE_EMAIL_URL", "/change-email", ["change_email", "change_email_confirm"]],
  ["CHANGE_USERNAME_URL", "/change-username", ["change_username"]],
  ["USERNAME_RECOVERY_URL", "/recover-username", ["recover_username"]],
];

function pathsOf({ read, refuse }: Draft, names: ReadonlySet<string>): Readonly<Record<string, string>> | undefined {
  const paths: Record<string, string> = {};
  for (const [name, standard, endpoints] of urls) {
    const value = read.text(name);
    if (value === undefined || value === standard) continue;
    if (!/^(?:\/[A-Za-z0-9._~-]+)+\/?$/.test(value)) refuse(name);
    // Of a feature that is off it says nothing.
    else for (const endpoint of endpoints) if (names.has(endpoint)) paths[endpoint] = value;
  }
  return Object.keys(paths).length === 0 ? undefined : paths;
}

function spaOf({ read, refuse }: Draft): SpaOptions | undefined {
  const behaviour = read.text("REDIRECT_BEHAVIOR");
  if (behaviour === undefined) return undefined;
  if (behaviour !== "spa") return refuse("REDIRECT_BEHAVIOR");
  const host = read.text("REDIRECT_HOST");
  // Theirs builds links without a scheme; ours must be one of `origins`, and so it is written out.
  if (host === undefined) throw new ConfigurationError("REDIRECT_HOST", 'is needed with REDIRECT_BEHAVIOR "spa"');
  // "localhost:8080" parses too, as a URL whose scheme is "localhost".
  const origin = /^https?:\/\//i.test(host) && URL.canParse(host) ? new URL(host).origin : `https://${host}`;
  const reset = read.text("RESET_VIEW");
  return { origin, ...(reset === undefined ? {} : { pages: { reset } }) };
}

function subdomainsOf({ read, refuse }: Draft): readonly string[] | undefined {
  const names = read.texts("REDIRECT_ALLOWED_SUBDOMAINS") ?? [];
  if (names.length === 0) return undefined;
  const base = read.text("REDIRECT_BASE_DOMAIN");
  // Of which domain: there it may be Flask's SERVER_NAME.
  if (base === undefined) return refuse("REDIRECT_ALLOWED_SUBDOMAINS");
  // "." is the domain itself. There the scheme is not looked at; here nobody is led out of encryption.
  const hosts = names.map((name) => (name === "." ? base : name.endsWith(`.${base}`) ? name : `${name}.${base}`));
  const origins = hosts.map((host) => `https://${host}`);
  const good = origins.every((origin) => URL.parse(origin)?.origin === origin);
  return good ? origins : refuse("REDIRECT_ALLOWED_SUBDOMAINS");
}
