/** What JSON answers show of a user; an application may show something else. */
export interface ClientUser {
  readonly email?: string;
  readonly username?: string;
  readonly [member: string]: unknown;
}

/** A sign-in that is done. */
export interface SignedIn {
  readonly user: ClientUser;
  readonly csrf_token?: string;
  readonly tf_required: false;
  readonly pending?: undefined;
}

/**
 * A sign-in that waits for something more: nobody is signed in yet. `finishSignIn` goes on with it. Told from one that is done by
 * `pending`.
 */
export interface PendingSignIn {
  /** What it waits for: "expired_password" (`replaceExpiredPassword`), or what a feature of the application asks for. */
  readonly pending: "expired_password" | (string & {});
  /** Where it goes on. */
  readonly path: string;
  /** Names it among those of a browser; no secret. */
  readonly shown_for: string;
  readonly password_expired?: true;
  /** It waits for a second factor. */
  readonly tf_required?: true;
  readonly [member: string]: unknown;
}

/** Who is signed in, and what a sign-in needs. */
export interface Me {
  readonly csrf_token: string;
  /** Undefined: nobody. */
  readonly user?: ClientUser;
  /** By what users say who they are. */
  readonly identity_attributes?: readonly string[];
}

/** A device on which the user is signed in. */
export interface ClientDevice {
  readonly id: string;
  /** True: this one. */
  readonly current: boolean;
  readonly program: string | null;
  readonly system: string | null;
  readonly address: string | null;
  readonly methods: readonly string[];
  /** Moments in RFC 3339. */
  readonly created: string | null;
  readonly last_seen: string | null;
  readonly idle_end: string | null;
  readonly absolute_end: string | null;
  readonly remembered_until: string | null;
}

/** The user after a change. */
export interface ChangedUser {
  readonly user: ClientUser;
  readonly csrf_token: string;
}

/** By what somebody signs in: one of the application's identities, and the password. */
export interface Login {
  readonly email?: string;
  readonly username?: string;
  readonly password: string;
  /** Keep this device signed in. */
  readonly remember?: boolean;
  readonly [identity: string]: unknown;
}

/** A new account, with the application's own fields. */
export interface Registration {
  readonly email: string;
  readonly password: string;
  /** Default: the password. */
  readonly password_confirm?: string;
  readonly username?: string;
  readonly [field: string]: unknown;
}
