import type { MatrixSource } from "../model/command-line.ts";
import type { RouteRecord } from "../routes/types.ts";
import type { Start } from "./start.ts";
import { CommandError } from "./terminal.ts";

/** What the matrix of a program says. */
export interface ProgramMatrix {
  readonly records: readonly RouteRecord[];
  /** How many applications the program has beside the shown one. */
  readonly others: number;
}

/**
 * The access matrix of the program's application: the export `app`, the default export, what is served, or the only one that
 * is not mounted into another. Throws CommandError when there is none, or no telling which.
 */
export async function programMatrix(start: Start): Promise<ProgramMatrix> {
  const exports = await start.load();
  const app =
    (await exported(exports, "app")) ?? (await exported(exports, "default")) ?? (await onlyOne(start, exports));
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
