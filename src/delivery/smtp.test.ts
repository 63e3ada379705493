import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { afterEach, describe, expect, test } from "vitest";
import { ConfigurationError } from "../model/errors.ts";
import { DeliveryError, headerText, type MailSender, mailbox, type OutgoingMail } from "./mail.ts";
import { fileOutbox, type SmtpOptions, smtp } from "./smtp.ts";

/** What one connection handed over. */
interface Received {
  readonly from: string;
  readonly recipients: readonly string[];
  readonly raw: string;
  readonly secure: boolean;
}

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** A real SMTP server on a free port of the loopback address. */
async function mailServer(options: SMTPServerOptions = {}): Promise<{ port: number; received: Received[] }> {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    disabledCommands: ["STARTTLS"],
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        received.push({
          from: session.envelope.mailFrom === false ? "" : session.envelope.mailFrom.address,
          recipients: session.envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(chunks).toString(),
          secure: session.secure,
        });
        done();
      });
    },
    ...options,
  });
  server.on("error", () => {});
  const listening = server.listen(0, "127.0.0.1");
  await once(listening, "listening");
  open.push({ close: () => new Promise<void>((resolve) => server.close(() => resolve())) });
  return { port: (listening.address() as AddressInfo).port, received };
}

function sender(port: number, options: Partial<SmtpOptions> = {}): MailSender {
  const made = smtp({ host: "127.0.0.1", port, allowPlaintext: true, ...options });
  open.unshift({ close: () => made.close?.() });
  return made;
}

function mail(parts: Partial<OutgoingMail> = {}): OutgoingMail {
  return {
    template: "test",
    messageId: "<one@acme.example>",
    date: new Date("2026-01-02T03:04:05Z"),
    from: { name: "Acme", address: "no-reply@acme.example" },
    replyTo: undefined,
    to: { address: "ann@x.test" },
    subject: "Hello",
    text: "In plain words.\n",
    html: "<p>In HTML.</p>",
    headers: { "Auto-Submitted": "auto-generated" },
    ...parts,
  };
}

/** Header lines that are unfolded, by name. */
function headerNames(raw: string): readonly string[] {
  const [head = ""] = raw.split("\r\n\r\n", 1);
  return head
    .replace(/\r\n[ \t]+/g, " ")
    .split("\r\n")
    .map((line) => line.split(":", 1)[0]?.toLowerCase() ?? "");
}

const parse = (raw: string): Promise<Email> => PostalMime.parse(raw);

describe("smtp", () => {
  test("hands over text and HTML as they were, to one recipient", async () => {
    const { port, received } = await mailServer();
    await sender(port).send(
      mail({ to: { name: "Änn “A”, x", address: "ann@bücher.example" }, subject: "Grüße 👋", text: ".\n€ und mehr\n" }),
    );
    expect(received).toHaveLength(1);
    const [{ from, recipients, raw } = expect.fail()] = received;
    expect(from).toBe("no-reply@acme.example");
    expect(recipients).toEqual(["ann@bücher.example"]);
    const parsed = await parse(raw);
    expect(parsed.subject).toBe("Grüße 👋");
    expect(parsed.text?.trim()).toBe(".\n€ und mehr");
    expect(parsed.html?.trim()).toBe("<p>In HTML.</p>");
    expect(parsed.messageId).toBe("<one@acme.example>");
    expect(parsed.to).toEqual([{ name: "Änn “A”, x", address: expect.stringMatching(/^ann@/) }]);
    expect(headerNames(raw)).toContain("auto-submitted");
  });

  test("whatever names, subjects and texts say: one recipient, the headers that belong there", async () => {
    const { port, received } = await mailServer();
    const sending = sender(port);
    await sending.send(mail({ to: { name: "n", address: "v@x.test" }, replyTo: { address: "r@x.test" } }));
    const usual = headerNames(received[0]?.raw ?? "").toSorted();
    const evil = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        ...["\r\nBcc: evil@evil.test", "x\nTo: evil@evil.test\n\nbody", "\u2028Bcc: evil@evil.test", "evil@evil.test"],
        ...[
          "<evil@evil.test>",
          "a, evil@evil.test",
          "=?utf-8?q?=0D=0ABcc:_evil@evil.test?=",
          "\0\r\n.\r\nRCPT TO:<e@e>",
        ],
      ),
    );
    await fc.assert(
      fc.asyncProperty(evil, evil, evil, async (name, subject, text) => {
        received.length = 0;
        const to = mailbox({ address: "v@x.test", name });
        if (to === undefined) throw new Error("the address is good");
        const replyTo = { address: "r@x.test" };
        await sending.send(
          mail({
            to: { name: "n", ...to },
            replyTo,
            subject: headerText(`s${subject}`),
            text: `t${text.toWellFormed()}`,
          }),
        );
        expect(received).toHaveLength(1);
        expect(received[0]?.recipients).toEqual(["v@x.test"]);
        expect(headerNames(received[0]?.raw ?? "").toSorted()).toEqual(usual);
      }),
      { numRuns: 60 },
    );
  });

  test("does not speak in the clear unless told to [ASVS 12.3.1]", async () => {
    const { port, received } = await mailServer();
    // Neither from the first byte nor by STARTTLS: the server has no TLS.
    await expect(sender(port, { allowPlaintext: false }).send(mail())).rejects.toThrow(DeliveryError);
    await expect(sender(port, { allowPlaintext: false, startTls: true }).send(mail())).rejects.toThrow(DeliveryError);
    expect(received).toEqual([]);
  });

  test("does not trust a certificate that nobody vouches for [ASVS 12.3.2]", async () => {
    const starting = await mailServer({ disabledCommands: [] });
    const encrypted = await mailServer({ secure: true, disabledCommands: [] });
    await expect(sender(starting.port, { allowPlaintext: false, startTls: true }).send(mail())).rejects.toThrow(
      /certificate|expired/,
    );
    await expect(sender(encrypted.port, { allowPlaintext: false }).send(mail())).rejects.toThrow(/certificate|expired/);
    expect([...starting.received, ...encrypted.received]).toEqual([]);
  });

  test.each([
    [550, true],
    [451, false],
  ])("a recipient refused with %i: permanent %s", async (responseCode, permanent) => {
    const { port } = await mailServer({
      onRcptTo: (_address, _session, done) => done(Object.assign(new Error("no"), { responseCode })),
    });
    await expect(sender(port).send(mail())).rejects.toThrow(expect.objectContaining({ permanent }));
    await expect(sender(port).verify?.()).resolves.toBeUndefined();
  });

  test("a server that is away may be back", async () => {
    const away = sender(1);
    await expect(away.send(mail())).rejects.toThrow(expect.objectContaining({ permanent: false }));
    await expect(away.verify?.()).rejects.toThrow();
  });

  test.each([
    ["https://x.test", "smtp"],
    ["smtps://u:p@x.test/path", "smtp"],
    ["x", "smtp"],
    [{ host: "" }, "smtp.host"],
    [{ host: "x.test\r\n" }, "smtp.host"],
    [{ host: "x.test", port: 0 }, "smtp.port"],
    [{ host: "x.test", user: "u" }, "smtp.user"],
    [{ host: "x.test", startTls: true, allowPlaintext: true }, "smtp.allowPlaintext"],
    [{ host: "x.test", allowPlaintext: "yes" }, "smtp.allowPlaintext"],
    [{ host: "x.test", secure: false }, "smtp.secure"],
    [undefined, "smtp"],
  ])("%j is refused at %s", (server, path) => {
    expect(() => smtp(server as never)).toThrow(expect.objectContaining({ path }));
    expect(() => smtp(server as never)).toThrow(ConfigurationError);
  });

  test("a faulty URL's password is not repeated", () => {
    expect(() => smtp("imap://user:hunter2@x.test")).toThrow(expect.not.objectContaining({ message: /hunter2/ }));
  });
});

test("fileOutbox writes each mail into a file that only its owner reads", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-outbox-"));
  try {
    const box = fileOutbox(join(folder, "mails"));
    await box.send(mail({ subject: "Grüße" }));
    await box.send(mail({ html: undefined }));
    const files = (await readdir(join(folder, "mails"))).toSorted();
    expect(files).toHaveLength(2);
    for (const file of files) {
      expect(file).toMatch(/^2026-01-02T03-04-05\.000Z-[\w-]+\.eml$/);
      expect((await stat(join(folder, "mails", file))).mode & 0o777).toBe(0o600);
    }
    const contents = await Promise.all(files.map((file) => readFile(join(folder, "mails", file), "utf8").then(parse)));
    expect(contents.map(({ subject }) => subject).toSorted()).toEqual(["Grüße", "Hello"]);
    expect(contents.filter(({ html }) => html === undefined)).toHaveLength(1);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("mail to a local part beyond ASCII fails before it is sent, unless the server is said to offer SMTPUTF8", async () => {
  const { port, received } = await mailServer();
  const to = { address: "jörg@acme.example" };
  await expect(sender(port).send(mail({ to }))).rejects.toMatchObject({ code: "delivery", permanent: true });
  expect(received).toEqual([]);
  expect([sender(port).smtpUtf8, sender(port, { smtpUtf8: true }).smtpUtf8]).toEqual([false, true]);
  await sender(port, { smtpUtf8: true }).send(mail({ to }));
  expect(received[0]?.recipients).toEqual(["jörg@acme.example"]);
  expect(() => smtp({ host: "a", smtpUtf8: "yes" as never })).toThrow(/^smtp\.smtpUtf8/);
});
