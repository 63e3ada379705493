/** Tests that need a service of the machine: skipped with one line where it is missing, a failure where CI runs. */
import { existsSync, writeSync } from "node:fs";
import { createConnection } from "node:net";
import { delimiter, join } from "node:path";
import { describe, it } from "vitest";

/** The services that tests know. */
export type ServiceName = "postgres" | "mysql" | "redis" | "chromium" | "slapd" | "pgbouncer";

/** What is known of a service: its URL (Chromium, slapd, PgBouncer: the program's path), whether it answers, how to get it. */
interface Service {
  readonly url: string;
  readonly available: boolean;
  readonly start: string;
}

/** Whether something accepts TCP connections at the URL's host and port within two seconds. */
function answers(url: string, defaultPort: number): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const host = hostname.replace(/^\[|\]$/g, "");
    const socket = createConnection({ host, port: port === "" ? defaultPort : Number(port), timeout: 2000 });
    const finish = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
    socket.once("timeout", () => finish(false));
  });
}

async function server(variable: string, fallback: string, port: number, name: string): Promise<Service> {
  const url = process.env[variable] ?? fallback;
  const start = `nothing answers at ${new URL(url).host}; start it with \`docker compose up -d ${name}\` or set ${variable}`;
  return { url, available: await answers(url, port), start };
}

function chromium(): Service {
  const named = process.env.CHROMIUM;
  const programs = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const folders = ["/usr/bin", ...(process.env.PATH ?? "").split(delimiter)];
  const candidates = named === undefined ? folders.flatMap((dir) => programs.map((name) => join(dir, name))) : [named];
  const path = candidates.find((candidate) => existsSync(candidate));
  const start = "no Chromium found; install it (Debian: `apt-get install chromium`) or set CHROMIUM to its path";
  return { url: path ?? "", available: path !== undefined, start };
}

/** A program that each suite starts for itself. */
function installed(name: string, ...where: readonly string[]): Service {
  const folders = ["/usr/sbin", ...where, ...(process.env.PATH ?? "").split(delimiter)];
  const path = folders.map((dir) => join(dir, name)).find((candidate) => existsSync(candidate));
  const start = `no ${name} found; install it (Debian: \`apt-get install ${name}\`)`;
  return { url: path ?? "", available: path !== undefined, start };
}

const [postgres, mysql, redis] = await Promise.all([
  server("POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres", 5432, "postgres"),
  server("MYSQL_URL", "mysql://root@127.0.0.1:3306", 3306, "mariadb"),
  server("REDIS_URL", "redis://127.0.0.1:6379", 6379, "redis"),
]);

/** As found when this module was loaded. */
const services: Readonly<Record<ServiceName, Service>> = {
  postgres,
  mysql,
  redis,
  chromium: chromium(),
  slapd: installed("slapd", "/usr/lib/openldap"),
  // Both are needed.
  pgbouncer: postgres.available ? installed("pgbouncer") : postgres,
};

/**
 * `describe` for a suite that needs a service; the suite's function gets the service's URL (Chromium, slapd, PgBouncer: its path).
 * Without the service the suite is skipped and one line tells what to start; under `CI=true` it fails instead.
 */
export function describeService(service: ServiceName, name: string, suite: (url: string) => void): void {
  const { url, available, start } = services[service];
  if (available) {
    describe(name, () => suite(url));
  } else if (process.env.CI === "true") {
    describe(name, () => {
      it(`needs ${service}`, () => {
        throw new Error(`${service}: ${start}`);
      });
    });
  } else {
    // Past the runner's interception of the console, which would make several lines of it.
    writeSync(2, `skipped: ${name} (${service}: ${start})\n`);
    describe.skip(name, () => suite(url));
  }
}
