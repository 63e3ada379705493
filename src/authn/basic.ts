import type { CredentialCache } from "../datastore/cache.ts";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import type { Identity } from "../model/identity.ts";
import { randomId, sha256 } from "../secrets/random.ts";
import { quoted } from "./authenticator.ts";
import type { PasswordProof } from "./password-proof.ts";
import type { Scheme } from "./scheme.ts";
import type { SignIn } from "./sign-in.ts";

/** Credentials that were verified lately, as the cache holds them. */
export interface LiveBasic {
  readonly userId: number;
  readonly identity: Identity;
}

const maxHeader = 4096;
const basicName = /^basic /i;
const utf8 = new TextDecoder("utf-8", { fatal: true });
/** Verified credentials are taken without hashing again for so long, in milliseconds. */
const cacheLife = 60_000;

/**
 * The scheme "basic" (RFC 7617, UTF-8). Each request carries its own proof and passes every gate; nothing is created.
 * Verified credentials are remembered for a minute under a keyed hash that lives only in this process.
 */
export function basicScheme(proof: PasswordProof, signIn: SignIn, cache: CredentialCache<LiveBasic>): Scheme {
  // Of a fixed length and in front: no two headers are hashed to the same text, and nobody else can hash one.
  const key = randomId(32);
  /** Checks under way: a program's requests at once with the same credentials are one guess. */
  const checking = new Map<string, Promise<Account | undefined>>();

  const prove = async (rq: SecurityRequest, user: string, password: string): Promise<Account | undefined> => {
    const account = await proof.find(user);
    const right = await rq.system.events.within(rq, () =>
      proof.check({ rq, account, identity: user, password, authType: "basic", forget: "once" }),
    );
    return right ? account : undefined;
  };

  const proveOnce = (rq: SecurityRequest, user: string, password: string, entry: string) => {
    // What two addresses ask is two guesses: one must not live on the other's budget.
    const name = `${entry} ${rq.address ?? ""}`;
    const running = checking.get(name);
    if (running !== undefined) return running;
    const check = prove(rq, user, password).finally(() => checking.delete(name));
    checking.set(name, check);
    return check;
  };

  const verify = async (
    rq: SecurityRequest,
    user: string,
    password: string,
    entry: string,
  ): Promise<Identity | undefined> => {
    const stamp = cache.stamp();
    const account = await proveOnce(rq, user, password, entry);
    if (account === undefined) return undefined;
    const identity = await signIn.admit(rq, { account, methods: ["password"] }, "basic");
    // The gates are asked each time unless nothing can change their mind but a change of the user.
    if (identity !== undefined) cache.keep(entry, { userId: account.id, identity }, stamp, cacheLife);
    return identity;
  };

  return {
    name: "basic",
    authenticate(rq) {
      const header = rq.header("authorization");
      if (header === undefined || header.length > maxHeader || !basicName.test(header)) return undefined;
      const entry = sha256(key + header);
      const live = rq.route.kind === "account" ? undefined : cache.get(entry);
      if (live !== undefined) return live.identity;
      const credentials = parseBasic(header);
      return credentials === undefined ? undefined : verify(rq, credentials.user, credentials.password, entry);
    },
    challenge: (realm) => `Basic realm=${quoted(realm)}, charset="UTF-8"`,
  };
}

/** Takes `Basic <base64>` apart. Two headers arrive joined by a comma, which base64 does not have: refused. */
export function parseBasic(header: string): { user: string; password: string } | undefined {
  const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header);
  const encoded = match?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  // Only the canonical text: base64 that decodes to the same bytes must not be a second spelling.
  if (bytes.toString("base64") !== encoded) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return undefined;
  }
  const colon = text.indexOf(":");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 7617 2 forbids exactly these
  if (colon < 1 || /[\u0000-\u001f\u007f]/.test(text)) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
