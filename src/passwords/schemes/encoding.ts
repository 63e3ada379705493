/** The bytes of a canonical base64 text without padding (RFC 4648 section 4); undefined for any other spelling. */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return toBase64(bytes) === text ? bytes : undefined;
}

/** Base64 without padding. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replace(/=+$/, "");
}

/** The bytes of passlib's adapted base64 (`.` in place of `+`, no padding); undefined for any other spelling. */
export function fromAdaptedBase64(text: string): Buffer | undefined {
  return text.includes("+") ? undefined : fromBase64(text.replaceAll(".", "+"));
}
