import type { KeyRing } from "./keyring.ts";

/** Why a sealed value was not opened. To outsiders all three look the same. */
export type SealError = "malformed" | "signature" | "expired";

/** What `open` found: the payload, or why there is none. */
export type Opened<T> =
  | { readonly payload: T; readonly error?: undefined }
  | { readonly payload?: undefined; readonly error: SealError };

const MAXIMUM_LENGTH = 4096;
/** In front of what is encrypted. No API key and no text of the form before begins like it. */
const MARK = "2.";
/** The form before: signed alone, so that whoever held it could read it. */
const SIGNED = /^([A-Za-z0-9_-]{3,})\.([A-Za-z0-9_-]{43})$/;

/**
 * A compact encrypted value, valid while the clock is before `expiresAt` (epoch milliseconds): whoever holds it can neither read
 * nor change it. The same payload gives the same text. Throws a RangeError when the expiry is no whole number or the result is
 * longer than 4096 characters.
 */
export function seal(ring: KeyRing, purpose: string, payload: object, expiresAt: number): string {
  if (!Number.isSafeInteger(expiresAt)) throw new RangeError("expiresAt: whole milliseconds are expected");
  const text = `${MARK}${ring.encryptAlike(sealPurpose(purpose), JSON.stringify([expiresAt, payload]))}`;
  if (text.length > MAXIMUM_LENGTH)
    throw new RangeError(`payload: the sealed value exceeds ${MAXIMUM_LENGTH} characters`);
  return text;
}

/**
 * Opens what `seal` made for the same purpose. Only the exact string is valid: another spelling of the same bytes is
 * refused. Also what was signed before values were encrypted. `T` is what the caller sealed; it is not checked here.
 */
export function open<T extends object>(ring: KeyRing, purpose: string, text: string, now: number): Opened<T> {
  if (text.length > MAXIMUM_LENGTH) return { error: "malformed" };
  const plain = text.startsWith(MARK) ? decrypted(ring, purpose, text) : verified(ring, purpose, text);
  if (plain === "malformed" || plain === "signature") return { error: plain };
  const [expiresAt, payload] = JSON.parse(plain) as [number, T];
  if (!(now < expiresAt)) return { error: "expired" };
  return { payload };
}

/** The JSON list that was encrypted, or why there is none. */
function decrypted(ring: KeyRing, purpose: string, text: string): string {
  const body = text.slice(MARK.length);
  if (!/^[A-Za-z0-9_-]+$/.test(body)) return "malformed";
  return ring.decrypt(sealPurpose(purpose), body) ?? "signature";
}

/** The JSON list that was signed, or why there is none. */
function verified(ring: KeyRing, purpose: string, text: string): string {
  const [, body, signature] = SIGNED.exec(text) ?? [];
  if (body === undefined || signature === undefined) return "malformed";
  if (!ring.verify(sealPurpose(purpose), body, signature)) return "signature";
  return Buffer.from(body, "base64url").toString("utf8");
}

/** Keeps apart what was made with the key ring itself for a purpose of the same name. */
function sealPurpose(purpose: string): string {
  return `sealed:${purpose}`;
}
