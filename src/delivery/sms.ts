/** One text message. */
export interface OutgoingSms {
  /** E.164: "+4930123456". */
  readonly to: string;
  readonly text: string;
}

/** What takes text messages away: `twilio(…)`, `smsOutbox()`, or an object of your own. */
export interface SmsSender {
  /** Resolves when the message is handed over. Rejects with a DeliveryError that says `permanent` when trying again is no use. */
  send(message: OutgoingSms): Promise<void>;
  close?(): Promise<void>;
  /** True: messages stay here and reach nobody. */
  readonly development?: boolean;
}

const e164 = /^\+[1-9]\d{6,14}$/;

/** Whether this is a number in the form in which it is stored and dialled (ITU-T E.164). */
export function isE164(text: string): boolean {
  return e164.test(text);
}
