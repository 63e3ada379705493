/** The part of Node's outgoing message that is needed, as the Node host hands it on. */
export interface Outgoing {
  readonly headersSent: boolean;
  hasHeader(name: string): boolean;
  setHeader(name: string, value: string): unknown;
  writeHead(status: number, reason?: unknown, headers?: unknown): unknown;
}

const field = "cache-control";

/**
 * Keeps an answer out of caches (RFC 9111 5.2.2.5) unless it says itself who may keep it, by the last thing that happens
 * to its headers. Node writes headers that all come with `writeHead` several times faster than those that were partly set
 * before, so the line is added there; where somebody else has a hand in it already, it is set before.
 */
export function keepPrivate(outgoing: Outgoing): void {
  if (outgoing.writeHead === writePrivately) return;
  if (outgoing.hasHeader(field) || Object.hasOwn(outgoing, "writeHead")) outgoing.setHeader(field, "no-store");
  else outgoing.writeHead = writePrivately;
}

function writePrivately(this: Outgoing, status: number, reason?: unknown, headers?: unknown): unknown {
  const write = (Object.getPrototypeOf(this) as Outgoing).writeHead;
  // What the handler has set on the message itself stands.
  if (this.hasHeader(field)) return write.call(this, status, reason, headers);
  if (headers === undefined && typeof reason === "object" && reason !== null && !Array.isArray(reason)) {
    for (const name in reason) {
      if (name.length === field.length && name.toLowerCase() === field) return write.call(this, status, reason);
    }
    return write.call(this, status, { [field]: "no-store", ...reason });
  }
  // A text for the status, a list of headers, or none: what comes with `writeHead` wins over what was set before.
  this.setHeader(field, "no-store");
  return write.call(this, status, reason, headers);
}
