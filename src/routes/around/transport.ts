import { type AddressRule, peerAddress, type TrustedProxies, trustList } from "../../http/address.ts";
import { notePeer, socketOf, unixPeer } from "../../http/connection.ts";
import { isLoopback } from "./options.ts";

/** Whether a connection is known to be one of the declared proxies'; undefined: none is declared. */
export type FromProxy = AddressRule | undefined;

/** Tells the proxies of the option `trustedProxies` by their address ("unix": a Unix socket); where only their number is known, each may be one. */
export function fromProxy(proxies: TrustedProxies | undefined): FromProxy {
  if (proxies === undefined) return undefined;
  return "hops" in proxies ? () => true : trustList(proxies);
}

/**
 * Whether a request came over HTTPS, or from this machine itself. With Node's host the socket tells, and where it is a
 * declared proxy's, its X-Forwarded-Proto. Other hosts say in the request's URL what they know.
 */
export function isSecure(request: Request, env: unknown, fromProxy: FromProxy): boolean {
  const socket = socketOf(env);
  if (socket === undefined) {
    const url = request.url;
    return url.startsWith("https://") || isLoopback(new URL(url).hostname);
  }
  if (socket.encrypted === true) return true;
  const address = peerAddress(notePeer(request, env));
  // A connection that has lost its address may have come from anywhere.
  if (address === undefined) return false;
  if (fromProxy?.(address) === true) {
    // The one next to the client stands first.
    const said = request.headers.get("x-forwarded-proto")?.split(",", 1)[0]?.trim().toLowerCase();
    if (said !== undefined) return said === "https";
  }
  // Whoever reaches a socket in the file system is on this machine.
  return address === unixPeer || address === "::1" || address.startsWith("127.");
}

/** Where a browser that came over plain HTTP goes on: the same page under a configured origin, never under its Host. */
export function secureTwin(request: Request, origins: readonly string[]): string | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") return undefined;
  const url = new URL(request.url);
  const origin = origins.find((one) => new URL(one).hostname === url.hostname) ?? origins[0];
  return origin === undefined ? undefined : `${origin}${url.pathname}${url.search}`;
}
