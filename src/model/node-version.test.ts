import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { nodeFault, oldestNode } from "./node-version.ts";

const root = new URL("../../", import.meta.url);
const said = `Portcullis needs Node.js 22.18 or newer; this is Node.js 20.20.2`;

it("takes the versions that package.json names, and other platforms whatever Node.js they are like", () => {
  const { engines } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { engines: { node: string } };
  expect(`${engines.node}.0`).toBe(`>=${oldestNode}`);
  for (const node of ["22.18.0", "22.19.1", "23.0.0", "24.21.0", "100.0.0"])
    expect(nodeFault({ node })).toBeUndefined();
  for (const node of ["18.20.8", "20.20.2", "22.0.0", "22.17.9"]) {
    expect(nodeFault({ node })).toBe(said.replace("20.20.2", node));
  }
  expect(nodeFault({ node: "20.11.1", deno: "2.9.6" })).toBeUndefined();
  expect(nodeFault({ node: "20.11.1", bun: "1.4.5" })).toBeUndefined();
  expect(nodeFault({})).toBeUndefined();
});

/** Runs a program of the sources under the name of an old Node.js. */
function runOld(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-old-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const old = join(folder, "old.mjs");
  writeFileSync(old, 'Object.defineProperty(process.versions, "node", { value: "20.20.2" });');
  writeFileSync(
    join(folder, "app.mjs"),
    'import { sqlite } from "portcullis/sqlite"; import "portcullis"; console.log(sqlite);',
  );
  const fromSource = new URL("scripts/from-source.mjs", root).href;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", fromSource, "--import", old, ...args.map((arg) => arg.replace("FOLDER", folder))],
    { encoding: "utf8" },
  );
  return { code: status, stdout, stderr };
}

it("the command says in one line that Node.js is too old", () => {
  const program = fileURLToPath(new URL("src/cli/main.ts", root));
  for (const args of [["--version"], ["users", "list"]]) {
    expect(runOld(program, ...args)).toEqual({ code: 2, stdout: "", stderr: `portcullis: ${said}\n` });
  }
});

it("the package says so when it is imported", () => {
  const { code, stdout, stderr } = runOld("FOLDER/app.mjs");
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr.split("\n").filter((line) => line.includes(said))).toHaveLength(1);
  expect(stderr).not.toContain("    at ");
});
