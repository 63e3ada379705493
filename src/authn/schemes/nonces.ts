import type { KeyRing } from "../../secrets/keyring.ts";
import { randomId } from "../../secrets/random.ts";

/** What is known of a nonce that a client came with. "old": ours, but not for use any more. */
export type NonceState = "good" | "old" | "foreign" | "replayed";

/** The nonces of HTTP Digest (RFC 7616 3.3, 5.12): signed, for a few minutes, each count used once. */
export interface Nonces {
  issue(): string;
  /** What the nonce is; changes nothing. */
  look(nonce: string, count: number): NonceState;
  /** Uses up the count; false when another request was faster. */
  use(nonce: string, count: number): boolean;
}

interface Used {
  readonly issuedAt: number;
  highest: number;
  /** Bit i: the count `highest - i` was used. Requests of one client overtake each other, but not by more. */
  window: bigint;
}

const windowSize = 64;
const maximum = 10_000;
const mask = (1n << BigInt(windowSize)) - 1n;

/**
 * Makes the nonces of one process. What was used is known here only: a nonce of another process counts as old, and the client
 * comes again with a new one. `life` in milliseconds.
 */
export function createNonces(ring: KeyRing, life: number, now: () => number): Nonces {
  let instance = randomId(6);
  const used = new Map<string, Used>();
  /** Nonces issued until then may have been forgotten. */
  let floor = 0;
  let latest = 0;

  /**
   * The time. Once the clock was set back, all nonces of before are old: their counts would be forgotten too late, and those of
   * after would look as though they had been forgotten.
   */
  const time = (): number => {
    const at = now();
    if (at < latest) {
      instance = randomId(6);
      used.clear();
      floor = 0;
    }
    latest = at;
    return at;
  };

  const issuedAt = (nonce: string): { readonly at: number; readonly here: boolean } | undefined => {
    const match = /^([0-9a-z]{1,11})\.([A-Za-z0-9_-]{8})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{43})$/.exec(nonce);
    if (match === null) return undefined;
    const [, time = "", where = "", random = "", signature = ""] = match;
    if (!ring.verify("digest-nonce", `${time}.${where}.${random}`, signature)) return undefined;
    return { at: Number.parseInt(time, 36), here: where === instance };
  };
  const fresh = (entry: Used, count: number): boolean => {
    const behind = entry.highest - count;
    return behind < 0 || (behind < windowSize && ((entry.window >> BigInt(behind)) & 1n) === 0n);
  };
  const look = (nonce: string, count: number): NonceState => {
    const at = time();
    const issued = issuedAt(nonce);
    if (issued === undefined) return "foreign";
    const age = at - issued.at;
    if (!issued.here || age < 0 || age >= life) return "old";
    const entry = used.get(nonce);
    if (entry === undefined) return issued.at <= floor ? "old" : "good";
    return fresh(entry, count) ? "good" : "replayed";
  };

  return {
    issue() {
      const text = `${time().toString(36)}.${instance}.${randomId(12)}`;
      return `${text}.${ring.sign("digest-nonce", text)}`;
    },
    look,
    use(nonce, count) {
      if (look(nonce, count) !== "good") return false;
      const entry = used.get(nonce);
      if (entry === undefined) {
        used.set(nonce, { issuedAt: issuedAt(nonce)?.at ?? 0, highest: count, window: 1n });
        for (const [oldest, { issuedAt: at }] of used) {
          if (used.size <= maximum && now() - at < life) break;
          floor = Math.max(floor, at);
          used.delete(oldest);
        }
        return true;
      }
      const ahead = count - entry.highest;
      if (ahead > 0) {
        entry.window = ahead >= windowSize ? 1n : ((entry.window << BigInt(ahead)) | 1n) & mask;
        entry.highest = count;
      } else {
        entry.window |= 1n << BigInt(-ahead);
      }
      return true;
    },
  };
}
