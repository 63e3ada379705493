import { IntlMessageFormat } from "intl-messageformat";
import { PortcullisError } from "../model/errors.ts";
import type { MessageParameters } from "./message.ts";

/** A text that is ready to be filled in: as it is, with placeholders, or an ICU message. */
export type CompiledText = string | Template | IntlMessageFormat;

/** Alternately literal text and the name of a placeholder, beginning and ending with text. */
type Template = readonly string[];

const placeholder = /\{([A-Za-z][A-Za-z0-9_]*)\}/;
const icuArgument = /\{\s*[A-Za-z][A-Za-z0-9_]*\s*,/;

/**
 * Compiles a text of a language (a BCP 47 tag). Plural rules and the like cost some parsing, which texts without them do
 * not pay; in those an apostrophe is an apostrophe, in ICU messages it quotes braces. Tags are text in both.
 * Throws SyntaxError for an ICU message that is not well-formed.
 */
export function compileText(language: string, text: string): CompiledText {
  if (icuArgument.test(text)) return new IntlMessageFormat(text, language, undefined, { ignoreTag: true });
  const parts = text.split(placeholder);
  return parts.length === 1 ? text : parts;
}

/** The names of a text's placeholders. */
export function placeholdersOf(compiled: CompiledText): ReadonlySet<string> {
  if (typeof compiled === "string") return new Set();
  if (compiled instanceof IntlMessageFormat) return new Set(names(compiled.getAst()));
  return new Set(compiled.filter((_, index) => index % 2 === 1));
}

/** True when a brace belongs to no placeholder. */
export function hasStrayBrace(compiled: CompiledText): boolean {
  if (compiled instanceof IntlMessageFormat) return false;
  const literals = typeof compiled === "string" ? [compiled] : compiled.filter((_, index) => index % 2 === 0);
  return literals.some((literal) => /[{}]/.test(literal));
}

/** Puts the values in, numbers as the language writes them. Throws PortcullisError `message` when a value is missing. */
export function fillText(
  key: string,
  compiled: CompiledText,
  params: MessageParameters | undefined,
  numbers: () => Intl.NumberFormat,
): string {
  if (typeof compiled === "string") return compiled;
  if (compiled instanceof IntlMessageFormat) return fillMessage(key, compiled, params);
  let text = "";
  for (const [index, part] of compiled.entries()) {
    if (index % 2 === 0) {
      text += part;
      continue;
    }
    const value = params !== undefined && Object.hasOwn(params, part) ? params[part] : undefined;
    if (value === undefined) throw missing(key, part);
    text += typeof value === "number" ? numbers().format(value) : value;
  }
  return text;
}

function fillMessage(key: string, message: IntlMessageFormat, params: MessageParameters = {}): string {
  for (const name of placeholdersOf(message)) {
    if (!Object.hasOwn(params, name) || params[name] === undefined) throw missing(key, name);
  }
  return String(message.format(params));
}

function missing(key: string, name: string): PortcullisError {
  return new PortcullisError("message", `the message ${key} needs a value for {${name}}`);
}

type Ast = ReturnType<IntlMessageFormat["getAst"]>;

/** The names in a message and in the branches of its plurals. */
function names(ast: Ast): string[] {
  const found: string[] = [];
  for (const element of ast) {
    // 0 is text and 7 the "#" of a plural (the parser's TYPE); everything else has a name.
    if (element.type !== 0 && element.type !== 7) found.push(element.value);
    if ("options" in element) {
      for (const option of Object.values(element.options)) found.push(...names(option.value));
    }
  }
  return found;
}
