import { open } from "../../authz/guards/open.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { signedIn } from "../answers.ts";
import { done, type Endpoint, invalid, jsonEndpoint } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import type { Field } from "../fields.ts";
import { checkOptions } from "../options.ts";
import { createFamilies, maxTokenLength } from "./families.ts";
import { refreshTracker } from "./tables.ts";

/** Options of the feature `refresh`. */
export interface RefreshOptions {
  /**
   * How the refresh token travels, never both ways: as a cookie that no script reads (default), or in JSON bodies, for
   * programs that keep it themselves.
   */
  readonly carrier?: "cookie" | "body";
  /** A family ends after so long without a refresh; default "7d". */
  readonly idle?: Duration;
  /** However busy, a family ends after that; default "30d". */
  readonly absolute?: Duration;
  /**
   * For so long the token that was replaced last still gets the same successor, for requests that were sent at once;
   * default "10s". "0s": the second of two requests at once ends the family.
   */
  readonly grace?: Duration;
}

/**
 * `/refresh-token`: a new auth token for a refresh token, which is replaced at each use (RFC 9700 4.14.2). One comes along
 * with the auth token of a sign-in. One that comes back after it was replaced ends its family.
 */
export function refresh(options: RefreshOptions = {}): Feature {
  checkOptions("refresh", options, { carrier: "string", idle: "string", absolute: "string", grace: "string" });
  const { carrier = "cookie" } = options;
  if (carrier !== "cookie" && carrier !== "body") {
    throw new ConfigurationError("refresh.carrier", 'must be "cookie" or "body"');
  }
  const idle = milliseconds("refresh.idle", options.idle ?? "7d");
  const absolute = milliseconds("refresh.absolute", options.absolute ?? "30d");
  const grace = /^0+[smhd]$/.test(options.grace ?? "") ? 0 : milliseconds("refresh.grace", options.grace ?? "10s");
  if (idle > absolute) throw new ConfigurationError("refresh.idle", "is longer than refresh.absolute");
  if (grace > 60_000) throw new ConfigurationError("refresh.grace", "must be at most 1 minute: a thief has it too");
  return {
    name: "refresh",
    tables: { refreshTracker },
    credentialTables: ["refreshTracker"],
    tokenFamilies(context) {
      if (idle < context.tokenLife) throw new ConfigurationError("refresh.idle", "is shorter than tokens.life");
      return createFamilies(context, { carrier, idle, absolute, grace });
    },
    endpoints: (kernel) => [refreshToken(kernel, carrier)],
  };
}

function refreshToken(kernel: Kernel, carrier: "cookie" | "body"): Endpoint {
  return jsonEndpoint({
    name: "refresh_token",
    summary: "Renew an auth token",
    path: "/refresh-token",
    authz: open("to whoever holds a refresh token"),
    // Who else is calling is of no interest.
    authn: [],
    fields: carrier === "body" ? { refresh_token: tokenField } : ({} as { refresh_token?: never }),
    answers: { done: { user: signedIn.user } },
    async submit({ rq, fields }) {
      const text = fields.refresh_token ?? rq.cookie(kernel.system.cookies.name("refresh"));
      if (text === undefined) return invalid({ refresh_token: [{ key: "FIELD_REQUIRED" }] });
      const outcome = await kernel.signIn.refresh(rq, text);
      if (outcome.kind !== "signedIn") return invalid({ refresh_token: [{ key: "REFRESH_TOKEN_INVALID" }] });
      const user = outcome.identity.account.securityPayload();
      return done("/", {
        response: { user: { ...user, authentication_token: outcome.token, ...outcome.members } },
      });
    },
  });
}

const tokenField: Field<string> = {
  label: { text: "refresh token" },
  type: "text",
  required: true,
  maxLength: maxTokenLength,
  echo: false,
  parse(input) {
    if (input === undefined || input === null || input === "") return { fault: { key: "FIELD_REQUIRED" } };
    if (typeof input !== "string") return { fault: { key: "FIELD_INVALID" } };
    return input.length > maxTokenLength ? { fault: { key: "INVALID_INPUT_LENGTH" } } : { value: input };
  },
};
