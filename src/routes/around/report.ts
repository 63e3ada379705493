import { faultsOf } from "../../authn/authenticator.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Mode } from "./options.ts";

/** What developers are told of a request. */
export interface RequestReport {
  readonly route: string;
  readonly user: string;
  readonly scheme: string;
  readonly guard: string;
  /** Milliseconds from its arrival to its answer. */
  readonly time: string;
  readonly refused: string | undefined;
  /** Why which credentials were refused; undefined: none was, or somebody is calling. */
  readonly credential: string | undefined;
}

/** Makes the report of a request that began at this time (performance.now()). */
export function reportOf(rq: SecurityRequest | undefined, began: number): RequestReport {
  const identity = rq?.identity;
  return {
    route: rq?.route.label ?? "none",
    user: identity === undefined ? "nobody" : identity.account.email,
    scheme: identity?.via ?? "none",
    guard: rq?.route.guard ?? "none",
    time: (performance.now() - began).toFixed(3),
    refused: rq?.refused,
    credential: rq === undefined || identity !== undefined ? undefined : faultText(rq),
  };
}

function faultText(rq: SecurityRequest): string | undefined {
  const said = faultsOf(rq).map(([scheme, { why, issuer }]) =>
    issuer === undefined ? `${scheme}: ${why}` : `${scheme}: (${issuer}) ${why}`,
  );
  return said.length === 0 ? undefined : said.join("; ");
}

/** The report as headers. */
export function reportHeaders(report: RequestReport): readonly (readonly [string, string])[] {
  return Object.entries(report).flatMap(([name, value]: [string, string | undefined]) =>
    value === undefined ? [] : [[`portcullis-${name}`, printable(name === "time" ? `${value} ms` : value)] as const],
  );
}

/** The report as a log line; in mode "debug" with the schemes that were tried. */
export function reportDetails(
  report: RequestReport,
  mode: Mode,
  rq: SecurityRequest | undefined,
  request: Request,
  status: number,
): Record<string, unknown> {
  const { time, refused, credential, ...known } = report;
  return {
    method: request.method,
    // Without the query: credentials have been seen there.
    path: pathOf(request.url),
    status,
    ...known,
    ms: Number(time),
    ...(refused === undefined ? {} : { refused }),
    ...(credential === undefined ? {} : { credential }),
    ...(mode === "debug"
      ? {
          accepts: rq?.route.authn ?? rq?.system.defaultSchemes ?? [],
          tried: [...(rq?.tried?.keys() ?? [])],
          parameters: rq?.route.parameters?.names ?? [],
          address: rq?.address ?? "unknown",
        }
      : {}),
  };
}

function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const mark = url.indexOf("?", start);
  return start < 0 ? "/" : url.slice(start, mark < 0 ? undefined : mark);
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 500);
}
