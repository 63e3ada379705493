import { PortcullisError } from "../model/errors.ts";

/** What a body may cost; each limit is checked before the work that it bounds. */
export interface BodyLimits {
  /** JSON and urlencoded bodies, in bytes. */
  readonly bytes: number;
  /** Nesting of arrays and objects in JSON. */
  readonly depth: number;
  /** Members of objects and elements of arrays in JSON, all together. */
  readonly members: number;
  /** Fields of a form, files included. */
  readonly fields: number;
  /** The name of a form field, in bytes as sent. */
  readonly fieldNameBytes: number;
  /** A multipart body with all its files, in bytes. */
  readonly multipartBytes: number;
  /** The head of one part of a multipart body, in bytes. */
  readonly partHeadBytes: number;
  /** The headers of one part of a multipart body. */
  readonly partHeaders: number;
}

/**
 * The default limits of an application's routes: 1 MiB, 32 levels, 10,000 members, 200 fields with names of 200 bytes, 10 MiB
 * of multipart, its parts with 16 headers of 4 KiB together.
 */
export const BODY_LIMITS: BodyLimits = {
  bytes: 1024 * 1024,
  depth: 32,
  members: 10_000,
  fields: 200,
  fieldNameBytes: 200,
  multipartBytes: 10 * 1024 * 1024,
  partHeadBytes: 4096,
  partHeaders: 16,
};

/** So much an account endpoint takes, of JSON and of any form, unless it declares that it needs more. */
export const ACCOUNT_BYTES: number = 16 * 1024;

/** The limits of an account endpoint that takes so many bytes: never more than the application's own. */
export function accountLimits(limits: BodyLimits, bytes: number): BodyLimits {
  return {
    ...limits,
    bytes: Math.min(limits.bytes, bytes),
    multipartBytes: Math.min(limits.multipartBytes, bytes),
  };
}

/** Why a body was refused; stable. */
export type BodyErrorCode =
  | "unsupported_media_type"
  | "unsupported_charset"
  | "unsupported_encoding"
  | "body_too_large"
  | "body_too_deep"
  | "too_many_members"
  | "too_many_fields"
  | "field_name_too_long"
  | "part_head_too_large"
  | "incomplete_body"
  | "malformed_text"
  | "malformed_json"
  | "malformed_form"
  | "malformed_multipart";

/** A body that is not taken, with the status of the answer (RFC 9110 15.5). The message holds nothing of the body. */
export class BodyError extends PortcullisError {
  declare readonly code: BodyErrorCode;
  readonly status: 400 | 413 | 415;
  constructor(status: 400 | 413 | 415, code: BodyErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.status = status;
  }
}

/** The refusal of a form with too many fields. */
export function tooManyFields(limits: BodyLimits): BodyError {
  return new BodyError(413, "too_many_fields", `The form has more than ${limits.fields} fields.`);
}

/** The refusal of a field with too long a name. */
export function longName(limits: BodyLimits): BodyError {
  return new BodyError(
    400,
    "field_name_too_long",
    `The name of a field is longer than ${limits.fieldNameBytes} bytes.`,
  );
}
