import type { Awaitable } from "../../model/awaitable.ts";
import { type Target, type TestClient, testClient } from "../client.ts";

/** What proves who somebody is: headers, a client that is signed in, or parameters that go along (of the scheme "param"). */
export type Credential = Readonly<Record<string, string>> | TestClient | URLSearchParams;

/** Somebody who calls every route, with what is true of them: said here, not read from the application. */
export interface AccessPerson {
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[];
  /** What their credentials of the scheme "oauth" are limited to. */
  readonly scopes?: readonly string[];
  /**
   * "inactive": their account is off, so what they have is worth nothing. "stale": they signed in too long ago for what asks for
   * a fresh proof. "oneFactor": they signed in without the second factor. "visitor": nobody is signed in by what they have.
   */
  readonly state?: "inactive" | "stale" | "oneFactor" | "visitor";
  /** The realm that their tokens are for, where it is not the application's: only its routes take them. */
  readonly realm?: string;
  /** What the application put into the session of their credentials "session", by key: checkpoints look at it. */
  readonly session?: Readonly<Record<string, unknown>>;
  /**
   * How they prove who they are, by scheme. Each is asked once, with the first request that needs it. The key of a checkpoint
   * goes by "bearerCheckpoint" or "apiKeyCheckpoint_X-API-Key", as in the OpenAPI document.
   */
  readonly credentials: Readonly<Record<string, () => Awaitable<Credential>>>;
}

/** The schemes for which a password is enough. */
type PasswordScheme = "session" | "token" | "basic";

/**
 * Credentials of somebody with a password: a client that is signed in for "session", an auth token by its header for "token",
 * and "basic". Signs in when the first one is asked for.
 */
export function byPassword(
  app: Target,
  who: { readonly email: string; readonly password: string },
  options: {
    /** Default: all three. */
    readonly schemes?: readonly PasswordScheme[];
    /** Where one signs in; default "/login". */
    readonly path?: string;
    /** Default "authentication-token". "authorization": as a bearer token. */
    readonly tokenHeader?: string;
  } = {},
): Readonly<Record<string, () => Promise<Credential>>> {
  const { schemes = ["session", "token", "basic"], path = "/login", tokenHeader = "authentication-token" } = options;
  const session = async (): Promise<Credential> => {
    const client = testClient(app);
    await client.signIn(who.email, who.password, { path });
    return client;
  };
  const token = async (): Promise<Credential> => {
    const answer = await testClient(app).post(`${path}?include_auth_token`, { json: who });
    const text: unknown = answer.status === 200 ? answer.json.response.user.authentication_token : undefined;
    if (typeof text !== "string") throw new Error(`no token for ${who.email}: ${answer.status} ${answer.text}`);
    return { [tokenHeader]: tokenHeader.toLowerCase() === "authorization" ? `Bearer ${text}` : text };
  };
  const basic = async (): Promise<Credential> => {
    const bytes = new TextEncoder().encode(`${who.email}:${who.password}`);
    return { authorization: `Basic ${Buffer.from(bytes).toString("base64")}` };
  };
  const all: Readonly<Record<PasswordScheme, () => Promise<Credential>>> = { session, token, basic };
  return Object.fromEntries(schemes.map((name) => [name, all[name]]));
}
