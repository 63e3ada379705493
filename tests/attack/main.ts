/**
 * npm run attack                                    every attack, all profiles on SQLite and PostgreSQL
 * npm run attack -- --targets default:sqlite,…      these only
 * npm run attack -- RED SES-0                       attacks whose id begins so
 * npm run attack -- --timing [TIM ENU-03 …]         timing oracles: reports, never fails
 * Prints a table of ids; ends with 1 when an attack of severity C or H succeeded.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { catalogue } from "./catalogue.ts";
import type { AttackResult } from "./reporter.ts";
import { reportTimings } from "./timing.ts";

const profiles = ["default", "full", "spa", "token"];
const databases = ["sqlite", "postgres"];
const everything = profiles.flatMap((profile) => databases.map((database) => `${profile}:${database}`));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { timing: { type: "boolean", default: false }, targets: { type: "string", default: everything.join(",") } },
});
const targets = values.targets.split(",");
for (const target of targets) {
  if (!everything.includes(target)) {
    console.error(`--targets: "${target}" is unknown; there are ${everything.join(", ")}`);
    process.exit(2);
  }
}

if (values.timing) await reportTimings(positionals);
else process.exitCode = report(await play());

/** Runs the attacks under vitest and returns what became of them. */
async function play(): Promise<readonly AttackResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-attack-"));
  const results = join(folder, "results.json");
  const args = ["run", "--project", "attack", "--reporter=default", "--reporter=./tests/attack/reporter.ts"];
  // The long form takes as long as it takes, on whatever machine.
  args.push("--testTimeout=0", "--hookTimeout=0");
  if (positionals.length > 0) args.push("--testNamePattern", `(?:^| |\\[)(?:${positionals.join("|")})`);
  const env = { ...process.env, ATTACK_RESULTS: results, ATTACK_TARGETS: targets.join(",") };
  await new Promise((resolve, reject) => {
    const child = spawn("vitest", args, { env, stdio: ["ignore", "inherit", "inherit"] });
    child.once("error", reject);
    child.once("close", resolve);
  });
  try {
    return JSON.parse(readFileSync(results, "utf8")) as readonly AttackResult[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Prints the table and returns the exit code. */
function report(results: readonly AttackResult[]): number {
  const order = new Map(catalogue.map(({ id }, index) => [id, index]));
  const ids = [...new Set(results.map(({ id }) => id))].sort((a, b) => (order.get(a) ?? 999) - (order.get(b) ?? 999));
  console.log(`\n${"ID".padEnd(9)}${"SEV".padEnd(5)}RESULT`);
  const totals = { pass: 0, fail: 0, "not applicable": 0 };
  let gate = 0;
  for (const id of ids) {
    const of = results.filter((result) => result.id === id);
    const failed = of.filter(({ state }) => state === "failed");
    const passed = of.filter(({ state }) => state === "passed");
    const severity = of[0]?.severity ?? "";
    const state = failed.length > 0 ? "fail" : passed.length > 0 ? "pass" : "not applicable";
    totals[state] += 1;
    if (failed.length > 0 && of.some(({ severity: level }) => level === "C" || level === "H")) gate += 1;
    const where = (list: readonly AttackResult[]): string => [...new Set(list.map(({ target }) => target))].join(", ");
    const skipped = of.filter(({ state: s }) => s === "not applicable");
    const because = [...new Set(skipped.map(({ note }) => note))].join("; ");
    let text: string = state;
    if (state === "fail") text = `FAIL on ${where(failed)}`;
    else if (state === "not applicable") text = `not applicable: ${because}`;
    else if (skipped.length > 0) text = `pass (not on ${where(skipped)}: ${because})`;
    console.log(`${id.padEnd(9)}${severity.padEnd(5)}${text}`);
    for (const { title, note } of failed)
      console.log(`           ${title}\n             ${note.split("\n").slice(0, 4).join("\n             ")}`);
  }
  const listed = `${totals.pass} pass, ${totals.fail} fail, ${totals["not applicable"]} not applicable`;
  console.log(`\n${listed}; ${gate} of severity C or H fail`);
  // No results at all is no pass.
  return gate > 0 || totals.pass === 0 ? 1 : 0;
}
