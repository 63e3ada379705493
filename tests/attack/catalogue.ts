/** The catalogue of attacks as data. */
import { readFileSync } from "node:fs";
import { isEndpoint, pathOf } from "./endpoints.ts";
import type { Route } from "./lab.ts";

/** One line of the catalogue. */
export interface CatalogueEntry {
  readonly id: string;
  /** C account takeover or bypass of authentication, H, M, L. */
  readonly severity: "C" | "H" | "M" | "L";
  readonly origin: string;
  readonly attack: string;
  readonly passes: string;
  /** One of these logical endpoints (or abilities) must exist. */
  readonly needs?: readonly string[];
  /** Played by `--timing` alone. */
  readonly timing?: boolean;
}

/** An id: a group and a number, or a class of the advisories. */
const id = /(?:[A-Z]{3}-\d{2}|ADV-[A-Z])\b/.source;

/** The ids that a test plays: the one that its title begins with, and classes of advisories in brackets. */
export function idsIn(title: string): readonly string[] {
  const first = new RegExp(`^${id}`).exec(title)?.[0];
  return first === undefined ? [] : [first, ...[...title.matchAll(/\[(ADV-[A-Z])\]/g)].map(([, also = ""]) => also)];
}

/** All attacks. */
export const catalogue: readonly CatalogueEntry[] = JSON.parse(
  readFileSync(new URL("./catalogue.json", import.meta.url), "utf8"),
) as readonly CatalogueEntry[];

/** Why an attack cannot be played against a server with these routes; undefined: it can. */
export function notApplicable(entry: CatalogueEntry, routes: readonly Route[]): string | undefined {
  if (entry.timing === true) return "reported by --timing";
  if (entry.needs === undefined) return undefined;
  const missing: string[] = [];
  for (const need of entry.needs) {
    if (!isEndpoint(need)) throw new Error(`${entry.id}: "${need}" is no logical endpoint`);
    else if (pathOf(routes, need) === undefined) missing.push(`${need} is off`);
    else return undefined;
  }
  return missing.join(", ");
}
