import { createCookies } from "./cookies.ts";
import { bodyOf, isMembers } from "./results.ts";

/** The tokens of who is signed in, in the mode "token". */
export interface ClientTokens {
  readonly authentication_token: string;
  /** Where the server hands it out in bodies; otherwise it is in a cookie. */
  readonly refresh_token?: string;
}

/** Where tokens are kept; in memory unless said. Whoever can read it can be the user. */
export interface TokenStore {
  load(): ClientTokens | undefined | Promise<ClientTokens | undefined>;
  /** Undefined: signed out. */
  save(tokens: ClientTokens | undefined): void | Promise<void>;
}

/** What sending needs to know. */
export interface TransportOptions {
  readonly base: URL;
  readonly mode: "session" | "token";
  readonly fetch: typeof fetch;
  /** How the auth token goes along. */
  readonly tokenHeader: string;
  readonly store: TokenStore;
  readonly language: string | undefined;
  /** Keep cookies: where the platform does not. */
  readonly keepsCookies: boolean;
  /** Answers with a CSRF token to a GET. */
  readonly csrfPath: string;
  readonly refreshPath: string;
  /** Answers with a fresh auth token beside the one that is there, which the refresh token goes on renewing. */
  readonly verifyPath: string;
}

/** Sends requests with what proves who is calling. */
export interface Transport {
  /**
   * As `fetch`, with a path of the server. In the mode "token", `credentials: "include"` sends cookies and no token: for what
   * signs in and out. Throws TypeError for a target elsewhere, and what `fetch` throws.
   */
  send(path: string, init?: RequestInit): Promise<Response>;
  /** A new auth token for the refresh token, once for all who ask at the same time. False: there is none to be had. */
  refresh(): Promise<boolean>;
  /**
   * Called when a sign-out begins; the function that it returns is called when it is done and forgets the tokens, unless a
   * sign-in that began later has brought new ones.
   */
  ending(): () => Promise<void>;
}

const safe: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** Makes the transport of one client. */
export function createTransport(options: TransportOptions): Transport {
  const { base, mode, store, keepsCookies } = options;
  const cookies = keepsCookies ? createCookies() : undefined;
  let csrf: string | undefined;
  let fetchingToken: Promise<void> | undefined;
  let refreshing: { readonly owner: number; readonly done: Promise<boolean> } | undefined;
  /** Counts what begins. */
  let begun = 0;
  /** The number of the sign-in or sign-out that decided whose the tokens are: an earlier one decides nothing any more. */
  let decided = 0;
  /** Counts what decided which the tokens are: beside these also a new password, on which all tokens rest. */
  let era = 0;
  let changing: Promise<void> = Promise.resolve();

  /** What is stored, once all that was decided is stored. */
  const load = async (): Promise<ClientTokens | undefined> => {
    await changing;
    return store.load();
  };

  /**
   * Changes what is stored, one after the other, so that nothing comes between looking and writing: by what is there at that
   * moment, and not at all where another era has begun.
   */
  const change = (
    owner: number,
    next: ClientTokens | undefined | ((kept: ClientTokens | undefined) => ClientTokens | undefined),
  ): Promise<void> => {
    const work = async (): Promise<void> => {
      if (typeof next !== "function") return owner === era ? store.save(next) : undefined;
      const kept = await store.load();
      const changed = next(kept);
      if (owner === era && changed !== kept) await store.save(changed);
    };
    const done = changing.then(work);
    changing = done.catch(() => undefined);
    return done;
  };

  /**
   * One request as it is: with cookies and the given credentials, nothing tried again. `owner` is `era` as it was when
   * the tokens were read that it carries; undefined: it carries none, and may sign in.
   */
  const once = async (
    path: string,
    init: RequestInit,
    credentials: Readonly<Record<string, string>>,
    owner?: number,
  ): Promise<Response> => {
    begun += 1;
    const number = begun;
    const url = targetOf(base, path);
    const headers = new Headers(init.headers);
    if (!headers.has("accept")) headers.set("accept", "application/json");
    if (options.language !== undefined) headers.set("accept-language", options.language);
    for (const [name, value] of Object.entries(credentials)) headers.set(name, value);
    // With tokens, a session that the sign-in made beside them must not speak for the user.
    const included = mode === "session" || init.credentials === "include";
    const cookie = included ? cookies?.header(url) : undefined;
    if (cookie !== undefined) headers.set("cookie", cookie);
    const { fetch: own } = options;
    // A redirect would carry the token's header along to wherever it leads.
    const redirect = mode === "session" ? (init.redirect ?? "error") : "error";
    const response = await own(url, { ...init, credentials: included ? "include" : "omit", headers, redirect });
    if (included) cookies?.take(response.headers);
    await learn(response, number, owner, path.split("?")[0]);
    return response;
  };

  /** Each JSON answer may bring the CSRF token for the next request, or tokens. */
  const learn = async (
    response: Response,
    number: number,
    owner: number | undefined,
    path: string | undefined,
  ): Promise<void> => {
    if (!/\bjson\b/i.test(response.headers.get("content-type") ?? "")) return;
    const body = await bodyOf(response.clone());
    const said = isMembers(body) && isMembers(body["response"]) ? body["response"] : {};
    if (typeof said["csrf_token"] === "string") csrf = said["csrf_token"];
    const user = isMembers(said["user"]) ? said["user"] : {};
    // The endpoints for programs say it beside the user.
    const token = user["authentication_token"] ?? said["token"];
    const given = user["refresh_token"] ?? said["refresh_token"];
    if (mode !== "token" || typeof token !== "string" || !response.ok) return;
    // A slow answer must not bring back what a sign-out has ended, nor take the place of a later sign-in's.
    if (owner === undefined ? number < decided : owner !== era) return;
    if (owner !== undefined && path === options.verifyPath) {
      // The refresh token goes on: the one that is there by then, which a renewal may have brought meanwhile.
      return change(owner, (kept) => kept && { ...kept, authentication_token: token });
    }
    const tokens = { authentication_token: token, ...(typeof given === "string" ? { refresh_token: given } : {}) };
    if (owner !== undefined && path === options.refreshPath) return change(owner, tokens);
    if (owner === undefined) decided = number;
    era += 1;
    await change(era, tokens);
  };

  const csrfToken = async (): Promise<string | undefined> => {
    if (csrf !== undefined) return csrf;
    fetchingToken ??= once(options.csrfPath, { credentials: "include" }, {})
      .then(() => undefined)
      .finally(() => {
        fetchingToken = undefined;
      });
    await fetchingToken;
    return csrf;
  };

  const bySession = async (path: string, init: RequestInit): Promise<Response> => {
    if (safe.has(methodOf(init))) return once(path, init, {});
    const token = mode === "session" ? await csrfToken() : csrf;
    const response = await once(path, init, token === undefined ? {} : { "x-csrf-token": token });
    if (!repeatable(init) || !(await refusesToken(response))) return response;
    // It was another session's, or too old: a new one, and once more. Nothing was done with the first request.
    if (csrf === token) csrf = undefined;
    const next = await csrfToken();
    return next === undefined || next === token ? response : once(path, init, { "x-csrf-token": next });
  };

  const credentials = (token: string | undefined): Readonly<Record<string, string>> =>
    token === undefined
      ? {}
      : options.tokenHeader.toLowerCase() === "authorization"
        ? { authorization: `Bearer ${token}` }
        : { [options.tokenHeader]: token };

  const byToken = async (path: string, init: RequestInit): Promise<Response> => {
    const owner = era;
    const token = (await load())?.authentication_token;
    const response = await once(path, init, credentials(token), owner);
    if (response.status !== 401 || token === undefined || !repeatable(init) || (await isStale(response)))
      return response;
    // Somebody else may have renewed it meanwhile.
    const now = (await load())?.authentication_token;
    const renewed = now !== undefined && now !== token ? true : await refresh();
    // What was begun as one user is not repeated as another.
    if (!renewed || owner !== era) return response;
    return once(path, init, credentials((await load())?.authentication_token), owner);
  };

  const renew = async (): Promise<boolean> => {
    const owner = era;
    const known = await load();
    const json = known?.refresh_token === undefined ? {} : { refresh_token: known.refresh_token };
    const response = await once(
      options.refreshPath,
      {
        method: "POST",
        credentials: "include",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(json),
      },
      {},
      owner,
    );
    if (response.ok) return owner === era;
    // Busy or too often: the refresh token is still good. Otherwise nothing is, of those that it began with.
    if (response.status === 400) {
      await change(owner, (kept) => (kept?.authentication_token === known?.authentication_token ? undefined : kept));
    }
    return false;
  };

  const refresh = (): Promise<boolean> => {
    if (refreshing?.owner === era) return refreshing.done;
    const current = { owner: era, done: renew() };
    refreshing = current;
    const end = (): void => {
      if (refreshing === current) refreshing = undefined;
    };
    current.done.then(end, end);
    return current.done;
  };

  return {
    send: (path, init = {}) =>
      mode === "session" || init.credentials === "include" ? bySession(path, init) : byToken(path, init),
    refresh,
    ending() {
      begun += 1;
      const number = begun;
      return async () => {
        if (number < decided) return;
        decided = number;
        era += 1;
        csrf = undefined;
        await change(era, undefined);
      };
    },
  };
}

/** Keeps tokens as long as the page or process lives. */
export function memoryStore(): TokenStore {
  let kept: ClientTokens | undefined;
  return {
    load: () => kept,
    save(tokens) {
      kept = tokens;
    },
  };
}

/** Credentials go to this server alone. */
function targetOf(base: URL, path: string): URL {
  const url = new URL(path, base);
  if (!path.startsWith("/") || url.origin !== base.origin) {
    throw new TypeError(`a path of ${base.origin} is expected, not ${path}`);
  }
  return url;
}

function methodOf(init: RequestInit): string {
  return (init.method ?? "GET").toUpperCase();
}

/** A stream can be sent only once. */
function repeatable({ body }: RequestInit): boolean {
  return !(body instanceof ReadableStream);
}

/** True where the CSRF token was refused: routes say so by `code`, account endpoints by `response.code`. */
async function refusesToken(response: Response): Promise<boolean> {
  if (response.status !== 400) return false;
  const body = await bodyOf(response.clone());
  if (!isMembers(body)) return false;
  const said = isMembers(body["response"]) ? body["response"] : {};
  const code = body["code"] ?? said["code"];
  return code === "csrf_missing" || code === "csrf_invalid";
}

/** True where signing in again is needed: a new token would be as old. */
async function isStale(response: Response): Promise<boolean> {
  const body = await bodyOf(response.clone());
  return isMembers(body) && isMembers(body["response"]) && body["response"]["reauth_required"] === true;
}
