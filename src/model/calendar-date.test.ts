import { expect, it } from "vitest";
import { isCalendarDate } from "./calendar-date.ts";

it("takes days that there are, and nothing else", () => {
  for (const day of ["2026-01-31", "2024-02-29", "1000-01-01", "9999-12-31", "0004-02-29"]) {
    expect([day, isCalendarDate(day)]).toEqual([day, true]);
  }
  for (const none of [
    "2026-02-29",
    "2026-02-31",
    "2026-13-01",
    "2026-00-10",
    "2026-1-3",
    "26-01-31",
    "31.01.2026",
    "",
  ]) {
    expect([none, isCalendarDate(none)]).toEqual([none, false]);
  }
  for (const more of ["2026-01-31T00:00", "2026-01-31 ", "+002026-01-31", "２０２６-01-31"]) {
    expect([more, isCalendarDate(more)]).toEqual([more, false]);
  }
});
