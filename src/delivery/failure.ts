/** What tokens look like, also a part of one, or one that was encoded once more; no word of a language is as long with digits. */
const tokenLike = /(?=[\w+/=%~-]*\d)[\w+/=%~-]{16,}/g;

/**
 * What a log may say of a failed delivery. Servers and providers like to repeat what they were given, so everything that
 * came with the message is taken out: links, addresses, every word of it that has a digit, which codes have, and, as some
 * repeat a link without its beginning, what looks like a token.
 */
export function failureText(error: unknown, secrets: readonly string[]): string {
  const said = error instanceof Error ? error.message : String(error);
  // Links first and whole: a word of one that was taken out would leave the rest of it, with the token.
  let text = said
    .slice(0, 1_000)
    .replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, "…")
    .replace(/[^\s@<>]+@[^\s@<>]+/g, "…")
    .replace(tokenLike, "…");
  const words = new Set(
    secrets.flatMap((secret) => [secret, ...secret.split(/[\s<>"'()]+/), ...secret.split(/[^\p{L}\p{N}_~-]+/u)]),
  );
  for (const word of [...words].sort((a, b) => b.length - a.length)) {
    if (word.length >= 4 && /[\d@/]/.test(word)) text = text.replaceAll(word, "…");
  }
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .slice(0, 200)
    .trim();
}
