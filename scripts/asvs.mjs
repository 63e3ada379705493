// docs/asvs.md: which requirement of OWASP ASVS 5.0.0 is proved by which tests. Tests name requirements as [ASVS 1.2.3].
//   node scripts/asvs.mjs            writes the file
//   node scripts/asvs.mjs --check    ends with 1 when it is not what the tests say
import { globSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/** @typedef {{ id: string, section: string, level: string, asks: string, role: string, measure: string }} Requirement */
/** @typedef {{ title: string, file: string }} Test */

/** @type {Requirement[]} */
const requirements = JSON.parse(readFileSync("tests/attack/asvs.json", "utf8"));

/** @returns {Map<string, Test[]>} the tests by the requirements that their names carry */
function testsByRequirement() {
  /** @type {Map<string, Test[]>} */
  const found = new Map();
  const known = new Set(requirements.map(({ id }) => id));
  const files = globSync(["src/**/*.test.ts", "tests/**/*.test.ts", "tests/attack/suite.ts", "examples/**/*.test.ts"]);
  for (const path of files.map((name) => name.replaceAll("\\", "/")).sort()) {
    for (const [, , text = ""] of readFileSync(path, "utf8").matchAll(
      /(["'`])((?:\\.|(?!\1)[^\n\\])*\[ASVS [\d.]+\](?:\\.|(?!\1)[^\n\\])*)\1/g,
    )) {
      const title = text.replace(/ ?\[ASVS [\d.]+\]/g, "").trim();
      for (const [, id = ""] of text.matchAll(/\[ASVS ([\d.]+)\]/g)) {
        if (!known.has(id))
          throw new Error(`${path}: "${title}" names ${id}, which tests/attack/asvs.json does not know`);
        found.set(id, [...(found.get(id) ?? []), { title, file: path }]);
      }
    }
  }
  return found;
}

/** @param {Requirement} requirement @param {Test[]} tests */
function statusOf({ role }, tests) {
  if (tests.length > 0) return "covered by tests";
  return role === "N" ? "not applicable" : "not yet";
}

/** @param {string} text in a cell of a table */
const cell = (text) => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");

function page() {
  const tests = testsByRequirement();
  const rows = requirements.map((requirement) => {
    const own = tests.get(requirement.id) ?? [];
    return { ...requirement, tests: own, status: statusOf(requirement, own) };
  });
  /** @param {string} status @param {(row: typeof rows[number]) => boolean} [where] */
  const count = (status, where = () => true) => rows.filter((row) => row.status === status && where(row)).length;
  /** @param {{ role: string }} row */
  const ours = ({ role }) => role.split(",").includes("F");
  const lines = [
    "# OWASP ASVS 5.0.0",
    "",
    "Which requirement of the Application Security Verification Standard holds, and which tests prove it. Written by",
    "`npm run asvs` from the names of the tests; `npm test` fails when it is out of date. The requirements are",
    "paraphrased: the wording of the standard decides.",
    "",
    "Role: F the framework does it by default, O it offers it and the application chooses, D documentation is owed,",
    "N the deployment decides. Out of scope: V5 files, V17 WebRTC, GraphQL, XPath, LaTeX and JNDI.",
    "",
    `Of ${rows.length} requirements ${count("covered by tests")} are covered by tests, ${count("not yet")} not yet, ` +
      `${count("not applicable")} are not applicable. Of the ${rows.filter(ours).length} that the framework can prove alone (F), ` +
      `${count("covered by tests", ours)} are covered.`,
  ];
  for (const section of new Set(rows.map((row) => row.section))) {
    lines.push(
      "",
      `## ${section}`,
      "",
      "| id | level | asks for | role | status | tests |",
      "|---|---|---|---|---|---|",
    );
    for (const row of rows.filter((other) => other.section === section)) {
      const list = row.tests.map(({ title, file }) => `[${cell(title)}](../${file})`).join("<br>");
      lines.push(`| ${row.id} | ${row.level} | ${cell(row.asks)} | ${row.role} | ${row.status} | ${list} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

const target = "docs/asvs.md";
const text = page();
if (process.argv.includes("--check")) {
  let current = "";
  try {
    current = readFileSync(target, "utf8");
  } catch {
    // A missing file is out of date as well.
  }
  if (current !== text) {
    console.error(`${target} is not what the tests say; run \`npm run asvs\``);
    process.exitCode = 1;
  }
} else {
  writeFileSync(target, text);
  console.log(`${target} written`);
}
