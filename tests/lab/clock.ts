/** The one clock of the lab: the machine's, shifted. */
export interface ShiftedClock {
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** By how many seconds it is ahead. */
  readonly ahead: number;
  /** Seconds; negative ones turn it back. */
  advance(seconds: number): void;
  reset(): void;
}

/** Makes a clock that shows the machine's time. */
export function shiftedClock(): ShiftedClock {
  let offset = 0;
  return {
    now: () => Date.now() + offset,
    get ahead() {
      return offset / 1000;
    },
    advance(seconds) {
      offset += seconds * 1000;
    },
    reset() {
      offset = 0;
    },
  };
}
