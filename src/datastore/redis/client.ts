import { ConfigurationError, DatastoreError } from "../../model/errors.ts";

/** A connected client: ioredis (`call`) or node-redis (`sendCommand`). It stays the application's, which also closes it. */
export type RedisClient =
  | { call(command: string, ...args: string[]): Promise<unknown> }
  | { sendCommand(args: string[]): Promise<unknown> };

/** How Redis is used. */
export interface RedisOptions {
  /** Goes before each key; default "portcullis:". */
  readonly prefix?: string;
  /** How long a call may take, in milliseconds; past that it counts as failed. Default 500. */
  readonly deadline?: number;
}

/** Sends one command. */
export type Send = (...args: string[]) => Promise<unknown>;

/** Checks the options of `maker`, which is what the application called. Commands reject with DatastoreError at the deadline. */
export function redisSender(maker: string, client: RedisClient, options: RedisOptions): { send: Send; prefix: string } {
  const send = senderOf(maker, client);
  const { prefix = "portcullis:", deadline = 500 } = options;
  if (typeof prefix !== "string" || !/^[\w:.-]{0,64}$/.test(prefix)) {
    throw new ConfigurationError(`${maker}.prefix`, "must be at most 64 letters, digits and _ : . -");
  }
  if (!Number.isInteger(deadline) || deadline < 1 || deadline > 60_000) {
    throw new ConfigurationError(`${maker}.deadline`, "a whole number of milliseconds from 1 to 60,000 is expected");
  }
  return { send: (...args) => inTime(send(args), deadline), prefix };
}

function senderOf(maker: string, client: RedisClient): (args: string[]) => Promise<unknown> {
  // ioredis has a sendCommand too, which takes something else.
  if (typeof (client as { call?: unknown })?.call === "function") {
    const { call } = client as { call(command: string, ...args: string[]): Promise<unknown> };
    return ([command = "", ...args]) => call.call(client, command, ...args);
  }
  if (typeof (client as { sendCommand?: unknown })?.sendCommand === "function") {
    return (args) => (client as { sendCommand(args: string[]): Promise<unknown> }).sendCommand(args);
  }
  throw new ConfigurationError(maker, "a connected client of ioredis or node-redis is expected");
}

/** A frozen server leaves clients waiting for ever, whatever their own options say. */
async function inTime(work: Promise<unknown>, deadline: number): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new DatastoreError(`Redis did not answer within ${deadline} ms`)), deadline);
  });
  // What comes after the deadline is nobody's any more.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
