import process from "node:process";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const builtPackage = "tests/package/built/**/*.test.ts";

// Programs that tests start load hundreds of modules each: stripped and compiled once, not at every start.
process.env.NODE_COMPILE_CACHE ??= path("node_modules/.cache/portcullis-compile");

/** The package's exports as they stand in the sources: examples import what users import. */
const exported: Record<string, string> = {
  "portcullis/features": "src/features/index.ts",
  "portcullis/sqlite": "src/datastore/sqlite/index.ts",
  "portcullis/redis": "src/authn/limits/redis.ts",
  "portcullis/ldap": "src/authn/ldap/index.ts",
  "portcullis/postgres": "src/datastore/postgres/index.ts",
  "portcullis/mysql": "src/datastore/mysql/index.ts",
  "portcullis/flask": "src/flask/index.ts",
  "portcullis/memory": "src/datastore/memory/index.ts",
  "portcullis/params": "src/routes/params.ts",
  "portcullis/node": "src/hosts/node.ts",
  "portcullis/smtp": "src/delivery/smtp.ts",
  "portcullis/views": "src/views/index.ts",
  "portcullis/client": "src/client/index.ts",
  "portcullis/testing": "src/testing/index.ts",
};

const config: ViteUserConfig = defineConfig({
  resolve: {
    alias: [
      ...Object.entries(exported).map(([name, file]) => ({ find: name, replacement: path(file) })),
      { find: /^portcullis$/, replacement: path("src/index.ts") },
    ],
  },
  test: {
    pool: "forks",
    maxWorkers: 2,
    // Generous: a loaded two-core machine must not turn a slow test into a failed one.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    setupFiles: ["tests/properties/runs.ts"],
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "tests/**/*.test.ts", "examples/**/*.test.ts"],
          exclude: ["tests/attack/**", "tests/browser/**", "tests/services/**", builtPackage, "**/node_modules/**"],
        },
      },
      // The lab under attack, over HTTP (npm run attack plays it in every profile and on every database).
      { extends: true, test: { name: "attack", include: ["tests/attack/**/*.test.ts"] } },
      { extends: true, test: { name: "services", include: ["tests/services/**/*.test.ts"] } },
      { extends: true, test: { name: "browser", include: ["tests/browser/**/*.test.ts"] } },
      // What users get: needs dist/ (npm run build) and, for one test, the npm registry.
      { extends: true, test: { name: "package", include: [builtPackage], testTimeout: 300_000, hookTimeout: 300_000 } },
    ],
  },
});
export default config;
