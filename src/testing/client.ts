/** What a client talks to: an application of `security.app()`, or a base URL of a server that is running. */
export type Target = { readonly request: (input: Request) => Response | Promise<Response> } | string;

/** What one request may say beside its method and path. */
export interface ClientRequest {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, and JSON is asked for. */
  readonly json?: unknown;
  /** Sent as a form. */
  readonly form?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly body?: BodyInit;
  /** Default true for unsafe methods with a session: the last CSRF token that an answer brought goes along. */
  readonly csrf?: boolean;
}

/** An answer with its body read. */
export interface ClientAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
  readonly json: any;
  readonly location: string | null;
}

/** A client with a cookie jar and a memory for CSRF tokens, as a browser or a JSON client has. Redirects are not followed. */
export interface TestClient {
  readonly cookies: Map<string, string>;
  csrfToken: string | undefined;
  request(method: string, path: string, init?: ClientRequest): Promise<ClientAnswer>;
  get(path: string, init?: ClientRequest): Promise<ClientAnswer>;
  post(path: string, init?: ClientRequest): Promise<ClientAnswer>;
  /** Signs in as JSON; throws when that fails. */
  signIn(
    email: string,
    password: string,
    options?: { readonly remember?: boolean; readonly path?: string },
  ): Promise<ClientAnswer>;
  /** Another client with a copy of the cookies. */
  copy(): TestClient;
}

/** Makes a client. `origin` is what the requests say as their own; default "http://localhost:3000". */
export function testClient(target: Target, origin = "http://localhost:3000"): TestClient {
  return clientOf(target, origin, new Map());
}

function clientOf(target: Target, origin: string, cookies: Map<string, string>): TestClient {
  const send = async (request: Request): Promise<Response> =>
    typeof target === "string" ? fetch(request) : target.request(request);

  const client: TestClient = {
    cookies,
    csrfToken: undefined,
    async request(method, path, init = {}) {
      const headers = new Headers({
        ...(init.json === undefined ? {} : { accept: "application/json" }),
        ...init.headers,
      });
      if (cookies.size > 0 && !headers.has("cookie")) {
        headers.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
      }
      const unsafe = method !== "GET" && method !== "HEAD";
      if (unsafe && init.csrf !== false && client.csrfToken !== undefined)
        headers.set("x-csrf-token", client.csrfToken);
      let body: BodyInit | undefined = init.body;
      if (init.json !== undefined) {
        body = JSON.stringify(init.json);
        headers.set("content-type", headers.get("content-type") ?? "application/json");
      } else if (init.form !== undefined) {
        body = new URLSearchParams(init.form);
      }
      const base = typeof target === "string" ? target : origin;
      const response = await send(
        new Request(new URL(path, base), {
          method,
          headers,
          redirect: "manual",
          ...(body === undefined ? {} : { body }),
        }),
      );
      for (const cookie of response.headers.getSetCookie()) keep(cookies, cookie);
      const text = await response.text();
      client.csrfToken = tokenIn(text, response.headers.get("content-type") ?? "") ?? client.csrfToken;
      return {
        status: response.status,
        headers: response.headers,
        text,
        get json() {
          return JSON.parse(text);
        },
        location: response.headers.get("location"),
      };
    },
    get: (path, init) => client.request("GET", path, init),
    post: (path, init) => client.request("POST", path, init),
    async signIn(email, password, options = {}) {
      const json = { email, password, ...(options.remember === undefined ? {} : { remember: options.remember }) };
      const answer = await client.post(options.path ?? "/login", { json });
      if (answer.status !== 200) throw new Error(`sign-in as ${email} failed with ${answer.status}: ${answer.text}`);
      return answer;
    },
    copy() {
      const other = clientOf(target, origin, new Map(cookies));
      other.csrfToken = client.csrfToken;
      return other;
    },
  };
  return client;
}

/** Keeps a cookie as a browser does: an empty one that is over is removed. */
function keep(cookies: Map<string, string>, header: string): void {
  const [pair = "", ...attributes] = header.split(";");
  const equals = pair.indexOf("=");
  const name = pair.slice(0, equals).trim();
  const over = attributes.some((attribute) => /^\s*max-age=0\s*$/i.test(attribute));
  if (over) cookies.delete(name);
  else cookies.set(name, pair.slice(equals + 1).trim());
}

function tokenIn(text: string, contentType: string): string | undefined {
  if (contentType.includes("json")) return /"csrf_token":"([^"]+)"/.exec(text)?.[1];
  if (contentType.includes("html")) return /name="csrf_token" value="([^"]+)"/.exec(text)?.[1];
  return undefined;
}
