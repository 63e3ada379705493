/** Senders that need `nodemailer` (`npm install nodemailer`): SMTP, and a folder of mail files. */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import { randomId } from "../secrets/random.ts";
import { DeliveryError, type MailAddress, type MailSender, type OutgoingMail, takes } from "./mail.ts";
import { outbox } from "./outbox.ts";

/** A mail server. */
export interface SmtpOptions {
  readonly host: string;
  /** Default 465; with `startTls` 587, with `allowPlaintext` 25. */
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
  /** Begin in the clear and insist on STARTTLS before anything else is said (port 587); default: TLS from the first byte. */
  readonly startTls?: boolean;
  /** No TLS: names, links and codes can be read and changed on the way. Only for a server on this machine. */
  readonly allowPlaintext?: boolean;
  /** Certificates (PEM) that are trusted in the place of the usual ones. */
  readonly ca?: string | readonly string[];
  /** Connections that are kept open; default 4. */
  readonly connections?: number;
  /** Milliseconds to wait for a connection, a greeting or an answer; default 10 s. */
  readonly timeout?: number;
  /**
   * True: the server offers SMTPUTF8 (RFC 6531), and so do those that it hands mail on to. Default false: no account is given an
   * address with a local part beyond ASCII, and mail to one fails before it is sent.
   */
  readonly smtpUtf8?: boolean;
  /** How this host names itself to the server; default its host name. */
  readonly name?: string;
}

const known: readonly string[] = [
  "host",
  "port",
  "user",
  "password",
  "startTls",
  "allowPlaintext",
  "ca",
  "connections",
  "timeout",
  "name",
  "smtpUtf8",
];

/**
 * Sends by SMTP (RFC 5321), over TLS, by a pool of connections.
 *
 * @param server options, or a URL: `smtps://user:password@host` for TLS, `smtp://user:password@host:587` for STARTTLS
 * @example mail: { sender: smtp(process.env.SMTP_URL), from: "no-reply@acme.example" }
 */
export function smtp(server: SmtpOptions | string): MailSender {
  const {
    host,
    port,
    user,
    password,
    startTls,
    allowPlaintext,
    ca,
    connections,
    timeout,
    name,
    smtpUtf8 = false,
  } = optionsOf(server);
  const patience = timeout ?? 10_000;
  const clear = allowPlaintext === true;
  let opened: Promise<Transport> | undefined;
  const transport = (): Promise<Transport> => {
    opened ??= load().then((createTransport) =>
      createTransport({
        pool: true,
        host,
        port: port ?? (clear ? 25 : startTls === true ? 587 : 465),
        secure: !clear && startTls !== true,
        requireTLS: startTls === true,
        ignoreTLS: clear,
        ...(user === undefined ? {} : { auth: { user, pass: password ?? "" } }),
        ...(name === undefined ? {} : { name }),
        tls: { minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) },
        maxConnections: connections ?? 4,
        connectionTimeout: patience,
        greetingTimeout: patience,
        socketTimeout: patience,
        ...nothingFromElsewhere,
      }),
    );
    return opened;
  };
  return {
    smtpUtf8,
    prepare,
    async send(mail) {
      if (!takes({ smtpUtf8 }, mail.to.address)) {
        throw new DeliveryError(
          "the recipient's address needs SMTPUTF8; say smtpUtf8: true where the server offers it",
          {
            permanent: true,
          },
        );
      }
      const open = await transport();
      try {
        await open.sendMail(messageOf(mail));
      } catch (error) {
        throw failureOf(error);
      }
    },
    async verify() {
      await (await transport()).verify();
    },
    async close() {
      (await opened)?.close();
    },
  };
}

/** Mails that are kept as files. */
export interface FileOutbox extends MailSender {
  readonly development: true;
  /** The newest 200 that this process has written, oldest first. */
  all(): readonly OutgoingMail[];
}

/**
 * Writes each mail into a file of its own (`.eml`, RFC 5322) that mail programs open: for development. The files appear
 * whole, named by time.
 */
export function fileOutbox(folder: string): FileOutbox {
  if (typeof folder !== "string" || folder === "") throw new ConfigurationError("fileOutbox", "a folder is expected");
  let opened: Promise<Transport> | undefined;
  const kept = outbox();
  return {
    development: true,
    all: () => kept.all(),
    prepare,
    async send(mail) {
      opened ??= load().then((create) =>
        create({ streamTransport: true, buffer: true, newline: "windows", ...nothingFromElsewhere }),
      );
      const { message } = await (await opened).sendMail(messageOf(mail));
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const file = join(folder, `${mail.date.toISOString().replaceAll(":", "-")}-${randomId(6)}.eml`);
      // Links in it sign people in: nobody else on this machine may read it.
      await writeFile(`${file}.part`, message as Uint8Array, { mode: 0o600, flag: "wx" });
      await rename(`${file}.part`, file);
      await kept.send(mail);
    },
  };
}

/** Text in a mail never makes the server read a file or fetch a URL. */
const nothingFromElsewhere = { disableFileAccess: true, disableUrlAccess: true };

interface Transport {
  sendMail(message: object): Promise<{ readonly message?: unknown }>;
  verify(): Promise<unknown>;
  close(): void;
}

/** Without the module each mail would be lost, one after the other, while all else works. */
async function prepare(): Promise<void> {
  await load();
}

async function load(): Promise<(options: object) => Transport> {
  try {
    const { createTransport } = await import("nodemailer");
    return createTransport as unknown as (options: object) => Transport;
  } catch (error) {
    throw new ConfigurationError("mail.sender", 'needs nodemailer; run "npm install nodemailer"', { cause: error });
  }
}

/** The mail as nodemailer takes it. Mailboxes are objects, never text that it would parse for more of them. */
function messageOf(mail: OutgoingMail): object {
  const box = ({ address, name }: MailAddress): object => ({ name: name ?? "", address });
  return {
    messageId: mail.messageId,
    date: mail.date,
    from: box(mail.from),
    to: box(mail.to),
    envelope: { from: mail.from.address, to: [mail.to.address] },
    ...(mail.replyTo === undefined ? {} : { replyTo: box(mail.replyTo) }),
    subject: mail.subject,
    ...(mail.text === undefined ? {} : { text: mail.text }),
    ...(mail.html === undefined ? {} : { html: mail.html }),
    headers: mail.headers,
  };
}

/** A reply of 5yz stays (RFC 5321 4.2.1); everything else may be better the next time. */
function failureOf(error: unknown): Error {
  const { responseCode, code } = error as { readonly responseCode?: unknown; readonly code?: unknown };
  const final = typeof responseCode === "number" && responseCode >= 500 && code !== "EAUTH";
  const message = error instanceof Error ? error.message : String(error);
  return new DeliveryError(message, { permanent: final, cause: error });
}

function optionsOf(server: SmtpOptions | string): SmtpOptions {
  const options: unknown = typeof server === "string" ? fromUrl(server) : server;
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new ConfigurationError("smtp", 'a URL such as "smtps://user:password@mail.acme.example" is expected');
  }
  const given = options as SmtpOptions;
  checkKnown("smtp", given, known);
  const count = (name: "port" | "connections" | "timeout", most: number): void => {
    const value: unknown = given[name];
    if (value !== undefined && !(Number.isInteger(value) && (value as number) > 0 && (value as number) <= most)) {
      throw new ConfigurationError(`smtp.${name}`, `a whole number from 1 to ${most} is expected`);
    }
  };
  if (typeof given.host !== "string" || !/^[A-Za-z0-9.:_-]+$/.test(given.host)) {
    throw new ConfigurationError("smtp.host", "the name of the mail server is expected");
  }
  count("port", 65_535);
  count("connections", 100);
  count("timeout", 600_000);
  for (const name of ["user", "password", "name"] as const) {
    if (given[name] !== undefined && typeof given[name] !== "string") {
      throw new ConfigurationError(`smtp.${name}`, "a text is expected");
    }
  }
  if ((given.user === undefined) !== (given.password === undefined)) {
    throw new ConfigurationError("smtp.user", "user and password belong together");
  }
  for (const name of ["startTls", "allowPlaintext", "smtpUtf8"] as const) {
    if (given[name] !== undefined && typeof given[name] !== "boolean") {
      throw new ConfigurationError(`smtp.${name}`, "true or false is expected");
    }
  }
  if (given.startTls === true && given.allowPlaintext === true) {
    throw new ConfigurationError("smtp.allowPlaintext", "contradicts startTls");
  }
  return given;
}

function fromUrl(text: string): SmtpOptions {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const rest = url === undefined ? "" : `${url.pathname.replace(/^\/$/, "")}${url.search}${url.hash}`;
  // The URL has a password in it: the message must not repeat it.
  if (url === undefined || (url.protocol !== "smtps:" && url.protocol !== "smtp:") || rest !== "") {
    throw new ConfigurationError(
      "smtp",
      '"smtps://user:password@host:465" is expected, or "smtp://…:587" for STARTTLS',
    );
  }
  const part = (value: string): string => decodeURIComponent(value);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    ...(url.port === "" ? {} : { port: Number(url.port) }),
    ...(url.username === "" ? {} : { user: part(url.username), password: part(url.password) }),
    ...(url.protocol === "smtp:" ? { startTls: true } : {}),
  };
}
