import { domainToASCII } from "node:url";
import { failureText } from "../delivery/failure.ts";
import {
  configuredMailbox,
  DeliveryError,
  headerText,
  type MailAddress,
  type MailSender,
  mailbox,
  takes,
} from "../delivery/mail.ts";
import { loadPhoneNumbers, noPhoneNumbers, type PhoneNumbers, type PhoneOptions } from "../delivery/phone.ts";
import {
  checkDeliveryOptions,
  createDeliveryQueue,
  type DeliveryFailure,
  type DeliveryOptions,
  type DeliveryQueue,
} from "../delivery/queue.ts";
import { isE164, type SmsSender } from "../delivery/sms.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";
import type { Account } from "../model/account.ts";
import { decoy } from "../model/decoy.ts";
import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import { randomId } from "../secrets/random.ts";
import type { Theme } from "../views/contract.ts";
import { defaultMails, type MailLayout, type MailProps, type Mails, mailLayout } from "../views/mail.ts";
import { ownerMails } from "../views/owner-mails.ts";
import type { Feature } from "./feature.ts";

/** How mail is sent. */
export interface MailOptions {
  /** `smtp("smtps://user:password@mail.acme.example")` from `portcullis/smtp`; `outbox()` for development. */
  readonly sender: MailSender;
  /** Whose mail it is: `"no-reply@acme.example"` or `{ name, address }`. Only an outbox goes without. */
  readonly from?: string | MailAddress;
  /** Where answers go; default: to `from`. */
  readonly replyTo?: string | MailAddress;
  /** Default "both": text and HTML in one mail. */
  readonly format?: "both" | "text" | "html";
  /** Functions of your own in the place of built-in mails. */
  readonly templates?: Partial<Mails>;
  /** The HTML around every built-in mail. */
  readonly layout?: MailLayout;
  readonly queue?: DeliveryOptions;
  /**
   * Development only: `/outbox` shows the mails that the sender, `outbox()` or `fileOutbox()`, has kept. Only where every
   * origin is `http://` on a loopback name; elsewhere the system refuses to start.
   */
  readonly outboxPage?: boolean;
}

/** How text messages are sent. */
export interface SmsOptions {
  /** `twilio({ … })`; `smsOutbox()` for development. */
  readonly sender: SmsSender;
  readonly queue?: DeliveryOptions;
}

/** What a template needs besides what every mail is given. */
export type MailData<Name extends keyof Mails> = Omit<Parameters<Mails[Name]>[0], keyof MailProps>;

/**
 * An account, which is written to at its stored address, or an address that no account has (yet, or any more). `of`: the
 * account that the mail is about, in whose language it is written.
 */
export type MailRecipient = Account | { readonly email: string; readonly name?: string; readonly of?: Account };

/** Sends mails. */
export interface Mailer {
  /** Whether a sender is configured. */
  readonly enabled: boolean;
  /**
   * Makes and sends the mail after the answer is away. Returns at once and never throws: a failure is tried again, then
   * logged and emitted as `mailFailed`, and no answer ever depends on it.
   *
   * A mail to (or about) an account is in that account's language, whoever caused it: a thief's request must not choose one
   * that the owner can't read.
   *
   * @param rq for an address without an account: whose language the mail is in; undefined: the system's
   */
  send<Name extends keyof Mails>(
    rq: SecurityRequest | undefined,
    name: Name,
    to: MailRecipient,
    data: MailData<Name>,
  ): void;
  /** Whether mail can be sent to this address (in its normal form) at all; without a sender nothing is asked of it. */
  reaches(address: string): boolean;
}

/** Sends text messages. */
export interface Texter {
  /**
   * Sends the text after the answer is away. Returns at once and never throws: a failure is tried again, then logged and
   * emitted as `smsFailed`.
   *
   * @param to E.164, as `kernel.phones.normalize` gives it
   * @param user whose number it is, for the event
   */
  send(to: string, text: string, user?: Account): void;
}

/** What goes out: its senders, with what looks after them. */
export interface Delivery {
  readonly mail: Mailer;
  readonly sms: Texter;
  readonly phones: PhoneNumbers;
  /** Resolves when nothing waits to be sent any more. */
  idle(): Promise<void>;
  /** Rejects with the reason when the sender of mails could send none. */
  verifyMail(): Promise<void>;
  /** Sends the mail `test` at once. Rejects with the reason when it could not be handed over. */
  sendTestMail(to: string): Promise<void>;
  close(): Promise<void>;
}

/** What the delivery of one running system is made of. */
export interface DeliveryContext {
  readonly mail: MailOptions | undefined;
  readonly sms: SmsOptions | undefined;
  readonly phone: PhoneOptions | undefined;
  readonly features: readonly Feature[];
  readonly system: Pick<System, "now" | "log" | "events" | "catalogues">;
  readonly siteName: string;
  readonly theme: Theme;
  readonly origin: string;
}

const longestSms = 1_600;

/** Checks the options against what the features need, and makes the senders. Throws ConfigurationError. */
export async function createDelivery(context: DeliveryContext): Promise<Delivery> {
  const { features } = context;
  const texting = features.find((feature) => feature.needs?.includes("sms"));
  const dialling = features.find((feature) => feature.needs?.includes("phones"));
  const mails = createMails(context);
  await context.mail?.sender.prepare?.();
  const texts = createTexts(context, texting?.name);
  const phones =
    dialling === undefined ? noPhoneNumbers : await loadPhoneNumbers(context.phone, `the feature "${dialling.name}"`);
  return {
    mail: mails.mailer,
    sms: texts.texter,
    phones,
    async idle() {
      await Promise.all([...mails.queues, texts.queue].map((queue) => queue.idle()));
    },
    verifyMail: mails.verify,
    sendTestMail: mails.sendTest,
    async close() {
      await Promise.all([...mails.queues, texts.queue].map((queue) => queue.close()));
      await Promise.allSettled([context.mail?.sender.close?.(), context.sms?.sender.close?.()]);
    },
  };
}

function createMails({ mail, features, system, siteName, theme, origin }: DeliveryContext): {
  readonly mailer: Mailer;
  readonly queues: readonly DeliveryQueue[];
  readonly verify: () => Promise<void>;
  readonly sendTest: (to: string) => Promise<void>;
} {
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
  const queue = createDeliveryQueue(checkDeliveryOptions("mail.queue", mail?.queue));
  // Made like the others and thrown away where these are sent. Of its own: nobody's mails take no place of anybody's.
  const decoys = createDeliveryQueue({ ...mail?.queue, retryAfter: [] });
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

  /** Hands over one mail; what it says is made once, whatever number of attempts it takes. */
  const prepared = (name: keyof Mails, to: MailRecipient, data: object, texts: MailProps["catalogue"]) => {
    const secrets: string[] = [to.email, ...Object.values(data).filter((value) => typeof value === "string")];
    const messageId = from === undefined ? "" : `<${randomId(18)}@${domainToASCII(domainOf(from))}>`;
    const date = new Date(system.now());
    let made: Promise<Parameters<MailSender["send"]>[0]> | undefined;
    const make = async (): Promise<Parameters<MailSender["send"]>[0]> => {
      const recipient = mailbox({
        address: to.email,
        ...("name" in to && to.name !== undefined ? { name: to.name } : {}),
      });
      const template = templates.get(name);
      if (mail === undefined || from === undefined) throw unsendable("no sender is configured");
      if (recipient === undefined) throw unsendable("the recipient is no address that mail can be sent to");
      if (template === undefined) throw unsendable("no feature that is on has this template");
      const props: MailProps = {
        siteName,
        siteUrl: origin,
        catalogue: texts,
        email: recipient.address,
        layout: mail.layout ?? mailLayout,
        theme,
      };
      const content = template({ ...data, ...props });
      const html = format === "text" ? undefined : String(await content.html);
      secrets.push(content.subject, content.text);
      return {
        template: name,
        messageId,
        date,
        from,
        replyTo,
        to: recipient,
        subject: headerText(content.subject),
        text: format === "html" ? undefined : content.text.toWellFormed(),
        html: html?.toWellFormed(),
        // RFC 3834: nobody's absence notice answers it.
        headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
      };
    };
    return {
      secrets,
      async attempt(): Promise<void> {
        made ??= make();
        const outgoing = await made.catch((error: unknown) => {
          throw error instanceof DeliveryError
            ? error
            : unsendable(`the template failed: ${error instanceof Error ? error.message : String(error)}`);
        });
        if (decoy(to) === undefined) await mail?.sender.send(outgoing);
      },
    };
  };

  return {
    queues: [queue, decoys],
    mailer: {
      enabled: mail !== undefined,
      reaches: (address) => mail === undefined || takes(mail.sender, address),
      send(rq, name, to, data) {
        // An account without an address: there is nobody to tell, and that is no failure.
        if (to.email === "") return;
        const owner = isAccount(to) ? to : to.of;
        const texts = owner === undefined ? rq?.catalogue : system.catalogues.ofUser(owner);
        const { attempt, secrets } = prepared(name, to, data, texts ?? system.catalogues.default);
        if (decoy(to) !== undefined) return decoys.add({ attempt, failed: () => {} });
        queue.add({
          attempt,
          failed(failure, error, attempts) {
            report(system.log, "a mail was not sent", { template: name }, failure, error, attempts, secrets);
            const user = isAccount(to) ? to : undefined;
            system.events.emit("mailFailed", { user, template: name, to: to.email, failure, attempts });
          },
        });
      },
    },
    async verify() {
      if (mail === undefined) throw new ConfigurationError("mail.sender", "no mail can be sent without one");
      await mail.sender.verify?.();
    },
    async sendTest(to) {
      if (mail === undefined) throw new ConfigurationError("mail.sender", "no mail can be sent without one");
      await prepared("test", { email: to }, {}, system.catalogues.default).attempt();
    },
  };
}

/** No further attempt would make it better. */
function unsendable(message: string): DeliveryError {
  return new DeliveryError(message, { permanent: true });
}

function createTexts(
  { sms, system }: DeliveryContext,
  neededBy: string | undefined,
): { readonly texter: Texter; readonly queue: DeliveryQueue } {
  if (sms === undefined && neededBy !== undefined) {
    throw new ConfigurationError(
      "sms.sender",
      `"${neededBy}" sends text messages; say sms: { sender: twilio({ … }) }, or for development sms: { sender: smsOutbox() }`,
    );
  }
  if (sms !== undefined && typeof sms.sender?.send !== "function") {
    throw new ConfigurationError("sms.sender", "twilio(…), smsOutbox() or an object with a function send is expected");
  }
  const queue = createDeliveryQueue(checkDeliveryOptions("sms.queue", sms?.queue));
  return {
    queue,
    texter: {
      send(to, text, user) {
        const message = text.toWellFormed().trim();
        queue.add({
          async attempt() {
            if (sms === undefined) throw unsendable("no sender is configured");
            if (!isE164(to)) throw unsendable("the recipient is no phone number in the form +4930123456");
            if (message === "" || message.length > longestSms) throw unsendable("the text is empty or too long");
            await sms.sender.send({ to, text: message });
          },
          failed(failure, error, attempts) {
            report(system.log, "a text message was not sent", {}, failure, error, attempts, [to, message]);
            system.events.emit("smsFailed", { user, to, failure, attempts });
          },
        });
      },
    },
  };
}

function report(
  log: System["log"],
  what: string,
  details: Readonly<Record<string, unknown>>,
  failure: DeliveryFailure,
  error: unknown,
  attempts: number,
  secrets: readonly string[],
): void {
  log(what, { ...details, failure, attempts, ...(error === undefined ? {} : { error: failureText(error, secrets) }) });
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
