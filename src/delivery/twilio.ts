import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import { DeliveryError } from "./mail.ts";
import type { OutgoingSms, SmsSender } from "./sms.ts";

/** An account at Twilio. */
export interface TwilioOptions {
  /** "AC…" */
  readonly accountSid: string;
  readonly authToken: string;
  /** The number (E.164) or sender name that messages come from. Or `messagingServiceSid`. */
  readonly from?: string;
  readonly messagingServiceSid?: string;
  /** Default "https://api.twilio.com". */
  readonly baseUrl?: string;
  /** Milliseconds to wait for the answer; default 10 s. */
  readonly timeout?: number;
}

const known: readonly string[] = ["accountSid", "authToken", "from", "messagingServiceSid", "baseUrl", "timeout"];
const longestAnswer = 16_384;

/** Sends text messages by Twilio's Messages API (https://www.twilio.com/docs/messaging/api/message-resource). */
export function twilio(options: TwilioOptions): SmsSender {
  check(options);
  const { accountSid, authToken, from, messagingServiceSid, timeout = 10_000 } = options;
  const base = (options.baseUrl ?? "https://api.twilio.com").replace(/\/$/, "");
  const url = `${base}/2010-04-01/Accounts/${accountSid}/Messages.json`;
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString("base64")}`;
  return {
    async send({ to, text }: OutgoingSms): Promise<void> {
      const body = new URLSearchParams({ To: to, Body: text });
      if (from !== undefined) body.set("From", from);
      if (messagingServiceSid !== undefined) body.set("MessagingServiceSid", messagingServiceSid);
      let answer: Response;
      try {
        answer = await fetch(url, {
          method: "POST",
          headers: { authorization, accept: "application/json" },
          body,
          // A redirect would carry the account's secret elsewhere.
          redirect: "error",
          signal: AbortSignal.timeout(timeout),
        });
      } catch (error) {
        throw new DeliveryError("the provider of text messages could not be reached", { cause: error });
      }
      if (answer.ok) {
        await answer.body?.cancel();
        return;
      }
      // Its own number for the reason; its message repeats the recipient.
      const code = errorCode(await beginningOf(answer));
      const reason = `the provider of text messages answered ${answer.status}${code === undefined ? "" : `, error ${code}`}`;
      // The account's own troubles (401, 402, 403, 408, 429) may pass; a message that is refused stays so.
      throw new DeliveryError(reason, { permanent: answer.status === 400 || answer.status === 404 });
    },
  };
}

async function beginningOf(answer: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length > longestAnswer) break;
    }
  } catch {
    // What came so far may do.
  }
  return text;
}

function errorCode(text: string): number | undefined {
  try {
    const { code } = JSON.parse(text) as { readonly code?: unknown };
    return typeof code === "number" && Number.isSafeInteger(code) ? code : undefined;
  } catch {
    return undefined;
  }
}

function check(options: TwilioOptions): void {
  checkKnown("twilio", options, known);
  const { accountSid, authToken, from, messagingServiceSid, baseUrl, timeout } = options;
  if (typeof accountSid !== "string" || !/^[A-Za-z0-9]{1,64}$/.test(accountSid)) {
    throw new ConfigurationError("twilio.accountSid", 'the account\'s SID is expected, "AC…"');
  }
  if (typeof authToken !== "string" || authToken === "") {
    throw new ConfigurationError("twilio.authToken", "is missing");
  }
  if ((from === undefined) === (messagingServiceSid === undefined)) {
    throw new ConfigurationError("twilio.from", "say either from or messagingServiceSid");
  }
  for (const [name, value] of Object.entries({ from, messagingServiceSid })) {
    if (value !== undefined && (typeof value !== "string" || !/^\+?[A-Za-z0-9 ]{1,64}$/.test(value))) {
      throw new ConfigurationError(`twilio.${name}`, "is no sender of text messages");
    }
  }
  if (timeout !== undefined && !(Number.isInteger(timeout) && timeout > 0 && timeout <= 600_000)) {
    throw new ConfigurationError("twilio.timeout", "a whole number of milliseconds is expected");
  }
  const url = baseUrl === undefined ? undefined : URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (url === undefined) return;
  const local = url !== null && /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (url === null || !(url.protocol === "https:" || (url.protocol === "http:" && local)) || url.username !== "") {
    throw new ConfigurationError("twilio.baseUrl", "a URL that starts with https:// is expected");
  }
}
