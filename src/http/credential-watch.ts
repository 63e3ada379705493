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
/** So many reasons of a scheme are told apart: one of the application's own might make one up for each request. */
const mostReasons = 50;
const mostText = 200;

/** What was told of one scheme. */
interface Told {
  readonly reasons: Map<string, { at: number; since: number }>;
  /** When it was said that more is not told. */
  full: number | undefined;
}

/**
 * Makes the watch. Each reason is told once an hour for each scheme and issuer, with how often it came up since; what is told is
 * ours, or the configuration's, and nothing that a caller sent: nobody can fill the log or the memory by it. Where a scheme has too
 * many reasons, one line an hour says that more are not told; the other schemes go on.
 */
export function createCredentialWatch({ log, now }: CredentialWatchContext): CredentialWatch {
  const schemes = new Map<string, Told>();
  const recent = (then: number | undefined): boolean => then !== undefined && Math.abs(now() - then) < pause;
  return {
    refused(scheme, { why, issuer }) {
      const told: Told = schemes.get(scheme) ?? { reasons: new Map(), full: undefined };
      schemes.set(scheme, told);
      const reason = why.slice(0, mostText);
      const name = JSON.stringify([issuer, reason]);
      const before = told.reasons.get(name);
      if (before !== undefined && recent(before.at)) {
        before.since += 1;
        return;
      }
      if (before === undefined && told.reasons.size >= mostReasons) {
        if (recent(told.full)) return;
        for (const [old, { at }] of told.reasons) if (!recent(at)) told.reasons.delete(old);
        if (told.reasons.size >= mostReasons) {
          told.full = now();
          log("more reasons are not told", { scheme });
          return;
        }
      }
      told.reasons.set(name, { at: now(), since: 0 });
      log("a credential was refused", {
        scheme,
        ...(issuer === undefined ? {} : { issuer }),
        why: reason,
        ...(before === undefined ? {} : { since: before.since }),
      });
    },
  };
}
