import type { Datastore, Transaction } from "../datastore/contract.ts";
import type { MailAddress, MailSender } from "../delivery/mail.ts";
import { loadPhoneNumbers, noPhoneNumbers, type PhoneNumbers, type PhoneOptions } from "../delivery/phone.ts";
import { type DeliveryOptions, deliverySettings } from "../delivery/queue.ts";
import type { SmsSender } from "../delivery/sms.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";
import type { Account } from "../model/account.ts";
import type { Row } from "../model/schema.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import type { Theme } from "../views/contract.ts";
import type { MailLayout, MailProps, Mails } from "../views/mail.ts";
import type { Feature } from "./feature.ts";
import { createMails } from "./mails-channel.ts";
import { createOutbox, type Handled, type Outbox } from "./outbox.ts";
import { type WaitingMessage, waitingMessage } from "./outbox-rows.ts";
import { type Channel, memoryPostbox, type Postbox } from "./postbox.ts";
import { createTexts } from "./texts-channel.ts";

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

/** What a template needs besides what every mail is given: JSON, since it may wait in the database. */
export type MailData<Name extends keyof Mails> = Omit<Parameters<Mails[Name]>[0], keyof MailProps>;

/**
 * An account, which is written to at its stored address, or an address that no account has (yet, or any more). `of`: the
 * account that the mail is about, in whose language it is written.
 */
export type MailRecipient = Account | { readonly email: string; readonly name?: string; readonly of?: Account };

/** How something is sent. */
export interface SendOptions {
  /** The transaction of what it is about: it goes out if that commits, and only then. */
  readonly tx?: Transaction | undefined;
  /** It is of no use after so many milliseconds. Left out: a mail's `within`, for as long as its link works. */
  readonly life?: number | undefined;
}

/** One mail of several. */
export type MailToSend = {
  readonly [Name in keyof Mails]: { readonly name: Name; readonly to: MailRecipient; readonly data: MailData<Name> };
}[keyof Mails];

/** Sends mails. */
export interface Mailer {
  /** Whether a sender is configured. */
  readonly enabled: boolean;
  /**
   * Writes the mail down, with `tx` in that transaction, by one statement. It is made and sent after the answer is away: that a
   * sender is slow or fails neither delays an answer nor changes it; a failure is tried again, then logged and emitted as
   * `mailFailed`. Rejects only where it can't be written down. Of a decoy as much is written, and nothing sent.
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
    options?: SendOptions,
  ): Promise<void>;
  /** The same for several mails, all of them by one statement. */
  sendAll(rq: SecurityRequest | undefined, mails: readonly MailToSend[], options?: SendOptions): Promise<void>;
  /** Whether mail can be sent to this address (in its normal form) at all; without a sender nothing is asked of it. */
  reaches(address: string): boolean;
}

/** Sends text messages. */
export interface Texter {
  /**
   * Writes the text down, with `tx` in that transaction. It is sent after the answer is away; a failure is tried again, then
   * logged and emitted as `smsFailed`. Rejects only where it can't be written down.
   *
   * @param to E.164, as `kernel.phones.normalize` gives it
   * @param user whose number it is, for the event
   */
  send(
    to: string,
    text: string,
    user?: Account,
    /** `decoy`: as much is written, and nothing is sent. */
    options?: SendOptions & { readonly decoy?: boolean },
  ): Promise<void>;
}

/** What waits to be sent in the database, whatever it goes out by. */
export interface Waiting {
  /** In the order in which it was written; `after`: the last one of the page before. */
  page(page: {
    readonly after?: Pick<WaitingMessage, "position" | "id"> | undefined;
    readonly limit: number;
  }): Promise<readonly WaitingMessage[]>;
  find(id: string): Promise<WaitingMessage | undefined>;
  /** Tries it now. */
  retry(message: WaitingMessage): Promise<Handled>;
  /** Gives up what nobody is sending, and tells so by `mailFailed` or `smsFailed`. */
  drop(message: WaitingMessage): Promise<Handled>;
}

/** What goes out: its senders, with what looks after them. */
export interface Delivery {
  readonly mail: Mailer;
  readonly sms: Texter;
  readonly phones: PhoneNumbers;
  /** Undefined: nothing waits in the database. */
  readonly waiting: Waiting | undefined;
  /** Begins to send, once the database is there. `alone`: nothing but what this process has written. */
  start(alone: boolean): void;
  /** Resolves when nothing that this process has written is due or on its way. What failed and waits in the database is not waited for. */
  idle(): Promise<void>;
  /** Puts right what a clock that jumped has put off. */
  putForward(): Promise<void>;
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
  /** Undefined: there is no database. */
  readonly store: { readonly datastore: Datastore; readonly ring: KeyRing } | undefined;
  /** For events. */
  readonly accountOf: (id: number) => Promise<Account | undefined>;
}

/** Checks the options against what the features need, and makes the senders. Throws ConfigurationError. */
export async function createDelivery(context: DeliveryContext): Promise<Delivery> {
  const { features, mail, sms, store, system } = context;
  const texting = features.find((feature) => feature.needs?.includes("sms"));
  const dialling = features.find((feature) => feature.needs?.includes("phones"));
  const mails = createMails(context);
  await mail?.sender.prepare?.();
  const texts = createTexts(context, texting?.name);
  const phones =
    dialling === undefined ? noPhoneNumbers : await loadPhoneNumbers(context.phone, `the feature "${dialling.name}"`);
  const outboxes = new Map<string, Outbox>();
  const open = (channel: Channel, options: { readonly queue?: DeliveryOptions } | undefined): Postbox => {
    const settings = deliverySettings(`${channel.name}.queue`, options?.queue, store !== undefined);
    if (options === undefined || store === undefined || settings.store === "memory") {
      return memoryPostbox(channel, settings);
    }
    const outbox = createOutbox({ channel, settings, ...store, now: system.now, log: system.log });
    outboxes.set(channel.name, outbox);
    return outbox;
  };
  const postboxes = [open(mails.channel, mail), open(texts.channel, sms)] as const;
  const [mailbox, textbox] = postboxes;
  // Where somebody has asked for the memory, they know.
  const unasked = store === undefined && [mail, sms].some((one) => one !== undefined && one.queue?.store !== "memory");
  return {
    mail: mails.mailer(mailbox),
    sms: texts.texter(textbox),
    phones,
    waiting: store === undefined || outboxes.size === 0 ? undefined : waitingIn(outboxes, store, context),
    start(alone) {
      if (unasked && !alone) {
        system.log("there is no datastore: what waits to be sent is in memory, and a process that is killed loses it");
      }
      for (const postbox of postboxes) postbox.start(alone);
    },
    async idle() {
      await Promise.all(postboxes.map((postbox) => postbox.idle()));
    },
    async putForward() {
      for (const outbox of outboxes.values()) await outbox.putForward();
    },
    verifyMail: mails.verify,
    sendTestMail: mails.sendTest,
    async close() {
      await Promise.all(postboxes.map((postbox) => postbox.close()));
      await Promise.allSettled([mail?.sender.close?.(), sms?.sender.close?.()]);
    },
  };
}

/** More than any request writes at once. */
const mostTogether = 20;

function waitingIn(
  outboxes: ReadonlyMap<string, Outbox>,
  { datastore, ring }: NonNullable<DeliveryContext["store"]>,
  { system, accountOf }: DeliveryContext,
): Waiting {
  const messageOf = (row: Row): WaitingMessage => waitingMessage(ring, row, system.now());
  return {
    async page({ after, limit }) {
      const where = { decoy: false, ...(after === undefined ? {} : { position: { gte: after.position } }) };
      const orderBy = [{ field: "position" }, { field: "id" }];
      // What was written together has one position, and of it some may stand on the page before.
      const rows = await datastore.find("outbox", where, { orderBy, limit: limit + mostTogether });
      const seen = rows.map(messageOf);
      const isNew = ({ position, id }: WaitingMessage): boolean =>
        after === undefined || position > after.position || id > after.id;
      return seen.filter(isNew).slice(0, limit);
    },
    async find(id) {
      const row = await datastore.findOne("outbox", { id, decoy: false });
      return row === undefined ? undefined : messageOf(row);
    },
    retry: async ({ id, channel }) => (await outboxes.get(channel)?.retry(id)) ?? "gone",
    async drop({ id, channel, kind, to = "", userId, attempts }) {
      const handled = (await outboxes.get(channel)?.drop(id)) ?? "gone";
      if (handled !== "done") return handled;
      const user = userId === null ? undefined : await accountOf(userId);
      const told = { user, to, failure: "dropped", attempts };
      if (channel === "sms") system.events.emit("smsFailed", told);
      else system.events.emit("mailFailed", { ...told, template: kind });
      return handled;
    },
  };
}
