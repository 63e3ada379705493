/** A value, or the promise of one: what answers without I/O stays synchronous. */
export type Awaitable<T> = T | Promise<T>;
