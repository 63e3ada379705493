import type { TokenFault } from "./faults.ts";

/** The claims of a JWT (RFC 7519 4) that are looked at before anything else. */
export interface ClaimRules {
  /** The exact `iss`. */
  readonly issuer: string;
  /** One of these must be in `aud`, exactly. */
  readonly audience: readonly string[];
  /** The accepted `typ` values in lower case, without "application/"; "" stands for none. */
  readonly types: readonly string[];
  /** How far `nbf` and `iat` may be ahead of our clock, in milliseconds. */
  readonly delay: number;
  /** How long after `exp` a token is taken, in milliseconds. */
  readonly grace: number;
}

/** The types of tokens that are for access: `typ` is optional (RFC 7519 5.1), "at+jwt" is RFC 9068's. */
export const accessTypes: readonly string[] = ["", "jwt", "at+jwt"];

/** The end of the year 9999, in seconds: no token lives longer. */
const latest = 253_402_300_799;

function isMoment(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= latest;
}

/** When the token ends, in epoch milliseconds; else why its claims are not those of a token for us, now. */
export function checkClaims(
  claims: Readonly<Record<string, unknown>>,
  typ: string | undefined,
  rules: ClaimRules,
  now: number,
): number | TokenFault {
  const { iss, aud, exp, nbf, iat } = claims;
  if (!rules.types.includes((typ ?? "").toLowerCase().replace(/^application\//, ""))) return "type";
  if (iss !== rules.issuer) return "issuer";
  const audience: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audience.every((entry) => typeof entry === "string")) return "audience";
  if (!rules.audience.some((ours) => audience.includes(ours))) return "audience";
  // A token without an end would be good for ever.
  if (!isMoment(exp)) return "endless";
  if (now >= exp * 1000 + rules.grace) return "expired";
  for (const start of [nbf, iat]) {
    if (start !== undefined && (!isMoment(start) || start * 1000 > now + rules.delay)) return "early";
  }
  return Math.floor(exp * 1000);
}
