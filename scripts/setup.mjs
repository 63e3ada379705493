// Brings node_modules to the state of package-lock.json before `npm start` and `npm test`, on a fresh clone too.
// It runs on whatever Node the machine has (20 or newer) and therefore uses nothing but Node itself.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const stamp = "node_modules/.setup-stamp";
const projectNode = "node_modules/.bin/node";
const lockText = readFileSync("package-lock.json", "utf8");
const lockHash = createHash("sha256").update(lockText).digest("hex");

/** Whether npm's own record of what it installed says the same as the lock, as after a plain `npm install`. */
function installedMatchesLock() {
  const record = "node_modules/.package-lock.json";
  if (!existsSync(record) || !existsSync(projectNode)) return false;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages ?? {};
  return Object.entries(JSON.parse(lockText).packages).every(([path, locked]) => {
    if (path === "") return true;
    const found = installed[path];
    return found === undefined ? locked.optional === true : found.version === locked.version;
  });
}

/** The dependencies of package.json that the lock does not know, or knows in another version. */
function outsideLock() {
  const root = JSON.parse(lockText).packages[""];
  const wanted = JSON.parse(readFileSync("package.json", "utf8"));
  return ["dependencies", "devDependencies", "optionalDependencies"].flatMap((kind) =>
    Object.keys({ ...wanted[kind], ...root[kind] }).filter((name) => wanted[kind]?.[name] !== root[kind]?.[name]),
  );
}

function install() {
  const stale = outsideLock();
  if (stale.length > 0) {
    console.error(
      `setup: package-lock.json does not fit package.json (${stale.join(", ")}); run \`npm install\` first`,
    );
    process.exit(1);
  }
  console.log("setup: installing the dependencies as package-lock.json names them; this takes about half a minute");
  const started = Date.now();
  const npm = process.env.npm_execpath;
  // The inner npm must not take the outer one's package and script for its own.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_(lifecycle|package|config_local_prefix|command)/.test(key)),
  );
  // Not `npm ci`: it refuses a lock made where the registry had not every platform's build of an optional package.
  // The lock decides the versions and their hashes here too, and --no-save leaves it as it is.
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync(npm ? process.execPath : "npm", npm ? [npm, ...args] : args, {
    stdio: ["ignore", "inherit", "inherit"],
    env,
  });
  if (result.status !== 0) {
    console.error(`setup: npm install failed${result.error ? `: ${result.error.message}` : ""}`);
    process.exit(result.status ?? 1);
  }
  if (!existsSync(projectNode)) {
    console.error("setup: the package `node` has no program: npm did not run its install script (see allowScripts)");
    process.exit(1);
  }
  console.log(`setup: done in ${Math.round((Date.now() - started) / 1000)} s`);
}

if (!(existsSync(stamp) && readFileSync(stamp, "utf8") === lockHash)) {
  if (!installedMatchesLock()) install();
  writeFileSync(stamp, lockHash);
}
