import { PortcullisError } from "../../model/errors.ts";
import { maxTokenLength } from "../../secrets/jws.ts";
import type { KeyRing } from "../../secrets/keyring.ts";
import { constantTimeEqual, sha256 } from "../../secrets/random.ts";
import type { TokenSubject } from "./owner.ts";
import { type TokenFormat, uniquifierOf } from "./token.ts";

const purpose = "fsa-token";
const markLength = 22;
const shape = /^([^:]{1,400}):([^:]{1,800}):(\d{14}):([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{43})$/;

/**
 * The type "fsa": `realm:user:limit:signature`, which people can read, after FlaskSimpleAuth. Realm and e-mail address (or login) are
 * percent-encoded, the limit is `YYYYMMDDhhmmss` in UTC. The signature is HMAC-SHA-256 over the rest and over a mark of the
 * user's uniquifier, which goes in front of it, so that changing the uniquifier ends the token. It has no room for scopes,
 * methods and the time of the proof: such a token is never fresh. `grace` in milliseconds.
 */
export function fsaTokens(ring: KeyRing, grace: number, subject: TokenSubject): TokenFormat {
  return {
    type: "fsa",
    seal({ account, expiresAt, realm, scopes }) {
      if (scopes !== undefined) {
        throw new PortcullisError("invalid_token_request", 'tokens of the type "fsa" have no room for scopes');
      }
      const mark = markOf(uniquifierOf(account));
      const text = `${part(realm)}:${part(subject.of(account))}:${stamp(expiresAt)}`;
      return `${text}:${mark}${ring.sign(purpose, `${text}:${mark}`)}`;
    },
    open(text, now) {
      if (text.length > maxTokenLength) return "form";
      const [, realm = "", user = "", limit = "", mark = "", signature = ""] = shape.exec(text) ?? [];
      if (signature === "") return "form";
      if (!ring.verify(purpose, `${realm}:${user}:${limit}:${mark}`, signature)) return "signature";
      const expiresAt = limitOf(limit);
      if (!(now - grace < expiresAt)) return "expired";
      return {
        authenticatedAt: null,
        methods: [],
        since: undefined,
        expiresAt,
        realm: decodeURIComponent(realm),
        scopes: undefined,
        family: undefined,
        async find() {
          const found = await subject.find(decodeURIComponent(user));
          if (found === undefined) return undefined;
          return constantTimeEqual(markOf(uniquifierOf(found)), mark) ? found : undefined;
        },
      };
    },
  };
}

/** Uniquifiers are random: their hash tells nothing about them. */
function markOf(uniquifier: string): string {
  return sha256(`fsa-token:${uniquifier}`).slice(0, markLength);
}

function part(text: string): string {
  // What encodeURIComponent leaves alone stands for itself in cookies and headers alike.
  return encodeURIComponent(text);
}

function stamp(at: number): string {
  return new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replace(/[-:T]/g, "");
}

function limitOf(text: string): number {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
