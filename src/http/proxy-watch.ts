import { LRUCache } from "lru-cache";
import { unixPeer } from "./connection.ts";

/** Looks for a proxy that nobody declared: all its clients count as one, and one of them can shut out the others. */
export interface ProxyWatch {
  /** A request whose connection is no declared proxy's asks for its address. */
  direct(address: string, header: (name: string) => string | undefined): void;
  /** A limit by address has refused somebody. */
  refused(address: string): void;
}

/** What the watch needs. */
export interface ProxyWatchContext {
  readonly log: (message: string, details?: Record<string, unknown>) => void;
  /** Called beside the first line in the log; `peer` is the address of what looks like a proxy, or "unix". */
  readonly suspected: (peer: string) => void;
  /** True: proxies are declared, so that only a Unix socket is of interest. */
  readonly declared: boolean;
}

/** So many clients named by one peer are no chance. */
const enough = 5;
/** So many peers are remembered, those seen last: strangers can make more of them, but a proxy is seen all the time. */
const mostPeers = 64;
/** So much is kept of what a peer wrote. */
const mostText = 64;

/**
 * Makes the watch. It says each thing once in the life of a process and repeats nothing of what a client wrote, so nobody can
 * fill the log by it; what it keeps is bounded.
 */
export function createProxyWatch({ log, suspected, declared }: ProxyWatchContext): ProxyWatch {
  const clients = new LRUCache<string, Set<string>>({ max: mostPeers });
  let toldOfUnix = false;
  let toldOfProxy = declared;
  let toldOfRefusal = declared;
  const tell = (message: string, peer: string): void => {
    log(message, {
      peer,
      mend: 'only if a proxy of yours stands in front of the server, declare it: trustedProxies: { hops: 1 }, or its address in the list (["unix"] for a Unix socket). Else anybody can have caused this line, and must be able to choose no address: trustedProxies: []',
    });
  };
  const note = (peer: string, client: string): void => {
    let known = clients.get(peer);
    if (known === undefined) {
      known = new Set();
      clients.set(peer, known);
    }
    if (known.size < enough) known.add(client);
    if (toldOfProxy || known.size < enough) return;
    toldOfProxy = true;
    tell("many clients, each named in X-Forwarded-For or Forwarded, come from one address, which counts as one", peer);
    suspected(peer);
  };
  return {
    direct(address, header) {
      if (address === unixPeer && !toldOfUnix) {
        toldOfUnix = true;
        tell("clients come through a Unix socket, and all of them count as one", address);
        suspected(address);
      }
      // Nothing is left to be said.
      if (toldOfProxy && toldOfRefusal) return;
      const forwarded = header("x-forwarded-for") ?? header("forwarded");
      // The last entry is the one that the nearest proxy wrote.
      if (forwarded !== undefined)
        note(
          address,
          forwarded
            .slice(forwarded.lastIndexOf(",") + 1)
            .trim()
            .slice(0, mostText),
        );
    },
    refused(address) {
      if (toldOfRefusal || (clients.peek(address)?.size ?? 0) < 2) return;
      toldOfRefusal = true;
      tell(
        "a limit by address refused a client that shares its address with others: a proxy that is not declared",
        address,
      );
      clients.clear();
    },
  };
}
