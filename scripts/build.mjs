// Makes the package's content in dist/, clean first: JavaScript as a bundle, declarations file by file from tsc.
// A bundle because of the start: Node finds, reads and compiles each module by itself, and of some 470 modules Kysely alone
// has 255; together they took four times as long as the whole rest of the start. Kysely stays a dependency, for its types and
// for the application's own queries; every other dependency is left where it is.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
rmSync("dist", { recursive: true, force: true });

const compiler = fileURLToPath(import.meta.resolve("typescript/package.json"));
const declarations = spawnSync(
  process.execPath,
  [join(dirname(compiler), "bin", "tsc"), "-p", "tsconfig.build.json", "--emitDeclarationOnly"],
  { stdio: "inherit" },
);
if (declarations.status !== 0) process.exit(declarations.status ?? 1);

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const program = manifest.bin.portcullis;
/** @type {string[]} what package.json names, as paths of dist/ */
const published = [program];
for (const target of Object.values(manifest.exports)) if (target.default !== undefined) published.push(target.default);
const named = (/** @type {string} */ file) => file.replace(/^\.\/dist\//, "").replace(/\.js$/, "");
const input = Object.fromEntries(published.map((file) => [named(file), `src/${named(file)}.ts`]));

/** Files that run in threads of their own: `new URL(…"./x.ts"…, import.meta.url)` becomes the place of x in the bundle. */
let workers = 0;
const workerFiles = {
  name: "worker-files",
  transform: {
    filter: { code: /-worker\.ts"/ },
    /** @this {import("rolldown").PluginContext} @param {string} code @param {string} id */
    handler(code, id) {
      const located = code.replace(
        /new URL\(\s*import\.meta\.url\.endsWith\("\.ts"\) \? "\.\/([\w-]+-worker)\.ts" : "[^"]+",\s*import\.meta\.url,?\s*\)/g,
        (_, name) => {
          workers += 1;
          const reference = this.emitFile({ type: "chunk", id: join(dirname(id), `${name}.ts`), name });
          return `new URL(import.meta.ROLLUP_FILE_URL_${reference})`;
        },
      );
      return { code: located, map: null };
    },
  },
};

const bundle = await rolldown({
  input,
  platform: "node",
  plugins: [workerFiles],
  external: (id) => !/^[./]/.test(id) && !/^kysely(\/|$)/.test(id),
});
await bundle.write({
  dir: "dist",
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name]-[hash].js",
  sourcemap: true,
});
if (workers !== 2) throw new Error(`build: ${workers} of 2 files for threads found`);

// Kysely's licence asks that its text goes with its code.
const licence = readFileSync(join(dirname(fileURLToPath(import.meta.resolve("kysely"))), "../LICENSE"), "utf8");
writeFileSync(
  "dist/THIRD-PARTY-LICENSES.txt",
  `The files in dist/ contain code of Kysely (https://kysely.dev):\n\n${licence}`,
);
if (existsSync(program)) chmodSync(program, 0o755);
console.log("build: dist/ is made");
