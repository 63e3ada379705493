import { asJson } from "../command.ts";

/** What was looked at. */
export type Check =
  | "start"
  | "secrets"
  | "origins"
  | "cookies"
  | "proxies"
  | "mail"
  | "schema"
  | "clock"
  | "notifications"
  | "options";

/** What a look at one thing found. */
export interface Finding {
  readonly check: Check;
  /** "fault": it must be mended. "warning": it may be meant so. "skipped": it could not be looked at. */
  readonly level: "ok" | "fault" | "warning" | "skipped";
  /** The option that is concerned. */
  readonly path?: string;
  readonly text: string;
  /** What to do. */
  readonly mend?: string;
}

/** The findings of one check; where it found nothing wrong, that it is well. */
export function orWell(check: Check, text: string, findings: readonly Finding[]): readonly Finding[] {
  return findings.length > 0 ? findings : [{ check, level: "ok", text }];
}

/** A configuration error as a finding: what it says after the path is fault and mend. */
export function ofConfigurationError(error: Error): Finding {
  const path: unknown = (error as { readonly path?: unknown }).path;
  const named = typeof path === "string" ? { path } : {};
  const message =
    typeof path === "string" && error.message.startsWith(`${path}: `)
      ? error.message.slice(path.length + 2)
      : error.message;
  const [, text = message, mend] = /^([\s\S]*?); ([\s\S]*)$/.exec(message) ?? [];
  const check = checkOf(typeof path === "string" ? path : "", message);
  return { check, level: "fault", ...named, text, ...(mend === undefined ? {} : { mend }) };
}

function checkOf(path: string, message: string): Check {
  if (path === "datastore" && message.includes("lacks")) return "schema";
  const [option = ""] = path.split(/[.[]/, 1);
  const checks: Readonly<Record<string, Check>> = {
    secretKeys: "secrets",
    origins: "origins",
    redirectOrigins: "origins",
    cookies: "cookies",
    trustedProxies: "proxies",
    mail: "mail",
    smtp: "mail",
    clock: "clock",
  };
  return Object.hasOwn(checks, option) ? (checks[option] as Check) : "options";
}

/** The findings for people, or as JSON. */
export function report(findings: readonly Finding[], json: boolean): string {
  const count = (level: Finding["level"]): number => findings.filter((it) => it.level === level).length;
  const counts = { faults: count("fault"), warnings: count("warning") };
  if (json) return asJson({ ...counts, findings });
  const lines = findings.flatMap(({ check, level, path, text, mend }) => [
    `${level.padEnd(8)} ${check.padEnd(8)} ${path === undefined ? "" : `${path}: `}${indented(text)}`,
    ...(mend === undefined ? [] : [`${" ".repeat(18)}mend: ${indented(mend)}`]),
  ]);
  lines.push(`${plural(counts.faults, "fault")}, ${plural(counts.warnings, "warning")}`);
  return `${lines.join("\n")}\n`;
}

const indented = (text: string): string => text.replaceAll("\n", `\n${" ".repeat(18)}`);
const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? "" : "s"}`;
