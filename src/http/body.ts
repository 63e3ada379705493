import { Buffer } from "node:buffer";
import { BodyError, type BodyErrorCode, type BodyLimits, longName, tooManyFields } from "./body-limits.ts";
import { JsonError, parseJson } from "./json.ts";
import { isJson, type MediaType, parseMediaType } from "./media-type.ts";
import { parseMultipart } from "./multipart.ts";
import type { ParsedBody } from "./parameters.ts";
import { eachField } from "./urlencoded.ts";

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
 * would pass a browser's cross-site rules). An empty body declared as JSON is an object without members. Compressed bodies
 * are refused. GET and HEAD have no body.
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

const jsonCodes: Readonly<Record<JsonError["reason"], BodyErrorCode>> = {
  syntax: "malformed_json",
  depth: "body_too_deep",
  members: "too_many_members",
  duplicate: "malformed_json",
  key: "malformed_json",
};

function parseJsonBody(text: string, limits: BodyLimits): ParsedBody {
  // Clients declare JSON on every request: one that sends nothing leaves all members out, and each that is required is told.
  if (text === "") return { kind: "json", value: {} };
  try {
    return { kind: "json", value: parseJson(text, limits) };
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw new BodyError(cause.reason === "members" ? 413 : 400, jsonCodes[cause.reason], cause.message);
  }
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
