/** Timing oracles (O11): reported, never a gate, as a busy machine would decide them. */
import { randomBytes } from "node:crypto";
import { Client } from "./client.ts";
import { type Lab, startLab } from "./lab.ts";

type Request = () => Promise<void>;

interface Comparison {
  readonly id: string;
  readonly title: string;
  readonly classes: Readonly<Record<string, Request>>;
  readonly rounds: number;
  /** The medians may differ by this, in milliseconds, or by 5 %. */
  readonly bound: number;
}

const warmUps = 30;

/** Measures every comparison on a server with the product's own hashing cost, and prints medians and rank tests. */
export async function reportTimings(): Promise<void> {
  const lab = await startLab({ production: true });
  try {
    for (const comparison of await comparisons(lab)) {
      const times = await measure(comparison);
      print(comparison, times);
    }
  } finally {
    await lab.stop();
  }
}

async function comparisons(lab: Lab): Promise<readonly Comparison[]> {
  const client = new Client(lab);
  await client.get("/login");
  const post =
    (path: string, json: unknown): Request =>
    async () => {
      await client.post(path, { json, watch: false, keep: false });
    };
  const login = (email: string, password = "wrong-password"): Request => post("/login", { email, password });
  const basic =
    (pair: string): Request =>
    async () => {
      const authorization = `Basic ${Buffer.from(`${pair}${randomBytes(4).toString("hex")}`).toString("base64")}`;
      await client.get("/http", { headers: { authorization }, watch: false, keep: false });
    };
  const register =
    (email: () => string): Request =>
    async () => {
      const password = `heron-${randomBytes(9).toString("hex")}`;
      await client.post("/register", {
        json: { email: email(), password, password_confirm: password },
        watch: false,
        keep: false,
      });
    };
  const signedIn = new Client(lab);
  await signedIn.get("/login");
  const answer = await signedIn.signIn("matt@lp.com");
  const token = /"authentication_token":"([^"]+)"/.exec(answer.text)?.[1] ?? "";
  const csrf = signedIn.csrf ?? "";
  const session = signedIn.cookie("session") ?? "";
  const flipped = (value: string, at: number): string => {
    const index = at < 0 ? value.length + at : at;
    return value.slice(0, index) + (value[index] === "A" ? "B" : "A") + value.slice(index + 1);
  };
  const withToken =
    (value: string): Request =>
    async () => {
      await client.get("/token", { headers: { "authentication-token": value }, watch: false, keep: false });
    };
  const withSession =
    (value: string): Request =>
    async () => {
      await client.get("/me", { cookies: `__Host-session=${value}`, watch: false, keep: false });
    };
  const withCsrf =
    (value: string): Request =>
    async () => {
      await signedIn.post("/json_auth", { json: {}, csrf: value, watch: false, keep: false });
    };
  return [
    {
      id: "ENU-02",
      title: "LOGIN by identity class",
      classes: {
        active: login("matt@lp.com"),
        unknown: login("nobody@nowhere.example"),
        inactive: login("tiya@lp.com"),
        "inactive, right password": login("tiya@lp.com", "password"),
        "no password": login("jess@lp.com"),
      },
      rounds: 300,
      bound: 3,
    },
    {
      id: "ENU-02",
      title: "BASIC by identity class",
      classes: {
        active: basic("matt@lp.com:x"),
        unknown: basic("nobody@nowhere.example:x"),
        "no password": basic("jess@lp.com:x"),
      },
      rounds: 300,
      bound: 3,
    },
    {
      id: "ENU-04",
      title: "REGISTER with a new and a known address",
      classes: {
        new: register(() => `${randomBytes(8).toString("hex")}@new.example`),
        known: register(() => "matt@lp.com"),
      },
      rounds: 300,
      bound: 3,
    },
    ...[
      { what: "auth token", first: withToken(flipped(token, -40)), last: withToken(flipped(token, -1)) },
      { what: "session", first: withSession(flipped(session, 0)), last: withSession(flipped(session, -1)) },
      { what: "CSRF token", first: withCsrf(flipped(csrf, 23)), last: withCsrf(flipped(csrf, -1)) },
    ].map(({ what, first, last }) => ({
      id: "TIM-01",
      title: `${what}: first byte wrong, last byte wrong`,
      classes: { first, last },
      rounds: 2000,
      bound: 0.2,
    })),
  ];
}

/** Interleaves the classes in shuffled order on keep-alive connections. */
async function measure({ classes, rounds }: Comparison): Promise<Readonly<Record<string, readonly number[]>>> {
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(classes).map((name) => [name, []]));
  for (let round = -warmUps; round < rounds; round += 1) {
    const order = Object.entries(classes)
      .map((entry) => ({ entry, key: Math.random() }))
      .sort((a, b) => a.key - b.key)
      .map(({ entry }) => entry);
    for (const [name, request] of order) {
      const begin = performance.now();
      await request();
      if (round >= 0) times[name]?.push(performance.now() - begin);
    }
  }
  return times;
}

function print({ id, title, bound }: Comparison, times: Readonly<Record<string, readonly number[]>>): void {
  console.log(`\n${id} ${title}`);
  const entries = Object.entries(times);
  for (const [name, values] of entries) console.log(`  ${name.padEnd(28)} median ${median(values).toFixed(3)} ms`);
  for (const [index, [first, a]] of entries.entries()) {
    for (const [second, b] of entries.slice(index + 1)) {
      const difference = Math.abs(median(a) - median(b));
      const p = rankTest(a, b);
      const allowed = Math.max(bound, 0.05 * Math.min(median(a), median(b)));
      const verdict = difference > allowed && p < 0.001 ? "TOLD APART" : "alike";
      console.log(
        `  ${verdict.padEnd(11)} ${first} / ${second}: ${difference.toFixed(3)} ms apart, p = ${p.toExponential(1)}`,
      );
    }
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? 0)) / 2;
}

/** Two-sided Mann-Whitney test with the normal approximation: the probability that two samples of one source differ so. */
function rankTest(a: readonly number[], b: readonly number[]): number {
  const all = [...a.map((value) => ({ value, first: true })), ...b.map((value) => ({ value, first: false }))];
  all.sort((x, y) => x.value - y.value);
  let ranks = 0;
  for (let start = 0; start < all.length; ) {
    let end = start;
    while (end < all.length && all[end]?.value === all[start]?.value) end += 1;
    // Equal values share the middle of their ranks.
    const rank = (start + end + 1) / 2;
    for (const { first } of all.slice(start, end)) if (first) ranks += rank;
    start = end;
  }
  const [n, m] = [a.length, b.length];
  const u = ranks - (n * (n + 1)) / 2;
  const z = Math.abs(u - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
  return 2 * (1 - normal(z));
}

/** The standard normal distribution function (Abramowitz and Stegun 26.2.17). */
function normal(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const tail = ((((1.330274429 * t - 1.821255978) * t + 1.781477937) * t - 0.356563782) * t + 0.31938153) * t;
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * tail;
}
