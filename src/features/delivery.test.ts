import { setTimeout as sleep } from "node:timers/promises";
import { html } from "hono/html";
import { describe, expect, expectTypeOf, test } from "vitest";
import { DeliveryError, type MailSender } from "../delivery/mail.ts";
import { outbox, smsOutbox } from "../delivery/outbox.ts";
import { createEventHub } from "../events/events.ts";
import { createCatalogues } from "../i18n/languages.ts";
import type { Account } from "../model/account.ts";
import { ConfigurationError } from "../model/errors.ts";
import { type MailProps, mailContent } from "../views/mail.ts";
import { defaultTheme } from "../views/theme.ts";
import { createDelivery, type Delivery, type DeliveryContext, type MailData } from "./delivery.ts";
import type { Feature } from "./feature.ts";

interface Made {
  readonly delivery: Delivery;
  readonly logs: Record<string, unknown>[];
  readonly events: { readonly name: string; readonly event: Record<string, unknown> }[];
}

async function make(options: Partial<DeliveryContext> = {}): Promise<Made> {
  const logs: Record<string, unknown>[] = [];
  const log = (message: string, details?: Record<string, unknown>): void => void logs.push({ message, ...details });
  const hub = createEventHub(log);
  const events: Made["events"] = [];
  hub.onAny((name, event) => events.push({ name, event: event as unknown as Record<string, unknown> }));
  const delivery = await createDelivery({
    mail: undefined,
    sms: undefined,
    phone: undefined,
    features: [],
    system: { now: () => 1_700_000_000_000, log, events: hub, catalogues: await createCatalogues({}, {}, log) },
    siteName: "Acme",
    theme: defaultTheme,
    origin: "https://acme.example",
    store: undefined,
    accountOf: async () => undefined,
    ...options,
  });
  return { delivery, logs, events };
}

const account = { id: 1, email: "ann@x.test", hasRole: () => false } as unknown as Account;
const from = "no-reply@acme.example";
const broken = (error: Error): MailSender => ({ send: () => Promise.reject(error) });

describe("mail", () => {
  test("a sender that can never send refuses to start, and is asked once", async () => {
    const never = new ConfigurationError("mail.sender", "needs a module that is not there");
    await expect(
      make({ mail: { sender: { ...broken(never), prepare: () => Promise.reject(never) }, from } }),
    ).rejects.toBe(never);
    let asked = 0;
    const sender = outbox();
    await make({
      mail: {
        sender: {
          ...sender,
          prepare: async () => {
            asked += 1;
          },
        },
        from,
      },
    });
    expect(asked).toBe(1);
  });

  test("without a database it waits in memory, which the log says where nobody has asked for it", async () => {
    const mail = { sender: outbox(), from };
    const unasked = await make({ mail });
    unasked.delivery.start(false);
    expect(unasked.logs).toEqual([{ message: expect.stringContaining("there is no datastore") }]);
    const asked = await make({ mail: { ...mail, queue: { store: "memory" } } });
    asked.delivery.start(false);
    const without = await make({});
    without.delivery.start(false);
    const command = await make({ mail });
    command.delivery.start(true);
    expect([asked.logs, without.logs, command.logs]).toEqual([[], [], []]);
  });

  test("goes to the stored address, in text and HTML, with nothing loaded from elsewhere", async () => {
    const box = outbox();
    const { delivery, logs, events } = await make({ mail: { sender: box, from, replyTo: "help@acme.example" } });
    await delivery.mail.send(undefined, "test", account, {});
    expect(box.all()).toEqual([]);
    await delivery.idle();
    expect(box.all()).toEqual([
      expect.objectContaining({
        template: "test",
        date: new Date(1_700_000_000_000),
        messageId: expect.stringMatching(/^<[\w-]{24}@acme\.example>$/),
        from: { address: from },
        replyTo: { address: "help@acme.example" },
        to: { address: "ann@x.test" },
        subject: "Mail from Acme arrives",
        headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
      }),
    ]);
    expect(box.all()[0]?.html).toContain('<html lang="en" dir="ltr">');
    expect(box.all()[0]?.html).not.toMatch(/<(?:img|script|link|iframe)|url\(/);
    expect([logs, events]).toEqual([[], []]);
  });

  test.each([
    ["text", "string", "undefined"],
    ["html", "undefined", "string"],
  ] as const)("format %s leaves the other form out", async (format, text, html) => {
    const box = outbox();
    const { delivery } = await make({ mail: { sender: box, from, format } });
    await delivery.sendTestMail("ann@x.test");
    expect([typeof box.all()[0]?.text, typeof box.all()[0]?.html]).toEqual([text, html]);
  });

  test("the application's template takes the place of ours, and its layout is around it", async () => {
    const box = outbox();
    const { delivery } = await make({
      mail: {
        sender: box,
        from,
        layout: (props, parts) => mailContentLayout(props.siteName, parts.subject),
        templates: {
          test: (props) =>
            mailContent(props, {
              subject: "Hi\r\nBcc: evil@evil.test",
              paragraphs: ["<b>bold</b>\nline"],
              button: { text: "Go", href: "https://acme.example/x?a=1&b=2" },
              code: "123456",
              notes: ["Bye"],
            }),
        },
      },
    });
    await delivery.sendTestMail("ann@x.test");
    const [sent] = box.all();
    expect(sent?.subject).toBe("Hi Bcc: evil@evil.test");
    expect(sent?.text).toBe(
      "<b>bold</b> line\n\n    123456\n\nGo:\nhttps://acme.example/x?a=1&b=2\n\nBye\n\n-- \nAcme\nhttps://acme.example\n",
    );
    expect(sent?.html).toBe("<main>Acme: Hi Bcc: evil@evil.test</main>");
  });

  test("a sender that fails is tried again, with the same mail", async () => {
    const seen: string[] = [];
    const sender: MailSender = {
      async send({ messageId }) {
        seen.push(messageId);
        if (seen.length < 3) throw new Error("not now");
      },
    };
    const { delivery, logs, events } = await make({ mail: { sender, from, queue: { retryAfter: [1, 1] } } });
    await delivery.mail.send(undefined, "test", account, {});
    await delivery.idle();
    expect(seen).toHaveLength(3);
    expect(new Set(seen).size).toBe(1);
    expect([logs, events]).toEqual([[], []]);
  });

  test("what is given up is logged without what was in it, and emitted", async () => {
    const error = new Error("550 <ann@x.test>: see https://acme.example/reset/tok3n for 314159");
    const templates = {
      test: (props: MailProps) => mailContent(props, { subject: "Code", paragraphs: [], code: "314159" }),
    };
    const { delivery, logs, events } = await make({
      mail: { sender: broken(error), from, templates, queue: { retryAfter: [] } },
    });
    await delivery.mail.send(undefined, "test", account, {});
    await delivery.idle();
    expect(logs).toEqual([
      {
        message: "a mail was not sent",
        template: "test",
        failure: "not reached",
        attempts: 1,
        error: expect.any(String),
      },
    ]);
    expect(String(logs[0]?.["error"])).toBe("550 <…>: see … for …");
    expect(JSON.stringify(logs)).not.toMatch(/ann@|tok3n|314159/);
    expect(events).toEqual([
      {
        name: "mailFailed",
        event: { user: account, template: "test", to: "ann@x.test", failure: "not reached", attempts: 1 },
      },
    ]);
  });

  test.each(["a@x.test, evil@evil.test", "a@x.test\r\nBcc: evil@evil.test", "nobody"])(
    "no mail goes to %j",
    async (email) => {
      const box = outbox();
      const { delivery, events } = await make({ mail: { sender: box, from } });
      await delivery.mail.send(undefined, "test", { email }, {});
      await delivery.idle();
      expect(box.all()).toEqual([]);
      expect(events).toMatchObject([
        { name: "mailFailed", event: { user: undefined, failure: "refused", attempts: 1 } },
      ]);
    },
  );

  test("a template that fails harms nobody", async () => {
    const templates = {
      test: () => {
        throw new Error("broken");
      },
    };
    const { delivery, logs } = await make({ mail: { sender: outbox(), from, templates } });
    await delivery.mail.send(undefined, "test", account, {});
    await delivery.idle();
    expect(logs).toMatchObject([{ failure: "refused", attempts: 1, error: "the template failed: broken" }]);
  });

  test("close sends what waits, at once", async () => {
    const box = outbox();
    const { delivery } = await make({ mail: { sender: box, from } });
    await delivery.mail.send(undefined, "test", account, {});
    await delivery.close();
    expect(box.all()).toHaveLength(1);
  });

  test("a sender that needs its time keeps nobody waiting", async () => {
    const began: string[] = [];
    const sender: MailSender = {
      async send({ to }) {
        began.push(to.address);
        await sleep(500);
      },
    };
    const { delivery } = await make({ mail: { sender, from } });
    await delivery.mail.send(undefined, "test", account, {});
    // What the caller does next comes first: nothing was even begun.
    await new Promise((resolve) => setImmediate(resolve));
    expect(began).toEqual([]);
    await delivery.idle();
    expect(began).toEqual(["ann@x.test"]);
  });

  test("what a test mail meets is told to whoever asked for it", async () => {
    const { delivery } = await make({ mail: { sender: broken(new DeliveryError("no such server")), from } });
    await expect(delivery.sendTestMail("ann@x.test")).rejects.toThrow("no such server");
    await expect((await make()).delivery.sendTestMail("ann@x.test")).rejects.toThrow("mail.sender");
    await expect((await make()).delivery.verifyMail()).rejects.toThrow("mail.sender");
  });

  test("what a template needs is told by its type", () => {
    expectTypeOf<MailData<"test">>().toEqualTypeOf<Record<never, never>>();
  });
});

describe("text messages", () => {
  test("go out off the request path", async () => {
    const box = smsOutbox();
    const { delivery } = await make({ sms: { sender: box } });
    await delivery.sms.send("+4915123456789", " Your code is 123456 ");
    expect(box.all()).toEqual([]);
    await delivery.idle();
    expect(box.all()).toEqual([{ to: "+4915123456789", text: "Your code is 123456" }]);
  });

  test.each([
    ["0151 23456789", "code"],
    ["+4915123456789", " "],
    ["+4915123456789", "x".repeat(1_601)],
  ])("nothing goes to %j with such a text", async (to, text) => {
    const box = smsOutbox();
    const { delivery, events } = await make({ sms: { sender: box } });
    await delivery.sms.send(to, text, account);
    await delivery.idle();
    expect(box.all()).toEqual([]);
    expect(events).toMatchObject([
      { name: "smsFailed", event: { user: account, to, failure: "refused", attempts: 1 } },
    ]);
  });

  test("a failure is logged without number and code", async () => {
    const sender = { send: () => Promise.reject(new Error("+4915123456789 did not get 123456")) };
    const { delivery, logs } = await make({ sms: { sender, queue: { retryAfter: [] } } });
    await delivery.sms.send("+4915123456789", "Your code is 123456");
    await delivery.idle();
    expect(logs).toEqual([
      { message: "a text message was not sent", failure: "not reached", attempts: 1, error: "… did not get …" },
    ]);
  });
});

describe("the start", () => {
  const writing: Feature = {
    name: "recovery",
    mails: { test: (props) => mailContent(props, { subject: "", paragraphs: [] }) },
  };
  const texting: Feature = { name: "codes", needs: ["sms"] };

  test.each([
    [{ features: [writing] }, 'mail.sender: "recovery" sends mail; say mail: { sender: smtp'],
    [{ features: [texting] }, 'sms.sender: "codes" sends text messages; say sms: { sender: twilio'],
    [{ mail: { sender: { send: async () => {} } } }, "mail.from: is missing"],
    [{ mail: { sender: {} as MailSender, from } }, "mail.sender: smtp(…)"],
    [{ mail: { sender: outbox(), from: "a@x.test, b@x.test" } }, "mail.from: one address"],
    [{ mail: { sender: outbox(), replyTo: "x" } }, "mail.replyTo: one address"],
    [{ mail: { sender: outbox(), format: "rtf" as "html" } }, "mail.format: must be"],
    [
      { mail: { sender: outbox(), templates: { tset: () => {} } as object } },
      'mail.templates.tset: unknown mail; did you mean "test"? known: test, ',
    ],
    [{ mail: { sender: outbox(), templates: { test: "x" } as object } }, "mail.templates.test: must be a function"],
    [{ mail: { sender: outbox(), queue: { limit: 0 } } }, "mail.queue.limit"],
    [{ sms: { sender: {} as never } }, "sms.sender"],
  ] as readonly (readonly [Partial<DeliveryContext>, string])[])("%j is refused", async (options, message) => {
    await expect(make(options)).rejects.toThrow(message);
  });

  test("only who needs phone numbers loads them", async () => {
    await expect(make().then(({ delivery }) => delivery.phones.normalize("+4930901820"))).rejects.toThrow("phones");
    const { delivery } = await make({ features: [{ name: "codes", needs: ["phones"] }], phone: { region: "DE" } });
    expect(delivery.phones.normalize("030 901820")).toBe("+4930901820");
  });

  test("an outbox needs no address", async () => {
    const box = outbox();
    const { delivery } = await make({ mail: { sender: box } });
    await delivery.sendTestMail("ann@x.test");
    expect(box.all()[0]?.from).toEqual({ address: "no-reply@acme.example" });
  });
});

function mailContentLayout(siteName: string, subject: string): ReturnType<typeof html> {
  return html`<main>${siteName}: ${subject}</main>`;
}
