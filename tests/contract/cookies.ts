/** The cookies of an answer, compared by what a browser does with them. */

/** The recorded names and ours. */
const names: ReadonlyMap<string, string> = new Map([
  ["session", "session"],
  ["remember_token", "remember"],
  ["fs_refresh", "refresh"],
  ["XSRF-TOKEN", "XSRF-TOKEN"],
]);

/**
 * Both sides write their session cookie when it pleases them (theirs is the session itself, ours names a row), so only its
 * attributes are compared, and that it is gone after a sign-out.
 */
const notCounted: ReadonlySet<string> = new Set(["session"]);

/** Keeps a cookie as a browser does. */
export function keepCookie(jar: Map<string, string>, header: string): void {
  const [pair = ""] = header.split(";", 1);
  const equals = pair.indexOf("=");
  if (isRemoval(header)) jar.delete(pair.slice(0, equals));
  else jar.set(pair.slice(0, equals), pair.slice(equals + 1));
}

function isRemoval(header: string): boolean {
  return /;\s*max-age=0(?:;|$)/i.test(header);
}

/** How the cookies that an answer sets differ. `jar`: what the client has after it. */
export function cookieDifferences(
  theirs: Readonly<Record<string, readonly string[] | "removed">>,
  headers: readonly string[],
  jar: ReadonlyMap<string, string>,
): readonly string[] {
  const found: string[] = [];
  for (const [name, ourName] of names) {
    const recorded = Object.hasOwn(theirs, name) ? theirs[name] : undefined;
    const header = headers.findLast((text) => text.startsWith(`${ourName}=`));
    const set = header === undefined || isRemoval(header) ? undefined : attributesOf(header);
    if (recorded === "removed") {
      if (jar.has(ourName)) found.push(`cookie ${name} removed → kept`);
    } else if (recorded === undefined || set === undefined) {
      if (notCounted.has(name) || (recorded === undefined) === (set === undefined)) continue;
      found.push(`cookie ${name} ${recorded === undefined ? "not set → set" : "set → not set"}`);
    } else {
      for (const attribute of recorded) if (!set.has(attribute)) found.push(`cookie ${name} - ${attribute}`);
      for (const attribute of set) if (!recorded.includes(attribute)) found.push(`cookie ${name} + ${attribute}`);
    }
  }
  return found;
}

/** Of attributes with a time only the names. */
function attributesOf(header: string): Set<string> {
  const [, ...attributes] = header.split(/;\s*/);
  return new Set(
    attributes.map((text) => (/^(?:max-age|expires)=/i.test(text) ? (text.split("=", 1)[0] ?? "") : text)),
  );
}
