import { describe, expect, it } from "vitest";
import { ConfigurationError } from "../model/errors.ts";
import { settingDefaults } from "./defaults.ts";
import type { FlaskSecuritySettings } from "./settings.ts";
import { fromFlaskSecurity } from "./translation.ts";

const key = "k".repeat(32);
const older = "o".repeat(32);

describe("settings that are translated", () => {
  const cases: readonly (readonly [settings: FlaskSecuritySettings, options: object])[] = [
    [{}, {}],
    [{ SECRET_KEY: key }, { secretKeys: [key] }],
    [{ SECRET_KEY: key, SECRET_KEY_FALLBACKS: [older] }, { secretKeys: [key, older] }],
    [{ REMEMBER_COOKIE_DURATION: 86_400 }, { sessions: { remember: "86400s" } }],
    [{ RETURN_GENERIC_RESPONSES: false }, { revealAccounts: true }],
    [{ RETURN_GENERIC_RESPONSES: true }, { revealAccounts: false, revealAccountState: false }],
    [{ USERNAME_ENABLE: true }, { identities: ["email", "username"] }],
    [{ USERNAME_ENABLE: false }, {}],
    [{ USER_IDENTITY_ATTRIBUTES: ["username"] }, { identities: ["username"] }],
    [{ USER_IDENTITY_ATTRIBUTES: [{ email: { case_insensitive: true } }] }, { identities: ["email"] }],
    [{ USER_IDENTITY_ATTRIBUTES: ["email"], USERNAME_ENABLE: true }, { identities: ["email", "username"] }],
    [{ USER_IDENTITY_ATTRIBUTES: ["username", "email"], USERNAME_ENABLE: true }, { identities: ["username", "email"] }],
    [{ URL_PREFIX: "/auth" }, { prefix: "/auth" }],
    [{ URL_PREFIX: null }, {}],
    [{ POST_LOGIN_VIEW: "/in" }, { destinations: { afterSignIn: "/in", afterRegister: "/in" } }],
    [
      { POST_LOGIN_VIEW: "/in", POST_REGISTER_VIEW: "/new" },
      { destinations: { afterSignIn: "/in", afterRegister: "/new" } },
    ],
    [{ POST_LOGOUT_VIEW: "/out" }, { destinations: { afterSignOut: "/out" } }],
    [{ UNAUTHORIZED_VIEW: "/no" }, { destinations: { unauthorized: "/no" } }],
    [{ API_ENABLED_METHODS: ["token", "basic"] }, { authn: ["token", "basic"] }],
    [{ DEFAULT_HTTP_AUTH_REALM: "Acme" }, { realm: "Acme" }],
    [{ TOKEN_MAX_AGE: 60 }, { tokens: { life: "60s" } }],
    [{ TOKEN_AUTHENTICATION_HEADER: "X-Token" }, { tokens: { header: "X-Token" } }],
    [{ TOKEN_AUTHENTICATION_KEY: "t" }, { tokens: { allowInQuery: "t" } }],
    [{ TOKEN_AUTHENTICATION_KEY: null }, {}],
    [{ FRESHNESS: 60, FRESHNESS_GRACE_PERIOD: 0 }, { freshness: { within: "60s", grace: "0s" } }],
    [{ FRESHNESS: { seconds: 60 } as never }, { freshness: { within: "60s" } }],
    [{ PASSWORD_CONFIRM_REQUIRED: false }, { passwords: { retypeInJson: false } }],
    [{ PASSWORD_LENGTH_MIN: 12 }, { passwords: { policy: { minLength: 12 } } }],
    [{ PASSWORD_LENGTH_MIN: 6 }, { passwords: { policy: { minLength: 6, allowShortPasswords: true } } }],
    [
      { PASSWORD_COMPLEXITY_CHECKER: "zxcvbn", ZXCVBN_MINIMUM_SCORE: 4 },
      { passwords: { policy: { strength: { minimumScore: 4 } } } },
    ],
    [{ PASSWORD_COMPLEXITY_CHECKER: "zxcvbn" }, { passwords: { policy: { strength: { minimumScore: 3 } } } }],
    [{ ZXCVBN_MINIMUM_SCORE: 4, PASSWORD_BREACHED_COUNT: 5 }, {}],
    [
      { PASSWORD_CHECK_BREACHED: "strict", PASSWORD_BREACHED_COUNT: 5 },
      { passwords: { policy: { breached: { minimumCount: 5, whenUnreachable: "refuse" } } } },
    ],
    [
      { PASSWORD_CHECK_BREACHED: "best-effort" },
      { passwords: { policy: { breached: { minimumCount: 1, whenUnreachable: "offline" } } } },
    ],
    [{ PASSWORD_SALT: "salt" }, { passwords: { hashing: { flaskSecurity: { passwordSalt: "salt" } } } }],
    [
      { PASSWORD_SALT: "salt", PASSWORD_SINGLE_HASH: ["django_argon2", "bcrypt"] },
      { passwords: { hashing: { flaskSecurity: { passwordSalt: "salt", singleHash: ["django_argon2", "bcrypt"] } } } },
    ],
    [
      { PASSWORD_SALT: "salt", PASSWORD_SINGLE_HASH: true },
      { passwords: { hashing: { flaskSecurity: { passwordSalt: "salt", singleHash: true } } } },
    ],
    [
      { PASSWORD_SALT: "salt", PASSWORD_SINGLE_HASH: false },
      { passwords: { hashing: { flaskSecurity: { passwordSalt: "salt" } } } },
    ],
    [{ PASSWORD_SINGLE_HASH: true }, {}],
    [{ PASSWORD_HASH: "bcrypt" }, {}],
    [{ CSRF_PROTECT_MECHANISMS: ["session", "basic"] }, { csrf: { schemes: ["session", "basic"] } }],
    [{ CSRF_PROTECT_MECHANISMS: [] }, { csrf: { schemes: [] } }],
    [{ CSRF_IGNORE_UNAUTH_ENDPOINTS: true }, { csrf: { unauthenticated: "never" } }],
    [{ CSRF_IGNORE_UNAUTH_ENDPOINTS: false }, { csrf: { unauthenticated: "always" } }],
    [{ CSRF_COOKIE_NAME: "XSRF-TOKEN" }, { csrf: { cookie: "XSRF-TOKEN" } }],
    [{ CSRF_HEADER: "X-Mine" }, { csrf: { header: "X-Mine" } }],
    [{ EMAIL_SENDER: "a@acme.example" }, { mail: { from: { address: "a@acme.example" } } }],
    [{ EMAIL_SENDER: "Acme <a@acme.example>" }, { mail: { from: { name: "Acme", address: "a@acme.example" } } }],
    [{ EMAIL_SENDER: ["Acme", "a@acme.example"] }, { mail: { from: { name: "Acme", address: "a@acme.example" } } }],
    [
      { EMAIL_SENDER: "<a@acme.example>", EMAIL_HTML: false },
      { mail: { from: { address: "a@acme.example" }, format: "text" } },
    ],
    [{ EMAIL_PLAINTEXT: false }, { mail: { format: "html" } }],
    [{ EMAIL_PLAINTEXT: true, EMAIL_SENDER: null }, {}],
    [{ PHONE_REGION_DEFAULT: "DE" }, { phone: { region: "DE" } }],
    [{ SMS_SERVICE: "Dummy" }, {}],
    [
      {
        SMS_SERVICE: "Twilio",
        SMS_SERVICE_CONFIG: { ACCOUNT_SID: "AC0", AUTH_TOKEN: "t", PHONE_NUMBER: "+15005550006" },
      },
      { sms: { sender: { send: expect.any(Function) } } },
    ],
    [
      { MSG_PASSWORD_INVALID_LENGTH: ["At least %(length)s, 100%%", "error"] },
      { messages: { PASSWORD_INVALID_LENGTH: "At least {length}, 100%" } },
    ],
  ];
  it.each(cases)("%j → %j", (settings, options) => {
    const translation = fromFlaskSecurity(settings);
    expect(translation.options).toEqual(options);
    expect(translation.unsupported).toEqual([]);
  });

  it("turns features on", () => {
    const names = (settings: FlaskSecuritySettings): readonly string[] =>
      fromFlaskSecurity(settings).features.map(({ name }) => name);
    expect(names({})).toEqual(["passwords"]);
    expect(names({ REGISTERABLE: false })).toEqual(["passwords"]);
    expect(names({ REGISTERABLE: true })).toEqual(["passwords", "registration"]);
    expect(names({ REFRESH_TOKEN: true, REFRESH_TOKEN_COOKIE_NAME: null })).toEqual(["passwords", "refresh"]);
    expect(names({ REFRESH_TOKEN: false, REFRESH_TOKEN_MAX_IDLE: 60 })).toEqual(["passwords"]);
    expect(names({ REGISTERABLE: true, RETURN_GENERIC_RESPONSES: false })).toEqual(["passwords", "registration"]);
  });
});

describe("settings that ask for nothing", () => {
  it("every setting with its own default", () => {
    const defaults = Object.entries(settingDefaults).filter(([, value]) => typeof value !== "symbol");
    expect(defaults.length).toBeGreaterThan(240);
    const { unsupported } = fromFlaskSecurity(Object.fromEntries(defaults));
    expect(unsupported).toEqual([]);
  });

  it.each([
    { CONFIRMABLE: false, TWO_FACTOR: false },
    { CONFIRM_EMAIL_WITHIN: { seconds: 172_800 } },
    { CONFIRM_EMAIL_WITHIN: 172_800 },
    { SEND_REGISTER_EMAIL: false },
    { REGISTERABLE: true, SEND_REGISTER_EMAIL: false },
    { LOGIN_SALT: "mine", LOGOUT_CSRF: true, PASSWORD_SCHEMES: ["bcrypt"] },
    { EMAIL_VALIDATOR_ARGS: { check_deliverability: false } },
    { MSG_INVALID_PASSWORD: null },
  ])("%j", (settings) => {
    expect(fromFlaskSecurity(settings)).toMatchObject({ options: {}, unsupported: [] });
  });
});

describe("the life of an account", () => {
  const translate = (settings: FlaskSecuritySettings) => {
    const { features, options, unsupported } = fromFlaskSecurity(settings);
    return { names: features.map(({ name }) => name), options, unsupported };
  };

  it("switches the features on", () => {
    expect(translate({ CONFIRMABLE: true, RECOVERABLE: true, CHANGEABLE: true, CHANGE_EMAIL: true })).toMatchObject({
      names: ["passwords", "confirmation", "recovery", "changePassword", "changeEmail"],
      unsupported: [],
    });
    expect(translate({ USERNAME_ENABLE: true, CHANGE_USERNAME: true, PASSWORDLESS: true })).toMatchObject({
      names: ["passwords", "usernames", "passwordless"],
      options: { identities: ["email", "username"] },
      unsupported: [],
    });
  });

  it("carries destinations and paths over, those of features that are off not", () => {
    const { options } = translate({
      RECOVERABLE: true,
      RESET_URL: "/new-password",
      CONFIRM_URL: "/prove",
      LOGIN_URL: "/sign-in/",
      POST_RESET_VIEW: "/done",
      RESET_ERROR_VIEW: "/oops",
    });
    expect(options.paths).toEqual({
      login: "/sign-in/",
      forgot_password: "/new-password",
      reset_password: "/new-password",
    });
    expect(options.destinations).toMatchObject({ afterReset: "/done", resetError: "/oops" });
  });

  it("knows a single-page client and the sub-domains that are listed", () => {
    const { options, unsupported } = translate({
      REDIRECT_BEHAVIOR: "spa",
      REDIRECT_HOST: "app.acme.example",
      RESET_VIEW: "/reset-password",
      REDIRECT_BASE_DOMAIN: "acme.example",
      REDIRECT_ALLOWED_SUBDOMAINS: ["shop", "my.photos", "www.acme.example", "."],
    });
    expect(options.spa).toEqual({ origin: "https://app.acme.example", pages: { reset: "/reset-password" } });
    const hosts = ["shop.acme.example", "my.photos.acme.example", "www.acme.example", "acme.example"];
    expect(options.redirectOrigins).toEqual(hosts.map((host) => `https://${host}`));
    expect(unsupported).toEqual([]);
    expect(() => fromFlaskSecurity({ REDIRECT_BEHAVIOR: "spa" })).toThrow("REDIRECT_HOST: is needed");
  });
});

describe("settings that cannot be carried over are listed", () => {
  it.each([
    [{ FOO: 1, BAR: null }, ["BAR", "FOO"]],
    [{ SECURITY_REGISTERABLE: true }, ["SECURITY_REGISTERABLE"]],
    [{ constructor: 1 }, ["constructor"]],
    [{ TWO_FACTOR: true, CONFIRMABLE: true, TRACKABLE: true, RECOVERABLE: true, REGISTERABLE: true }, ["TWO_FACTOR"]],
    [{ LOGIN_URL: "signin/" }, ["LOGIN_URL"]],
    [{ CHANGE_USERNAME: true }, ["CHANGE_USERNAME"]],
    [{ USERNAME_RECOVERY: true }, ["USERNAME_RECOVERY"]],
    [{ REDIRECT_ALLOWED_SUBDOMAINS: ["shop"] }, ["REDIRECT_ALLOWED_SUBDOMAINS"]],
    [{ REDIRECT_BASE_DOMAIN: "acme.example/x", REDIRECT_ALLOWED_SUBDOMAINS: ["."] }, ["REDIRECT_ALLOWED_SUBDOMAINS"]],
    [
      { REDIRECT_ALLOW_SUBDOMAINS: true, REDIRECT_BASE_DOMAIN: "acme.example", REDIRECT_ALLOWED_SUBDOMAINS: ["a"] },
      ["REDIRECT_ALLOW_SUBDOMAINS"],
    ],
    [{ SEND_PASSWORD_CHANGE_EMAIL: false }, ["SEND_PASSWORD_CHANGE_EMAIL"]],
    [{ SEND_PASSWORD_RESET_EMAIL: false }, ["SEND_PASSWORD_RESET_EMAIL"]],
    [{ SEND_PASSWORD_RESET_NOTICE_EMAIL: false }, ["SEND_PASSWORD_RESET_NOTICE_EMAIL"]],
    [{ SEND_USERNAME_CHANGE_EMAIL: false }, ["SEND_USERNAME_CHANGE_EMAIL"]],
    [{ REGISTERABLE: true, CONFIRMABLE: true, SEND_REGISTER_EMAIL: false }, ["SEND_REGISTER_EMAIL"]],
    [{ MSG_SERVER_ERROR: ["x", "error"] }, ["MSG_SERVER_ERROR"]],
    [{ RECOVERABLE: true, RESET_PASSWORD_WITHIN: 0 }, ["RESET_PASSWORD_WITHIN"]],
    [{ POST_RESET_VIEW: "reset_done" }, ["POST_RESET_VIEW"]],
    [{ LOGIN_URL: "/login", LOGOUT_METHODS: ["GET", "POST"] }, ["LOGOUT_METHODS"]],
    [{ DATETIME_FACTORY: "x" }, ["DATETIME_FACTORY"]],
    [{ POST_LOGIN_VIEW: "endpoint_name" }, ["POST_LOGIN_VIEW"]],
    [{ POST_LOGOUT_VIEW: "//elsewhere.example" }, ["POST_LOGOUT_VIEW"]],
    [{ FRESHNESS: -1 }, ["FRESHNESS"]],
    [{ FRESHNESS: 0, FRESHNESS_GRACE_PERIOD: -5 }, ["FRESHNESS", "FRESHNESS_GRACE_PERIOD"]],
    [{ TOKEN_MAX_AGE: null as never }, ["TOKEN_MAX_AGE"]],
    [{ REFRESH_TOKEN: true, REFRESH_TOKEN_MAX_AGE: 0 }, ["REFRESH_TOKEN_MAX_AGE"]],
    [{ REFRESH_TOKEN: true, REFRESH_TOKEN_MAX_IDLE: null as never }, ["REFRESH_TOKEN_MAX_IDLE"]],
    [{ REFRESH_TOKEN: true, REFRESH_TOKEN_URL: "/renew" }, ["REFRESH_TOKEN_URL"]],
    [{ REFRESH_TOKEN_COOKIE: { samesite: "Lax", httponly: true, secure: true } }, ["REFRESH_TOKEN_COOKIE"]],
    [{ PASSWORD_HASH: "plaintext" }, ["PASSWORD_HASH"]],
    [{ PASSWORD_NORMALIZE_FORM: "NFC" }, ["PASSWORD_NORMALIZE_FORM"]],
    [{ PASSWORD_COMPLEXITY_CHECKER: "own" }, ["PASSWORD_COMPLEXITY_CHECKER"]],
    [{ PASSWORD_COMPLEXITY_CHECKER: "zxcvbn", ZXCVBN_MINIMUM_SCORE: 5 }, ["ZXCVBN_MINIMUM_SCORE"]],
    [{ PASSWORD_CHECK_BREACHED: "maybe" as never }, ["PASSWORD_CHECK_BREACHED"]],
    [{ PASSWORD_CHECK_BREACHED: "strict", PASSWORD_BREACHED_COUNT: 0 }, ["PASSWORD_BREACHED_COUNT"]],
    [{ SMS_SERVICE: "Pigeon" }, ["SMS_SERVICE"]],
    [{ SMS_SERVICE_CONFIG: { ACCOUNT_SID: "AC0" } }, ["SMS_SERVICE_CONFIG"]],
    [{ REDIRECT_ALLOW_SUBDOMAINS: true, REDIRECT_BEHAVIOR: "x" }, ["REDIRECT_ALLOW_SUBDOMAINS", "REDIRECT_BEHAVIOR"]],
    [{ API_ENABLED_METHODS: ["session", "oauth"] }, ["API_ENABLED_METHODS"]],
    [{ USER_IDENTITY_ATTRIBUTES: ["email", { us_phone_number: {} }] }, ["USER_IDENTITY_ATTRIBUTES"]],
    [{ MSG_NO_SUCH: ["x", "error"] }, ["MSG_NO_SUCH"]],
    [{ MSG_LOGIN: ["x", "error"] }, ["MSG_LOGIN"]],
    [{ MSG_INVALID_PASSWORD: ["%(nope)s", "error"] }, ["MSG_INVALID_PASSWORD"]],
  ] as readonly (readonly [FlaskSecuritySettings, readonly string[]])[])("%j → %j", (settings, names) => {
    expect(fromFlaskSecurity(settings).unsupported).toEqual(names);
  });
});

describe("wrong values", () => {
  it.each([
    [{ REGISTERABLE: "yes" }, "REGISTERABLE"],
    [{ FRESHNESS: "60" }, "FRESHNESS"],
    [{ SECRET_KEY: 5 }, "SECRET_KEY"],
    [{ SECRET_KEY_FALLBACKS: ["x"] }, "SECRET_KEY_FALLBACKS"],
    [{ PASSWORD_LENGTH_MIN: 1.5 }, "PASSWORD_LENGTH_MIN"],
    [{ PASSWORD_SINGLE_HASH: ["bcrypt"] }, "PASSWORD_SALT"],
    [{ PASSWORD_SALT: "s", PASSWORD_SINGLE_HASH: 1 }, "PASSWORD_SINGLE_HASH"],
    [{ USER_IDENTITY_ATTRIBUTES: [] }, "USER_IDENTITY_ATTRIBUTES"],
    [{ CSRF_PROTECT_MECHANISMS: "session" }, "CSRF_PROTECT_MECHANISMS"],
    [{ EMAIL_SENDER: "a@acme.example, b@acme.example" }, "EMAIL_SENDER"],
    [{ EMAIL_SENDER: ["Acme\n", 5] }, "EMAIL_SENDER"],
    [{ EMAIL_HTML: false, EMAIL_PLAINTEXT: false }, "EMAIL_PLAINTEXT"],
    [{ SMS_SERVICE: "Twilio" }, "SMS_SERVICE_CONFIG"],
    [{ SMS_SERVICE: "Twilio", SMS_SERVICE_CONFIG: { ACCOUNT_SID: "AC0" } }, "SMS_SERVICE_CONFIG"],
    [{ MSG_LOGIN: "x" }, "MSG_LOGIN"],
    [{ REFRESH_TOKEN: 1 }, "REFRESH_TOKEN"],
    [{ REFRESH_TOKEN: true, REFRESH_TOKEN_MAX_AGE: "x" }, "REFRESH_TOKEN_MAX_AGE"],
  ])("%j names %s", (settings, name) => {
    const translate = (): unknown => fromFlaskSecurity(settings as unknown as FlaskSecuritySettings);
    expect(translate).toThrow(ConfigurationError);
    expect(translate).toThrow(new RegExp(`^${name}: `));
  });

  it.each([null, [], "x"])("%j is no set of settings", (settings) => {
    expect(() => fromFlaskSecurity(settings as never)).toThrow("settings: an object");
  });
});
