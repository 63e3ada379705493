/** How many digits or signs around a common password make it no less common. */
const MAXIMUM_AFFIXES = 4;
const MINIMUM_CORE = 4;
const DIGIT_OR_SIGN = /^[\p{Nd}\p{P}\p{S}]$/u;

let loading: Promise<ReadonlySet<string>> | undefined;

/** The list of some 49,000 most common passwords, in lower case; loaded when first needed, once. */
function commonPasswords(): Promise<ReadonlySet<string>> {
  loading ??= import("@zxcvbn-ts/language-common").then(({ dictionary }) => new Set(dictionary["passwords-common"]));
  return loading;
}

/**
 * Whether a password (NFKD) is one of the most common ones, whatever its letters' case, or one of them with up to four
 * digits and signs before or behind it ("Monkey!", "1password23").
 */
export async function isCommonPassword(password: string): Promise<boolean> {
  const common = await commonPasswords();
  const characters = [...password.toLowerCase().normalize("NFKD")];
  const length = characters.length;
  for (let lead = 0; lead <= MAXIMUM_AFFIXES; lead += 1) {
    if (lead > 0 && !DIGIT_OR_SIGN.test(characters[lead - 1] ?? "")) break;
    for (let trail = 0; lead + trail <= MAXIMUM_AFFIXES; trail += 1) {
      if (trail > 0 && !DIGIT_OR_SIGN.test(characters[length - trail] ?? "")) break;
      if (lead + trail > 0 && length - lead - trail < MINIMUM_CORE) break;
      if (common.has(characters.slice(lead, length - trail).join(""))) return true;
    }
  }
  return false;
}
