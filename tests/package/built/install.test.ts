import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { entryPoints, type Outcome, pack, root, run } from "./packed.ts";

const unreachable = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|network/;

/** Entry points that need an optional peer. */
const drivers = new Map([
  ["portcullis/postgres", "pg"],
  ["portcullis/mysql", "mysql2"],
]);

describe("an application that installs the package", () => {
  let tarballFolder = "";
  let application = "";
  let install: Outcome;

  beforeAll(() => {
    const packed = pack();
    tarballFolder = packed.folder;
    application = mkdtempSync(join(tmpdir(), "portcullis-application-"));
    writeFileSync(join(application, "package.json"), '{ "name": "application", "private": true, "type": "module" }\n');
    const options = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
    install = run("npm", ["install", ...options, packed.tarball], application);
  });
  afterAll(() => {
    for (const folder of [tarballFolder, application]) if (folder !== "") rmSync(folder, { recursive: true });
  });

  it("gets few packages, can import every entry point, and compiles against its types", ({ skip }) => {
    if (!install.ok && unreachable.test(install.output) && process.env.CI !== "true") {
      writeSync(2, "skipped: installing the package (the npm registry does not answer)\n");
      skip();
    }
    expect(install.ok, install.output).toBe(true);

    const record = readFileSync(join(application, "node_modules", ".package-lock.json"), "utf8");
    const names = Object.keys(JSON.parse(record).packages);
    writeSync(1, `npm install portcullis brings ${names.length} packages\n`);
    expect(names).toContain("node_modules/portcullis");
    expect(names.length, names.join("\n")).toBeLessThan(19);

    expect(importAll()).toEqual([]);
    expect(compile()).toBe("");
  });

  /** What goes wrong when each entry point is imported; the database ones may say that they want their driver. */
  function importAll(): string[] {
    return entryPoints.flatMap(({ specifier }) => {
      const result = run(process.execPath, ["--input-type=module", "--eval", `import "${specifier}"`], application);
      const driver = drivers.get(specifier);
      if (!result.ok && driver !== undefined && result.output.includes(`Cannot find package '${driver}'`)) return [];
      return result.output === "" && result.ok ? [] : [`${specifier}: ${result.output}`];
    });
  }

  /** What the compiler says of an application that imports everything and checks the package's own types too. */
  function compile(): string {
    const source = entryPoints.map(({ specifier }, at) => `export * as entry${at} from "${specifier}";\n`).join("");
    mkdirSync(join(application, "src"));
    writeFileSync(join(application, "src", "main.ts"), source);
    const options = {
      target: "es2024",
      module: "nodenext",
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: ["node"],
    };
    const typeRoots = [join(root, "node_modules", "@types")];
    const settings = { compilerOptions: { ...options, typeRoots }, include: ["src"] };
    writeFileSync(join(application, "tsconfig.json"), JSON.stringify(settings));
    return run("tsc", ["-p", "tsconfig.json"], application).output;
  }
});
