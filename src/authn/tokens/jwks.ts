import type { Awaitable } from "../../model/awaitable.ts";
import { OverloadedError } from "../../model/errors.ts";
import { publishedKeys } from "../../secrets/jwk.ts";
import type { JwsAlgorithm, JwsKey } from "../../secrets/jws.ts";

/** How an issuer's published keys are fetched. Times in milliseconds. */
export interface RemoteKeysOptions {
  /** From the configuration, never from a token. */
  readonly url: string;
  readonly algorithms: readonly JwsAlgorithm[];
  readonly now: () => number;
  readonly log: (message: string, details?: Record<string, unknown>) => void;
}

/** The published keys of one issuer. */
export interface RemoteKeys {
  /** The keys to try for a token with this `kid`. Rejects with OverloadedError when there are none and none can be fetched. */
  keys(kid: string | undefined): Awaitable<readonly JwsKey[]>;
}

const timeout = 3000;
const maximumBytes = 256 * 1024;
/** Keys are fetched again after that. */
const freshFor = 10 * 60_000;
/** While the issuer does not answer, keys are used for so long; a key that it withdrew must not live for ever. */
const staleFor = 60 * 60_000;
/** Between two fetches at least so long passes, whatever names of keys tokens come up with. */
const coolDown = 30_000;

/** Fetches an issuer's keys when they are first needed, keeps them, and fetches them again for a key that is not known. */
export function remoteKeys({ url, algorithms, now, log }: RemoteKeysOptions): RemoteKeys {
  let known: { readonly keys: readonly JwsKey[]; readonly at: number } | undefined;
  let asked: number | undefined;
  let running: Promise<void> | undefined;

  const refresh = (): Promise<void> => {
    asked = now();
    running ??= fetchSet(url)
      .then((set) => {
        const keys = publishedKeys(set, algorithms);
        if (keys === undefined) throw new Error("the answer is no key set, or names two keys alike");
        known = { keys, at: now() };
      })
      .catch((error: unknown) => log("the keys of an issuer could not be fetched", { url, error: String(error) }))
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const usable = (): readonly JwsKey[] | undefined =>
    known !== undefined && Math.abs(now() - known.at) < staleFor ? known.keys : undefined;
  const cooled = (): boolean => asked === undefined || Math.abs(now() - asked) >= coolDown;

  const wait = async (): Promise<readonly JwsKey[]> => {
    if (running !== undefined || cooled()) await refresh();
    const keys = usable();
    if (keys === undefined) throw new OverloadedError(`the key set at ${url}`, Math.ceil(coolDown / 1000));
    return keys;
  };

  return {
    keys(kid) {
      const keys = usable();
      if (keys === undefined) return wait();
      if (known !== undefined && Math.abs(now() - known.at) >= freshFor && cooled()) {
        // Nobody waits for what is only a renewal.
        refresh().catch(() => undefined);
      }
      return kid === undefined || keys.some((key) => key.kid === kid) || !cooled() ? keys : wait();
    },
  };
}

/** One answer of a fixed address: no redirects, no more time and no more bytes than a key set takes. */
async function fetchSet(url: string): Promise<unknown> {
  const signal = AbortSignal.timeout(timeout);
  const response = await fetch(url, { redirect: "error", signal, headers: { accept: "application/json" } });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maximumBytes) throw new Error(`more than ${maximumBytes} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)));
}
