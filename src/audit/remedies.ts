import { PortcullisError } from "../model/errors.ts";
import type { AuditFault } from "./verify.ts";

/** What a fault means, and what to do: by how its text begins. */
const remedies: readonly (readonly [beginning: string, remedy: string])[] = [
  ["reports: ", "a write found the chain broken then; acknowledge it once you know why"],
  [
    "was changed",
    "its row is not what was written; compare it with a backup or an export, and write its row back as it was",
  ],
  ["does not follow", "the row before it was changed, exchanged or removed; write back what a backup has there"],
  ["the entries before it are missing", "rows were deleted; write them back from a backup"],
  [
    "the entries from",
    "rows were added past the application, or portcullis_audit_head comes from an older backup than portcullis_audit; delete them, or restore both tables from the same backup",
  ],
  [
    "the entries ",
    "the newest rows were deleted, or portcullis_audit comes from an older backup than portcullis_audit_head; restore both tables from the same backup",
  ],
  ["an entry before the beginning", "a row was added, or put back, that retention had removed; delete it again"],
  [
    "is not the entry that the head",
    "the newest row was exchanged, or the two tables come from different backups; restore both from the same one",
  ],
  [
    "entry ",
    "the newest row was exchanged, or the two tables come from different backups; restore both from the same one",
  ],
  [
    "the head is missing",
    "the row of portcullis_audit_head was deleted or not restored; restore it with portcullis_audit from the same backup",
  ],
  [
    "the head was not signed",
    "its key was dropped too early, or somebody else wrote it; put the old key behind the first one in secretKeys and start once. Where that key is lost, the next event that is written reports the break, and that can be acknowledged",
  ],
];

/** What one fault means and what to do about it. */
function remedyOf({ fault }: Pick<AuditFault, "fault">): string {
  return remedies.find(([beginning]) => fault.startsWith(beginning))?.[1] ?? "compare the trail with a backup";
}

/** "entry 7: was changed". */
export function faultLine({ sequence, fault }: AuditFault): string {
  return `${sequence === undefined ? "the trail" : `entry ${sequence}`}: ${fault}`;
}

/** So many are named in one message. */
const mostNamed = 10;

/** Why nothing was acknowledged: what stands in the way, with what it means and what to do. */
export class NothingToAcknowledgeError extends PortcullisError {
  /** The faults that no acknowledgement covers; none: the chain holds. */
  readonly faults: readonly AuditFault[];

  constructor(faults: readonly AuditFault[]) {
    super("nothing_to_acknowledge", faults.length === 0 ? holds : inTheWay(faults));
    this.faults = faults;
  }
}

const holds =
  "the chain holds, so there is nothing to acknowledge; a backup that was restored whole has a whole chain, and only an anchor of later shows it: keep that file elsewhere, and begin a new one";

function inTheWay(faults: readonly AuditFault[]): string {
  const lines = faults.slice(0, mostNamed).map((fault) => `\n  - ${faultLine(fault)}: ${remedyOf(fault)}`);
  const more = faults.length > mostNamed ? `\n  and ${faults.length - mostNamed} more, which "audit verify" lists` : "";
  return `more is wrong than what the trail itself reports, and that can't be acknowledged:${lines.join("")}${more}`;
}
