import { describe, expect, it } from "vitest";
import { createCredentialWatch } from "./credential-watch.ts";

const hour = 60 * 60_000;

/** A watch on a clock that the test moves, with what it has told. */
function watched(): {
  readonly watch: ReturnType<typeof createCredentialWatch>;
  readonly told: { readonly message: string; readonly details: Record<string, unknown> | undefined }[];
  advance(ms: number): void;
} {
  const told: { message: string; details: Record<string, unknown> | undefined }[] = [];
  let time = 0;
  const watch = createCredentialWatch({
    log: (message, details) => void told.push({ message, details }),
    now: () => time,
  });
  return {
    watch,
    told,
    advance: (ms) => {
      time += ms;
    },
  };
}

describe("why credentials are refused", () => {
  it("is told once an hour for each scheme and issuer, with how often it came up since", () => {
    const { watch, told, advance } = watched();
    const fault = { why: "its aud names none", issuer: "https://idp.example" };
    for (let count = 0; count < 5; count += 1) watch.refused("token", fault);
    watch.refused("token", { why: fault.why });
    expect(told).toHaveLength(2);
    advance(hour);
    watch.refused("token", fault);
    expect(told[2]).toEqual({ message: "a credential was refused", details: { scheme: "token", ...fault, since: 4 } });
  });

  it("says once that more is not told, and leaves the other schemes theirs", () => {
    const { watch, told } = watched();
    for (let count = 0; count < 300; count += 1) watch.refused("device", { why: `no device ${count}` });
    const lines = told.map(({ message, details }) => [message, details?.["scheme"]]);
    expect(lines.filter(([message]) => message === "more reasons are not told")).toEqual([
      ["more reasons are not told", "device"],
    ]);
    expect(lines.at(-1)?.[0]).toBe("more reasons are not told");
    expect(lines.length).toBeLessThan(100);
    watch.refused("token", { why: "its aud names none" });
    expect(told.at(-1)?.details).toEqual({ scheme: "token", why: "its aud names none" });
  });

  it("goes on an hour later, and says again when it is too much", () => {
    const { watch, told, advance } = watched();
    for (let count = 0; count < 300; count += 1) watch.refused("device", { why: `no device ${count}` });
    const first = told.splice(0).length;
    advance(hour - 1);
    watch.refused("device", { why: "another" });
    expect(told).toEqual([]);
    advance(1);
    watch.refused("device", { why: "another" });
    expect(told.map(({ details }) => details?.["why"])).toEqual(["another"]);
    for (let count = 0; count < 300; count += 1) watch.refused("device", { why: `still no device ${count}` });
    expect(told).toHaveLength(first);
    expect(told.filter(({ message }) => message === "more reasons are not told")).toHaveLength(1);
  });

  it("a clock that is put back silences nothing for ever", () => {
    const { watch, told, advance } = watched();
    for (let count = 0; count < 300; count += 1) watch.refused("device", { why: `no device ${count}` });
    told.splice(0);
    advance(-48 * hour);
    watch.refused("device", { why: "another" });
    expect(told.map(({ details }) => details?.["why"])).toEqual(["another"]);
  });
});
