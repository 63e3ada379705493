import { randomBytes } from "node:crypto";
import { hash, type Options } from "@node-rs/argon2";
import { PortcullisError } from "../model/errors.ts";
import { createSecretFormer } from "./flask-security.ts";
import { checkHashingOptions, type HashingOptions } from "./hashing-options.ts";
import { normalizePassword } from "./normal-form.ts";
import { createWorkQueue, type QueueStats } from "./queue.ts";
import { toBase64 } from "./schemes/encoding.ts";
import { parseStored } from "./schemes/index.ts";
import type { StoredHash } from "./schemes/stored.ts";
import { setPoolNiceness } from "./threads.ts";

/** What came out of a verification. */
export interface Verification {
  /** Whether the password is the right one. */
  readonly ok: boolean;
  /** Whether to store a new hash in place of this one: it has another form and the new one is at least as strong. */
  readonly upgrade: boolean;
}

/**
 * Hashes and verifies passwords, off the event loop and in a bounded queue: every method that hashes rejects with
 * OverloadedError when too many wait. Passwords are normalised here (`normalizePassword`) and nowhere else.
 */
export interface PasswordHasher {
  /** An argon2id hash (RFC 9106) in the PHC string form. Rejects with code `password_unhashable` for what has no normal form. */
  hash(password: string): Promise<string>;
  /**
   * Verifies against a stored hash of any known scheme. No, unknown, damaged or absurdly expensive hashes, and
   * passwords without a normal form, are refused after the same work as a verification of a current hash; so is a wrong
   * password where the stored hash costs less. Where it costs more, the refusal takes longer.
   */
  verify(password: string, stored: string | null | undefined): Promise<Verification>;
  /** The work of verifying a current hash, for users who do not exist. */
  burn(password: string): Promise<void>;
  /** Takes no more work; resolves when what was taken is done. */
  close(): Promise<void>;
  stats(): QueueStats;
}

const SALT_BYTES = 16;
const DIGEST_BYTES = 32;
/** Stands in for a password that cannot be hashed: the work does not depend on the password. */
const STAND_IN = "stand-in";

/** Makes a hasher; throws a ConfigurationError that names the option, such as `passwords.hashing.memory`. */
export function createHasher(options: HashingOptions = {}): PasswordHasher {
  const settings = checkHashingOptions(options, "passwords.hashing");
  const secretForms = createSecretFormer(settings.flaskSecurity);
  const jobs = createWorkQueue("password hashing", settings.concurrency, settings.queue);
  let nice = settings.niceness === 0;
  const queue: Pick<typeof jobs, "run"> = {
    async run(job) {
      const result = await jobs.run(job);
      // Node starts the threads with the first work for them.
      if (!nice) {
        nice = true;
        setPoolNiceness(settings.niceness);
      }
      return result;
    },
  };

  const argon2: Options = {
    memoryCost: settings.memory,
    timeCost: settings.passes,
    parallelism: settings.parallelism,
    outputLen: DIGEST_BYTES,
  };
  const prefix = `$argon2id$v=19$m=${settings.memory},t=${settings.passes},p=${settings.parallelism}$`;
  const work = settings.memory * settings.passes;
  const decoyText = `${prefix}${toBase64(randomBytes(SALT_BYTES))}$${toBase64(randomBytes(DIGEST_BYTES))}`;
  const parsed = parseStored(decoyText);
  if (parsed === undefined) throw new PortcullisError("internal", "a current hash cannot be read back");
  const decoy = parsed;
  /** RFC 9106 section 3.1: argon2 takes no less. */
  const smallest = 8 * settings.parallelism * settings.passes;

  const isCurrent = (stored: string): boolean => stored.length === decoyText.length && stored.startsWith(prefix);

  /** Which form of the password verifies: the current one, the one accepted besides, or none. */
  async function match(hashed: StoredHash, password: string): Promise<"first" | "second" | undefined> {
    const [first, second] = secretForms(password, hashed.scheme);
    if (await hashed.verify(first)) return "first";
    return second !== undefined && (await hashed.verify(second)) ? "second" : undefined;
  }

  /**
   * False when the stored hash proves only the beginning of the password: what follows may be mistyped, and must not become
   * the password by an upgrade.
   */
  const provenWhole = (hashed: StoredHash, password: string, form: "first" | "second"): boolean => {
    const [first, second] = secretForms(password, hashed.scheme);
    const hashedItself = (form === "first" ? first : second) === password;
    return !hashedItself || Buffer.byteLength(password) <= (hashed.significantBytes ?? Number.POSITIVE_INFINITY);
  };

  const attempts = (password: string, hashed: StoredHash): number => secretForms(password, hashed.scheme).length;

  /** Adds what a refusal by a cheaper hash lacks to the work of one for a user who does not exist. */
  async function makeUp(password: string, hashed: StoredHash): Promise<void> {
    const spent = hashed.cost * attempts(password, hashed);
    let missing = Math.floor(decoy.cost * attempts(password, decoy) - spent);
    // No pass over more memory than a current hash needs: of several forms each would have had its own.
    while (missing >= smallest) {
      const memoryCost = Math.min(Math.floor(missing / settings.passes), settings.memory);
      await hash(STAND_IN, { ...argon2, memoryCost });
      missing -= memoryCost * settings.passes;
    }
  }

  return {
    async hash(password) {
      const normal = normalizePassword(password);
      if (normal === undefined) {
        throw new PortcullisError("password_unhashable", "the password is too long or not well-formed text");
      }
      const [secret] = secretForms(normal, "argon2");
      return queue.run(() => hash(secret, argon2));
    },
    async verify(password, stored) {
      const normal = normalizePassword(password);
      const hashed = typeof stored === "string" ? parseStored(stored) : undefined;
      if (normal === undefined || hashed === undefined || typeof stored !== "string") {
        await queue.run(() => match(decoy, normal ?? STAND_IN));
        return { ok: false, upgrade: false };
      }
      // In one place of the queue: what is added must not be refused, nor wait, where the verification was not.
      const form = await queue.run(async () => {
        const matched = await match(hashed, normal);
        if (matched === undefined) await makeUp(normal, hashed);
        return matched;
      });
      if (form === undefined) return { ok: false, upgrade: false };
      const weaker = (form === "second" || !isCurrent(stored)) && hashed.work <= work;
      return { ok: true, upgrade: weaker && provenWhole(hashed, normal, form) };
    },
    async burn(password) {
      await queue.run(() => match(decoy, normalizePassword(password) ?? STAND_IN));
    },
    close: () => jobs.close(),
    stats: () => jobs.stats(),
  };
}
