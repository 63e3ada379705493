import { Buffer, type Buffer as Bytes } from "node:buffer";
import { createHmac, type KeyObject, sign, timingSafeEqual, verify } from "node:crypto";

/** The signature algorithms of JWS (RFC 7518 3.1, RFC 8037 3.1, and RFC 9864's name for Ed25519). */
export type JwsAlgorithm =
  | "HS256"
  | "HS384"
  | "HS512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "ES512"
  | "EdDSA";

/**
 * A key as JSON (RFC 7517 4). A type of our own: Node's has moved between versions of its types, and a consumer compiles
 * against the version that they have.
 */
export interface JsonWebKey {
  readonly kty?: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
  readonly d?: string;
  readonly p?: string;
  readonly q?: string;
  readonly dp?: string;
  readonly dq?: string;
  readonly qi?: string;
  readonly k?: string;
  readonly [member: string]: unknown;
}

/** A key that was checked for one algorithm, once, and knows no other: a token cannot choose what it is verified with. */
export interface JwsKey {
  readonly algorithm: JwsAlgorithm;
  readonly kid: string | undefined;
  /** True when it can also sign. */
  readonly signs: boolean;
  /** Epoch milliseconds after which nothing that it signed is taken any more; undefined: none. */
  readonly until: number | undefined;
  /** The public part for a key set (RFC 7517); undefined for a secret. */
  readonly publicJwk: JsonWebKey | undefined;
  sign(data: string): Bytes;
  verify(data: string, signature: Bytes): boolean;
}

interface Shape {
  readonly hash: string | undefined;
  /** RSASSA-PSS: a salt as long as the hash (RFC 7518 3.5). */
  readonly salt?: number;
  readonly padding?: number;
  /** Length of the signature in bytes where it is fixed. */
  readonly length?: number;
}

const RSA_PKCS1_PSS_PADDING = 6;

const shapes: Readonly<Record<JwsAlgorithm, Shape>> = {
  HS256: { hash: "sha256", length: 32 },
  HS384: { hash: "sha384", length: 48 },
  HS512: { hash: "sha512", length: 64 },
  RS256: { hash: "sha256" },
  RS384: { hash: "sha384" },
  RS512: { hash: "sha512" },
  PS256: { hash: "sha256", salt: 32, padding: RSA_PKCS1_PSS_PADDING },
  PS384: { hash: "sha384", salt: 48, padding: RSA_PKCS1_PSS_PADDING },
  PS512: { hash: "sha512", salt: 64, padding: RSA_PKCS1_PSS_PADDING },
  ES256: { hash: "sha256", length: 64 },
  ES384: { hash: "sha384", length: 96 },
  ES512: { hash: "sha512", length: 132 },
  EdDSA: { hash: undefined, length: 64 },
};

/** The names of the algorithms that there are. */
export const jwsAlgorithms: readonly JwsAlgorithm[] = Object.keys(shapes) as JwsAlgorithm[];

/** What a key does for its algorithm. `priv` signs, `pub` verifies; for HS both are the secret. */
export function operations(
  algorithm: JwsAlgorithm,
  pub: KeyObject,
  priv: KeyObject | undefined,
): Pick<JwsKey, "sign" | "verify"> {
  const shape = shapes[algorithm];
  if (algorithm.startsWith("HS")) {
    const mac = (data: string): Bytes =>
      createHmac(shape.hash as string, pub)
        .update(data)
        .digest();
    return {
      sign: mac,
      verify: (data, signature) => signature.length === shape.length && timingSafeEqual(mac(data), signature),
    };
  }
  const parameters = {
    ...(shape.padding === undefined ? {} : { padding: shape.padding, saltLength: shape.salt as number }),
    // R and S side by side, each of the curve's length (RFC 7518 3.4), not DER.
    ...(algorithm.startsWith("ES") ? { dsaEncoding: "ieee-p1363" as const } : {}),
  };
  const verifying = { key: pub, ...parameters };
  const signing = priv === undefined ? undefined : { key: priv, ...parameters };
  return {
    sign(data) {
      if (signing === undefined) throw new TypeError("this key can only verify");
      return sign(shape.hash, Buffer.from(data), signing);
    },
    verify: (data, signature) =>
      (shape.length === undefined || signature.length === shape.length) &&
      verify(shape.hash, Buffer.from(data), verifying, signature),
  };
}

/** A compact JWS taken apart, before anything of it is believed. */
export interface CompactJws {
  readonly header: JwsHeader;
  /** What the signature is over. */
  readonly signed: string;
  readonly payload: Bytes;
  readonly signature: Bytes;
}

/** The header parameters that are looked at (RFC 7515 4.1). */
export interface JwsHeader {
  readonly alg: string;
  readonly kid: string | undefined;
  readonly typ: string | undefined;
}

/** Longer tokens are refused before any work. */
export const maxTokenLength = 8192;
const maxKid = 256;
const compact = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)$/;
/** Header parameters that hand a key over (never used: keys come from the configuration) or change what is signed. */
const refused = ["crit", "b64", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "zip", "enc"];

/**
 * Takes a compact JWS (RFC 7515 7.1) apart. Undefined for anything else: other serialisations, base64url that is not the
 * one canonical spelling, a header that is no JSON object, names a parameter twice, or brings a key, a URL or an extension.
 */
export function parseCompact(text: string): CompactJws | undefined {
  if (text.length > maxTokenLength) return undefined;
  const match = compact.exec(text);
  if (match === null) return undefined;
  const [, head = "", body = "", tail = ""] = match;
  const header = parseHeader(head);
  const payload = canonical(body);
  const signature = canonical(tail);
  if (header === undefined || payload === undefined || signature === undefined) return undefined;
  return { header, payload, signature, signed: `${head}.${body}` };
}

/** Headers that were parsed lately: an issuer writes the same one each time. */
const headers = new Map<string, JwsHeader | undefined>();
const cachedHeaders = 100;
const cachedHeaderLength = 512;

function parseHeader(encoded: string): JwsHeader | undefined {
  const known = headers.get(encoded);
  if (known !== undefined || headers.has(encoded)) return known;
  const header = readHeader(encoded);
  if (encoded.length <= cachedHeaderLength) {
    if (headers.size >= cachedHeaders) headers.clear();
    headers.set(encoded, header);
  }
  return header;
}

function readHeader(encoded: string): JwsHeader | undefined {
  const bytes = canonical(encoded);
  const value = bytes === undefined ? undefined : jsonObject(bytes);
  if (value === undefined) return undefined;
  if (refused.some((name) => Object.hasOwn(value, name))) return undefined;
  const { alg, kid, typ } = value;
  if (typeof alg !== "string") return undefined;
  if (kid !== undefined && (typeof kid !== "string" || kid === "" || kid.length > maxKid)) return undefined;
  if (typ !== undefined && typeof typ !== "string") return undefined;
  return { alg, kid, typ };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A JSON object in strict UTF-8 whose names are unique (RFC 7515 4, RFC 7519 4); undefined for anything else. */
export function jsonObject(bytes: Bytes): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  let text: string;
  try {
    text = decoder.decode(bytes);
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return namesOnce(text, value) ? (value as Readonly<Record<string, unknown>>) : undefined;
}

/** Whether the outermost object names each of its members once: of two, other readers may take the other one. */
function namesOnce(text: string, value: object): boolean {
  let depth = 0;
  let members = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++) {
        if (text.charCodeAt(at) === 0x5c) at++;
      }
    } else if (code === 0x7b || code === 0x5b) depth++;
    else if (code === 0x7d || code === 0x5d) depth--;
    else if (code === 0x3a && depth === 1) members++;
  }
  return members === Object.keys(value).length;
}

/** The bytes of base64url without padding; undefined unless it is the one spelling of them. */
function canonical(text: string): Bytes | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

/**
 * The payload when one of these keys made the signature; undefined otherwise. The header's `alg` must be the key's own,
 * and a `kid` must name the key; a token without one is tried with each key of its algorithm.
 */
export function verifyCompact(jws: CompactJws, keys: readonly JwsKey[], now: number): Bytes | undefined {
  for (const key of keys) {
    if (isMeant(jws, key, now) && key.verify(jws.signed, jws.signature)) return jws.payload;
  }
  return undefined;
}

/** Whether one of these keys could have made the signature, by its algorithm, name and overlap. */
export function hasKeyFor(jws: CompactJws, keys: readonly JwsKey[], now: number): boolean {
  return keys.some((key) => isMeant(jws, key, now));
}

function isMeant({ header: { alg, kid } }: CompactJws, key: JwsKey, now: number): boolean {
  if (key.algorithm !== alg || (kid !== undefined && kid !== key.kid)) return false;
  return key.until === undefined || now < key.until;
}

/** Signs a JSON payload; the header says algorithm, key and type. */
export function signCompact(payload: object, key: JwsKey, typ: string): string {
  const header = { alg: key.algorithm, ...(key.kid === undefined ? {} : { kid: key.kid }), typ };
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${key.sign(signed).toString("base64url")}`;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
