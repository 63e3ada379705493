import type { SecurityRequest } from "../http/request.ts";
import type { Account } from "../model/account.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { randomId } from "../secrets/random.ts";

/**
 * The mark of the browser in which an account, or the change of its address, was begun: a cookie that no script reads. It tells
 * a mailed link that is opened there from one that is opened where nobody has shown yet that the account is theirs.
 */
export interface BrowserMark {
  /**
   * Marks this browser. Without an account it gets a mark that is worth nothing and looks the same: the answer to a registration
   * must not tell whether an account was made.
   */
  set(rq: SecurityRequest, account: Account | undefined): void;
  /** Whether this browser has the mark of this account, as the account is now. */
  shows(rq: SecurityRequest, account: Account): boolean;
  /** Takes this account's mark away, once it has served. */
  clear(rq: SecurityRequest, account: Account): void;
}

/** Two days in seconds: as long as a link that confirms an address works by default. */
const leastLife = 172_800;
const purpose = "browser-mark";
const shape = /^([0-9]{1,15})\.([\w-]{22})\.([\w-]{43})$/;

/**
 * Makes the marks of one running system.
 *
 * @param linkLives how long each kind of link works that can prove an address, in milliseconds: a mark lasts no shorter
 */
export function createBrowserMark(ring: KeyRing, linkLives: readonly number[]): BrowserMark {
  const life = Math.max(leastLife, ...linkLives.map((one) => Math.ceil(one / 1_000)));
  // Bound to the uniquifier: what ends the account's credentials ends the mark, and no later account with this id has it.
  const content = (uniquifier: string, end: string, nonce: string): string => `${uniquifier}\n${end}\n${nonce}`;
  const shows: BrowserMark["shows"] = (rq, account) => {
    const [, end, nonce, sign] = shape.exec(rq.cookie(rq.system.cookies.name("browser")) ?? "") ?? [];
    if (end === undefined || nonce === undefined || sign === undefined) return false;
    const left = Number(end) - rq.system.now();
    // One with more than its whole life left was made in the future, before the clock was set back: it would live longer.
    if (left <= 0 || left > life * 1_000) return false;
    return ring.verify(purpose, content(account.fsUniquifier, end, nonce), sign);
  };
  return {
    shows,
    set(rq, account) {
      const { cookies } = rq.system;
      const end = String(rq.system.now() + life * 1_000);
      const nonce = randomId(16);
      const sign = ring.sign(purpose, content(account?.fsUniquifier ?? randomId(24), end, nonce));
      rq.setCookie(cookies.name("browser"), `${end}.${nonce}.${sign}`, cookies.attributes(life));
    },
    clear(rq, account) {
      const { cookies } = rq.system;
      if (shows(rq, account)) rq.clearCookie(cookies.name("browser"), cookies.attributes());
    },
  };
}
