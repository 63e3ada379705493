import { Argument, type Command } from "commander";
import { usualModules } from "./start.ts";
import { CommandError, type Terminal } from "./terminal.ts";

/** What every command takes. */
export interface CommonOptions {
  readonly module?: string;
  readonly json?: boolean;
  readonly debug?: boolean;
}

/** The end of every help text. */
const exitCodes = `
Exit codes:
  0    done
  1    a check failed, or what was asked for was refused
  2    wrong usage, or the application could not be started
  130  interrupted
`;

const usual = `default: the first there is of ${usualModules.join(", ")}`;

/** Adds the options that every command takes. `json` says what it prints then. */
export function withCommonOptions(command: Command, json = "print JSON"): Command {
  return command
    .option("-m, --module <file>", `the application's module; ${usual}`)
    .option("--json", json)
    .option("--debug", "show the stack of an error");
}

/** For commands that take nothing else: the module may also be their argument. */
export function withModuleArgument(command: Command): Command {
  return command.addArgument(new Argument("[module]", `the application's module; ${usual}`));
}

/** The help's end: exit codes and examples. */
export function withExamples(command: Command, ...examples: readonly string[]): Command {
  return command.addHelpText("after", `${exitCodes}\nExamples:\n${examples.map((line) => `  $ ${line}`).join("\n")}`);
}

/** The module that is named by argument or option; both must not contradict each other. */
export function namedModule(argument: string | undefined, { module }: CommonOptions): string | undefined {
  if (argument !== undefined && module !== undefined && argument !== module) {
    throw new CommandError(`two modules are named, ${argument} and ${module}`);
  }
  return argument ?? module;
}

/** An action that ends the process with the code of its command, which is given its options and then its arguments. */
export function run<Options extends CommonOptions, Args extends readonly unknown[]>(
  terminal: Terminal,
  work: (options: Options, ...args: Args) => Promise<number>,
): (...received: unknown[]) => Promise<void> {
  return async (...received) => {
    const command = received.at(-1) as Command;
    const options = command.opts<Options>();
    terminal.debug = options.debug === true;
    await terminal.end(await work(options, ...(command.processedArgs as unknown as Args)));
  };
}

/** One or many: "1 user", "2 users". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Rows as a table whose columns are as wide as their longest cell; the last one is not padded. */
export function asTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => [...(row[column] ?? "")].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) - [...cell].length),
      )
      .join("  ")
      .trimEnd();
  return `${all.map(line).join("\n")}\n`;
}

/** A JSON document as commands print it. */
export function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
