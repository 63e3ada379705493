// What a consumer's own compiler says: strict, without `skipLibCheck`, with declarations, on each TypeScript that is in use.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { entryPoints, pack, run } from "./packed.ts";

const versions = ["5.9.3", "6.0.3", "7.0.2"];
/** The newest types of Node, and the packages that optional entry points name in their types. */
const peers = [
  ...["@types/node@26.6.7", "zod@4.6.7", "pg@8.23.1", "@types/pg@8.23.1", "mysql2@3.24.6", "ldapts@9.2.0"],
  ...["nodemailer@10.6.1", "@types/nodemailer@8.0.2", "ioredis@6.0.0"],
];
/** Instantiations that the compiler makes for this program; a rise is a type that has become expensive. */
const instantiations = 1_500_000;

describe("a strict program that exports what it makes", () => {
  const folders: string[] = [];
  let tarball = "";

  beforeAll(() => {
    const packed = pack();
    folders.push(packed.folder);
    tarball = packed.tarball;
  });
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  it.each(versions)("compiles with declarations and without skipLibCheck on TypeScript %s", (version) => {
    const folder = mkdtempSync(join(tmpdir(), "portcullis-consumer-"));
    folders.push(folder);
    writeFileSync(join(folder, "package.json"), '{ "name": "consumer", "private": true, "type": "module" }\n');
    const install = run(
      "npm",
      ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball, `typescript@${version}`, ...peers],
      folder,
    );
    expect(install.ok, install.output).toBe(true);
    mkdirSync(join(folder, "src"));
    copyFileSync(new URL("consumer-program.ts.txt", import.meta.url), join(folder, "src", "app.ts"));
    const everything = entryPoints.map(({ specifier }, at) => `export * as entry${at} from "${specifier}";\n`);
    writeFileSync(join(folder, "src", "everything.ts"), everything.join(""));
    const compilerOptions = {
      ...{ target: "es2024", module: "nodenext", rootDir: "src", outDir: "out", types: ["node"] },
      ...{ strict: true, declaration: true, skipLibCheck: false },
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["src"] }));
    const tsc = join(folder, "node_modules", "typescript", "bin", "tsc");
    const { output } = run(process.execPath, [tsc, "-p", "tsconfig.json", "--extendedDiagnostics"], folder);
    expect(output.split("\n").filter((line) => line.includes("error TS"))).toEqual([]);
    const made = Number(/Instantiations:\s+(\d+)/.exec(output)?.[1]);
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThan(instantiations);
  });
});
