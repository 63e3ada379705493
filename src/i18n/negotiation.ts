const quality = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i;
const languageRange = /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/;
/** Longer ones are not read: browsers send less than a hundred characters. */
const longest = 1_024;

interface Preference {
  readonly range: string;
  readonly q: number;
}

/**
 * What is best of `offered` (by lower-case BCP 47 tag) for an `Accept-Language` header (RFC 9110 12.5.4): the ranges by
 * falling quality, each by lookup (RFC 4647 3.4). Undefined: nothing is, or the header is none.
 */
export function accepted<T>(header: string | undefined, offered: ReadonlyMap<string, T>): T | undefined {
  if (header === undefined || header.length > longest) return undefined;
  const preferences: Preference[] = [];
  const refused = new Set<T>();
  for (const item of header.split(",")) {
    const preference = preferenceOf(item);
    if (preference === undefined) continue;
    if (preference.q > 0) preferences.push(preference);
    else {
      const unwanted = offered.get(preference.range);
      if (unwanted !== undefined) refused.add(unwanted);
    }
  }
  // The sort is stable: of the same quality the first one counts.
  for (const { range } of preferences.sort((a, b) => b.q - a.q)) {
    const found = lookUp(offered, range);
    if (found !== undefined && !refused.has(found)) return found;
  }
  return undefined;
}

/** One language range with its quality; `*` stands for no language in a lookup and is left to the default. */
function preferenceOf(item: string): Preference | undefined {
  const [range = "", weight, ...rest] = item.split(";").map((part) => part.trim());
  if (rest.length > 0 || !languageRange.test(range)) return undefined;
  if (weight === undefined) return { range: range.toLowerCase(), q: 1 };
  const q = quality.exec(weight)?.[1];
  return q === undefined ? undefined : { range: range.toLowerCase(), q: Number(q) };
}

/** RFC 4647 3.4: the tag, shortened from its end until it is offered. "zh-Hans-CN" finds "zh". */
export function lookUp<T>(offered: ReadonlyMap<string, T>, tag: string): T | undefined {
  if (tag.length > longest) return undefined;
  let range = tag.toLowerCase();
  while (range !== "") {
    const found = offered.get(range);
    if (found !== undefined) return found;
    range = range.slice(0, Math.max(0, range.lastIndexOf("-")));
    // A single letter only opens what followed it ("x" in "de-x-private").
    if (range.at(-2) === "-") range = range.slice(0, -2);
  }
  return undefined;
}
