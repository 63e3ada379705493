import { verify } from "@node-rs/argon2";
import { fromBase64 } from "./encoding.ts";
import type { StoredHash } from "./stored.ts";

/** The caps of argon2: memory in KiB, passes and lanes of RFC 9106. */
export const ARGON2_CAPS: { readonly memory: number; readonly passes: number; readonly parallelism: number } = {
  memory: 1024 * 1024,
  passes: 16,
  parallelism: 16,
};

const FORM =
  /^\$argon2(?:id|i|d)(?:\$v=(?:16|19))?\$m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,9})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Argon2id, i and d of both versions in the PHC string form; without `v` it is version 16. */
export function parseArgon2(stored: string): StoredHash | undefined {
  const [, m, t, p, salt = "", digest = ""] = FORM.exec(stored) ?? [];
  if (m === undefined) return undefined;
  const [memory, passes, parallelism] = [Number(m), Number(t), Number(p)];
  if (memory > ARGON2_CAPS.memory || passes > ARGON2_CAPS.passes || parallelism > ARGON2_CAPS.parallelism)
    return undefined;
  if (memory < 8 * parallelism) return undefined; // RFC 9106 section 3.1
  const saltBytes = fromBase64(salt)?.length ?? 0;
  const digestBytes = fromBase64(digest)?.length ?? 0;
  if (saltBytes < 8 || saltBytes > 64 || digestBytes < 16 || digestBytes > 64) return undefined;
  const work = memory * passes;
  return { scheme: "argon2", work, cost: work, verify: (secret) => verify(stored, secret) };
}
