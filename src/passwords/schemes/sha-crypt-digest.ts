import { hash } from "node:crypto";

/** What is computed: plain data, so that it can be sent to a worker thread. */
export interface ShaCryptJob {
  readonly algorithm: "sha256" | "sha512";
  readonly secret: string;
  readonly salt: string;
  readonly rounds: number;
}

const ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ROUNDS_PER_STEP = 1000;

/**
 * The digest part of SHA-crypt (U. Drepper, "Unix crypt using SHA-256 and SHA-512", 2007). Yields after each thousand
 * rounds, so that whoever runs it on the event loop can let others in.
 */
export function* shaCrypt(job: ShaCryptJob): Generator<undefined, string> {
  const digestOf = (data: Buffer): Buffer => hash(job.algorithm, data, "buffer");
  const secret = Buffer.from(job.secret);
  const salt = Buffer.from(job.salt);

  // Steps 1 to 12 of the specification.
  const alternate = digestOf(Buffer.concat([secret, salt, secret]));
  const parts = [secret, salt, stretch(alternate, secret.length)];
  for (let bits = secret.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? alternate : secret);
  let digest = digestOf(Buffer.concat(parts));

  // Steps 13 to 20.
  const p = stretch(digestOf(Buffer.alloc(secret.length ** 2, secret)), secret.length);
  const saltTimes = 16 + (digest[0] ?? 0);
  const s = stretch(digestOf(Buffer.concat(Array.from({ length: saltTimes }, () => salt))), salt.length);

  // Step 21. What is hashed has one of eight layouts; they are laid out once and only the digest is filled in.
  const layouts = Array.from({ length: 8 }, (_, key) => layout(key, digest.length, p, s));
  for (let round = 0; round < job.rounds; round += 1) {
    const next = layouts[(round & 1) | (round % 3 === 0 ? 0 : 2) | (round % 7 === 0 ? 0 : 4)];
    if (next === undefined) throw new RangeError("no such layout");
    digest.copy(next.data, next.offset);
    digest = digestOf(next.data);
    if (round % ROUNDS_PER_STEP === ROUNDS_PER_STEP - 1) yield;
  }
  return encode(digest);
}

function stretch(bytes: Buffer, length: number): Buffer {
  return length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, bytes);
}

/** Bits of the key: 1, an odd round; 2, not divisible by three; 4, not divisible by seven. */
function layout(key: number, digestLength: number, p: Buffer, s: Buffer): { data: Buffer; offset: number } {
  const odd = (key & 1) !== 0;
  const middle = [...(key & 2 ? [s] : []), ...(key & 4 ? [p] : [])];
  const hole = Buffer.alloc(digestLength);
  const data = Buffer.concat(odd ? [p, ...middle, hole] : [hole, ...middle, p]);
  return { data, offset: odd ? data.length - digestLength : 0 };
}

/** Step 22: three bytes a group, in an order that turns around, six bits a character from the lowest. */
function encode(digest: Buffer): string {
  const sha256 = digest.length === 32;
  const third = sha256 ? 10 : 21;
  let [a, b, c] = [0, third, 2 * third];
  let text = "";
  for (let group = 0; group < third; group += 1) {
    text += characters([digest[a], digest[b], digest[c]], 4);
    [a, b, c] = sha256 ? [c + 1, a + 1, b + 1] : [b + 1, c + 1, a + 1];
  }
  return text + (sha256 ? characters([0, digest[31], digest[30]], 3) : characters([0, 0, digest[63]], 2));
}

function characters([high = 0, middle = 0, low = 0]: readonly (number | undefined)[], count: number): string {
  const value = (high << 16) | (middle << 8) | low;
  return Array.from({ length: count }, (_, index) => ALPHABET[(value >> (6 * index)) & 63]).join("");
}
