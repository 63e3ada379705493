// Checks the arrows between the rooms of src/: a room imports from the rooms before it, never from a later one.
//   node scripts/rooms.mjs [directory]
// Prints each violation as file:line and ends with 1 if there is one.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, extname, join, posix, relative, resolve, sep } from "node:path";
import process from "node:process";
import { importsOf } from "./imports.mjs";

/** The rooms in the order of dependence. `options` (the file) stands between routes and features. */
const order = [
  ...["client", "model", "secrets", "passwords", "delivery", "i18n", "events", "datastore", "audit", "http", "views"],
  ...["authn", "authz", "routes", "options", "features", "flask", "hosts", "cli", "testing"],
];
const rootFiles = ["index.ts", "security.ts", "assembly.ts", "options.ts"];
const forbiddenNames = ["utils", "util", "helpers", "helper", "misc", "common"];
// The composition root: security.ts is what users hold, assembly.ts and its folder wire the rooms.
/** Rooms that work on a whole Security and may name its type. */
const knowSecurity = ["features", "hosts", "cli", "testing"];

/** @typedef {{ from: string, line: number, to: string, typeOnly: boolean }} Arrow */
/** @typedef {{ file: string, line: number, message: string }} Violation */

/** @param {string} directory @returns {string[]} the source files as paths with `/` relative to it */
function sourceFiles(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && extname(entry.name) === ".ts")
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}

/** @param {string} file */
const isTest = (file) => /\.test(-d)?\.ts$/.test(file);

/** The room of a file; for the files at the root their own name without ending. @param {string} file */
const roomOf = (file) => (file.includes("/") ? (file.split("/")[0] ?? file) : file.replace(/\.ts$/, ""));

/** Why an arrow must not be, or undefined. @param {Arrow} arrow @returns {string | undefined} */
function objection({ from, to, typeOnly }) {
  const source = roomOf(from);
  const target = roomOf(to);
  if (source === "index" || source === target) return undefined;
  if (target === "index") return `${source} imports src/index.ts, which is for users only`;
  if (source === "security" || source === "assembly") return undefined;
  if (target === "assembly") return `${source} imports src/${to}, which is for security.ts only`;
  if (target === "security") {
    if (typeOnly && knowSecurity.includes(source)) return undefined;
    return typeOnly
      ? `${source} names a type of src/security.ts; only ${knowSecurity.join(", ")} may`
      : `${source} imports src/security.ts at run time; it may only be imported as a type`;
  }
  if (source === "options" && target === "features" && typeOnly) return undefined;
  if (order.indexOf(target) <= order.indexOf(source)) return undefined;
  return `${source} imports from the later ${target === "options" ? "src/options.ts" : `room ${target}`} (${to})`;
}

/** Names that say nothing, and rooms that are not in the order. @param {string[]} files @returns {Violation[]} */
function misnamed(files) {
  /** @type {Violation[]} */
  const violations = [];
  for (const file of files) {
    const bad = file.split("/").find((part) => forbiddenNames.includes(part.replace(/(\.test(-d)?)?\.ts$/, "")));
    if (bad) violations.push({ file, line: 1, message: `the name "${bad}" says nothing about what is inside` });
    const room = roomOf(file);
    const isFolder = (order.includes(room) && room !== "options") || room === "assembly";
    const known = file.includes("/") ? isFolder : rootFiles.includes(file);
    if (!known && !isTest(file))
      violations.push({ file, line: 1, message: `${room} is not a room; see scripts/rooms.mjs` });
  }
  return violations;
}

/** Loops of imports at run time, each once. @param {Arrow[]} arrows @returns {Violation[]} */
function cycles(arrows) {
  /** @type {Map<string, Arrow[]>} */
  const outgoing = new Map();
  for (const arrow of arrows) {
    if (!arrow.typeOnly) outgoing.set(arrow.from, [...(outgoing.get(arrow.from) ?? []), arrow]);
  }
  /** @type {Violation[]} */
  const violations = [];
  const finished = new Set();
  /** @param {string} file @param {Arrow[]} path */
  const visit = (file, path) => {
    if (finished.has(file)) return;
    for (const arrow of outgoing.get(file) ?? []) {
      const extended = [...path, arrow];
      const start = extended.findIndex(({ from }) => from === arrow.to);
      if (start < 0) visit(arrow.to, extended);
      else {
        const loop = extended.slice(start);
        const first = loop[0] ?? arrow;
        const message = `import cycle: ${[...loop.map(({ from }) => from), first.from].join(" -> ")}`;
        violations.push({ file: first.from, line: first.line, message });
      }
    }
    finished.add(file);
  };
  for (const file of outgoing.keys()) visit(file, []);
  return violations;
}

const directory = resolve(process.argv[2] ?? "src");
if (!existsSync(directory)) {
  console.error(`rooms: there is no folder ${directory}`);
  process.exit(2);
}
const files = sourceFiles(directory);
const violations = misnamed(files);
/** @type {Arrow[]} */
const arrows = [];
for (const file of files.filter((name) => !isTest(name))) {
  for (const { specifier, typeOnly, line } of importsOf(readFileSync(join(directory, file), "utf8"))) {
    const to = posix.join(dirname(file), specifier);
    if (/^portcullis(\/|$)/.test(specifier)) {
      violations.push({ file, line, message: `imports its own package by name (${specifier})` });
    } else if (specifier.startsWith(".") && to.startsWith("../")) {
      violations.push({ file, line, message: `imports from outside the sources (${specifier})` });
    } else if (specifier.startsWith(".") && isTest(to)) {
      violations.push({ file, line, message: `imports a test (${specifier})` });
    } else if (specifier.startsWith(".")) {
      arrows.push({ from: file, line, to, typeOnly });
    }
  }
}
for (const arrow of arrows) {
  const message = objection(arrow);
  if (message) violations.push({ file: arrow.from, line: arrow.line, message });
}
violations.push(...cycles(arrows));

const shown = relative(process.cwd(), directory) || ".";
const typed = arrows.filter(({ from, to }) => to === "security.ts" && from !== "index.ts");
for (const { from, line } of typed.filter((arrow) => arrow.typeOnly)) {
  console.log(`${shown}/${from}:${line}: names a type of security.ts (allowed)`);
}
for (const { file, line, message } of violations) console.log(`${shown}/${file}:${line}: ${message}`);
console.log(`rooms: ${files.length} files, ${arrows.length} arrows, ${violations.length} violations`);
process.exitCode = violations.length > 0 ? 1 : 0;
