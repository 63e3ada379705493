/**
 * Flask-Security's settings without the prefix `SECURITY_` (5.9), in JSON: durations are seconds. The listed ones are
 * translated; all its other names may stand there too and are checked against what a deployment needs.
 */
export interface FlaskSecuritySettings {
  /** Flask's own: at least 32 characters. */
  readonly SECRET_KEY?: string;
  readonly SECRET_KEY_FALLBACKS?: readonly string[];
  /** Flask-Login's, in seconds. */
  readonly REMEMBER_COOKIE_DURATION?: number;

  readonly REGISTERABLE?: boolean;
  /** False: answers may tell whether an account exists, and whoever registers is signed in at once, as there. */
  readonly RETURN_GENERIC_RESPONSES?: boolean;
  /** Sign-in by username beside the e-mail address. */
  readonly USERNAME_ENABLE?: boolean;
  /** "email", "username", or objects with one of them as the only key. */
  readonly USER_IDENTITY_ATTRIBUTES?: readonly (string | Readonly<Record<string, unknown>>)[];

  readonly URL_PREFIX?: string | null;
  /** Paths; names of Flask endpoints and URLs are not supported. */
  readonly POST_LOGIN_VIEW?: string | null;
  readonly POST_LOGOUT_VIEW?: string | null;
  readonly POST_REGISTER_VIEW?: string | null;
  readonly UNAUTHORIZED_VIEW?: string | null;

  readonly API_ENABLED_METHODS?: readonly string[];
  readonly DEFAULT_HTTP_AUTH_REALM?: string;
  readonly TOKEN_MAX_AGE?: number;
  readonly TOKEN_AUTHENTICATION_HEADER?: string;
  /** A query parameter that may carry a token. Only where it is given: queries end up in logs. */
  readonly TOKEN_AUTHENTICATION_KEY?: string | null;
  readonly FRESHNESS?: number;
  readonly FRESHNESS_GRACE_PERIOD?: number;

  readonly REFRESH_TOKEN?: boolean;
  /** Null: the token travels in JSON bodies. Any name: in a cookie, whose name is ours. */
  readonly REFRESH_TOKEN_COOKIE_NAME?: string | null;
  readonly REFRESH_TOKEN_MAX_AGE?: number;
  readonly REFRESH_TOKEN_MAX_IDLE?: number;

  readonly PASSWORD_LENGTH_MIN?: number;
  /** False: JSON clients need not send a new password twice; our pages ask for it all the same. */
  readonly PASSWORD_CONFIRM_REQUIRED?: boolean;
  /** "zxcvbn" with the score below it; needs @zxcvbn-ts/core and @zxcvbn-ts/language-en. */
  readonly PASSWORD_COMPLEXITY_CHECKER?: string | null;
  readonly ZXCVBN_MINIMUM_SCORE?: number;
  /** "strict" refuses when the list of stolen passwords does not answer, "best-effort" looks into a list of our own. */
  readonly PASSWORD_CHECK_BREACHED?: "strict" | "best-effort" | false | null;
  readonly PASSWORD_BREACHED_COUNT?: number;
  /** With it, passwords have the HMAC pre-hash that Flask-Security applies; without it they have none. */
  readonly PASSWORD_SALT?: string | null;
  readonly PASSWORD_SINGLE_HASH?: boolean | readonly string[];
  /** Hashes of this scheme are verified; new ones are argon2id whatever it says. */
  readonly PASSWORD_HASH?: string;

  readonly CSRF_PROTECT_MECHANISMS?: readonly string[];
  readonly CSRF_IGNORE_UNAUTH_ENDPOINTS?: boolean;
  readonly CSRF_COOKIE_NAME?: string | null;
  readonly CSRF_HEADER?: string;

  /** `"no-reply@acme.example"`, also with a name: `"Acme <no-reply@acme.example>"` or `["Acme", "no-reply@acme.example"]`. */
  readonly EMAIL_SENDER?: string | readonly [name: string, address: string] | null;
  readonly EMAIL_HTML?: boolean;
  readonly EMAIL_PLAINTEXT?: boolean;
  readonly PHONE_REGION_DEFAULT?: string;
  /** "Twilio" with its configuration; "Dummy" sends nothing. */
  readonly SMS_SERVICE?: string;
  readonly SMS_SERVICE_CONFIG?: Readonly<Record<string, unknown>>;

  /** `MSG_INVALID_PASSWORD: ["text", "error"]`, and every other setting. */
  readonly [name: string]: unknown;
}
