/** HTTP Digest by hand (RFC 7616), right and wrong. */
import { createHash, randomBytes } from "node:crypto";
import type { Answer, Client } from "./client.ts";

/** A challenge taken apart. */
export type DigestChallenge = Readonly<Record<string, string>>;

/** The parameters of one answer to a challenge; what is changed here is computed with, unless it is in `after`. */
export interface DigestTry {
  readonly method?: string;
  readonly path?: string;
  /** Default: /digest itself; what is claimed to be asked for. */
  readonly uri?: string;
  readonly nc?: string;
  readonly cnonce?: string;
  readonly algorithm?: string | undefined;
  readonly realm?: string;
  readonly qop?: "auth" | "auth-int" | undefined;
  readonly nonce?: string;
  /** Changes of the finished parameters; undefined takes one away. */
  readonly after?: Readonly<Record<string, string | undefined>>;
  /** More text behind all parameters. */
  readonly tail?: string;
}

const hashOf = (algorithm: string | undefined): ((text: string) => string) => {
  const name = /^SHA-256/i.test(algorithm ?? "")
    ? "sha256"
    : /^SHA-512-256/i.test(algorithm ?? "")
      ? "sha512-256"
      : "md5";
  return (text) => createHash(name).update(text).digest("hex");
};

/** The first Digest challenge of an answer. */
export function challengeOf(answer: Answer): DigestChallenge {
  const header = answer.header("www-authenticate") ?? "";
  if (!header.startsWith("Digest ")) throw new Error(`no Digest challenge: ${answer.status} ${header}`);
  return Object.fromEntries(
    [...header.matchAll(/([\w-]+)=(?:"([^"]*)"|([^\s,]+))/g)].map(([, name = "", quoted, plain]) => [
      name.toLowerCase(),
      quoted ?? plain ?? "",
    ]),
  );
}

/** The header that answers a challenge. */
export function digestHeader(
  challenge: DigestChallenge,
  user: string,
  password: string,
  attempt: DigestTry = {},
): Record<string, string> {
  const algorithm = "algorithm" in attempt ? attempt.algorithm : challenge["algorithm"];
  const qop = "qop" in attempt ? attempt.qop : "auth";
  const { method = "GET", path = "/digest", nc = "00000001", cnonce = randomBytes(8).toString("hex") } = attempt;
  const { uri = path, realm = challenge["realm"] ?? "", nonce = challenge["nonce"] ?? "" } = attempt;
  const hash = hashOf(algorithm);
  const plain = hash(`${user}:${realm}:${password}`);
  const secret = /-sess$/i.test(algorithm ?? "") ? hash(`${plain}:${nonce}:${cnonce}`) : plain;
  const what = hash(qop === "auth-int" ? `${method}:${uri}:${hash("")}` : `${method}:${uri}`);
  const response = hash(
    qop === undefined ? `${secret}:${nonce}:${what}` : `${secret}:${nonce}:${nc}:${cnonce}:${qop}:${what}`,
  );
  const parameters: Record<string, string | undefined> = {
    username: `"${user}"`,
    realm: `"${realm}"`,
    nonce: `"${nonce}"`,
    uri: `"${uri}"`,
    algorithm,
    qop,
    nc: qop === undefined ? undefined : nc,
    cnonce: qop === undefined ? undefined : `"${cnonce}"`,
    opaque: `"${challenge["opaque"]}"`,
    response: `"${response}"`,
    ...attempt.after,
  };
  const text = Object.entries(parameters).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  return { authorization: `Digest ${text.join(", ")}${attempt.tail ?? ""}` };
}

/** Asks once for a challenge and answers it. */
export async function digestGet(client: Client, user: string, password: string): Promise<Answer> {
  const challenge = challengeOf(await client.get("/digest"));
  return client.get("/digest", { headers: digestHeader(challenge, user, password) });
}
