import type { OperatedSystem } from "../application.ts";
import type { Finding } from "./finding.ts";

/** Clocks that differ by more than this make links and codes end early or late; in milliseconds. */
const allowedSkew = 5_000;

/** Looks at a system that has started: its schema has been compared already. */
export async function checkRunning(system: OperatedSystem, options: unknown): Promise<readonly Finding[]> {
  return [
    { check: "schema", level: "ok", text: "the database has all tables and columns" },
    await databaseClock(system),
    await mail(system, options),
  ];
}

async function databaseClock(system: OperatedSystem): Promise<Finding> {
  const before = Date.now();
  let there: number | undefined;
  try {
    there = await system.databaseTime();
  } catch (error) {
    const text = `the database does not tell its time: ${reason(error)}`;
    return { check: "clock", level: "skipped", text };
  }
  if (there === undefined) return { check: "clock", level: "ok", text: "the database goes by this machine's clock" };
  return clockFinding("the database", there, before, Date.now());
}

/** Compares a clock that was asked between two moments of this machine's. `precision`: how coarse it tells the time, in ms. */
export function clockFinding(whose: string, there: number, before: number, after: number, precision = 1): Finding {
  const skew = there + precision <= before ? there + precision - before : there >= after ? there - after : 0;
  if (Math.abs(skew) <= allowedSkew) {
    return { check: "clock", level: "ok", text: `${whose} and this machine agree about the time` };
  }
  const text = `${whose} is ${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? "ahead of" : "behind"} this machine`;
  return { check: "clock", level: "fault", text, mend: "run a time service (chrony, systemd-timesyncd) on both" };
}

/** Connects and signs in to the mail server as for sending, and sends nothing. */
async function mail(system: OperatedSystem, options: unknown): Promise<Finding> {
  const configured = (options as { readonly mail?: { readonly sender?: { readonly verify?: unknown } } }).mail;
  if (configured === undefined) return { check: "mail", level: "skipped", text: "no mail is configured" };
  if (typeof configured.sender?.verify !== "function") {
    return { check: "mail", level: "skipped", text: "this sender can't be asked whether it could send" };
  }
  try {
    await system.delivery.verifyMail();
    return { check: "mail", level: "ok", text: "the mail server lets this application in" };
  } catch (error) {
    const mend = "see that host, port, user and password are right, and that this machine may connect";
    return { check: "mail", level: "fault", path: "mail.sender", text: `no mail can be sent: ${reason(error)}`, mend };
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
