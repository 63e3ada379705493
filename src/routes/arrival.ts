import type { Context } from "hono";
import { contextNotedOf, noteAddress } from "../http/connection.ts";
import { type RouteFacts, SecurityRequest } from "../http/request.ts";
import type { System } from "../http/system.ts";

/** Where a request comes from that no host of ours handed on. */
export interface RequestOrigin {
  /**
   * The socket's address, read when the request arrived; "unix" for a socket in the file system. Undefined: the client is
   * gone, and the request is refused. The option `trustedProxies` goes for it.
   */
  readonly address: string | undefined;
  /** The parameters of its path, for guards that ask for them. */
  readonly params?: Readonly<Record<string, string>>;
}

/** The security side of a request that a plain check is asked about, with the connection by which it arrived. */
export function arrived(
  system: System,
  request: Request | Context,
  facts: RouteFacts,
  from: RequestOrigin | undefined,
): SecurityRequest {
  if (!(request instanceof Request) && "req" in request) {
    return new SecurityRequest(system, request.req.raw, facts, request);
  }
  if (from !== undefined) noteAddress(request, from.address);
  const context = contextNotedOf(request);
  return new SecurityRequest(system, request, withParameters(facts, from?.params), context);
}

function withParameters(facts: RouteFacts, params: RequestOrigin["params"]): RouteFacts {
  if (params === undefined) return facts;
  const value = { ...params };
  return {
    ...facts,
    parameters: { names: Object.keys(value), describe: () => [], convert: () => ({ ok: true, value }) },
  };
}
