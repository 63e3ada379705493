import { parseArgs } from "node:util";

/** Where a start begins; the settings file overrides it. */
export type ProfileName = "default" | "full" | "spa" | "token";

/** Which accounts an empty database gets. */
export type SeedName = "users" | "golden" | "none";

/** What the command line said. */
export interface LabArguments {
  readonly port: number;
  /** The path of the settings file. */
  readonly settings: string | undefined;
  readonly database: string;
  /** Undefined: the lab's address, or what the settings say. */
  readonly origin: string | undefined;
  readonly seed: SeedName;
  readonly profile: ProfileName;
  readonly production: boolean;
}

/** A wrong command line or settings file: the message says what, the process ends with 2. */
export class UsageError extends Error {}

const profiles: readonly ProfileName[] = ["default", "full", "spa", "token"];
const seeds: readonly SeedName[] = ["users", "golden", "none"];

const usage =
  "usage: npm run lab -- --port 5001 [--settings lab.json] " +
  "[--database sqlite:FILE|sqlite::memory:|postgres://…|mysql://…] " +
  `[--origin http://localhost:5001] [--seed ${seeds.join("|")}] [--profile ${profiles.join("|")}] [--production]`;

/** Reads the command line. Port 0 takes a free one. */
export function readArguments(args: readonly string[]): LabArguments {
  let values: Partial<Record<string, string | boolean>>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        settings: { type: "string" },
        database: { type: "string", default: "sqlite::memory:" },
        origin: { type: "string" },
        seed: { type: "string", default: "users" },
        profile: { type: "string", default: "default" },
        production: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
  const text = String(values.port ?? "");
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new UsageError(`--port: a port number is expected\n${usage}`);
  return {
    port,
    settings: values.settings === undefined ? undefined : String(values.settings),
    database: String(values.database),
    origin: values.origin === undefined ? undefined : String(values.origin),
    seed: oneOf("seed", values.seed, seeds),
    profile: oneOf("profile", values.profile, profiles),
    production: values.production === true,
  };
}

function oneOf<T extends string>(flag: string, value: unknown, known: readonly T[]): T {
  const found = known.find((name) => name === value);
  if (found === undefined) throw new UsageError(`--${flag}: must be one of ${known.join(", ")}\n${usage}`);
  return found;
}
