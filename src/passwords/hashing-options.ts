import { availableParallelism } from "node:os";
import { ConfigurationError } from "../model/errors.ts";
import { checkKnown } from "../model/known-names.ts";
import { flag, wholeNumber } from "./options.ts";
import { ARGON2_CAPS } from "./schemes/argon2.ts";

/** How passwords are hashed. The defaults are OWASP's first choice for argon2id. */
export interface HashingOptions {
  /** Memory of one hash in KiB; 19456 by default. */
  readonly memory?: number;
  /** Passes over the memory; 2 by default. */
  readonly passes?: number;
  /** Lanes of one hash; 1 by default. */
  readonly parallelism?: number;
  /**
   * How many hashes run at once; twice the number of cores by default, so that none waits for the next one to be begun, at
   * most 4 (as many threads as Node has for it).
   */
  readonly concurrency?: number;
  /** How many may wait; 128 by default. Beyond that the answer is OverloadedError. */
  readonly queue?: number;
  /**
   * How much the threads that hash give way to everything else that wants a core, from 0 (not at all) to 19: on Linux the nice
   * value of all threads in Node's pool. Default 19 (0 with `allowWeakHashing`): other requests hardly wait while many sign
   * in at once. Beside other programs that keep all cores busy, in the same container, sign-ins take longer; 0 shares evenly.
   */
  readonly niceness?: number;
  /** Allows costs below OWASP's minimum; for tests alone. */
  readonly allowWeakHashing?: boolean;
  /** Reads and writes the hashes of a Flask-Security deployment. */
  readonly flaskSecurity?: FlaskSecurityOptions;
}

/**
 * Flask-Security does not hash the password itself but the base64 of its HMAC-SHA512. With these options stored hashes
 * are verified and new ones made in the same way, so that both systems can work on one database.
 */
export interface FlaskSecurityOptions {
  /** `SECURITY_PASSWORD_SALT`. */
  readonly passwordSalt: string;
  /**
   * `SECURITY_PASSWORD_SINGLE_HASH`: passlib's names of the schemes that hash the password itself, or true for all.
   * By default no scheme that is supported here.
   */
  readonly singleHash?: true | readonly string[];
  /** When a hash does not verify, tries the password itself as well: for databases that have both forms. */
  readonly alsoSingle?: boolean;
}

/** The options, checked and with their defaults. */
export interface HashingSettings {
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
  readonly concurrency: number;
  readonly queue: number;
  readonly niceness: number;
  readonly flaskSecurity: FlaskSecurityOptions | undefined;
}

/** OWASP's equivalent choices of argon2id: the least memory in KiB for 1, 2, 3, 4 and more passes. */
const LEAST_MEMORY = [47104, 19456, 12288, 9216, 7168];
const NAMES = [
  "memory",
  "passes",
  "parallelism",
  "concurrency",
  "queue",
  "niceness",
  "allowWeakHashing",
  "flaskSecurity",
];
const FLASK_NAMES = ["passwordSalt", "singleHash", "alsoSingle"];
/** Schemes that Flask-Security knows; those that are never accepted here may be listed all the same. */
const SCHEMES =
  /^(?:argon2|bcrypt|pbkdf2_sha256|pbkdf2_sha512|scrypt|sha256_crypt|sha512_crypt|des_crypt|plaintext|django_\w+)$/;

/** Checks the options; throws a ConfigurationError whose path begins with `path`. */
export function checkHashingOptions(options: HashingOptions, path: string): HashingSettings {
  checkKnown(path, options, NAMES);
  const weak = flag(`${path}.allowWeakHashing`, options.allowWeakHashing);
  const settings: HashingSettings = {
    memory: wholeNumber(`${path}.memory`, options.memory, 19456, 8, ARGON2_CAPS.memory),
    passes: wholeNumber(`${path}.passes`, options.passes, 2, 1, ARGON2_CAPS.passes),
    parallelism: wholeNumber(`${path}.parallelism`, options.parallelism, 1, 1, ARGON2_CAPS.parallelism),
    concurrency: wholeNumber(
      `${path}.concurrency`,
      options.concurrency,
      Math.min(2 * availableParallelism(), 4),
      1,
      1024,
    ),
    queue: wholeNumber(`${path}.queue`, options.queue, 128, 0, 100_000),
    niceness: wholeNumber(`${path}.niceness`, options.niceness, weak ? 0 : 19, 0, 19),
    flaskSecurity: checkFlaskSecurity(options.flaskSecurity, `${path}.flaskSecurity`),
  };
  if (settings.memory < 8 * settings.parallelism) {
    throw new ConfigurationError(`${path}.memory`, "at least 8 KiB a lane are needed (RFC 9106)");
  }
  const least = LEAST_MEMORY[Math.min(settings.passes, LEAST_MEMORY.length) - 1] ?? 0;
  if (!weak && settings.memory < least) {
    const minimum = `${settings.memory} KiB with passes: ${settings.passes} is below OWASP's minimum of ${least} KiB`;
    throw new ConfigurationError(`${path}.memory`, `${minimum}; tests may set allowWeakHashing: true`);
  }
  return settings;
}

function checkFlaskSecurity(options: FlaskSecurityOptions | undefined, path: string): FlaskSecurityOptions | undefined {
  if (options === undefined) return undefined;
  checkKnown(path, options, FLASK_NAMES);
  const { passwordSalt, singleHash } = options;
  if (typeof passwordSalt !== "string" || passwordSalt === "") {
    throw new ConfigurationError(`${path}.passwordSalt`, "the value of SECURITY_PASSWORD_SALT is expected");
  }
  if (singleHash !== undefined && singleHash !== true) checkSchemes(singleHash, `${path}.singleHash`);
  flag(`${path}.alsoSingle`, options.alsoSingle);
  return options;
}

function checkSchemes(schemes: unknown, path: string): void {
  if (!Array.isArray(schemes)) throw new ConfigurationError(path, "true or a list of passlib scheme names is expected");
  for (const [index, scheme] of schemes.entries()) {
    if (typeof scheme !== "string" || !SCHEMES.test(scheme)) {
      throw new ConfigurationError(`${path}[${index}]`, "no scheme of Flask-Security has that name");
    }
  }
}
