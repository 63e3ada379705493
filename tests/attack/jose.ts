/** JSON Web Tokens made by hand, right and wrong: nothing here knows how the server reads them. */
import {
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign as signWith,
} from "node:crypto";

/** The algorithms with key pairs that the attacks are played with. */
export type PairAlgorithm = "RS256" | "ES256" | "EdDSA";

/** A key pair for one algorithm. */
export interface SigningKey {
  readonly algorithm: PairAlgorithm;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Makes a key pair. */
export function signingKey(algorithm: PairAlgorithm, kid: string): SigningKey {
  const { privateKey, publicKey } =
    algorithm === "RS256"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : algorithm === "ES256"
        ? generateKeyPairSync("ec", { namedCurve: "P-256" })
        : generateKeyPairSync("ed25519");
  return { algorithm, kid, privateKey, publicKey };
}

/** The private key as a settings file holds it. */
export function pem({ privateKey }: SigningKey): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The public key as a key set holds it. */
export function publicJwk({ publicKey, algorithm, kid }: SigningKey): JsonWebKey {
  return {
    ...createPublicKey(publicKey.export({ type: "spki", format: "pem" })).export({ format: "jwk" }),
    alg: algorithm,
    kid,
    use: "sig",
  };
}

const encode = (part: unknown): string =>
  Buffer.from(typeof part === "string" ? part : JSON.stringify(part)).toString("base64url");

/** A compact token; a header or payload that is text is taken as it stands. `signature` is over both. */
export function compact(header: unknown, payload: unknown, signature: ((data: string) => Buffer) | string): string {
  const data = `${encode(header)}.${encode(payload)}`;
  return `${data}.${typeof signature === "string" ? signature : signature(data).toString("base64url")}`;
}

/** Signs as the key's algorithm wants it. */
export function signedBy({ algorithm, privateKey }: SigningKey): (data: string) => Buffer {
  return (data) => {
    const bytes = Buffer.from(data);
    if (algorithm === "EdDSA") return signWith(null, bytes, privateKey);
    if (algorithm === "RS256") return signWith("sha256", bytes, privateKey);
    return signWith("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" });
  };
}

/** A token that this key has signed, with its right header. */
export function token(key: SigningKey, payload: unknown, header: object = {}): string {
  return compact({ alg: key.algorithm, typ: "JWT", kid: key.kid, ...header }, payload, signedBy(key));
}

/** A keyed hash, as HS256, HS384 and HS512 have it. */
export function hmac(bits: 256 | 384 | 512, secret: string | Buffer): (data: string) => Buffer {
  return (data) => createHmac(`sha${bits}`, secret).update(data).digest();
}

/** What a token says. */
export function claimsOf(text: string): Readonly<Record<string, unknown>> {
  return JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
}

/** What a public key looks like to those who take it for a shared secret. */
export function spellings({ publicKey, algorithm }: SigningKey): readonly (string | Buffer)[] {
  const jwk = publicKey.export({ format: "jwk" });
  const spki = publicKey.export({ type: "spki", format: "pem" }).toString();
  const der = publicKey.export({ type: "spki", format: "der" });
  const numbers = [jwk.n, jwk.e, jwk.x, jwk.y].filter((part) => part !== undefined);
  const ordered = Object.fromEntries(Object.entries(jwk).sort(([a], [b]) => (a < b ? -1 : 1)));
  return [
    spki,
    spki.trim(),
    spki.replaceAll("\n", "\r\n"),
    spki.replaceAll("\n", ""),
    spki.replace(/-----[^-]+-----|\n/g, ""),
    der,
    der.toString("hex"),
    ...(algorithm === "RS256"
      ? [
          publicKey.export({ type: "pkcs1", format: "pem" }).toString(),
          publicKey.export({ type: "pkcs1", format: "der" }),
        ]
      : []),
    JSON.stringify(jwk),
    JSON.stringify(ordered),
    ...numbers,
    ...numbers.map((number) => Buffer.from(number, "base64url")),
    Buffer.concat(numbers.map((number) => Buffer.from(number, "base64url"))),
    "",
    "secret",
  ];
}
