import type { MatrixSource } from "../model/command-line.ts";
import type { RouteRecord } from "../routes/types.ts";
import type { Vocabulary } from "../routes/vocabulary.ts";
import type { Security } from "../security.ts";
import { findModule, type Start, watchStart } from "./start.ts";
import { CommandError } from "./terminal.ts";

/** What the matrix of a program says. */
export interface ProgramMatrix {
  readonly records: readonly RouteRecord[];
  /** How many applications the program has beside the shown one. */
  readonly others: number;
}

/**
 * The program's application: the export `app`, the default export, what is served, or the only one that is not mounted into
 * another. Throws CommandError when there is none, or no telling which.
 */
export async function programApplication(start: Start): Promise<MatrixSource> {
  const exports = await start.load();
  return (await exported(exports, "app")) ?? (await exported(exports, "default")) ?? (await onlyOne(start, exports));
}

/** The access matrix of the program's application. Throws as `programApplication` does. */
export async function programMatrix(start: Start): Promise<ProgramMatrix> {
  const app = await programApplication(start);
  const records = recordsOf(app);
  const shown = new Set(records);
  // By their records, not themselves: what is exported may be a `basePath` view.
  const others = [...start.applications].filter((other) => recordsOf(other).some((record) => !shown.has(record)));
  return { records, others: others.length };
}

async function exported(exports: Readonly<Record<string, unknown>>, name: string): Promise<MatrixSource | undefined> {
  const value = await exports[name];
  return hasMatrix(value) ? value : undefined;
}

async function onlyOne(start: Start, exports: Readonly<Record<string, unknown>>): Promise<MatrixSource> {
  await start.over();
  const served = [...start.served].filter(hasMatrix);
  const candidates = served.length > 0 ? served : [...start.applications];
  const [app] = candidates;
  if (app !== undefined && candidates.length === 1) return app;
  const which = Object.keys(exports).filter((name) => hasMatrix(exports[name]));
  const useful = which.length === 0 ? "" : `; it exports ${which.join(", ")}`;
  if (app !== undefined) {
    throw new CommandError(
      `the module makes ${candidates.length} applications; export the one to look at as "app" or default${useful}`,
    );
  }
  throw new CommandError(
    `the module makes no application of security.app(); export it, or a promise of it, as "app" or default${useful}`,
  );
}

function hasMatrix(value: unknown): value is MatrixSource {
  return (
    ((typeof value === "object" && value !== null) || typeof value === "function") &&
    typeof (value as Partial<MatrixSource>).accessMatrix === "function"
  );
}

function recordsOf(app: MatrixSource): readonly RouteRecord[] {
  // The program may have loaded another copy of the package; the record is the same.
  return app.accessMatrix() as readonly RouteRecord[];
}

/** The words of a program that was not known when the command was compiled. */
export interface AnyWords extends Vocabulary {
  readonly role: string;
  readonly permission: string;
  readonly object: string;
  readonly scheme: string;
}

/**
 * Starts the program of a module as for a server, but does not listen, and works with its system: the export `security`, or
 * the only one that it starts. What happens meanwhile is stored before this resolves. Throws CommandError when there is none.
 */
export async function withSystem<T>(
  module: string | undefined,
  work: (security: Security<AnyWords>) => Promise<T>,
): Promise<T> {
  const start = watchStart("operate", findModule(module));
  const security = await programSystem(start);
  try {
    return await work(security);
  } finally {
    await security.close();
  }
}

async function programSystem(start: Start): Promise<Security<AnyWords>> {
  const exports = await start.load();
  const named = await exports["security"];
  // The program may have loaded another copy of the package; what it has is the same.
  if (typeof named === "object" && named !== null && start.systems.has(named)) return named as Security<AnyWords>;
  if (start.systems.size === 0) await start.over();
  const [system] = start.systems;
  if (system !== undefined && start.systems.size === 1) return system as Security<AnyWords>;
  throw new CommandError(
    system === undefined
      ? "the module calls no portcullis() when it is loaded, so there is no system"
      : `the module starts ${start.systems.size} systems; export the one to work with as "security"`,
  );
}
