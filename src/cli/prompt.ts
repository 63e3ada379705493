import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { CommandError, type Terminal } from "./terminal.ts";

/** Bytes of a password on standard input; no policy accepts a longer one. */
const longest = 4_096;

/**
 * Asks for a new password, twice and without echo; where standard input is no terminal, its first line is the password.
 * Throws CommandError when none comes or the two differ.
 */
export async function askNewPassword(terminal: Terminal): Promise<string> {
  if (!process.stdin.isTTY) return passwordFromInput();
  const password = await ask(terminal, "New password: ", false);
  if (password === "") throw new CommandError("no password was given", { exitCode: 1 });
  if ((await ask(terminal, "Again: ", false)) !== password) {
    throw new CommandError("the two passwords differ", { exitCode: 1 });
  }
  return password;
}

/** Asks before something that can't be undone; `yes` is the answer that was given beforehand. */
export async function confirmed(terminal: Terminal, question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY) throw new CommandError(`${question} Say --yes where nobody can be asked`);
  const answer = await ask(terminal, `${question} [y/N] `, true);
  if (!/^y(?:es)?$/i.test(answer.trim())) throw new CommandError("nothing was done", { exitCode: 1 });
}

/** One line of the terminal. Without echo the terminal is in raw mode and what is typed goes nowhere. */
function ask(terminal: Terminal, question: string, echo: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    const output = new Writable({
      write(chunk: Buffer, _encoding, done) {
        if (echo) terminal.note(chunk.toString());
        done();
      },
    });
    const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
    let answered = false;
    const end = (): void => {
      answered = true;
      lines.close();
      // Whoever has not seen the return key's line break gets it.
      if (!echo) terminal.note("\n");
    };
    // Said once the terminal shows no more what is typed.
    terminal.note(question);
    lines.once("line", (line) => {
      end();
      resolve(line);
    });
    lines.once("SIGINT", () => {
      end();
      reject(new CommandError("interrupted", { exitCode: 130 }));
    });
    lines.once("close", () => {
      if (!answered) reject(new CommandError("no answer came", { exitCode: 1 }));
    });
  });
}

async function passwordFromInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > longest) throw new CommandError(`standard input has more than ${longest} bytes; a password is expected`);
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new CommandError("standard input is not UTF-8");
  }
  const password = text.split(/\r?\n/, 1)[0] ?? "";
  if (password === "") throw new CommandError("no password came on standard input");
  return password;
}
