import { readFileSync } from "node:fs";
import { ConfigurationError, type IssuerOption, type SecurityOptions, type TokenOptions } from "portcullis";
import { accountDeletion, administration, apiKeys, notices, sessions, userManagement } from "portcullis/features";
import { type FlaskSecuritySettings, type FlaskTranslation, fromFlaskSecurity } from "portcullis/flask";
import { type LabArguments, type ProfileName, UsageError } from "./arguments.ts";

/** What every account's life has. */
const everything: FlaskSecuritySettings = {
  REGISTERABLE: true,
  CONFIRMABLE: true,
  RECOVERABLE: true,
  CHANGEABLE: true,
  CHANGE_EMAIL: true,
  PASSWORDLESS: true,
  REFRESH_TOKEN: true,
};

/** The profiles in the same words as a settings file. */
const profiles: Readonly<Record<ProfileName, FlaskSecuritySettings>> = {
  default: {},
  full: { ...everything, USERNAME_ENABLE: true, CHANGE_USERNAME: true, USERNAME_RECOVERY: true, TRACKABLE: true },
  spa: {
    ...everything,
    CSRF_COOKIE_NAME: "XSRF-TOKEN",
    CSRF_PROTECT_MECHANISMS: ["session", "basic"],
    POST_CONFIRM_VIEW: "/post_confirm",
    POST_RESET_VIEW: "/post_reset",
  },
  token: { REGISTERABLE: true, API_ENABLED_METHODS: ["token"], REFRESH_TOKEN: true, REFRESH_TOKEN_COOKIE_NAME: null },
};

/** The option `tokens` as a file can hold it: an issuer's user is whoever has the e-mail address of its claim `email`. */
export type LabTokens = Omit<TokenOptions, "issuers"> & { readonly issuers?: readonly Omit<IssuerOption, "user">[] };

/** What the lab is told: Flask-Security's settings, and some of its own. */
export interface LabSettings {
  readonly translation: FlaskTranslation;
  /** "product": limits by address as they come. "wide": all tests come from one address, so these are a hundred times as wide. */
  readonly limits: "product" | "wide";
  /** TOKENS: the product's option `tokens`, for what there is no setting for: their type, keys, carriers, issuers. */
  readonly tokens: LabTokens;
  /** DIGEST: the scheme "digest" and the route `/digest`. */
  readonly digest: boolean;
  /** TRUSTED_PROXIES: the product's option `trustedProxies`, which says what is wrong with it. */
  readonly trustedProxies: SecurityOptions["trustedProxies"];
  /** ORIGINS, or `--origin`; undefined: the lab's address. */
  readonly origins: readonly string[] | undefined;
}

/** Features that no setting of Flask-Security's turns on, by the lab's setting for each. */
const ownFeatures = { SESSIONS_PAGE: sessions, ACCOUNT_DELETION: accountDeletion, NOTICES: notices } as const;
const featureNames = Object.keys(ownFeatures) as (keyof typeof ownFeatures)[];
/** Settings of the lab's for which there is no feature. */
const missing = ["PROVIDERS", "REQUIRED_FACTORS"] as const;

/** The profile with the settings file over it, translated. Throws UsageError with the names that cannot be. */
export function readSettings({ settings, profile, production, origin }: LabArguments): LabSettings {
  const file = settings === undefined ? {} : readFile(settings);
  for (const name of missing) {
    if (name in file) throw new UsageError(`settings: ${name}: there is no feature for it`);
  }
  const {
    LIMITS: limits = production ? "product" : "wide",
    TOKENS: tokens = {},
    DIGEST: digest = false,
    TRUSTED_PROXIES: trustedProxies,
    ORIGINS: origins,
    ...others
  } = file;
  const given = Object.fromEntries(Object.entries(others).filter(([name]) => !featureNames.includes(name as never)));
  if (limits !== "product" && limits !== "wide")
    throw new UsageError('settings: LIMITS: "product" or "wide" is expected');
  if (typeof tokens !== "object" || tokens === null) throw new UsageError("settings: TOKENS: an object is expected");
  if (typeof digest !== "boolean") throw new UsageError("settings: DIGEST: true or false is expected");
  const known = Array.isArray(origins) && origins.length > 0 && origins.every((one) => typeof one === "string");
  if (origins !== undefined && !known) throw new UsageError("settings: ORIGINS: a list of origins is expected");
  if (origins !== undefined && origin !== undefined) {
    throw new UsageError("settings: ORIGINS: either these or --origin");
  }
  const chosen = featureNames.filter((name) => {
    const wanted = file[name] ?? profile === "full";
    if (typeof wanted !== "boolean") throw new UsageError(`settings: ${name}: true or false is expected`);
    return wanted;
  });
  const own = {
    origins: origin === undefined ? (origins as readonly string[] | undefined) : [origin],
    limits,
    tokens: tokens as LabTokens,
    digest,
    trustedProxies: trustedProxies as SecurityOptions["trustedProxies"],
  } as const;
  let translation: FlaskTranslation;
  try {
    translation = fromFlaskSecurity({ ...profiles[profile], ...given });
  } catch (error) {
    if (error instanceof ConfigurationError) throw new UsageError(`settings: ${error.message}`);
    throw error;
  }
  if (translation.unsupported.length > 0) {
    throw new UsageError(`settings that are not known or not supported: ${translation.unsupported.join(", ")}`);
  }
  translation = { ...translation, features: [...translation.features, ...chosen.map((name) => ownFeatures[name]())] };
  // There are no settings for these. `/admin` is a sample route; the permission is one that the role admin has.
  const pages = administration({ path: "/administration", permission: "super" });
  if (profile === "full" || profile === "spa") {
    return { translation: { ...translation, features: [...translation.features, ...management(), pages] }, ...own };
  }
  if (profile !== "token") return { translation, ...own };
  // There is no setting for it. What says how long sessions live has no meaning then.
  const { sessions: _sessions, csrf, ...options } = translation.options;
  const withoutSession = csrf?.schemes?.filter((scheme) => scheme !== "session");
  const sessionless: FlaskTranslation = {
    ...translation,
    options: {
      ...options,
      sessions: { enabled: false },
      ...(csrf === undefined
        ? {}
        : { csrf: { ...csrf, ...(withoutSession === undefined ? {} : { schemes: withoutSession }) } }),
    },
  };
  return { translation: sessionless, ...own };
}

/** Users by JSON, and API keys. The permission of administrators is one that the fixture's role admin has. */
function management(): FlaskTranslation["features"] {
  return [userManagement({ permission: "super", managers: "manage-users" }), apiKeys()];
}

function readFile(path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UsageError(`--settings ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(`--settings ${path}: an object of settings by name is expected`);
  }
  return value as Readonly<Record<string, unknown>>;
}
