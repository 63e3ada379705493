/** A small system for the tests of declared security: one user of each kind, a clock moved by hand, sockets by choice. */
import type { Account, SecurityOptions } from "portcullis";
import { memory } from "portcullis/memory";

export const origin = "http://localhost:3000";
export const password = "battery staple";
const weakHashing = { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } as const;
export const json = { accept: "application/json" };

/** The options without which nothing starts. */
export interface Basics {
  readonly secretKeys: readonly string[];
  readonly origins: readonly string[];
  readonly cookies: NonNullable<SecurityOptions["cookies"]>;
  readonly datastore: SecurityOptions["datastore"];
  readonly passwords: NonNullable<SecurityOptions["passwords"]>;
  readonly log: () => void;
  readonly clock: () => number;
}

let time: number = Date.UTC(2026, 0, 2, 3, 4, 5);

/** Moves the clock of the tests by so many milliseconds. */
export function advance(ms: number): void {
  time += ms;
}

export const now = (): number => time;

export function basics(): Basics {
  return {
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: [origin],
    cookies: { allowInsecure: false },
    datastore: memory(),
    passwords: { hashing: weakHashing },
    log: () => undefined,
    clock: now,
  };
}

/** Makes ann (active) and off (not active). */
export async function plant<V extends { readonly user: object }>(security: {
  readonly users: { create(input: never): Promise<V["user"]> };
}): Promise<Account> {
  await security.users.create({ email: "off@acme.example", password, active: false } as never);
  return (await security.users.create({ email: "ann@acme.example", password } as never)) as unknown as Account;
}

interface Served {
  fetch(request: Request, env?: object): Response | Promise<Response>;
}

/** What a request may say. */
export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The address of the connection; default the loopback. */
  readonly socket?: string;
}

/** An answer with its body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** `WWW-Authenticate`, all values. */
  readonly challenge: string;
}

/** Sends a request as the Node host would hand it on. */
export async function call(app: Served, path: string, sent: Sent = {}): Promise<Answer> {
  const { method = "GET", headers = {}, body, socket = "127.0.0.1" } = sent;
  const request = new Request(`${origin}${path}`, {
    method,
    headers: { ...json, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const response = await app.fetch(request, { incoming: { socket: { remoteAddress: socket } } });
  return {
    status: response.status,
    headers: response.headers,
    text: await response.text(),
    challenge: response.headers.get("www-authenticate") ?? "",
  };
}

/** A form as it is sent. */
export function form(fields: Readonly<Record<string, string>>, extra: Readonly<Record<string, string>> = {}): Sent {
  return {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...extra },
    body: new URLSearchParams(fields).toString(),
  };
}

export const basic = (user: string, secret: string): string =>
  `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}`;
