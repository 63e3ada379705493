import { ConfigurationError } from "./errors.ts";
import { checkKnown } from "./known-names.ts";

/** What a value must be; "any" is looked at by the part that it is for. */
export type Kind = "list" | "object" | "function" | "flag" | "text" | "count" | "any";

const kinds: Readonly<Record<Kind, readonly [test: (value: unknown) => boolean, expected: string]>> = {
  list: [(value) => Array.isArray(value), "a list is expected"],
  object: [(value) => typeof value === "object" && value !== null && !Array.isArray(value), "an object is expected"],
  function: [(value) => typeof value === "function", "a function is expected"],
  flag: [(value) => typeof value === "boolean", "true or false is expected"],
  text: [(value) => typeof value === "string" && value !== "", "a text is expected"],
  count: [(value) => Number.isSafeInteger(value) && (value as number) > 0, "a whole number, 1 or more, is expected"],
  any: [() => true, ""],
};

/** The kinds of the options by name; those of a section by the names within it. */
export type OptionKinds = Readonly<Record<string, Kind | Readonly<Record<string, Kind>>>>;

/** Each option is known and of its kind; else throws ConfigurationError with its path. */
export function checkNames(sections: OptionKinds, options: object): void {
  checkKnown("", options, Object.keys(sections));
  for (const [name, value] of Object.entries(options)) {
    const known = sections[name];
    if (known === undefined || value === undefined) continue;
    checkKind(name, value, typeof known === "string" ? known : "object");
    if (typeof known === "string") continue;
    checkKnown(name, value, Object.keys(known));
    for (const [inner, part] of Object.entries(value as object)) {
      const kind = known[inner];
      if (kind !== undefined && part !== undefined) checkKind(`${name}.${inner}`, part, kind);
    }
  }
}

function checkKind(path: string, value: unknown, kind: Kind): void {
  const [test, expected] = kinds[kind];
  if (!test(value)) throw new ConfigurationError(path, expected);
}

/** What is said as undefined is left out: it must not take the place of a default. */
export function given<T extends object>(options: T | undefined): Partial<T> {
  return Object.fromEntries(Object.entries(options ?? {}).filter(([, value]) => value !== undefined)) as Partial<T>;
}
