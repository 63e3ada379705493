/** The time as one process sees it; the simulation of the protocol has its own. */
export interface Clock {
  /** Milliseconds that never go back, and may stand still while the machine is suspended. */
  monotonic(): number;
  /** Epoch milliseconds, which may be set. */
  wall(): number;
  /** Calls it once after so many milliseconds, and keeps the process alive until then if need be; returns what prevents it. */
  after(ms: number, call: () => void, keepsAlive?: boolean): () => void;
}

/** A moment by both clocks: a machine that was suspended may have stopped the monotonic one, and a corrected one is set. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

/** The clocks of this process. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  after(ms, call, keepsAlive = false) {
    const timer = setTimeout(call, ms);
    if (!keepsAlive) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Now. */
export function moment(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.wall() };
}

/** Milliseconds from one moment to another, by the clock that says more: what was suspended must not look young. */
export function between(from: Moment, to: Moment): number {
  return Math.max(to.monotonic - from.monotonic, to.wall - from.wall);
}

/** Milliseconds since then, by the clock that says more. */
export function since(clock: Clock, then: Moment): number {
  return between(then, moment(clock));
}
