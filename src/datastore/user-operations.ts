import type { Account } from "../model/account.ts";
import type { Awaitable } from "../model/awaitable.ts";
import type { User } from "../model/user.ts";
import type { AskedOptions } from "./access-state.ts";
import type { Telling } from "./changing.ts";
import type { Operations, Transaction, Where } from "./contract.ts";
import type { UserGrants } from "./user-grants.ts";
import type { IdentityLookup } from "./user-lookup.ts";
import type { UserPage, UserQuery } from "./user-pages.ts";
import type { UserReference } from "./user-reference.ts";

/** What a new account is made of. Fields of the application's own columns stand beside the known ones. */
export type NewUser<U extends User = User, Role extends string = string> = Partial<
  Omit<
    U,
    "id" | "email" | "password" | "fsUniquifier" | "fsTokenUniquifier" | "createDatetime" | "updateDatetime" | "active"
  >
> & {
  /** Null: none, where the option `emails` says "optional". */
  readonly email: string | null;
  /** In clear; stored as a hash. Left out or null: the account has no password. */
  readonly password?: string | null;
  /** Default true. */
  readonly active?: boolean;
  /** Names of roles that exist. */
  readonly roles?: readonly Role[];
  /** Permissions beside those of the roles. */
  readonly permissions?: readonly string[];
};

/**
 * The operations on users, written once on top of any datastore. Each that ends something (deactivate, a new uniquifier,
 * delete) is effective on the next request, in every process. A condition among the options that does not hold throws
 * WithdrawnError, with nothing done; a user who is not there UnknownUserError.
 */
export interface Users<
  U extends User = User,
  Role extends string = string,
  Permission extends string = string,
  Secrets extends object = Record<never, never>,
> extends UserGrants<Role, Permission> {
  get(id: number, tx?: Operations): Promise<(Account & U) | undefined>;
  /** The user whose attribute has that value; with `ignoreCase`, compared without regard to case. Addresses and usernames are normalised first. */
  find(
    attribute: keyof U & string,
    value: string | number,
    options?: { readonly ignoreCase?: boolean },
  ): Promise<(Account & U) | undefined>;
  /** A page of users, by key: as fast in a table of a million. Throws PortcullisError `invalid_field`, UnknownRoleError. */
  page(query?: UserQuery<Role>): Promise<UserPage<Account & U>>;
  /**
   * Throws UniqueConflictError when e-mail or username is taken, UnknownRoleError, PortcullisError `invalid_field` on a bad
   * value.
   */
  create(input: NewUser<U, Role> & Partial<Secrets>, options?: CreateOptions): Promise<Account & U>;
  /**
   * Sets listed columns; not those that have an operation of their own. A new address ends the links that were mailed to the
   * one before; `setEmail` and `edit` end sessions and tokens as well.
   */
  update(
    user: UserReference,
    fields: Partial<Omit<U, ProtectedField>> & Partial<Secrets>,
    tx?: Transaction,
  ): Promise<void>;
  /**
   * Sets listed columns as an administrator does, all at once. A new e-mail address counts as proved; a new address or
   * username ends everything that hangs on the account. Throws UniqueConflictError, PortcullisError `invalid_field`.
   */
  edit(
    user: UserReference,
    fields: Partial<Omit<U, ProtectedField>>,
    /** `done` is called if the address or the username changes, and with that everything ends. */
    options?: AskedOptions & Pick<ChangeOptions, "done" | "tell">,
  ): Promise<void>;
  /** True when nobody else than this user is an active administrator who stays; false where there are none. */
  isLastAdministrator(user: UserReference): Promise<boolean>;
  /** Removes the user with sessions, roles and everything that hangs on them. Throws LastAdministratorError. */
  delete(user: UserReference, options?: AskedOptions & Telling): Promise<void>;
  /** Ends a lock that guessing has set, before its time. True when there was one. */
  unlock(user: UserReference, options?: Pick<ChangeOptions, "asked" | "onlyIf">): Promise<boolean>;
  /** True when it changed something. */
  activate(user: UserReference, options?: AskedOptions): Promise<boolean>;
  /**
   * Ends sessions, tokens and remember credentials at once. True when it changed something. Throws LastAdministratorError.
   */
  deactivate(user: UserReference, options?: AskedOptions): Promise<boolean>;
  /** Returns the new state. Throws LastAdministratorError. */
  toggleActive(user: UserReference): Promise<boolean>;
  /**
   * Stores the hash of a new password (null: none) and ends everything that hangs on the old one, also a lock.
   */
  setPassword(user: UserReference, password: string | null, options?: ChangeOptions): Promise<void>;
  /**
   * Gives the user another e-mail address, which is proved ("": none, where accounts may do without), and ends everything that
   * hangs on the old one. Throws UniqueConflictError.
   */
  setEmail(user: UserReference, email: string, options?: ChangeOptions): Promise<void>;
  /**
   * Gives the user another username (null: none) and ends everything that hangs on the account. Throws UniqueConflictError.
   */
  setUsername(user: UserReference, username: string | null, options?: ChangeOptions): Promise<void>;
  /**
   * Stores that somebody proved to hold an address, with what comes of it, in one transaction. Throws UniqueConflictError.
   */
  prove(user: UserReference, proof: AddressProof, options: ChangeOptions): Promise<void>;
  /** Ends all sessions, tokens, tickets and remember credentials. */
  setUniquifier(user: UserReference, options?: ChangeOptions): Promise<void>;
  /** Ends all auth tokens; sessions stay. */
  setTokenUniquifier(user: UserReference): Promise<void>;
  /**
   * Ends all sessions, auth tokens and remember credentials, and what was begun in a session and is not finished, such as a
   * change of address; links that were mailed to who was not signed in go on working. Returns how many sessions.
   */
  endSessions(user: UserReference, options?: AskedOptions & Telling<number>): Promise<number>;
  /** After a compromise: ends everything and removes what was set up to sign in but the password. */
  resetAccess(user: UserReference, options?: AskedOptions & Telling): Promise<void>;
  /**
   * Ends everything that hangs on the account and does in the same transaction what shuts the user out beside deactivating,
   * with the account as it is from then on. Throws LastAdministratorError, with nothing done, when nobody who stays would be
   * left.
   */
  shutOut(user: UserReference, options: Required<Pick<ChangeOptions, "done">> & ChangeOptions): Promise<void>;
}

/** The user whose attribute has exactly this value, at once where the store can answer at once. */
export type AccountLookup = (attribute: keyof User & string, value: string | number) => Awaitable<Account | undefined>;

/** Users who are rows of the datastore. */
export interface RowUsers extends Users {
  /** What each request with a token that is not cached goes by. */
  readonly lookup: AccountLookup;
  /** What sign-ins go by. */
  readonly identify: IdentityLookup;
}

/** How an account is made. */
export interface CreateOptions extends AskedOptions {
  /** The transaction in which it is made, where that is somebody else's. */
  readonly tx?: Transaction | undefined;
  /** The password's hash where it was made before, so that no transaction waits for it. */
  readonly hash?: string | undefined;
  /** False: who makes it tells of it in words of their own, and the event `userCreated` does not. */
  readonly told?: boolean;
}

/** How an account is changed. `asked` is for changes of somebody else's account, `onlyIf` for those of one's own. */
export interface ChangeOptions extends AskedOptions, Telling {
  /**
   * Asked in the transaction of the change, once the user's row is taken: a link is used up, or a state compared, together
   * with it or not at all. False throws WithdrawnError, with nothing done.
   */
  readonly onlyIf?: ((tx: Transaction) => Promise<boolean>) | undefined;
  /** What the user's row must still say when it is taken, first of all: as it was when the change was decided on. */
  readonly as?: Where;
  /**
   * Done in the transaction of the change, with the account as it is from then on: what belongs to the change, and who goes on
   * with it. Read after it, the account may be one that somebody else has reset.
   */
  readonly done?: (account: Account, tx: Transaction) => Promise<unknown>;
}

/** What comes of the proof of an address. */
export interface AddressProof {
  /** True: the account's address had not been proved before, and is from now on. */
  readonly first?: boolean;
  /** Another address than before, which is the one that was proved. It ends what `setEmail` ends. */
  readonly email?: string;
  /** A new password, or null: none from now on. It ends what `setPassword` ends. */
  readonly password?: string | null;
  /** True: with the password goes everything that was set up to get in beside it. */
  readonly endsAccess?: boolean;
  /** The language of mails from now on; null: none is known, undefined: as before. */
  readonly mailLanguage?: string | null | undefined;
}

/** What has an operation of its own, or is nobody's to set. */
export type ProtectedField =
  | "id"
  | "password"
  | "active"
  | "fsUniquifier"
  | "fsTokenUniquifier"
  | "createDatetime"
  | "updateDatetime";
