import type { SecurityRequest } from "../../http/request.ts";
import { andThen } from "../../model/awaitable.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { type BadCredential, type CredentialFault, isFault } from "../../model/identity.ts";
import { checkKnown } from "../../model/known-names.ts";
import { quoted } from "../authenticator.ts";
import { badCredential, because, builtIn, type CredentialDescription, type SchemePlan, unreadable } from "../scheme.ts";

const twoKeys: CredentialFault = { why: "there are two keys, and which of them counts cannot be told" };

/** How API keys travel. */
export interface ApiKeyOptions {
  /** Where keys are looked for; default ["bearer", "header"]. */
  readonly carriers?: readonly ("bearer" | "header")[];
  /** The header of its own; default "X-API-Key". */
  readonly header?: string;
}

/**
 * The scheme "apiKey": a key of the feature `apiKeys`, as `Authorization: Bearer …` (RFC 6750) or in a header of its own. A
 * route takes keys only where its `authn` or guard names the scheme; account pages never do.
 */
export function apiKey(options: ApiKeyOptions = {}): SchemePlan<"apiKey"> {
  const path = "schemes.apiKey";
  checkKnown(path, options, ["carriers", "header"]);
  const { carriers = ["bearer", "header"], header = "X-API-Key" } = options;
  if (!Array.isArray(carriers) || carriers.length === 0 || carriers.some((it) => it !== "bearer" && it !== "header")) {
    throw new ConfigurationError(`${path}.carriers`, 'a list of "bearer" and "header" is expected');
  }
  if (
    typeof header !== "string" ||
    !/^[A-Za-z0-9-]{1,64}$/.test(header) ||
    /^(?:cookie|authorization|host)$/i.test(header)
  ) {
    throw new ConfigurationError(`${path}.header`, "is no name for a header of its own");
  }
  return builtIn({
    name: "apiKey",
    make({ apiKeys }) {
      if (apiKeys === undefined) {
        throw new ConfigurationError("schemes", '"apiKey" needs keys; add apiKeys() to features');
      }
      const begins = `${apiKeys.settings.prefix}_`;
      /** Nothing behind the word, a tab, or what begins like a key and is none. */
      const malformed = new RegExp(`^bearer(?:$|\\t| +${begins})`, "i");
      const inBearer = badCredential("authorization");
      const inHeader = badCredential(header.toLowerCase());
      /** The key that the request carries; one of another kind in `Authorization` is no key. */
      const carried = (rq: SecurityRequest): string | BadCredential | undefined => {
        const authorization = carriers.includes("bearer") ? rq.header("authorization") : undefined;
        const bearer = /^bearer +([A-Za-z0-9_-]+)$/i.exec(authorization ?? "")?.[1];
        if (bearer === undefined && authorization !== undefined && malformed.test(authorization))
          return because(inBearer, unreadable);
        const own = carriers.includes("header") ? rq.header(header) : undefined;
        if (own !== undefined && !isKey(own)) return because(inHeader, unreadable);
        const key = bearer?.startsWith(begins) === true ? bearer : undefined;
        if (key !== undefined && !isKey(key)) return because(inBearer, unreadable);
        // Which of two keys counts cannot be told.
        if (key !== undefined && own !== undefined && key !== own) return because(inBearer, twoKeys);
        return key ?? own;
      };
      const isKey = (text: string): boolean => text.startsWith(begins) && text.length <= 128;
      const placeOf = (rq: SecurityRequest): BadCredential =>
        // The same key in both: what other schemes read of it is in `Authorization`.
        carriers.includes("bearer") && rq.header("authorization")?.toLowerCase().startsWith(`bearer ${begins}`) === true
          ? inBearer
          : inHeader;
      return {
        name: "apiKey",
        describe: () =>
          carriers.map((carrier): CredentialDescription => {
            const description = `An API key, which begins with "${begins}".`;
            const way: CredentialDescription =
              carrier === "bearer"
                ? { type: "http", scheme: "bearer", description }
                : { type: "apiKey", in: "header", name: header, description };
            return carriers.length === 1 ? way : { ...way, carrier };
          }),
        authenticate(rq) {
          const text = carried(rq);
          if (text === undefined || typeof text === "object") return text;
          return andThen(apiKeys.recognise(rq, text), (found) =>
            isFault(found) ? because(placeOf(rq), found) : found,
          );
        },
        place: (rq) => placeOf(rq).refused,
        insufficient: (scopes) =>
          carriers.includes("bearer")
            ? `Bearer error="insufficient_scope", scope=${quoted(scopes.join(" "))}`
            : undefined,
        challenge(realm, rq) {
          if (!carriers.includes("bearer")) return undefined;
          // An error is only told to who came with something.
          const sent = rq.header("authorization")?.toLowerCase().startsWith("bearer ") === true;
          return `Bearer realm=${quoted(realm)}${sent ? ', error="invalid_token"' : ""}`;
        },
      };
    },
  });
}
