import type { SecurityRequest } from "../http/request.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { Identity } from "../model/identity.ts";

/** Turns a request into an identity, or nothing. Throwing closes the request. */
export interface Scheme {
  readonly name: string;
  authenticate(rq: SecurityRequest): Awaitable<Identity | undefined>;
  /** The `WWW-Authenticate` value that tells a client of this scheme (RFC 9110 11.6.1). */
  challenge?(realm: string): string;
}
