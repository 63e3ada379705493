/** What the recording harness did beside the exchanges, and the values that the masks hide. */
import type { LabProcess } from "../lab/process.ts";
import { keepCookie } from "./cookies.ts";

/** A browser or program of a flow. */
export interface Client {
  readonly cookies: Map<string, string>;
  csrf: string;
}

/** A replay under way. */
export interface Session {
  readonly lab: LabProcess;
  readonly clients: Map<string, Client>;
  /** The auth tokens that were given out. */
  readonly tokens: string[];
  /** The refresh tokens that were given out. */
  readonly refreshTokens: string[];
}

type Act = (session: Session) => Promise<readonly string[] | undefined>;

const asJson = { "content-type": "application/json", accept: "application/json" };

/** Signs in behind the scenes. */
export async function signIn(
  { lab, clients }: Session,
  label: string,
  email: string,
  password = "password",
): Promise<Client> {
  const body = JSON.stringify({ email, password });
  const answer = await fetch(`${lab.origin}/login`, { method: "POST", headers: asJson, body });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${email} cannot sign in: ${text}`);
  const client: Client = { cookies: new Map(), csrf: /"csrf_token":"([^"]+)"/.exec(text)?.[1] ?? "" };
  for (const cookie of answer.headers.getSetCookie()) keepCookie(client.cookies, cookie);
  clients.set(label, client);
  return client;
}

const clock =
  (seconds: number): Act =>
  async ({ lab }) => {
    await lab.control("POST", "/clock", { advance: seconds });
    return undefined;
  };
const change =
  (email: string, columns: object): Act =>
  async ({ lab }) => {
    await lab.control("PATCH", `/users/${email}`, columns);
    return undefined;
  };
const nothing: Act = async () => undefined;

/** Compares columns of an account's row: how they differ. */
const row =
  (email: string, expected: Readonly<Record<string, unknown>>): Act =>
  async ({ lab }) => {
    const found = (await lab.control("GET", `/users/${email}`)) as Readonly<Record<string, unknown>>;
    return Object.entries(expected).flatMap(([name, value]) =>
      found[name] === value ? [] : [`row ${name} ${String(value)} → ${String(found[name])}`],
    );
  };

/** What the harness did between the exchanges of a flow, or noted of a row, by the step of its note. */
export const harness: Readonly<Record<string, Act>> = {
  // 61 minutes: past `within`, in the grace.
  "freshness 3": clock(61 * 60),
  "freshness 5": clock(3 * 3600),
  "freshness 14": clock(4 * 3600),
  "freshness 18": nothing,
  "freshness 22": nothing,
  // The proof is from an hour, then from half a minute ahead.
  "freshness 25": clock(-3600),
  "freshness 27": clock(3570),
  "refresh-body 11": async (session) => {
    const answer = await fetch(`${session.lab.origin}/login?include_auth_token`, {
      method: "POST",
      headers: asJson,
      body: JSON.stringify({ email: "joe@lp.com", password: "password" }),
    });
    const { response } = (await answer.json()) as { response: { user: { refresh_token: string } } };
    session.refreshTokens.push(response.user.refresh_token);
    return change("joe@lp.com", { active: false })(session);
  },
  "auth-token 18": change("joe@lp.com", { active: false }),
  "auth-token 21": change("joe@lp.com", { active: true, fs_uniquifier: "f".repeat(32) }),
  "change-email 13": async ({ lab }) => {
    await lab.control("POST", "/users", { email: "joe3@lp.com", password: "password" });
    return undefined;
  },
  "change-email 16": clock(4 * 3600),
  "change-username 14": row("joe@lp.com", { username: "joe2form" }),
  "register-form 6": row("new2@lp.com", { email: "New2@lp.com" }),
  "register-json 11": row("new@lp.com", {
    email: "new@lp.com",
    username: "newbie",
    login_count: 1,
    current_login_ip: "127.0.0.1",
    last_login_ip: null,
  }),
  "trackable 0": row("joe@lp.com", { login_count: null, current_login_ip: null, last_login_ip: null }),
  "trackable 2": row("joe@lp.com", { login_count: 1, current_login_ip: "127.0.0.1", last_login_ip: null }),
  "trackable 4": row("joe@lp.com", { login_count: 2, current_login_ip: "127.0.0.1", last_login_ip: "127.0.0.1" }),
  // The browser is closed.
  "remember-me 1": async ({ clients }) => {
    const cookies = clients.get("")?.cookies ?? new Map<string, string>();
    for (const name of [...cookies.keys()]) if (name !== "remember") cookies.delete(name);
    return undefined;
  },
  "remember-me 7": async ({ clients }) => {
    const good = clients.get("form")?.cookies.get("remember") ?? "";
    clients.set("tampered", { cookies: new Map([["remember", `${good.slice(0, -4)}AAAA`]]), csrf: "" });
    return undefined;
  },
};

/** What it did right before an exchange. */
export const before: Readonly<Record<string, Act>> = {
  // Past the grace in which a replaced token has its successor.
  "refresh-body 3": clock(60),
  // Here the change by a link that was opened elsewhere has ended the session.
  "change-email 12": async (session) => {
    await signIn(session, "", "joe2@lp.com");
    return undefined;
  },
  // A link of its own, since here the others are used up.
  "passwordless 14": async (session) => {
    await fetch(`${session.lab.origin}/login-link`, {
      method: "POST",
      headers: asJson,
      body: JSON.stringify({ email: "joe@lp.com" }),
    });
    await newestLink(session, "/login/");
    return change("joe@lp.com", { active: false })(session);
  },
};

/** The token of the newest mailed link below a path. */
export async function newestLink({ lab }: Session, path: string): Promise<string> {
  const mails = (await lab.control("GET", "/outbox")) as readonly { readonly text: string }[];
  const links = mails.flatMap(({ text }) => {
    const start = text.indexOf(`${lab.origin}${path}`);
    return start === -1 ? [] : [/^[^\s?]+/.exec(text.slice(start + lab.origin.length + path.length))?.[0] ?? ""];
  });
  const newest = links.findLast((token) => token !== "");
  if (newest === undefined) throw new Error(`no mail has a link below ${path}`);
  return newest;
}

/** Auth tokens that the masks hide; elsewhere it is the last one that was given out. */
export const hiddenTokens: Readonly<Record<string, (given: readonly string[]) => string | undefined>> = {
  "change-json 12": ([first]) => first,
};

/** Refresh tokens that the masks hide; elsewhere it is the last one that was given out. */
const hiddenRefreshTokens: Readonly<Record<string, (given: readonly string[]) => string | undefined>> = {
  "refresh-body 3": ([first]) => first,
  "refresh-body 5": ([first]) => first?.slice(0, -4),
};

/** The refresh token that an exchange sends. */
export function refreshTokenFor({ refreshTokens }: Session, name: string): string {
  return (hiddenRefreshTokens[name] ?? ((given) => given.at(-1)))(refreshTokens) ?? "";
}

/** Headers that the masks hide. */
export const hiddenHeaders: Readonly<Record<string, (session: Session, client: Client) => Record<string, string>>> = {
  "csrf-spa 4": () => ({ "x-xsrf-token": "nonsense" }),
  "csrf-spa 6": (_session, client) => ({ "x-csrftoken": client.csrf }),
  "csrf-spa 10": (_session, client) => ({ "x-xsrf-token": client.cookies.get("XSRF-TOKEN") ?? "" }),
  "csrf-spa 16": ({ clients }) => ({ "x-xsrf-token": clients.get("")?.csrf ?? "" }),
  "auth-token 12": ({ tokens }) => ({ "authentication-token": `${tokens.at(-1)?.slice(0, -4)}AAAA` }),
};
