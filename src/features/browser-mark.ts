import { createHmac } from "node:crypto";
import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import { normalizePassword } from "../passwords/normal-form.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { constantTimeEqual, randomId } from "../secrets/random.ts";

/** What somebody may sign in with: the names of an account, as `PasswordProof.nameOf` spells them, and a password. */
export interface TypedCredentials {
  readonly names: readonly string[];
  readonly password: string;
}

/**
 * The mark of the browser in which an account, or the change of its address, was begun: a cookie that no script reads. It tells
 * a mailed link that is opened there from one that is opened where nobody has shown yet that the account is theirs, and
 * a sign-in with what was typed there at a registration from one with what somebody else typed.
 */
export interface BrowserMark {
  /**
   * Marks this browser. Without an account it gets a mark that is worth nothing and looks the same: the answer to a registration
   * must not tell whether an account was made. `typed`: what the registration was for, whatever became of it; of several the
   * last few are kept.
   */
  set(rq: SecurityRequest, account: Account | undefined, typed?: TypedCredentials): void;
  /** Whether this browser has the mark of this account, as the account is now. */
  shows(rq: SecurityRequest, account: Account): boolean;
  /** Whether one of these names was registered in this browser with this password. It says nothing of any account. */
  registered(rq: SecurityRequest, typed: TypedCredentials): boolean;
  /** Takes this account's mark away, once it has served. */
  clear(rq: SecurityRequest, account: Account): void;
}

/** Two days in seconds: as long as a link that confirms an address works by default. */
const leastLife = 172_800;
const purpose = "browser-mark";
const shape = /^([0-9]{1,15})\.([\w-]{22})\.([\w-]{43})(?:\.([\w-]{1,1000}))?$/;

/** So many registrations of one browser are known. */
const keptRegistrations = 5;
/** Of one, so many names: a cookie has no room for what an application may declare. */
const mostNames = 16;
/**
 * Characters of a digest (24 bits): enough to know again what was typed, and too few to tell which of all passwords it was, even
 * for who has the keys and the cookie.
 */
const digestLength = 4;

/** A registration that was begun in this browser: until when it counts (epoch milliseconds), and what was typed. */
interface Registration {
  readonly end: number;
  readonly key: string;
  readonly digests: readonly string[];
}

/**
 * Makes the marks of one running system.
 *
 * @param linkLives how long each kind of link works that can prove an address, in milliseconds: a mark lasts no shorter
 */
export function createBrowserMark(ring: KeyRing, linkLives: readonly number[]): BrowserMark {
  const life = Math.max(leastLife, ...linkLives.map((one) => Math.ceil(one / 1_000)));
  // Bound to the uniquifier: what ends the account's credentials ends the mark, and no later account with this id has it.
  const content = (uniquifier: string, end: string, nonce: string, sealed: string): string =>
    [uniquifier, end, nonce, ...(sealed === "" ? [] : [sealed])].join("\n");
  const read = (rq: SecurityRequest): RegExpExecArray | null =>
    shape.exec(rq.cookie(rq.system.cookies.name("browser")) ?? "");
  /** One with more than its whole life left was made in the future, before the clock was set back: it would live longer. */
  const lives = (rq: SecurityRequest, end: number): boolean => {
    const left = end - rq.system.now();
    return left > 0 && left <= life * 1_000;
  };
  const shows: BrowserMark["shows"] = (rq, account) => {
    const [, end, nonce, sign, sealed = ""] = read(rq) ?? [];
    if (end === undefined || nonce === undefined || sign === undefined) return false;
    return lives(rq, Number(end)) && ring.verify(purpose, content(account.fsUniquifier, end, nonce, sealed), sign);
  };
  const registrations = (rq: SecurityRequest): readonly Registration[] => {
    const sealed = read(rq)?.[4];
    const opened = sealed === undefined ? undefined : ring.decrypt(purpose, sealed);
    if (opened === undefined) return [];
    return opened.split("\n").flatMap((line) => {
      const [end = "", key = "", ...digests] = line.split(" ");
      return lives(rq, Number(end)) ? [{ end: Number(end), key, digests }] : [];
    });
  };
  return {
    shows,
    registered(rq, typed) {
      let found = false;
      for (const { key, digests } of registrations(rq)) {
        for (const digest of digestsOf(key, typed)) {
          for (const known of digests) found = constantTimeEqual(known, digest) || found;
        }
      }
      return found;
    },
    set(rq, account, typed) {
      const { cookies } = rq.system;
      const end = rq.system.now() + life * 1_000;
      const begun = { end, key: randomId(16) };
      const digests = typed === undefined ? [] : digestsOf(begun.key, typed);
      const kept = [...registrations(rq), ...(digests.length === 0 ? [] : [{ ...begun, digests }])]
        .slice(-keptRegistrations)
        .map((one) => [one.end, one.key, ...one.digests].join(" "));
      const sealed = kept.length === 0 ? "" : ring.encrypt(purpose, kept.join("\n"));
      const nonce = randomId(16);
      const sign = ring.sign(purpose, content(account?.fsUniquifier ?? randomId(24), String(end), nonce, sealed));
      const value = [end, nonce, sign, ...(sealed === "" ? [] : [sealed])].join(".");
      rq.setCookie(cookies.name("browser"), value, cookies.attributes(life));
    },
    clear(rq, account) {
      const { cookies } = rq.system;
      if (shows(rq, account)) rq.clearCookie(cookies.name("browser"), cookies.attributes());
    },
  };
}

/** One for each name. The key lies in the sealed part of the cookie, so that a change of the secret keys loses nothing. */
function digestsOf(key: string, { names, password }: TypedCredentials): readonly string[] {
  const normal = normalizePassword(password);
  if (normal === undefined) return [];
  return names.slice(0, mostNames).map((name) =>
    createHmac("sha256", key)
      .update(JSON.stringify([name, normal]))
      .digest("base64url")
      .slice(0, digestLength),
  );
}
