import type { KeyRing } from "../secrets/keyring.ts";
import { genesis } from "./chain.ts";

/** A place in the chain. */
export interface ChainPlace {
  readonly sequence: number;
  readonly hash: string;
}

const purpose = "audit-anchor";
const shape = /^portcullis-audit-1 (\d{1,15}) ([\w-]{43}|-) (\d{4}-\d\d-\d\dT[\d:.]{8,12}Z) ([\w-]{43})\s*$/;

/** A line that says, signed, where the chain ended at this time (epoch milliseconds): to be kept outside of the database. */
export function anchorOf(ring: KeyRing, { sequence, hash }: ChainPlace, at: number): string {
  const text = `portcullis-audit-1 ${sequence} ${hash === genesis ? "-" : hash} ${new Date(at).toISOString()}`;
  return `${text} ${ring.sign(purpose, text)}`;
}

/**
 * Where the chain ended when the anchor was made; undefined: no key of this application has signed it. Throws a TypeError for what
 * is no anchor.
 */
export function openAnchor(ring: KeyRing, line: string): ChainPlace | undefined {
  const parts = shape.exec(line);
  if (parts === null) throw new TypeError('anchor: a line is expected as anchor() makes it ("portcullis-audit-1 …")');
  const [, sequence, hash = "", , signature = ""] = parts;
  if (!ring.verify(purpose, line.slice(0, line.lastIndexOf(signature) - 1), signature)) return undefined;
  return { sequence: Number(sequence), hash: hash === "-" ? genesis : hash };
}
