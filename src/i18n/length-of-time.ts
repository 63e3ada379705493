const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** A length of time in words of a language, in the largest unit that it is at least two of: "2 hours", "90 minutes". */
export function lengthOfTime(language: string, milliseconds: number): string {
  const [unit, size] =
    milliseconds >= 2 * day || milliseconds === day
      ? (["day", day] as const)
      : milliseconds >= 2 * hour || milliseconds === hour
        ? (["hour", hour] as const)
        : (["minute", minute] as const);
  const count = Math.max(1, Math.floor(milliseconds / size));
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count);
}
