import type { SecurityRequest } from "../../http/request.ts";
import type { MessageKey } from "../../i18n/catalogue.ts";
import type { CellView } from "../../views/contract.ts";
import { type Answer, done, type Endpoint, failed, notFound } from "../endpoint.ts";
import type { Fault } from "../fields.ts";
import type { Handled } from "../outbox.ts";
import type { WaitingMessage } from "../outbox-rows.ts";
import { pagerLinks, readCursor } from "./filters.ts";
import { type Administration, type ChangingPage, changingPage, pathOf, showing, text, time } from "./pages.ts";

interface OutboxPage {
  readonly faults: Readonly<Record<string, readonly Fault[]>>;
  readonly messages: readonly WaitingMessage[];
  readonly isFirst: boolean;
  readonly next: string | undefined;
}

/**
 * `/admin/outbox`: what waits to be sent, the oldest first; `/admin/outbox/:message/retry` tries one now, `…/drop` gives it up. Only
 * where messages wait in the database.
 */
export function outboxPages(admin: Administration): readonly Endpoint[] {
  const { kernel } = admin;
  const { waiting } = kernel;
  if (waiting === undefined) return [];
  const list = showing<OutboxPage>(admin, {
    name: "admin_outbox",
    path: `${admin.path}/outbox`,
    page: "adminOutbox",
    title: "ADMIN_OUTBOX",
    async read(rq) {
      const { after, faults } = readCursor(rq, placeOf);
      const found = await waiting.page({ after, limit: admin.pageSize + 1 });
      const messages = found.slice(0, admin.pageSize);
      const last = messages.at(-1);
      const next = found.length > messages.length && last !== undefined ? `${last.position}.${last.id}` : undefined;
      return { faults, messages, isFirst: after === undefined, next };
    },
    faults: ({ faults }) => faults,
    json: ({ messages, next }) => ({ messages: messages.map(messageJson), next: next ?? null }),
    sections: (shown, rq) => [
      {
        table: {
          label: text(rq, "ADMIN_OUTBOX"),
          columns: columns.map((key) => ({ text: text(rq, key) })),
          rows: shown.messages.map((message) => messageRow(admin, rq, message)),
          empty: text(rq, "ADMIN_NONE"),
        },
        links: pagerLinks(rq, rq.path, new URLSearchParams(), shown),
      },
    ],
  });

  type Parts = "name" | "path" | "title" | "submitLabel" | "submit" | "intro";
  const acting = (parts: Pick<ChangingPage<Subject, Record<never, never>>, Parts>): Endpoint =>
    changingPage(admin, {
      ...parts,
      fields: {},
      async read(rq) {
        const message = await waiting.find(rq.context?.req.param("message") ?? "");
        if (message === undefined) return undefined;
        return { message, account: message.userId === null ? undefined : await kernel.users.get(message.userId) };
      },
      account: ({ account }) => account,
      back: () => pathOf(admin, "admin_outbox"),
    });
  const named = (rq: SecurityRequest, { kind, to }: WaitingMessage) => ({
    name: kind,
    recipient: to ?? text(rq, "ADMIN_RECIPIENT_UNREADABLE"),
  });
  return [
    list,
    acting({
      name: "admin_outbox_retry",
      path: `${admin.path}/outbox/:message/retry`,
      title: "ADMIN_SEND_NOW",
      submitLabel: "ADMIN_SEND_NOW",
      intro: (rq, { message }) => ({ key: "ADMIN_SEND_NOW_ASK", params: named(rq, message) }),
      async submit(_request, { message }) {
        return answerOf(admin, await waiting.retry(message), "ADMIN_SEND_NOW_DONE");
      },
    }),
    acting({
      name: "admin_outbox_drop",
      path: `${admin.path}/outbox/:message/drop`,
      title: "ADMIN_DROP_MESSAGE",
      submitLabel: "ADMIN_DROP_MESSAGE",
      intro: (rq, { message }) => ({ key: "ADMIN_DROP_MESSAGE_ASK", params: named(rq, message) }),
      async submit(_request, { message }) {
        return answerOf(admin, await waiting.drop(message), "ADMIN_MESSAGE_DROPPED");
      },
    }),
  ];
}

/** One message, with the account that it is for. */
interface Subject {
  readonly message: WaitingMessage;
  readonly account: Awaited<ReturnType<Administration["kernel"]["users"]["get"]>>;
}

/** Says what came of it: 404 where it was sent meanwhile, 409 while it is being sent. */
function answerOf(admin: Administration, handled: Handled, key: MessageKey): Answer {
  if (handled === "gone") return notFound();
  return handled === "busy"
    ? failed(409, "ADMIN_MESSAGE_BUSY")
    : done(pathOf(admin, "admin_outbox"), { message: { key } });
}

const columns = [
  "ADMIN_RECIPIENT",
  "ADMIN_MESSAGE",
  "ADMIN_WAITING_SINCE",
  "ADMIN_ATTEMPTS",
  "ADMIN_NEXT_ATTEMPT",
  "ADMIN_LAST_ERROR",
  "ADMIN_ENDS",
  "ADMIN_SEND_NOW",
  "ADMIN_DROP_MESSAGE",
] as const;

function messageRow(admin: Administration, rq: SecurityRequest, message: WaitingMessage): readonly CellView[] {
  const { id, to, kind, userId, createdAt, attempts, dueAt, busy, lastError, expiresAt } = message;
  const recipient = to ?? text(rq, "ADMIN_RECIPIENT_UNREADABLE");
  return [
    { text: recipient, ...(userId === null ? {} : { href: pathOf(admin, "admin_user", { id: userId }) }) },
    { text: kind },
    time(rq, createdAt),
    { text: String(attempts) },
    busy ? { text: text(rq, "ADMIN_SENDING") } : time(rq, dueAt),
    { text: lastError ?? "" },
    time(rq, expiresAt),
    { text: text(rq, "ADMIN_SEND_NOW"), href: pathOf(admin, "admin_outbox_retry", { message: id }) },
    { text: text(rq, "ADMIN_DROP_MESSAGE"), href: pathOf(admin, "admin_outbox_drop", { message: id }) },
  ];
}

function messageJson(message: WaitingMessage): Readonly<Record<string, unknown>> {
  const iso = (at: number): string => new Date(at).toISOString();
  return {
    id: message.id,
    channel: message.channel,
    kind: message.kind,
    recipient: message.to ?? null,
    user_id: message.userId,
    since: iso(message.createdAt),
    attempts: message.attempts,
    sending: message.busy,
    next_attempt: iso(message.dueAt),
    ends: iso(message.expiresAt),
    last_error: message.lastError,
  };
}

/** "1767322800000123.<id>". */
function placeOf(cursor: string): Pick<WaitingMessage, "position" | "id"> | undefined {
  const [, position, id] = /^([1-9]\d{0,15})\.([\w-]{22})$/.exec(cursor) ?? [];
  return position === undefined || id === undefined ? undefined : { position: Number(position), id };
}
