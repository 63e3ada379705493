import { isIPv6 } from "node:net";

/** The network that one client has: an IPv4 address, or the first 64 bits of an IPv6 address (RFC 4291 2.5.4), in which it chooses freely. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const rest = tail === "" ? [] : tail.split(":");
    // An address in the form ::ffff:1.2.3.4 was made an IPv4 address before (http/address.ts).
    while (groups.length + rest.length < 8) groups.push("0");
    groups.push(...rest);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}

/** The network that a request comes from; "": the host tells no addresses. */
export function clientNetwork(rq: { readonly address: string | undefined } | undefined): string {
  const address = rq?.address;
  return address === undefined ? "" : networkOf(address);
}
