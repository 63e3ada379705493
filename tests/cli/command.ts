import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = new URL("../../", import.meta.url);
/** Makes "portcullis" the sources of this checkout, for a process of its own. */
export const fromSource: string = new URL("scripts/from-source.mjs", root).href;
const program = fileURLToPath(new URL("src/cli/main.ts", root));

/** What a call of the command left. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a call is given beside its arguments. */
export interface CallInput {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** A folder with the modules of a program, in which the real command is called. */
export interface Folder {
  readonly path: string;
  write(file: string, text: string): void;
  portcullis(...args: string[]): Promise<Outcome>;
  /** The same, with what it reads on standard input, and environment variables. */
  calls(args: readonly string[], given?: CallInput): Promise<Outcome>;
  /** Runs a module of the folder by itself. */
  node(file: string, ...args: string[]): Promise<Outcome>;
  remove(): void;
}

/** Makes an empty folder of a program. */
export function folder(): Folder {
  const path = mkdtempSync(join(tmpdir(), "portcullis-cli-"));
  const write = (file: string, text: string): void => {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), text);
  };
  write("package.json", '{ "type": "module" }');
  const runs = (args: readonly string[], { input, env }: CallInput = {}): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, ["--import", fromSource, ...args], {
        cwd: path,
        env: { ...process.env, ...env },
        stdio: ["pipe", "pipe", "pipe"],
      });
      child.stdin.on("error", () => {}).end(input);
      const texts = { stdout: "", stderr: "" };
      for (const stream of ["stdout", "stderr"] as const) {
        child[stream].setEncoding("utf8").on("data", (text: string) => {
          texts[stream] += text;
        });
      }
      child.once("error", reject);
      child.once("close", (code) => resolve({ code, ...texts }));
    });
  return {
    path,
    write,
    portcullis: (...args) => runs([program, ...args]),
    calls: (args, given) => runs([program, ...args], given),
    node: (file, ...args) => runs([join(path, file), ...args]),
    remove: () => rmSync(path, { recursive: true }),
  };
}

/** What a process is started with. */
export interface CommandCall {
  readonly command: string;
  readonly args: string[];
}

/** The command with these arguments, to be started. */
export function commandCall(...args: string[]): CommandCall {
  return { command: process.execPath, args: ["--import", fromSource, program, ...args] };
}

/** The command as a line for a shell; the arguments must need no quotes. */
export function terminalCommand(...args: string[]): string {
  return [process.execPath, ...commandCall(...args).args].join(" ");
}

/** The lines of a program that starts a system. `datastore` and `more` are TypeScript. */
export function starting(datastore = "memory()", more = ""): string {
  return `
import { open, portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { memory } from "portcullis/memory";
import { sqlite } from "portcullis/sqlite";

const start = () => portcullis({
  secretKeys: ["a-key-for-tests-of-at-least-thirty-two-characters"],
  origins: ["http://localhost:3000"],
  datastore: ${datastore},
  features: [passwords()],
  roles: ["employee", "admin"],
  ${more}
});
`;
}

/** Whether this machine can give a program a terminal of its own. */
export const hasTerminals: boolean = existsSync("/usr/bin/script");

/** Runs a command on a terminal of its own, answering questions as they come. Resolves with all that the terminal showed. */
export function onTerminal(
  place: Folder,
  command: string,
  answers: readonly (readonly [question: string, answer: string])[],
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    // The terminal echoes what is typed unless the program says otherwise.
    const child = spawn("script", ["--quiet", "--return", "--echo", "always", "--command", command, "/dev/null"], {
      cwd: place.path,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let from = 0;
    const left = [...answers];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      const [next] = left;
      if (next === undefined || stdout.indexOf(next[0], from) < 0) return;
      from = stdout.length;
      left.shift();
      child.stdin.write(next[1]);
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr: "" }));
  });
}
