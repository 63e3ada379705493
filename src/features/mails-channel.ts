import { domainToASCII } from "node:url";
import { failureText } from "../delivery/failure.ts";
import {
  configuredMailbox,
  DeliveryError,
  headerText,
  type MailAddress,
  mailbox,
  type OutgoingMail,
  takes,
} from "../delivery/mail.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import { decoy } from "../model/decoy.ts";
import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import { randomId } from "../secrets/random.ts";
import { defaultMails, type MailProps, type Mails, mailLayout } from "../views/mail.ts";
import { ownerMails } from "../views/owner-mails.ts";
import type { DeliveryContext, Mailer, MailOptions, MailRecipient, MailToSend } from "./delivery.ts";
import type { Feature } from "./feature.ts";
import type { Channel, Parcel, Postbox } from "./postbox.ts";

/** What a mail's row has in it. */
interface MailContents {
  readonly data: Readonly<Record<string, unknown>>;
  /** The recipient's display name. */
  readonly name?: string;
  /** BCP 47. */
  readonly language: string;
  readonly messageId: string;
  readonly at: number;
}

/** The mails of one running system. */
export interface MailParts {
  readonly channel: Channel;
  /** The mailer, once it is known where mails wait. */
  mailer(postbox: Postbox): Mailer;
  verify(): Promise<void>;
  sendTest(to: string): Promise<void>;
}

/** Checks the option `mail` against what the features need. Throws ConfigurationError. */
export function createMails(context: DeliveryContext): MailParts {
  const { mail, features, system, siteName, theme, origin } = context;
  const writing = features.find(({ mails }) => Object.keys(mails ?? {}).length > 0);
  if (writing !== undefined && mail === undefined) {
    throw new ConfigurationError(
      "mail.sender",
      `"${writing.name}" sends mail; say mail: { sender: smtp(…), from } ("portcullis/smtp"), or for development mail: { sender: outbox() }`,
    );
  }
  const templates = templatesOf(features, mail?.templates);
  const from = mail === undefined ? undefined : senderAddress(mail, origin);
  const replyTo = mail?.replyTo === undefined ? undefined : configuredMailbox("mail.replyTo", mail.replyTo);
  const format = formatOf(mail?.format);
  if (mail !== undefined && typeof mail.sender?.send !== "function") {
    throw new ConfigurationError("mail.sender", "smtp(…), outbox() or an object with a function send is expected");
  }
  if (mail !== undefined) {
    for (const [path, box] of [
      ["mail.from", from],
      ["mail.replyTo", replyTo],
    ] as const) {
      if (box !== undefined && !takes(mail.sender, box.address)) {
        throw new ConfigurationError(path, "has a local part beyond ASCII, which the sender can't send (its smtpUtf8)");
      }
    }
  }

  const make = async ({ kind, to, content }: Parcel, said: string[]): Promise<OutgoingMail> => {
    const { data, name, language, messageId, at } = content as unknown as MailContents;
    const recipient = mailbox({ address: to, ...(name === undefined ? {} : { name }) });
    const template = templates.get(kind);
    if (mail === undefined || from === undefined) throw unsendable("no sender is configured");
    if (recipient === undefined) throw unsendable("the recipient is no address that mail can be sent to");
    if (template === undefined) throw unsendable("no feature that is on has this template");
    const props: MailProps = {
      siteName,
      siteUrl: origin,
      catalogue: system.catalogues.get(language) ?? system.catalogues.default,
      email: recipient.address,
      layout: mail.layout ?? mailLayout,
      theme,
    };
    const text = template({ ...data, ...props });
    const html = format === "text" ? undefined : String(await text.html);
    said.push(text.subject, text.text);
    return {
      template: kind,
      messageId,
      date: new Date(at),
      from,
      replyTo,
      to: recipient,
      subject: headerText(text.subject),
      text: format === "html" ? undefined : text.text.toWellFormed(),
      html: html?.toWellFormed(),
      // RFC 3834: nobody's absence notice answers it.
      headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
    };
  };

  const channel: Channel = {
    name: "mail",
    development: mail?.sender.development === true,
    makes: (kind) => templates.has(kind),
    async deliver(parcel, said) {
      const outgoing = await make(parcel, said).catch((error: unknown) => {
        throw error instanceof DeliveryError
          ? error
          : unsendable(`the template failed: ${error instanceof Error ? error.message : String(error)}`);
      });
      if (!parcel.decoy) await mail?.sender.send(outgoing);
    },
    textOf(error, { to, content }, said) {
      const { data } = content as unknown as MailContents;
      const secrets = Object.values(data).filter((value) => typeof value === "string");
      return failureText(error, [to, ...secrets, ...said]);
    },
    async failed({ kind, to, userId, user }, failure, error, attempts) {
      system.log("a mail was not sent", {
        template: kind,
        failure,
        attempts,
        ...(error === undefined ? {} : { error }),
      });
      const account = user ?? (userId === null ? undefined : await context.accountOf(userId));
      system.events.emit("mailFailed", { user: account, template: kind, to, failure, attempts });
    },
  };

  const parcelOf = (
    { name, to, data }: { readonly name: keyof Mails; readonly to: MailRecipient; readonly data: object },
    rq: SecurityRequest | undefined,
    life: number | undefined,
  ): Parcel => {
    const nobodys = decoy(to) !== undefined;
    const owner = isAccount(to) ? to : to.of;
    const user: Account | undefined = nobodys || decoy(owner) !== undefined ? undefined : owner;
    // Not `rq.catalogue`, which the answer shows (Content-Language): that would tell what is mailed.
    const asked = rq === undefined ? system.catalogues.default : system.catalogues.for(rq);
    const { language } = owner === undefined ? asked : system.catalogues.ofUser(owner);
    const display = isAccount(to) ? undefined : to.name;
    const within: unknown = (data as { readonly within?: unknown }).within;
    const content: MailContents = {
      data: data as Readonly<Record<string, unknown>>,
      ...(display === undefined ? {} : { name: display }),
      language,
      messageId: from === undefined ? "" : `<${randomId(18)}@${domainToASCII(domainOf(from))}>`,
      at: system.now(),
    };
    return {
      kind: name,
      to: to.email,
      userId: user?.id ?? null,
      user,
      decoy: nobodys,
      content: { ...content },
      // What says for how long its link works is of no use after that.
      life: life ?? (typeof within === "number" ? within : undefined),
    };
  };

  return {
    channel,
    mailer(postbox) {
      const sendAll: Mailer["sendAll"] = async (rq, mails, { tx, life } = {}) => {
        // An account without an address: there is nobody to tell, and that is no failure.
        const parcels = mails.filter(({ to }) => to.email !== "").map((one) => parcelOf(one, rq, life));
        if (parcels.length > 0) await postbox.add(parcels, tx);
      };
      return {
        enabled: mail !== undefined,
        reaches: (address) => mail === undefined || takes(mail.sender, address),
        send: (rq, name, to, data, options) => sendAll(rq, [{ name, to, data } as MailToSend], options),
        sendAll,
      };
    },
    async verify() {
      if (mail === undefined) throw new ConfigurationError("mail.sender", "no mail can be sent without one");
      await mail.sender.verify?.();
    },
    async sendTest(to) {
      if (mail === undefined) throw new ConfigurationError("mail.sender", "no mail can be sent without one");
      await channel.deliver(parcelOf({ name: "test", to: { email: to }, data: {} }, undefined, undefined), []);
    },
  };
}

/** No further attempt would make it better. */
export function unsendable(message: string): DeliveryError {
  return new DeliveryError(message, { permanent: true });
}

function isAccount(to: MailRecipient): to is Account {
  return typeof (to as Partial<Account>).hasRole === "function";
}

function templatesOf(
  features: readonly Feature[],
  own: Partial<Mails> | undefined,
): ReadonlyMap<string, (props: MailProps) => ReturnType<Mails["test"]>> {
  const templates = new Map<string, unknown>(
    Object.entries(Object.assign({}, defaultMails, ownerMails, ...features.map(({ mails }) => mails ?? {})) as object),
  );
  checkKnown("mail.templates", own ?? {}, [...templates.keys()], "mail");
  for (const [name, template] of Object.entries(own ?? {})) {
    if (template === undefined) continue;
    if (typeof template !== "function") throw new ConfigurationError(`mail.templates.${name}`, "must be a function");
    templates.set(name, template);
  }
  return templates as Map<string, (props: MailProps) => ReturnType<Mails["test"]>>;
}

function formatOf(format: unknown = "both"): "both" | "text" | "html" {
  if (format === "both" || format === "text" || format === "html") return format;
  throw new ConfigurationError("mail.format", 'must be "both", "text" or "html"');
}

function senderAddress({ from, sender }: MailOptions, origin: string): MailAddress {
  if (from !== undefined) return configuredMailbox("mail.from", from);
  if (sender?.development !== true) {
    throw new ConfigurationError("mail.from", 'is missing: whose mail is it? Say "no-reply@acme.example"');
  }
  return mailbox({ address: `no-reply@${new URL(origin).hostname}` }) ?? { address: "no-reply@portcullis.example" };
}

function domainOf({ address }: MailAddress): string {
  return address.slice(address.lastIndexOf("@") + 1);
}
