/** Replays a recording against a lab and says in which steps the answers differ. */
import { type LabProcess, startLab } from "../lab/process.ts";
import { cannotReplay, locationOf, type Recording, type Step, settingsOf, targetOf } from "./recording.ts";

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
  /** How many exchanges were replayed. */
  readonly replayed: number;
}

interface Client {
  readonly cookies: Map<string, string>;
  csrf: string;
}

interface Session {
  readonly lab: LabProcess;
  readonly recording: Recording;
  readonly clients: Map<string, Client>;
  /** The last auth token that was given out. */
  token: string;
  /** The refresh tokens that were given out. */
  readonly refreshTokens: string[];
}

type Exchange = Required<Pick<Step, "request" | "response">> & Step;

/** What the harness did between the exchanges of a flow, by the step of its note. */
const harness: Readonly<Record<string, (lab: LabProcess, session: Session) => Promise<unknown>>> = {
  // 61 minutes: past `within`, in the grace.
  "freshness 3": (lab) => lab.control("POST", "/clock", { advance: 61 * 60 }),
  "freshness 5": (lab) => lab.control("POST", "/clock", { advance: 3 * 3600 }),
  "freshness 14": (lab) => lab.control("POST", "/clock", { advance: 4 * 3600 }),
  "freshness 18": async () => {},
  "freshness 22": async () => {},
  // The proof is from an hour, then from half a minute ahead.
  "freshness 25": (lab) => lab.control("POST", "/clock", { advance: -3600 }),
  "freshness 27": (lab) => lab.control("POST", "/clock", { advance: 3570 }),
  "refresh-body 11": async (lab, session) => {
    const answer = await fetch(`${lab.origin}/login?include_auth_token`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ email: "joe@lp.com", password: "password" }),
    });
    const { response } = (await answer.json()) as { response: { user: { refresh_token: string } } };
    session.refreshTokens.push(response.user.refresh_token);
    await lab.control("PATCH", "/users/joe@lp.com", { active: false });
  },
  "auth-token 18": (lab) => lab.control("PATCH", "/users/joe@lp.com", { active: false }),
  "auth-token 21": (lab) => lab.control("PATCH", "/users/joe@lp.com", { active: true, fs_uniquifier: "f".repeat(32) }),
};

/** What it did right before an exchange. */
const before: Readonly<Record<string, (lab: LabProcess) => Promise<unknown>>> = {
  // Past the grace in which a replaced token has its successor.
  "refresh-body 3": (lab) => lab.control("POST", "/clock", { advance: 60 }),
};

/** Refresh tokens that the masks hide; elsewhere it is the last one that was given out. */
const hiddenRefreshTokens: Readonly<Record<string, (given: readonly string[]) => string | undefined>> = {
  "refresh-body 3": ([first]) => first,
  "refresh-body 5": ([first]) => first?.slice(0, -4),
};

/** Headers that the masks hide. */
const hiddenHeaders: Readonly<Record<string, (session: Session, client: Client) => Record<string, string>>> = {
  "csrf-spa 4": () => ({ "x-xsrf-token": "nonsense" }),
  "csrf-spa 6": (_session, client) => ({ "x-csrftoken": client.csrf }),
  "csrf-spa 10": (_session, client) => ({ "x-xsrf-token": client.cookies.get("XSRF-TOKEN") ?? "" }),
  "csrf-spa 16": (session) => ({ "x-xsrf-token": session.clients.get("")?.csrf ?? "" }),
  "auth-token 12": ({ token }) => ({ "authentication-token": `${token.slice(0, -4)}AAAA` }),
};

/** Steps before which the jar is emptied: there the sign-in of the step before had failed. */
const anonymous: ReadonlySet<string> = new Set(["csrf-formonly 2", "csrf-formonly 4"]);

/** Starts a lab as the recording server was set up, replays every step that can be, and ends it. */
export async function replay(recording: Recording): Promise<Replay> {
  const lab = await startLab(["--seed", "golden"], settingsOf(recording));
  try {
    const routes = (await lab.control("GET", "/routes")) as readonly { readonly path: string }[];
    const known = new Set(routes.map(({ path }) => path));
    const session: Session = { lab, recording, clients: new Map(), token: "", refreshTokens: [] };
    const differences: Difference[] = [];
    let replayed = 0;
    for (const [index, step] of recording.steps.entries()) {
      const name = `${recording.flow} ${index}`;
      if (!isExchange(step)) {
        const act = harness[name];
        if (act === undefined) throw new Error(`${name}: nothing is known of "${step.note}"`);
        await act(lab, session);
      } else if (!Object.hasOwn(cannotReplay, name)) {
        await before[name]?.(lab);
        const found = await exchange(session, name, step, known);
        if (found === undefined) continue;
        replayed += 1;
        differences.push(...found.map((what) => ({ flow: recording.flow, step: index, what })));
      }
    }
    return { differences, replayed };
  } finally {
    await lab.stop();
  }
}

function isExchange(step: Step): step is Exchange {
  return step.request !== undefined && step.response !== undefined;
}

function refreshTokenFor({ refreshTokens }: Session, name: string): string {
  return (hiddenRefreshTokens[name] ?? ((given) => given.at(-1)))(refreshTokens) ?? "";
}

/** Undefined: the endpoint belongs to a feature that does not exist yet, or to a sample that the lab does not have. */
async function exchange(
  session: Session,
  name: string,
  { client: label, request, response }: Exchange,
  known: ReadonlySet<string>,
): Promise<readonly string[] | undefined> {
  const target = targetOf(request.method, request.path.replace("<signed>", session.token));
  if (target === undefined) return undefined;
  const exists = known.has(target.path.split("?", 1)[0] ?? "");
  if (!exists && response.status !== 404) return undefined;
  const client = await clientOf(session, label ?? "");
  if (request.cookies_sent === undefined || anonymous.has(name)) client.cookies.clear();
  const unmask = (text: string): string =>
    text
      .replace("<csrf_token>", client.csrf)
      .replace(/<auth_token>|<signed>/, session.token)
      .replace("<refresh_token>", refreshTokenFor(session, name));
  const headers = new Headers();
  for (const [key, value] of Object.entries(request.headers ?? {})) headers.set(key, unmask(value));
  // The recorded pages were asked for without an Accept header; a browser has one.
  const asPage = !headers.has("accept") && response.json === undefined;
  if (asPage) headers.set("accept", "text/html");
  for (const [key, value] of Object.entries(hiddenHeaders[name]?.(session, client) ?? {})) headers.set(key, value);
  if (client.cookies.size > 0) headers.set("cookie", [...client.cookies].map((pair) => pair.join("=")).join("; "));
  let body: string | undefined;
  if (request.form !== undefined) body = new URLSearchParams(mapValues(request.form, unmask)).toString();
  else if (request.json !== undefined) body = unmask(JSON.stringify(request.json));
  const answer = await fetch(session.lab.origin + target.path, {
    method: request.method,
    headers,
    redirect: "manual",
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.text();
  keep(session, client, answer, text);
  return compare(response, answer, text, target.sample);
}

function mapValues(values: Readonly<Record<string, string>>, map: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value)]));
}

/** A jar of its own for each label; one that is named as an account has been signed in by the harness. */
async function clientOf({ clients, lab }: Session, label: string): Promise<Client> {
  const existing = clients.get(label);
  if (existing !== undefined) return existing;
  const client: Client = { cookies: new Map(), csrf: "" };
  clients.set(label, client);
  if (/^[a-z]+@lp\.com$/.test(label)) {
    const password = "password";
    // One of the accounts has none.
    await lab.control("PATCH", `/users/${label}`, { password });
    const answer = await fetch(`${lab.origin}/login`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ email: label, password }),
    });
    if (answer.status !== 200) throw new Error(`${label} cannot sign in: ${await answer.text()}`);
    for (const cookie of answer.headers.getSetCookie()) keepCookie(client, cookie);
  }
  return client;
}

function keep(session: Session, client: Client, answer: Response, text: string): void {
  for (const cookie of answer.headers.getSetCookie()) keepCookie(client, cookie);
  client.csrf =
    (/"csrf_token":"([^"]+)"/.exec(text) ?? /name="csrf_token" value="([^"]+)"/.exec(text))?.[1] ?? client.csrf;
  const refreshToken = /"refresh_token":"([^"]+)"/.exec(text)?.[1];
  if (refreshToken !== undefined && answer.status === 200) session.refreshTokens.push(refreshToken);
  session.token = /"authentication_token":"([^"]+)"/.exec(text)?.[1] ?? session.token;
}

function keepCookie({ cookies }: Client, header: string): void {
  const [pair = ""] = header.split(";", 1);
  const equals = pair.indexOf("=");
  if (/;\s*max-age=0(?:;|$)/i.test(header)) cookies.delete(pair.slice(0, equals));
  else cookies.set(pair.slice(0, equals), pair.slice(equals + 1));
}

function compare(theirs: Exchange["response"], ours: Response, text: string, sample: boolean): readonly string[] {
  const found: string[] = [];
  // Where the outcome is another one, so is all the rest.
  if (ours.status !== theirs.status) return [`status ${theirs.status} → ${ours.status}`];
  const wanted = theirs.headers.Location;
  const location = ours.headers.get("location");
  if (wanted !== undefined || location !== null) {
    const expected = wanted === undefined ? "none" : locationOf(decodeURIComponent(wanted));
    const got = location === null ? "none" : decodeURIComponent(location);
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
  if (theirs.json === undefined || !isJson) return found;
  const before = shapeOf(theirs.json);
  const after = shapeOf(JSON.parse(text));
  for (const line of before) if (!after.has(line)) found.push(`- ${line}`);
  for (const line of after) if (!before.has(line)) found.push(`+ ${line}`);
  return found;
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
