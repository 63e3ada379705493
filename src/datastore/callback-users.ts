import type { Account, accountFactory } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import { PortcullisError } from "../model/errors.ts";
import type { Row } from "../model/schema.ts";
import type { User } from "../model/user.ts";
import type { KeyRing } from "../secrets/keyring.ts";
import { constantTimeEqual, sha256 } from "../secrets/random.ts";
import type { Users } from "./user-operations.ts";
import type { UserReference } from "./user-reference.ts";

/** A user of the application's own table, as `getUserPass` may answer. */
export interface OwnUser {
  /** The stored hash; null or left out: there is none, and only `passwords.check` can say yes. */
  readonly password?: string | null;
  /** A positive whole number of the application's own; default: one that is made of the login and the secret keys. */
  readonly id?: number;
  /** Default: the login. */
  readonly email?: string;
  /** False: gets nowhere. Default true. */
  readonly active?: boolean;
  /** Values of the columns that the option `columns` declares. */
  readonly [field: string]: unknown;
}

/** Finds a user of the application by login: the stored hash of the password, or more; undefined or null: there is none. */
export type GetUserPass = (login: string) => Awaitable<string | OwnUser | null | undefined>;

/** What users by callback need. */
export interface CallbackUsersContext {
  /** Undefined: everybody whom `passwords.check` knows, by the login in lower case. */
  readonly getUserPass: GetUserPass | undefined;
  readonly account: ReturnType<typeof accountFactory>;
  readonly ring: KeyRing;
  /** The fields that the application declares by `columns`. */
  readonly ownFields: readonly string[];
}

/** The users of the application's own table: they are found by login and never written. */
export interface CallbackUsers {
  readonly users: Users;
  byLogin(login: string): Promise<Account | undefined>;
  /** The id of a login, also of one that is gone. */
  idOf(login: string): Promise<number>;
  /** The user as the application knows them now; undefined: gone, or not one that was read here. */
  again(user: UserReference): Promise<Account | undefined>;
}

const longest = 255;
const idPurpose = "callback-user-id";

/**
 * Users by callback. Their `username` is the login. What a token hangs on is made of login and stored hash, so that a new
 * password ends the user's tokens without a column for it.
 */
export function createCallbackUsers({ getUserPass, account, ring, ownFields }: CallbackUsersContext): CallbackUsers {
  const idOf = (login: string): number =>
    // 48 bits of a keyed hash: nobody can look for a login whose number is somebody else's.
    Buffer.from(ring.sign(idPurpose, login), "base64url").readUIntBE(0, 6) + 1;

  const rowOf = (login: string, { password = null, id, email = login, active = true, ...rest }: OwnUser): Row => {
    const wrong = (field: string, expected: string): never => {
      throw new PortcullisError("invalid_field", `getUserPass: ${field}: ${expected} is expected`);
    };
    if (password !== null && typeof password !== "string") wrong("password", "the stored hash, or null,");
    if (id !== undefined && !(Number.isSafeInteger(id) && id > 0)) wrong("id", "a whole number, 1 or more,");
    if (typeof email !== "string") wrong("email", "a text");
    if (typeof active !== "boolean") wrong("active", "true or false");
    const fields = Object.fromEntries(ownFields.map((name) => [name, Object.hasOwn(rest, name) ? rest[name] : null]));
    return {
      ...fields,
      id: id ?? idOf(login),
      email,
      username: login,
      password,
      active,
      fsUniquifier: uniquifier(login, password),
      fsTokenUniquifier: null,
      confirmedAt: null,
      lastLoginAt: null,
      currentLoginAt: null,
      lastLoginIp: null,
      currentLoginIp: null,
      loginCount: null,
      mailLanguage: null,
      createDatetime: new Date(0),
      updateDatetime: new Date(0),
    };
  };

  const byLogin = async (typed: string): Promise<Account | undefined> => {
    // Directories take "Ann " and "ann" for the same person: that must be one user, with one budget of guesses.
    const login = getUserPass === undefined ? typed.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ") : typed;
    if (login === "" || login.length > longest || !login.isWellFormed() || /\p{Cc}/u.test(login)) return undefined;
    const found: unknown = getUserPass === undefined ? {} : await getUserPass(login);
    if (found === undefined || found === null) return undefined;
    if (typeof found === "string") return account(rowOf(login, { password: found }), []);
    if (typeof found !== "object" || Array.isArray(found)) {
      throw new PortcullisError("invalid_field", "getUserPass: a hash, an object or undefined is expected");
    }
    return account(rowOf(login, found as OwnUser), []);
  };

  const find = async (attribute: keyof User & string, value: string | number): Promise<Account | undefined> => {
    if (typeof value !== "string") return undefined;
    if (attribute === "username" || attribute === "email") return byLogin(value);
    if (attribute !== "fsUniquifier") return undefined;
    const [encoded = "", mark = ""] = value.split(".");
    const user = mark === "" ? undefined : await byLogin(Buffer.from(encoded, "base64url").toString("utf8"));
    return user !== undefined && constantTimeEqual(user.fsUniquifier, value) ? user : undefined;
  };

  const refuse = (): Promise<never> =>
    Promise.reject(
      new PortcullisError("no_datastore", "users of the application's own table are changed by the application itself"),
    );
  const users: Users = {
    // A number does not say which login it is.
    get: () => Promise.resolve(undefined),
    find,
    create: refuse,
    page: refuse,
    update: refuse,
    edit: refuse,
    isLastAdministrator: () => Promise.resolve(false),
    endSessions: refuse,
    setRoles: refuse,
    setPermissions: refuse,
    delete: refuse,
    unlock: refuse,
    activate: refuse,
    deactivate: refuse,
    toggleActive: refuse,
    addRole: refuse,
    removeRole: refuse,
    setPassword: refuse,
    setEmail: refuse,
    setUsername: refuse,
    prove: refuse,
    setUniquifier: refuse,
    setTokenUniquifier: refuse,
    resetAccess: refuse,
    shutOut: refuse,
  };
  return {
    users,
    byLogin,
    idOf: async (login) => (await byLogin(login))?.id ?? idOf(login),
    async again(user) {
      const login = typeof user === "object" && "username" in user ? user.username : undefined;
      return typeof login === "string" ? byLogin(login) : undefined;
    },
  };
}

/** The login, so that a token leads to its user, and a mark of the stored hash. */
function uniquifier(login: string, password: string | null): string {
  return `${Buffer.from(login, "utf8").toString("base64url")}.${sha256(`callback-user\n${login}\n${password ?? ""}`)}`;
}
