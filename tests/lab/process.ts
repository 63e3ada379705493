/** The lab as a process of its own, for the tests in this repository. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** How a lab process ended. */
export interface LabEnd {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A lab process. */
export interface LabProcess {
  readonly origin: string;
  readonly child: ChildProcess;
  /** All that came on standard output so far. */
  stdout(): string;
  stderr(): string;
  /** A call under `/_lab`; throws when it is refused. */
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<LabEnd>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = ["--import", "./scripts/from-source.mjs", "tests/lab/main.ts"];

interface Started {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<LabEnd>;
}

function launch(args: readonly string[], settings: object | undefined): Started {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-lab-"));
  const file = join(folder, "lab.json");
  if (settings !== undefined) writeFileSync(file, JSON.stringify(settings));
  const extra = settings === undefined ? [] : ["--settings", file];
  const child = spawn(process.execPath, [...program, ...args, ...extra], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  const ended = new Promise<LabEnd>((resolve, reject) => {
    child.once("error", reject);
    // "close" comes once all output has been read.
    child.once("close", (status, signal) => {
      rmSync(folder, { recursive: true, force: true });
      resolve({ status, signal });
    });
  });
  return { child, output, ended };
}

/** Starts a lab on a free port and resolves once it says that it is ready. */
export async function startLab(args: readonly string[] = [], settings?: object): Promise<LabProcess> {
  const { child, output, ended } = launch(["--port", "0", ...args], settings);
  const origin = await new Promise<string>((resolve, reject) => {
    child.stdout?.on("data", () => {
      const match = /^lab ready (http:\/\/\S+)\n/.exec(output.stdout);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
    ended.then(
      ({ status }) => reject(new Error(`the lab ended with ${status} before it was ready:\n${output.stderr}`)),
      reject,
    );
  });
  return {
    origin,
    child,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    async control(method, path, body) {
      const sent = body === undefined ? {} : { body: JSON.stringify(body) };
      const response = await fetch(`${origin}/_lab${path}`, { method, ...sent });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} /_lab${path}: ${response.status} ${text}`);
      return JSON.parse(text);
    },
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/** Starts a lab that is expected to end by itself. */
export async function runLab(
  args: readonly string[],
  settings?: object,
): Promise<LabEnd & { readonly stdout: string; readonly stderr: string }> {
  const { output, ended } = launch(args, settings);
  return { ...(await ended), ...output };
}
