// The price of one request over the bare framework, scenario by scenario.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { compare, type Effort, type Side } from "./compare.ts";
import { shot } from "./load.ts";
import { cells, type Row } from "./rows.ts";
import { type BenchServer, credentials } from "./servers.ts";

/** What `in-process.ts` prints. */
type Quiet = Readonly<Record<string, { readonly floor: number; readonly over: number }>>;

const run = promisify(execFile);
const inProcess = fileURLToPath(new URL("in-process.ts", import.meta.url));

interface Scenario {
  readonly name: string;
  /** Its name in `in-process.ts`. */
  readonly quiet: string;
  readonly floor: Side;
  readonly ours: Side;
  /** The most CPU over the floor, in microseconds; undefined: stated only. */
  readonly limit?: number;
  /** The least share of the floor's requests per second. */
  readonly rate?: number;
  readonly note?: string;
  readonly missed?: string;
}

const busNote =
  "by a profile of 80,000 requests over HTTP, a fifth is the look at `PRAGMA data_version` (the last row), half of it two `fcntl` calls of " +
  "SQLite: once a turn of the event loop, and a turn may serve but one request; it makes a revocation by another process count on the " +
  "next request. Of a token another fifth is its hash, by which the cache goes. The rest is spread over some thirty functions; the largest are the host's look-ups of two request headers (a seventh), " +
  "the line `Cache-Control` in the answer (a tenth), the guard's entry, the cookie's parsing and the cache. Without sockets the same code " +
  "takes half the time: between two requests the kernel's work takes its place in the processor's caches";

/** Compares each scenario with the floor. */
export async function measureScenarios(
  servers: Readonly<Record<"floor" | "warm" | "cold" | "jwt" | "jwtCold", BenchServer>> & {
    /** Undefined: there is no Redis on this machine. */
    readonly shared: BenchServer | undefined;
  },
  folder: string,
  effort: Effort,
  tell: (row: Row) => void,
): Promise<Row[]> {
  const { floor, warm, cold, jwt, jwtCold, shared } = servers;
  const bearer = { authorization: `Bearer ${(await credentials(jwt)).token}` };
  const { cookie, token, basic } = await credentials(warm);
  const json = { accept: "application/json" };
  const same = (path: string, headers: Readonly<Record<string, string>>): Pick<Scenario, "floor" | "ours"> => ({
    floor: { server: floor, shots: [shot(path, headers)] },
    ours: { server: warm, shots: [shot(path, headers)] },
  });
  const query = "sid=5&name=x&flag=true";
  const scenarios: Scenario[] = [
    {
      name: "open route, nobody signed in",
      quiet: "open",
      ...same("/open", {}),
      note: "looks whether somebody is calling",
    },
    {
      name: "warm session, role guard",
      quiet: "session",
      ...same("/role", { cookie }),
      limit: 3,
      rate: 0.93,
      missed: busNote,
    },
    {
      name: "no credentials: 401 in JSON",
      quiet: "none",
      floor: { server: floor, shots: [shot("/role", json)] },
      ours: { server: warm, shots: [shot("/role", json, 401)] },
      limit: 3,
      missed:
        "the answer is longer than the floor's and has five header lines where that has one; writing them is most of it",
    },
    {
      name: "warm auth token, role guard",
      quiet: "token",
      ...same("/role", { "authentication-token": token }),
      limit: 3,
      rate: 0.93,
      missed: busNote,
    },
    {
      name: "three typed parameters, over the same route without them",
      quiet: "typed",
      floor: { server: warm, shots: [shot(`/role?${query}`, { cookie })] },
      ours: { server: warm, shots: [shot(`/typed?${query}`, { cookie })] },
      limit: 4,
      note: "here the floor is our own route with a warm session: the same bytes, without parameters",
      missed: "without sockets it is within the limit; over HTTP it has not been profiled further",
    },
    {
      name: "cold session (each request reads the row), SQLite",
      quiet: "cold",
      floor: { server: floor, shots: [shot("/role", { cookie })] },
      ours: { server: cold, shots: [shot("/role", { cookie })] },
      limit: 35,
      missed:
        "by a profile without sockets, running the one statement (four joined tables) is the largest single part, two fifths of what stands out; then come the account object, the SHA-256 of the id, and turning values and dates into those of the row. Over HTTP, with garbage collected and caches shared with the kernel, the same takes up to twice as long",
    },
    {
      name: "Basic, credentials verified lately",
      quiet: "basic",
      ...same("/basic", { authorization: basic }),
      note: "a keyed SHA-256 of the header finds them: no password stands in the cache in clear",
    },
    {
      name: "JWT (HS256) that was verified before, role guard",
      quiet: "jwt",
      floor: { server: floor, shots: [shot("/role", bearer)] },
      ours: { server: jwt, shots: [shot("/role", bearer)] },
      limit: 5,
      missed: busNote,
    },
    {
      name: "JWT (HS256), each request verifies it and reads the row, SQLite",
      quiet: "jwtCold",
      floor: { server: floor, shots: [shot("/role", bearer)] },
      ours: { server: jwtCold, shots: [shot("/role", bearer)] },
      limit: 40,
      missed:
        "by a profile of 60,000 requests over HTTP it is spread: a fifth of all is the row (the statement itself a tenth), an eighth two HMACs (the signature and the mark of the user's uniquifier; making OpenSSL's context costs more than the hashing), a tenth the token's base64, JSON and claims, a thirtieth its hash for the cache; the rest is what any answer costs. Without sockets it is within the limit: there the collection of garbage and the kernel's share of the processor's caches are left out",
    },
    {
      name: "object permission, decided before, over the same route with a role",
      quiet: "object",
      floor: { server: warm, shots: [shot("/item/5", { cookie })] },
      ours: { server: warm, shots: [shot("/object/5", { cookie })] },
      limit: 2,
      note: "here the floor is our own route with a role guard",
    },
    ...(shared === undefined
      ? []
      : [
          {
            name: "the same with the decision in Redis",
            quiet: "-",
            floor: { server: warm, shots: [shot("/item/5", { cookie })] },
            ours: { server: shared, shots: [shot("/object/5", { cookie: (await credentials(shared)).cookie })] },
            note: "one MGET a request, on this machine",
          },
        ]),
  ];
  const batches = String(1_500 + effort.pairs * 50);
  const quiet = JSON.parse((await run(process.execPath, [inProcess, folder, batches])).stdout) as Quiet;
  const rows: Row[] = [];
  for (const scenario of scenarios) {
    const found = await compare(scenario.floor, scenario.ours, effort);
    const { limit, rate } = scenario;
    const limits = [
      ...(limit === undefined ? [] : [`≤ ${limit} µs`]),
      ...(rate === undefined ? [] : [`≥ ${rate} of the rate`]),
    ];
    const met =
      (limit === undefined || found.over.median <= limit) && (rate === undefined || found.rate.median >= rate);
    const { name, note, missed } = scenario;
    const row = {
      name,
      cells: [...cells(found), quiet[scenario.quiet]?.over.toFixed(1) ?? "–"],
      allowed: limits.join(", ") || "–",
      met: limits.length === 0 ? undefined : met,
      note,
      missed,
    };
    rows.push(row);
    tell(row);
  }
  const look: Row = {
    name: "one look for changes by other processes (`PRAGMA data_version`), at most once a turn",
    cells: ["–", "–", "–", quiet["look"]?.over.toFixed(1) ?? "–"],
    allowed: "–",
    met: undefined,
  };
  rows.push(look);
  tell(look);
  return rows;
}
