/** Timing oracles (O11): reported, never a gate, as a busy machine would decide them. */
import { randomBytes } from "node:crypto";
import { type Answer, Client } from "./client.ts";
import { type Lab, startLab } from "./lab.ts";

/** Sends one request of a class and says how it was answered. */
type Request = () => Promise<Answer>;

interface Comparison {
  readonly id: string;
  readonly title: string;
  readonly classes: Readonly<Record<string, Request>>;
  /** The status that each answer must have: one that was refused unseen tells nothing. */
  readonly status: number;
  readonly rounds: number;
  /** The medians may differ by this, in milliseconds, or by 5 %. */
  readonly bound: number;
  /** Done before each so many rounds, unmeasured: what gives used-up budgets back. */
  readonly rest?: { readonly every: number; readonly work: () => Promise<void> };
}

const warmUps = 30;
const matt = "matt@lp.com";
const unknown = "nobody@nowhere.example";
const inactive = "tiya@lp.com";
const passwordless = "jess@lp.com";

/**
 * Measures every comparison whose id begins with one of these (all where none is named) on servers with the product's own
 * hashing cost, and prints medians and rank tests.
 */
export async function reportTimings(ids: readonly string[]): Promise<void> {
  const wanted = ({ id }: { readonly id: string }): boolean =>
    ids.length === 0 || ids.some((start) => id.startsWith(start));
  const lab = await startLab({ profile: "full", production: true, settings: { LIMITS: "wide" } });
  try {
    for (const comparison of (await comparisons(lab)).filter(wanted)) print(comparison, await measure(comparison));
  } finally {
    await lab.stop();
  }
}

async function comparisons(lab: Lab): Promise<readonly Comparison[]> {
  const client = new Client(lab);
  await client.get("/login");
  const quiet = { watch: false, keep: false } as const;
  const post =
    (path: string, json: unknown): Request =>
    () =>
      client.post(path, { json, ...quiet });
  const login = (email: string, password = "wrong-password"): Request => post("/login", { email, password });
  const basic =
    (pair: string): Request =>
    () => {
      const authorization = `Basic ${Buffer.from(`${pair}${randomBytes(4).toString("hex")}`).toString("base64")}`;
      return client.get("/http", { headers: { authorization }, ...quiet });
    };
  const register =
    (email: () => string): Request =>
    () => {
      const password = `heron-${randomBytes(9).toString("hex")}`;
      return client.post("/register", { json: { email: email(), password, password_confirm: password }, ...quiet });
    };
  const user = async (row: object = {}): Promise<string> => {
    const email = `${randomBytes(6).toString("hex")}@timing.example`;
    await lab.control("POST", "/users", { email, password: "heron and nine clouds", active: true, ...row });
    return email;
  };
  const unconfirmed = await user({ confirmed_at: null });

  const signedIn = new Client(lab);
  await signedIn.get("/login");
  const answer = await signedIn.signIn(matt);
  const token = /"authentication_token":"([^"]+)"/.exec(answer.text)?.[1] ?? "";
  const csrf = signedIn.csrf ?? "";
  const session = signedIn.cookie("session") ?? "";
  const owner = await user();
  await client.post("/reset", { json: { email: owner }, ...quiet });
  const mail = (await lab.outbox()).findLast(({ template }) => template === "resetInstructions");
  const link = /\/reset\/([\w.-]+)/.exec(mail?.text ?? "")?.[1] ?? "";
  for (const value of [token, csrf, session, link]) if (value === "") throw new Error("nothing to compare was issued");
  const flipped = (value: string, at: number): string => {
    const index = at < 0 ? value.length + at : at;
    return value.slice(0, index) + (value[index] === "A" ? "B" : "A") + value.slice(index + 1);
  };
  const withToken =
    (value: string): Request =>
    () =>
      client.get("/token", { headers: { "authentication-token": value }, ...quiet });
  const withSession =
    (value: string): Request =>
    () =>
      client.get("/me", { cookies: `__Host-session=${value}`, ...quiet });
  const withCsrf =
    (value: string): Request =>
    () =>
      signedIn.post("/json_auth", { json: {}, csrf: value, ...quiet });
  const withLink = (value: string): Request => post(`/reset/${value}`, { password: "x", password_confirm: "x" });

  /** Ten guesses and six mails are an account's: before they are used up, three days go by. */
  const days = async (): Promise<void> => {
    await lab.advance(3 * 86_400);
  };
  const guesses = { status: 400, rounds: 300, bound: 3, rest: { every: 8, work: days } } as const;
  const mailing = (id: string, path: string): Comparison => ({
    id,
    title: `${path} by identity class, with a mail server that takes half a second`,
    classes: Object.fromEntries(
      Object.entries({ active: matt, unknown, inactive, unconfirmed, "no password": passwordless }).map(
        ([name, email]) => [name, post(path, { email })],
      ),
    ),
    status: 200,
    rounds: 300,
    bound: 3,
    rest: {
      every: 5,
      async work() {
        await days();
        await lab.control("POST", "/fault", { where: "mail", times: 1_000_000, delay: 500 });
      },
    },
  });
  return [
    // First, while what was issued above is good: the others let days go by.
    ...[
      { what: "auth token", status: 401, first: withToken(flipped(token, -40)), last: withToken(flipped(token, -1)) },
      {
        what: "session",
        status: 401,
        first: withSession(flipped(session, 0)),
        last: withSession(flipped(session, -1)),
      },
      { what: "CSRF token", status: 400, first: withCsrf(flipped(csrf, 23)), last: withCsrf(flipped(csrf, -1)) },
      { what: "mailed link", status: 400, first: withLink(flipped(link, 23)), last: withLink(flipped(link, -1)) },
    ].map(({ what, status, first, last }) => ({
      id: "TIM-01",
      title: `${what}: first byte wrong, last byte wrong`,
      classes: { first, last },
      status,
      rounds: 2000,
      bound: 0.2,
    })),
    {
      id: "ENU-02",
      title: "LOGIN by identity class",
      classes: {
        active: login(matt),
        unknown: login(unknown),
        inactive: login(inactive),
        "inactive, right password": login(inactive, "password"),
        unconfirmed: login(unconfirmed),
        "no password": login(passwordless),
      },
      ...guesses,
    },
    {
      id: "ENU-02",
      title: "BASIC by identity class",
      classes: {
        active: basic(`${matt}:x`),
        unknown: basic(`${unknown}:x`),
        "no password": basic(`${passwordless}:x`),
      },
      ...guesses,
      status: 401,
    },
    mailing("ENU-03", "/reset"),
    {
      id: "ENU-04",
      title: "REGISTER with a new and a known address",
      classes: { new: register(() => `${randomBytes(8).toString("hex")}@new.example`), known: register(() => matt) },
      status: 200,
      rounds: 300,
      bound: 3,
      rest: { every: 5, work: days },
    },
    mailing("ENU-06", "/confirm"),
    mailing("ENU-06", "/login-link"),
    mailing("ENU-06", "/recover-username"),
  ];
}

/** Interleaves the classes in shuffled order on keep-alive connections. */
async function measure(comparison: Comparison): Promise<Readonly<Record<string, readonly number[]>>> {
  const { classes, rounds, rest, status, title } = comparison;
  const times: Record<string, number[]> = Object.fromEntries(Object.keys(classes).map((name) => [name, []]));
  for (let round = -warmUps; round < rounds; round += 1) {
    if (rest !== undefined && (round + warmUps) % rest.every === 0) await rest.work();
    const order = Object.entries(classes)
      .map((entry) => ({ entry, key: Math.random() }))
      .sort((a, b) => a.key - b.key)
      .map(({ entry }) => entry);
    for (const [name, request] of order) {
      const begin = performance.now();
      const answer = await request();
      const time = performance.now() - begin;
      if (answer.status !== status) throw new Error(`${title}: ${name} was answered ${answer.status} ${answer.text}`);
      if (round >= 0) times[name]?.push(time);
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
