import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { type IncomingMessage, request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import { isIPv4 } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { normalizeAddress, trustList } from "../../http/address.ts";
import { unixPeer } from "../../http/connection.ts";
import type { OperatedSystem } from "../application.ts";
import type { Finding } from "./finding.ts";
import { clockFinding } from "./running.ts";
import { uncallable } from "./uncallable.ts";

/** How the running server is called. */
export interface ProbeOptions {
  readonly url: URL;
  /** The address from which this machine's calls arrive where the server stands, when it is known. */
  readonly address: string | undefined;
  readonly options: unknown;
}

/** From the network for examples (RFC 5737): nobody has it. */
const forged = "192.0.2.77";
const patience = 10_000;
/** How long the server may take to write its trail, in milliseconds. */
const trailPatience = 10_000;

/**
 * Finds out which address the running server takes for the caller's, without asking it: it calls the sign-in page with a
 * name that nobody has, marked in the user agent, and reads in the audit trail of the common database what the server noted.
 * So the server needs nothing that could tell strangers about its headers. A second call writes an X-Forwarded-For itself.
 */
export async function checkLive(system: OperatedSystem, given: ProbeOptions): Promise<readonly Finding[]> {
  const { url, options } = given;
  const known = (options as { readonly origins?: readonly unknown[] }).origins ?? [];
  if (!known.includes(url.origin)) {
    const text = `${url.origin} is none of them: the server refuses its forms`;
    return [{ check: "origins", level: "fault", path: "origins", text, mend: `add "${url.origin}"` }];
  }
  const path = signInPath(system);
  if (path === undefined) {
    return [{ check: "proxies", level: "skipped", text: "without the feature passwords there is no page to call" }];
  }
  const from = await ownLoopback(url);
  try {
    const plain = await call(url, path, from, undefined);
    if ("finding" in plain) return [plain.finding];
    const findings: Finding[] = [plain.clock, ...cookieFindings(url, plain.cookies)];
    const written = await call(url, path, from, forged);
    if ("finding" in written) return [...findings, written.finding];
    const seen = await noted(system, plain.mark);
    const seenForged = seen === undefined ? undefined : await noted(system, written.mark);
    return [...findings, addressFinding(given, plain, seen, seenForged)];
  } catch (error) {
    return [uncallable(url, error)];
  }
}

function signInPath(system: OperatedSystem): string | undefined {
  const pages = system.accessMatrix().filter(({ method, source }) => method === "POST" && source === "passwords");
  const signIn = pages.filter(({ parameters }) => parameters.some((it) => it.startsWith("password:")));
  // The other page with a password is asked of people who are signed in.
  return signIn.find(({ open }) => open !== null && open !== undefined)?.path;
}

/** Where the server is on this machine: another of its addresses, so that a proxy between does not look like the caller. */
async function ownLoopback(url: URL): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  const found = await lookup(url.hostname.replace(/^\[|\]$/g, ""), { all: true }).catch(() => []);
  return found.some(({ address }) => address.startsWith("127.")) ? "127.0.0.2" : undefined;
}

/** What a call left. */
interface Call {
  /** The user agent by which the trail's entry is found. */
  readonly mark: string;
  /** The two ends of the connection. */
  readonly local: string | undefined;
  readonly remote: string | undefined;
  readonly cookies: readonly string[];
  readonly clock: Finding;
}

async function call(
  url: URL,
  path: string,
  from: string | undefined,
  forwarded: string | undefined,
): Promise<Call | { readonly finding: Finding }> {
  const mark = `portcullis-doctor/${randomBytes(12).toString("hex")}`;
  const target = new URL(`${url.pathname.replace(/\/$/, "")}${path}`, url);
  const headers = {
    accept: "application/json",
    "user-agent": mark,
    ...(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }),
  };
  const before = Date.now();
  const page = await send(target, from, "GET", headers);
  const shown = jsonOf(page.body);
  const token = shown?.["csrf_token"];
  if (page.status !== 200) return { finding: unexpected(target, "GET", page) };
  const attributes = shown?.["identity_attributes"];
  const attribute = Array.isArray(attributes) && typeof attributes[0] === "string" ? attributes[0] : "email";
  const nobody = randomBytes(12).toString("hex");
  const body = {
    [attribute]: attribute === "email" ? `${nobody}@doctor.invalid` : nobody,
    password: randomBytes(18).toString("base64url"),
    ...(typeof token === "string" ? { csrf_token: token } : {}),
  };
  const cookie = page.cookies.map((it) => it.split(";", 1)[0]).join("; ");
  const posted = await send(
    target,
    from,
    "POST",
    { ...headers, "content-type": "application/json", origin: url.origin, ...(cookie === "" ? {} : { cookie }) },
    JSON.stringify(body),
  );
  if (posted.status !== 400 && posted.status !== 401) return { finding: unexpected(target, "POST", posted) };
  const date = Date.parse(page.date ?? "");
  const clock: Finding = Number.isNaN(date)
    ? { check: "clock", level: "skipped", text: `${url.host} does not say what time it is` }
    : clockFinding(url.host, date, before, Date.now(), 1_000);
  const { local, remote, cookies } = page;
  return { mark, local, remote, cookies, clock };
}

function unexpected(target: URL, method: string, { status, location }: Answer): Finding {
  const to = location === undefined ? "" : `, to ${location}`;
  const text = `${method} ${target.href} answers ${status}${to}, not as this configuration's sign-in page does`;
  const mend =
    status === 429
      ? "this address has called too often; wait for a quarter of an hour"
      : "give the URL under which this application's account pages are, without a redirect before them";
  return { check: "proxies", level: "fault", text, mend };
}

/** An answer, and the connection on which it came. */
interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly date: string | undefined;
  readonly cookies: readonly string[];
  readonly body: string;
  readonly local: string | undefined;
  readonly remote: string | undefined;
}

function send(
  target: URL,
  from: string | undefined,
  method: string,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<Answer> {
  const open = target.protocol === "https:" ? overHttps : overHttp;
  return new Promise((resolve, reject) => {
    const own = from === undefined ? {} : { localAddress: from, family: 4 };
    const call = open(target, { method, headers, agent: false, signal: AbortSignal.timeout(patience), ...own });
    call.once("error", reject);
    call.once("response", (response: IncomingMessage) => {
      const { socket } = response;
      const ends = { local: addressOf(socket.localAddress), remote: addressOf(socket.remoteAddress) };
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        if (text.length < 1_000_000) text += piece;
      });
      response.once("error", reject);
      response.once("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          location: response.headers.location,
          date: response.headers.date,
          cookies: response.headers["set-cookie"] ?? [],
          body: text,
          ...ends,
        }),
      );
    });
    call.end(body);
  });
}

function jsonOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const { response } = JSON.parse(body) as { readonly response?: Readonly<Record<string, unknown>> };
    return response;
  } catch {
    return undefined;
  }
}

/** The address that the server noted for a call; undefined: the trail does not know the call. */
async function noted(system: OperatedSystem, mark: string): Promise<string | null | undefined> {
  const until = Date.now() + trailPatience;
  for (;;) {
    const entries = await system.audit.list({ name: "unknownIdentity", limit: 1_000 });
    const entry = entries.find(({ agent }) => agent === mark);
    if (entry !== undefined) return entry.address;
    if (Date.now() > until) return undefined;
    await pause(200);
  }
}

function cookieFindings(url: URL, cookies: readonly string[]): readonly Finding[] {
  const open = cookies.filter((cookie) => url.protocol === "https:" && !/;\s*secure\b/i.test(cookie));
  return open.map((cookie): Finding => {
    const text = `${cookie.split("=", 1)[0]} comes without Secure over https`;
    return { check: "cookies", level: "fault", path: "cookies.allowInsecure", text, mend: "leave the option out" };
  });
}

function addressFinding(
  { url, address, options }: ProbeOptions,
  { local, remote }: Call,
  seen: string | null | undefined,
  seenForged: string | null | undefined,
): Finding {
  const declared = (options as { readonly trustedProxies?: unknown }).trustedProxies;
  const fault = (text: string, mend: string): Finding => ({
    ...{ check: "proxies", level: "fault", path: "trustedProxies", text, mend },
  });
  if (seen === undefined || seenForged === undefined) {
    const text = `the trail of this database does not know the call of ${url.origin}: that server has another one`;
    return {
      check: "proxies",
      level: "fault",
      text,
      mend: "call doctor with that server's configuration and environment",
    };
  }
  if (seenForged === forged) {
    return fault(
      "the server believes an X-Forwarded-For that a caller writes: whoever guesses passwords has any address they like",
      "declare as many hops as there are proxies, or the proxies' own addresses; without a proxy leave the option out",
    );
  }
  if (seen === null) return fault("the server knows no caller's address", "hand the socket's address on to it");
  if (seen === unixPeer) {
    return fault(
      "the server listens on a Unix socket, and takes all callers for one",
      'declare what stands before it: trustedProxies: ["unix"], and see that it writes X-Forwarded-For',
    );
  }
  const expected = address ?? (local !== undefined && (isLoopback(local) || !isPrivate(local)) ? local : undefined);
  const behind =
    expected === undefined ? isPrivate(seen) && remote !== undefined && !isPrivate(remote) : seen !== expected;
  if (behind) {
    const caller = expected === undefined ? "a caller from elsewhere" : `a caller at ${expected}`;
    return fault(
      `a proxy stands before the server: it takes ${seen} for the address of ${caller}`,
      declared === undefined
        ? "declare it: trustedProxies: { hops: 1 }, or a list of the proxies' addresses"
        : "declare every proxy, and see that each of them writes X-Forwarded-For",
    );
  }
  const text = `the server takes ${seen} for this machine's address, and no caller can write another`;
  if (expected !== undefined) return { check: "proxies", level: "ok", text };
  const mend = "see whether that is so; --address compares it";
  return { check: "proxies", level: "warning", text, mend };
}

const privateNetworks = trustList([
  ...["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"],
  ...["127.0.0.0/8", "::1", "fc00::/7", "fe80::/10"],
]);

function isPrivate(address: string): boolean {
  return privateNetworks(address);
}

function isLoopback(address: string): boolean {
  return address === "::1" || (isIPv4(address) && address.startsWith("127."));
}

function addressOf(socketAddress: string | undefined): string | undefined {
  return socketAddress === undefined ? undefined : normalizeAddress(socketAddress);
}
