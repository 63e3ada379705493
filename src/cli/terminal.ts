/** What went wrong outside of the program that is looked at: a wrong usage, a file that cannot be read. */
export class CommandError extends Error {
  /** 2: wrong usage, or what was needed is not there. 1: what was asked for is refused. 130: interrupted. */
  readonly exitCode: 1 | 2 | 130;
  constructor(message: string, options: ErrorOptions & { readonly exitCode?: 1 | 2 | 130 } = {}) {
    super(message, options);
    this.name = "CommandError";
    this.exitCode = options.exitCode ?? 2;
  }
}

/** How the command speaks to whoever called it. */
export interface Terminal {
  /** For the answer: standard output. */
  print(text: string): void;
  /** For what is said about it: standard error. */
  note(text: string): void;
  /** Resolves when what was printed is taken: for answers that are larger than memory. */
  printed(): Promise<void>;
  /** Says why there is no answer. */
  fail(error: unknown): void;
  /** Asked first about what fails where nobody awaits it; true: that is dealt with. */
  intercept: ((error: unknown) => boolean) | undefined;
  /** Ends the process, once all that was said is written. Only the first call counts. */
  end(code: number): Promise<void>;
  readonly ending: boolean;
  /** Columns of the terminal; undefined: the answer goes elsewhere. */
  readonly width: number | undefined;
  readonly colour: boolean;
  /** Columns for what is said on standard error; undefined: nobody looks at it while the command works. */
  readonly noteWidth: number | undefined;
  /** Shows the stack of an error, and its causes. */
  debug: boolean;
}

/**
 * Takes standard output for the command's answer: what the imported program prints goes to standard error, so that the
 * answer can be piped on.
 */
export function takeTerminal(): Terminal {
  const { stdout, stderr } = process;
  // Whoever read the answer has seen enough, as with "| head".
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  const print = stdout.write.bind(stdout);
  const note = stderr.write.bind(stderr);
  stdout.write = note;
  const terminal: Terminal & { ending: boolean } = {
    debug: false,
    ending: false,
    intercept: undefined,
    width: stdout.isTTY ? stdout.columns : undefined,
    colour: stdout.isTTY && stdout.hasColors(),
    noteWidth: stderr.isTTY ? stderr.columns : undefined,
    print(text: string): void {
      print(text);
    },
    note(text: string): void {
      note(text);
    },
    printed: () => flushed(print),
    fail(error: unknown): void {
      note(`portcullis: ${terminal.debug ? stackOf(error) : reasonOf(error)}\n`);
    },
    async end(code: number): Promise<void> {
      if (terminal.ending) return;
      terminal.ending = true;
      await Promise.all([flushed(print), flushed(note)]);
      process.exit(code);
    },
  };
  return terminal;
}

/** Resolves when what was written before is out; a pipe may be slow, or closed at its other end. */
function flushed(write: typeof process.stdout.write): Promise<void> {
  return new Promise((resolve) => {
    write("", () => resolve());
  });
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // A SyntaxError's message alone does not say where; Node puts that before the stack.
  if (error instanceof SyntaxError) return error.stack?.split(/\n\s+at /, 1)[0] ?? error.message;
  // By name: the program may have loaded another copy of the package.
  if (error instanceof CommandError || error.name === "ConfigurationError") return error.message;
  return `${error.message || error.name} (--debug shows where)`;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by: ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
