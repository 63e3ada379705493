import { type Context, Hono } from "hono";
import type {
  AuditEntry,
  MailAddress,
  OpenApiDocument,
  Outbox,
  OutgoingMail,
  RouteRecord,
  SmsOutbox,
} from "portcullis";
import type { ShiftedClock } from "./clock.ts";
import { type Faults, faultPlaces } from "./faults.ts";
import type { EventTrail, LogTrail } from "./trail.ts";
import { BadRow, type UserRows } from "./users.ts";

/** What the control calls work on. */
export interface ControlParts {
  readonly clock: ShiftedClock;
  readonly faults: Faults;
  readonly log: LogTrail;
  readonly events: EventTrail;
  readonly users: UserRows;
  /** The audit entries since the start. */
  readonly entries: () => Promise<readonly AuditEntry[]>;
  readonly mails: Outbox;
  readonly texts: SmsOutbox;
  /** Resolves when nothing waits to be sent: who asks for the outbox sees what their request caused. */
  readonly delivered: () => Promise<void>;
  /** Resolves when the trail holds what happened before. */
  readonly stored: () => Promise<void>;
  readonly routes: () => readonly RouteRecord[];
  readonly openapi: () => OpenApiDocument;
}

type Body = Readonly<Record<string, unknown>>;

/** The address of the connection, and nothing that a request says, decides. */
export function isLoopback(address: string | undefined): boolean {
  return address === "::1" || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(address ?? "");
}

/** The control calls under `/_lab`: they exist for the loopback address alone. */
export function controlApp(parts: ControlParts): Hono {
  const { clock, faults, log, events, users } = parts;
  const app = new Hono().basePath("/_lab");
  app.use("*", async (c, next) => {
    const env = c.env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
    if (!isLoopback(env?.incoming?.socket?.remoteAddress)) return c.json({ error: "not found" }, 404);
    return faults.exempt(next);
  });
  app.onError((error, c) => {
    if (error instanceof BadRow) return c.json({ error: error.message }, 400);
    return c.json({ error: error instanceof Error ? error.message : String(error) }, 500);
  });

  app.get("/outbox", async (c) => {
    await parts.delivered();
    return c.json(parts.mails.all().map(asJson));
  });
  app.delete("/outbox", async (c) => {
    await parts.delivered();
    return c.json(parts.mails.clear().map(asJson));
  });
  app.get("/sms", async (c) => {
    await parts.delivered();
    return c.json(parts.texts.all());
  });
  app.delete("/sms", async (c) => {
    await parts.delivered();
    return c.json(parts.texts.clear());
  });

  app.post("/clock", async (c) => {
    const { advance, reset } = await bodyOf(c);
    if (reset === true) clock.reset();
    else if (typeof advance === "number" && Number.isFinite(advance)) clock.advance(advance);
    else throw new BadRow('{"advance": seconds} or {"reset": true} is expected');
    return c.json({ now: clock.now(), ahead: clock.ahead });
  });

  app.post("/users", async (c) => c.json(await users.create(await bodyOf(c)), 201));
  app.get("/users/:email", async (c) => found(c, await users.read(c.req.param("email"))));
  app.patch("/users/:email", async (c) => found(c, await users.patch(c.req.param("email"), await bodyOf(c))));
  app.delete("/users/:email", async (c) => found(c, await users.remove(c.req.param("email"))));

  app.get("/events", (c) => c.json(events.all()));
  app.delete("/events", (c) => {
    events.clear();
    return c.json([]);
  });
  app.get("/log", (c) => c.json(log.lines()));

  app.post("/fault", async (c) => {
    const { where, times = 1, delay } = await bodyOf(c);
    if (typeof where !== "string" || !faultPlaces.includes(where)) {
      throw new BadRow(`where: unknown place; known: ${faultPlaces.join(", ")}`);
    }
    if (!Number.isInteger(times) || (times as number) < 0) throw new BadRow("times: a whole number is expected");
    const known = delay === undefined || (Number.isInteger(delay) && (delay as number) >= 0);
    if (!known) throw new BadRow("delay: whole milliseconds are expected");
    // A fault is meant for the next request, not for what the trail still has to store.
    await parts.stored().catch(() => undefined);
    faults.order(where, times as number, delay as number | undefined);
    return c.json({ where, times });
  });

  app.get("/trail", async (c) => c.json(await parts.entries()));
  app.get("/routes", (c) => c.json(parts.routes()));
  app.get("/openapi", (c) => c.json(parts.openapi()));
  return app;
}

async function bodyOf(c: Context): Promise<Body> {
  const body: unknown = await c.req.json().catch(() => undefined);
  if (typeof body !== "object" || body === null || Array.isArray(body)) throw new BadRow("a JSON object is expected");
  return body as Body;
}

function found(c: Context, row: Body | undefined): Response {
  return row === undefined ? c.json({ error: "there is no such user" }, 404) : c.json(row);
}

function asJson({ to, from, subject, text, html, headers, template }: OutgoingMail): Body {
  const shown = ({ address, name }: MailAddress): string => (name === undefined ? address : `${name} <${address}>`);
  return { to: shown(to), from: shown(from), subject, text: text ?? null, html: html ?? null, headers, template };
}
