import { portcullis, type Security, type SecurityOptions, sessionOf, type User } from "portcullis";
import { passwords, registration } from "portcullis/features";
import { memory } from "portcullis/memory";
import { type TestClient, testClient } from "portcullis/testing";
import { onTestFinished } from "vitest";

/** The words of the shop that these tests run against. */
export interface ShopWords {
  readonly role: "employee" | "admin";
  readonly permission: "read" | "write";
  readonly object: "store";
  readonly scheme: "session" | "token" | "basic" | "none";
  readonly scope: never;
  readonly user: User;
  readonly session: { cart: string[] };
}

/** What a test may say of its shop. */
export type ShopOptions = Pick<
  SecurityOptions,
  | "authn"
  | "body"
  | "cookies"
  | "csrf"
  | "destinations"
  | "features"
  | "freshness"
  | "handlers"
  | "origins"
  | "prefix"
  | "realm"
  | "revealAccounts"
  | "schemes"
  | "sessions"
  | "tokens"
  | "trustedProxies"
> & { readonly store?: (user: User, id: unknown, mode: string | undefined) => unknown };

/** A running system with its clock and its log. */
export interface Shop {
  readonly security: Security<ShopWords>;
  readonly clock: { now: number };
  readonly log: { readonly message: string; readonly details: Readonly<Record<string, unknown>> | undefined }[];
}

/** The employee works; the admin is an employee too and may write; the store 1 is theirs, 2 is not, others are not there. */
export async function openShop(options: Partial<ShopOptions> = {}): Promise<Shop> {
  const { store, ...rest } = options;
  const clock = { now: Date.UTC(2026, 0, 2) };
  const log: { message: string; details: Readonly<Record<string, unknown>> | undefined }[] = [];
  const rule = store ?? ((_user: User, id: unknown): unknown => (id === 1 ? true : id === 2 ? false : undefined));
  const security: Security<ShopWords> = await portcullis({
    secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
    origins: ["http://localhost:3000"],
    cookies: { allowInsecure: false },
    datastore: memory(),
    features: [passwords(), registration()],
    roles: ["employee", "admin"],
    permissions: ["read", "write"],
    objects: { store: rule as (user: User, id: number, mode: string | undefined) => boolean | undefined },
    session: sessionOf<{ cart: string[] }>(),
    passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
    log: (message, details) => log.push({ message, details }),
    clock: () => clock.now,
    ...(rest as object),
  });
  await security.roles.addPermissions("admin", "write");
  await security.users.create({ email: "employee@example.com", password: "password", roles: ["employee"] });
  await security.users.create({ email: "admin@example.com", password: "password", roles: ["employee", "admin"] });
  return { security, clock, log };
}

/** The same, closed at the end of the test. */
export async function shop(options?: Partial<ShopOptions>): Promise<Shop> {
  const opened = await openShop(options);
  onTestFinished(() => opened.security.close());
  return opened;
}

/** A client that is signed in, with an auth token too. */
export interface SignedIn extends TestClient {
  readonly token: string;
}

/** Signs in and takes the auth token along. */
export async function signedIn(
  app: { readonly request: (input: Request) => Response | Promise<Response> },
  email = "employee@example.com",
): Promise<SignedIn> {
  const client = testClient(app);
  const answer = await client.post("/login?include_auth_token", { json: { email, password: "password" } });
  if (answer.status !== 200) throw new Error(answer.text);
  return Object.assign(client, { token: answer.json.response.user.authentication_token as string });
}

/** The header of HTTP Basic. */
export function basic(email = "employee@example.com", password = "password"): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${email}:${password}`).toString("base64")}` };
}

/** What browsers say that they accept. */
export const browser: Readonly<Record<string, string>> = {
  accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
};

/** What JSON clients say. */
export const json: Readonly<Record<string, string>> = { accept: "application/json" };

/** One route behind the guard, and the ways to call it. */
export async function guarded(
  authz: unknown,
  options: Partial<ShopOptions> & { readonly authn?: readonly ("session" | "token" | "basic")[] } = {},
): Promise<
  Shop & {
    readonly employee: SignedIn;
    readonly admin: SignedIn;
    call(headers?: Record<string, string>): Promise<{
      status: number; // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
      json: any;
      headers: Headers;
    }>;
  }
> {
  const { authn, ...rest } = options;
  const opened = await openShop(rest);
  onTestFinished(() => opened.security.close());
  const app = opened.security.app();
  app.get("/x", { authz: authz as "OPEN", ...(authn === undefined ? {} : { authn }) }, (c) =>
    c.json({ user: c.var.user?.email ?? null, via: c.var.identity?.via ?? null }),
  );
  return {
    ...opened,
    employee: await signedIn(app),
    admin: await signedIn(app, "admin@example.com"),
    call: (headers = {}) => testClient(app).get("/x", { headers: { ...json, ...headers } }),
  };
}

export const cookie = (client: TestClient): Record<string, string> => ({
  cookie: [...client.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
});
export const token = (client: SignedIn): Record<string, string> => ({ "authentication-token": client.token });

/** A promise that is not the platform's own. */
export function thenable<T>(value: T): { then(resolve: (value: T) => unknown): unknown } {
  // biome-ignore lint/suspicious/noThenProperty: that is what is tested
  return { then: (resolve) => resolve(value) };
}
