import { DatastoreError } from "../../model/errors.ts";
import type { SharedCacheProvider } from "../shared-cache.ts";
import { type RedisClient, type RedisOptions, redisSender, type Send } from "./client.ts";

/**
 * Shares decisions between processes in Redis (6 or newer): `caches: { group: { ttl: "1m" }, store: redisCache(client) }`.
 * Values are signed: whoever writes to this Redis can grant nothing. A Redis that does not answer is passed over: the
 * application's functions are asked each time. The keys share a hash tag, for a cluster.
 */
export function redisCache(client: RedisClient, options: RedisOptions = {}): SharedCacheProvider {
  const { send, prefix } = redisSender("redisCache", client, options);
  const nameOf = (key: string): string => `{${prefix}cache}:${key}`;
  const command: Send = async (...args) => {
    try {
      return await send(...args);
    } catch (error) {
      if (error instanceof DatastoreError) throw error;
      throw new DatastoreError("Redis failed", { cause: error });
    }
  };
  return {
    open: () => ({
      async get(keys) {
        const values = await command("MGET", ...keys.map(nameOf));
        const list: readonly unknown[] = Array.isArray(values) ? values : [];
        return keys.map((_, index) => {
          const value = list[index];
          return value === null || value === undefined ? undefined : String(value);
        });
      },
      async set(key, value, life) {
        await command("SET", nameOf(key), value, "PX", String(Math.max(1, Math.ceil(life))));
      },
      async add(key, value, life) {
        await command("SET", nameOf(key), value, "PX", String(Math.max(1, Math.ceil(life))), "NX");
      },
      async remove(key) {
        await command("DEL", nameOf(key));
      },
    }),
  };
}
