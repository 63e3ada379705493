import { isDeepStrictEqual } from "node:util";
import { configuredMailbox, type MailAddress } from "../delivery/mail.ts";
import { type TwilioOptions, twilio } from "../delivery/twilio.ts";
import { ConfigurationError } from "../model/errors.ts";
import { settingDefaults } from "./defaults.ts";
import type { Draft, TranslatedOptions } from "./translation.ts";

/** Whose mail it is and what it is made of; phone numbers and the provider of text messages. */
export function deliveryOptions(draft: Draft): TranslatedOptions {
  const { read } = draft;
  const from = sender(draft);
  const html = read.boolean("EMAIL_HTML") ?? true;
  const text = read.boolean("EMAIL_PLAINTEXT") ?? true;
  if (!html && !text)
    throw new ConfigurationError("EMAIL_PLAINTEXT", "a mail without EMAIL_HTML and without it is empty");
  const format = html && text ? undefined : html ? ("html" as const) : ("text" as const);
  const region = read.text("PHONE_REGION_DEFAULT");
  const sms = smsOptions(draft);
  return {
    ...(from === undefined && format === undefined
      ? {}
      : { mail: { ...(from === undefined ? {} : { from }), ...(format === undefined ? {} : { format }) } }),
    ...(region === undefined ? {} : { phone: { region } }),
    ...(sms === undefined ? {} : { sms }),
  };
}

function sender({ settings }: Draft): MailAddress | undefined {
  const value = settings["EMAIL_SENDER"];
  if (value === undefined || value === null) return undefined;
  const parts = typeof value === "string" ? /^\s*(?:"([^"]*)"|([^<>"]*?))\s*<([^<>]+)>\s*$/.exec(value) : undefined;
  const named = parts?.[1] ?? parts?.[2] ?? "";
  if (parts?.[3] !== undefined) {
    return configuredMailbox("EMAIL_SENDER", named === "" ? parts[3] : { name: named, address: parts[3] });
  }
  // Flask-Mail's pair.
  if (Array.isArray(value)) return configuredMailbox("EMAIL_SENDER", { name: value[0], address: value[1] });
  return configuredMailbox("EMAIL_SENDER", value);
}

function smsOptions({ settings, read, refuse }: Draft): TranslatedOptions["sms"] {
  const service = read.text("SMS_SERVICE");
  const config = settings["SMS_SERVICE_CONFIG"];
  // There too it sends nothing, and says so nowhere: here a feature that needs it asks for a sender.
  if (service === undefined || service === "Dummy") {
    const unused =
      config === undefined || config === null || isDeepStrictEqual(config, settingDefaults["SMS_SERVICE_CONFIG"]);
    return unused ? undefined : refuse("SMS_SERVICE_CONFIG");
  }
  if (service !== "Twilio") return refuse("SMS_SERVICE");
  if (typeof config !== "object" || config === null) {
    throw new ConfigurationError("SMS_SERVICE_CONFIG", "ACCOUNT_SID, AUTH_TOKEN and PHONE_NUMBER are expected");
  }
  const { ACCOUNT_SID, AUTH_TOKEN, PHONE_NUMBER } = config as Readonly<Record<string, unknown>>;
  try {
    const options = { accountSid: ACCOUNT_SID, authToken: AUTH_TOKEN, from: PHONE_NUMBER } as TwilioOptions;
    return { sender: twilio(options) };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new ConfigurationError("SMS_SERVICE_CONFIG", error.message, { cause: error });
  }
}
