import type { SecurityRequest } from "../../http/request.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { quoted } from "../authenticator.ts";
import type { CredentialDescription, SchemePlan } from "../scheme.ts";

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
  for (const option of Object.keys(options)) {
    if (option !== "carriers" && option !== "header") {
      throw new ConfigurationError(`${path}.${option}`, "unknown option; known: carriers, header");
    }
  }
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
  return {
    name: "apiKey",
    make({ apiKeys }) {
      if (apiKeys === undefined) {
        throw new ConfigurationError("schemes", '"apiKey" needs keys; add apiKeys() to features');
      }
      const begins = `${apiKeys.settings.prefix}_`;
      /** The key that the request carries; one of another kind in `Authorization` is no key. */
      const carried = (rq: SecurityRequest): string | undefined => {
        const authorization = carriers.includes("bearer") ? rq.header("authorization") : undefined;
        const bearer = /^bearer +([A-Za-z0-9_-]+)$/i.exec(authorization ?? "")?.[1];
        const own = carriers.includes("header") ? rq.header(header) : undefined;
        const sent = [bearer, own].filter((text) => text?.startsWith(begins) === true && text.length <= 128);
        // Which of two keys counts cannot be told.
        return sent.length === 1 || sent[0] === sent[1] ? sent[0] : undefined;
      };
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
          return text === undefined ? undefined : apiKeys.recognise(rq, text);
        },
        challenge(realm, rq) {
          if (!carriers.includes("bearer")) return undefined;
          // An error is only told to who came with something.
          const sent = rq.header("authorization")?.toLowerCase().startsWith("bearer ") === true;
          return `Bearer realm=${quoted(realm)}${sent ? ', error="invalid_token"' : ""}`;
        },
      };
    },
  };
}
