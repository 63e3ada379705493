/** A lab server (tests/lab) as a process of its own, with what the rig needs beside HTTP: its database, its log, its end. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type Accounts, openAccounts, postgresDatabase } from "./accounts.ts";

/** Profiles of the lab. */
export type Profile = "default" | "full" | "spa" | "token";
/** Databases of the lab. */
export type Database = "sqlite" | "postgres";

/** How a lab is to be started. */
export interface LabOptions {
  readonly profile?: Profile;
  readonly database?: Database;
  /** Secure `__Host-` cookies and the product's own hashing cost. */
  readonly production?: boolean;
  /** What the settings allow `next` to lead to beside the server itself. */
  readonly redirectOrigins?: readonly string[];
  /** Flask-Security's names without prefix, as in lab.json. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** One row of the access matrix. */
export interface Route {
  readonly method: string;
  readonly path: string;
  readonly schemes: readonly string[];
  readonly guard: string;
  readonly open?: string;
  readonly parameters: readonly string[];
  readonly source: string;
}

/** A mail in the lab's outbox. */
export interface Mail {
  readonly to: string | readonly string[];
  readonly subject: string;
  readonly template?: string;
  readonly text: string;
  readonly html?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An event as the lab recorded it. */
export interface LabEvent {
  readonly name: string;
  readonly user: unknown;
  readonly details: Readonly<Record<string, unknown>>;
}

/** A running lab. */
export interface Lab {
  readonly origin: string;
  readonly port: number;
  readonly pid: number;
  readonly profile: Profile;
  readonly database: Database;
  readonly production: boolean;
  /** Further origins that answers may send somebody to: the settings list them. */
  readonly redirectOrigins: readonly string[];
  readonly routes: readonly Route[];
  readonly accounts: Accounts;
  /** The addresses of all accounts that attacks have made, also of those that have moved or are gone. */
  readonly created: Set<string>;
  /** Secrets that must never show up in the log or in an answer to somebody else. */
  readonly planted: Set<string>;
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  advance(seconds: number): Promise<void>;
  outbox(): Promise<readonly Mail[]>;
  events(): Promise<readonly LabEvent[]>;
  /** The server's own log and its standard error. */
  log(): Promise<string>;
  fault(where: string, times: number): Promise<void>;
  /** True while the process lives. */
  readonly alive: boolean;
  /** Resident memory in bytes. */
  memory(): number;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Starts a lab on a free port and resolves once it accepts connections. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const profile = options.profile ?? "default";
  const database = options.database ?? "sqlite";
  const folder = mkdtempSync(join(tmpdir(), "portcullis-attack-"));
  const pg = database === "postgres" ? await postgresDatabase(`attack_${randomBytes(6).toString("hex")}`) : undefined;
  const file = join(folder, "lab.db");
  const settings = join(folder, "lab.json");
  writeFileSync(settings, JSON.stringify({ REGISTERABLE: true, ...options.settings }));
  const port = await freePort();
  // A small heap, so that what is held is seen and not what the collector has left for later: a server that leaks dies of it.
  const args = [
    "--max-old-space-size=192",
    "--import",
    "./scripts/from-source.mjs",
    "tests/lab/main.ts",
    "--port",
    String(port),
  ];
  args.push("--profile", profile, "--settings", settings, "--seed", "users");
  args.push("--database", pg === undefined ? `sqlite:${file}` : pg.url);
  if (options.production === true) args.push("--production");
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const origin = await ready(child, () => stderr).catch(async (error: unknown) => {
    child.kill("SIGKILL");
    await pg?.drop();
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });

  const control = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${origin}/_lab${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} /_lab${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const accounts = openAccounts(pg === undefined ? { file } : { url: pg.url });
  return {
    origin,
    port,
    pid: child.pid ?? 0,
    profile,
    database,
    production: options.production === true,
    redirectOrigins: options.redirectOrigins ?? [],
    routes: (await control("GET", "/routes")) as readonly Route[],
    accounts,
    created: new Set(),
    planted: new Set(),
    control,
    async advance(seconds) {
      await control("POST", "/clock", { advance: seconds });
    },
    outbox: async () => (await control("GET", "/outbox")) as readonly Mail[],
    events: async () => (await control("GET", "/events")) as readonly LabEvent[],
    log: async () => `${JSON.stringify(await control("GET", "/log"))}\n${stderr}`,
    async fault(where, times) {
      await control("POST", "/fault", { where, times });
    },
    get alive() {
      return child.exitCode === null && child.signalCode === null;
    },
    memory: () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0) * 1024,
    async stop() {
      await accounts.close();
      child.kill("SIGTERM");
      await ended;
      await pg?.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function ready(child: ChildProcessByStdio<null, Readable, Readable>, stderr: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      const match = /^lab ready (http:\/\/\S+)$/m.exec(stdout);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the lab ended with ${code} before it was ready:\n${stderr()}`)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
