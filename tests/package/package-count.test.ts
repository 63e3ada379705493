import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

interface LockedPackage {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}
type Packages = Readonly<Record<string, LockedPackage>>;

interface Platform {
  readonly os: string;
  readonly cpu: string;
  readonly libc?: string;
}

/** More than this is no longer a small dependency; optional peers are the user's own choice and do not count. */
const LIMIT = 19;

function runsOn(found: LockedPackage, platform: Platform): boolean {
  const fits = (allowed: readonly string[] | undefined, value: string | undefined): boolean =>
    allowed === undefined || (value !== undefined && allowed.includes(value));
  return fits(found.os, platform.os) && fits(found.cpu, platform.cpu) && fits(found.libc, platform.libc);
}

/** Where a name resolves to from the package at `from`: the innermost node_modules that has it. */
function resolve(packages: Packages, from: string, name: string): string | undefined {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("node_modules/") - 1))) {
    const path = `${base === "" ? "" : `${base}/`}node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (base === "") return undefined;
  }
}

/** What `npm install portcullis` brings on a platform by the lock, itself not counted. */
function installed(packages: Packages, platform: Platform): string[] {
  const seen = new Set<string>();
  const visit = (from: string): void => {
    const parent = packages[from];
    if (parent === undefined) return;
    const required = { ...parent.dependencies };
    for (const [name, range] of Object.entries(parent.peerDependencies ?? {})) {
      if (parent.peerDependenciesMeta?.[name]?.optional !== true) required[name] = range;
    }
    for (const name of Object.keys({ ...required, ...parent.optionalDependencies })) {
      const path = resolve(packages, from, name);
      const found = path === undefined ? undefined : packages[path];
      if (path === undefined || found === undefined) {
        if (name in required && !(name in (parent.optionalDependencies ?? {})))
          throw new Error(`${name} is not in the lock`);
      } else if (!seen.has(path) && runsOn(found, platform)) {
        seen.add(path);
        visit(path);
      }
    }
  };
  visit("");
  return [...seen].sort();
}

const packages: Packages = JSON.parse(
  readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8"),
).packages;

describe("number of installed packages", () => {
  it.each<Platform>([
    { os: "linux", cpu: "x64", libc: "glibc" },
    { os: "linux", cpu: "arm64", libc: "musl" },
    { os: "darwin", cpu: "arm64" },
    { os: "win32", cpu: "x64" },
  ])("is small on $os $cpu", (platform) => {
    const names = installed(packages, platform);
    expect(names).toContain("node_modules/hono");
    expect(names.filter((name) => name.includes("argon2")).length).toBeGreaterThanOrEqual(2);
    expect(names).not.toContain("node_modules/pg");
    // With the package itself.
    expect(names.length + 1, names.join("\n")).toBeLessThan(LIMIT);
  });

  it("follows nested and peer dependencies, and leaves out optional peers and other platforms", () => {
    const tree: Packages = {
      "": { dependencies: { a: "1" } },
      "node_modules/a": {
        dependencies: { b: "1" },
        optionalDependencies: { win: "1", absent: "1" },
        peerDependencies: { c: "1", d: "1" },
        peerDependenciesMeta: { d: { optional: true } },
      },
      "node_modules/a/node_modules/b": { dependencies: { c: "1" } },
      "node_modules/b": {},
      "node_modules/c": { dependencies: { a: "1" } },
      "node_modules/d": {},
      "node_modules/win": { os: ["win32"] },
    };
    expect(installed(tree, { os: "linux", cpu: "x64" })).toEqual([
      "node_modules/a",
      "node_modules/a/node_modules/b",
      "node_modules/c",
    ]);
    expect(() => installed({ "": { dependencies: { a: "1" } } }, { os: "linux", cpu: "x64" })).toThrow(
      "a is not in the lock",
    );
  });
});
