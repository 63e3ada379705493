import { existsSync, statSync } from "node:fs";
import { Server } from "node:net";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { beginCommand, type CommandLine, type MatrixSource, type MigrationReport } from "../model/command-line.ts";
import { CommandError } from "./terminal.ts";

/** Where the application's module is looked for when none is named. */
export const usualModules: readonly string[] = [
  "app.ts",
  "src/app.ts",
  "app.js",
  "src/app.js",
  "src/index.ts",
  "index.ts",
];

/** How long a program may go on starting after its module is loaded, when nothing tells that it is done; in milliseconds. */
const startLimit = 10_000;

/** A program whose start the command watches. */
export interface Start {
  readonly applications: ReadonlySet<MatrixSource>;
  readonly served: ReadonlySet<object>;
  readonly configurations: readonly unknown[];
  readonly systems: ReadonlySet<object>;
  readonly databases: readonly Promise<MigrationReport>[];
  /** Imports the module and returns its exports. Throws what its start throws. */
  load(): Promise<Readonly<Record<string, unknown>>>;
  /**
   * Resolves when the start is over, for programs that go on starting after their module is loaded: they would accept
   * connections, or nothing is left to do, or the time is up.
   */
  over(): Promise<void>;
}

/** Makes ready to import the program of a module: it will not listen, and tells what it makes. */
export function watchStart(command: CommandLine["command"], file: string, checkOnly = false): Start {
  const accepts = Promise.withResolvers<void>();
  const hook: CommandLine = {
    command,
    checkOnly,
    applications: new Set(),
    served: new Set(),
    configurations: [],
    systems: new Set(),
    databases: [],
    started: accepts.resolve,
  };
  return {
    applications: hook.applications,
    served: hook.served,
    configurations: hook.configurations,
    systems: hook.systems,
    databases: hook.databases,
    async load() {
      beginCommand(hook);
      keepFromListening(hook.started);
      return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    },
    over() {
      process.once("beforeExit", () => accepts.resolve());
      // Not counted as work, so that "beforeExit" comes when there is no other.
      setTimeout(accepts.resolve, startLimit).unref();
      return accepts.promise;
    },
  };
}

/** The file of the module, as named or as usual. Throws CommandError when there is none. */
export function findModule(named: string | undefined): string {
  if (named === undefined) {
    const found = usualModules.map((name) => resolve(name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
    throw new CommandError(`name the application's module; none of the usual is here: ${usualModules.join(", ")}`);
  }
  const path = resolve(named);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new CommandError(`there is no file ${path}`);
  if (!found.isFile()) throw new CommandError(`${path} is no file; name the application's module`);
  return path;
}

/** Servers of any framework: they say that they listen, at port 0, and do not. The real port may be taken by the running program. */
function keepFromListening(started: () => void): void {
  const listen = function (this: Server, ...args: readonly unknown[]): Server {
    const callback = args.at(-1);
    if (typeof callback === "function") this.once("listening", () => callback.call(this));
    this.address = () => ({ address: "127.0.0.1", family: "IPv4", port: 0 });
    started();
    setImmediate(() => this.emit("listening"));
    return this;
  };
  Server.prototype.listen = listen as typeof Server.prototype.listen;
}
