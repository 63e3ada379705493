import type { Router } from "hono/router";
import { choicesOf, formsOf, segmentsOf } from "./samples.ts";

/** A path, as the router takes it, that two patterns share; tried are so many at most for two forms. */
const mostTried = 300;

/** What a segment of a pattern takes. */
type Segment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "any" }
  | { readonly kind: "rest" }
  | {
      readonly kind: "pattern";
      readonly source: string;
      readonly expression: RegExp | undefined;
      readonly slashes: boolean;
    };

const parsed = new Map<string, readonly Segment[]>();

function segments(form: string): readonly Segment[] {
  let known = parsed.get(form);
  if (known === undefined) {
    const texts = segmentsOf(form);
    known = texts.map((text, index) => segmentOf(text, index === texts.length - 1));
    parsed.set(form, known);
  }
  return known;
}

function segmentOf(text: string, last: boolean): Segment {
  if (text === "*") return last ? { kind: "rest" } : { kind: "any" };
  const parameter = /^:[^{}]+(?:\{(.+)\})?$/s.exec(text);
  if (parameter === null) return { kind: "literal", text };
  const source = parameter[1];
  if (source === undefined) return { kind: "any" };
  let expression: RegExp | undefined;
  try {
    expression = new RegExp(`^(?:${source})$`);
  } catch {
    // What cannot be read may take anything.
  }
  // A pattern that takes "x/y.z" of some kind goes on over the segments behind it.
  const slashes = /(?<!\\)\.|\/|\[\^|\\[DSW]/.test(source);
  return { kind: "pattern", source, expression, slashes };
}

/**
 * Whether every path of the first is one of the second, segment by segment and without asking expressions about each other: a
 * route for fewer paths that stands first, as everybody reads it. `/users/me` of `/users/:id`, `/:id{int}` of `/:name`.
 */
function isNarrower(first: readonly Segment[], second: readonly Segment[]): boolean {
  for (const [index, wide] of second.entries()) {
    const narrow = first[index];
    if (wide.kind === "rest") return true;
    if (narrow === undefined || narrow.kind === "rest") return false;
    if (wide.kind === "pattern" && wide.slashes && index === second.length - 1) {
      // It may take all that is left, where that is known.
      const left = first.slice(index);
      if (left.every(({ kind }) => kind === "literal")) {
        return wide.expression?.test(left.map((one) => (one as { readonly text: string }).text).join("/")) === true;
      }
      if (/^\.[+*]$/.test(wide.source)) return true;
    }
    if (narrow.kind === "pattern" && narrow.slashes && !(wide.kind === "pattern" && wide.source === narrow.source))
      return false;
    if (!takesAll(wide, narrow)) return false;
  }
  return first.length === second.length;
}

function takesAll(wide: Segment, narrow: Segment): boolean {
  if (wide.kind === "any") return true;
  if (wide.kind === "literal") return narrow.kind === "literal" && narrow.text === wide.text;
  if (wide.kind !== "pattern") return true;
  if (narrow.kind === "literal") return wide.expression?.test(narrow.text) === true;
  return narrow.kind === "pattern" && narrow.source === wide.source;
}

/** Paths that both forms may take; whether they do, the router says. */
function* shared(a: string, b: string): Generator<string> {
  const [first, second] = [segments(a), segments(b)];
  const [firstTexts, secondTexts] = [segmentsOf(a), segmentsOf(b)];
  let lists: (readonly string[])[] = [[]];
  const length = Math.max(first.length, second.length);
  for (let index = 0; index < length; index++) {
    const [one, other] = [first[index], second[index]];
    const open = [one, other].some((it) => it?.kind === "rest" || (it?.kind === "pattern" && it.slashes));
    if (open) {
      // What goes over slashes takes what the other one has from here on, its parameters with texts that suit either.
      const [own, left] =
        one === undefined || other === undefined || isOpen(one) ? [firstTexts, secondTexts] : [secondTexts, firstTexts];
      const texts = [...choicesOf(own[index] ?? "*"), ...choicesOf(left[index] ?? "*")];
      const tails = product(
        left.slice(index).map((text) => (isParameter(text) ? [...choicesOf(text), ...texts] : [text])),
      );
      const fixed = texts.map((text) => [text]);
      for (const start of lists) for (const tail of [...tails, ...fixed]) yield `/${[...start, ...tail].join("/")}`;
      return;
    }
    if (one === undefined || other === undefined) return;
    if (one.kind === "literal" && other.kind === "literal" && one.text !== other.text) return;
    const texts =
      one.kind === "literal"
        ? [one.text]
        : other.kind === "literal"
          ? [other.text]
          : [...choicesOf(firstTexts[index] as string), ...choicesOf(secondTexts[index] as string)].filter(
              (text) => fits(one, text) && fits(other, text),
            );
    lists = lists.flatMap((list) => [...new Set(texts)].map((text) => [...list, text])).slice(0, mostTried);
  }
  for (const list of lists) yield `/${list.join("/")}`;
}

const isOpen = (one: Segment): boolean => one.kind === "rest" || (one.kind === "pattern" && one.slashes);
const isParameter = (text: string): boolean => text === "*" || text.startsWith(":");
const fits = (one: Segment, text: string): boolean => one.kind !== "pattern" || one.expression?.test(text) !== false;

function product(choices: readonly (readonly string[])[]): readonly (readonly string[])[] {
  let found: (readonly string[])[] = [[]];
  for (const texts of choices) {
    found = found.flatMap((list) => texts.map((text) => [...list, text])).slice(0, mostTried);
  }
  return found;
}

/**
 * A path that both routes take and the earlier one answers, though it is not one for fewer paths; undefined: none was found.
 * `answers`: which of all routes answers that path first.
 */
export function overlap(earlier: string, later: string, answers: (path: string) => boolean): string | undefined {
  for (const a of formsOf(earlier)) {
    for (const b of formsOf(later)) {
      if (isNarrower(segments(a), segments(b))) continue;
      let tried = 0;
      for (const path of shared(a, b)) {
        if (answers(path)) return path;
        if (++tried >= mostTried) break;
      }
    }
  }
  return undefined;
}

/** Which entries of the router take this path, in their order. */
export function takers(router: Router<number>, method: string, path: string): readonly number[] {
  return [...new Set(router.match(method, path)[0].map(([one]) => one))].sort((a, b) => a - b);
}
