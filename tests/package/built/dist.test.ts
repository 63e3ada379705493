import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { entryPoints, manifest, pack, root, run } from "./packed.ts";

describe("the built files", () => {
  it("hold every file that package.json names", () => {
    const named = [...entryPoints.flatMap(({ types, file }) => [types, file]), ...Object.values(manifest.bin)];
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it.each(entryPoints)("give $specifier something to import", async ({ specifier }) => {
    // By the package's own name, so that the exports map is what resolves it.
    const module = run(process.execPath, [
      "--input-type=module",
      "--eval",
      `console.log(Object.keys(await import(${JSON.stringify(specifier)})).join())`,
    ]);
    expect(module.output.trim()).toMatch(/^[\w$]+(,[\w$]+)*$/);
    expect(module.ok).toBe(true);
  });

  it("answer to the command", () => {
    const help = run(process.execPath, [join(root, manifest.bin.portcullis ?? ""), "--help"]);
    expect(help).toMatchObject({ ok: true, output: expect.stringContaining("portcullis") });
  });

  it("import no TypeScript file and no test", () => {
    const files = readdirSync(join(root, "dist"), { recursive: true, encoding: "utf8" });
    expect(files.filter((file) => /\.test(-d)?\.|(^|[\\/])fixtures[\\/]/.test(file))).toEqual([]);
    const scripts = files.filter((file) => file.endsWith(".js"));
    expect(scripts.length).toBeGreaterThan(0);
    const importsSource = /(?:from|import)\s*\(?\s*["']\.[^"'\n]*\.ts["']/;
    expect(scripts.filter((file) => importsSource.test(readFileSync(join(root, "dist", file), "utf8")))).toEqual([]);
  });
});

describe("the bundle", () => {
  const scripts = readdirSync(join(root, "dist"), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".js"),
  );

  it("has the files that run in threads where it looks for them", () => {
    const found = scripts.flatMap((file) =>
      [...readFileSync(join(root, "dist", file), "utf8").matchAll(/new URL\("([^"]*worker[^"]*\.js)"/g)].map(
        ([, target = ""]) => join(root, "dist", file, "..", target),
      ),
    );
    expect(found).toHaveLength(2);
    expect(found.filter((file) => !existsSync(file))).toEqual([]);
  });

  it("loads few modules, so that a server starts at once", () => {
    const loaded = run(process.execPath, [
      "--input-type=module",
      "--eval",
      `import { registerHooks } from "node:module";
       let files = 0;
       registerHooks({ load(url, context, next) { if (url.startsWith("file:")) files += 1; return next(url, context); } });
       for (const name of ["portcullis", "portcullis/features", "portcullis/sqlite"]) await import(name);
       console.log(files);`,
    ]);
    expect(Number(loaded.output)).toBeGreaterThan(10);
    // As files of their own they were 470.
    expect(Number(loaded.output), loaded.output).toBeLessThan(150);
  });

  it("has a client that browsers can load: no module of Node's, no package", () => {
    const modules = new Set(["client/index.js"]);
    for (const file of modules) {
      const text = readFileSync(join(root, "dist", file), "utf8");
      for (const [, from = "", lazy = ""] of text.matchAll(/^import[^"]*"([^"]+)"|import\("([^"]+)"\)/gm)) {
        const target = from || lazy;
        expect(target).toMatch(/^\.\.?\//);
        modules.add(join(file, "..", target));
      }
      expect(text).not.toContain("node:");
      expect(text).not.toMatch(/\bprocess\.|\bBuffer\b/);
    }
  });

  it("carries the licence of the code that it holds", () => {
    expect(readFileSync(join(root, "dist/THIRD-PARTY-LICENSES.txt"), "utf8")).toMatch(/Kysely.*Permission is hereby/s);
  });
});

describe("the tarball", () => {
  let packed: ReturnType<typeof pack>;
  beforeAll(() => {
    packed = pack();
  });
  afterAll(() => rmSync(packed.folder, { recursive: true }));

  it("is in order for publint", () => {
    const result = run("publint", ["run", packed.tarball, "--strict"]);
    expect(result.ok, result.output).toBe(true);
  });

  it("has types that resolve in every ESM consumer (are the types wrong)", () => {
    const result = run("attw", [packed.tarball, "--profile", "esm-only", "--no-emoji"]);
    expect(result.ok, result.output).toBe(true);
  });
});
