import { failureText } from "../delivery/failure.ts";
import { isE164 } from "../delivery/sms.ts";
import { ConfigurationError } from "../model/errors.ts";
import type { DeliveryContext, Texter } from "./delivery.ts";
import { unsendable } from "./mails-channel.ts";
import type { Channel, Postbox } from "./postbox.ts";

const longestSms = 1_600;

/** The text messages of one running system. */
export interface TextParts {
  readonly channel: Channel;
  /** What sends them, once it is known where they wait. */
  texter(postbox: Postbox): Texter;
}

/** Checks the option `sms` against what the features need. Throws ConfigurationError. */
export function createTexts(context: DeliveryContext, neededBy: string | undefined): TextParts {
  const { sms, system } = context;
  if (sms === undefined && neededBy !== undefined) {
    throw new ConfigurationError(
      "sms.sender",
      `"${neededBy}" sends text messages; say sms: { sender: twilio({ … }) }, or for development sms: { sender: smsOutbox() }`,
    );
  }
  if (sms !== undefined && typeof sms.sender?.send !== "function") {
    throw new ConfigurationError("sms.sender", "twilio(…), smsOutbox() or an object with a function send is expected");
  }
  return {
    channel: {
      name: "sms",
      development: sms?.sender.development === true,
      makes: () => true,
      async deliver({ to, content, decoy }) {
        const message = content["text"] as string;
        if (sms === undefined) throw unsendable("no sender is configured");
        if (!isE164(to)) throw unsendable("the recipient is no phone number in the form +4930123456");
        if (message === "" || message.length > longestSms) throw unsendable("the text is empty or too long");
        if (!decoy) await sms.sender.send({ to, text: message });
      },
      textOf: (error, { to, content }) => failureText(error, [to, content["text"] as string]),
      async failed({ to, userId, user }, failure, error, attempts) {
        system.log("a text message was not sent", { failure, attempts, ...(error === undefined ? {} : { error }) });
        const account = user ?? (userId === null ? undefined : await context.accountOf(userId));
        system.events.emit("smsFailed", { user: account, to, failure, attempts });
      },
    },
    texter: (postbox) => ({
      send(to, text, user, { tx, life, decoy = false } = {}) {
        const content = { text: text.toWellFormed().trim() };
        const parcel = { kind: "sms", to, userId: user?.id ?? null, user, decoy, content, life };
        return postbox.add([parcel], tx);
      },
    }),
  };
}
