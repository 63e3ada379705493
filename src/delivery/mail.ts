import { normalizeEmail } from "../model/email.ts";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";

/** One mailbox. */
export interface MailAddress {
  readonly address: string;
  /** The display name. */
  readonly name?: string;
}

/** One mail to one recipient, ready to be sent: every part is checked, nothing in it can start another header. */
export interface OutgoingMail {
  /** The name of the template that it was made with. */
  readonly template: string;
  /** The same for each attempt, so that a mailbox can drop what arrives twice. With its angle brackets. */
  readonly messageId: string;
  readonly date: Date;
  readonly from: MailAddress;
  readonly replyTo: MailAddress | undefined;
  readonly to: MailAddress;
  readonly subject: string;
  /** Undefined where the application wants HTML only. */
  readonly text: string | undefined;
  /** Undefined where the application wants text only. */
  readonly html: string | undefined;
  /** Further headers. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What takes mails away: `smtp(…)` from `portcullis/smtp`, `outbox()`, or an object of your own. */
export interface MailSender {
  /** Resolves when the mail is handed over. Rejects with a DeliveryError that says `permanent` when trying again is no use. */
  send(mail: OutgoingMail): Promise<void>;
  /** Called once, at the start: rejects with a ConfigurationError where this sender can never send. */
  prepare?(): Promise<void>;
  /** Rejects, with the reason, when no mail could be sent: asked by whoever looks after the system, never by a request. */
  verify?(): Promise<void>;
  close?(): Promise<void>;
  /**
   * False: the way that mails take knows no SMTPUTF8 (RFC 6531), so an address with a local part beyond ASCII gets none; whoever
   * gives such an address to an account is told. Default: every address is taken.
   */
  readonly smtpUtf8?: boolean;
  /** True: mails stay here and reach nobody. */
  readonly development?: boolean;
  /** What a sender for development has kept, oldest first. */
  all?(): readonly OutgoingMail[];
}

/** Something was not handed over. */
export class DeliveryError extends PortcullisError {
  /** True: it will fail each time. */
  readonly permanent: boolean;
  constructor(message: string, options?: ErrorOptions & { readonly permanent?: boolean }) {
    super("delivery", message, options);
    this.permanent = options?.permanent ?? false;
  }
}

/** Whether a sender takes mail to this address (in its normal form). */
export function takes({ smtpUtf8 }: Pick<MailSender, "smtpUtf8">, address: string): boolean {
  // A domain beyond ASCII has a spelling within it; a local part has none.
  return smtpUtf8 !== false || /^[\x21-\x7e]*$/.test(address.slice(0, address.lastIndexOf("@")));
}

const longestName = 100;
const longestSubject = 200;
// Line ends of every kind and the marks that turn the direction of what follows: none belongs into a header.
const notInHeader = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\ufeff]+/gu;

/**
 * A text as it may stand in a header: one line, no control characters, no lone surrogates, at most `longest` characters.
 */
export function headerText(text: string, longest: number = longestSubject): string {
  const line = text.toWellFormed().replace(notInHeader, " ").replace(/ {2,}/g, " ").trim();
  return line.length <= longest
    ? line
    : `${line
        .slice(0, longest - 1)
        .toWellFormed()
        .trimEnd()}…`;
}

/**
 * Exactly one mailbox, or undefined. The address is parsed by the one rule that accounts are registered by: no lists, no
 * groups, no quoted local part, no angle brackets, so that no mailer can read a second recipient into it.
 */
export function mailbox({ address, name }: MailAddress): MailAddress | undefined {
  const parsed = normalizeEmail(address);
  if (parsed === undefined) return undefined;
  const display = name === undefined ? "" : headerText(name, longestName);
  return display === "" ? { address: parsed } : { address: parsed, name: display };
}

/** A mailbox of the configuration: `"no-reply@acme.example"` or with a display name. Throws ConfigurationError. */
export function configuredMailbox(path: string, value: unknown): MailAddress {
  const given = typeof value === "string" ? { address: value } : value;
  const { address, name } = (typeof given === "object" && given !== null ? given : {}) as Partial<MailAddress>;
  const parsed = typeof address === "string" ? mailbox({ address }) : undefined;
  if (parsed === undefined) {
    throw new ConfigurationError(path, 'one address is expected: "no-reply@acme.example", or { name, address }');
  }
  if (name === undefined) return parsed;
  if (typeof name !== "string" || name.trim() === "" || headerText(name, longestName) !== name.trim()) {
    throw new ConfigurationError(`${path}.name`, `a name of at most ${longestName} characters in one line is expected`);
  }
  return { ...parsed, name: name.trim() };
}
