/** PostgreSQL's snapshots as text (`pg_current_snapshot`): `xmin:xmax:xip,xip…`. */

interface Snapshot {
  /** What is at or past it had not ended. */
  readonly end: bigint;
  readonly running: ReadonlySet<string>;
}

/** The same ones are asked about again and again. */
const read = new Map<string, Snapshot>();
const kept = 200;

/** Whether a transaction of that number had ended when the snapshot was taken: what it committed is visible there. */
export function sees(snapshot: string, transaction: string): boolean {
  let found = read.get(snapshot);
  if (found === undefined) {
    const [, end = "0", running = ""] = snapshot.split(":");
    found = { end: BigInt(end), running: new Set(running === "" ? [] : running.split(",")) };
    if (read.size >= kept) read.clear();
    read.set(snapshot, found);
  }
  return BigInt(transaction) < found.end && !found.running.has(transaction);
}
