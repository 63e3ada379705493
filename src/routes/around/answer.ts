import type { Context } from "hono";
import { collected, itemsOf, streamed, writeJson } from "./json.ts";
import type { AroundSettings } from "./options.ts";

/** What a handler has to say: text, bytes, a stream, or a value for JSON. */
export type Answerer = (c: Context, value: unknown, status?: number) => Response | Promise<Response>;

/**
 * Makes the function behind `security.answer`: text, bytes and streams under the application's media type (text under
 * text/plain without one), everything else as JSON with the conversions for its classes, generators item by item.
 */
export function createAnswerer(
  settings: Pick<AroundSettings, "contentType" | "json">,
  log: (message: string, details?: Record<string, unknown>) => void,
): Answerer {
  const json = { "content-type": "application/json" };
  return (c, value, status = 200) => {
    // What the handler has said of the answer so far (c.header) stays; Hono's statuses are a type of their own.
    const made = (body: BodyInit | null, headers?: Record<string, string>): Response =>
      c.newResponse(body as never, status as never, headers as never);
    if (value === undefined) return made(null);
    if (typeof value === "string")
      return made(value, { "content-type": settings.contentType ?? "text/plain; charset=utf-8" });
    if (isBytes(value)) return made(value, { "content-type": settings.contentType ?? "application/octet-stream" });
    const converted = typeof value === "object" && value !== null ? settings.json.convert(value) !== value : false;
    const items = converted ? undefined : itemsOf(value);
    if (items === undefined) return made(writeJson(value, settings.json), json);
    if (!settings.json.stream) return collected(items, settings.json).then((text) => made(text, json));
    const failed = (error: unknown): void => log("an answer broke off while it was written", { error: String(error) });
    return made(streamed(items, settings.json, failed), json);
  };
}

function isBytes(value: unknown): value is Uint8Array<ArrayBuffer> | ArrayBuffer | ReadableStream {
  return value instanceof Uint8Array || value instanceof ArrayBuffer || value instanceof ReadableStream;
}
