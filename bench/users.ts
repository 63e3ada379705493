// Whether a page of users costs the same in a table of a hundred and of a million:
// `node bench/users.ts [--database sqlite|postgres|mysql] [--plans] [most]`.
// SQLite: CPU time of this process, which does all of its work, so that other programs on the machine do not count. The others:
// the time for a page with eight asked for at a time: one after the other they would tell on which core the server answers. `--plans` shows how the database goes about each statement in the largest table.
import process from "node:process";
import { parseArgs } from "node:util";
import type { UserQuery } from "../src/datastore/user-pages.ts";
import { type Dialect, type Place, place, plansOf } from "./user-databases.ts";
import { queries, type System, system } from "./user-pages.ts";

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: { database: { type: "string", default: "sqlite" }, plans: { type: "boolean", default: false } },
});
const names: Readonly<Record<Dialect, string>> = { sqlite: "SQLite", postgres: "PostgreSQL", mysql: "MariaDB" };
if (!Object.hasOwn(names, given.database)) throw new Error(`--database ${Object.keys(names).join("|")}`);
const dialect = given.database as Dialect;
const most = Number(positionals[0] ?? 1_000_000);
const sizes = [...new Set([100, 10_000, most])];
const rounds = 25;
const pages = 40;
const allowed = 1.2;

/** Microseconds of one page. */
async function cost(of: System, query: UserQuery): Promise<number> {
  const before = process.cpuUsage();
  const began = performance.now();
  let left = pages;
  const ask = async (): Promise<void> => {
    for (; left > 0; left -= 1) await of.users.page(query);
  };
  await Promise.all(Array.from({ length: dialect === "sqlite" ? 1 : 8 }, ask));
  if (dialect !== "sqlite") return ((performance.now() - began) * 1000) / pages;
  const spent = process.cpuUsage(before);
  return (spent.user + spent.system) / pages;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const places: Place[] = [];
const systems = new Map<number, System>();
try {
  for (const size of sizes) {
    const made = await place(dialect);
    places.push(made);
    systems.set(size, await system(made, dialect, size));
  }
  const measure = dialect === "sqlite" ? "CPU of a page" : "Time for a page with eight at a time,";
  console.log(`${measure} in µs, ${names[dialect]}; median of ${rounds} rounds of ${pages} pages\n`);
  console.log(
    `| page | ${sizes.map((size) => `${size.toLocaleString("en")} users`).join(" | ")} | most / 100 users | flat |`,
  );
  console.log(`|---|${sizes.map(() => "---:|").join("")}---:|---|`);
  let missed = 0;
  const largest = systems.get(most) as System;
  const plans: string[] = [];
  for (const [name, make] of Object.entries(queries)) {
    const found = new Map<number, number[]>(sizes.map((size) => [size, []]));
    const asked = new Map<number, UserQuery>();
    for (const [size, of] of systems) asked.set(size, await make(of, size));
    // One after the other in each round: what slows the machine down for a while slows all sizes down.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [size, of] of systems) {
        const spent = await cost(of, asked.get(size) ?? {});
        if (round > 0) found.get(size)?.push(spent);
      }
    }
    const medians = sizes.map((size) => median(found.get(size) ?? []));
    const ratio = Math.max(...medians) / (medians[0] ?? 1);
    const flat = ratio <= allowed;
    if (!flat) missed += 1;
    const cells = medians.map((value) => value.toFixed(0)).join(" | ");
    console.log(`| ${name} | ${cells} | × ${ratio.toFixed(2)} | ${flat ? "yes" : "**no**"} |`);
    for (const plan of await plansOf(largest.db, dialect, () => largest.users.page(asked.get(most) ?? {}))) {
      if (plan.bad) missed += 1;
      if (plan.bad || given.plans) {
        plans.push(`${plan.bad ? "READS TOO MUCH " : ""}${name}: ${plan.statement}`);
        plans.push(...plan.steps.map((step) => `    ${step}`));
      }
    }
  }
  console.log(`\n${plans.length === 0 ? "No statement reads or sorts more than a page asks for." : plans.join("\n")}`);
  process.exitCode = missed === 0 ? 0 : 1;
} finally {
  for (const of of systems.values()) await of.close();
  for (const made of places) await made.remove();
}
