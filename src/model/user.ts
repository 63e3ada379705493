/** An account, with the columns of Flask-Security's newest user model under their TypeScript names. */
export interface User {
  readonly id: number;
  /** As it is stored and compared; "" for an account that has none, which only `emails: "optional"` allows. */
  readonly email: string;
  readonly username: string | null;
  /** The stored hash; null for an account that has no password. Never leaves the server. */
  readonly password: string | null;
  readonly active: boolean;
  /** Changing it ends every session, token and remember credential of the account at once. */
  readonly fsUniquifier: string;
  /** Changing it ends every auth token of the account at once; null: `fsUniquifier` takes its part. */
  readonly fsTokenUniquifier: string | null;
  /** When the address was first proved; null: nobody has shown yet that it is theirs. */
  readonly confirmedAt: Date | null;
  readonly lastLoginAt: Date | null;
  readonly currentLoginAt: Date | null;
  readonly lastLoginIp: string | null;
  readonly currentLoginIp: string | null;
  readonly loginCount: number | null;
  /** The language of mails to this account, a BCP 47 tag; null: the default language. */
  readonly mailLanguage: string | null;
  readonly createDatetime: Date;
  readonly updateDatetime: Date;
}

/** A role: a name and a set of permissions. */
export interface Role {
  readonly id: number;
  readonly name: string;
  readonly description: string | null;
  readonly permissions: readonly string[];
  readonly updateDatetime: Date;
}
