/** The attacker's HTTP client: full control of a request, a cookie jar, and the oracles on every answer. */
import { Agent, type IncomingMessage, request } from "node:http";
import type { Lab } from "./lab.ts";
import { inspect } from "./oracles.ts";

/** One request. */
export interface Attempt {
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Asks for a page; default: JSON is asked for. */
  readonly page?: boolean;
  /** Default: the jar. `false`: none; text: this Cookie header. */
  readonly cookies?: false | string;
  /** Default: the last CSRF token on unsafe methods. `false`: none; text: this one. */
  readonly csrf?: false | string;
  /** Statuses of 500 and more that this attack provokes on purpose (a failing back end). */
  readonly expected?: readonly number[];
  /** False: no snapshot of the accounts around this request, as others run at the same time. */
  readonly watch?: boolean;
  /** False: the answer's cookies are not kept. */
  readonly keep?: boolean;
}

/** An answer, with all headers as they came. */
export interface Answer {
  readonly status: number;
  readonly method: string;
  readonly path: string;
  /** In order, with duplicates. */
  readonly rawHeaders: readonly (readonly [name: string, value: string])[];
  readonly text: string;
  /** The first value of a header, by its lower-case name. */
  header(name: string): string | undefined;
  readonly setCookies: readonly string[];
  readonly location: string | undefined;
  /** The body as JSON; an empty object when it is none. */
  readonly json: Readonly<Record<string, unknown>>;
  /** The member `response` of an account endpoint's JSON. */
  readonly response: Readonly<Record<string, unknown>>;
}

/** What was sent, for the oracles. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly credentials: boolean;
  readonly expected: readonly number[];
}

/** A client with cookies and a CSRF token of its own. */
export class Client {
  readonly lab: Lab;
  readonly cookies: Map<string, string> = new Map();
  csrf: string | undefined = undefined;
  /** Sent as `Authentication-Token` when it is set. */
  token: string | undefined = undefined;
  /** Sent with each request. */
  headers: Readonly<Record<string, string>> = {};
  readonly #agent: Agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(lab: Lab) {
    this.lab = lab;
  }

  /** Another client with copies of the cookies and the CSRF token. */
  copy(): Client {
    const other = new Client(this.lab);
    for (const [name, value] of this.cookies) other.cookies.set(name, value);
    other.csrf = this.csrf;
    other.token = this.token;
    other.headers = this.headers;
    return other;
  }

  /** The Cookie header of the jar. */
  get cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** The value of the cookie of this purpose, with or without its `__Host-` prefix. */
  cookie(purpose: string): string | undefined {
    return this.cookies.get(`__Host-${purpose}`) ?? this.cookies.get(purpose);
  }

  get(path: string, attempt: Attempt = {}): Promise<Answer> {
    return this.send("GET", path, attempt);
  }

  post(path: string, attempt: Attempt = {}): Promise<Answer> {
    return this.send("POST", path, attempt);
  }

  /** Sends one request and holds the oracles on its answer. */
  async send(method: string, path: string, attempt: Attempt = {}): Promise<Answer> {
    const { lab } = this;
    const safe = method === "GET" || method === "HEAD" || method === "OPTIONS" || method === "TRACE";
    const headers: Record<string, string | string[]> = {
      accept: attempt.page === true ? "text/html" : "application/json",
    };
    let body: string | Buffer | undefined = attempt.body;
    if (attempt.json !== undefined) {
      body = JSON.stringify(attempt.json);
      headers["content-type"] = "application/json";
    } else if (attempt.form !== undefined) {
      body = new URLSearchParams(attempt.form).toString();
      headers["content-type"] = "application/x-www-form-urlencoded";
    }
    const cookie = attempt.cookies === false ? "" : (attempt.cookies ?? this.cookieHeader);
    if (cookie !== "") headers["cookie"] = cookie;
    const csrf = attempt.csrf === false ? undefined : (attempt.csrf ?? (safe ? undefined : this.csrf));
    if (csrf !== undefined) headers["x-csrf-token"] = csrf;
    if (this.token !== undefined) headers["authentication-token"] = this.token;
    for (const [name, value] of Object.entries({ ...this.headers, ...attempt.headers })) {
      headers[name] = typeof value === "string" ? value : [...value];
    }
    if (body !== undefined && headers["transfer-encoding"] === undefined && headers["content-length"] === undefined) {
      headers["content-length"] = String(Buffer.byteLength(body));
    }
    plantSecrets(lab, headers, attempt.json ?? attempt.form);

    const watch = attempt.watch !== false;
    const before = watch ? await lab.accounts.snapshot() : undefined;
    const incoming = await transmit(lab.port, this.#agent, method, path, headers, body);
    const answer = await read(incoming, method, path);
    if (attempt.keep !== false) this.#keep(answer);
    plantAnswer(lab, answer);
    const credentials =
      headers["authorization"] !== undefined ||
      headers["authentication-token"] !== undefined ||
      /(?:^|; )(?:__Host-)?(?:session|remember)=/.test(cookie);
    inspect(lab, { method, path, credentials, expected: attempt.expected ?? [] }, answer);
    if (before !== undefined && (safe || (answer.status >= 400 && answer.status < 500))) {
      const after = await lab.accounts.snapshot();
      if (after !== before) {
        throw new Error(
          `O8: ${method} ${path} was answered ${answer.status} and changed the accounts:\n${changes(before, after)}`,
        );
      }
    }
    return answer;
  }

  /** Signs in as JSON and asks for an auth token; throws when that is refused. */
  async signIn(email: string, password = "password", extra: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    const answer = await this.post("/login?include_auth_token", { json: { email, password, ...extra } });
    if (answer.status !== 200) throw new Error(`sign-in as ${email}: ${answer.status} ${answer.text}`);
    return answer;
  }

  /** Loads a page and remembers its CSRF token. */
  async open(path: string): Promise<Answer> {
    return this.get(path, { page: true });
  }

  #keep(answer: Answer): void {
    for (const header of answer.setCookies) {
      const [pair = "", ...attributes] = header.split(";");
      const equals = pair.indexOf("=");
      const name = pair.slice(0, equals).trim();
      if (attributes.some((attribute) => /^\s*max-age=0\s*$/i.test(attribute))) this.cookies.delete(name);
      else this.cookies.set(name, pair.slice(equals + 1).trim());
    }
    const inJson = /"csrf_token":"([^"]+)"/.exec(answer.text)?.[1];
    const inPage = /name="csrf_token" value="([^"]+)"/.exec(answer.text)?.[1];
    this.csrf = inJson ?? inPage ?? this.csrf;
  }
}

function transmit(
  port: number,
  agent: Agent,
  method: string,
  path: string,
  headers: Readonly<Record<string, string | string[]>>,
  body: string | Buffer | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, agent, method, path, headers, insecureHTTPParser: false });
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

async function read(incoming: IncomingMessage, method: string, path: string): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const rawHeaders: [string, string][] = [];
  for (let index = 0; index + 1 < incoming.rawHeaders.length; index += 2) {
    rawHeaders.push([String(incoming.rawHeaders[index]).toLowerCase(), String(incoming.rawHeaders[index + 1])]);
  }
  return answerOf(method, path, incoming.statusCode ?? 0, rawHeaders, Buffer.concat(chunks).toString("utf8"));
}

/** Makes an answer from what came over the wire; names of headers in lower case. */
export function answerOf(
  method: string,
  path: string,
  status: number,
  rawHeaders: readonly (readonly [string, string])[],
  text: string,
): Answer {
  const header = (name: string): string | undefined => rawHeaders.find(([known]) => known === name)?.[1];
  const parsed = (): Record<string, unknown> => {
    try {
      const value: unknown = JSON.parse(text);
      return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
    } catch {
      return {};
    }
  };
  const json = parsed();
  return {
    status,
    method,
    path,
    rawHeaders,
    text,
    header,
    setCookies: rawHeaders.filter(([name]) => name === "set-cookie").map(([, value]) => value),
    location: header("location"),
    json,
    response:
      typeof json["response"] === "object" && json["response"] !== null
        ? (json["response"] as Record<string, unknown>)
        : {},
  };
}

const minimal = 12;

/** Whatever goes out as a secret is looked for in the log later (O6). */
function plantSecrets(lab: Lab, headers: Readonly<Record<string, string | string[]>>, fields: unknown): void {
  const plant = (value: unknown): void => {
    if (typeof value === "string" && value.length >= minimal && value.length < 200) lab.planted.add(value);
  };
  for (const name of ["authentication-token", "x-csrf-token", "authorization"]) plant(headers[name]);
  for (const pair of String(headers["cookie"] ?? "").split("; ")) plant(pair.slice(pair.indexOf("=") + 1));
  if (typeof fields !== "object" || fields === null) return;
  for (const [name, value] of Object.entries(fields)) if (/password|token|code|secret/.test(name)) plant(value);
}

function plantAnswer(lab: Lab, answer: Answer): void {
  for (const cookie of answer.setCookies) {
    const value = cookie.slice(cookie.indexOf("=") + 1).split(";", 1)[0] ?? "";
    if (value.length >= minimal) lab.planted.add(value);
  }
  const token = /"authentication_token":"([^"]+)"/.exec(answer.text)?.[1];
  if (token !== undefined) lab.planted.add(token);
}

function changes(before: string, after: string): string {
  const old = new Set(before.split("\n"));
  const now = new Set(after.split("\n"));
  const gone = [...old].filter((line) => !now.has(line)).map((line) => `- ${line.trim()}`);
  const came = [...now].filter((line) => !old.has(line)).map((line) => `+ ${line.trim()}`);
  return [...gone, ...came].slice(0, 12).join("\n");
}
