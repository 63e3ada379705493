import { defineConfig, type ViteUserConfig } from "vitest/config";

const builtPackage = "tests/package/built/**/*.test.ts";

const config: ViteUserConfig = defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    // Generous: a loaded two-core machine must not turn a slow test into a failed one.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "tests/**/*.test.ts", "examples/**/*.test.ts"],
          exclude: ["tests/browser/**", "tests/services/**", builtPackage, "**/node_modules/**"],
        },
      },
      { extends: true, test: { name: "services", include: ["tests/services/**/*.test.ts"] } },
      { extends: true, test: { name: "browser", include: ["tests/browser/**/*.test.ts"] } },
      // What users get: needs dist/ (npm run build) and, for one test, the npm registry.
      { extends: true, test: { name: "package", include: [builtPackage], testTimeout: 300_000, hookTimeout: 300_000 } },
    ],
  },
});
export default config;
