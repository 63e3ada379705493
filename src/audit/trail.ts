import { AsyncLocalStorage } from "node:async_hooks";
import type { Datastore, Where } from "../datastore/contract.ts";
import type { EventHub, SecurityAttemptName } from "../events/events.ts";
import { refuse } from "../events/events.ts";
import { ConfigurationError, PortcullisError } from "../model/errors.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { anchorOf } from "./anchor.ts";
import { append, prune, renewSignature, type SeenHead } from "./chain.ts";
import { type AuditEntry, type AuditFacts, factsOf } from "./entry.ts";
import { NothingToAcknowledgeError } from "./remedies.ts";
import { AuditBrokenError, type AuditReport, parseHead, type VerifyOptions, verifyChain } from "./verify.ts";

/** Which entries are asked for; all conditions must hold. */
export interface AuditQuery {
  /** Whom it concerns. */
  readonly user?: number | { readonly id: number };
  /** Who did it. */
  readonly actor?: number | { readonly id: number };
  readonly name?: string;
  /** Not before, and not from then on. */
  readonly from?: Date;
  readonly to?: Date;
  /** The number of the last entry of the page before this one. */
  readonly after?: number;
  /** At most so many; default 50, at most 1,000. */
  readonly limit?: number;
}

/** Who did what, when, from where, with which result: append-only, chained by hashes. */
export interface AuditTrail {
  /** The newest entries first, paged by number. Waits until what happened before is stored. */
  list(query?: AuditQuery): Promise<readonly AuditEntry[]>;
  /** Looks at the whole chain. Waits until what happened before is stored. */
  verify(options?: VerifyOptions): Promise<AuditReport>;
  /**
   * A line that says, signed, where the chain ends now. Kept outside of the database and given to a later `verify({ anchor })`, it
   * finds the trail cut off or emptied. The chain is verified first, with the anchor before it where one is given. Throws
   * PortcullisError `audit_broken` where it does not hold.
   */
  anchor(options?: VerifyOptions): Promise<string>;
  /**
   * For an operator who knows why the trail says that it was broken (a key that was dropped too early, a restore): these breaks
   * are no faults from now on, and retention goes on. Anything else that is wrong stays wrong. Becomes an entry
   * (`auditAcknowledged`) with the reason and who says so, which stands in the chain like any other. Throws PortcullisError
   * `nothing_to_acknowledge` where no break is the only thing that is wrong (its message and its `faults` say what else is, and
   * what to do), `invalid_field` without a reason or a name.
   */
  acknowledge(statement: Acknowledgement): Promise<void>;
  /** Resolves once all that happened before is stored, or rejects when that fails now. */
  flush(): Promise<void>;
}

/** Why breaks of the trail are known, and who says so: texts of up to 255 characters. */
export interface Acknowledgement {
  readonly reason: string;
  /** A person or an account of the operating system, as people know them. */
  readonly by: string;
}

/** The trail with what only the composition root uses. */
export interface RunningTrail extends AuditTrail {
  /** Signs anew what an older key has signed. */
  open(): Promise<void>;
  /** Removes what is older than the option `audit.keep` says. */
  prune(): Promise<void>;
  /** Stores what waits; what can't be stored goes to the log. */
  close(): Promise<void>;
}

/** What the trail needs. */
export interface AuditContext {
  readonly datastore: Datastore;
  readonly ring: KeyRing;
  readonly events: EventHub;
  readonly now: () => number;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
  /** What has a before-hook is refused while the trail can't be written. */
  readonly required: boolean;
  /** Entries older than so many milliseconds are removed; undefined: none. */
  readonly keep: number | undefined;
  /** So many entries wait at most. */
  readonly queue: number;
}

const newestFirst = { orderBy: [{ field: "sequence", direction: "desc" } as const], limit: 1 };
const batch = 100;
/** Milliseconds between two times that entries are stored: where much happens, what came in between is one transaction. */
const pace = 50;
/** Pauses between attempts to store, in milliseconds; the last one goes on. */
const pauses: readonly number[] = [50, 250, 1_000, 5_000];
const attempts: readonly SecurityAttemptName[] = [
  ...(["signIn", "register", "changePassword", "resetPassword"] as const),
  ...(["changeEmail", "changeUsername", "deleteAccount", "impersonate"] as const),
];

/**
 * Writes every event into the trail, in order and off the request path. An entry that can't be stored waits and is tried
 * again; what finds the queue full, or is still there at the end, goes to the log: nothing is lost silently.
 */
export function createAuditTrail(context: AuditContext): RunningTrail {
  const { datastore, ring, events, now, log } = context;
  const waiting: AuditFacts[] = [];
  let failing = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let closed = false;
  let stored = Number.NEGATIVE_INFINITY;
  const seen: SeenHead = { version: undefined };
  // An event may be told inside of a request's transaction: writing must not happen there.
  const outside = AsyncLocalStorage.snapshot();

  const lose = (facts: AuditFacts, reason: string): void => {
    log("an audit entry could not be stored", { reason, entry: facts });
  };

  const fail = (error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    if (!failing) {
      log("the audit trail can't be written; entries wait", { error: reason, waiting: waiting.length });
      events.emit("auditFailed", { reason, waiting: waiting.length, lost: 0 });
    }
    failing = true;
  };

  /** One pass over what waits. Rejects at the first batch that can't be stored. */
  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const facts = waiting.slice(0, batch);
      await append(datastore, ring, facts, now, seen);
      waiting.splice(0, facts.length);
      failing = false;
      failures = 0;
    }
  };

  const pump = (): Promise<void> => {
    running ??= outside(drain).finally(() => {
      running = undefined;
      stored = performance.now();
    });
    return running;
  };

  const schedule = (pause: number): void => {
    if (timer !== undefined || closed) return;
    const go = (): void => {
      timer = undefined;
      pump().catch((error: unknown) => {
        fail(error);
        schedule(pauses[Math.min(failures, pauses.length - 1)] ?? 0);
        failures += 1;
      });
    };
    timer = outside(() => setTimeout(go, pause));
    // What may go on failing keeps no process alive.
    if (failing) timer.unref();
  };

  const off = events.onAny((name, event, where) => {
    const facts = factsOf(name, event as never, where);
    if (facts === undefined) return;
    if (closed || waiting.length >= context.queue) {
      const reason = closed ? "the trail is closed" : "the queue is full";
      lose(facts, reason);
      if (!closed) events.emit("auditFailed", { reason, waiting: waiting.length, lost: 1 });
      return;
    }
    waiting.push(facts);
    if (!failing) schedule(Math.max(0, stored + pace - performance.now()));
  });

  const flush = async (): Promise<void> => {
    // What is being stored now may have begun before the newest entry.
    while (waiting.length > 0 || running !== undefined) await pump();
  };

  const writable = async (): Promise<boolean> => {
    if (!failing) return true;
    try {
      await flush();
      return true;
    } catch (error) {
      fail(error);
      return false;
    }
  };
  if (context.required) {
    for (const name of attempts) {
      events.before(name, async () => ((await writable()) ? undefined : refuse("ACTION_REFUSED")));
    }
  }

  return {
    flush,
    async list(query = {}) {
      await flush();
      const limit = limitOf(query.limit);
      const rows = await datastore.find("audit", whereOf(query), {
        orderBy: [{ field: "sequence", direction: "desc" }],
        limit,
      });
      return rows as unknown as readonly AuditEntry[];
    },
    async verify(options) {
      await flush();
      return verifyChain(datastore, ring, options);
    },
    async anchor(options) {
      await flush();
      const report = await verifyChain(datastore, ring, options);
      if (!report.ok) throw new AuditBrokenError(report);
      return anchorOf(ring, parseHead(report.head), now());
    },
    async acknowledge({ reason, by }) {
      for (const [name, text] of Object.entries({ reason, by })) {
        if (typeof text === "string" && text.trim() !== "" && text.length <= 255) continue;
        throw new PortcullisError(
          "invalid_field",
          `audit.acknowledge.${name}: a text of 1 to 255 characters is expected`,
        );
      }
      await flush();
      const { faults } = await verifyChain(datastore, ring);
      // What the report says, and no newer one: nobody has seen that yet.
      const until = Math.max(0, ...faults.map(({ sequence }) => sequence ?? 0));
      const others = faults.filter(({ reported }) => reported !== true);
      if (until === 0 || others.length > 0) {
        throw new NothingToAcknowledgeError(others);
      }
      events.emit("auditAcknowledged", { until, reason, by });
      await flush();
    },
    open: () => renewSignature(datastore, ring),
    async prune() {
      await renewSignature(datastore, ring);
      if (context.keep === undefined) return;
      const before = now() - context.keep;
      const order = { orderBy: [{ field: "sequence" } as const], limit: 1 };
      const [kept] = (await datastore.find("audit", { at: { gte: before } }, order)) as unknown as AuditEntry[];
      const where: Where = kept === undefined ? {} : { sequence: { lt: kept.sequence } };
      const [last] = (await datastore.find("audit", where, newestFirst)) as unknown as AuditEntry[];
      if (last === undefined) return;
      // What was tampered with stays: it is the evidence.
      const report = await verifyChain(datastore, ring, { until: last.sequence });
      if (!report.ok) {
        log("old audit entries are not removed: the chain does not hold", { faults: report.faults });
        return;
      }
      await prune(datastore, ring, last);
    },
    async close() {
      if (closed) return;
      clearTimeout(timer);
      timer = undefined;
      try {
        await flush();
      } catch (error) {
        fail(error);
      }
      closed = true;
      off();
      for (const facts of waiting.splice(0)) lose(facts, "the system was closed");
    },
  };
}

function limitOf(limit: number | undefined): number {
  if (limit === undefined) return 50;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw new ConfigurationError("audit.list.limit", "must be a whole number from 1 to 1000");
  }
  return limit;
}

function whereOf({ user, actor, name, from, to, after }: AuditQuery): Where {
  const idOf = (reference: number | { readonly id: number }): number =>
    typeof reference === "number" ? reference : reference.id;
  const at = {
    ...(from === undefined ? {} : { gte: from.getTime() }),
    ...(to === undefined ? {} : { lt: to.getTime() }),
  };
  return {
    ...(user === undefined ? {} : { userId: idOf(user) }),
    ...(actor === undefined ? {} : { actorId: idOf(actor) }),
    ...(name === undefined ? {} : { name }),
    ...(after === undefined ? {} : { sequence: { lt: after } }),
    ...(from === undefined && to === undefined ? {} : { at: at as { readonly lt: number } }),
  };
}

/** Where there is no datastore, there is no trail: asking for it rejects with PortcullisError `no_datastore`. */
export function noAuditTrail(): RunningTrail {
  const refuse = (): Promise<never> =>
    Promise.reject(new PortcullisError("no_datastore", "the trail needs the option datastore, and there is none"));
  return {
    list: refuse,
    verify: refuse,
    anchor: refuse,
    acknowledge: refuse,
    flush: refuse,
    open: () => Promise.resolve(),
    prune: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
