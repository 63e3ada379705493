/** Calls the account endpoints from browsers, Node, Bun and Deno. Nothing else of Portcullis is loaded. */
import type { ChangedUser, ClientDevice, Login, Me, PendingSignIn, Registration, SignedIn } from "./answers.ts";
import { type AccountClient, type KeysClient, programClients, type UsersClient } from "./programs.ts";
import { isMembers, noAnswer, type Result, resultOf } from "./results.ts";
import { createTransport, memoryStore, type TokenStore } from "./transport.ts";

export type {
  ChangedUser,
  ClientDevice,
  ClientUser,
  Login,
  Me,
  PendingSignIn,
  Registration,
  SignedIn,
} from "./answers.ts";
export type {
  AccountClient,
  KeysClient,
  ManagedUser,
  NewKey,
  ShownKey,
  TokenSignIn,
  UserPage,
  UserQuery,
  UsersClient,
} from "./programs.ts";
export type { ClientFailure, FailureKind, Result } from "./results.ts";
export type { ClientTokens, TokenStore } from "./transport.ts";

/** How a client reaches its server. */
export interface ClientOptions {
  /** The server's origin: "https://acme.example". Default, in browsers: the page's own. */
  readonly baseUrl?: string;
  /** "session" (default): by the cookie, with CSRF tokens. "token": by auth tokens, which are renewed. */
  readonly mode?: "session" | "token";
  /** The server's option `prefix`. */
  readonly prefix?: string;
  /** The server's option `paths`. */
  readonly paths?: Readonly<Record<string, string>>;
  /** The option `path` of the features `userManagement` and `apiKeys`; default "/api/user". */
  readonly apiPath?: string;
  /** The header of the auth token; default "Authentication-Token". "Authorization": as a bearer token. */
  readonly tokenHeader?: string;
  /** Where tokens are kept; default: in memory. */
  readonly tokens?: TokenStore;
  /** For `Accept-Language`: in which language errors are told. */
  readonly language?: string;
  /** In the place of the platform's. */
  readonly fetch?: typeof fetch;
}

/** What a request to a route of the application may say. */
export interface ClientRequestInit {
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * What a mailed link needs that is the first proof of an address: the account's password, or a new one, which ends what was made
 * before. Nothing, where the address was proved or in the browser that registered it.
 */
export type FirstProof =
  | { readonly password?: string }
  | { readonly new_password: string; readonly new_password_confirm?: string };

/** No more is said than that it is done. */
type Done = Readonly<Record<string, unknown>>;

/** The account endpoints as functions. One whose feature is off answers `notFound`. */
export interface Client {
  /** Who is signed in. */
  me(): Promise<Result<Me>>;
  login(fields: Login): Promise<Result<SignedIn | PendingSignIn>>;
  /**
   * Goes on with a sign-in that waits: posts what it asks for to where it goes on. The next step may wait for something again.
   */
  finishSignIn(
    pending: PendingSignIn,
    fields: Readonly<Record<string, unknown>>,
  ): Promise<Result<SignedIn | PendingSignIn>>;
  /** Finishes a sign-in whose password is too old (`pending: "expired_password"`): with a new one. */
  replaceExpiredPassword(
    pending: PendingSignIn,
    fields: { readonly password: string; readonly password_confirm?: string },
  ): Promise<Result<SignedIn | PendingSignIn>>;
  logout(): Promise<Result<Done>>;
  /** Proves again who one is: what answered `stale` works after it. */
  verify(fields: { readonly password: string }): Promise<Result<SignedIn | PendingSignIn>>;
  register(fields: Registration): Promise<Result<{ readonly csrf_token: string } | SignedIn | PendingSignIn>>;
  /** Mails a link that proves the address. */
  sendConfirmation(email: string): Promise<Result<Done>>;
  confirmEmail(token: string, fields?: FirstProof): Promise<Result<Done>>;
  /** Mails a link that sets a new password. */
  forgotPassword(email: string): Promise<Result<Done>>;
  resetPassword(
    token: string,
    fields: { readonly password: string; readonly password_confirm?: string },
  ): Promise<Result<Done>>;
  changePassword(fields: {
    /** Undefined: the account has none yet. */
    readonly password?: string;
    readonly new_password: string;
    readonly new_password_confirm?: string;
  }): Promise<Result<ChangedUser>>;
  /** Mails a link to the new address. */
  changeEmail(email: string): Promise<Result<ChangedUser & { readonly current_email: string }>>;
  confirmChangeEmail(token: string, fields?: FirstProof): Promise<Result<Done>>;
  /** Takes back the change that waits for its link to be opened. */
  cancelChangeEmail(): Promise<Result<{ readonly cancelled: boolean }>>;
  /** "": none. */
  changeUsername(username: string): Promise<Result<ChangedUser>>;
  recoverUsername(email: string): Promise<Result<Done>>;
  /** Mails a link that signs in. */
  sendLoginLink(email: string): Promise<Result<Done>>;
  loginByLink(token: string, fields?: FirstProof): Promise<Result<SignedIn | PendingSignIn>>;
  /** An account without a password is mailed a link (`pending: "delete_account_confirm"`), and nothing is done before. */
  deleteAccount(fields?: {
    readonly password?: string;
  }): Promise<Result<{ readonly pending?: "delete_account_confirm" }>>;
  confirmDeleteAccount(token: string): Promise<Result<Done>>;
  keepAccount(token: string, fields?: FirstProof): Promise<Result<Done>>;
  exportAccount(): Promise<Result<Done>>;
  sessions(): Promise<Result<{ readonly sessions: readonly ClientDevice[] }>>;
  endSession(id: string): Promise<Result<{ readonly ended?: number }>>;
  endOtherSessions(): Promise<Result<{ readonly ended: number }>>;
  unlock(token: string): Promise<Result<Done>>;
  /** Says of a notice's link that the sign-in was somebody else. */
  notMe(token: string): Promise<Result<Done>>;
  /** In the mode "token": a new auth token, once for all who ask at the same time. Done by itself where one is over. */
  refresh(): Promise<boolean>;
  /** The management of users (feature `userManagement`). */
  readonly users: UsersClient;
  /** One's own API keys (feature `apiKeys`). */
  readonly keys: KeysClient;
  /** One's own account by the endpoints of `userManagement`, for the mode "token": no session is made. */
  readonly account: AccountClient;
  /** A route of the application, with the same credentials. */
  request<T>(method: string, path: string, init?: ClientRequestInit): Promise<Result<T>>;
  /** The same as a plain response. Throws TypeError for a target elsewhere, and what `fetch` throws. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

/** The paths of the account endpoints by name, without the token behind a mailed link's. */
const defaultPaths: Readonly<Record<EndpointName, string>> = {
  login: "/login",
  logout: "/logout",
  verify: "/verify",
  register: "/register",
  send_confirmation: "/confirm",
  confirm_email: "/confirm",
  forgot_password: "/reset",
  reset_password: "/reset",
  change_password: "/change",
  change_email: "/change-email",
  change_email_confirm: "/change-email",
  cancel_change_email: "/cancel-change-email",
  change_username: "/change-username",
  recover_username: "/recover-username",
  login_link: "/login-link",
  login_by_link: "/login",
  delete_account: "/delete-account",
  delete_account_confirm: "/delete-account",
  keep_account: "/keep-account",
  export_account: "/export-account",
  sessions: "/sessions",
  end_session: "/sessions/end",
  end_other_sessions: "/sessions/end-others",
  unlock: "/unlock",
  not_me: "/not-me",
  refresh_token: "/refresh-token",
};

type EndpointName =
  | "login"
  | "logout"
  | "verify"
  | "register"
  | "send_confirmation"
  | "confirm_email"
  | "forgot_password"
  | "reset_password"
  | "change_password"
  | "change_email"
  | "change_email_confirm"
  | "cancel_change_email"
  | "change_username"
  | "recover_username"
  | "login_link"
  | "login_by_link"
  | "delete_account"
  | "delete_account_confirm"
  | "keep_account"
  | "export_account"
  | "sessions"
  | "end_session"
  | "end_other_sessions"
  | "unlock"
  | "not_me"
  | "refresh_token";

const optionNames = ["baseUrl", "mode", "prefix", "paths", "apiPath", "tokenHeader", "tokens", "language", "fetch"];

/**
 * Makes a client.
 *
 * In the mode "session" the browser holds the cookie; elsewhere the client does. Unsafe requests carry a CSRF token, which is
 * fetched where it is needed; a token that is over is fetched anew and the request sent once more. In the mode "token" a sign-in
 * brings tokens; one that is over is renewed, once for all requests that meet it, and the request is sent once more.
 *
 * @throws {TypeError} for a wrong or unknown option
 */
export function createClient(options: ClientOptions = {}): Client {
  const { mode, base, paths } = checked(options);
  const pathOf = (name: EndpointName): string => `${options.prefix ?? ""}${paths[name]}`;
  const store = options.tokens ?? memoryStore();
  const transport = createTransport({
    base,
    mode,
    store,
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    tokenHeader: options.tokenHeader ?? "Authentication-Token",
    language: options.language,
    // Browsers hold cookies themselves, and let no script set the header.
    keepsCookies: !("document" in globalThis) && !("WorkerGlobalScope" in globalThis && "importScripts" in globalThis),
    csrfPath: pathOf("login"),
    refreshPath: pathOf("refresh_token"),
    verifyPath: pathOf("verify"),
  });

  const request = async <T>(
    method: string,
    path: string,
    init: ClientRequestInit & { readonly credentials?: "include" } = {},
  ): Promise<Result<T>> => {
    const { json, query, headers, signal, credentials } = init;
    const search = query === undefined ? "" : `?${new URLSearchParams(query)}`;
    let response: Response;
    try {
      response = await transport.send(`${path}${search}`, {
        method,
        headers: { ...(json === undefined ? {} : { "content-type": "application/json" }), ...headers },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(signal === undefined ? {} : { signal }),
        ...(credentials === undefined ? {} : { credentials }),
      });
    } catch (cause) {
      // A target elsewhere is a mistake in the program, not of the network.
      if (cause instanceof TypeError && cause.message.startsWith("a path of ")) throw cause;
      return noAnswer(cause);
    }
    return resultOf<T>(response);
  };
  const get = <T>(name: EndpointName): Promise<Result<T>> => request<T>("GET", pathOf(name));
  const post = <T>(name: EndpointName, json: object, more: object = {}): Promise<Result<T>> =>
    request<T>("POST", pathOf(name), { json, ...more });
  /** What signs in hands out tokens where they are wanted, with cookies that renew them. */
  const signingIn = mode === "token" ? ({ query: { include_auth_token: "1" }, credentials: "include" } as const) : {};
  const link = <T>(name: EndpointName, token: string, json: object = {}): Promise<Result<T>> =>
    request<T>("POST", `${pathOf(name)}/${encodeURIComponent(token)}`, { json, ...signingIn });
  const logout = async (): Promise<Result<Done>> => {
    // Named, it ends too, also where the auth token is over and tells nothing any more.
    const renewal = mode === "token" ? (await store.load())?.refresh_token : undefined;
    const result = await post<Done>("logout", renewal === undefined ? {} : { refresh_token: renewal });
    // The sign-in that brought the tokens may have left a session in the browser.
    return mode === "token" && result.ok ? post<Done>("logout", {}, { credentials: "include" }) : result;
  };
  /** What ends the session or the account ends the tokens too, once it is done. */
  const ending = async <T>(work: () => Promise<Result<T>>): Promise<Result<T>> => {
    const forget = transport.ending();
    const result = await work();
    if (result.ok && !waits(result.data)) await forget();
    return result;
  };
  const finishSignIn: Client["finishSignIn"] = ({ path, shown_for }, fields) =>
    request("POST", path, { json: { ...fields, shown_for }, ...signingIn });

  const apiPath = `${options.prefix ?? ""}${options.apiPath ?? "/api/user"}`;
  return {
    me: () => get("login"),
    login: (fields) => post("login", fields, signingIn),
    finishSignIn,
    replaceExpiredPassword: (pending, fields) =>
      finishSignIn(pending, { password_confirm: fields.password, ...fields }),
    logout: () => ending(logout),
    // Without cookies: it is the token that is proved again, not a session that a sign-in has left in the browser.
    verify: (fields) => post("verify", fields, mode === "token" ? { query: { include_auth_token: "1" } } : {}),
    register: (fields) => post("register", { password_confirm: fields.password, ...fields }, signingIn),
    sendConfirmation: (email) => post("send_confirmation", { email }),
    confirmEmail: (token, fields) => link("confirm_email", token, retyped(fields)),
    forgotPassword: (email) => post("forgot_password", { email }),
    resetPassword: (token, fields) => link("reset_password", token, { password_confirm: fields.password, ...fields }),
    changePassword: (fields) => post("change_password", { new_password_confirm: fields.new_password, ...fields }),
    changeEmail: (email) => post("change_email", { email }),
    cancelChangeEmail: () => post("cancel_change_email", {}),
    confirmChangeEmail: (token, fields) => link("change_email_confirm", token, retyped(fields)),
    changeUsername: (username) => post("change_username", { username }),
    recoverUsername: (email) => post("recover_username", { email }),
    sendLoginLink: (email) => post("login_link", { email }),
    loginByLink: (token, fields) => link("login_by_link", token, retyped(fields)),
    deleteAccount: (fields = {}) => ending(() => post("delete_account", fields)),
    confirmDeleteAccount: (token) => ending(() => link("delete_account_confirm", token)),
    keepAccount: (token, fields) => link("keep_account", token, retyped(fields)),
    exportAccount: () => post("export_account", {}),
    sessions: () => get("sessions"),
    endSession: (id) => post("end_session", { id }),
    endOtherSessions: () => post("end_other_sessions", {}),
    unlock: (token) => link("unlock", token),
    notMe: (token) => link("not_me", token),
    ...programClients(
      request,
      { users: apiPath, keys: apiPath },
      ending,
      mode === "token" ? { credentials: "include" } : {},
    ),
    refresh: () => transport.refresh(),
    request,
    fetch: (path, init) => transport.send(path, init),
  };
}

/** Whether it is not done yet. */
function waits(data: unknown): boolean {
  return isMembers(data) && data["pending"] !== undefined;
}

/** A program types nothing twice. */
function retyped(fields: FirstProof = {}): object {
  return "new_password" in fields ? { new_password_confirm: fields.new_password, ...fields } : fields;
}

function checked(options: ClientOptions): {
  readonly mode: "session" | "token";
  readonly base: URL;
  readonly paths: Readonly<Record<EndpointName, string>>;
} {
  for (const name of Object.keys(options)) {
    if (!optionNames.includes(name)) throw new TypeError(`createClient: unknown option ${name}`);
  }
  const { mode = "session", paths = {} } = options;
  if (mode !== "session" && mode !== "token") throw new TypeError('createClient: mode must be "session" or "token"');
  const page = (globalThis as { readonly location?: { readonly href: string } }).location?.href;
  const given = options.baseUrl ?? page;
  if (given === undefined || !URL.canParse(given)) {
    throw new TypeError("createClient: baseUrl must be the server's origin, such as https://acme.example");
  }
  if (options.baseUrl !== undefined && new URL(given).pathname !== "/") {
    throw new TypeError("createClient: baseUrl must have no path; the server's prefix is the option prefix");
  }
  for (const [name, path] of Object.entries(paths)) {
    if (!path.startsWith("/")) throw new TypeError(`createClient: paths.${name} must start with /`);
  }
  return { mode, base: new URL(given), paths: { ...defaultPaths, ...paths } };
}
