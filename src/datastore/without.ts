import { ConfigurationError } from "../model/errors.ts";

/** What of the options says whether there is a datastore, and what needs one. */
export interface DatastoreNeeds {
  readonly datastore?: unknown;
  readonly getUserPass?: unknown;
  readonly features?: readonly unknown[];
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[];
  readonly sessions?: { readonly enabled?: boolean };
  readonly passwords?: { readonly check?: unknown; readonly policy?: { readonly history?: unknown } };
  readonly tables?: unknown;
  readonly identities?: unknown;
  readonly migrate?: unknown;
  readonly audit?: unknown;
  readonly session?: unknown;
}

/** Options that say something about rows. */
const rows = ["tables", "identities", "migrate", "audit", "session"] as const;

/**
 * Checks the options of an application that answers by callbacks in the place of a datastore: what would need one refuses
 * to start. True where there is none. Throws ConfigurationError.
 */
export function withoutDatastore(options: DatastoreNeeds): boolean {
  const { datastore, getUserPass, passwords } = options;
  const check = passwords?.check;
  if (getUserPass !== undefined && typeof getUserPass !== "function") {
    throw new ConfigurationError("getUserPass", "a function (login) that finds the stored hash is expected");
  }
  if (datastore !== undefined) {
    if (getUserPass === undefined) return false;
    throw new ConfigurationError(
      "getUserPass",
      "stands in the place of a datastore, and there is one; take one of the two",
    );
  }
  if (getUserPass === undefined && check === undefined) {
    throw new ConfigurationError(
      "datastore",
      'is missing; for a start: sqlite("app.db") from "portcullis/sqlite". With a user table of your own: getUserPass',
    );
  }
  const refuse = (option: string, why: string): never => {
    throw new ConfigurationError(option, `needs the option datastore, and there is none: ${why}`);
  };
  if ((options.features ?? []).length > 0) refuse("features", "they keep accounts; leave them out");
  if ((options.roles ?? []).length > 0) refuse("roles", "say groups, and by groupCheck who is in them");
  if ((options.permissions ?? []).length > 0) refuse("permissions", "roles carry them; say groups and groupCheck");
  if (options.sessions?.enabled === true) refuse("sessions.enabled", "sessions are rows; hand out tokens");
  if (passwords?.policy?.history !== undefined) refuse("passwords.policy.history", "former hashes are rows");
  for (const option of rows) if (options[option] !== undefined) refuse(option, "leave it out");
  return true;
}
