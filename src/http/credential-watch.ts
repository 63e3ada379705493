import type { CredentialFault } from "../model/identity.ts";

/** Tells the operator why credentials are refused. */
export interface CredentialWatch {
  /** A request was refused for a credential of this scheme. */
  refused(scheme: string, fault: CredentialFault): void;
}

/** What the watch needs. */
export interface CredentialWatchContext {
  readonly log: (message: string, details?: Record<string, unknown>) => void;
  readonly now: () => number;
}

/** A reason is told again after that, in milliseconds. */
const pause = 60 * 60_000;
/** So many reasons are told apart: a scheme of the application's own might make one up for each request. */
const mostReasons = 200;
const mostText = 200;

/**
 * Makes the watch. Each reason is told once an hour for each scheme and issuer, with how often it came up since; what is told is
 * ours, or the configuration's, and nothing that a caller sent: nobody can fill the log or the memory by it.
 */
export function createCredentialWatch({ log, now }: CredentialWatchContext): CredentialWatch {
  const told = new Map<string, { at: number; since: number }>();
  return {
    refused(scheme, { why, issuer }) {
      const reason = why.slice(0, mostText);
      const name = JSON.stringify([scheme, issuer, reason]);
      const at = now();
      const before = told.get(name);
      if (before !== undefined && Math.abs(at - before.at) < pause) {
        before.since += 1;
        return;
      }
      if (before === undefined && told.size >= mostReasons) return;
      told.set(name, { at, since: 0 });
      log("a credential was refused", {
        scheme,
        ...(issuer === undefined ? {} : { issuer }),
        why: reason,
        ...(before === undefined ? {} : { since: before.since }),
      });
    },
  };
}
