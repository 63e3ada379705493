import { createHash } from "node:crypto";
import { type RedisClient, type RedisOptions, redisSender, type Send } from "../../datastore/redis/client.ts";
import { DatastoreError } from "../../model/errors.ts";
import { randomId } from "../../secrets/random.ts";
import type { LimitStore, LimitStoreProvider, Lockout, StoredMeter } from "./store.ts";

export { redisCache } from "../../datastore/redis/cache.ts";
export type { RedisClient };

/** How limits use Redis: past the `deadline` a request is answered with 503. */
export type RedisLimitsOptions = RedisOptions;

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
/** Removes meters. KEYS: the meters, then the list. */
const removeScript = `
local gone = 0
for index = 1, #KEYS - 1 do
  redis.call('HDEL', KEYS[#KEYS], KEYS[index])
  gone = gone + redis.call('DEL', KEYS[index])
end
return gone`;

/**
 * Counts limits in Redis (6 or newer): `limits: { store: redisLimits(client) }`. A Redis that does not answer closes:
 * sign-ins get 503 until it is back, sessions are not affected. The keys share a hash tag, for a cluster.
 */
export function redisLimits(client: RedisClient, options: RedisLimitsOptions = {}): LimitStoreProvider {
  const { send, prefix } = redisSender("redisLimits", client, options);
  return { open: () => storeOf(send, `{${prefix}limits}:`) };
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
    async readAll(keys) {
      const found = await command("MGET", ...keys.map(nameOf));
      // An answer of another shape must not pass for "nothing was counted".
      if (!Array.isArray(found) || found.length !== keys.length) throw new DatastoreError("Redis answered strangely");
      return found.map((text) => (text === null || text === undefined ? undefined : parse(String(text))));
    },
    async swap(key, stamp, { wholeAt, failures, lockedUntil, expiresAt, countedAt }, { userId, life }) {
      const stored = { stamp: randomId(16), wholeAt, failures, lockedUntil, expiresAt, countedAt, userId };
      const text = [stored.stamp, wholeAt, failures, lockedUntil, expiresAt, userId ?? "", countedAt].join(",");
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
    async removeAll(keys) {
      await run(removeScript, [...keys.map(nameOf), list], []);
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
  const [stamp = "", wholeAt, failures, lockedUntil, expiresAt, userId, countedAt = "0"] = text.split(",");
  return {
    stamp,
    wholeAt: Number(wholeAt),
    failures: Number(failures),
    lockedUntil: Number(lockedUntil),
    expiresAt: Number(expiresAt),
    countedAt: Number(countedAt),
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
