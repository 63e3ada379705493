// What the report is made of.
import { type Comparison, type Spread, shown } from "./compare.ts";

/** One line of the report. */
export interface Row {
  readonly name: string;
  /** The cells between the name and what is allowed. */
  readonly cells: readonly string[];
  readonly allowed: string;
  /** Undefined: nothing is demanded, the number is stated. */
  readonly met: boolean | undefined;
  /** What it says beside the numbers. */
  readonly note?: string | undefined;
  /** What is left and why, where the number is missed. */
  readonly missed?: string | undefined;
}

/** A line of the table. */
export function line({ name, cells, allowed, met }: Row): string {
  return `| ${[name, ...cells, allowed, met === undefined ? "–" : met ? "yes" : "**no**"].join(" | ")} |`;
}

/** The cells of a comparison with its floor. */
export function cells({ base, over, rate }: Comparison): string[] {
  return [shown(base), shown(over), shown(rate, 2)];
}

/** A number with its unit. */
export function measured(spread: Spread, unit: string, digits = 0): string {
  return `${shown(spread, digits)} ${unit}`;
}
