import { checkOptionalParameter } from "hono/utils/url";

/** A text that hardly any route names. */
const unlikely = "~Zz-9.portcullis";

/** What paths have in the place of a parameter, from the unlikely to the usual. */
const usual: readonly string[] = [
  unlikely,
  "zq7x",
  "ZQ",
  "z",
  "7",
  "90817",
  "-7",
  "7.25",
  "2026-11-30",
  "z-q-7",
  "z_q",
  "zq.html",
  "0b6e7c1a-93d4-4f0e-8a52-7d1c9e3f5b60",
  "ZQ-907",
  "z/q",
];

/** So many paths are tried at most for each form of a route. */
const mostPaths = 400;

/** The forms in which the router takes a path: with an optional parameter at its end, and without. */
export function formsOf(routerPath: string): readonly string[] {
  return checkOptionalParameter(routerPath) ?? [routerPath];
}

/** Paths that one form of a route may answer, the unlikely first: whether it does, the router says. */
export function* samplePaths(form: string): Generator<string> {
  const choices = segmentsOf(form).map(choicesOf);
  const most = Math.max(1, ...choices.map(({ length }) => length));
  let count = 0;
  // First each parameter with its own n-th text, then all combinations.
  for (let index = 0; index < most; index++) {
    yield joined(choices.map((texts) => texts[Math.min(index, texts.length - 1)] as string));
    count++;
  }
  for (const texts of combinations(choices)) {
    if (count++ > mostPaths) return;
    yield joined(texts);
  }
}

function joined(texts: readonly string[]): string {
  return `/${texts.join("/")}`;
}

function* combinations(choices: readonly (readonly string[])[]): Generator<readonly string[]> {
  const [first, ...rest] = choices;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const tail of combinations(rest)) for (const text of first) yield [text, ...tail];
}

/** The segments of a path; a slash inside of a parameter's pattern divides nothing. */
export function segmentsOf(path: string): readonly string[] {
  const segments: string[] = [];
  let open = 0;
  let segment = "";
  for (const character of path.slice(1)) {
    if (character === "{") open++;
    else if (character === "}") open--;
    if (character === "/" && open === 0) {
      segments.push(segment);
      segment = "";
    } else segment += character;
  }
  return [...segments, segment];
}

/** Texts that one segment may have, the unlikely first. */
export function choicesOf(segment: string): readonly string[] {
  if (segment === "*") return [...usual.filter((text) => !text.includes("/")), "z/q"];
  const parameter = /^:[^{}]+(?:\{(.+)\})?$/s.exec(segment);
  if (parameter === null) return [segment];
  const pattern = parameter[1];
  if (pattern === undefined) return usual.filter((text) => !text.includes("/"));
  const texts = [...usual, ...Array.from({ length: 8 }, (_, variant) => new PatternText(pattern, variant).text())];
  let whole: RegExp;
  try {
    whole = new RegExp(`^(?:${pattern})$`);
  } catch {
    return [unlikely];
  }
  const fitting = [...new Set(texts)].filter((text) => text !== "" && whole.test(text));
  // A pattern that no text could be found for: an earlier route that takes any text is found all the same.
  return fitting.length === 0 ? [unlikely] : fitting;
}

const classes: Readonly<Record<string, string>> = { d: "7390", w: "zqZ7_", s: " ", D: "zq", W: "-.~", S: "zq7" };

/**
 * A text for a regular expression of the plain kind: characters, classes, groups, alternatives and repetitions. What it makes
 * of anything beyond is a guess; the caller asks the expression itself. Variants choose other alternatives, characters and lengths.
 */
class PatternText {
  readonly #pattern: string;
  readonly #variant: number;
  #at = 0;

  constructor(pattern: string, variant: number) {
    this.#pattern = pattern;
    this.#variant = variant;
  }

  text(): string {
    return this.#alternatives();
  }

  #alternatives(): string {
    const found = [this.#sequence()];
    while (this.#pattern[this.#at] === "|") {
      this.#at++;
      found.push(this.#sequence());
    }
    return found[this.#variant % found.length] as string;
  }

  #sequence(): string {
    let text = "";
    while (this.#at < this.#pattern.length && !"|)".includes(this.#pattern[this.#at] as string)) {
      const one = this.#atom();
      text += one.repeat(this.#times());
    }
    return text;
  }

  #atom(): string {
    const character = this.#pattern[this.#at++] as string;
    if (character === "(") return this.#group();
    if (character === "[") return this.#set();
    if (character === ".") return "z";
    if (character === "^" || character === "$") return "";
    if (character !== "\\") return character;
    const escaped = this.#pattern[this.#at++] ?? "";
    if (escaped === "b" || escaped === "B") return "";
    return chosen(classes[escaped] ?? escaped, this.#variant);
  }

  #group(): string {
    const rest = this.#pattern.slice(this.#at);
    const mark = /^\?(?::|<?[=!]|<[^>]*>)/.exec(rest)?.[0] ?? "";
    this.#at += mark.length;
    const text = this.#alternatives();
    this.#at++;
    // What is only looked at is no part of the text.
    return /^\?<?[=!]/.test(mark) ? "" : text;
  }

  #set(): string {
    const negated = this.#pattern[this.#at] === "^";
    if (negated) this.#at++;
    let members = "";
    while (this.#at < this.#pattern.length && (this.#pattern[this.#at] !== "]" || members === "")) {
      let character = this.#pattern[this.#at++] as string;
      if (character === "\\") {
        const escaped = this.#pattern[this.#at++] ?? "";
        members += classes[escaped] ?? escaped;
        continue;
      }
      if (this.#pattern[this.#at] === "-" && !["]", undefined].includes(this.#pattern[this.#at + 1])) {
        const last = this.#pattern[this.#at + 1] as string;
        this.#at += 2;
        // The middle of a range first: its ends are what routes name.
        const [from, to] = [character.charCodeAt(0), last.charCodeAt(0)];
        const middle = String.fromCharCode(Math.floor((from + to) / 2));
        character = middle + last + character;
      }
      members += character;
    }
    this.#at++;
    if (!negated) return chosen(members, this.#variant);
    return chosen([..."zqZ7-._~ "].filter((one) => !members.includes(one)).join(""), this.#variant);
  }

  /** How often what stands before comes. */
  #times(): number {
    const rest = this.#pattern.slice(this.#at);
    const found = /^(?:([*+?])|\{(\d+)(,(\d*))?\})\??/.exec(rest);
    if (found === null) return 1;
    this.#at += found[0].length;
    const [, sign, least, more, most] = found;
    if (sign !== undefined) return sign === "?" ? (this.#variant + 1) % 2 : 1 + (this.#variant % 4);
    const from = Number(least);
    const to = more === undefined ? from : most === "" || most === undefined ? from + 4 : Number(most);
    return from + (this.#variant % (to - from + 1));
  }
}

function chosen(characters: string, variant: number): string {
  return [...characters][variant % Math.max(1, characters.length)] ?? "";
}
