import type { PendingSignIn } from "./answers.ts";
import type { Result } from "./results.ts";

/** A user as the endpoints for programs show one. Moments are in RFC 3339. */
export interface ManagedUser {
  readonly id: number;
  /** Null: the account has none. */
  readonly email: string | null;
  readonly username: string | null;
  readonly active: boolean;
  readonly confirmed_at: string | null;
  readonly has_password: boolean;
  /** True: a service account, to which nobody signs in. */
  readonly service: boolean;
  readonly roles: readonly string[];
  /** All of them, those of the roles included. */
  readonly permissions: readonly string[];
  /** Those that the user has without a role. */
  readonly own_permissions: readonly string[];
  readonly profile: Readonly<Record<string, unknown>>;
  readonly created_at: string | null;
  readonly last_login_at: string | null;
}

/** An API key as it is shown: without its text. */
export interface ShownKey {
  readonly id: string;
  readonly prefix: string;
  readonly name: string;
  readonly all_permissions: boolean;
  readonly permissions: readonly string[];
  readonly scopes: readonly string[];
  readonly rate: string | null;
  readonly created_at: string | null;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
}

/** What a new key may do, and for how long. */
export interface NewKey {
  readonly name: string;
  readonly permissions?: readonly string[];
  readonly scopes?: readonly string[];
  readonly all_permissions?: boolean;
  /** Seconds. */
  readonly expires_in?: number;
  /** "5/1m". */
  readonly rate?: string;
}

/** A page of users. */
export interface UserPage {
  readonly users: readonly ManagedUser[];
  /** Null: not counted. */
  readonly total: number | null;
  /** False: there are at least so many. */
  readonly total_is_exact: boolean;
  readonly page: number | null;
  readonly page_size: number;
  /** Where the list goes on, for `after` and `before`; null: it does not. */
  readonly next: string | null;
  readonly previous: string | null;
}

/** Which users are listed. */
export interface UserQuery {
  readonly page?: number;
  readonly page_size?: number;
  readonly search?: string;
  readonly role?: string;
  readonly active?: boolean;
  readonly after?: string;
  readonly before?: string;
}

type One = Promise<Result<{ readonly user: ManagedUser }>>;
type Done = Promise<Result<Readonly<Record<string, unknown>>>>;

/** The management of users, by administrators. */
export interface UsersClient {
  list(query?: UserQuery): Promise<Result<UserPage>>;
  create(user: {
    readonly email?: string;
    readonly username?: string;
    readonly password?: string;
    readonly active?: boolean;
    readonly roles?: readonly string[];
    readonly permissions?: readonly string[];
    readonly profile?: Readonly<Record<string, unknown>>;
    readonly service?: boolean;
  }): One;
  get(id: number): One;
  /** A username that is null is taken away. */
  edit(
    id: number,
    changes: {
      readonly email?: string;
      readonly username?: string | null;
      readonly profile?: Readonly<Record<string, unknown>>;
    },
  ): One;
  delete(id: number): Done;
  setRoles(id: number, roles: readonly string[]): One;
  setPermissions(id: number, permissions: readonly string[]): One;
  setPassword(id: number, password: string): One;
  setProfile(id: number, profile: Readonly<Record<string, unknown>>): One;
  activate(id: number): One;
  deactivate(id: number): One;
  unlock(id: number): One;
  resetAccess(id: number): One;
  endSessions(id: number): Promise<Result<{ readonly ended: number }>>;
  /** The keys of a service account. */
  keys(id: number): Promise<Result<{ readonly keys: readonly ShownKey[] }>>;
  createKey(id: number, key: NewKey): Promise<Result<{ readonly key: ShownKey; readonly secret: string }>>;
  deleteKey(id: number, key: string): Done;
}

/** One's own API keys. */
export interface KeysClient {
  list(): Promise<Result<{ readonly keys: readonly ShownKey[] }>>;
  /** `secret` is the key's text, which is told this once. */
  create(key: NewKey): Promise<Result<{ readonly key: ShownKey; readonly secret: string }>>;
  delete(id: string): Done;
}

/** A sign-in by the endpoint for programs that is done. */
export interface TokenSignIn {
  readonly user: ManagedUser;
  readonly token: string;
  readonly refresh_token?: string;
  readonly pending?: undefined;
}

/** One's own account for programs: a sign-in that gives a token and makes no session. */
export interface AccountClient {
  login(fields: {
    readonly email?: string;
    readonly username?: string;
    readonly password: string;
  }): Promise<Result<TokenSignIn | PendingSignIn>>;
  logout(): Done;
  get(): One;
  changePassword(fields: {
    readonly old_password: string;
    readonly new_password: string;
  }): Promise<Result<{ readonly user: ManagedUser; readonly token?: string; readonly refresh_token?: string }>>;
}

/** Sends one request; `T` is what its answer holds. */
type Call = <T>(
  method: string,
  path: string,
  init?: {
    readonly json?: object;
    readonly query?: Readonly<Record<string, string>>;
    readonly credentials?: "include";
  },
) => Promise<Result<T>>;

/** Makes the functions of the features `userManagement` and `apiKeys` below their paths. */
export function programClients(
  call: Call,
  paths: { readonly users: string; readonly keys: string },
  ending: <T>(work: () => Promise<Result<T>>) => Promise<Result<T>>,
  signingIn: { readonly credentials?: "include" },
): { readonly users: UsersClient; readonly keys: KeysClient; readonly account: AccountClient } {
  const one = (id: number): string => `${paths.users}/users/${encodeURIComponent(id)}`;
  const act = (id: number, action: string, json: object = {}): One => call("POST", `${one(id)}/${action}`, { json });
  const key = (id: string): string => `${paths.keys}/key/${encodeURIComponent(id)}`;
  return {
    users: {
      list(query = {}) {
        const given = Object.entries(query).filter(([, value]) => value !== undefined);
        return call("GET", `${paths.users}/users`, {
          query: Object.fromEntries(given.map(([name, value]) => [name, String(value)])),
        });
      },
      create: (json) => call("POST", `${paths.users}/users`, { json }),
      get: (id) => call("GET", one(id)),
      edit: (id, json) => call("PATCH", one(id), { json }),
      delete: (id) => call("DELETE", one(id)),
      setRoles: (id, roles) => act(id, "roles", { roles }),
      setPermissions: (id, permissions) => act(id, "permissions", { permissions }),
      setPassword: (id, password) => act(id, "password", { password }),
      setProfile: (id, profile) => act(id, "profile", profile),
      activate: (id) => act(id, "activate"),
      deactivate: (id) => act(id, "deactivate"),
      unlock: (id) => act(id, "unlock"),
      resetAccess: (id) => act(id, "reset-access"),
      endSessions: (id) => call("DELETE", `${one(id)}/sessions`),
      keys: (id) => call("GET", `${one(id)}/key`),
      createKey: (id, json) => call("POST", `${one(id)}/key`, { json }),
      deleteKey: (id, name) => call("DELETE", `${one(id)}/key/${encodeURIComponent(name)}`),
    },
    keys: {
      list: () => call("GET", `${paths.keys}/key`),
      create: (json) => call("POST", `${paths.keys}/key`, { json }),
      delete: (id) => call("DELETE", key(id)),
    },
    account: {
      login: (json) => call("POST", `${paths.users}/login`, { json, ...signingIn }),
      logout: () => ending(() => call("DELETE", `${paths.users}/logout`)),
      get: () => call("GET", paths.users),
      changePassword: (json) => call("POST", `${paths.users}/password`, { json }),
    },
  };
}
