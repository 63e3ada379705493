/** Replays a recording against a lab and says in which steps the answers differ. */
import { startLab } from "../lab/process.ts";
import { cookieDifferences, keepCookie } from "./cookies.ts";
import {
  before,
  type Client,
  harness,
  hiddenHeaders,
  hiddenTokens,
  newestLink,
  refreshTokenFor,
  type Session,
  signIn,
} from "./harness.ts";
import { cannotReplay, locationOf, type Recording, type Step, settingsOf, targetOf, told } from "./recording.ts";

/** One way in which an answer differs. */
export interface Difference {
  readonly flow: string;
  /** The step's index in the recording. */
  readonly step: number;
  /** `status 200 → 400`, `location /a → /b`, `+ response.x: string` (only ours), `- response.x: string` (only theirs). */
  readonly what: string;
}

/** What a replay found. */
export interface Replay {
  readonly differences: readonly Difference[];
  /** How many exchanges were compared. */
  readonly compared: number;
}

type Exchange = Required<Pick<Step, "request" | "response">> & Step;

/** An answer with all of its body. */
interface Answer {
  readonly response: Response;
  readonly text: string;
}

/** What every account of the recordings has, unless it has none. */
const seedPassword = "password";

/** Steps before which the jar is emptied: there the sign-in of the step before had failed. */
const anonymous: ReadonlySet<string> = new Set(["csrf-formonly 2", "csrf-formonly 4"]);

/** Starts a lab as the recording server was set up, replays every step that can be, and ends it. */
export async function replay(recording: Recording): Promise<Replay> {
  const lab = await startLab(["--seed", "golden"], settingsOf(recording));
  try {
    const routes = (await lab.control("GET", "/routes")) as readonly { readonly path: string }[];
    const known = routes.map(({ path }) => new RegExp(`^${path.replace(/:[^/]+/g, "[^/]+")}$`));
    const session: Session = { lab, clients: new Map(), tokens: [], refreshTokens: [] };
    const differences: Difference[] = [];
    let compared = 0;
    for (const [index, step] of recording.steps.entries()) {
      const name = `${recording.flow} ${index}`;
      const note = (found: readonly string[] = []): void => {
        differences.push(...found.map((what) => ({ flow: recording.flow, step: index, what })));
      };
      if (!isExchange(step)) {
        const act = harness[name];
        if (act === undefined) throw new Error(`${name}: nothing is known of "${step.note}"`);
        note(await act(session));
      } else if (!Object.hasOwn(cannotReplay, name)) {
        const found = await exchange(session, recording.flow, name, step, known);
        if (found === undefined) continue;
        compared += 1;
        note(found);
      }
    }
    return { differences, compared };
  } finally {
    await lab.stop();
  }
}

function isExchange(step: Step): step is Exchange {
  return step.request !== undefined && step.response !== undefined;
}

/** Undefined: the endpoint belongs to a feature that does not exist yet, or to a sample that the lab does not have. */
async function exchange(
  session: Session,
  flow: string,
  name: string,
  { client: label, request, response: theirs }: Exchange,
  known: readonly RegExp[],
): Promise<readonly string[] | undefined> {
  const target = targetOf(flow, request.method, request.path);
  if (target === undefined) return undefined;
  const [pathname = ""] = target.path.split("?", 1);
  if (!known.some((pattern) => pattern.test(pathname)) && theirs.status !== 404) return undefined;
  await before[name]?.(session);
  const client = await clientOf(session, label ?? "");
  if (request.cookies_sent === undefined || anonymous.has(name)) client.cookies.clear();
  const token = (hiddenTokens[name] ?? ((given) => given.at(-1)))(session.tokens) ?? "";
  const unmask = (text: string): string =>
    text
      .replace("<csrf_token>", client.csrf)
      .replace(/<auth_token>|<signed>/, token)
      .replace("<refresh_token>", refreshTokenFor(session, name));
  const headers = new Headers();
  for (const [key, value] of Object.entries(request.headers ?? {})) headers.set(key, unmask(value));
  // The recorded pages were asked for without an Accept header; a browser has one.
  if (!headers.has("accept") && theirs.json === undefined) headers.set("accept", "text/html");
  for (const [key, value] of Object.entries(hiddenHeaders[name]?.(session, client) ?? {})) headers.set(key, value);
  let body: string | undefined;
  if (request.form !== undefined) body = new URLSearchParams(mapValues(request.form, unmask)).toString();
  else if (request.json !== undefined) body = unmask(JSON.stringify(request.json));
  const path = pathname.endsWith("/<signed>")
    ? target.path.replace("<signed>", await newestLink(session, pathname.replace("<signed>", "")))
    : unmask(target.path);
  const found = target.from === undefined ? [] : [`path ${target.from} → ${pathname}`];
  const first = await send(session, client, request.method, path, headers, body);
  const answer = await throughLink(session, client, first, theirs.status, found);
  const compared = compare(flow, theirs, answer, target.sample);
  if (isSameStatus(theirs, answer)) {
    compared.push(...cookieDifferences(theirs.cookies ?? {}, answer.response.headers.getSetCookie(), client.cookies));
  }
  return [...found, ...compared];
}

async function send(
  session: Session,
  client: Client,
  method: string,
  path: string,
  sent: Headers,
  body?: string,
): Promise<Answer> {
  const headers = new Headers(sent);
  if (client.cookies.size > 0) headers.set("cookie", [...client.cookies].map((pair) => pair.join("=")).join("; "));
  const response = await fetch(session.lab.origin + path, {
    method,
    headers,
    redirect: "manual",
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  keep(session, client, response, text);
  return { response, text };
}

/**
 * A mailed link here leads to a page of its own, whose button does what there the GET did: goes on to that page and, where
 * there something was done, presses the button.
 */
async function throughLink(
  session: Session,
  client: Client,
  first: Answer,
  theirStatus: number,
  found: string[],
): Promise<Answer> {
  const location = first.response.headers.get("location") ?? "";
  if (first.response.status !== 302 || !/^\/[a-z-]+\/open-[\w-]{22}$/.test(location)) return first;
  const page = new Headers({ accept: "text/html" });
  const shown = await send(session, client, "GET", location, page);
  if (shown.response.status !== 200 || theirStatus === 200) {
    found.push("link GET → GET, GET");
    return shown;
  }
  // A first proof of an address, elsewhere than where it was registered: the page asks for the account's password.
  const asks = shown.text.includes('name="new_password"');
  found.push(`link GET → GET, GET, POST${asks ? " with the password" : ""}`);
  page.set("content-type", "application/x-www-form-urlencoded");
  const form = new URLSearchParams({ csrf_token: client.csrf, ...(asks ? { password: seedPassword } : {}) });
  return send(session, client, "POST", location, page, form.toString());
}

function mapValues(values: Readonly<Record<string, string>>, map: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));
}

/** A jar of its own for each label; one that is named as an account has been signed in by the harness. */
async function clientOf(session: Session, label: string): Promise<Client> {
  const existing = session.clients.get(label);
  if (existing !== undefined) return existing;
  if (/^[a-z]+@lp\.com$/.test(label)) {
    // One of the accounts has no password.
    await session.lab.control("PATCH", `/users/${label}`, { password: "password" });
    return signIn(session, label, label);
  }
  const client: Client = { cookies: new Map(), csrf: "" };
  session.clients.set(label, client);
  return client;
}

function keep(session: Session, client: Client, answer: Response, text: string): void {
  for (const cookie of answer.headers.getSetCookie()) keepCookie(client.cookies, cookie);
  const inCookie = client.cookies.get("XSRF-TOKEN");
  client.csrf =
    (/"csrf_token":"([^"]+)"/.exec(text) ?? /name="csrf_token" value="([^"]+)"/.exec(text))?.[1] ??
    inCookie ??
    client.csrf;
  const refreshToken = /"refresh_token":"([^"]+)"/.exec(text)?.[1];
  if (refreshToken !== undefined && answer.status === 200) session.refreshTokens.push(refreshToken);
  const token = /"authentication_token":"([^"]+)"/.exec(text)?.[1];
  if (token !== undefined) session.tokens.push(token);
}

function isSameStatus(theirs: Exchange["response"], { response }: Answer): boolean {
  return response.status === theirs.status;
}

function compare(flow: string, theirs: Exchange["response"], answer: Answer, sample: boolean): string[] {
  const { response: ours, text } = answer;
  const found: string[] = [];
  // Where the outcome is another one, so is all the rest.
  if (!isSameStatus(theirs, answer)) return [`status ${theirs.status} → ${ours.status}`];
  const wanted = theirs.headers["Location"];
  const location = ours.headers.get("location");
  if (wanted !== undefined || location !== null) {
    const expected = wanted === undefined ? "none" : locationOf(flow, decodeURIComponent(wanted));
    const got = location === null ? "none" : told(decodeURIComponent(location));
    if (expected !== got) found.push(`location ${expected} → ${got}`);
  }
  const challenge = theirs.headers["WWW-Authenticate"] ?? "none";
  const offered = ours.headers.get("www-authenticate") ?? "none";
  if (challenge !== offered) found.push(`challenge ${challenge} → ${offered}`);
  const theirKind = theirs.json === undefined ? "page" : "JSON";
  const isJson = ours.headers.get("content-type")?.includes("json") === true;
  // An application's own answer to a request that went well is its own affair, and so is the body of a redirect.
  if ((sample && theirs.status < 400) || theirs.status === 302) return found;
  const ourKind = isJson ? "JSON" : "page";
  if (theirKind !== ourKind) found.push(`${theirKind} → ${ourKind}`);
  if (!isJson && theirs.faulty !== undefined) found.push(...faultyDifferences(theirs.faulty, text));
  if (theirs.json === undefined || !isJson) return found;
  const before = shapeOf(theirs.json);
  const after = shapeOf(JSON.parse(text));
  for (const line of before) if (!after.has(line)) found.push(`- ${line}`);
  for (const line of after) if (!before.has(line)) found.push(`+ ${line}`);
  return found;
}

/** Where a page shows errors: the fields' names, and "form" for the form as a whole. */
function faultyDifferences(theirs: readonly string[], text: string): readonly string[] {
  const before = new Set(theirs.map((name) => (name === "fs-form-errors" ? "form" : name.replace(/-ctr$/, ""))));
  const after = faultyOf(text);
  return [
    ...[...before].filter((name) => !after.has(name)).map((name) => `- error at ${name}`),
    ...[...after].filter((name) => !before.has(name)).map((name) => `+ error at ${name}`),
  ];
}

/** Where one of our pages shows errors. */
export function faultyOf(text: string): Set<string> {
  const fields = new Set([...text.matchAll(/class="wrong" id="error-([^"]+)"/g)].map(([, name = ""]) => name));
  // What is before the heading are messages of the page before.
  const content = text.slice(text.indexOf("</h1>"));
  const summary = /<div class="alert error" role="alert">([\s\S]*?)<\/div>/.exec(content)?.[1];
  const ofForm = summary !== undefined && (fields.size === 0 || /<li>(?!<a )/.test(summary));
  return ofForm ? fields.add("form") : fields;
}

/** The keys and types of a JSON value, one line each: `response.user.email: string`. */
export function shapeOf(value: unknown, path = ""): Set<string> {
  if (Array.isArray(value)) {
    return new Set([`${path}: list`, ...value.flatMap((item) => [...shapeOf(item, `${path}[]`)])]);
  }
  if (typeof value !== "object" || value === null)
    return new Set([`${path}: ${value === null ? "null" : typeof value}`]);
  const lines = Object.entries(value).flatMap(([key, inner]) => [
    ...shapeOf(inner, path === "" ? key : `${path}.${key === "" ? '""' : key}`),
  ]);
  return new Set(path === "" ? lines : [`${path}: object`, ...lines]);
}
