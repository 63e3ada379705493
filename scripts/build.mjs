// Makes the package's content: dist/ from src/, clean first, with the files that are not TypeScript beside it.
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

rmSync("dist", { recursive: true, force: true });
const compiler = fileURLToPath(import.meta.resolve("typescript/package.json"));
const result = spawnSync(process.execPath, [join(dirname(compiler), "bin", "tsc"), "-p", "tsconfig.build.json"], {
  stdio: "inherit",
});
if (result.status !== 0) process.exit(result.status ?? 1);

let copied = 0;
for (const entry of readdirSync("src", { recursive: true, withFileTypes: true })) {
  const source = join(entry.parentPath, entry.name);
  if (!entry.isFile() || /\.ts$/.test(entry.name) || source.split(/[\\/]/).includes("fixtures")) continue;
  const target = join("dist", relative("src", source));
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
  copied++;
}
const program = "dist/cli/main.js";
if (existsSync(program)) chmodSync(program, 0o755);
console.log(`build: dist/ is made${copied > 0 ? `, ${copied} other files copied` : ""}`);
