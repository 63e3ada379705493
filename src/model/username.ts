/** Which names are accepted. */
export interface UsernameRules {
  /** In code points; default 4. */
  readonly minLength: number;
  /** In code points; default 32. */
  readonly maxLength: number;
  /** "ascii": a to z and digits. "letters": letters and digits of any one script, without look-alikes of Latin names. */
  readonly characters: "ascii" | "letters";
  /** Names that nobody may take, in lower case. */
  readonly reserved: ReadonlySet<string>;
}

/** What is wrong with a name. */
export type UsernameFault = "length" | "illegal" | "disallowed" | "mixed" | "reserved";

/** Names that people take for the site's own voice (RFC 2142 and what mail, web and code reserve). */
export const reservedUsernames: ReadonlySet<string> = new Set([
  ...["abuse", "account", "accounts", "admin", "administrator", "anonymous", "api", "auth", "billing", "contact"],
  ...["everyone", "guest", "help", "hostmaster", "info", "login", "logout", "mailerdaemon", "moderator", "news"],
  ...["nobody", "noreply", "null", "official", "operator", "owner", "postmaster", "register", "root", "sales"],
  ...["security", "settings", "staff", "superuser", "support", "sysadmin", "system", "team", "test", "undefined"],
  ...["user", "users", "webmaster", "www"],
]);

const longest = 255;
/** What changes how a text looks or reads without being seen, and what markup and mail headers live on. */
const illegal = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}<>"'&\\]/u;

/**
 * The form in which a username is stored: NFKC, as RFC 8265 3.4 (UsernameCasePreserved) wants width and composition mapped; case
 * is kept for show and ignored in comparisons. Undefined when there is nothing that could be a name. Normalising twice changes nothing.
 */
export function normalizeUsername(input: string): string | undefined {
  if (input.length > longest || !input.isWellFormed()) return undefined;
  const normal = input.trim().normalize("NFKC");
  return normal === "" || normal.length > longest ? undefined : normal;
}

/** What is wrong with a name as it was typed; undefined when it can be used. */
export function usernameFault(input: string, rules: UsernameRules): UsernameFault | undefined {
  // Looked for before normalising: NFKC would drop or replace some of what must not pass for another name.
  if (!input.isWellFormed() || illegal.test(input)) return "illegal";
  const name = normalizeUsername(input);
  if (name === undefined) return "length";
  if (illegal.test(name)) return "illegal";
  const allowed = rules.characters === "ascii" ? /^[a-z0-9]+$/i : /^[\p{L}\p{M}\p{Nd}]+$/u;
  if (!allowed.test(name)) return "disallowed";
  if (rules.characters === "letters" && looksLikeAnother(name)) return "mixed";
  const length = [...name].length;
  if (length < rules.minLength || length > rules.maxLength) return "length";
  return rules.reserved.has(name.toLowerCase()) ? "reserved" : undefined;
}

const scripts = [
  ...["Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Devanagari", "Bengali", "Gurmukhi", "Gujarati"],
  ...[
    "Tamil",
    "Telugu",
    "Kannada",
    "Malayalam",
    "Sinhala",
    "Thai",
    "Lao",
    "Tibetan",
    "Myanmar",
    "Georgian",
    "Ethiopic",
  ],
  ...["Khmer", "Mongolian", "Hangul", "Hiragana", "Katakana", "Han", "Bopomofo"],
].map((name) => [name, new RegExp(`\\p{sc=${name}}`, "u")] as const);
/** Scripts that are written together (UTS 39 5.1, "highly restrictive"). */
const together: readonly ReadonlySet<string>[] = [
  new Set(["Latin", "Han", "Hiragana", "Katakana"]),
  new Set(["Latin", "Han", "Bopomofo"]),
  new Set(["Latin", "Han", "Hangul"]),
];
/** Letters of Cyrillic, Greek and Armenian that look like Latin ones (UTS 39 confusables). */
const likeLatin = /^[аесԁԛһіјӏорѕԝухүѵгʙᴢАВСЕНІЈКМОРЅТХУԌԚԜαινορυκχωγΑΒΕΖΗΙΚΜΝΟΡΤΥΧագզոսօցՏՍԼՕհյ0-9]+$/u;

/** Letters of several scripts that nobody writes together, or none but such as look Latin and are not. */
function looksLikeAnother(name: string): boolean {
  const found = new Set<string>();
  for (const letter of name) {
    if (/[\p{M}\p{Nd}]/u.test(letter)) continue;
    const script = scripts.find(([, pattern]) => pattern.test(letter))?.[0];
    // A script that few people write is not one to impersonate somebody in.
    if (script === undefined) return true;
    found.add(script);
  }
  // Digits of other scripts beside ASCII ones: the same number in two spellings.
  if (/\p{Nd}/u.test(name.replace(/[0-9]/g, "")) && /[0-9]/.test(name)) return true;
  if (found.size > 1) return !together.some((set) => found.isSubsetOf(set));
  const [only] = found;
  return only !== undefined && only !== "Latin" && likeLatin.test(name);
}
