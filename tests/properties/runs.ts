/**
 * How many cases each property test tries: `PROPERTY_RUNS`, by default what the test says itself. Loaded before every test
 * file (vitest.config.ts); `npm run test:nightly` asks for 100,000.
 */
import process from "node:process";

const asked = process.env.PROPERTY_RUNS;
if (asked !== undefined) {
  const numRuns = Number(asked);
  if (!Number.isSafeInteger(numRuns) || numRuns < 1) {
    throw new Error(`PROPERTY_RUNS must be a whole number from 1, not "${asked}"`);
  }
  const { configureGlobal } = await import("fast-check");
  configureGlobal({ numRuns });
}
