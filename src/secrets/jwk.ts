import { Buffer } from "node:buffer";
import { createHash, createPrivateKey, createPublicKey, createSecretKey, KeyObject } from "node:crypto";
import { ConfigurationError } from "../model/errors.ts";
import { knownNames } from "../model/known-names.ts";
import { type JsonWebKey, type JwsAlgorithm, type JwsKey, jwsAlgorithms, operations } from "./jws.ts";

/** A key as it is configured: PEM text, a JWK (RFC 7517) or a KeyObject; for HS a secret text or a JWK of type "oct". */
export type KeyMaterial = string | JsonWebKey | KeyObject;

const curves: Readonly<Record<string, string>> = { ES256: "prime256v1", ES384: "secp384r1", ES512: "secp521r1" };
const secretBytes: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };
const minimumRsaBits = 2048;
/** Of published keys each signature costs as much as its key is long. */
const maximumRsaBits = 8192;

/** What is said of a key beside its material. */
export interface KeyFacts {
  readonly kid?: string | undefined;
  readonly until?: number | undefined;
}

/**
 * Checks a key for one algorithm and prepares it: the type, curve and length must fit (RFC 7518 3), `alg`, `use` and
 * `key_ops` of a JWK must allow it. Throws ConfigurationError with the path and the mend.
 */
export function prepareKey(algorithm: JwsAlgorithm, material: KeyMaterial, facts: KeyFacts, path: string): JwsKey {
  const refuse = (message: string): never => {
    throw new ConfigurationError(path, message);
  };
  if (!jwsAlgorithms.includes(algorithm)) {
    refuse(`there is no algorithm ${JSON.stringify(algorithm)}; ${knownNames(String(algorithm), jwsAlgorithms)}`);
  }
  const jwk = isJwk(material) ? material : undefined;
  if (jwk !== undefined) {
    const { alg, use, key_ops: uses } = jwk;
    if (alg !== undefined && alg !== algorithm) refuse(`the key is for ${JSON.stringify(alg)}, not for ${algorithm}`);
    if (use !== undefined && use !== "sig") refuse('the key is not for signatures ("use")');
    if (uses !== undefined && !(Array.isArray(uses) && (uses.includes("verify") || uses.includes("sign")))) {
      refuse('the key is not for signatures ("key_ops")');
    }
  }
  const given = facts.kid ?? (typeof jwk?.["kid"] === "string" ? jwk["kid"] : undefined);
  let pair: { readonly pub: KeyObject; readonly priv: KeyObject | undefined };
  try {
    pair = algorithm.startsWith("HS") ? secret(material) : asymmetric(material);
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError(path, `is no key that can be read for ${algorithm}`);
  }
  const fault = misfit(algorithm, pair.pub);
  if (fault !== undefined) refuse(fault);
  const publicJwk = pair.pub.type === "secret" ? undefined : pair.pub.export({ format: "jwk" });
  const kid = given ?? (publicJwk === undefined ? undefined : thumbprint(publicJwk));
  return {
    algorithm,
    kid,
    signs: pair.priv !== undefined,
    until: facts.until,
    publicJwk: publicJwk === undefined ? undefined : { ...publicJwk, kid, alg: algorithm, use: "sig" },
    ...operations(algorithm, pair.pub, pair.priv),
  };
}

function isJwk(material: KeyMaterial): material is JsonWebKey {
  return typeof material === "object" && material !== null && !(material instanceof KeyObject);
}

function secret(material: KeyMaterial): { pub: KeyObject; priv: KeyObject } {
  if (material instanceof KeyObject) return { pub: material, priv: material };
  if (typeof material === "string") {
    // A public key as an HMAC secret is known to everybody.
    if (/-----BEGIN |^ssh-|^\s*\{/.test(material)) throw new TypeError("not a secret");
    const key = createSecretKey(Buffer.from(material, "utf8"));
    return { pub: key, priv: key };
  }
  if (material.kty !== "oct" || typeof material.k !== "string") throw new TypeError("not a secret");
  const key = createSecretKey(Buffer.from(material.k, "base64url"));
  return { pub: key, priv: key };
}

function asymmetric(material: KeyMaterial): { pub: KeyObject; priv: KeyObject | undefined } {
  if (material instanceof KeyObject) {
    if (material.type === "secret") throw new TypeError("a secret");
    return material.type === "private"
      ? { pub: createPublicKey(material), priv: material }
      : { pub: material, priv: undefined };
  }
  if (typeof material === "string") {
    if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(material))
      return { pub: createPublicKey(material), priv: undefined };
    const priv = createPrivateKey(material);
    return { pub: createPublicKey(priv), priv };
  }
  if (typeof material.d !== "string") {
    return { pub: createPublicKey({ key: material, format: "jwk" }), priv: undefined };
  }
  const priv = createPrivateKey({ key: material, format: "jwk" });
  return { pub: createPublicKey(priv), priv };
}

/** Why the key does not fit the algorithm; undefined: it does. */
function misfit(algorithm: JwsAlgorithm, key: KeyObject): string | undefined {
  const bytes = secretBytes[algorithm];
  if (bytes !== undefined) {
    if (key.type !== "secret") return `${algorithm} needs a secret; a public key as a secret is known to everybody`;
    return (key.symmetricKeySize ?? 0) < bytes ? `the secret is shorter than ${bytes} bytes` : undefined;
  }
  if (key.type !== "public") return `${algorithm} needs a key pair`;
  const type = key.asymmetricKeyType;
  const details = key.asymmetricKeyDetails;
  if (algorithm === "EdDSA") return type === "ed25519" ? undefined : "EdDSA needs an Ed25519 key";
  const curve = curves[algorithm];
  if (curve !== undefined) {
    return type === "ec" && details?.namedCurve === curve ? undefined : `${algorithm} needs a key on ${curve}`;
  }
  if (type !== "rsa") return `${algorithm} needs an RSA key`;
  const bits = details?.modulusLength ?? 0;
  if (bits < minimumRsaBits) return `the key is shorter than ${minimumRsaBits} bits`;
  if (bits > maximumRsaBits) return `the key is longer than ${maximumRsaBits} bits`;
  const exponent = details?.publicExponent ?? 0n;
  if (exponent < 3n || exponent % 2n === 0n) return "the key's public exponent is no odd number from 3";
  return isRoca(key) ? "the key was made by a defective generator (CVE-2017-15361); make a new one" : undefined;
}

const smallPrimes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/** CVE-2017-15361: such a modulus is a power of 65537 modulo every small prime, which gives the factors away. */
function isRoca(key: KeyObject): boolean {
  const modulus = BigInt(`0x${Buffer.from(key.export({ format: "jwk" }).n ?? "", "base64url").toString("hex")}`);
  return smallPrimes.every((prime) => {
    const rest = Number(modulus % BigInt(prime));
    const generator = 65537 % prime;
    let power = 1;
    for (let step = 0; step < prime; step++) {
      if (power === rest) return true;
      power = (power * generator) % prime;
    }
    return false;
  });
}

/** The SHA-256 thumbprint of a public key (RFC 7638). */
function thumbprint(jwk: JsonWebKey): string {
  const members = { EC: ["crv", "kty", "x", "y"], RSA: ["e", "kty", "n"], OKP: ["crv", "kty", "x"] }[jwk.kty ?? ""];
  const canonical = JSON.stringify(Object.fromEntries((members ?? []).map((name) => [name, jwk[name]])));
  return createHash("sha256").update(canonical).digest("base64url");
}

/**
 * The keys of a published set (RFC 7517 5) that can verify these algorithms. Keys for other uses, secrets and what cannot be
 * read are passed over; undefined for something that is no set, or that names two different keys alike.
 */
export function publishedKeys(set: unknown, algorithms: readonly JwsAlgorithm[]): readonly JwsKey[] | undefined {
  const list: unknown = typeof set === "object" && set !== null ? (set as { keys?: unknown }).keys : undefined;
  if (!Array.isArray(list) || list.length > maximumKeys) return undefined;
  const keys: JwsKey[] = [];
  for (const jwk of list as readonly unknown[]) {
    if (typeof jwk !== "object" || jwk === null) return undefined;
    for (const algorithm of algorithms) {
      // A published secret is none.
      if (algorithm.startsWith("HS")) continue;
      try {
        keys.push(prepareKey(algorithm, jwk as JsonWebKey, {}, "jwks"));
      } catch {
        // Not a key for this algorithm.
      }
    }
  }
  return ambiguous(keys) ? undefined : keys;
}

const maximumKeys = 100;

/** True when two keys of one algorithm have the same name: which of them is meant cannot be told. */
export function ambiguous(keys: readonly JwsKey[]): boolean {
  const names = keys.filter(({ kid }) => kid !== undefined).map(({ algorithm, kid }) => `${algorithm} ${kid}`);
  return new Set(names).size !== names.length;
}
