import type { English } from "./en/index.ts";

/**
 * How a message is shown: a confirmation, a remark, a refusal. The keys and their categories are Flask-Security's
 * where it has them, so that JSON clients written for it keep working; the wording is ours.
 */
export type MessageCategory = "info" | "success" | "warning" | "error";

/** One entry of the English texts: a message with its category, or a label. */
export type Entry = string | { readonly category: MessageCategory; readonly text: string };

/** The key of a message or of a label. */
export type MessageKey = keyof English;

/** Texts by key, as a language or an application has them. What is missing is taken from elsewhere. */
export type Texts = { readonly [K in MessageKey]?: string };

/** Values for the placeholders of a text. They are put in as they are: a page escapes the result as a whole. */
export type MessageParameters = Readonly<Record<string, string | number>>;

/**
 * What `text` wants after the key: nothing for a text without placeholders, a value for each placeholder of a key
 * known to the compiler, any record where only the run time knows the key.
 */
export type MessageArguments<K extends MessageKey> =
  IsUnion<K> extends false
    ? [PlaceholderOf<Source<K>>] extends [never]
      ? [params?: undefined]
      : [params: Values<PlaceholderOf<Source<K>>>]
    : [params?: MessageParameters | undefined];

type Source<K extends MessageKey> = English[K] extends { readonly text: infer T } ? T : English[K];
type IsUnion<T, U = T> = [T] extends [never] ? false : T extends unknown ? ([U] extends [T] ? false : true) : never;

type Values<P extends Placeholder> = {
  readonly [N in P as N[0]]: N[1] extends "plural" | "selectordinal" | "number" ? number : string | number;
};

/** A placeholder's name, and what ICU is to make of it ("" where the value is put in as it is). */
type Placeholder = readonly [name: string, format: string];

/** The placeholders of an ICU message, each as `[name, format]`. */
export type PlaceholderOf<T> = T extends string ? InText<T, []> : never;

/**
 * Braces open a placeholder in a text and a text in the branches of a placeholder, so the two take turns; `Outer` counts
 * the placeholders whose branch this is.
 */
type InText<T extends string, Outer extends readonly unknown[]> = T extends `${infer Head}{${infer Rest}`
  ? Head extends `${string}}${string}`
    ? AfterText<T, Outer>
    : OpenPlaceholder<Rest, Outer>
  : AfterText<T, Outer>;

/** The end of a branch: back among the branches of its placeholder. */
type AfterText<T extends string, Outer extends readonly unknown[]> = T extends `${string}}${infer Rest}`
  ? Outer extends readonly [unknown, ...infer Less]
    ? InBranches<Rest, Less>
    : never
  : never;

type OpenPlaceholder<T extends string, Outer extends readonly unknown[]> = T extends `${infer Name}}${infer Rest}`
  ? Name extends `${infer Plain},${infer Format}`
    ? Format extends `${infer Kind},${string}`
      ?
          | [Trim<Plain>, Trim<Kind>]
          | (T extends `${string},${string},${infer Branches}` ? InBranches<Branches, Outer> : never)
      : [Trim<Plain>, Trim<Format>] | InText<Rest, Outer>
    : [Trim<Name>, ""] | InText<Rest, Outer>
  : never;

type InBranches<T extends string, Outer extends readonly unknown[]> = T extends `${infer Head}{${infer Rest}`
  ? Head extends `${string}}${infer After}`
    ? InText<`${After}{${Rest}`, Outer>
    : InText<Rest, readonly [unknown, ...Outer]>
  : T extends `${string}}${infer After}`
    ? InText<After, Outer>
    : never;

type Trim<T extends string> = T extends ` ${infer U}` ? Trim<U> : T extends `${infer U} ` ? Trim<U> : T;
