import { Buffer } from "node:buffer";
import { PortcullisError } from "../model/errors.ts";
import { JsonError, parseJson } from "./json.ts";
import { isJson, type MediaType, parseMediaType } from "./media-type.ts";
import type { ParsedBody } from "./parameters.ts";
import { eachField } from "./urlencoded.ts";

/** What a body may cost; each limit is checked before the work that it bounds. */
export interface BodyLimits {
  /** JSON and urlencoded bodies, in bytes. */
  readonly bytes: number;
  /** Nesting of arrays and objects in JSON. */
  readonly depth: number;
  /** Fields of a form, files included. */
  readonly fields: number;
  /** The name of a form field, in bytes as sent. */
  readonly fieldNameBytes: number;
  /** A multipart body with all its files, in bytes. */
  readonly multipartBytes: number;
}

/** The default limits: 1 MiB, 32 levels, 200 fields with names of 200 bytes, 10 MiB of multipart. */
export const BODY_LIMITS: BodyLimits = {
  bytes: 1024 * 1024,
  depth: 32,
  fields: 200,
  fieldNameBytes: 200,
  multipartBytes: 10 * 1024 * 1024,
};

/** Why a body was refused; stable. */
export type BodyErrorCode =
  | "unsupported_media_type"
  | "unsupported_charset"
  | "unsupported_encoding"
  | "body_too_large"
  | "body_too_deep"
  | "too_many_fields"
  | "field_name_too_long"
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

const FORM = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data";
const NO_BODY: ParsedBody = { kind: "none" };

/** The media type of a body that will be read, or undefined where none is declared. */
function bodyType(contentType: string | null | undefined): MediaType | undefined {
  if (contentType === null || contentType === undefined) return undefined;
  const type = parseMediaType(contentType);
  if (type === undefined || !(isJson(type.essence) || type.essence === FORM || type.essence === MULTIPART)) {
    throw new BodyError(415, "unsupported_media_type", "The body must be JSON or a form, declared as one media type.");
  }
  const charset = type.parameters.get("charset");
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new BodyError(415, "unsupported_charset", "The body must be UTF-8.");
  }
  return type;
}

function byteLimit(type: MediaType | undefined, limits: BodyLimits): number {
  if (type === undefined) return 0;
  return type.essence === MULTIPART ? limits.multipartBytes : limits.bytes;
}

function tooLarge(type: MediaType | undefined, limit: number): BodyError {
  if (type === undefined) return new BodyError(415, "unsupported_media_type", "The body has no Content-Type.");
  return new BodyError(413, "body_too_large", `The body is larger than ${limit} bytes.`);
}

/** Reads a stream up to `limit` bytes and lets go of it at the first byte beyond. */
async function readStream(
  stream: ReadableStream<Uint8Array>,
  limit: number,
  refuse: () => BodyError,
): Promise<Uint8Array> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    let part: Awaited<ReturnType<typeof reader.read>>;
    try {
      part = await reader.read();
    } catch (cause) {
      throw new BodyError(400, "incomplete_body", "The body ended early.", { cause });
    }
    if (part.done) break;
    size += part.value.byteLength;
    if (size > limit) {
      // The client may never end; its failure to do so is of no interest.
      reader.cancel().catch(() => undefined);
      throw refuse();
    }
    chunks.push(part.value);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size);
}

/**
 * Reads a request's body by its declared media type: JSON (`application/json`, `+json`), urlencoded or multipart form.
 * No Content-Type is right for an empty body only, any other type is refused (a JSON body declared as `text/plain`
 * would pass a browser's cross-site rules). Compressed bodies are refused. GET and HEAD have no body.
 *
 * @throws {BodyError} 413 beyond a limit, 415 for the type, 400 for malformed content
 */
export async function readBody(request: Request, limits: BodyLimits): Promise<ParsedBody> {
  if (request.method === "GET" || request.method === "HEAD") return NO_BODY;
  const headers = request.headers;
  const type = bodyType(headers.get("content-type"));
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity") {
    throw new BodyError(415, "unsupported_encoding", "The body must not be compressed.");
  }
  const limit = byteLimit(type, limits);
  const declared = headers.get("content-length");
  let known = false;
  if (declared !== null) {
    if (!/^\d{1,15}$/.test(declared)) throw new BodyError(400, "incomplete_body", "Content-Length is not a number.");
    if (Number(declared) > limit) throw tooLarge(type, limit);
    known = headers.get("transfer-encoding") === null;
  }
  let bytes: Uint8Array;
  if (known) {
    // The host's HTTP parser ends the body at Content-Length, so that it need not be counted again.
    try {
      bytes = new Uint8Array(await request.arrayBuffer());
    } catch (cause) {
      throw new BodyError(400, "incomplete_body", "The body ended early.", { cause });
    }
    if (bytes.byteLength > limit) throw tooLarge(type, limit);
  } else if (request.body === null) {
    bytes = new Uint8Array(0);
  } else {
    bytes = await readStream(request.body, limit, () => tooLarge(type, limit));
  }
  return parse(bytes, type, limits);
}

/**
 * Parses a body that has been read, by its Content-Type and within the limits.
 *
 * @throws {BodyError} as {@link readBody}
 */
export async function parseBody(
  bytes: Uint8Array,
  contentType: string | undefined,
  limits: BodyLimits,
): Promise<ParsedBody> {
  const type = bodyType(contentType);
  const limit = byteLimit(type, limits);
  if (bytes.byteLength > limit) throw tooLarge(type, limit);
  return parse(bytes, type, limits);
}

function parse(bytes: Uint8Array, type: MediaType | undefined, limits: BodyLimits): ParsedBody | Promise<ParsedBody> {
  if (type === undefined) return NO_BODY;
  if (type.essence === MULTIPART) return parseMultipart(bytes, type, limits);
  const text = decode(bytes);
  return type.essence === FORM ? parseForm(text, limits) : parseJsonBody(text, limits);
}

// A byte order mark is kept, so that it is malformed JSON and never part of nothing.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new BodyError(400, "malformed_text", "The body is not UTF-8.", { cause });
  }
}

function parseJsonBody(text: string, limits: BodyLimits): ParsedBody {
  try {
    return { kind: "json", value: parseJson(text, limits.depth) };
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw new BodyError(400, cause.reason === "depth" ? "body_too_deep" : "malformed_json", cause.message);
  }
}

function tooManyFields(limits: BodyLimits): BodyError {
  return new BodyError(413, "too_many_fields", `The form has more than ${limits.fields} fields.`);
}

function longName(limits: BodyLimits): BodyError {
  return new BodyError(
    400,
    "field_name_too_long",
    `The name of a field is longer than ${limits.fieldNameBytes} bytes.`,
  );
}

function parseForm(text: string, limits: BodyLimits): ParsedBody {
  let separators = 0;
  for (let at = text.indexOf("&"); at !== -1; at = text.indexOf("&", at + 1)) {
    if (++separators >= limits.fields) throw tooManyFields(limits);
  }
  const entries: (readonly [string, string])[] = [];
  eachField(text, limits.fields, (name, value, raw) => {
    if (raw.length > limits.fieldNameBytes || Buffer.byteLength(raw) > limits.fieldNameBytes) throw longName(limits);
    if (name === undefined || value === undefined) {
      throw new BodyError(400, "malformed_form", "The form is not percent-encoded UTF-8.");
    }
    entries.push([name, value]);
  });
  return { kind: "form", entries };
}

/** RFC 2046 5.1.1. */
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/;
const REPLACEMENT = "\uFFFD";

function occurrences(bytes: Buffer, what: string, atMost: number): number {
  const needle = Buffer.from(what);
  let count = 0;
  for (let at = bytes.indexOf(needle); at !== -1 && count <= atMost; at = bytes.indexOf(needle, at + needle.length)) {
    count++;
  }
  return count;
}

async function parseMultipart(bytes: Uint8Array, type: MediaType, limits: BodyLimits): Promise<ParsedBody> {
  const boundary = type.parameters.get("boundary");
  if (boundary === undefined || !BOUNDARY.test(boundary)) {
    throw new BodyError(400, "malformed_multipart", "The multipart body has no valid boundary.");
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // One delimiter before each part and one at the end.
  if (occurrences(buffer, `--${boundary}`, limits.fields + 1) > limits.fields + 1) throw tooManyFields(limits);
  let form: FormData;
  try {
    const headers = { "content-type": `${MULTIPART}; boundary="${boundary}"` };
    form = await new Response(new Uint8Array(buffer), { headers }).formData();
  } catch (cause) {
    throw new BodyError(400, "malformed_multipart", "The multipart body is malformed.", { cause });
  }
  const entries: (readonly [string, string | File])[] = [];
  let replaced = 0;
  for (const [name, value] of form) {
    if (name.length > limits.fieldNameBytes || Buffer.byteLength(name) > limits.fieldNameBytes) throw longName(limits);
    replaced += name.split(REPLACEMENT).length - 1;
    if (typeof value === "string") replaced += value.split(REPLACEMENT).length - 1;
    entries.push([name, value]);
  }
  // The platform's parser decodes leniently: more replacement characters than were sent mean malformed UTF-8.
  if (replaced > 0 && replaced > occurrences(buffer, REPLACEMENT, replaced)) {
    throw new BodyError(400, "malformed_text", "A field of the multipart body is not UTF-8.");
  }
  return { kind: "form", entries };
}
