import { expect, it } from "vitest";
import { lengthOfTime } from "./length-of-time.ts";

it.each([
  ["en", 15 * 60_000, "15 minutes"],
  ["en", 3_600_000, "1 hour"],
  ["en", 5_400_000, "90 minutes"],
  ["en", 7_200_000, "2 hours"],
  ["en", 86_400_000, "1 day"],
  ["en", 172_800_000, "2 days"],
  ["de", 172_800_000, "2 Tage"],
  ["en", 5_000, "1 minute"],
])("%s %d: %s", (language, milliseconds, text) => expect(lengthOfTime(language, milliseconds)).toBe(text));
