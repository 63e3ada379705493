/** How much the longest tests of this folder do: little at each run, more in `npm run test:nightly`. */
import process from "node:process";

/** How often each race is run. */
export const raceRounds: number = Number(process.env.RACE_ROUNDS ?? 3);

/** The first number, or in the nightly run the second. */
export function perRun(usual: number, nightly: number): number {
  return process.env.NIGHTLY === "true" ? nightly : usual;
}
