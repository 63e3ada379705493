import { domainToASCII, domainToUnicode } from "node:url";

// RFC 5321 4.5.3.1: local part at most 64 octets, the whole at most 254.
const maxLocal = 64;
const maxAddress = 254;
// RFC 5322 dot-atom, with RFC 6531's characters beyond ASCII that can be seen; no quoted strings, no comments.
const atom = /^[\p{L}\p{M}\p{N}\p{S}\p{P}]+$/u;
/** What stands for something else than itself in an address, also by what it is compatible with (UAX 15): "＠" is "@". */
const structural = /[\s"(),.:;<>@[\\\]]/;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * The form in which an e-mail address is stored and compared: NFC, lower case, the domain as IDNA sees it (UTS 46) in
 * Unicode. Undefined when it is no address that mail can be sent to. Normalising twice changes nothing.
 */
export function normalizeEmail(input: string): string | undefined {
  const text = input.trim();
  // Checked before any work: UTF-16 units never exceed the octets.
  if (text.length > maxAddress) return undefined;
  const at = text.lastIndexOf("@");
  if (at < 1 || at === text.length - 1) return undefined;
  const local = text.slice(0, at).normalize("NFC").toLowerCase().normalize("NFC");
  if (Buffer.byteLength(local) > maxLocal) return undefined;
  if (!local.split(".").every((part) => atom.test(part) && !structural.test(part.normalize("NFKC")))) return undefined;
  const domain = normalizeDomain(text.slice(at + 1));
  if (domain === undefined) return undefined;
  const address = `${local}@${domain}`;
  return Buffer.byteLength(address) > maxAddress ? undefined : address;
}

// What the URL parser behind domainToASCII would cut off, decode or drop: "lp.com/x" is not the domain lp.com.
const notInDomain = /[\p{Cc}\p{Cf}\p{Z}\p{Cs}/\\?#%:@[\]]/u;

function normalizeDomain(text: string): string | undefined {
  if (notInDomain.test(text)) return undefined;
  const ascii = domainToASCII(text.normalize("NFC"));
  const labels = ascii.split(".");
  // The URL parser also takes what is no domain: "0x7f.1" becomes an IPv4 address.
  if (labels.length < 2 || !labels.every((part) => label.test(part))) return undefined;
  if (/^\d+$/.test(labels.at(-1) ?? "")) return undefined;
  return domainToUnicode(ascii);
}
