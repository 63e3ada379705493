import type { SharedCacheProvider } from "portcullis";
import { now } from "./system.ts";

/** A text store as several processes would share it. */
export function sharedTexts(): {
  readonly provider: SharedCacheProvider;
  readonly texts: Map<string, string>;
  down: boolean;
} {
  const texts = new Map<string, string>();
  const ends = new Map<string, number>();
  const state = { down: false };
  const live = (key: string): string | undefined => ((ends.get(key) ?? 0) > now() ? texts.get(key) : undefined);
  const up = (): void => {
    if (state.down) throw new Error("the cache is gone");
  };
  const put = (key: string, value: string, life: number): void => {
    texts.set(key, value);
    ends.set(key, now() + life);
  };
  const provider: SharedCacheProvider = {
    open: () => ({
      async get(keys) {
        up();
        return keys.map(live);
      },
      async set(key, value, life) {
        up();
        put(key, value, life);
      },
      async add(key, value, life) {
        up();
        if (live(key) === undefined) put(key, value, life);
      },
      async remove(key) {
        up();
        texts.delete(key);
      },
    }),
  };
  return Object.assign(state, { provider, texts });
}
