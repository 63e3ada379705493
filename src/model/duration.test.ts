import fc from "fast-check";
import { expect, it } from "vitest";
import { type Duration, milliseconds } from "./duration.ts";
import { ConfigurationError } from "./errors.ts";

it.each<[Duration, number]>([
  ["30s", 30_000],
  ["15m", 900_000],
  ["12h", 43_200_000],
  ["14d", 1_209_600_000],
  ["1.5h", 5_400_000],
  ["0.001s", 1],
])("%s", (text, expected) => {
  expect(milliseconds("x", text)).toBe(expected);
});

it.each([
  "",
  "15",
  "m",
  "15 m",
  " 15m",
  "15min",
  "-1d",
  "0s",
  "0.0001s",
  "1e3s",
  "Infinityd",
  "3661d",
  "١d",
  900,
  null,
  undefined,
  {},
])("refuses %j with the option's path", (text) => {
  expect(() => milliseconds("sessions.idle", text as unknown as Duration)).toThrow(ConfigurationError);
  expect(() => milliseconds("sessions.idle", text as unknown as Duration)).toThrow(/^sessions\.idle: /);
});

it("counts whole units exactly", () => {
  const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3_660 }), fc.constantFrom("s", "m", "h", "d"), (count, unit) => {
      expect(milliseconds("x", `${count}${unit}`)).toBe(count * units[unit]);
    }),
  );
});
