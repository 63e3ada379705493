/** How attacks are written: one test named by each id of the catalogue, in one lab per file and target. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, it, type TestContext } from "vitest";
import { describeService } from "../services/available.ts";
import { type CatalogueEntry, catalogue, idsIn, notApplicable } from "./catalogue.ts";
import { Client } from "./client.ts";
import { type Endpoint, pathOf } from "./endpoints.ts";
import { type Database, type Lab, type LabOptions, type Profile, startLab } from "./lab.ts";
import { isWell, logIsClean, mailIsClean } from "./oracles.ts";

/** A user made for one attack. */
export interface Victim {
  readonly email: string;
  readonly password: string;
}

/** What an attack is given. */
export interface Rig {
  readonly lab: Lab;
  /** A new client without cookies. */
  client(): Client;
  /** A new user, by default active, with a random password and without roles. */
  user(columns?: Readonly<Record<string, unknown>>): Promise<Victim>;
  /** A client that has loaded the sign-in page: it has a CSRF token and nothing else. */
  visitor(): Promise<Client>;
  /** Confirms the address of somebody who has just registered, where accounts must be confirmed before they are used. */
  confirmed(email: string): Promise<void>;
  /** A client that is signed in as this user, or as a new one. */
  signedIn(victim?: Victim, extra?: Readonly<Record<string, unknown>>): Promise<Client>;
  path(endpoint: Endpoint): string | undefined;
  /** The path of an endpoint that the attack cannot do without. */
  at(endpoint: Endpoint): string;
}

/** Declares one attack: the title begins with its id, and carries the requirements that it proves as [ASVS 1.2.3]. */
export type Attack = (title: string, play: (rig: Rig, context: TestContext) => Promise<void>) => void;

/** How a file's lab differs from the target's. */
export interface SuiteOptions extends Omit<LabOptions, "profile" | "database"> {
  /** The only profiles that this file is about. */
  readonly profiles?: readonly Profile[];
  /** The targets of the short form instead of the usual ones: what the profile `default` has nothing of. */
  readonly short?: string;
  /** Also on PostgreSQL in the short form of `npm test`: what depends on the database. */
  readonly postgres?: boolean;
}

interface Target {
  readonly profile: Profile;
  readonly database: Database;
}

function targets(options: SuiteOptions): readonly Target[] {
  const short = options.short ?? (options.postgres === true ? "default:sqlite,default:postgres" : "default:sqlite");
  const wanted = (process.env["ATTACK_TARGETS"] ?? short).split(",").map((text): Target => {
    const [profile = "", database = ""] = text.split(":");
    return { profile: profile as Profile, database: database as Database };
  });
  return wanted.filter(({ profile }) => options.profiles === undefined || options.profiles.includes(profile));
}

/** True in the long form, which `npm run attack` plays. */
export const long: boolean = process.env["ATTACK_TARGETS"] !== undefined;

/** A suite of attacks, once for each target; ends with the oracles of the whole run. */
export function attacks(name: string, options: SuiteOptions, define: (attack: Attack) => void): void {
  const wanted = targets(options);
  // A file without any test is a failure to the runner.
  if (wanted.length === 0) describe(name, () => it.skip("is about other profiles", () => undefined));
  for (const target of wanted) {
    const title = `${name} (${target.profile}, ${target.database})`;
    const suite = (): void => play(target, options, define);
    if (target.database === "postgres") describeService("postgres", title, suite);
    else describe(title, suite);
  }
}

function play(target: Target, options: SuiteOptions, define: (attack: Attack) => void): void {
  const running: { lab: Lab | undefined } = { lab: undefined };
  beforeAll(async () => {
    running.lab = await startLab({ ...target, ...options });
  });
  afterAll(async () => {
    await running.lab?.stop();
  });
  const rig = (): Rig => {
    if (running.lab === undefined) throw new Error("the lab did not start");
    return rigOf(running.lab);
  };
  define((title, attempt) => {
    const [entry, ...classes] = entriesOf(title);
    it(title, async (context) => {
      const current = rig();
      context.task.meta.attack = {
        id: entry.id,
        severity: entry.severity,
        classes: classes.map(({ id, severity }) => ({ id, severity })),
        target: `${target.profile}:${target.database}`,
      };
      const reason = entry.timing === true ? undefined : notApplicable(entry, current.lab.routes);
      if (reason !== undefined) context.skip(reason);
      await attempt(current, context);
    });
  });
  it("O6, O7, O9 [ASVS 16.2.5] [ASVS 14.2.1]: no secret in the log, mail only to its owner, and the server is well", async () => {
    const { lab } = rig();
    await logIsClean(lab);
    await mailIsClean(lab);
    await isWell(lab);
  });
}

declare module "vitest" {
  interface TaskMeta {
    /** Which attack a test plays, for the table. */
    attack?: {
      readonly id: string;
      readonly severity: string;
      readonly target: string;
      /** The classes of advisories that it plays as well. */
      readonly classes: readonly { readonly id: string; readonly severity: string }[];
    };
    /** Attacks that cannot be played, with the reason. */
    notApplicable?: readonly { readonly id: string; readonly severity: string; readonly reason: string }[];
  }
}

function entriesOf(title: string): readonly [CatalogueEntry, ...CatalogueEntry[]] {
  const [first, ...classes] = idsIn(title).map((id) => {
    const entry = catalogue.find((known) => known.id === id);
    if (entry === undefined) throw new Error(`"${title}" names ${id}, which the catalogue does not know`);
    return entry;
  });
  if (first === undefined) throw new Error(`"${title}" does not begin with an id of the catalogue`);
  return [first, ...classes];
}

function rigOf(lab: Lab): Rig {
  const client = (): Client => new Client(lab);
  const user = async (columns: Readonly<Record<string, unknown>> = {}): Promise<Victim> => {
    const email = `${randomBytes(6).toString("hex")}@victims.example`;
    const password = secret();
    const row = (await lab.control("POST", "/users", { email, password, active: true, ...columns })) as {
      email: string;
    };
    lab.created.add(row.email);
    return { email: row.email, password: typeof columns["password"] === "string" ? columns["password"] : password };
  };
  const visitor = async (): Promise<Client> => {
    const visiting = client();
    await visiting.get("/login");
    return visiting;
  };
  const path = (endpoint: Endpoint): string | undefined => pathOf(lab.routes, endpoint);
  return {
    lab,
    client,
    user,
    path,
    visitor,
    async confirmed(email) {
      if (path("CONFIRM") === undefined) return;
      await lab.control("PATCH", `/users/${email}`, { confirmed_at: "2026-01-01T00:00:00Z" });
    },
    async signedIn(victim, extra = {}) {
      const who = victim ?? (await user());
      const signedIn = await visitor();
      await signedIn.signIn(who.email, who.password, extra);
      return signedIn;
    },
    at(endpoint) {
      const found = path(endpoint);
      if (found === undefined) throw new Error(`there is no ${endpoint}`);
      return found;
    },
  };
}

/** False where only tokens are accepted: then nobody signs in by a form, the page says so and looks at no password. */
export function hasSessions(rig: Rig): boolean {
  return rig.lab.routes.find(({ path }) => path === "/me")?.schemes.includes("session") === true;
}

/** Skips an attack on something that this profile's sessions do. */
export function needsSessions(rig: Rig, context: TestContext): void {
  if (!hasSessions(rig)) context.skip("this profile has no sessions");
}

/** A password that can be found again wherever it leaks to. */
export function secret(): string {
  return `marker-${randomBytes(9).toString("base64url")}`;
}

/** Plays a case for each value and reports all that fail together. */
export async function each<T>(
  cases: readonly T[],
  name: (value: T) => string,
  play: (value: T) => Promise<void>,
): Promise<void> {
  if (cases.length === 0) throw new Error("a matrix without cases proves nothing");
  const failures: string[] = [];
  for (const value of cases) {
    try {
      await play(value);
    } catch (error) {
      failures.push(`${name(value)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (failures.length > 0) {
    throw new Error(`${failures.length} of ${cases.length} cases failed\n${failures.slice(0, 20).join("\n")}`);
  }
}

/** All pairs. */
export function pairs<A, B>(first: readonly A[], second: readonly B[]): readonly (readonly [A, B])[] {
  return first.flatMap((a) => second.map((b) => [a, b] as const));
}

/** Throws with what was seen when a condition does not hold. */
export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** A body without what differs between any two answers: CSRF tokens, and the values given here. */
export function masked(text: string, ...values: readonly string[]): string {
  let result = text
    .replace(/"csrf_token":"[^"]+"/g, '"csrf_token":"*"')
    .replace(/name="csrf_token" value="[^"]+"/g, 'name="csrf_token" value="*"');
  for (const value of values) if (value !== "") result = result.replaceAll(value, "*");
  return result;
}
