/**
 * What a log may say of a failed delivery. Servers and providers like to repeat what they were given, so everything that
 * came with the message is taken out: links, addresses, and every word of it that has a digit, which codes have.
 */
export function failureText(error: unknown, secrets: readonly string[]): string {
  const said = error instanceof Error ? error.message : String(error);
  // Links first and whole: a word of one that was taken out would leave the rest of it, with the token.
  let text = said
    .slice(0, 1_000)
    .replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, "…")
    .replace(/[^\s@<>]+@[^\s@<>]+/g, "…");
  const words = new Set(secrets.flatMap((secret) => [secret, ...secret.split(/[\s<>"'()]+/)]));
  for (const word of [...words].sort((a, b) => b.length - a.length)) {
    if (word.length >= 4 && /[\d@/]/.test(word)) text = text.replaceAll(word, "…");
  }
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .slice(0, 200)
    .trim();
}
