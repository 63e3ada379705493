import { type Awaitable, settled } from "./awaitable.ts";
import { PortcullisError } from "./errors.ts";

/** A function of the application did not answer in time: the request that waits for it is refused (503). */
export class DeadlineError extends PortcullisError {
  /** The function, for the log. */
  readonly what: string;
  constructor(what: string, ms: number) {
    super("deadline", `${what} did not answer within ${ms} ms`);
    this.what = what;
  }
}

/**
 * What a function of the application answers, unless that takes longer than `ms`: then DeadlineError. What comes later is not
 * looked at, be it an error. What is there at once stays so, and costs no timer.
 */
export function inTime<T>(answer: Awaitable<T>, ms: number, what: string): Awaitable<T> {
  const said = settled(answer);
  if (!(said instanceof Promise)) return said;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlineError(what, ms)), ms);
    said.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
