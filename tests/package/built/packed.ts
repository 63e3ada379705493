/** The package as users get it: packed from dist/ into a tarball in a folder of its own. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const root: string = fileURLToPath(new URL("../../../", import.meta.url));

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
}
/** The project's package.json. */
export const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The sub-paths that users import, as `portcullis/…`, with their entry of the exports map. */
export const entryPoints: readonly { readonly specifier: string; readonly types: string; readonly file: string }[] =
  Object.entries(manifest.exports).flatMap(([path, target]) =>
    typeof target === "string"
      ? []
      : [{ specifier: join("portcullis", path).replaceAll("\\", "/"), types: target.types, file: target.default }],
  );

/** What a program said and how it ended. */
export interface Outcome {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs a program to its end, with the project's tools on the path and without the settings of an outer npm. */
export function run(program: string, args: readonly string[], cwd: string = root): Outcome {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_(lifecycle|package|config_local_prefix|command)/.test(key)),
  );
  const PATH = [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter);
  const result = spawnSync(program, args, { cwd, encoding: "utf8", env: { ...env, PATH, NO_COLOR: "1" } });
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`;
  return { ok: result.status === 0, output };
}

/** Packs the project into a new temporary folder (the caller removes it). */
export function pack(): { readonly folder: string; readonly tarball: string } {
  if (!existsSync(join(root, "dist"))) throw new Error("there is no dist/: run `npm run build` first");
  const folder = mkdtempSync(join(tmpdir(), "portcullis-package-"));
  const packed = run("npm", ["pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", folder]);
  const name = readdirSync(folder).find((file) => file.endsWith(".tgz"));
  if (!packed.ok || name === undefined) throw new Error(`npm pack failed:\n${packed.output}`);
  return { folder, tarball: join(folder, name) };
}

/** The README's first block of TypeScript, exactly as it stands there. */
export function quickStart(): string {
  const code = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1];
  if (code === undefined) throw new Error("README.md has no TypeScript block");
  return code;
}
