// Finds what a TypeScript file imports, without a parser: comments, texts and regular expressions are blanked out
// first, so that an import statement inside one is not taken for real.

/** @typedef {{ specifier: string, typeOnly: boolean, line: number }} Import */

const wordBeforeRegExp =
  /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|await|yield|throw|new|instanceof)$/;

/** The end (exclusive) of a quoted text that starts at `start`. @param {string} source @param {number} start */
function endOfQuoted(source, start) {
  const quote = source[start];
  let at = start + 1;
  while (at < source.length && source[at] !== quote && source[at] !== "\n") at += source[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** The end of a regular expression literal, or undefined if the slash is a division. @param {string} source @param {number} start */
function endOfRegExp(source, start) {
  let inClass = false;
  for (let at = start + 1; at < source.length && source[at] !== "\n"; at++) {
    const char = source[at];
    if (char === "\\") at++;
    else if (char === "[") inClass = true;
    else if (char === "]") inClass = false;
    else if (char === "/" && !inClass) return at + 1;
  }
  return undefined;
}

/** @param {string} code what stands before the slash, already blanked @returns {boolean} */
function regExpMayFollow(code) {
  const before = code.trimEnd();
  return before === "" || /[(,=:[!&|?{};+\-*%~^<>]$/.test(before) || wordBeforeRegExp.test(before);
}

/**
 * The source with comments, regular expressions and the text of templates replaced by spaces, and the contents of
 * quoted texts by `_`; every character keeps its place. @param {string} source @returns {string}
 */
function blankOut(source) {
  let code = "";
  /** For each open `${` the depth of braces inside it. @type {number[]} */
  const substitutions = [];
  let at = 0;
  /** @param {number} end */
  const blankTo = (end) => {
    code += source.slice(at, end).replace(/[^\n]/g, " ");
    at = Math.min(end, source.length);
  };
  const blankTemplate = () => {
    let end = at + 1;
    while (end < source.length) {
      if (source[end] === "\\") end += 2;
      else if (source[end] === "`") return blankTo(end + 1);
      else if (source.startsWith("${", end)) {
        substitutions.push(0);
        return blankTo(end + 2);
      } else end++;
    }
    return blankTo(end);
  };
  while (at < source.length) {
    const char = source[at];
    const open = substitutions.length - 1;
    if (source.startsWith("//", at)) {
      const end = source.indexOf("\n", at);
      blankTo(end < 0 ? source.length : end);
    } else if (source.startsWith("/*", at)) {
      const end = source.indexOf("*/", at + 2);
      blankTo(end < 0 ? source.length : end + 2);
    } else if (char === '"' || char === "'") {
      const end = endOfQuoted(source, at);
      code += char + "_".repeat(Math.max(0, end - at - 2)) + char;
      at = end;
    } else if (char === "`") {
      blankTemplate();
    } else if (char === "}" && substitutions[open] === 0) {
      substitutions.pop();
      blankTemplate();
    } else if (char === "/" && regExpMayFollow(code)) {
      blankTo(endOfRegExp(source, at) ?? at + 1);
    } else {
      if (open >= 0 && char === "{") substitutions[open] = (substitutions[open] ?? 0) + 1;
      if (open >= 0 && char === "}") substitutions[open] = (substitutions[open] ?? 0) - 1;
      code += char;
      at++;
    }
  }
  return code;
}

const names = String.raw`(?:[\w$]+|\*\s*as\s+[\w$]+|\{[^}]*\})`;
const patterns = [
  new RegExp(
    String.raw`\bimport\s+(?<type>type\s+(?!from\b))?${names}(?:\s*,\s*${names})?\s*from\s*(?<quote>["'])`,
    "g",
  ),
  /\bexport\s+(?<type>type\s+)?(?:\*(?:\s*as\s+[\w$]+)?|\{[^}]*\})\s*from\s*(?<quote>["'])/g,
  /\bimport\s*(?<quote>["'])/g,
  /(?<type>\btypeof\s+)?\bimport\s*\(\s*(?<quote>["'])/g,
];
/** `import("x").Name` is a type; `import("x").then(…)` is a call. */
const typeMember = /^\s*\)\s*\.\s*(?!then\b|catch\b|finally\b)[\w$]/;

/** Every static and dynamic import and re-export of a file, in order. @param {string} source @returns {Import[]} */
export function importsOf(source) {
  const code = blankOut(source);
  /** @type {(Import & { at: number })[]} */
  const found = [];
  for (const pattern of patterns) {
    for (const match of code.matchAll(pattern)) {
      const quote = match.groups?.quote ?? '"';
      const start = match.index + match[0].length;
      const end = code.indexOf(quote, start);
      if (end < 0) continue;
      const dynamic = match[0].includes("(") && /import\s*\(/.test(match[0]);
      const typeOnly = match.groups?.type !== undefined || (dynamic && typeMember.test(code.slice(end + 1)));
      const at = match.index;
      found.push({ at, specifier: source.slice(start, end), typeOnly, line: code.slice(0, at).split("\n").length });
    }
  }
  return found.sort((a, b) => a.at - b.at);
}
