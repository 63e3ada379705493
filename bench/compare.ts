// Two servers in turn, in many short slices: what the machine does meanwhile hits both.
import type { Shot } from "./load.ts";
import type { BenchServer } from "./servers.ts";

/** One side of a comparison: a server and what it is asked. */
export interface Side {
  readonly server: BenchServer;
  readonly shots: readonly Shot[];
}

/** The middle of several values, with the first and the last quarter's border. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** What a comparison found. */
export interface Comparison {
  /** CPU of the first side's server, in microseconds a request. */
  readonly base: Spread;
  /** CPU of the second over the first, pair by pair. */
  readonly over: Spread;
  /** CPU of the second divided by that of the first, pair by pair. */
  readonly times: Spread;
  /** Requests per second of the second divided by those of the first. */
  readonly rate: Spread;
}

/** How much is measured. */
export interface Effort {
  readonly pairs: number;
  /** Requests in one slice. */
  readonly requests: number;
  /** Requests before the first slice, for the compilers. */
  readonly warmUp: number;
}

interface Slice {
  readonly cpu: number;
  readonly milliseconds: number;
}

async function slice({ server, shots }: Side, requests: number): Promise<Slice> {
  const before = await server.usage();
  const milliseconds = await server.load.run(shots, requests);
  const after = await server.usage();
  return { cpu: (after.cpu - before.cpu) / requests, milliseconds };
}

/** Compares two sides; which of a pair comes first changes from pair to pair. */
export async function compare(first: Side, second: Side, effort: Effort): Promise<Comparison> {
  const { pairs, requests, warmUp } = effort;
  for (const { server, shots } of [first, second]) await server.load.run(shots, warmUp);
  const found: { readonly a: Slice; readonly b: Slice }[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    if (pair % 2 === 0) {
      const a = await slice(first, requests);
      found.push({ a, b: await slice(second, requests) });
    } else {
      const b = await slice(second, requests);
      found.push({ a: await slice(first, requests), b });
    }
  }
  return {
    base: spread(found.map(({ a }) => a.cpu)),
    over: spread(found.map(({ a, b }) => b.cpu - a.cpu)),
    times: spread(found.map(({ a, b }) => b.cpu / a.cpu)),
    rate: spread(found.map(({ a, b }) => a.milliseconds / b.milliseconds)),
  };
}

/** Median and quartiles. */
export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** "5.1 (4.0–7.2)". */
export function shown({ median, low, high }: Spread, digits = 1): string {
  return `${median.toFixed(digits)} (${low.toFixed(digits)}–${high.toFixed(digits)})`;
}
