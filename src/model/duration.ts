import { ConfigurationError } from "./errors.ts";

/** A length of time in words: "30s", "15m", "12h", "14d". */
export type Duration = `${number}${"s" | "m" | "h" | "d"}`;

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The same where none at all is one too: "0s". Throws ConfigurationError with the option's path. */
export function millisecondsOrNone(path: string, duration: Duration): number {
  return /^0+(?:\.0+)?[smhd]$/.test(duration) ? 0 : milliseconds(path, duration);
}

/** The duration in milliseconds. Throws ConfigurationError with the option's path. */
export function milliseconds(path: string, duration: Duration): number {
  const match = /^(\d+(?:\.\d+)?)([smhd])$/.exec(duration);
  const unit = units[match?.[2] ?? ""];
  if (match === null || unit === undefined) {
    throw new ConfigurationError(
      path,
      `${JSON.stringify(duration)} is no length of time; write "30s", "15m", "12h" or "14d"`,
    );
  }
  const value = Math.round(Number(match[1]) * unit);
  if (value <= 0 || value > 3_660 * 86_400_000)
    throw new ConfigurationError(path, "must be more than nothing and at most ten years");
  return value;
}
