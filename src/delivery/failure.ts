/**
 * What a log may say of a failed delivery. Servers and providers like to repeat what they were given, so everything that
 * came with the message is taken out: the recipient, links, and every word of it that has a digit, which codes have.
 */
export function failureText(error: unknown, secrets: readonly string[]): string {
  const said = error instanceof Error ? error.message : String(error ?? "");
  const { code, responseCode } = (typeof error === "object" && error !== null ? error : {}) as {
    readonly code?: unknown;
    readonly responseCode?: unknown;
  };
  const marks = [code, responseCode].filter((mark) => typeof mark === "string" || typeof mark === "number");
  const words = new Set(
    secrets.flatMap((secret) => [secret, ...secret.split(/[\s<>"'()]+/)]).filter((word) => /[\d@/]/.test(word)),
  );
  let text = said.slice(0, 1_000);
  for (const word of [...words].sort((a, b) => b.length - a.length)) {
    if (word.length >= 4) text = text.replaceAll(word, "…");
  }
  text = text.replace(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, "…").replace(/[^\s@<>]+@[^\s@<>]+/g, "…");
  text = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").slice(0, 200);
  return [...marks, text].join(" ").trim();
}
