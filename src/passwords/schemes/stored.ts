/** The names of the schemes, as passlib (and hence Flask-Security's settings) has them. */
export type SchemeName =
  | "argon2"
  | "bcrypt"
  | "pbkdf2_sha256"
  | "pbkdf2_sha512"
  | "scrypt"
  | "sha256_crypt"
  | "sha512_crypt";

/** A stored hash that was read: well-formed and affordable. */
export interface StoredHash {
  readonly scheme: SchemeName;
  /**
   * What a guess costs an attacker, as the argon2id memory (KiB) times passes that we hold to be worth as much; see
   * `REFERENCE_WORK`.
   */
  readonly work: number;
  /**
   * What one verification costs this server, as the argon2id memory (KiB) times passes that take about as long. `work` is an
   * attacker's price, on hardware of their choice, and says nothing about that.
   */
  readonly cost: number;
  /** How many bytes of a secret count, where not all do. */
  readonly significantBytes?: number;
  /** Whether the secret gives this hash; in constant time, off the event loop. */
  verify(secret: string): Promise<boolean>;
}

/** Reads one scheme's form; undefined when it is not exactly that, or would cost more than the scheme's cap. */
export type StoredHashParser = (stored: string) => StoredHash | undefined;

/**
 * The work of OWASP's first choice, argon2id with 19 MiB and 2 passes. For the other schemes it is an estimate: scrypt
 * is worth that at OWASP's minimum for it. The schemes that need no memory run so much better on graphics cards that
 * they are worth it only at about twice OWASP's minimum (PBKDF2), at cost 13 (bcrypt) or at a million rounds
 * (SHA-crypt). So the usual defaults of all of them are upgraded and an exceptionally strong hash is left alone.
 */
export const REFERENCE_WORK: number = 19456 * 2;
