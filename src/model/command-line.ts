/** What the `portcullis` command asks of the program that it imports, and what it learns while the program starts. */
export interface CommandLine {
  /** "operate": the command works with the program's running system. "doctor": so too, but it changes nothing. */
  readonly command: "routes" | "migrate" | "operate" | "doctor";
  /** Under `migrate`: only look what is missing. */
  readonly checkOnly: boolean;
  /** The applications that were made and not mounted into another. */
  readonly applications: Set<MatrixSource>;
  /** What was handed to `serve()`. */
  readonly served: Set<object>;
  /** The options of each system, as they were given, also of one that refuses to start. */
  readonly configurations: unknown[];
  /** The systems that the program started. */
  readonly systems: Set<object>;
  /** Under `migrate`: the databases of the program, as it opens them. */
  readonly databases: Promise<MigrationReport>[];
  /** Called when the program would accept connections, which ends its start. */
  started(): void;
}

/** What can say which routes it has. */
export interface MatrixSource {
  accessMatrix(): readonly unknown[];
}

/** What `migrate` did to one database or, with `checkOnly`, would have to do, in words. */
export interface MigrationReport {
  readonly dialect: string;
  readonly lines: readonly string[];
  /** With `checkOnly`: what it would not mend, and because of which it would change nothing. */
  readonly byHand?: readonly string[];
}

// A symbol of the whole process: the command and the program may come from two copies of the package.
const key = Symbol.for("portcullis.commandLine");
type Holder = { [key]?: CommandLine | undefined };

/** The command that imports this program; undefined when the program runs by itself. */
export function commandLine(): CommandLine | undefined {
  return (globalThis as Holder)[key];
}

/** Tells the program that is imported next on whose behalf it starts. */
export function beginCommand(command: CommandLine): void {
  (globalThis as Holder)[key] = command;
}
