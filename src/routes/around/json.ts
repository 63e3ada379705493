import { ConfigurationError } from "../../model/errors.ts";
import type { Class } from "../parameters/shape.ts";

declare const written: unique symbol;

/** How objects of a class are written in JSON. */
export interface JsonConversion {
  readonly type: Class;
  readonly convert: (value: never) => unknown;
  /** For the compiler only. */
  readonly [written]?: true;
}

/** Says how objects of a class, and of those that extend it, are written: `toJson(House, (house) => house.name)`. */
export function toJson<T>(type: Class<T>, convert: (value: T) => unknown): JsonConversion {
  if (typeof type !== "function" || typeof convert !== "function") {
    throw new ConfigurationError("toJson", "a class and a function of its objects are expected");
  }
  return Object.freeze({ type, convert });
}

/** Checks the option `routes.json.convert` and makes the conversion of any object. Throws ConfigurationError. */
export function jsonConversions(list: readonly JsonConversion[]): (value: object) => unknown {
  if (!Array.isArray(list)) throw new ConfigurationError("routes.json.convert", "a list is expected");
  const byClass = new Map<object, (value: never) => unknown>();
  for (const [index, one] of list.entries()) {
    const path = `routes.json.convert[${index}]`;
    if (typeof one?.type !== "function" || typeof one.convert !== "function") {
      throw new ConfigurationError(path, "toJson(Class, (value) => …) is expected");
    }
    if (byClass.has(one.type.prototype)) {
      throw new ConfigurationError(path, `there is a conversion for ${one.type.name} already`);
    }
    byClass.set(one.type.prototype, one.convert);
  }
  if (byClass.size === 0) return (value) => value;
  return (value) => {
    for (let at: object | null = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) {
      const convert = byClass.get(at);
      if (convert !== undefined) return convert(value as never);
    }
    return value;
  };
}

/** How `security.answer` writes. */
export interface JsonSettings {
  readonly convert: (value: object) => unknown;
  readonly stream: boolean;
}

/** A value as JSON text: objects by the conversion for their class, bigints as text, which is how they are read too. */
export function writeJson(value: unknown, { convert }: JsonSettings): string {
  const text = JSON.stringify(value, function replace(this: Readonly<Record<string, unknown>>, key, given: unknown) {
    // `given` has been through toJSON already; the object itself stands in its holder.
    const original = this[key];
    if (typeof original === "bigint") return String(original);
    if (typeof original !== "object" || original === null) return given;
    const converted = convert(original);
    return converted === original ? given : plain(converted, key);
  });
  return text ?? "null";
}

/** What JSON.stringify would have made of a conversion's result before it asked. */
function plain(value: unknown, key: string): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  const { toJSON } = value as { readonly toJSON?: unknown };
  return typeof toJSON === "function" ? toJSON.call(value, key) : value;
}

type Items = Iterator<unknown> | AsyncIterator<unknown>;

/** The items of a generator or another iterator; undefined for what JSON knows by itself. */
export function itemsOf(value: unknown): Items | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const both = value as Partial<Iterable<unknown> & AsyncIterable<unknown>>;
  if (typeof both[Symbol.asyncIterator] === "function") return both[Symbol.asyncIterator]?.();
  return typeof both[Symbol.iterator] === "function" ? both[Symbol.iterator]?.() : undefined;
}

/** All items as one JSON array. */
export async function collected(items: Items, settings: JsonSettings): Promise<string> {
  const texts: string[] = [];
  for (let next = await items.next(); next.done !== true; next = await items.next()) {
    texts.push(writeJson(next.value, settings));
  }
  return `[${texts.join(",")}]`;
}

/**
 * The items as one JSON array that is written as they come, no faster than it is read. Where an item fails the body ends
 * in an error and not as if it were whole; the rest of the items is let go of then, and when the reader leaves.
 */
export function streamed(
  items: Items,
  settings: JsonSettings,
  failed: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let before = "[";
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const next = await items.next();
        if (next.done === true) {
          controller.enqueue(encoder.encode(before === "[" ? "[]" : "]"));
          controller.close();
          return;
        }
        controller.enqueue(encoder.encode(before + writeJson(next.value, settings)));
        before = ",";
      } catch (error) {
        failed(error);
        controller.error(error);
        await items.return?.();
      }
    },
    async cancel() {
      await items.return?.();
    },
  });
}
