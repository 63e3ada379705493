import { createHash } from "node:crypto";
import type { SecurityRequest } from "../../http/request.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { inTime } from "../../model/deadline.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { type BadCredential, type CredentialFault, type Identity, isFault } from "../../model/identity.ts";
import { checkKnown } from "../../model/known-names.ts";
import { constantTimeEqual, randomId } from "../../secrets/random.ts";
import { quoted } from "../authenticator.ts";
import type { Proved } from "../password-proof.ts";
import { badCredential, because, builtIn, type SchemePlan, unreadable } from "../scheme.ts";
import { wrongPassword } from "./credentials.ts";
import { createNonces } from "./nonces.ts";

/** The hash functions of HTTP Digest that are spoken here. */
export type DigestAlgorithm = "SHA-256" | "MD5";

/** What HTTP Digest needs. */
export interface DigestOptions {
  /**
   * The stored H(user:realm:password) in lower-case hexadecimal, by the name that the client sends; undefined: there is none.
   * Password hashes (argon2) cannot serve here, so the application keeps this value when a password is set, and guards it
   * like a password: whoever has it can sign in to this realm. `digestSecret` computes it. Called for unknown users too.
   */
  readonly secret: (user: string, realm: string, algorithm: DigestAlgorithm) => Awaitable<string | undefined>;
  /** True: also MD5, for old clients. Whoever reads the traffic can guess passwords faster. */
  readonly allowMd5?: boolean;
  /** How long a nonce is good; default "5m". */
  readonly nonceLife?: Duration;
}

/** H(user:realm:password) as `digest` needs it (RFC 7616 3.4.2). */
export function digestSecret(
  user: string,
  realm: string,
  password: string,
  algorithm: DigestAlgorithm = "SHA-256",
): string {
  return hash(algorithm, `${user}:${realm}:${password}`);
}

function hash(algorithm: DigestAlgorithm, text: string): string {
  return createHash(algorithm === "MD5" ? "md5" : "sha256")
    .update(text)
    .digest("hex");
}

const maxHeader = 4096;
const bad: BadCredential = badCredential("authorization");

/**
 * The scheme "digest" (RFC 7616): qop "auth" with counted nonces, SHA-256. User names are not hashed (`userhash`). A digest
 * that is right over an old nonce is answered with `stale=true`; any other is refused like a wrong password.
 */
export function digest(options: DigestOptions): SchemePlan<"digest"> {
  checkKnown("schemes.digest", options ?? {}, ["secret", "allowMd5", "nonceLife"]);
  if (typeof options?.secret !== "function") {
    throw new ConfigurationError(
      "schemes.digest.secret",
      "a function (user, realm, algorithm) that finds H(user:realm:password) is expected",
    );
  }
  if (options.allowMd5 !== undefined && typeof options.allowMd5 !== "boolean") {
    throw new ConfigurationError("schemes.digest.allowMd5", "true or false is expected");
  }
  const life = milliseconds("schemes.digest.nonceLife", options.nonceLife ?? "5m");
  const algorithms: readonly DigestAlgorithm[] = options.allowMd5 === true ? ["SHA-256", "MD5"] : ["SHA-256"];
  return builtIn({
    name: "digest",
    make({ ring, proof, signIn, realm: systemRealm, now, deadline }) {
      const nonces = createNonces(ring, life, now);
      const opaque = ring.sign("digest-opaque", systemRealm).slice(0, 22);
      /** Stands in for unknown users: no digest is right over it. */
      const nobody = hash("SHA-256", randomId(32));
      const stale = new WeakSet<SecurityRequest>();

      /** Looks at a digest, once the guess is taken from the budgets. */
      const prove = async (rq: SecurityRequest, sent: DigestCredentials): Promise<Proved> => {
        const realm = rq.route.realm ?? systemRealm;
        const asked = options.secret(sent.username, realm, sent.algorithm);
        const known = await inTime(asked, deadline, "schemes.digest.secret");
        const usable = typeof known === "string" && /^(?:[0-9a-f]{32}|[0-9a-f]{64})$/.test(known);
        const expected = responseOf(sent, usable ? known : nobody, rq.method);
        const right = constantTimeEqual(expected, sent.response) && usable;
        const state = nonces.look(sent.nonce, sent.count);
        if (!right) return "wrong";
        // A right answer to a question of ours that is over: the client need not ask its user again.
        if (state === "old") return "late";
        return state === "good" && nonces.use(sent.nonce, sent.count) ? "right" : "wrong";
      };

      const verify = async (rq: SecurityRequest, sent: DigestCredentials): Promise<Identity | CredentialFault> => {
        const account = await proof.find(sent.username);
        const attempt = { rq, account, identity: sent.username, authType: "digest", forget: "once" } as const;
        const guess = await proof.guessBy(attempt, () => prove(rq, sent));
        if (guess.proved === "wrong" || account === undefined) return wrongPassword;
        const identity = await signIn.admitOrFault(rq, { account, methods: ["password"], guess }, "digest");
        if (guess.proved === "right" || isFault(identity)) return identity;
        // Said only to who would be let in: it tells that the password is right.
        stale.add(rq);
        return { why: "it is right, but for a nonce that is over: the client is told to take a new one" };
      };

      return {
        name: "digest",
        ambient: true,
        describe: () => [
          { type: "http", scheme: "digest", description: `HTTP Digest (RFC 7616) with ${algorithms.join(" or ")}.` },
        ],
        authenticate(rq) {
          const header = rq.header("authorization");
          if (header === undefined || !/^digest(?:[ \t]|$)/i.test(header)) return undefined;
          const sent = header.length > maxHeader ? undefined : parseDigest(header);
          if (sent === undefined || !algorithms.includes(sent.algorithm)) return because(bad, unreadable);
          // Made for this server, this realm and this very target.
          if (sent.opaque !== opaque || sent.realm !== (rq.route.realm ?? systemRealm) || sent.uri !== target(rq))
            return because(bad, { why: "it was made for another realm or target, or by another server" });
          return verify(rq, sent).then((found) => (isFault(found) ? because(bad, found) : found));
        },
        place: () => bad.refused,
        challenge: (realm, rq) => {
          const common = `realm=${quoted(realm)}, qop="auth"`;
          const rest = `nonce="${nonces.issue()}", opaque="${opaque}", charset=UTF-8${stale.has(rq) ? ", stale=true" : ""}`;
          return algorithms.map((algorithm) => `Digest ${common}, algorithm=${algorithm}, ${rest}`);
        },
      };
    },
  });
}

/** The request target as it was sent: path and query. */
function target(rq: SecurityRequest): string {
  const { url } = rq.request;
  const start = url.indexOf("/", url.indexOf("//") + 2);
  return start < 0 ? "/" : url.slice(start);
}

/** An `Authorization: Digest` header taken apart. */
interface DigestCredentials {
  readonly username: string;
  readonly realm: string;
  readonly nonce: string;
  readonly uri: string;
  readonly response: string;
  readonly algorithm: DigestAlgorithm;
  readonly opaque: string;
  readonly cnonce: string;
  /** As it was sent: eight hexadecimal digits. */
  readonly nc: string;
  readonly count: number;
}

/** The response that is right (RFC 7616 3.4.1). */
function responseOf(sent: DigestCredentials, secret: string, method: string): string {
  const { algorithm, nonce, nc, cnonce, uri } = sent;
  return hash(algorithm, `${secret}:${nonce}:${nc}:${cnonce}:auth:${hash(algorithm, `${method}:${uri}`)}`);
}

const parameter = /\s*([A-Za-z][A-Za-z0-9*-]*)=(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9!#$%&'*+.^_`|~-]+))\s*(,|$)/y;
const required = ["username", "realm", "nonce", "uri", "response", "opaque", "cnonce", "nc", "qop"] as const;

/**
 * Takes `Digest …` apart. Undefined for anything that is not complete: without `qop` and `cnonce` (RFC 2069) nothing is counted,
 * and a parameter that is there twice can be read in two ways. `username*` and `userhash` are not spoken.
 */
function parseDigest(header: string): DigestCredentials | undefined {
  const start = /^digest +/i.exec(header);
  if (start === null) return undefined;
  const found = new Map<string, string>();
  parameter.lastIndex = start[0].length;
  for (;;) {
    const match = parameter.exec(header);
    if (match === null) return undefined;
    const name = (match[1] as string).toLowerCase();
    if (found.has(name)) return undefined;
    const text = match[3] ?? (match[2] as string).replace(/\\(.)/g, "$1");
    // Headers are bytes; the challenge says that these are UTF-8.
    found.set(name, Buffer.from(text, "latin1").toString("utf8"));
    if (match[4] === "") break;
  }
  if (required.some((name) => !found.has(name)) || found.has("username*") || found.get("userhash") === "true")
    return undefined;
  const of = (name: string): string => found.get(name) ?? "";
  // RFC 7616 3.4: where nothing is said, it is MD5.
  const algorithm = (found.get("algorithm") ?? "MD5").toUpperCase();
  if (algorithm !== "SHA-256" && algorithm !== "MD5") return undefined;
  if (of("qop") !== "auth" || !/^[0-9a-f]{8}$/i.test(of("nc")) || of("cnonce") === "") return undefined;
  const count = Number.parseInt(of("nc"), 16);
  if (count === 0 || !/^[0-9a-f]+$/.test(of("response"))) return undefined;
  return {
    username: of("username"),
    realm: of("realm"),
    nonce: of("nonce"),
    uri: of("uri"),
    response: of("response"),
    algorithm,
    opaque: of("opaque"),
    cnonce: of("cnonce"),
    nc: of("nc"),
    count,
  };
}
