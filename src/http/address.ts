import { BlockList, isIP, isIPv4 } from "node:net";
import { ConfigurationError } from "../model/errors.ts";
import { type Peer, unixPeer } from "./connection.ts";
import type { ProxyWatch } from "./proxy-watch.ts";

/**
 * Which proxies stand before the server: how many in a row, or their addresses and networks (CIDR), where "unix" is whatever
 * reaches it through a socket in the file system. An empty list says that there are none.
 */
export type TrustedProxies = { readonly hops: number } | readonly string[];

/** Tells a request's client address from its connection's and its headers. */
export type AddressReader = (peer: Peer, header: (name: string) => string | undefined) => string | undefined;

/**
 * One spelling for each address: IPv6 as RFC 5952 writes it and without zone, an IPv4-mapped one as IPv4.
 * Undefined for text that is no address.
 */
export function normalizeAddress(address: string): string | undefined {
  if (isIPv4(address)) return address;
  // How a socket that takes both IPv6 and IPv4 names an IPv4 client.
  if (address.startsWith("::ffff:") && isIPv4(address.slice(7))) return address.slice(7);
  const zone = address.indexOf("%");
  const plain = zone === -1 ? address : address.slice(0, zone);
  if (isIP(plain) !== 6) return undefined;
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  const high = Number.parseInt(mapped[1] ?? "", 16);
  const low = Number.parseInt(mapped[2] ?? "", 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The address of a connection in its one spelling, or "unix"; undefined where it is not known. */
export function peerAddress(peer: Peer): string | undefined {
  return peer === undefined || peer === unixPeer ? peer : normalizeAddress(peer);
}

/** The option `trustedProxies` is of one of its two forms; else throws ConfigurationError. */
export function checkTrustedProxies(trustedProxies: TrustedProxies | undefined): void {
  if (trustedProxies === undefined || Array.isArray(trustedProxies)) return;
  if (typeof trustedProxies !== "object" || Object.keys(trustedProxies).join() !== "hops") {
    throw new ConfigurationError("trustedProxies", "{ hops: 1 } or a list of addresses and networks is expected");
  }
}

/** One entry of X-Forwarded-For; some proxies write the port too. */
function entryAddress(entry: string): string | undefined {
  const text = entry.trim();
  if (text === "" || text.length > 64 || text.includes("%")) return undefined;
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text);
  if (bracketed?.[1] !== undefined) return bracketed[1].includes(":") ? normalizeAddress(bracketed[1]) : undefined;
  const withPort = /^([\d.]+):\d{1,5}$/.exec(text);
  return normalizeAddress(withPort?.[1] ?? text);
}

/** Whether a client or proxy with this address (or "unix") is one of those that an option names. */
export type AddressRule = (address: string) => boolean;

/** Tells whether an address (or "unix") is one of these or in one of these networks. Throws ConfigurationError for the option. */
export function trustList(
  proxies: readonly string[],
  nameOf: (index: number) => string = (index) => `trustedProxies[${index}]`,
): AddressRule {
  const list = new BlockList();
  const unix = proxies.includes(unixPeer);
  proxies.forEach((proxy, index) => {
    if (proxy === unixPeer) return;
    const [text = "", prefix, more] = proxy.split("/");
    const address = normalizeAddress(text);
    const mappedBits = isIP(text) === 6 && address !== undefined && isIPv4(address) ? 96 : 0;
    const bits = prefix === undefined ? undefined : Number(prefix) - mappedBits;
    const family = address !== undefined && isIPv4(address) ? "ipv4" : "ipv6";
    const good =
      address !== undefined &&
      more === undefined &&
      !text.includes("%") &&
      (bits === undefined || (/^\d{1,3}$/.test(prefix ?? "") && bits >= 0 && bits <= (family === "ipv4" ? 32 : 128)));
    if (!good || address === undefined) {
      throw new ConfigurationError(
        nameOf(index),
        `${JSON.stringify(proxy)} is not an IP address or network; write it like "10.0.0.1" or "10.0.0.0/8", a Unix socket "unix"`,
      );
    }
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, bits, family);
  });
  return (address) => (address === unixPeer ? unix : list.check(address, isIPv4(address) ? "ipv4" : "ipv6"));
}

/**
 * Makes the reader of client addresses. It answers with the connection's address unless that is a declared proxy's; then it
 * walks X-Forwarded-For from the right, past the declared ones. What a client writes itself stands to the left of that and
 * is never reached. At a missing or malformed entry it stops with the last good address. Through a Unix socket that is not
 * declared all clients are one: "unix".
 *
 * @param watch is shown what came from a connection that is no declared proxy's
 * @throws {ConfigurationError} for a proxy that is no address or network, or hops that are no count
 */
export function createAddressReader(trustedProxies: TrustedProxies | undefined, watch?: ProxyWatch): AddressReader {
  const peerOnly: AddressReader = (peer, header) => {
    const address = peerAddress(peer);
    if (address !== undefined) watch?.direct(address, header);
    return address;
  };
  if (trustedProxies === undefined) return peerOnly;
  let trusted: (address: string, hop: number) => boolean;
  if ("hops" in trustedProxies) {
    const { hops } = trustedProxies;
    if (!Number.isInteger(hops) || hops < 1 || hops > 32) {
      throw new ConfigurationError("trustedProxies.hops", "must be a whole number from 1 to 32");
    }
    trusted = (_address, hop) => hop < hops;
  } else {
    if (trustedProxies.length === 0) return peerAddress;
    trusted = trustList(trustedProxies);
  }
  return (peer, header) => {
    let address = peerAddress(peer);
    if (address === undefined || !trusted(address, 0)) return peerOnly(peer, header);
    let rest = header("x-forwarded-for");
    for (let hop = 0; rest !== undefined && trusted(address, hop); hop++) {
      const comma: number = rest.lastIndexOf(",");
      const next = entryAddress(rest.slice(comma + 1));
      if (next === undefined) break;
      address = next;
      rest = comma === -1 ? undefined : rest.slice(0, comma);
    }
    return address;
  };
}
