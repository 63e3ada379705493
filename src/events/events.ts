import type { Account } from "../model/account.ts";

/** What happened, by name, with the fields of Flask-Security's signals in camelCase. Features add theirs by declaration. */
export interface SecurityEvents {
  /** Somebody proved who they are and passed every gate. */
  userAuthenticated: { user: Account; authnVia: readonly string[] };
  /** A proof failed for a known user. */
  userFailedAuthn: { user: Account; authType: string; tfa: boolean };
  /** A caller without (valid) credentials was turned away. */
  userUnauthenticated: { path: string };
  userSignedOut: { user: Account };
  userRegistered: { user: Account; formData: Readonly<Record<string, unknown>>; confirmationToken: string | undefined };
  /** A registration for an address or username that is taken. */
  userNotRegistered: {
    user: Account | undefined;
    existingEmail: boolean;
    existingUsername: boolean;
    formData: Readonly<Record<string, unknown>>;
  };
  /** A link that proves the address was mailed. */
  confirmInstructionsSent: { user: Account };
  userConfirmed: { user: Account };
  /** A link that sets a new password was mailed. */
  resetInstructionsSent: { user: Account };
  passwordReset: { user: Account };
  passwordChanged: { user: Account };
  /** A link that signs in was mailed. */
  loginInstructionsSent: { user: Account };
  /** A link that proves a new address was mailed there. */
  changeEmailInstructionsSent: { user: Account; newEmail: string };
  emailChanged: { user: Account; oldEmail: string };
  usernameChanged: { user: Account; oldUsername: string | null };
  /** The owner has shut the account; it is removed when the grace is over. */
  accountDeletionRequested: { user: Account };
  /** The owner took it back in time. */
  accountDeletionCancelled: { user: Account };
  /** The account is removed for good; `user` is what it was. */
  accountDeleted: { user: Account };
  usernameRecoverySent: { user: Account };
  /** A remember credential was presented that had been replaced: whoever uses it now may have stolen it. It is revoked. */
  rememberReused: { userId: number };
  /** A sign-in began a family of tokens that can be renewed. */
  refreshTrackerCreated: { user: Account; family: string };
  /** A new auth token was given for a refresh token. */
  tokenRefreshed: { user: Account; family: string };
  /** A family of tokens was ended before its time. */
  refreshTrackerRevoked: { userId: number; family: string; reason: "signOut" | "reuse" };
  /** A refresh token was presented that had been replaced: whoever uses it now may have stolen it. Its family is ended. */
  refreshTokenReused: { userId: number; family: string };
  /** A stored hash was replaced by one of the current form at sign-in. */
  passwordUpgraded: { user: Account };
  /** A mail was given up. `user` is undefined where it was for an address that no account has. */
  mailFailed: { user: Account | undefined; template: string; to: string; failure: string; attempts: number };
  /** A text message was given up. */
  smsFailed: { user: Account | undefined; to: string; failure: string; attempts: number };
  /** Too many attempts: refused without being looked at. `user`: where the attempt named one. */
  limitReached: { limit: string; user: Account | undefined; address: string | undefined };
  /** Guessing has locked an account for a while. */
  accountLocked: { user: Account; until: number; failures: number };
  /** A lock was taken away before its time. */
  accountUnlocked: { userId: number };
}

/** The names of all events. */
export type SecurityEventName = keyof SecurityEvents;

type Listener<Name extends SecurityEventName> = (event: SecurityEvents[Name]) => void | Promise<void>;

/** Typed events. A listener observes: what it throws is logged and changes nothing. */
export interface EventHub {
  /** Returns the function that takes the listener off again. */
  on<Name extends SecurityEventName>(name: Name, listener: Listener<Name>): () => void;
  /** Every event, for a trail. */
  onAny(listener: (name: SecurityEventName, event: SecurityEvents[SecurityEventName]) => unknown): () => void;
  emit<Name extends SecurityEventName>(name: Name, event: SecurityEvents[Name]): void;
}

/** Makes the hub of one running system. */
export function createEventHub(log: (message: string, details?: Record<string, unknown>) => void): EventHub {
  type AnyListener = (event: never) => void | Promise<void>;
  const listeners = new Map<SecurityEventName, Set<AnyListener>>();
  const observers = new Set<Parameters<EventHub["onAny"]>[0]>();
  const failed = (name: string, error: unknown): void =>
    log("an event listener failed", { event: name, error: error instanceof Error ? error.message : String(error) });
  const tell = (name: string, listener: () => unknown): void => {
    try {
      const result = listener();
      if (result instanceof Promise) result.catch((error: unknown) => failed(name, error));
    } catch (error) {
      failed(name, error);
    }
  };

  return {
    on(name, listener) {
      const set = listeners.get(name) ?? new Set<AnyListener>();
      listeners.set(name, set);
      set.add(listener as AnyListener);
      return () => set.delete(listener as AnyListener);
    },
    onAny(listener) {
      observers.add(listener);
      return () => observers.delete(listener);
    },
    emit(name, event) {
      for (const observer of observers) tell(name, () => observer(name, event));
      for (const listener of listeners.get(name) ?? []) {
        tell(name, () => (listener as Listener<typeof name>)(event));
      }
    },
  };
}
