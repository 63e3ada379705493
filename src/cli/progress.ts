import type { Terminal } from "./terminal.ts";

/** Tells how far a long work is. */
export interface Progress {
  /** So many are done; `part` of the whole, 0 to 1, where that is known. */
  update(done: number, part: number | undefined): void;
  /** Takes the bar away. */
  end(): void;
  /** So many a second since the beginning, and how many seconds. */
  rate(done: number): { readonly perSecond: number; readonly seconds: number };
}

/** A bar is drawn anew after so long, in milliseconds; where it goes to a file, a line is written after so long. */
const pauses = { bar: 100, line: 10_000 };

/** A bar on a terminal, a line now and then elsewhere; on standard error. `what` is counted: "users". */
export function createProgress(terminal: Terminal, what: string): Progress {
  const begin = performance.now();
  const width = terminal.noteWidth;
  let shown = begin;
  const rate = (done: number): { perSecond: number; seconds: number } => {
    const seconds = (performance.now() - begin) / 1000;
    return { perSecond: Math.round(done / Math.max(seconds, 0.001)), seconds };
  };
  return {
    rate,
    update(done, part) {
      const now = performance.now();
      if (now - shown < (width === undefined ? pauses.line : pauses.bar)) return;
      shown = now;
      const share = part === undefined ? "" : `${Math.floor(Math.min(part, 1) * 100)} %  `;
      const text = `${share}${done} ${what}  ${rate(done).perSecond}/s`;
      if (width === undefined) terminal.note(`${text}\n`);
      else terminal.note(`\r\u001b[K${bar(part, width - text.length - 5)}${text}`.slice(0, width + 4));
    },
    end() {
      if (width !== undefined && shown !== begin) terminal.note("\r\u001b[K");
    },
  };
}

function bar(part: number | undefined, room: number): string {
  const size = Math.min(30, room);
  if (part === undefined || size < 5) return "";
  const full = Math.round(Math.min(part, 1) * size);
  return `[${"#".repeat(full)}${".".repeat(size - full)}] `;
}
