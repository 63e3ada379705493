/** A moment by both clocks: a machine that was suspended may have stopped the monotonic one, and a corrected one is set. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

/** Now. */
export function moment(): Moment {
  return { monotonic: performance.now(), wall: Date.now() };
}

/** Milliseconds since then, by the clock that says more: a connection that was dead must not look alive. */
export function since(then: Moment): number {
  return Math.max(performance.now() - then.monotonic, Date.now() - then.wall);
}
