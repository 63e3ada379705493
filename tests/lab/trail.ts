import type { AuditEntry, AuditTrail, EventHub } from "portcullis";

/** One event as tests see it. */
export interface RecordedEvent {
  readonly name: string;
  /** The e-mail address of the user whom it is about; null: nobody that is known. */
  readonly user: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The events that were emitted, oldest first. */
export interface EventTrail {
  all(): readonly RecordedEvent[];
  clear(): void;
}

/** Records every event from now on. */
export function recordEvents(events: EventHub): EventTrail {
  let trail: RecordedEvent[] = [];
  events.onAny((name, event) => {
    const { user, ...details } = event as { user?: { readonly email: string } };
    trail.push({ name, user: user?.email ?? null, details });
  });
  return {
    all: () => trail,
    clear() {
      trail = [];
    },
  };
}

/** Reads the audit entries that come from now on, oldest first. */
export async function auditedSince(trail: AuditTrail): Promise<() => Promise<readonly AuditEntry[]>> {
  const [last] = await trail.list({ limit: 1 });
  return async () => {
    const entries: AuditEntry[] = [];
    for (;;) {
      const after = entries.at(-1)?.sequence;
      const page = await trail.list({ limit: 1000, ...(after === undefined ? {} : { after }) });
      const fresh = page.filter(({ sequence }) => sequence > (last?.sequence ?? 0));
      entries.push(...fresh);
      if (fresh.length < 1000) return entries.reverse();
    }
  };
}

/** What the server wrote to standard error. */
export interface LogTrail {
  lines(): readonly string[];
}

/** Records all that goes to standard error from now on, whoever writes it, and lets it through. */
export function recordLog(stream: NodeJS.WriteStream = process.stderr): LogTrail {
  let text = "";
  const write = stream.write.bind(stream) as (...args: readonly unknown[]) => boolean;
  stream.write = (...args: readonly unknown[]): boolean => {
    const [chunk] = args;
    text += typeof chunk === "string" ? chunk : Buffer.from(chunk as Uint8Array).toString();
    return write(...args);
  };
  return { lines: () => text.split("\n").filter((line) => line !== "") };
}
