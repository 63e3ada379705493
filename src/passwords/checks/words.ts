import { domainToUnicode } from "node:url";

/** How many digits and signs beside the words make a password no better than the words. */
const MAXIMUM_FILLERS = 6;
const MINIMUM_LETTERS = 3;
const DIGITS = "0123456789";
const FILLER = /^[\p{Nd}\p{P}\p{S}]$/u;
/** What people write in the place of letters. */
const LEET: Readonly<Record<string, string>> = {
  "0": "o",
  "1": "il",
  "2": "z",
  "3": "e",
  "4": "a",
  "5": "s",
  "6": "g",
  "7": "t",
  "8": "b",
  "9": "g",
  "@": "a",
  $: "s",
  "!": "il",
  "|": "il",
  "+": "t",
  "(": "c",
  "€": "e",
};

/** Without regard to case and accents, as the letters are compared. */
function folded(text: string): string[] {
  return [...text.normalize("NFKD").toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "")];
}

/**
 * Whether a password says nothing but these words: one or several of them, in any case, with or without accents, with
 * look-alike digits and signs for letters ("Acm3"), repeated or one after the other, and at most six digits and signs
 * anywhere ("Acme2024!!"), of which a row ("12345678", "!!!!") counts as one; white space does not count, nor do signs within a word ("acme.example"). Words of fewer than three
 * characters are passed over.
 */
export function consistsOfWords(password: string, words: readonly string[]): boolean {
  const text = folded(password).filter((character) => !/\s/u.test(character));
  const wanted = words.flatMap((word) => {
    const spelled = folded(word).filter((character) => !/\s/u.test(character));
    const plain = spelled.filter((character) => !FILLER.test(character) || /\p{Nd}/u.test(character));
    return plain.length === spelled.length ? [spelled] : [spelled, plain];
  });
  // fewest[i][0]: the fewest fillers with which the first i characters are read without a word; [1]: with at least one.
  const fewest: [number, number][] = text.map(() => [Infinity, Infinity]);
  fewest.unshift([0, Infinity]);
  fewest.push([Infinity, Infinity]);
  for (let at = 0; at < text.length; at += 1) {
    const [without, withWord] = fewest[at] ?? [Infinity, Infinity];
    const least = Math.min(without, withWord);
    if (least > MAXIMUM_FILLERS) continue;
    const next = fewest[at + 1];
    if (next !== undefined && FILLER.test(text[at] ?? "")) {
      const cost = goesOn(text[at - 1], text[at]) ? 0 : 1;
      next[0] = Math.min(next[0], without + cost);
      next[1] = Math.min(next[1], withWord + cost);
    }
    for (const word of wanted) {
      const behind = fewest[at + word.length];
      if (behind === undefined || word.length < MINIMUM_LETTERS || !standsAt(text, at, word)) continue;
      behind[1] = Math.min(behind[1], least);
    }
  }
  return (fewest[text.length]?.[1] ?? Infinity) <= MAXIMUM_FILLERS;
}

/** "1234", "4321", "1111", "!!!!": what goes on like that says no more than its first sign. */
function goesOn(before: string | undefined, after: string | undefined): boolean {
  if (before === after) return true;
  const [from, to] = [DIGITS.indexOf(before ?? "none"), DIGITS.indexOf(after ?? "none")];
  return from >= 0 && to >= 0 && [1, 9].includes(Math.abs(from - to));
}

function standsAt(text: readonly string[], at: number, word: readonly string[]): boolean {
  return word.every((letter, index) => {
    const character = text[at + index] ?? "";
    return character === letter || (Object.hasOwn(LEET, character) && (LEET[character] ?? "").includes(letter));
  });
}

/**
 * The words that everybody connects with a site: its name and the parts of that, and the labels of its hosts but the
 * last one (`acme` of `https://www.acme.example`), in Unicode.
 */
export function wordsOfSite(siteName: string, origins: readonly string[]): readonly string[] {
  const labels = origins.flatMap((origin) => {
    const host = domainToUnicode(new URL(origin).hostname);
    const parts = host.split(".");
    return [host, ...(parts.length > 1 ? parts.slice(0, -1) : parts).flatMap((label) => [label, ...label.split("-")])];
  });
  const all = [siteName, ...siteName.split(/[^\p{L}\p{N}]+/u), ...labels];
  const words = all.filter((word) => word !== "www" && /\p{L}/u.test(word) && folded(word).length >= MINIMUM_LETTERS);
  return [...new Set(words)];
}

/**
 * The words that somebody is known by: user names, addresses and their local parts, and what these consist of (`jane` and
 * `doe` of `jane.doe@example.com`). The address's domain is not theirs alone and does not count.
 */
export function wordsOfIdentities(identities: readonly string[]): readonly string[] {
  const names = identities.map((identity) => {
    const at = identity.lastIndexOf("@");
    return at > 0 ? identity.slice(0, at) : identity;
  });
  const parts = names.flatMap((name) => name.split(/[^\p{L}\p{N}\p{M}]+/u)).filter((part) => /\p{L}/u.test(part));
  const words = [...identities, ...names, ...parts].filter((word) => folded(word).length >= MINIMUM_LETTERS);
  return [...new Set(words)];
}
