// `npm test`: everything that CI checks, in order, to the end even after a failure.
//   npm test                    all steps
//   npm test -- lint types      only these
// The last line is always `N passed, M failed` with `, K skipped` where there are any: tests and checks together.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { styleText } from "node:util";

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */
/** @typedef {{ name: string, title: string, commands?: string[][], project?: string, needs?: string }} Step */

/** @type {Step[]} */
const steps = [
  { name: "lint", title: "format and lint", commands: [["npm", "run", "--silent", "lint"]] },
  {
    name: "types",
    title: "types, and what must not compile",
    commands: [
      ["tsc", "-p", "tsconfig.json"],
      ["tsc", "-p", "tsconfig.scripts.json"],
    ],
  },
  { name: "rooms", title: "dependence between rooms", commands: [["node", "scripts/rooms.mjs"]] },
  { name: "unused", title: "unused files, exports and dependencies", commands: [["knip", "--no-progress"]] },
  { name: "unit", title: "unit, property and HTTP tests", project: "unit" },
  { name: "attack", title: "attacks on a running server (all of them: npm run attack)", project: "attack" },
  {
    name: "asvs",
    title: "docs/asvs.md is what the tests say",
    commands: [["node", "scripts/asvs.mjs", "--check"]],
  },
  { name: "services", title: "tests on database and cache servers", project: "services" },
  { name: "browser", title: "tests in a real browser", project: "browser" },
  { name: "build", title: "build of the package", commands: [["node", "scripts/build.mjs"]] },
  { name: "package", title: "the package as users get it", project: "package", needs: "build" },
];

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/** @param {string[]} names @returns {Step[]} the named steps, or all, with those that they need, in order */
function selected(names) {
  const unknown = names.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`unknown step: ${unknown.join(", ")}; there are ${steps.map(({ name }) => name).join(", ")}`);
    process.exit(2);
  }
  if (names.length === 0) return steps;
  const needed = new Set(
    names.flatMap((name) => [name, ...steps.flatMap((s) => (s.name === name ? (s.needs ?? []) : []))]),
  );
  return steps.filter(({ name }) => needed.has(name));
}

const onTerminal = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
/** @param {Parameters<typeof styleText>[0]} style @param {string} text */
const styled = (style, text) => (onTerminal ? styleText(style, text, { validateStream: false }) : text);
/** @param {number} started */
const secondsSince = (started) => `${((performance.now() - started) / 1000).toFixed(1)} s`;

/** @type {NodeJS.ProcessEnv} */
const env = { ...process.env };
// The project's own Node and tools come first, however this script was started.
env.PATH = [join(process.cwd(), "node_modules", ".bin"), env.PATH].join(delimiter);
// Hundreds of tests start a program from its sources: each would strip the types and compile everything anew.
env.NODE_COMPILE_CACHE ??= join(process.cwd(), "node_modules", ".cache", "compile");
if (!onTerminal) {
  env.NO_COLOR = "1";
  delete env.FORCE_COLOR;
  delete env.CLICOLOR_FORCE;
}

/**
 * Runs a command; `streamed` shows its output at once, otherwise it is returned.
 * @param {string[]} command @param {boolean} streamed @returns {Promise<{ ok: boolean, output: string }>}
 */
function run([program = "", ...args], streamed) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env,
      stdio: ["ignore", streamed ? "inherit" : "pipe", streamed ? "inherit" : "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
        output += text;
      });
    }
    child.once("error", (error) => resolve({ ok: false, output: `${program}: ${error.message}` }));
    child.once("close", (code) => resolve({ ok: code === 0, output }));
  });
}

/** @param {string[][]} commands @returns {Promise<Counts>} one check, whatever the number of its commands */
async function runChecks(commands) {
  let failed = 0;
  for (const command of commands) {
    const { ok, output } = await run(command, false);
    if (ok) continue;
    failed = 1;
    console.log(`$ ${command.join(" ")}\n${output.trimEnd()}`);
  }
  return { passed: 1 - failed, failed, skipped: 0 };
}

/** @param {string} project @returns {Promise<Counts>} the tests of one project of vitest.config.ts */
async function runTests(project) {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-check-"));
  const report = join(folder, "report.json");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const { ok, output } = await run(["vitest", "run", "--project", project, ...reporters], true);
  if (output) console.log(output);
  const counts = existsSync(report)
    ? countsOf(JSON.parse(readFileSync(report, "utf8")))
    : { passed: 0, failed: 0, skipped: 0 };
  rmSync(folder, { recursive: true, force: true });
  // An error outside any test (an unhandled rejection, no tests at all) has no line in the report.
  if (!ok && counts.failed === 0) counts.failed = 1;
  return counts;
}

/**
 * @param {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number,
 *   testResults: { status: string, assertionResults: { status: string }[] }[] }} report vitest's JSON report
 * @returns {Counts} where a file that failed outside its tests counts as one failure
 */
function countsOf(report) {
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** @type {{ name: string, counts: Counts, time: string, note: string }[]} */
const results = [];
/** @param {Step} step @returns {Promise<Counts>} */
async function runStep({ commands, project, needs }) {
  if (results.some(({ name, counts }) => name === needs && counts.failed > 0)) {
    console.log(`not run: ${needs} failed`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  return project === undefined ? runChecks(commands ?? []) : runTests(project);
}

const began = performance.now();
for (const step of selected(process.argv.slice(2))) {
  console.log(`\n${styled("bold", `== ${step.name}: ${step.title}`)}`);
  const started = performance.now();
  const counts = await runStep(step);
  const time = secondsSince(started);
  const note = counts.failed > 0 ? "FAILED" : counts.passed === 0 ? "skipped" : "ok";
  results.push({ name: step.name, counts, time, note });
  console.log(styled(counts.failed > 0 ? "red" : "green", `${note} in ${time}`));
}

const total = { passed: 0, failed: 0, skipped: 0 };
console.log(`\n${styled("bold", `== summary (${secondsSince(began)})`)}`);
for (const { name, counts, time, note } of results) {
  const { passed, failed, skipped } = counts;
  const numbers = `${`${passed} passed`.padStart(12)} ${`${failed} failed`.padStart(10)} ${`${skipped} skipped`.padStart(12)}`;
  console.log(
    `${name.padEnd(10)}${styled(failed > 0 ? "red" : "green", note.padEnd(8))}${numbers} ${time.padStart(9)}`,
  );
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}
process.exitCode = total.failed > 0 ? 1 : 0;
console.log("");
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
