/** The base of every error that Portcullis throws: `code` is stable, the message is for people. */
export class PortcullisError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** A wrong, unknown or contradictory option or declaration: the system does not start. The message names the option's path and the mend. */
export class ConfigurationError extends PortcullisError {
  /** Where: `origins[0]`, `GET /store` … */
  readonly path: string;
  constructor(path: string, message: string, options?: ErrorOptions) {
    super("configuration", `${path}: ${message}`, options);
    this.path = path;
  }
}

/** A value that must be unique is taken. `field` is the TypeScript name of the column where the database tells it. */
export class UniqueConflictError extends PortcullisError {
  readonly table: string;
  readonly field: string | undefined;
  constructor(table: string, field: string | undefined, options?: ErrorOptions) {
    super("unique_conflict", `${table}.${field ?? "?"} is already taken`, options);
    this.table = table;
    this.field = field;
  }
}

/**
 * Nothing was done: a condition of the change did not hold in its transaction, such as what was asked about before, a link that
 * is used once, or the account as it was when the change was decided on.
 */
export class WithdrawnError extends PortcullisError {
  constructor() {
    super("withdrawn", "nothing was done: what the change depends on was changed meanwhile");
  }
}

/** The store did not answer or answered with an error; the request that needed it fails closed. */
export class DatastoreError extends PortcullisError {
  constructor(message: string, options?: ErrorOptions) {
    super("datastore", message, options);
  }
}

/**
 * A row refers to another one that is not there, or not any more. A store of the application's own throws it where its database
 * refuses such a row, so that a role that was removed at that moment is no failure of the store.
 */
export class MissingReferenceError extends DatastoreError {}

/**
 * Inside a transaction something was called that is not part of it: a mistake of the calling code, which would wait for ever
 * for the transaction's own locks, or would not see what it wrote. The mend: pass the transaction's `tx`.
 */
export class MissingTransactionError extends DatastoreError {
  override readonly code = "missing_transaction";
}

/** More work than the server takes at once (RFC 9110 503): try again after `retryAfter` seconds. */
export class OverloadedError extends PortcullisError {
  readonly retryAfter: number;
  constructor(what: string, retryAfter: number) {
    super("overloaded", `${what} is at its limit`);
    this.retryAfter = retryAfter;
  }
}

/** Too many attempts (RFC 6585 4): try again after `retryAfter` seconds. */
export class LimitedError extends PortcullisError {
  readonly retryAfter: number;
  constructor(retryAfter: number) {
    super("too_many_attempts", `too many attempts; again in ${retryAfter} s`);
    this.retryAfter = retryAfter;
  }
}
