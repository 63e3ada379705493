import { isDeepStrictEqual } from "node:util";
import type { MailOptions } from "../features/delivery.ts";
import type { Feature } from "../features/feature.ts";
import { passwords } from "../features/passwords/index.ts";
import { refresh } from "../features/refresh/index.ts";
import { registration } from "../features/registration/index.ts";
import { tracking } from "../features/tracking/index.ts";
import type { Duration } from "../model/duration.ts";
import { ConfigurationError } from "../model/errors.ts";
import type { IdentityOption, SecurityOptions } from "../options.ts";
import { accountDestinations, accountFeatures, accountSettings, placesOf } from "./account.ts";
import { settingDefaults } from "./defaults.ts";
import { deliveryOptions } from "./delivery.ts";
import { messagePrefix, translateMessages } from "./messages.ts";
import type { FlaskSecuritySettings } from "./settings.ts";
import { type RawSettings, type SettingReader, settingReader } from "./values.ts";

/** The options that settings can say something about. */
export type TranslatedOptions = Partial<
  Pick<
    SecurityOptions,
    | "secretKeys"
    | "sessions"
    | "tokens"
    | "freshness"
    | "prefix"
    | "destinations"
    | "authn"
    | "realm"
    | "identities"
    | "passwords"
    | "csrf"
    | "messages"
    | "revealAccounts"
    | "revealAccountState"
    | "paths"
    | "spa"
    | "redirectOrigins"
    | "sms"
    | "phone"
  >
> & {
  /** What the settings say of mail; the sender is yours: `mail: { ...options.mail, sender: smtp(url) }`. */
  readonly mail?: Omit<MailOptions, "sender">;
};

/** A deployment's settings in our words. */
export interface FlaskTranslation {
  /** To be spread into the options of `portcullis()`. What no setting says keeps its default there, also where Flask-Security's is laxer. */
  readonly options: TranslatedOptions;
  readonly features: readonly Feature[];
  /** Settings that are unknown, or that ask for something that there is not (yet): the deployment would miss it. Sorted. */
  readonly unsupported: readonly string[];
}

/**
 * Translates Flask-Security's settings. One that is switched off, or has its default, asks for nothing and is fine.
 * Throws ConfigurationError with the setting's name for a value of the wrong type.
 *
 * ```ts
 * const { options, features, unsupported } = fromFlaskSecurity({ REGISTERABLE: true, FRESHNESS: 3600 });
 * if (unsupported.length > 0) throw new Error(`not taken over: ${unsupported.join(", ")}`);
 * const security = await portcullis({ ...options, features, secretKeys, origins, datastore });
 * ```
 */
export function fromFlaskSecurity(settings: FlaskSecuritySettings): FlaskTranslation {
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) {
    throw new ConfigurationError("settings", "an object of settings by name is expected");
  }
  const read = settingReader(settings);
  const unsupported = new Set<string>();
  const refuse = (name: string): undefined => {
    unsupported.add(name);
    return undefined;
  };
  const sections: readonly ((draft: Draft) => TranslatedOptions)[] = [
    keysAndTimes,
    answers,
    credentials,
    passwordOptions,
    csrfOptions,
    deliveryOptions,
  ];
  const draft: Draft = { settings, read, refuse };
  const options: TranslatedOptions = Object.assign({}, ...sections.map((section) => section(draft)));
  const features = featuresOf(draft);
  Object.assign(options, placesOf(draft, endpointNames(features, read)));
  const messages = translateMessages(settings, refuse);
  for (const [name, value] of Object.entries(settings)) {
    if (!translatedSettings.has(name) && !name.startsWith(messagePrefix) && !asksForNothing(name, value, features))
      unsupported.add(name);
  }
  return {
    options: messages === undefined ? options : { ...options, messages },
    features,
    unsupported: [...unsupported].sort(),
  };
}

/** What a section of the translation works on. */
export interface Draft {
  readonly settings: RawSettings;
  readonly read: SettingReader;
  /** Notes that the setting's value cannot be carried over. */
  readonly refuse: (name: string) => undefined;
}

/** The settings that the functions below look at. */
export const translatedSettings: ReadonlySet<string> = new Set([
  ...["SECRET_KEY", "SECRET_KEY_FALLBACKS", "REMEMBER_COOKIE_DURATION", "REGISTERABLE", "RETURN_GENERIC_RESPONSES"],
  ...["USERNAME_ENABLE", "USER_IDENTITY_ATTRIBUTES", "URL_PREFIX", "POST_LOGIN_VIEW", "POST_LOGOUT_VIEW"],
  ...["POST_REGISTER_VIEW", "UNAUTHORIZED_VIEW", "API_ENABLED_METHODS", "DEFAULT_HTTP_AUTH_REALM", "TOKEN_MAX_AGE"],
  ...["TOKEN_AUTHENTICATION_HEADER", "TOKEN_AUTHENTICATION_KEY", "FRESHNESS", "FRESHNESS_GRACE_PERIOD"],
  ...["PASSWORD_COMPLEXITY_CHECKER", "ZXCVBN_MINIMUM_SCORE", "PASSWORD_CHECK_BREACHED", "PASSWORD_BREACHED_COUNT"],
  ...[
    "PASSWORD_LENGTH_MIN",
    "PASSWORD_CONFIRM_REQUIRED",
    "PASSWORD_SALT",
    "PASSWORD_SINGLE_HASH",
    "PASSWORD_HASH",
    "CSRF_PROTECT_MECHANISMS",
  ],
  ...["CSRF_IGNORE_UNAUTH_ENDPOINTS", "CSRF_COOKIE_NAME", "CSRF_HEADER", "TRACKABLE"],
  ...accountSettings,
  ...["REFRESH_TOKEN", "REFRESH_TOKEN_MAX_AGE", "REFRESH_TOKEN_MAX_IDLE"],
  ...["EMAIL_SENDER", "EMAIL_HTML", "EMAIL_PLAINTEXT", "PHONE_REGION_DEFAULT", "SMS_SERVICE", "SMS_SERVICE_CONFIG"],
]);

/** Settings that any value is fine for, because what they decide is decided here in another, safer way. */
export const settledSettings: ReadonlySet<string> = new Set([
  // Every legacy hash is verified, every new one is argon2id.
  ...["PASSWORD_SCHEMES", "DEPRECATED_PASSWORD_SCHEMES", "HASHING_SCHEMES", "DEPRECATED_HASHING_SCHEMES"],
  // Each purpose has its own key, derived from the secret keys.
  ...["CHANGE_EMAIL_SALT", "CHANGE_SALT", "CONFIRM_SALT", "LOGIN_SALT", "REMEMBER_SALT", "RESET_SALT"],
  ...["REFRESH_TOKEN_SALT", "TWO_FACTOR_SETUP_SALT", "TWO_FACTOR_VALIDITY_SALT", "US_SETUP_SALT", "WAN_SALT"],
  // Cookies have names of our own; what is over is removed each hour.
  ...["REFRESH_TOKEN_COOKIE_NAME", "REFRESH_TOKEN_CLEANUP_EXPIRED", "REFRESH_TOKEN_CLEANUP_REVOKED"],
  // Signing out always needs the CSRF token.
  "LOGOUT_CSRF",
  // Names inside of Flask and of its ORM.
  ...["BLUEPRINT_NAME", "CLI_ROLES_NAME", "CLI_USERS_NAME", "JOIN_USER_ROLES"],
]);

function asksForNothing(name: string, value: unknown, features: readonly Feature[]): boolean {
  if (value === undefined || settledSettings.has(name)) return true;
  if (!Object.hasOwn(settingDefaults, name)) return false;
  if (value === false && name === "SEND_REGISTER_EMAIL") return mailsNoRegistration(features);
  // Addresses are checked for their form only.
  if (name === "EMAIL_VALIDATOR_ARGS" && isDeepStrictEqual(value, { check_deliverability: false })) return true;
  return (
    isDeepStrictEqual(value, settingDefaults[name]) || isDeepStrictEqual(plainSeconds(value), settingDefaults[name])
  );
}

/** There is no welcome: a registration mails what confirms its address, and what its owner should know of it. */
function mailsNoRegistration(features: readonly Feature[]): boolean {
  const has = new Set(features.map(({ name }) => name));
  return !has.has("registration") || !(has.has("confirmation") || has.has("recovery"));
}

function plainSeconds(value: unknown): unknown {
  const keys = typeof value === "object" && value !== null ? Object.keys(value).join() : "";
  return keys === "seconds" ? (value as { seconds: unknown }).seconds : value;
}

function featuresOf({ settings, read, refuse }: Draft): readonly Feature[] {
  const features: Feature[] = [passwords()];
  // There, whoever registers is signed in; that tells who has an account, so it goes along with saying so.
  if (read.boolean("REGISTERABLE") === true) {
    features.push(registration({ signIn: read.boolean("RETURN_GENERIC_RESPONSES") === false }));
  }
  features.push(...accountFeatures({ settings, read, refuse }));
  if (read.boolean("REFRESH_TOKEN") === true) features.push(refreshOf({ settings, read, refuse }));
  if (read.boolean("TRACKABLE") === true) features.push(tracking());
  return features;
}

/** The names of the endpoints of these features that have a path of their own in the settings. */
function endpointNames(features: readonly Feature[], read: SettingReader): ReadonlySet<string> {
  const of: Readonly<Record<string, readonly string[]>> = {
    passwords: ["login", "logout", "verify"],
    registration: ["register"],
    confirmation: ["send_confirmation", "confirm_email"],
    recovery: ["forgot_password", "reset_password"],
    changePassword: ["change_password"],
    changeEmail: ["change_email", "change_email_confirm"],
    usernames: [
      ...(read.boolean("CHANGE_USERNAME") === true ? ["change_username"] : []),
      ...(read.boolean("USERNAME_RECOVERY") === true ? ["recover_username"] : []),
    ],
  };
  return new Set(features.flatMap(({ name }) => of[name] ?? []));
}

function refreshOf({ settings, read, refuse }: Draft): Feature {
  const time = (name: string): Duration | undefined => {
    const value = read.seconds(name);
    if (value === undefined) return settings[name] === null ? refuse(name) : undefined;
    return value > 0 ? seconds(value) : refuse(name);
  };
  const idle = time("REFRESH_TOKEN_MAX_IDLE");
  const absolute = time("REFRESH_TOKEN_MAX_AGE");
  return refresh({
    // There too: no name for the cookie, no cookie.
    carrier: settings.REFRESH_TOKEN_COOKIE_NAME === null ? "body" : "cookie",
    ...(idle === undefined ? {} : { idle }),
    ...(absolute === undefined ? {} : { absolute }),
  });
}

const seconds = (value: number): Duration => `${value}s`;

function keysAndTimes({ settings, read, refuse }: Draft): TranslatedOptions {
  const key = read.text("SECRET_KEY");
  const older = read.texts("SECRET_KEY_FALLBACKS");
  if (key === undefined && older !== undefined) {
    throw new ConfigurationError("SECRET_KEY_FALLBACKS", "needs SECRET_KEY beside it");
  }
  /** Zero and less mean something of their own there ("never", "no check"), which there is no word for here. */
  const positive = (name: string): Duration | undefined => {
    const value = read.seconds(name);
    if (value === undefined) return settings[name] === null ? refuse(name) : undefined;
    return value > 0 ? seconds(value) : refuse(name);
  };
  const remember = positive("REMEMBER_COOKIE_DURATION");
  const within = positive("FRESHNESS");
  const graceSeconds = read.seconds("FRESHNESS_GRACE_PERIOD");
  let grace: Duration | undefined;
  if (graceSeconds !== undefined) grace = graceSeconds < 0 ? refuse("FRESHNESS_GRACE_PERIOD") : seconds(graceSeconds);
  const life = positive("TOKEN_MAX_AGE");
  const header = read.text("TOKEN_AUTHENTICATION_HEADER");
  const allowInQuery = read.text("TOKEN_AUTHENTICATION_KEY");
  return {
    ...(key === undefined ? {} : { secretKeys: [key, ...(older ?? [])] }),
    ...section("sessions", { remember }),
    ...section("freshness", { within, grace }),
    ...section("tokens", { life, header, allowInQuery }),
  };
}

/** An option's object with those of its members that are there; nothing when none is. */
function section(name: string, members: Readonly<Record<string, unknown>>): TranslatedOptions {
  const given = Object.entries(members).filter(([, value]) => value !== undefined);
  return given.length === 0 ? {} : { [name]: Object.fromEntries(given) };
}

function answers(draft: Draft): TranslatedOptions {
  const { read, refuse } = draft;
  const path = (name: string): string | undefined => {
    const value = read.text(name);
    return value === undefined || /^\/(?![/\\])/.test(value) ? value : refuse(name);
  };
  const afterSignIn = path("POST_LOGIN_VIEW");
  const generic = read.boolean("RETURN_GENERIC_RESPONSES");
  const prefix = path("URL_PREFIX");
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...section("destinations", {
      afterSignIn,
      afterSignOut: path("POST_LOGOUT_VIEW"),
      afterRegister: path("POST_REGISTER_VIEW") ?? afterSignIn,
      unauthorized: path("UNAUTHORIZED_VIEW"),
      ...accountDestinations(draft, path),
    }),
    ...(generic === undefined ? {} : { revealAccounts: !generic }),
    ...(generic === true ? { revealAccountState: false } : {}),
  };
}

type SchemeName = "session" | "token" | "basic";

/** The schemes that a setting lists; undefined, and refused, when it lists another. */
function schemes({ read, refuse }: Draft, name: string): readonly SchemeName[] | undefined {
  const list = read.texts(name);
  if (list === undefined) return undefined;
  const known = list.filter((word): word is SchemeName => word === "session" || word === "token" || word === "basic");
  return known.length === list.length ? known : refuse(name);
}

function credentials(draft: Draft): TranslatedOptions {
  const authn = schemes(draft, "API_ENABLED_METHODS");
  const realm = draft.read.text("DEFAULT_HTTP_AUTH_REALM");
  const identities = identityOptions(draft);
  return {
    ...(authn === undefined ? {} : { authn }),
    ...(realm === undefined ? {} : { realm }),
    ...(identities === undefined ? {} : { identities }),
  };
}

function identityOptions({ settings, read, refuse }: Draft): readonly IdentityOption[] | undefined {
  const given = settings.USER_IDENTITY_ATTRIBUTES;
  const username = read.boolean("USERNAME_ENABLE") === true;
  if (given === undefined || given === null) return username ? ["email", "username"] : undefined;
  if (!Array.isArray(given) || given.length === 0) {
    throw new ConfigurationError("USER_IDENTITY_ATTRIBUTES", "a list of attributes is expected");
  }
  const names = given.map((item: unknown) =>
    typeof item === "object" && item !== null && Object.keys(item).length === 1 ? Object.keys(item)[0] : item,
  );
  const known = names.filter((name): name is IdentityOption => name === "email" || name === "username");
  if (known.length !== names.length) return refuse("USER_IDENTITY_ATTRIBUTES");
  // There too the switch adds the attribute to the list.
  return username && !known.includes("username") ? [...known, "username"] : known;
}

const verifiedSchemes = /^(?:argon2|bcrypt|pbkdf2_sha256|pbkdf2_sha512|scrypt|sha256_crypt|sha512_crypt)$/;

function passwordOptions({ settings, read, refuse }: Draft): TranslatedOptions {
  const minLength = read.count("PASSWORD_LENGTH_MIN");
  const scheme = read.text("PASSWORD_HASH");
  if (scheme !== undefined && !verifiedSchemes.test(scheme)) refuse("PASSWORD_HASH");
  const passwordSalt = read.text("PASSWORD_SALT");
  const single = settings.PASSWORD_SINGLE_HASH;
  let singleHash: boolean | readonly string[] | undefined;
  if (typeof single === "boolean") singleHash = single;
  // The default list names schemes that no pre-hash was ever applied to.
  else if (!isDeepStrictEqual(single, settingDefaults.PASSWORD_SINGLE_HASH))
    singleHash = read.texts("PASSWORD_SINGLE_HASH");
  if (passwordSalt === undefined && Array.isArray(singleHash)) {
    throw new ConfigurationError("PASSWORD_SALT", "is needed where PASSWORD_SINGLE_HASH lists only some schemes");
  }
  const hashing =
    passwordSalt === undefined
      ? undefined
      : {
          flaskSecurity: { passwordSalt, ...(singleHash === undefined || singleHash === false ? {} : { singleHash }) },
        };
  const given = Object.entries({
    minLength,
    allowShortPasswords: minLength !== undefined && minLength < 8 ? true : undefined,
    strength: strengthOptions({ settings, read, refuse }),
    breached: breachedOptions({ settings, read, refuse }),
  }).filter(([, value]) => value !== undefined);
  const policy = given.length === 0 ? undefined : Object.fromEntries(given);
  // Their forms go without the second field too; ours ask for it, since nobody sees what they type.
  const retypeInJson = read.boolean("PASSWORD_CONFIRM_REQUIRED");
  return section("passwords", { hashing, policy, retypeInJson });
}

function strengthOptions({ settings, read, refuse }: Draft): object | undefined {
  const score = read.count("ZXCVBN_MINIMUM_SCORE") ?? 3;
  const checker = settings["PASSWORD_COMPLEXITY_CHECKER"];
  if (checker === undefined || checker === null) return undefined;
  if (checker !== "zxcvbn") return refuse("PASSWORD_COMPLEXITY_CHECKER");
  if (score === 0) return undefined;
  return score >= 1 && score <= 4 ? { minimumScore: score } : refuse("ZXCVBN_MINIMUM_SCORE");
}

function breachedOptions({ settings, read, refuse }: Draft): object | undefined {
  const count = read.count("PASSWORD_BREACHED_COUNT") ?? 1;
  const check = settings["PASSWORD_CHECK_BREACHED"];
  if (check === undefined || check === null || check === false) return undefined;
  if (check !== "strict" && check !== "best-effort") return refuse("PASSWORD_CHECK_BREACHED");
  if (count < 1) return refuse("PASSWORD_BREACHED_COUNT");
  return { minimumCount: count, whenUnreachable: check === "strict" ? "refuse" : "offline" };
}

function csrfOptions(draft: Draft): TranslatedOptions {
  const { read } = draft;
  const ignored = read.boolean("CSRF_IGNORE_UNAUTH_ENDPOINTS");
  return section("csrf", {
    schemes: schemes(draft, "CSRF_PROTECT_MECHANISMS"),
    unauthenticated: ignored === undefined ? undefined : ignored ? "never" : "always",
    cookie: read.text("CSRF_COOKIE_NAME"),
    header: read.text("CSRF_HEADER"),
  });
}
