import { ConfigurationError } from "../model/errors.ts";
import type { MailSender, OutgoingMail } from "./mail.ts";
import type { OutgoingSms, SmsSender } from "./sms.ts";

/** What was sent stays in memory and reaches nobody: for development and tests. */
interface Kept<Item> {
  readonly development: true;
  send(item: Item): Promise<void>;
  /** What is there, oldest first. */
  all(): readonly Item[];
  /** Empties it and returns what was there. */
  clear(): readonly Item[];
  /** The next one that arrives, also to this address (or number) only. */
  next(to?: string): Promise<Item>;
}

/** Mails that stay in memory. */
export interface Outbox extends Kept<OutgoingMail>, MailSender {
  readonly development: true;
  all(): readonly OutgoingMail[];
}

/** Text messages that stay in memory. */
export interface SmsOutbox extends Kept<OutgoingSms>, SmsSender {
  readonly development: true;
}

/** Options of the outboxes. */
export interface OutboxOptions {
  /** The newest so many are kept; default 200. */
  readonly kept?: number;
}

/**
 * Mails stay in memory and reach nobody: for development and tests.
 *
 * @example mail: { sender: outbox() }
 */
export function outbox(options: OutboxOptions = {}): Outbox {
  return keep((mail) => mail.to.address, options);
}

/** Text messages stay in memory and reach nobody: for development and tests. */
export function smsOutbox(options: OutboxOptions = {}): SmsOutbox {
  return keep((message) => message.to, options);
}

function keep<Item>(addressOf: (item: Item) => string, { kept = 200 }: OutboxOptions): Kept<Item> {
  if (!Number.isSafeInteger(kept) || kept < 1) throw new ConfigurationError("outbox.kept", "must be 1 or more");
  let items: readonly Item[] = [];
  let watchers: readonly { readonly to: string | undefined; readonly tell: (item: Item) => void }[] = [];
  return {
    development: true,
    async send(item) {
      items = [...items, item].slice(-kept);
      const to = addressOf(item);
      const told = watchers.filter((watcher) => watcher.to === undefined || watcher.to === to);
      watchers = watchers.filter((watcher) => !told.includes(watcher));
      for (const { tell } of told) tell(item);
    },
    all: () => items,
    clear() {
      const before = items;
      items = [];
      return before;
    },
    next: (to) =>
      new Promise((tell) => {
        watchers = [...watchers, { to, tell }];
      }),
  };
}
