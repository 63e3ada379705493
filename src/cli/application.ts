import { userInfo } from "node:os";
import type { EventSource } from "../events/events.ts";
import type { MatrixSource } from "../model/command-line.ts";
import { knownNames } from "../model/known-names.ts";
import { isPlain, ownHandler, type PlainApplication, plainRecords } from "../routes/plain.ts";
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

/**
 * The access matrix of the program's application, and of the plain one around it. Throws as `programApplication` does, where
 * there is no plain one either.
 */
export async function programMatrix(start: Start): Promise<ProgramMatrix> {
  let app: MatrixSource | undefined;
  let none: unknown;
  try {
    app = await programApplication(start);
  } catch (error) {
    none = error;
  }
  const plain = await plainApplications(start);
  if (app === undefined && (start.applications.size > 0 || plain.length === 0)) throw none;
  const declared = new Set([app, ...start.applications].flatMap(handlersOf));
  const own = app === undefined ? [] : recordsOf(app);
  const records = [...own, ...plain.flatMap((one) => plainRecords(one, declared))];
  const shown = new Set(own);
  // By their records, not themselves: what is exported may be a `basePath` view.
  const others = [...start.applications].filter((other) => recordsOf(other).some((record) => !shown.has(record)));
  return { records, others: others.length };
}

/** The plain applications that are exported or served: what they answer beside the declared routes. */
async function plainApplications(start: Start): Promise<readonly PlainApplication[]> {
  const { app, default: byDefault } = await start.load();
  return [...new Set([await app, await byDefault, ...start.served])].filter(isPlain);
}

/** The handlers that an application declares. */
function handlersOf(app: object | undefined): readonly object[] {
  return ((app as Partial<PlainApplication> | undefined)?.routes ?? []).map(({ handler }) => ownHandler(handler));
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

/** The system that a command works with. */
export type OperatedSystem = Security<AnyWords>;

/**
 * Starts the program of a module as for a server, but does not listen, and works with its system: the export `security`, or
 * the only one that it starts. What happens meanwhile is stored before this resolves, and the trail says that it was this
 * command and who called it. Throws CommandError when there is no system, and when what was asked for is refused.
 */
export async function withSystem<T>(
  command: string,
  module: string | undefined,
  work: (security: OperatedSystem) => Promise<T>,
): Promise<T> {
  const start = watchStart("operate", findModule(module));
  const security = await programSystem(start);
  try {
    return await security.events.within(callerOf(command), () => work(security));
  } catch (error) {
    if (isRefusal(error)) {
      const message = `${error.message}${await meantRole(security, error)}`;
      throw new CommandError(message, { cause: error, exitCode: 1 });
    }
    throw error;
  } finally {
    await security.close();
  }
}

/** Where what a command does happens: no request, but a command that somebody of this machine called. */
function callerOf(command: string): EventSource {
  const agent = `portcullis command, called by ${operatingSystemUser()}`;
  return {
    address: undefined,
    method: "",
    route: { label: `portcullis ${command}` },
    identity: undefined,
    header: (name) => (name === "user-agent" ? agent : undefined),
  };
}

/** Who calls the command. */
export function operatingSystemUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without a name, as containers have them.
    return `user ${process.getuid?.() ?? "?"}`;
  }
}

/** Errors that say that something else is wrong than what was asked for. */
const faults: ReadonlySet<string> = new Set([
  ...["configuration", "datastore", "no_datastore", "no_feature"],
  ...["internal", "closed", "overloaded"],
]);

/** Whether an operation said no. By its code: the program may have loaded another copy of the package. */
function isRefusal(error: unknown): error is Error {
  const code: unknown = error instanceof Error ? (error as { readonly code?: unknown }).code : undefined;
  return typeof code === "string" && /^[a-z_]+$/.test(code) && !faults.has(code);
}

/** After "there is no such role": which one was meant. */
async function meantRole({ roles }: OperatedSystem, error: Error): Promise<string> {
  const { code, role } = error as { readonly code?: unknown; readonly role?: unknown };
  if (code !== "unknown_role" || typeof role !== "string") return "";
  const known = (await roles.list()).map(({ name }) => name);
  return `; ${knownNames(role, known)}`;
}

/** The system of a program that is being started: as `withSystem` finds it. */
export async function programSystem(start: Start): Promise<OperatedSystem> {
  const exports = await start.load();
  const named = await exports["security"];
  // The program may have loaded another copy of the package; what it has is the same.
  if (typeof named === "object" && named !== null && start.systems.has(named)) return named as OperatedSystem;
  if (start.systems.size === 0) await start.over();
  const [system] = start.systems;
  if (system !== undefined && start.systems.size === 1) return system as OperatedSystem;
  throw new CommandError(
    system === undefined
      ? "the module calls no portcullis() when it is loaded, so there is no system"
      : `the module starts ${start.systems.size} systems; export the one to work with as "security"`,
  );
}
