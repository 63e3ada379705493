import type { Guard, NoWords } from "../../authz/guard.ts";
import { open } from "../../authz/guards/open.ts";
import { notFound as hidden } from "../../authz/verdict.ts";
import type { MailAddress, MailSender, OutgoingMail } from "../../delivery/mail.ts";
import { isLoopbackOrigin } from "../../http/origin.ts";
import type { SecurityRequest } from "../../http/request.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { sha256 } from "../../secrets/random.ts";
import type { ListRow, ListView, PageLink } from "../../views/contract.ts";
import { listPage } from "../../views/pages.ts";
import type { MailOptions } from "../delivery.ts";
import { document, type Endpoint, endpoint, notFound, refused } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { moment } from "../moment.ts";

/** A sender that keeps what it is given. */
type Keeper = MailSender & { all(): readonly OutgoingMail[] };

/**
 * What the option `mail.outboxPage` asks for: `/outbox` shows the mails that a development sender has kept. Links in them sign
 * people in, so it exists on this machine only: every origin is plain HTTP on a loopback name, the caller's connection comes
 * from a loopback address, and the request names one of these origins (a page elsewhere whose name was made to point here,
 * DNS rebinding, does not). Throws ConfigurationError.
 */
export function outboxPage(mail: MailOptions | undefined, origins: readonly string[]): readonly Feature[] {
  const asked: unknown = mail?.outboxPage;
  if (asked !== undefined && typeof asked !== "boolean") {
    throw new ConfigurationError("mail.outboxPage", "true or false is expected");
  }
  if (mail === undefined || asked !== true) return [];
  const sender = mail.sender as MailSender & { readonly all?: unknown };
  if (sender?.development !== true || typeof sender.all !== "function") {
    throw new ConfigurationError(
      "mail.outboxPage",
      "shows what outbox() or fileOutbox() keeps; this sender keeps nothing",
    );
  }
  const elsewhere = origins.find((origin) => !isLoopbackOrigin(origin));
  if (elsewhere !== undefined) {
    throw new ConfigurationError(
      "mail.outboxPage",
      `is for http://localhost alone, not for ${elsewhere}; leave it out`,
    );
  }
  const guard = localOnly(new Set(origins.map((origin) => new URL(origin).host)));
  return [
    {
      name: "outboxPage",
      pages: { outbox: listPage },
      endpoints: (kernel) => [list(kernel, sender as Keeper, guard, origins), shown(sender as Keeper, guard)],
    },
  ];
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^127(?:\.\d{1,3}){3}$/.test(address);
}

/** For everybody else there is no such page. */
function localOnly(hosts: ReadonlySet<string>): Guard<NoWords> {
  const everybody = open("on this machine, while developing");
  return {
    check(rq) {
      // Where the host hands on no address, nobody knows who it is.
      if (rq.address === undefined || !isLoopback(rq.address) || !hosts.has(rq.url.host)) return hidden;
      return everybody.check(rq);
    },
    describe: () => everybody.describe(),
  };
}

function list(kernel: Kernel, sender: Keeper, authz: Guard<NoWords>, origins: readonly string[]): Endpoint {
  return endpoint({
    name: "outbox",
    path: "/outbox",
    methods: ["GET"],
    authz,
    page: "outbox",
    title: "TITLE_OUTBOX",
    intro: "INTRO_OUTBOX",
    submitLabel: "TITLE_OUTBOX",
    fields: {},
    answers: { shown: { mails: { type: "array", items: { type: "object" } } } },
    list(rq): ListView {
      const rows = sender
        .all()
        .toReversed()
        .map((mail) => row(kernel, rq, mail, origins));
      return { label: rq.text("TITLE_OUTBOX"), rows, empty: rq.text("OUTBOX_NONE"), actions: [] };
    },
    show: (rq) => (rq.wantsJson ? { mails: sender.all().map(asJson) } : {}),
    submit: () => refused("METHOD_NOT_ALLOWED"),
  });
}

/** The HTML of one mail, in a document of its own that can do nothing. */
function shown(sender: Keeper, authz: Guard<NoWords>): Endpoint {
  return endpoint({
    name: "outbox_mail",
    path: "/outbox/:id",
    methods: ["GET"],
    authz,
    page: "outbox",
    title: "TITLE_OUTBOX",
    submitLabel: "TITLE_OUTBOX",
    fields: {},
    answers: { failures: [404] },
    show(rq) {
      const id = rq.context?.req.param("id");
      const html = sender.all().find((mail) => idOf(mail) === id)?.html;
      return html === undefined ? notFound() : document(html);
    },
    submit: () => refused("METHOD_NOT_ALLOWED"),
  });
}

function idOf(mail: OutgoingMail): string {
  return sha256(`mail ${mail.messageId}`).slice(0, 22);
}

function addressText({ address, name }: MailAddress): string {
  return name === undefined ? address : `${name} <${address}>`;
}

function row(kernel: Kernel, rq: SecurityRequest, mail: OutgoingMail, origins: readonly string[]): ListRow {
  const path = (kernel.path("outbox_mail") ?? "").replace(":id", idOf(mail));
  const asHtml = mail.html === undefined ? [] : [{ href: path, text: rq.text("OUTBOX_HTML") }];
  return {
    id: idOf(mail),
    title: mail.subject,
    badge: mail.template,
    facts: [
      { label: rq.text("OUTBOX_TO"), text: addressText(mail.to) },
      { label: rq.text("OUTBOX_FROM"), text: addressText(mail.from) },
      { label: rq.text("OUTBOX_SENT"), ...moment(rq.catalogue, mail.date.getTime()) },
    ],
    ...(mail.text === undefined ? {} : { text: mail.text }),
    links: [...linksIn(mail, origins), ...asHtml],
    actions: [],
  };
}

/** The links of a mail's text that lead here. */
function linksIn({ text = "" }: OutgoingMail, origins: readonly string[]): readonly PageLink[] {
  const urls = new Set(text.match(/\bhttps?:\/\/[^\s<>"]+/g) ?? []);
  return [...urls].flatMap((url) => {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed === undefined || !origins.includes(parsed.origin) || parsed.pathname.startsWith("//")) return [];
    return [{ href: parsed.pathname + parsed.search, text: url }];
  });
}

function asJson({ template, to, from, subject, date, text, html }: OutgoingMail): Readonly<Record<string, unknown>> {
  return {
    template,
    to: addressText(to),
    from: addressText(from),
    subject,
    sent_at: date.toISOString(),
    text: text ?? null,
    html: html ?? null,
  };
}
