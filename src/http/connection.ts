import type { Context } from "hono";
import { PortcullisError } from "../model/errors.ts";

/** The peer of a request that came through a socket in the file system, which has no addresses. */
export const unixPeer = "unix";

/** The peer of a request whose socket tells no address: the client has reset it, or the host hides it. */
export const lostPeer = "lost";

/**
 * Where a request's connection comes from: the socket's address as Node writes it, {@link unixPeer} or {@link lostPeer};
 * undefined where the host knows no sockets.
 */
export type Peer = string | undefined;

/** The connection of a request tells no address, so no limit by address could hold: it is refused. */
export class LostConnectionError extends PortcullisError {
  constructor() {
    super("no_client_address", "the connection tells no address: it was reset, or the host does not hand it on");
  }
}

/** Throws LostConnectionError for what comes from a socket without an address. */
export function checkPeer(peer: Peer): void {
  if (peer === lostPeer) throw new LostConnectionError();
}

interface NodeServer {
  readonly listening?: boolean;
  address?(): unknown;
}

interface NodeSocket {
  readonly remoteAddress?: string | undefined;
  readonly server?: NodeServer;
}

interface NodeBindings {
  readonly incoming?: { readonly socket?: NodeSocket };
  /** Where Node's bindings stand when the host has more of its own. */
  readonly server?: { readonly incoming?: { readonly socket?: NodeSocket } };
}

const peerOfRequest: unique symbol = Symbol("portcullis.peer");
const contextOfRequest: unique symbol = Symbol("portcullis.context");

interface Noted {
  [peerOfRequest]?: string;
  [contextOfRequest]?: Context;
}

/** Notes the context in which a request is handled: a check that is asked about the request alone finds its path there. */
export function noteContext(request: Request, context: Context): void {
  (request as Noted)[contextOfRequest] = context;
}

/** The context in which this system handles the request; undefined: it came by no route and no guard. */
export function contextNotedOf(request: Request): Context | undefined {
  return (request as Noted)[contextOfRequest];
}

/**
 * Notes where a request comes from, and says it. To be called when the request arrives: a client that resets the connection
 * takes the socket's address away, and with it every limit that is counted by address. What was noted first stays.
 */
export function notePeer(request: Request, env: unknown): Peer {
  const known = (request as Noted)[peerOfRequest];
  if (known !== undefined) return known;
  const socket = socketOf(env);
  if (socket === undefined) return undefined;
  return keep(request, socket.remoteAddress ?? withoutAddress(socket));
}

/** Notes the peer of a request that no host has handed on. `address` undefined: its client is gone. */
export function noteAddress(request: Request, address: string | undefined): void {
  if ((request as Noted)[peerOfRequest] === undefined) keep(request, address ?? lostPeer);
}

function keep(request: Request, peer: string): string {
  // A property costs a request less than an entry in a WeakMap.
  (request as Noted)[peerOfRequest] = peer;
  return peer;
}

/** The socket that Node's host hands on. */
export function socketOf(env: unknown): (NodeSocket & { readonly encrypted?: boolean }) | undefined {
  const bindings = env as NodeBindings | undefined | null;
  return (bindings?.incoming ?? bindings?.server?.incoming)?.socket;
}

/** What is known of servers: a socket of theirs has no address because none of them has one, or because it is lost. */
const onUnixSocket = new WeakMap<object, boolean>();

function withoutAddress({ server }: NodeSocket): string {
  if (server === undefined || server === null) return lostPeer;
  let unix = onUnixSocket.get(server);
  if (unix === undefined) {
    // A path; null while it listens: a socket in the file system that it was handed as a file descriptor.
    const address = server.address?.();
    unix = typeof address === "string" || (address === null && server.listening === true);
    if (unix || server.listening === true) onUnixSocket.set(server, unix);
  }
  return unix ? unixPeer : lostPeer;
}
