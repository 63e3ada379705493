import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const script = fileURLToPath(new URL("../../scripts/rooms.mjs", import.meta.url));
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Runs the check on a tree of the given files; the lines that it prints and its exit code. */
function check(files: Readonly<Record<string, string>>): { code: number | null; lines: string[] } {
  const root = mkdtempSync(join(tmpdir(), "portcullis-rooms-"));
  folders.push(root);
  for (const [name, source] of Object.entries(files)) {
    const path = join(root, "src", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, source);
  }
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, "src"], { cwd: root, encoding: "utf8" });
  expect(stderr).toBe("");
  return { code: status, lines: stdout.trimEnd().split("\n") };
}

/** The violations of a tree, without the line of totals. */
function violations(files: Readonly<Record<string, string>>): string[] {
  const { code, lines } = check(files);
  const found = lines.slice(0, -1).filter((line) => !line.endsWith("(allowed)"));
  expect(code).toBe(found.length > 0 ? 1 : 0);
  return found;
}

const empty = "export {};\n";

describe("rooms", () => {
  it("accepts a clean tree and says what it looked at", () => {
    const { code, lines } = check({
      "model/user.ts": "export const a = 1;\n",
      "http/body.ts": 'import { a } from "../model/user.ts";\nexport { a };\n',
      "security.ts": 'export * from "./http/body.ts";\nexport type Security = 1;\n',
      "index.ts": 'export { a } from "./security.ts";\n',
    });
    expect(lines).toEqual(["rooms: 4 files, 3 arrows, 0 violations"]);
    expect(code).toBe(0);
  });

  it("refuses an import from a later room, with file and line, as a type too", () => {
    expect(
      violations({
        "model/user.ts": '// first line\nimport { b } from "../http/body.ts";\nexport const a = b;\n',
        "secrets/key.ts": 'import type { b } from "../http/body.ts";\nexport type A = typeof b;\n',
        "http/body.ts": "export const b = 1;\n",
      }),
    ).toEqual([
      "src/model/user.ts:2: model imports from the later room http (http/body.ts)",
      "src/secrets/key.ts:1: secrets imports from the later room http (http/body.ts)",
    ]);
  });

  it.each([
    ["default and named", 'import b, { c } from "../http/body.ts";'],
    ["over several lines", 'import {\n  b,\n  c,\n} from "../http/body.ts";'],
    ["namespace", 'import * as b from "../http/body.ts";'],
    ["side effect", 'import "../http/body.ts";'],
    ["re-export", 'export * from "../http/body.ts";'],
    ["named re-export", 'export { b } from "../http/body.ts";'],
    ["type re-export", 'export type { B } from "../http/body.ts";'],
    ["dynamic", 'const b = await import("../http/body.ts");'],
    ["type of a module", 'export type B = import("../http/body.ts").B;'],
    ["after a text with an escape", `const s = 'it\\'s'; import { b } from '../http/body.ts';`],
    ["inside a substitution of a template", "const s = `x $" + "{(await import('../http/body.ts')).b} y`;"],
    ["after a regular expression with a quote", "const r = /[\"/']/;\nimport '../http/body.ts';"],
    ["after a division", 'const r = 4 / 2; const t = "/"; import "../http/body.ts";'],
    ["after an export without semicolon", 'export const x = 1\nimport { b } from "../http/body.ts"'],
  ])("sees an import: %s", (_, source) => {
    expect(violations({ "model/user.ts": source, "http/body.ts": empty })).toHaveLength(1);
  });

  it.each([
    ["line comment", '// import { b } from "../http/body.ts";'],
    ["block comment", '/*\n * import { b } from "../http/body.ts";\n */'],
    ["text", `export const s = 'import { b } from "../http/body.ts"';`],
    ["template", 'export const s = `import { b } from "../http/body.ts"`;'],
    ["template after a substitution", "export const s = `$" + '{{ a: 1 }} import { b } from "../http/body.ts"`;'],
    ["a package", 'import { Hono } from "hono";'],
    ["a property named from", 'export const x = { from: "../http/body.ts" };'],
  ])("does not take for an import: %s", (_, source) => {
    expect(violations({ "model/user.ts": source, "http/body.ts": empty })).toEqual([]);
  });

  it("lets features and later rooms name the type of security.ts, and lists it", () => {
    const { code, lines } = check({
      "security.ts": "export interface Security {}\n",
      "features/login.ts": 'import type { Security } from "../security.ts";\nexport type S = Security;\n',
    });
    expect(lines[0]).toBe("src/features/login.ts:1: names a type of security.ts (allowed)");
    expect(code).toBe(0);
  });

  it("refuses security.ts at run time everywhere, and its types in early rooms", () => {
    expect(
      violations({
        "security.ts": "export interface Security {}\n",
        "authn/scheme.ts": 'import type { Security } from "../security.ts";\nexport type S = Security;\n',
        "features/login.ts": 'import { type Security } from "../security.ts";\nexport type S = Security;\n',
        "cli/main.ts": 'await import("../security.ts");\n',
      }),
    ).toEqual([
      "src/authn/scheme.ts:1: authn names a type of src/security.ts; only features, hosts, cli, testing may",
      "src/cli/main.ts:1: cli imports src/security.ts at run time; it may only be imported as a type",
      "src/features/login.ts:1: features imports src/security.ts at run time; it may only be imported as a type",
    ]);
  });

  it("lets assembly.ts and its folder import all, and only security.ts import them", () => {
    const wiring = {
      "authz/guard.ts": empty,
      "assembly/guards.ts": 'import "../authz/guard.ts";\n',
      "assembly.ts": 'import "./assembly/guards.ts";\n',
      "security.ts": 'import "./assembly.ts";\n',
    };
    expect(violations(wiring)).toEqual([]);
    expect(violations({ ...wiring, "features/a.ts": 'import "../assembly/guards.ts";\n' })).toEqual([
      "src/features/a.ts:1: features imports src/assembly/guards.ts, which is for security.ts only",
    ]);
  });

  it("gives index.ts to users only", () => {
    expect(violations({ "index.ts": empty, "testing/kit.ts": 'import "../index.ts";\n' })).toEqual([
      "src/testing/kit.ts:1: testing imports src/index.ts, which is for users only",
    ]);
  });

  it("lets options.ts name types up to features and use what stands before them", () => {
    const rooms = { "features/a.ts": empty, "hosts/b.ts": empty, "routes/c.ts": empty };
    const allowed = 'import type { A } from "./features/a.ts";\nimport { c } from "./routes/c.ts";\n';
    expect(violations({ ...rooms, "options.ts": allowed })).toEqual([]);
    const refused = 'import { a } from "./features/a.ts";\nimport type { B } from "./hosts/b.ts";\n';
    expect(violations({ ...rooms, "options.ts": refused })).toEqual([
      "src/options.ts:1: options imports from the later room features (features/a.ts)",
      "src/options.ts:2: options imports from the later room hosts (hosts/b.ts)",
    ]);
  });

  it("refuses a cycle of imports at run time, in one room too", () => {
    expect(
      violations({
        "model/a.ts": 'export const one = 1;\nimport { b } from "./b.ts";\nexport const a = b;\n',
        "model/b.ts": 'export { c as b } from "./c.ts";\n',
        "model/c.ts": 'import { one } from "./a.ts";\nexport const c = one;\n',
      }),
    ).toEqual(["src/model/a.ts:2: import cycle: model/a.ts -> model/b.ts -> model/c.ts -> model/a.ts"]);
  });

  it("accepts a cycle that a type import closes", () => {
    const files = { "model/a.ts": 'import { b } from "./b.ts";\n', "model/b.ts": 'import type { A } from "./a.ts";\n' };
    expect(violations(files)).toEqual([]);
  });

  it("does not look into tests, and lets no source import one", () => {
    expect(
      violations({
        "model/user.test.ts": 'import "../security.ts";\n',
        "model/user.test-d.ts": 'import "../security.ts";\n',
        "security.ts": empty,
        "http/a.ts": 'import "../model/user.test.ts";\n',
      }),
    ).toEqual(["src/http/a.ts:1: imports a test (../model/user.test.ts)"]);
  });

  it("refuses unknown rooms, names that say nothing, and imports that leave the sources", () => {
    expect(
      violations({
        "cellar/a.ts": empty,
        "stray.ts": empty,
        "http/utils/a.ts": empty,
        "http/helpers.ts": empty,
        "model/common-passwords.ts": empty,
        "model/b.ts": 'import "../../tests/x.ts";\nimport "portcullis/features";\n',
      }),
    ).toEqual([
      "src/cellar/a.ts:1: cellar is not a room; see scripts/rooms.mjs",
      'src/http/helpers.ts:1: the name "helpers.ts" says nothing about what is inside',
      'src/http/utils/a.ts:1: the name "utils" says nothing about what is inside',
      "src/stray.ts:1: stray is not a room; see scripts/rooms.mjs",
      "src/model/b.ts:1: imports from outside the sources (../../tests/x.ts)",
      "src/model/b.ts:2: imports its own package by name (portcullis/features)",
    ]);
  });
});
