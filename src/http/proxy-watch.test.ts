import { describe, expect, it } from "vitest";
import { createProxyWatch, type ProxyWatch } from "./proxy-watch.ts";

const proxy = "10.0.0.2";
const forwarded =
  (value: string, name = "x-forwarded-for") =>
  (asked: string): string | undefined =>
    asked === name ? value : undefined;
const none = (): undefined => undefined;

function watch(declared = false): { it: ProxyWatch; log: [string, unknown][]; suspected: string[] } {
  const log: [string, unknown][] = [];
  const suspected: string[] = [];
  const made = createProxyWatch({
    log: (message, details) => log.push([message, details]),
    suspected: (peer) => suspected.push(peer),
    declared,
  });
  return { it: made, log, suspected };
}

const many = (to: ProxyWatch, count: number, name?: string): void => {
  for (let n = 0; n < count; n += 1) to.direct(proxy, forwarded(`203.0.113.${n}`, name));
};

describe("a proxy that nobody declared", () => {
  it.each(["x-forwarded-for", "forwarded"])("is said once, by %s, with the mend", (name) => {
    const { it: seen, log, suspected } = watch();
    many(seen, 4, name);
    expect(log).toEqual([]);
    many(seen, 100, name);
    expect(log).toEqual([
      [
        expect.stringContaining("from one address"),
        { peer: proxy, mend: expect.stringMatching(/^only if a proxy .*trustedProxies: \[\]$/) },
      ],
    ]);
    expect(suspected).toEqual([proxy]);
  });

  it("is said the first time that its limit refuses somebody", () => {
    const { it: seen, log } = watch();
    seen.refused(proxy);
    seen.direct(proxy, forwarded("203.0.113.1"));
    seen.refused(proxy);
    expect(log).toEqual([]);
    seen.direct(proxy, forwarded("203.0.113.2"));
    seen.refused("198.51.100.7");
    expect(log).toEqual([]);
    for (let n = 0; n < 3; n += 1) seen.refused(proxy);
    expect(log).toEqual([[expect.stringContaining("refused"), expect.objectContaining({ peer: proxy })]]);
  });

  it("is not suspected of what one client writes again and again, or of clients that write nothing", () => {
    const { it: seen, log } = watch();
    for (let n = 0; n < 100; n += 1) {
      seen.direct(proxy, forwarded("203.0.113.1"));
      seen.direct(proxy, none);
      // What stands to the left the client wrote.
      seen.direct("10.0.0.3", forwarded(`203.0.113.${n}, 198.51.100.7`));
    }
    seen.refused(proxy);
    expect(log).toEqual([]);
  });

  it("repeats nothing of what a client wrote, and keeps little of it", () => {
    const { it: seen, log } = watch();
    for (let peer = 0; peer < 10_000; peer += 1) seen.direct(`p${peer}`, forwarded(`${peer}${"x".repeat(10_000)}`));
    expect(log).toEqual([]);
    for (let n = 0; n < 9; n += 1) seen.direct("p1", forwarded(`evil\n${n}`));
    expect(JSON.stringify(log)).not.toContain("evil");
    expect(log).toHaveLength(1);
  });

  it.each(["from one address", "refused"])("is said however many peers came before and come between: %s", (told) => {
    const { it: seen, log } = watch();
    const others = (count: number, name: string): void => {
      for (let n = 0; n < count; n += 1) seen.direct(`${name}${n}`, forwarded("203.0.113.1"));
    };
    others(1000, "before");
    for (let n = 0; n < 5; n += 1) {
      seen.direct(proxy, forwarded(`203.0.113.${n}`));
      others(50, "between");
      if (told === "refused" && n === 3) seen.refused(proxy);
    }
    expect(log).toEqual([[expect.stringContaining(told), expect.objectContaining({ peer: proxy })], ...log.slice(1)]);
  });

  it("is not looked for where proxies are declared", () => {
    const { it: seen, log } = watch(true);
    many(seen, 100);
    seen.refused(proxy);
    expect(log).toEqual([]);
  });
});

describe("a Unix socket that nobody declared", () => {
  it.each([false, true])("is said once (other proxies are declared: %s)", (declared) => {
    const { it: seen, log, suspected } = watch(declared);
    for (let n = 0; n < 9; n += 1) seen.direct("unix", none);
    expect(log).toEqual([
      [expect.stringContaining("Unix socket"), { peer: "unix", mend: expect.stringContaining('["unix"]') }],
    ]);
    expect(suspected).toEqual(["unix"]);
  });
});
