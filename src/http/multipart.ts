import { Buffer, isUtf8 } from "node:buffer";
import { BodyError, type BodyLimits, longName, tooManyFields } from "./body-limits.ts";
import type { MediaType } from "./media-type.ts";
import type { ParsedBody } from "./parameters.ts";

/** RFC 2046 5.1.1. */
const BOUNDARY = /^[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]$/;
const REPLACEMENT = "\uFFFD";
const SENT_REPLACEMENT = Buffer.from(REPLACEMENT);
const BLANK_LINE = Buffer.from("\r\n\r\n");
const LINE_END = Buffer.from("\r\n");
const CLOSE = Buffer.from("--");

/** One part as it was sent. */
interface Part {
  readonly head: Buffer;
  readonly content: Buffer;
}

function malformed(message: string, options?: ErrorOptions): BodyError {
  return new BodyError(400, "malformed_multipart", message, options);
}

/** The head of a part: what stands before the first blank line, within the limits. Undefined: it does not end. */
function headOf(part: Buffer, limits: BodyLimits): Buffer | undefined {
  // A head that never ends must not be looked for through the whole body, again for each part.
  const end = part.subarray(0, limits.partHeadBytes + BLANK_LINE.length).indexOf(BLANK_LINE);
  if (end === -1 && part.length <= limits.partHeadBytes) return undefined;
  const head = part.subarray(0, end);
  if (end === -1) throw new BodyError(413, "part_head_too_large", "The head of a part is too long.");
  let lines = 0;
  for (let at = head.indexOf(LINE_END); at !== -1; at = head.indexOf(LINE_END, at + LINE_END.length)) {
    if (++lines > limits.partHeaders) {
      throw new BodyError(413, "part_head_too_large", `A part has more than ${limits.partHeaders} headers.`);
    }
  }
  return head;
}

/**
 * Finds the parts between the delimiters in one pass over the bytes, before anything is made of them. Throws BodyError at the
 * first part, head or header beyond a limit.
 */
function scanParts(bytes: Buffer, boundary: string, limits: BodyLimits): readonly Part[] {
  const delimiter = Buffer.from(`--${boundary}`);
  const parts: Part[] = [];
  for (let at = bytes.indexOf(delimiter); at !== -1; ) {
    const start = at + delimiter.length;
    const next = bytes.indexOf(delimiter, start);
    // What follows the closing delimiter is no part, whatever it holds.
    if (bytes.subarray(start, start + CLOSE.length).equals(CLOSE)) break;
    const part = bytes.subarray(start, next === -1 ? undefined : next);
    if (next === -1) {
      // The body ends in the middle of a part: the parser will say so.
      headOf(part, limits);
    } else {
      if (parts.length === limits.fields) throw tooManyFields(limits);
      const head = headOf(part, limits);
      if (head === undefined) throw malformed("A part of the multipart body has no end of its headers.");
      // The line end before a delimiter belongs to the delimiter.
      parts.push({ head, content: part.subarray(head.length + BLANK_LINE.length, -LINE_END.length) });
    }
    at = next;
  }
  return parts;
}

/** Whether decoded text has replacement characters that nobody sent: the platform's parser decodes leniently. */
function wasReplaced(text: string, sent: Buffer): boolean {
  return text.includes(REPLACEMENT) && !(isUtf8(sent) && sent.includes(SENT_REPLACEMENT));
}

/** Reads a multipart form (RFC 7578). Throws BodyError. */
export async function parseMultipart(bytes: Uint8Array, type: MediaType, limits: BodyLimits): Promise<ParsedBody> {
  const boundary = type.parameters.get("boundary");
  if (boundary === undefined || !BOUNDARY.test(boundary)) {
    throw malformed("The multipart body has no valid boundary.");
  }
  const parts = scanParts(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), boundary, limits);
  let form: FormData;
  try {
    const headers = { "content-type": `multipart/form-data; boundary="${boundary}"` };
    form = await new Response(bytes as Uint8Array<ArrayBuffer>, { headers }).formData();
  } catch (cause) {
    throw malformed("The multipart body is malformed.", { cause });
  }
  const entries: (readonly [string, string | File])[] = [];
  for (const [name, value] of form) {
    const part = parts[entries.length];
    if (part === undefined) throw malformed("The multipart body has other parts than its delimiters say.");
    if (name.length > limits.fieldNameBytes || Buffer.byteLength(name) > limits.fieldNameBytes) throw longName(limits);
    if (wasReplaced(name, part.head) || (typeof value === "string" && wasReplaced(value, part.content))) {
      throw new BodyError(400, "malformed_text", "A field of the multipart body is not UTF-8.");
    }
    entries.push([name, value]);
  }
  if (entries.length !== parts.length) throw malformed("The multipart body has other parts than its delimiters say.");
  return { kind: "form", entries };
}
