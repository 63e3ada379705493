/** Decodes one name or value of a query string or urlencoded form; undefined where it is not percent-encoded UTF-8. */
function decodeFormText(text: string): string | undefined {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return undefined;
  }
}

/** Receives each field: undefined for a name or value that cannot be decoded; `raw` is the name as sent. */
export type FieldVisitor = (name: string | undefined, value: string | undefined, raw: string) => void;

/**
 * Splits a query string or urlencoded form into its fields, in order. Empty pieces (`a=1&&b=2`) are skipped.
 * Stops and answers false at the first field beyond `limit`.
 */
export function eachField(text: string, limit: number, visit: FieldVisitor): boolean {
  const encoded = text.includes("%") || text.includes("+");
  const length = text.length;
  let count = 0;
  for (let start = 0; start < length; ) {
    let end = text.indexOf("&", start);
    if (end === -1) end = length;
    if (end > start) {
      if (++count > limit) return false;
      let equals = text.indexOf("=", start);
      if (equals === -1 || equals > end) equals = end;
      const raw = text.slice(start, equals);
      const value = text.slice(equals + 1, end);
      if (encoded) visit(decodeFormText(raw), decodeFormText(value), raw);
      else visit(raw, value, raw);
    }
    start = end + 1;
  }
  return true;
}
