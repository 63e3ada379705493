import { AsyncLocalStorage } from "node:async_hooks";
import type { MessageKey } from "../i18n/catalogue.ts";
import type { Account } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import { DeadlineError, inTime } from "../model/deadline.ts";
import { decoy } from "../model/decoy.ts";
import type {
  EventContext,
  SecurityAttemptName,
  SecurityAttempts,
  SecurityEventName,
  SecurityEvents,
} from "./catalogue.ts";

export type {
  EventContext,
  SecurityAttemptName,
  SecurityAttempts,
  SecurityEventName,
  SecurityEvents,
} from "./catalogue.ts";

/** What events need to know of the request in which they happen; a SecurityRequest is one. */
export interface EventSource {
  readonly address: string | undefined;
  readonly method: string;
  readonly route: { readonly label: string };
  readonly identity:
    | { readonly account: Account; readonly via: string; readonly impersonator?: Account | undefined }
    | undefined;
  header(name: string): string | undefined;
}

/** That something must not happen, and what the caller is told. */
export interface Refusal {
  readonly refuse: MessageKey;
}

/** A before-hook's way to say no. */
export function refuse(key: MessageKey): Refusal {
  return { refuse: key };
}

type Listener<Name extends SecurityEventName> = (
  event: SecurityEvents[Name],
  context: EventContext,
) => void | Promise<void>;

/** What listeners hear of an event. */
type Told = readonly [name: SecurityEventName, event: SecurityEvents[SecurityEventName]];

type Hook<Name extends SecurityAttemptName> = (
  attempt: SecurityAttempts[Name],
  context: EventContext,
) => Awaitable<Refusal | undefined>;

/** Typed events. A listener observes: what it throws is logged and changes nothing. A before-hook decides: what it throws refuses. */
export interface EventHub {
  /** Returns the function that takes the listener off again. */
  on<Name extends SecurityEventName>(name: Name, listener: Listener<Name>): () => void;
  /** Every event, for a trail. */
  onAny(
    listener: (name: SecurityEventName, event: SecurityEvents[SecurityEventName], context: EventContext) => unknown,
  ): () => void;
  /** Tells the listeners. Without `source`, the request inside of which this is called is taken (see `within`). */
  emit<Name extends SecurityEventName>(name: Name, event: SecurityEvents[Name], source?: EventSource): void;
  /**
   * A hook that is asked before something happens, in the order of registration; the first `refuse("KEY")` decides. A hook
   * that throws refuses too, one that does not answer in time with 503. Returns the function that takes it off again.
   */
  before<Name extends SecurityAttemptName>(name: Name, hook: Hook<Name>): () => void;
  /** Asks the before-hooks; undefined: it may happen. For features. */
  ask<Name extends SecurityAttemptName>(
    name: Name,
    attempt: SecurityAttempts[Name],
    source?: EventSource,
  ): Promise<Refusal | undefined>;
  /** Runs `work` so that events inside of it, however deep, are known to happen in this request. */
  within<T>(source: EventSource, work: () => T): T;
  /** The work for a later time: what it tells belongs to the request inside of which this is called. */
  later<T>(work: () => T): () => T;
}

/** Makes the hub of one running system. `deadline`: so many milliseconds a before-hook may take. */
export function createEventHub(
  log: (message: string, details?: Record<string, unknown>) => void,
  now: () => number = Date.now,
  deadline = 10_000,
): EventHub {
  type AnyListener = (event: never, context: EventContext) => unknown;
  const listeners = new Map<SecurityEventName, Set<AnyListener>>();
  const observers = new Set<Parameters<EventHub["onAny"]>[0]>();
  const hooks = new Map<SecurityAttemptName, Set<AnyListener>>();
  const current = new AsyncLocalStorage<EventSource>();
  const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
  const failed = (name: string, error: unknown): void =>
    log("an event listener failed", { event: name, error: textOf(error) });
  const tell = (name: string, listener: () => unknown): void => {
    try {
      const result = listener();
      if (result instanceof Promise) result.catch((error: unknown) => failed(name, error));
    } catch (error) {
      failed(name, error);
    }
  };
  const contextOf = (source: EventSource | undefined): EventContext => ({
    at: now(),
    address: source?.address,
    agent: source?.header("user-agent"),
    route: source === undefined ? undefined : routeOf(source),
    actor: source?.identity?.account,
    via: source?.identity?.via,
    impersonator: source?.identity?.impersonator,
  });
  const register = <Name>(map: Map<Name, Set<AnyListener>>, name: Name, listener: AnyListener): (() => void) => {
    const set = map.get(name) ?? new Set<AnyListener>();
    map.set(name, set);
    set.add(listener);
    return () => set.delete(listener);
  };

  /** Nobody hears of a decoy: what would have happened did not. */
  const told = <Name extends SecurityEventName>(name: Name, event: SecurityEvents[Name]): Told => {
    const stand = decoy("user" in event ? event.user : undefined);
    return stand === undefined ? [name, event] : ["mailWithheld", { user: stand.standsFor, insteadOf: name }];
  };

  return {
    on: (name, listener) => register(listeners, name, listener as AnyListener),
    onAny(listener) {
      observers.add(listener);
      return () => observers.delete(listener);
    },
    emit(given, said, source = current.getStore()) {
      const [name, event] = told(given, said);
      const interested = listeners.get(name);
      if (observers.size === 0 && (interested === undefined || interested.size === 0)) return;
      const context = contextOf(source);
      for (const observer of observers) tell(name, () => observer(name, event, context));
      for (const listener of interested ?? []) tell(name, () => (listener as Listener<typeof name>)(event, context));
    },
    before: (name, hook) => register(hooks, name, hook as AnyListener),
    async ask(name, attempt, source = current.getStore()) {
      const asked = hooks.get(name);
      if (asked === undefined || asked.size === 0) return undefined;
      const context = contextOf(source);
      for (const hook of asked) {
        try {
          const answer = await inTime(
            (hook as Hook<typeof name>)(attempt, context),
            deadline,
            `events.before(${JSON.stringify(name)})`,
          );
          if (answer === undefined) continue;
          // An answer that is no refusal is a mistake in the hook: closed, as when it throws.
          if (typeof (answer as Partial<Refusal> | null)?.refuse === "string") return answer;
          throw new TypeError("a before-hook answers with refuse(key) or undefined");
        } catch (error) {
          if (error instanceof DeadlineError) throw error;
          log("a before-hook failed, which refuses", { attempt: name, error: textOf(error) });
          return refuse("ACTION_REFUSED");
        }
      }
      return undefined;
    },
    within: (source, work) => current.run(source, work),
    later(work) {
      const source = current.getStore();
      return source === undefined ? work : () => current.run(source, work);
    },
  };
}

/** "POST /login": labels of account endpoints have their method in them, others may not. */
function routeOf({ method, route: { label } }: EventSource): string {
  return label.includes(" ") ? label : `${method} ${label}`;
}
