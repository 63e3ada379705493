import { createHash } from "node:crypto";
import { ConfigurationError, DatastoreError } from "../../model/errors.ts";
import { randomId } from "../../secrets/random.ts";
import type { LimitStore, LimitStoreProvider, Lockout, StoredMeter } from "./store.ts";

/** A connected client: ioredis (`call`) or node-redis (`sendCommand`). It stays the application's, which also closes it. */
export type RedisClient =
  | { call(command: string, ...args: string[]): Promise<unknown> }
  | { sendCommand(args: string[]): Promise<unknown> };

/** How limits use Redis. */
export interface RedisLimitsOptions {
  /** Goes before each key; default "portcullis:". */
  readonly prefix?: string;
  /** How long a call may take, in milliseconds; past that the request is answered with 503. Default 500. */
  readonly deadline?: number;
}

/**
 * Swaps a meter when its stamp is still the one that was read, and keeps the list of locked accounts in step. KEYS: the
 * meter, the list. ARGV: the stamp that was read ("" for none), the new value, its life in ms, the member of the list
 * ("" for none), until when it is locked.
 */
const swapScript = `
local have = redis.call('GET', KEYS[1])
if have then have = string.match(have, '^[^,]*') else have = '' end
if have ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[4] ~= '' then
  if tonumber(ARGV[5]) > 0 then redis.call('HSET', KEYS[2], KEYS[1], ARGV[4] .. ',' .. ARGV[5])
  else redis.call('HDEL', KEYS[2], KEYS[1]) end
end
return 1`;
const removeScript = `
redis.call('HDEL', KEYS[2], KEYS[1])
return redis.call('DEL', KEYS[1])`;

/**
 * Counts limits in Redis (6 or newer): `limits: { store: redisLimits(client) }`. A Redis that does not answer closes:
 * sign-ins get 503 until it is back, sessions are not affected. The keys share a hash tag, for a cluster.
 */
export function redisLimits(client: RedisClient, options: RedisLimitsOptions = {}): LimitStoreProvider {
  const send = senderOf(client);
  const { prefix = "portcullis:", deadline = 500 } = options;
  if (typeof prefix !== "string" || !/^[\w:.-]{0,64}$/.test(prefix)) {
    throw new ConfigurationError("redisLimits.prefix", "must be at most 64 letters, digits and _ : . -");
  }
  if (!Number.isInteger(deadline) || deadline < 1 || deadline > 60_000) {
    throw new ConfigurationError("redisLimits.deadline", "a whole number of milliseconds from 1 to 60,000 is expected");
  }
  return { open: () => storeOf((...args) => inTime(send(args), deadline), `{${prefix}limits}:`) };
}

type Send = (...args: string[]) => Promise<unknown>;

function senderOf(client: RedisClient): (args: string[]) => Promise<unknown> {
  // ioredis has a sendCommand too, which takes something else.
  if (typeof (client as { call?: unknown })?.call === "function") {
    const { call } = client as { call(command: string, ...args: string[]): Promise<unknown> };
    return ([command = "", ...args]) => call.call(client, command, ...args);
  }
  if (typeof (client as { sendCommand?: unknown })?.sendCommand === "function") {
    return (args) => (client as { sendCommand(args: string[]): Promise<unknown> }).sendCommand(args);
  }
  throw new ConfigurationError("redisLimits", "a connected client of ioredis or node-redis is expected");
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

function storeOf(send: Send, prefix: string): LimitStore {
  const list = `${prefix}locked`;
  const nameOf = (key: string): string => `${prefix}${key}`;

  const command: Send = async (...args) => {
    try {
      return await send(...args);
    } catch (error) {
      if (error instanceof DatastoreError || isMissingScript(error)) throw error;
      throw new DatastoreError("Redis failed", { cause: error });
    }
  };
  const run = async (script: string, keys: readonly string[], args: readonly string[]): Promise<unknown> => {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await command("EVALSHA", createHash("sha1").update(script).digest("hex"), ...rest);
    } catch (error) {
      // After a restart, or on another server of a cluster, the script is not there yet.
      if (!isMissingScript(error)) throw error;
      return command("EVAL", script, ...rest);
    }
  };

  return {
    async read(key) {
      const text = await command("GET", nameOf(key));
      return text === null || text === undefined ? undefined : parse(String(text));
    },
    async swap(key, stamp, { wholeAt, failures, lockedUntil, expiresAt }, { userId, life }) {
      const stored = { stamp: randomId(16), wholeAt, failures, lockedUntil, expiresAt, userId };
      const text = [stored.stamp, wholeAt, failures, lockedUntil, expiresAt, userId ?? ""].join(",");
      const done = await run(
        swapScript,
        [nameOf(key), list],
        [
          stamp ?? "",
          text,
          String(Math.max(1, Math.ceil(life))),
          userId === null ? "" : String(userId),
          String(lockedUntil),
        ],
      );
      return Number(done) === 1 ? stored : undefined;
    },
    async remove(key) {
      return Number(await run(removeScript, [nameOf(key), list], [])) > 0;
    },
    async locked(now, after, limit) {
      return (await entries(command, list))
        .filter(({ userId, lockedUntil }) => lockedUntil > now && userId > after)
        .sort((a, b) => a.userId - b.userId)
        .slice(0, limit)
        .map(({ userId, lockedUntil }) => ({ userId, lockedUntil }));
    },
    async purge(now) {
      const over = (await entries(command, list)).filter(({ lockedUntil }) => lockedUntil <= now);
      for (const { field } of over) await command("HDEL", list, field);
      return over.length;
    },
  };
}

function parse(text: string): StoredMeter {
  const [stamp = "", wholeAt, failures, lockedUntil, expiresAt, userId] = text.split(",");
  return {
    stamp,
    wholeAt: Number(wholeAt),
    failures: Number(failures),
    lockedUntil: Number(lockedUntil),
    expiresAt: Number(expiresAt),
    userId: userId === "" ? null : Number(userId),
  };
}

function isMissingScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

/** The list of locked accounts. Clients give a hash as pairs, as a Map or as an object. */
async function entries(send: Send, list: string): Promise<readonly (Lockout & { readonly field: string })[]> {
  const answer = await send("HGETALL", list);
  const found: (readonly [unknown, unknown])[] = [];
  if (Array.isArray(answer)) {
    for (let index = 0; index + 1 < answer.length; index += 2) found.push([answer[index], answer[index + 1]]);
  } else if (answer instanceof Map) found.push(...answer);
  else found.push(...Object.entries((answer ?? {}) as object));
  return found.map(([field, value]) => {
    const [userId, lockedUntil] = String(value).split(",");
    return { field: String(field), userId: Number(userId), lockedUntil: Number(lockedUntil) };
  });
}
