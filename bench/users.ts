// Whether a page of users costs the same in a table of a hundred and of a million: `node bench/users.ts [most]`.
// CPU time of this process, which does all the work of SQLite, so that other programs on the machine do not count.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { sqlite } from "../src/datastore/sqlite/index.ts";
import type { UserQuery } from "../src/datastore/user-pages.ts";
import { passwords } from "../src/features/passwords/index.ts";
import { portcullis } from "../src/security.ts";
import { populate } from "./population.ts";

const most = Number(process.argv[2] ?? 1_000_000);
const sizes = [...new Set([100, 10_000, most])];
const rounds = 15;
const pages = 40;
const allowed = 1.2;

const folder = mkdtempSync(join(tmpdir(), "portcullis-users-"));

/** A system on a database with so many users. */
async function system(size: number) {
  const file = join(folder, `${size}.db`);
  const open = () =>
    portcullis({
      secretKeys: ["benchmark-key-that-is-long-enough-for-it"],
      origins: ["http://localhost:3000"],
      datastore: sqlite(file),
      features: [passwords()],
      roles: ["member"],
    });
  const first = await open();
  await first.users.create({ email: "model@example.org", roles: ["member"] });
  await first.close();
  populate(file, size, 0);
  return open();
}

type System = Awaited<ReturnType<typeof system>>;

/** Pages as people ask for them, 25 users each; `at` is a place in the middle of the table. */
const queries: Readonly<Record<string, (system: System, size: number) => Promise<UserQuery>>> = {
  "the first page": async () => ({}),
  "a page in the middle": async (of, size) => ({ after: await middle(of, size, {}) }),
  "active users": async () => ({ active: true }),
  "users with a role, in the middle": async (of, size) => ({
    role: "member",
    after: await middle(of, size, { role: "member" }),
  }),
  "a search that finds one": async (_of, size) => ({ search: `user${String(size / 2).padStart(8, "0")}@` }),
  "a search that finds many": async () => ({ search: "user" }),
  "a search that finds nobody": async () => ({ search: "zzz" }),
  "the first page, counted up to 1000": async () => ({ countTo: 1000 }),
};

/** The cursor behind the user in the middle: cursors are a place by key. */
async function middle(of: System, size: number, query: UserQuery<"member">): Promise<string> {
  const { next } = await of.users.page({ ...query, limit: 25 });
  if (next === undefined) throw new Error("there is no second page");
  const [part] = JSON.parse(Buffer.from(next, "base64url").toString()) as [string];
  const id = Math.floor(size / 2);
  return Buffer.from(JSON.stringify([part, id, id])).toString("base64url");
}

/** CPU microseconds of one page. */
async function cost(of: System, query: UserQuery<"member">): Promise<number> {
  const before = process.cpuUsage();
  for (let page = 0; page < pages; page += 1) await of.users.page(query);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / pages;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

try {
  const systems = new Map<number, System>();
  for (const size of sizes) systems.set(size, await system(size));
  console.log(`CPU of a page of users in µs, SQLite; median of ${rounds} rounds of ${pages} pages\n`);
  console.log(
    `| page | ${sizes.map((size) => `${size.toLocaleString("en")} users`).join(" | ")} | dearest / cheapest | flat |`,
  );
  console.log(`|---|${sizes.map(() => "---:|").join("")}---:|---|`);
  let missed = 0;
  for (const [name, make] of Object.entries(queries)) {
    const found = new Map<number, number[]>(sizes.map((size) => [size, []]));
    const asked = new Map<number, UserQuery<"member">>();
    for (const [size, of] of systems) asked.set(size, (await make(of, size)) as UserQuery<"member">);
    // One after the other in each round: what slows the machine down for a while slows all sizes down.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [size, of] of systems) {
        const spent = await cost(of, asked.get(size) ?? {});
        if (round > 0) found.get(size)?.push(spent);
      }
    }
    const medians = sizes.map((size) => median(found.get(size) ?? []));
    const ratio = Math.max(...medians) / Math.min(...medians);
    const flat = ratio <= allowed;
    if (!flat) missed += 1;
    const cells = medians.map((value) => value.toFixed(0)).join(" | ");
    console.log(`| ${name} | ${cells} | × ${ratio.toFixed(2)} | ${flat ? "yes" : "**no**"} |`);
  }
  for (const of of systems.values()) await of.close();
  process.exitCode = missed === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
