/**
 * CSV as RFC 4180 has it: cells between commas, in quotes where they hold commas, quotes or line breaks, a doubled quote for
 * each quote inside. Lines end with CRLF or LF.
 */

/** One record of a file: its cells, or why it can't be read. */
export type CsvRecord =
  | { readonly line: number; readonly cells: readonly string[] }
  | { readonly line: number; readonly fault: string };

/**
 * Reads records from text that comes in pieces. A record that can't be read is a fault, and reading goes on at the next line.
 * Empty lines are passed over. No record takes more than `longest` characters of memory.
 */
export async function* readCsv(pieces: AsyncIterable<string>, longest: number): AsyncGenerator<CsvRecord> {
  const reader = new RecordReader(longest);
  for await (const piece of pieces) yield* reader.read(piece);
  yield* reader.end();
}

/** Where the reader stands: before a cell, in a bare or a quoted one, behind a quote inside of a quoted one, or in what it skips. */
type State = "start" | "bare" | "quoted" | "quote" | "skip";

class RecordReader {
  readonly #longest: number;
  #state: State = "start";
  #cells: string[] = [];
  #cell = "";
  /** Of the record that is read: its first line, its length so far, and whether anything of it was seen. */
  #line = 1;
  #length = 0;
  #begun = false;
  #current = 1;
  #afterReturn = false;

  constructor(longest: number) {
    this.#longest = longest;
  }

  *read(piece: string): Generator<CsvRecord> {
    for (const char of piece) {
      // CRLF is one line break; a return without a line feed ends a line as well.
      if (this.#afterReturn) {
        this.#afterReturn = false;
        if (char === "\n" && this.#state !== "quoted") continue;
      }
      yield* this.#take(char);
    }
  }

  *end(): Generator<CsvRecord> {
    if (this.#state === "quoted") yield this.#fault("a quote is not closed before the file's end");
    else yield* this.#endOfLine();
  }

  *#take(char: string): Generator<CsvRecord> {
    const lineBreak = char === "\n" || char === "\r";
    if (lineBreak && this.#state !== "quoted") {
      this.#afterReturn = char === "\r";
      this.#current += 1;
      yield* this.#endOfLine();
      return;
    }
    if (char === "\n") this.#current += 1;
    if (this.#state === "skip") return;
    this.#begun = true;
    this.#length += char.length;
    if (this.#length > this.#longest) yield this.#fault(`is longer than ${this.#longest} characters`);
    else if (!this.#inside(char)) yield this.#fault("a quote stands where none may be");
  }

  /** Takes a character inside of a record; false when it must not stand there. */
  #inside(char: string): boolean {
    switch (this.#state) {
      case "start":
        if (char === '"') this.#state = "quoted";
        else if (char === ",") this.#endOfCell();
        else {
          this.#cell = char;
          this.#state = "bare";
        }
        return true;
      case "bare":
        if (char === '"') return false;
        if (char === ",") this.#endOfCell();
        else this.#cell += char;
        return true;
      case "quoted":
        if (char === '"') this.#state = "quote";
        else this.#cell += char;
        return true;
      case "quote":
        if (char === ",") this.#endOfCell();
        else if (char === '"') {
          this.#cell += '"';
          this.#state = "quoted";
        } else return false;
        return true;
      case "skip":
        return true;
    }
  }

  #endOfCell(): void {
    this.#cells.push(this.#cell);
    this.#cell = "";
    this.#state = "start";
  }

  *#endOfLine(): Generator<CsvRecord> {
    if (this.#state !== "skip" && this.#begun) {
      this.#endOfCell();
      yield { line: this.#line, cells: this.#cells };
    }
    this.#reset("start");
  }

  #fault(fault: string): CsvRecord {
    const line = this.#line;
    this.#reset("skip");
    return { line, fault };
  }

  #reset(state: State): void {
    this.#state = state;
    this.#cells = [];
    this.#cell = "";
    this.#length = 0;
    this.#begun = false;
    this.#line = this.#current;
  }
}
