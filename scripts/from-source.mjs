// node --import ./scripts/from-source.mjs program.ts: "portcullis" and "portcullis/…" are the sources of this checkout, not a build.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";

const root = new URL("..", import.meta.url);
const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));

/** @param {string} specifier */
function sourceOf(specifier) {
  if (specifier !== "portcullis" && !specifier.startsWith("portcullis/")) return undefined;
  const target = exports[`.${specifier.slice("portcullis".length)}`]?.default;
  return target === undefined ? undefined : target.replace("./dist/", "./src/").replace(/\.js$/, ".ts");
}

registerHooks({
  resolve(specifier, context, next) {
    const source = sourceOf(specifier);
    return source === undefined ? next(specifier, context) : { url: new URL(source, root).href, shortCircuit: true };
  },
});
