/**
 * The sign-in state machine against a model: random sequences of actions over HTTP, and after each the server must
 * say the same as the model about who has access. Nobody has access without every proof that it needs.
 */
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, it } from "vitest";
import { Client } from "./client.ts";
import { type Lab, startLab } from "./lab.ts";
import { logIsClean } from "./oracles.ts";
import { long, must, secret } from "./suite.ts";

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const limits = { idle: day, absolute: 14 * day, remember: 30 * day, token: 15 * minute, within: hour, grace: hour };
/** The server counts real seconds beside the shifted ones: so close to a limit nothing is said. */
const blur = 2 * minute;

interface User {
  readonly email: string;
  exists: boolean;
  active: boolean;
  password: string;
  /** Rises when everything that hangs on the account is ended. */
  epoch: number;
}
interface Session {
  readonly user: User;
  readonly epoch: number;
  readonly createdAt: number;
  /** When the user proved who they are; undefined: not in this session. */
  authenticatedAt: number | undefined;
  seenAt: number;
}
interface Credential {
  readonly user: User;
  readonly epoch: number;
  readonly expiresAt: number;
}
interface Browser {
  session: Session | undefined;
  remember: Credential | undefined;
  token: Credential | undefined;
}
interface Model {
  now: number;
  /** A limit was so near that the model cannot tell: the rest of the run says nothing. */
  blurred: boolean;
  readonly users: readonly User[];
  readonly browsers: readonly Browser[];
}
interface Real {
  readonly lab: Lab;
  readonly clients: Client[];
  /** What was in each browser's jar before its last sign-out. */
  readonly stolen: (string | undefined)[];
}

/** True or false where the model knows, and the model is blurred where it does not. */
function before(model: Model, limit: number): boolean {
  if (Math.abs(limit - model.now) < blur) model.blurred = true;
  return model.now < limit;
}

function aliveSession(model: Model, browser: Browser): Session | undefined {
  const { session } = browser;
  if (session === undefined || !session.user.active || !session.user.exists || session.user.epoch !== session.epoch)
    return undefined;
  return before(model, session.seenAt + limits.idle) && before(model, session.createdAt + limits.absolute)
    ? session
    : undefined;
}

const good = (model: Model, credential: Credential | undefined): credential is Credential =>
  credential?.user.exists === true &&
  credential.user.active &&
  credential.user.epoch === credential.epoch &&
  before(model, credential.expiresAt);

/** Who is signed in at this browser, as any request finds out: by session, else restored by the remember credential. */
function whoIs(model: Model, browser: Browser): Session | undefined {
  const session = aliveSession(model, browser);
  if (session !== undefined) {
    session.seenAt = model.now;
    return session;
  }
  const { remember } = browser;
  if (!good(model, remember)) return undefined;
  browser.session = {
    user: remember.user,
    epoch: remember.epoch,
    createdAt: model.now,
    authenticatedAt: undefined,
    seenAt: model.now,
  };
  return browser.session;
}

type Step = (model: Model, real: Real) => Promise<void>;

class Action implements fc.AsyncCommand<Model, Real> {
  readonly #name: string;
  readonly #step: Step;
  constructor(name: string, step: Step) {
    this.#name = name;
    this.#step = step;
  }
  check(model: Readonly<Model>): boolean {
    return !model.blurred;
  }
  async run(model: Model, real: Real): Promise<void> {
    await this.#step(model, real);
  }
  toString(): string {
    return this.#name;
  }
}

const at = <T>(list: readonly T[], index: number): T => {
  const item = list[index];
  if (item === undefined) throw new Error(`there is no ${index}`);
  return item;
};
/** Holds an expectation that was worked out unless a limit was too near. */
function same(model: Model, seen: unknown, expected: unknown, what: string): void {
  must(model.blurred || seen === expected, `${what}: the server says ${String(seen)}, the model ${String(expected)}`);
}

const user = fc.constantFrom(0, 0, 1, 2);
const browser = fc.constantFrom(0, 0, 1, 2);
const mostly = fc.constantFrom(true, true, true, false);

const actions: readonly fc.Arbitrary<Action>[] = [
  user.map(
    (u) =>
      new Action(`register(user ${u})`, async (model, real) => {
        const account = at(model.users, u);
        const password = secret();
        const visitor = new Client(real.lab);
        await visitor.get("/login");
        const json = { email: account.email, password, password_confirm: password };
        const answer = await visitor.post("/register", { json });
        same(model, answer.status, 200, "REGISTER");
        if (account.exists) return;
        Object.assign(account, { exists: true, active: true, password });
      }),
  ),
  fc.tuple(browser, user, mostly, mostly).map(
    ([b, u, right, remember]) =>
      new Action(
        `signIn(browser ${b}, user ${u}, ${right ? "right" : "wrong"}${remember ? ", remember" : ""})`,
        async (model, real) => {
          const here = at(model.browsers, b);
          const client = at(real.clients, b);
          const account = at(model.users, u);
          await client.get("/login");
          const already = whoIs(model, here) !== undefined;
          const password = right ? account.password : "wrong-password";
          const answer = await client.post("/login?include_auth_token", {
            json: { email: account.email, password, remember },
          });
          const expected = !already && right && account.exists && account.active;
          same(model, answer.status, expected ? 200 : 400, "LOGIN");
          if (!expected || model.blurred) return;
          const { epoch } = account;
          here.session = { user: account, epoch, createdAt: model.now, authenticatedAt: model.now, seenAt: model.now };
          here.remember = remember ? { user: account, epoch, expiresAt: model.now + limits.remember } : undefined;
          here.token = { user: account, epoch, expiresAt: model.now + limits.token };
          client.token = undefined;
          const held = answer.response["user"] as Readonly<Record<string, unknown>>;
          tokens.set(client, String(held["authentication_token"]));
        },
      ),
  ),
  fc.tuple(browser, fc.boolean()).map(
    ([b, right]) =>
      new Action(`verify(browser ${b}, ${right ? "right" : "wrong"})`, async (model, real) => {
        const session = whoIs(model, at(model.browsers, b));
        const client = at(real.clients, b);
        await client.get("/me");
        await client.get("/login");
        const password = right && session !== undefined ? session.user.password : "wrong-password";
        const answer = await client.post("/verify", { json: { password } });
        same(model, answer.status, session === undefined ? 401 : right ? 200 : 400, "VERIFY");
        if (session !== undefined && right) session.authenticatedAt = model.now;
      }),
  ),
  browser.map(
    (b) =>
      new Action(`signOut(browser ${b})`, async (model, real) => {
        const here = at(model.browsers, b);
        const client = at(real.clients, b);
        whoIs(model, here);
        await client.get("/login");
        real.stolen[b] = client.cookieHeader;
        const answer = await client.post("/logout", { json: {} });
        same(model, answer.status, 200, "LOGOUT");
        here.session = undefined;
        here.remember = undefined;
      }),
  ),
  browser.map(
    (b) =>
      new Action(`use(browser ${b})`, async (model, real) => {
        const session = whoIs(model, at(model.browsers, b));
        const answer = await at(real.clients, b).get("/me");
        const email = answer.status === 200 ? answer.json["email"] : undefined;
        if (email === undefined) seen.refused += 1;
        else if (session?.authenticatedAt === undefined) seen.restored += 1;
        else seen.granted += 1;
        same(model, email, session?.user.email, "ME");
      }),
  ),
  browser.map(
    (b) =>
      new Action(`useFresh(browser ${b})`, async (model, real) => {
        const session = whoIs(model, at(model.browsers, b));
        const answer = await at(real.clients, b).get("/fresh");
        if (answer.status !== 200) return;
        const proved = session?.authenticatedAt;
        const recent = proved !== undefined && before(model, proved + limits.within + limits.grace);
        must(model.blurred || recent, "something that needs a fresh proof opened without one");
      }),
  ),
  browser.map(
    (b) =>
      new Action(`useToken(browser ${b})`, async (model, real) => {
        const { token } = at(model.browsers, b);
        const value = tokens.get(at(real.clients, b)) ?? "none";
        const expected = good(model, token) ? 200 : 401;
        const stranger = new Client(real.lab);
        stranger.token = value;
        same(model, (await stranger.get("/token")).status, expected, "auth token");
      }),
  ),
  fc.tuple(user, fc.boolean()).map(
    ([u, right]) =>
      new Action(`useBasic(user ${u}, ${right ? "right" : "wrong"})`, async (model, real) => {
        const account = at(model.users, u);
        const pair = `${account.email}:${right ? account.password : "wrong-password"}`;
        const headers = { authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
        const expected = right && account.exists && account.active ? 200 : 401;
        same(model, (await new Client(real.lab).get("/http", { headers })).status, expected, "BASIC");
      }),
  ),
  browser.map(
    (b) =>
      new Action(`replay(browser ${b})`, async (model, real) => {
        const cookies = real.stolen[b];
        if (cookies === undefined || cookies === "") return;
        const answer = await new Client(real.lab).get("/me", { cookies });
        same(model, answer.status, 401, "cookies of before the sign-out");
      }),
  ),
  fc.tuple(user, mostly).map(
    ([u, active]) =>
      new Action(`${active ? "activate" : "deactivate"}(user ${u})`, async (model, real) => {
        const account = at(model.users, u);
        if (!account.exists) return;
        await real.lab.control("PATCH", `/users/${account.email}`, { active });
        account.active = active;
      }),
  ),
  user.map(
    (u) =>
      new Action(`newPasswordByAdmin(user ${u})`, async (model, real) => {
        const account = at(model.users, u);
        if (!account.exists) return;
        account.password = secret();
        await real.lab.control("PATCH", `/users/${account.email}`, { password: account.password });
      }),
  ),
  user.map(
    (u) =>
      new Action(`endEverything(user ${u})`, async (model, real) => {
        const account = at(model.users, u);
        if (!account.exists) return;
        account.epoch += 1;
        const ids = {
          fs_uniquifier: randomBytes(16).toString("hex"),
          fs_token_uniquifier: randomBytes(16).toString("hex"),
        };
        await real.lab.control("PATCH", `/users/${account.email}`, ids);
      }),
  ),
  fc
    .constantFrom(
      7 * minute,
      7 * minute,
      17 * minute,
      17 * minute,
      71 * minute,
      71 * minute,
      5 * hour + 3 * minute,
      25 * hour,
      25 * hour,
      25 * hour,
      9 * day + 2 * hour,
      31 * day,
    )
    .map(
      (seconds) =>
        new Action(`wait(${seconds} s)`, async (model, real) => {
          await real.lab.advance(seconds);
          model.now += seconds;
        }),
    ),
];

/** How often each was seen: a run in which nobody ever gets in proves nothing. */
const seen = { granted: 0, restored: 0, refused: 0 };
/** What is met again and again: the action of this place in the list, so many times more. */
const often: readonly (readonly [index: number, times: number])[] = [
  [1, 5],
  [4, 6],
  [5, 1],
  [6, 1],
  [8, 1],
  [12, 1],
];
const weighted = [
  ...actions,
  ...often.flatMap(([index, times]) => Array.from({ length: times }, () => at(actions, index))),
];
const tokens: WeakMap<Client, string> = new WeakMap();

describe.each(
  process.env["ATTACK_TARGETS"]?.includes("postgres") === true
    ? (["sqlite", "postgres"] as const)
    : (["sqlite"] as const),
)("the sign-in state machine (%s)", (database) => {
  const running: { lab?: Lab } = {};
  beforeAll(async () => {
    running.lab = await startLab({ database });
  });
  afterAll(() => running.lab?.stop());

  it("[ASVS 2.3.1] [ASVS 7.4.1] [ASVS 7.4.2]: gives access to nobody who has not every proof", async () => {
    const { lab } = running;
    if (lab === undefined) throw new Error("the lab did not start");
    const property = fc.asyncProperty(
      fc.commands(weighted, { maxCommands: long ? 60 : 40, size: "max" }),
      async (commands) => {
        await fc.asyncModelRun(async () => {
          const run = randomBytes(5).toString("hex");
          // Two are there from the beginning, the third has to register.
          const users = [0, 1, 2].map((index): User => {
            const there = index < 2;
            return {
              email: `u${index}-${run}@model.example`,
              exists: there,
              active: there,
              password: secret(),
              epoch: 0,
            };
          });
          for (const { email, password } of users.slice(0, 2))
            await lab.control("POST", "/users", { email, password, active: true });
          const browsers = [0, 1, 2].map(
            (): Browser => ({ session: undefined, remember: undefined, token: undefined }),
          );
          return {
            model: { now: 0, blurred: false, users, browsers },
            real: { lab, clients: [0, 1, 2].map(() => new Client(lab)), stolen: [undefined, undefined, undefined] },
          };
        }, commands);
      },
    );
    // For so many runs or so long, whichever is less; but a slow machine does not make an empty test of it.
    const enough = (): boolean => seen.granted > 20 && seen.restored > 2 && seen.refused > 20;
    const begin = performance.now();
    const batch = 10;
    for (let runs = 0; runs < (long ? 400 : 80); runs += batch) {
      if (enough() && performance.now() - begin > 40_000) break;
      await fc.assert(property, { numRuns: batch });
    }
    must(enough(), `too little was seen: ${JSON.stringify(seen)}`);
    await logIsClean(lab);
  });
});
