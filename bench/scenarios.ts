// The price of one request over the bare framework, scenario by scenario.
import { compare, type Effort, type Side } from "./compare.ts";
import { shot } from "./load.ts";
import { cells, type Row } from "./rows.ts";
import { type BenchServer, credentials } from "./servers.ts";

interface Scenario {
  readonly name: string;
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
  "what is left is mostly one look at `PRAGMA data_version` in each turn of the event loop, by which a revocation by another process " +
  "counts on the next request: some 4 to 5 µs a turn, half of them two `fcntl` calls of SQLite, shared by the requests of that turn " +
  "(an in-memory database, or a machine that serves more connections at once, pays less); then Node's own writing of one more header line";

/** Compares each scenario with the floor. */
export async function measureScenarios(
  servers: { readonly floor: BenchServer; readonly warm: BenchServer; readonly cold: BenchServer },
  effort: Effort,
  tell: (row: Row) => void,
): Promise<Row[]> {
  const { floor, warm, cold } = servers;
  const { cookie, token, basic } = await credentials(warm);
  const json = { accept: "application/json" };
  const same = (path: string, headers: Readonly<Record<string, string>>): Pick<Scenario, "floor" | "ours"> => ({
    floor: { server: floor, shots: [shot(path, headers)] },
    ours: { server: warm, shots: [shot(path, headers)] },
  });
  const query = "sid=5&name=x&flag=true";
  const scenarios: Scenario[] = [
    { name: "open route, nobody signed in", ...same("/open", {}), note: "looks whether somebody is calling" },
    { name: "warm session, role guard", ...same("/role", { cookie }), limit: 3, rate: 0.93, missed: busNote },
    {
      name: "no credentials: 401 in JSON",
      floor: { server: floor, shots: [shot("/role", json)] },
      ours: { server: warm, shots: [shot("/role", json, 401)] },
      limit: 3,
      missed:
        "the answer has 200 bytes more and two header lines more than the floor's; Node writes each for some 0.5 µs, and the kernel copies them",
    },
    {
      name: "warm auth token, role guard",
      ...same("/role", { "authentication-token": token }),
      limit: 3,
      rate: 0.93,
      missed: busNote,
    },
    {
      name: "three typed parameters, over the same route without them",
      floor: { server: warm, shots: [shot(`/role?${query}`, { cookie })] },
      ours: { server: warm, shots: [shot(`/typed?${query}`, { cookie })] },
      limit: 4,
      note: "here the floor is our own route with a warm session: the same bytes, without parameters",
      missed: "the query's fields are read once, converted, and then checked by zod, whose own part is about a third",
    },
    {
      name: "cold session (each request reads the row), SQLite",
      floor: { server: floor, shots: [shot("/role", { cookie })] },
      ours: { server: cold, shots: [shot("/role", { cookie })] },
      limit: 35,
      missed:
        "the statement itself with its four joined tables and some fifty columns is the greater part, then the two SHA-256 and the objects made of the row",
    },
    {
      name: "Basic, credentials verified lately",
      ...same("/basic", { authorization: basic }),
      note: "a keyed SHA-256 of the header finds them: no password stands in the cache in clear",
    },
  ];
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
      cells: cells(found),
      allowed: limits.join(", ") || "–",
      met: limits.length === 0 ? undefined : met,
      note,
      missed,
    };
    rows.push(row);
    tell(row);
  }
  return rows;
}
