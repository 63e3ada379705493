import { setTimeout } from "node:timers/promises";
import { type AuditEntry, detailsOf } from "../../audit/entry.ts";
import { timeOf } from "../../audit/file.ts";
import { normalizeAddress, trustList } from "../../http/address.ts";
import { unixPeer } from "../../http/connection.ts";
import { ConfigurationError } from "../../model/errors.ts";
import type { OperatedSystem } from "../application.ts";
import { type Finding, ofConfigurationError } from "./finding.ts";

/** Clocks that differ by more than this make links and codes end early or late; in milliseconds. */
const allowedSkew = 5_000;

/** Looks at a system that has started: its schema has been compared already. */
export async function checkRunning(system: OperatedSystem, options: unknown): Promise<readonly Finding[]> {
  return [
    { check: "schema", level: "ok", text: "the database has all tables, columns and indexes" },
    await databaseClock(system),
    ...(await notifications(system)),
    ...(await suspectedProxies(system, options)),
    await mail(system, options),
  ];
}

/** So long it is waited for the first notification, in milliseconds: a busy server is not deaf. */
const hearing = { patience: 5_000, pause: 50 };

/** Whether what PostgreSQL's NOTIFY tells arrives; nothing where the store does not listen. */
async function notifications(system: Pick<OperatedSystem, "hearsOthers">): Promise<readonly Finding[]> {
  if (system.hearsOthers() === undefined) return [];
  const check = "notifications";
  for (let waited = 0; waited < hearing.patience; waited += hearing.pause) {
    if (system.hearsOthers() === true) return [{ check, level: "ok", text: "the database's notifications arrive" }];
    await setTimeout(hearing.pause);
  }
  const text =
    "the database's notifications do not arrive, so changes of other processes are looked for several times a second, and a revocation takes as long to be acknowledged: a pooler in transaction mode does not carry LISTEN, or the listening connection ends at another server or database than the queries";
  const mend = 'give postgres(...) a direct connection as listenUrl, or say listen: "poll"';
  return [{ check, level: "warning", path: "datastore", text, mend }];
}

/** What running servers noted in the trail: clients that come through a proxy which nobody declared. */
async function suspectedProxies(system: OperatedSystem, options: unknown): Promise<readonly Finding[]> {
  const { trustedProxies } = options as { readonly trustedProxies?: unknown };
  // An empty list says that there is none; another one was declared since, or says nothing of a Unix socket.
  if (Array.isArray(trustedProxies) && trustedProxies.length === 0) return [];
  const entries = await system.audit.list({ name: "undeclaredProxy", limit: 20 });
  const latest = entries.find((entry) => trustedProxies === undefined || !isDeclared(trustedProxies, peerOf(entry)));
  if (latest === undefined) return [];
  const peer = peerOf(latest);
  const from = peer === unixPeer ? "a Unix socket" : peer;
  const day = timeOf(latest).slice(0, 10);
  const text = `on ${day} a running server saw many clients come from ${from}, as through a proxy: limits count them as one`;
  const mend = `only if a proxy of yours is there, declare it: trustedProxies: { hops: 1 } or ["${peer}"]; else anybody can have caused this: trustedProxies: []`;
  return [{ check: "proxies", level: "warning", path: "trustedProxies", text, mend }];
}

function peerOf(entry: Pick<AuditEntry, "details">): string {
  const { peer } = detailsOf(entry);
  return peer === unixPeer ? unixPeer : ((typeof peer === "string" ? normalizeAddress(peer) : undefined) ?? "");
}

function isDeclared(trustedProxies: unknown, peer: string): boolean {
  return !Array.isArray(trustedProxies) || peer === "" || trustList(trustedProxies as readonly string[])(peer);
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
    if (error instanceof ConfigurationError) return { ...ofConfigurationError(error), check: "mail", level: "fault" };
    const mend = "see that host, port, user and password are right, and that this machine may connect";
    return { check: "mail", level: "fault", path: "mail.sender", text: `no mail can be sent: ${reason(error)}`, mend };
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
