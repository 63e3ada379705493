/** A value, or the promise of one: what answers without I/O stays synchronous. */
export type Awaitable<T> = T | Promise<T>;

/** Goes on with the value: at once where it is there, otherwise once it is. */
export function andThen<T, R>(value: Awaitable<T>, go: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(go) : go(value);
}

/** What may come from anywhere: a promise that is not the platform's own must not pass for a value. */
export function settled<T>(value: Awaitable<T>): T | Promise<T> {
  if (value instanceof Promise || (typeof value !== "object" && typeof value !== "function") || value === null) {
    return value;
  }
  return typeof (value as Partial<PromiseLike<T>>).then === "function" ? Promise.resolve(value) : value;
}
