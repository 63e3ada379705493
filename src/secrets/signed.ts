import type { KeyRing } from "./keyring.ts";

/** Why a signed value was not opened. To outsiders all three look the same. */
export type SealError = "malformed" | "signature" | "expired";

/** What `open` found: the payload, or why there is none. */
export type Opened<T> =
  | { readonly payload: T; readonly error?: undefined }
  | { readonly payload?: undefined; readonly error: SealError };

const MAXIMUM_LENGTH = 4096;
const SHAPE = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;

/**
 * A compact signed value, valid while the clock is before `expiresAt` (epoch milliseconds): the payload can be read by
 * whoever holds it, but not changed. Throws a RangeError when the expiry is no whole number or the result is longer
 * than 4096 characters.
 */
export function seal(ring: KeyRing, purpose: string, payload: object, expiresAt: number): string {
  if (!Number.isSafeInteger(expiresAt)) throw new RangeError("expiresAt: whole milliseconds are expected");
  const body = Buffer.from(JSON.stringify([expiresAt, payload])).toString("base64url");
  const text = `${body}.${ring.sign(sealPurpose(purpose), body)}`;
  if (text.length > MAXIMUM_LENGTH)
    throw new RangeError(`payload: the signed value exceeds ${MAXIMUM_LENGTH} characters`);
  return text;
}

/**
 * Opens what `seal` made for the same purpose. Only the exact string is valid: the signature covers the encoded text,
 * so another spelling of the same bytes is refused. `T` is what the caller sealed; it is not checked here.
 */
export function open<T extends object>(ring: KeyRing, purpose: string, text: string, now: number): Opened<T> {
  if (text.length > MAXIMUM_LENGTH) return { error: "malformed" };
  const [, body, signature] = SHAPE.exec(text) ?? [];
  if (body === undefined || signature === undefined) return { error: "malformed" };
  if (!ring.verify(sealPurpose(purpose), body, signature)) return { error: "signature" };
  const [expiresAt, payload] = JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as [number, T];
  if (!(now < expiresAt)) return { error: "expired" };
  return { payload };
}

/** Keeps apart what was signed with `KeyRing.sign` for a purpose of the same name. */
function sealPurpose(purpose: string): string {
  return `sealed:${purpose}`;
}
