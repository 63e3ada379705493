import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConfigurationError } from "../model/errors.ts";
import { createAddressReader, normalizeAddress, type TrustedProxies } from "./address.ts";

function read(trusted: TrustedProxies | undefined, socket: string | undefined, forwarded?: string): string | undefined {
  return createAddressReader(trusted)(socket, (name) => (name === "x-forwarded-for" ? forwarded : undefined));
}

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["::FFFF:cb00:7107", "203.0.113.7"],
  ["2001:DB8:0:0::1", "2001:db8::1"],
  ["fe80::1%eth0", "fe80::1"],
  ["::1", "::1"],
  ["", undefined],
  ["unknown", undefined],
  ["1.2.3", undefined],
  ["01.2.3.4", undefined],
  ["1.2.3.4:80", undefined],
])("normalizeAddress(%j) is %j", (address, expected) => {
  expect(normalizeAddress(address)).toBe(expected);
});

describe("without proxies", () => {
  test("the socket's address counts, whatever the headers say", () => {
    expect(read(undefined, "203.0.113.7", "1.1.1.1")).toBe("203.0.113.7");
    expect(read([], "::ffff:203.0.113.7", "1.1.1.1")).toBe("203.0.113.7");
    expect(read(undefined, undefined, "1.1.1.1")).toBeUndefined();
  });
});

describe("with declared proxies", () => {
  const proxies = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1", "::ffff:172.16.0.0/108"];
  test.each([
    ["not through a proxy", "203.0.113.7", "1.1.1.1", "203.0.113.7"],
    ["one proxy", "10.0.0.1", "203.0.113.7", "203.0.113.7"],
    ["mapped socket", "::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"],
    ["IPv6 proxy", "2001:db8::9", "2a00::1", "2a00::1"],
    ["mapped network", "172.16.3.4", "203.0.113.7", "203.0.113.7"],
    ["forged entries to the left", "10.0.0.1", "1.1.1.1, 10.0.0.9, 203.0.113.7", "203.0.113.7"],
    ["two proxies", "10.0.0.1", "1.1.1.1,203.0.113.7 , 192.0.2.1", "203.0.113.7"],
    ["only proxies", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["no header", "10.0.0.1", undefined, "10.0.0.1"],
    ["empty header", "10.0.0.1", "", "10.0.0.1"],
    ["malformed entry", "10.0.0.1", "203.0.113.7, evil, 10.0.0.2", "10.0.0.2"],
    ["malformed last entry", "10.0.0.1", "203.0.113.7, <script>", "10.0.0.1"],
    ["with ports", "10.0.0.1", "203.0.113.7:1234, [2001:db8::5]:443", "203.0.113.7"],
    ["bracketed", "10.0.0.1", "[2a00::1]", "2a00::1"],
    ["bracketed IPv4", "10.0.0.1", "[1.2.3.4]", "10.0.0.1"],
    ["zone", "10.0.0.1", "fe80::1%eth0", "10.0.0.1"],
    ["mapped entry", "10.0.0.1", "::ffff:203.0.113.7", "203.0.113.7"],
  ])("%s", (_name, socket, forwarded, expected) => {
    expect(read(proxies, socket, forwarded)).toBe(expected);
  });
});

describe("with a number of proxies", () => {
  test.each([
    [1, "203.0.113.7", "203.0.113.7"],
    [1, "1.1.1.1, 203.0.113.7", "203.0.113.7"],
    [2, "1.1.1.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"],
    [3, "203.0.113.7, 10.0.0.2", "203.0.113.7"],
    [2, "evil, 10.0.0.2", "10.0.0.2"],
    [1, undefined, "10.0.0.1"],
  ])("%i hops: %s", (hops, forwarded, expected) => {
    expect(read({ hops }, "10.0.0.1", forwarded)).toBe(expected);
  });
});

test.each([
  ["10.0.0.0/33"],
  ["10.0.0.0/"],
  ["10.0.0.0/8/8"],
  ["10.0.0"],
  ["proxy.internal"],
  ["2001:db8::/129"],
  ["::ffff:10.0.0.0/8"],
  [""],
])("the proxy %j is refused at start", (proxy) => {
  expect(() => createAddressReader(["10.0.0.1", proxy])).toThrow("trustedProxies[1]");
});

test.each([0, -1, 1.5, 33, Number.NaN])("%s hops are refused at start", (hops) => {
  expect(() => createAddressReader({ hops })).toThrow(ConfigurationError);
});

test("a client cannot choose its address: what it forges stands to the left of what the proxy adds", () => {
  const forged = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constant("10.0.0.1"), fc.constant(","));
  fc.assert(
    fc.property(fc.array(forged), (entries) => {
      const forwarded = [...entries, "203.0.113.7"].join(", ");
      expect(read(["10.0.0.0/8"], "10.0.0.1", forwarded)).toBe("203.0.113.7");
      expect(read({ hops: 1 }, "10.0.0.1", forwarded)).toBe("203.0.113.7");
    }),
  );
});
