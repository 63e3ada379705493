/** No setting is accepted and then does nothing: another value makes a difference to what is translated, or it is listed. */
import { describe, expect, it, vi } from "vitest";
import { settingDefaults } from "./defaults.ts";
import { fromFlaskSecurity, settledSettings, translatedSettings } from "./translation.ts";

/** What each feature was made with: the features themselves keep it to themselves. */
const made = vi.hoisted(() => new Map<string, unknown>());

/** The module, with each feature it makes noted. */
async function noted(original: () => Promise<Record<string, unknown>>, name: string): Promise<Record<string, unknown>> {
  const module = await original();
  const make = module[name] as (options?: unknown) => unknown;
  return {
    ...module,
    [name]: (options?: unknown) => {
      made.set(name, options ?? {});
      return make(options);
    },
  };
}

vi.mock("../features/registration/index.ts", (original) => noted(original, "registration"));
vi.mock("../features/confirmation/index.ts", (original) => noted(original, "confirmation"));
vi.mock("../features/recovery/index.ts", (original) => noted(original, "recovery"));
vi.mock("../features/change-email/index.ts", (original) => noted(original, "changeEmail"));
vi.mock("../features/usernames/index.ts", (original) => noted(original, "usernames"));
vi.mock("../features/passwordless/index.ts", (original) => noted(original, "passwordless"));
vi.mock("../delivery/twilio.ts", (original) => noted(original, "twilio"));
vi.mock("../features/refresh/index.ts", (original) => noted(original, "refresh"));

type Settings = Readonly<Record<string, unknown>>;

/** What comes of settings, in a form that can be compared. */
function outcome(settings: Settings): string {
  made.clear();
  const { options, features, unsupported } = fromFlaskSecurity(settings);
  const names = features.map(({ name }) => name);
  return JSON.stringify({ options, names, made: [...made], unsupported });
}

/** A deployment that has everything on that there is. */
const everything: Settings = {
  ...Object.fromEntries(
    [
      ...["REGISTERABLE", "CONFIRMABLE", "RECOVERABLE", "CHANGEABLE", "CHANGE_EMAIL", "USERNAME_ENABLE", "TRACKABLE"],
      ...["CHANGE_USERNAME", "USERNAME_RECOVERY", "PASSWORDLESS", "REFRESH_TOKEN"],
    ].map((name) => [name, true]),
  ),
  SECRET_KEY: "k".repeat(32),
  PASSWORD_COMPLEXITY_CHECKER: "zxcvbn",
  PASSWORD_CHECK_BREACHED: "strict",
  PASSWORD_SALT: "salt",
  REDIRECT_BEHAVIOR: "spa",
  REDIRECT_HOST: "app.acme.example",
  REDIRECT_ALLOWED_SUBDOMAINS: ["shop"],
  REDIRECT_BASE_DOMAIN: "acme.example",
  SMS_SERVICE: "Twilio",
  SMS_SERVICE_CONFIG: { ACCOUNT_SID: "AC0", AUTH_TOKEN: "t", PHONE_NUMBER: "+15005550006" },
};

/** Where "another value" is none that can be made from the default. */
const others: Settings = {
  SECRET_KEY: "o".repeat(32),
  SECRET_KEY_FALLBACKS: ["o".repeat(32)],
  REMEMBER_COOKIE_DURATION: 60,
  API_ENABLED_METHODS: ["basic"],
  CSRF_PROTECT_MECHANISMS: ["token"],
  EMAIL_SENDER: "no-reply@acme.example",
  PASSWORD_SINGLE_HASH: true,
  PASSWORD_HASH: "plaintext",
  PASSWORD_CHECK_BREACHED: "best-effort",
  PASSWORD_COMPLEXITY_CHECKER: "own",
  PHONE_REGION_DEFAULT: "DE",
  REDIRECT_ALLOWED_SUBDOMAINS: ["www.acme.example"],
  REDIRECT_BASE_DOMAIN: "elsewhere.example",
  REDIRECT_BEHAVIOR: "other",
  SMS_SERVICE: "Pigeon",
  SMS_SERVICE_CONFIG: { ACCOUNT_SID: "AC1", AUTH_TOKEN: "t", PHONE_NUMBER: "+15005550006" },
  USER_IDENTITY_ATTRIBUTES: ["username"],
  ZXCVBN_MINIMUM_SCORE: 4,
};

function another(name: string): unknown {
  if (Object.hasOwn(others, name)) return others[name];
  const now = Object.hasOwn(everything, name) ? everything[name] : settingDefaults[name];
  switch (typeof now) {
    case "boolean":
      return !now;
    case "number":
      return now + 1;
    case "string":
      return `${now}other`;
    default:
      return now === null || typeof now === "symbol" ? "/other" : ["other"];
  }
}

const all = [...new Set([...Object.keys(settingDefaults), ...translatedSettings])].filter(
  (name) => !settledSettings.has(name) || translatedSettings.has(name),
);

describe("another value than what is there makes a difference, or is listed", () => {
  const before = outcome(everything);
  it.each(all)("%s", (name) => {
    expect(outcome({ ...everything, [name]: another(name) })).not.toBe(before);
  });
});

/** What says how something is done means nothing where that is off: without these settings, those behind them are idle. */
const tunes: Readonly<Record<string, readonly string[]>> = {
  CONFIRMABLE: ["CONFIRM_EMAIL_WITHIN", "LOGIN_WITHOUT_CONFIRMATION", "AUTO_LOGIN_AFTER_CONFIRM", "CONFIRM_URL"],
  RECOVERABLE: ["RESET_PASSWORD_WITHIN", "AUTO_LOGIN_AFTER_RESET", "RESET_URL"],
  CHANGEABLE: ["CHANGE_URL"],
  CHANGE_EMAIL: ["CHANGE_EMAIL_WITHIN", "CHANGE_EMAIL_URL"],
  CHANGE_USERNAME: ["CHANGE_USERNAME_URL"],
  USERNAME_ENABLE: ["USERNAME_REQUIRED", "USERNAME_MIN_LENGTH", "USERNAME_MAX_LENGTH"],
  USERNAME_RECOVERY: ["USERNAME_RECOVERY_URL"],
  PASSWORDLESS: ["LOGIN_WITHIN"],
  REGISTERABLE: ["REGISTER_URL", "SEND_REGISTER_EMAIL"],
  REFRESH_TOKEN: ["REFRESH_TOKEN_MAX_AGE", "REFRESH_TOKEN_MAX_IDLE"],
  PASSWORD_COMPLEXITY_CHECKER: ["ZXCVBN_MINIMUM_SCORE"],
  PASSWORD_CHECK_BREACHED: ["PASSWORD_BREACHED_COUNT"],
  PASSWORD_SALT: ["PASSWORD_SINGLE_HASH"],
  REDIRECT_ALLOWED_SUBDOMAINS: ["REDIRECT_BASE_DOMAIN"],
  REDIRECT_BEHAVIOR: ["REDIRECT_HOST", "RESET_VIEW"],
};
const idle = new Set(Object.values(tunes).flat());

describe("so it does alone", () => {
  const nothing = outcome({});
  const alone = all.filter((name) => !idle.has(name) && name !== "SECRET_KEY_FALLBACKS");
  it.each(alone)("%s", (name) => {
    const value = Object.hasOwn(everything, name) ? everything[name] : another(name);
    if (name === "REDIRECT_BEHAVIOR" || name === "SMS_SERVICE") {
      expect(() => fromFlaskSecurity({ [name]: value })).toThrow(/^(?:REDIRECT_HOST|SMS_SERVICE_CONFIG): /);
    } else {
      expect(outcome({ [name]: value })).not.toBe(nothing);
    }
  });

  it("but for what says how something is done that is off", () => {
    for (const name of idle) expect([name, outcome({ [name]: another(name) })]).toEqual([name, nothing]);
  });
});
