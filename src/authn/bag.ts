import type { Datastore } from "../datastore/contract.ts";
import type { SecurityRequest } from "../http/request.ts";
import { PortcullisError } from "../model/errors.ts";
import type { Session } from "../model/session.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { randomId, sha256 } from "../secrets/random.ts";
import type { FlashMessage } from "../views/contract.ts";
import type { Sessions } from "./sessions.ts";

/**
 * What the application keeps with a session, typed by the option `session`. Values are JSON; all together at most 16 KiB.
 * A caller by another scheme (a token, Basic) has no session: the bag is empty, and what is set ends with the request.
 */
export interface SessionBag<T extends object = Record<string, unknown>> {
  get<K extends keyof T & string>(key: K): T[K] | undefined;
  /** Kept when the request ends; an anonymous visitor gets a session by it. */
  set<K extends keyof T & string>(key: K, value: T[K]): void;
  delete<K extends keyof T & string>(key: K): void;
  /** Shows a message on the next page that asks for messages, in this browser only. */
  flash(category: FlashMessage["category"], text: string): void;
  /** The messages for this page, once. */
  flashes(): readonly FlashMessage[];
}

declare const bagContent: unique symbol;

/** Says what the session bag holds, for the compiler. */
export interface SessionDeclaration<T extends object> {
  readonly [bagContent]?: T;
}

/** `session: sessionOf<{ cart: string[] }>()` types `c.var.session`. */
export function sessionOf<T extends object>(): SessionDeclaration<T> {
  return {};
}

/** Makes the bag of a request. */
export interface BagKeeper {
  open(rq: SecurityRequest): RequestBag;
  /** Writes what changed, and sets the cookie of flash messages. */
  save(rq: SecurityRequest): Promise<void>;
}

const flashPurpose = "flash";
const maxBagBytes = 16_384;
const maxFlashBytes = 2_048;
const maxFlashLength = 500;
const flashLifeSeconds = 300;

/** The bag of one request: reads what is there, remembers what to write. */
export class RequestBag implements SessionBag {
  readonly #rq: SecurityRequest;
  readonly #ring: KeyRing;
  #changes: Map<string, unknown> | undefined = undefined;
  /** Those that waited when the request came; undefined: nobody has looked. */
  #waiting: readonly FlashMessage[] | undefined = undefined;
  /** Those of this request. */
  #said: FlashMessage[] = [];
  #flashesChanged = false;

  constructor(rq: SecurityRequest, ring: KeyRing) {
    this.#rq = rq;
    this.#ring = ring;
  }

  get dirty(): boolean {
    return this.#changes !== undefined || this.#flashesChanged;
  }

  /** What was set and not yet kept; undefined marks what was deleted. */
  get changes(): ReadonlyMap<string, unknown> | undefined {
    return this.#changes;
  }

  /** The changes are kept. */
  settle(): void {
    this.#changes = undefined;
  }

  get(key: string): never | undefined {
    if (this.#changes?.has(key) === true) return this.#changes.get(key) as never | undefined;
    const value = ownValue(bagSession(this.#rq)?.data, key);
    // The session may be in the cache: what is changed in place must not look as if it were kept.
    return (typeof value === "object" ? structuredClone(value) : value) as never | undefined;
  }

  set(key: string, value: unknown): void {
    if (key === "__proto__") throw new PortcullisError("invalid_field", "session.__proto__: not a name for a value");
    this.#changes ??= new Map();
    this.#changes.set(key, value);
  }

  delete(key: string): void {
    this.#changes ??= new Map();
    this.#changes.set(key, undefined);
  }

  flash(category: FlashMessage["category"], text: string): void {
    this.#said.push({ category, text: text.slice(0, maxFlashLength) });
    this.#flashesChanged = true;
  }

  /** Whether a message waits for the next page. */
  get flashWaits(): boolean {
    return this.#said.length > 0 || this.#read().length > 0;
  }

  flashes(): readonly FlashMessage[] {
    const messages = [...this.#read(), ...this.#said];
    if (messages.length === 0) return messages;
    this.#waiting = [];
    this.#said = [];
    this.#flashesChanged = true;
    return messages;
  }

  #read(): readonly FlashMessage[] {
    if (this.#waiting !== undefined) return this.#waiting;
    const cookie = this.#rq.cookie(this.#rq.system.cookies.name("flash"));
    const text = cookie === undefined ? undefined : this.#ring.decrypt(flashPurpose, cookie);
    const kept = text === undefined ? undefined : (JSON.parse(text) as Partial<KeptFlashes>);
    const session = sessionMark(this.#rq.cookie(this.#rq.system.cookies.name("session")));
    this.#waiting = kept?.messages === undefined || kept.session !== session ? [] : kept.messages;
    return this.#waiting;
  }

  /** Puts the remaining messages into their cookie. Encrypted: they may name somebody. */
  writeFlashes(): void {
    if (!this.#flashesChanged) return;
    this.#flashesChanged = false;
    const { cookies } = this.#rq.system;
    const session = sessionMark(this.#rq.cookieAfterwards(cookies.name("session")));
    // What was said to the session before is not said to another one.
    const stays = session === sessionMark(this.#rq.cookie(cookies.name("session")));
    const messages = [...(stays ? this.#read() : []), ...this.#said];
    if (messages.length === 0) {
      this.#rq.clearCookie(cookies.name("flash"), cookies.attributes());
      return;
    }
    // The oldest go when there are too many for a cookie.
    while (messages.length > 1 && Buffer.byteLength(JSON.stringify(messages)) > maxFlashBytes) messages.shift();
    const kept: KeptFlashes = { session, messages };
    const sealed = this.#ring.encrypt(flashPurpose, JSON.stringify(kept));
    this.#rq.setCookie(cookies.name("flash"), sealed, cookies.attributes(flashLifeSeconds));
  }
}

/** What the cookie of flash messages holds: they are for the session (or visitor) that they were said to, and for no later one. */
interface KeptFlashes {
  readonly session: string | null;
  readonly messages: readonly FlashMessage[];
}

function sessionMark(id: string | undefined): string | null {
  return id === undefined ? null : sha256(id);
}

/** The session that the bag belongs to: the caller's own, or an anonymous visitor's. */
function bagSession(rq: SecurityRequest): Session | undefined {
  if (rq.identity !== undefined) return rq.identity.session;
  return rq.session?.userId === null ? rq.session : undefined;
}

/** A visitor may get a session only where nobody's cookie is put out by it. */
function mayBegin(rq: SecurityRequest): boolean {
  const schemes = rq.route.authn ?? rq.system.defaultSchemes;
  return rq.identity === undefined && rq.session === undefined && schemes.includes("session");
}

function ownValue(data: Session["data"] | undefined, key: string): unknown {
  return data !== undefined && Object.hasOwn(data, key) ? data[key] : undefined;
}

/** Makes the keeper of bags of one running system. */
export function createBagKeeper(context: {
  readonly datastore: Datastore;
  readonly sessions: Sessions;
  readonly ring: KeyRing;
}): BagKeeper {
  const { datastore, sessions, ring } = context;
  const merge = (data: Session["data"], changes: ReadonlyMap<string, unknown>): Record<string, unknown> => {
    const merged: Record<string, unknown> = { ...data };
    for (const [key, value] of changes) {
      if (value === undefined) delete merged[key];
      else merged[key] = value;
    }
    const bytes = Buffer.byteLength(JSON.stringify(merged));
    if (bytes > maxBagBytes) {
      throw new PortcullisError(
        "session_too_large",
        `session: ${bytes} bytes, at most ${maxBagBytes}; keep large things in a table of your own`,
      );
    }
    return merged;
  };

  /** Adds the changes to the row as it is now: parallel requests of one browser must not undo each other's. */
  const update = async (session: Session, changes: ReadonlyMap<string, unknown>): Promise<void> => {
    for (let attempt = 0; attempt < 10; attempt += 1) {
      const row = (await datastore.findOne("session", { idHash: session.idHash })) as Session | undefined;
      // Ended meanwhile: nothing to keep it with.
      if (row === undefined) return;
      const data = merge(row.data, changes);
      const won = await datastore.update(
        "session",
        { idHash: session.idHash, version: row.version },
        { data, version: row.version + 1 },
      );
      if (won === 1) {
        await sessions.forget(session);
        return;
      }
    }
    throw new PortcullisError("session_busy", "session: too many requests write it at once");
  };

  /** A visitor who is nobody gets a row when there is something to keep, and not before. */
  const createAnonymous = async (rq: SecurityRequest, changes: ReadonlyMap<string, unknown>): Promise<void> => {
    const data = merge({}, changes);
    if (Object.keys(data).length === 0) return;
    const id = randomId(32);
    const at = rq.system.now();
    await datastore.insert("session", {
      idHash: sha256(id),
      userId: null,
      uniquifier: null,
      createdAt: at,
      lastSeenAt: at,
      expiresAt: at + sessions.limits.absolute,
      authenticatedAt: null,
      methods: [],
      freshUntil: null,
      rememberId: null,
      tokenFamily: null,
      impersonatorId: null,
      impersonatorSession: null,
      address: rq.address ?? null,
      agent: null,
      data,
      version: 0,
    });
    rq.setCookie(rq.system.cookies.name("session"), id, rq.system.cookies.attributes());
  };

  return {
    open(rq) {
      if (rq.bag instanceof RequestBag) return rq.bag;
      const bag = new RequestBag(rq, ring);
      rq.bag = bag;
      return bag;
    },
    async save(rq) {
      const { bag } = rq;
      if (!(bag instanceof RequestBag) || !bag.dirty) return;
      const { changes } = bag;
      if (changes !== undefined) {
        const session = bagSession(rq);
        if (session !== undefined) await update(session, changes);
        else if (mayBegin(rq)) await createAnonymous(rq, changes);
        bag.settle();
      }
      // Last, when it is known which session the browser has after this answer.
      bag.writeFlashes();
    },
  };
}
