import { type Duration, milliseconds } from "../../model/duration.ts";
import { ConfigurationError } from "../../model/errors.ts";

/** How many in which time: "10/15m" lets ten through at once and then one each 90 seconds. */
export type Rate = `${number}/${Duration}`;

/** A rate as it is calculated with. */
export interface Budget {
  /** So many at once. */
  readonly count: number;
  /** After so many milliseconds there is one more. */
  readonly interval: number;
}

/** Reads a rate. Throws ConfigurationError with the option's path. */
export function budgetOf(path: string, rate: Rate): Budget {
  const match = typeof rate === "string" ? /^(\d{1,7})\/(.+)$/s.exec(rate) : null;
  const count = Number(match?.[1]);
  if (match === null || count < 1) {
    throw new ConfigurationError(path, `${JSON.stringify(rate)} is no rate; write "10/15m" for ten in 15 minutes`);
  }
  return { count, interval: Math.ceil(milliseconds(path, match[2] as Duration) / count) };
}
