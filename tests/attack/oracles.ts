/** What must hold on every answer of every attack (oracles O1 to O5 and O10), and on the whole run (O6, O7, O9). */
import type { Answer, Sent } from "./client.ts";
import type { Lab } from "./lab.ts";

/** Throws an error that names the oracle when the answer breaks one. */
export function inspect(lab: Lab, sent: Sent, answer: Answer): void {
  const faults = [
    ...noServerError(sent, answer),
    ...noInsides(lab, answer),
    ...noWayOut(lab, answer),
    ...notStored(sent, answer),
    ...cookieAttributes(lab, answer),
    ...singleHeaders(answer),
  ];
  if (faults.length > 0) {
    throw new Error(`${faults.join("; ")}\nafter ${sent.method} ${sent.path.slice(0, 200)} → ${answer.status}`);
  }
}

function noServerError(sent: Sent, answer: Answer): readonly string[] {
  if (answer.status < 500 || sent.expected.includes(answer.status)) return [];
  return [`O1: status ${answer.status}: ${answer.text.slice(0, 300)}`];
}

/** Words that only come from inside: drivers, stacks, paths, stored secrets, versions. */
const insides: readonly RegExp[] = [
  /\bat (?:async )?(?:[\w$.<>]+ )?\(?(?:file|node):[^\s]*:\d+:\d+/,
  /\b(?:SQLITE_[A-Z]+|SqliteError|ERR_SQLITE\w*|PostgresError|ER_[A-Z]+_[A-Z]+|ECONNREFUSED)\b/,
  /syntax error at or near|near "[^"]*": syntax error|You have an error in your SQL syntax|no such (?:table|column)/i,
  /unrecognized token:|relation "\w+" does not exist|duplicate key value violates|UNIQUE constraint failed/i,
  /\bselect [\w".*, ]+ from "|\binsert into "|\bupdate "\w+" set\b/i,
  /node_modules|\/src\/\w+\/[\w-]+\.ts|\.ts:\d+:\d+|\/home\/|\/root\//,
  /\$argon2|\$2[aby]\$|\$scrypt\$|\$pbkdf2|fs_uniquifier|fs_token_uniquifier|fsUniquifier/,
  /\b(?:TypeError|ReferenceError|RangeError|SyntaxError|ConfigurationError): /,
];

function noInsides(lab: Lab, answer: Answer): readonly string[] {
  const all = `${answer.rawHeaders.map(([name, value]) => `${name}: ${value}`).join("\n")}\n${answer.text}`;
  const faults: string[] = [];
  for (const pattern of insides) {
    const found = pattern.exec(all)?.[0];
    if (found !== undefined) faults.push(`O2: the answer shows ${JSON.stringify(found)}`);
  }
  for (const name of ["server", "x-powered-by", "x-aspnet-version", "via"]) {
    if (answer.header(name) !== undefined) faults.push(`O2: the header ${name} tells what runs here`);
  }
  for (const secret of lab.planted) {
    if (secret.startsWith("marker-") && all.includes(secret)) faults.push("O2: a planted secret came back");
  }
  return faults;
}

/** Every place of an answer that sends somebody on. */
function targetsOf(answer: Answer): readonly string[] {
  const targets: string[] = [];
  if (answer.location !== undefined) targets.push(answer.location);
  const walk = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > 8) return;
    for (const [name, member] of Object.entries(value)) {
      if (typeof member === "string" && /^(?:redirect|redirect_to|redirect_url|location|next|url)$/i.test(name)) {
        targets.push(member);
      } else walk(member, depth + 1);
    }
  };
  walk(answer.json, 0);
  if (/^text\/html/.test(answer.header("content-type") ?? "")) {
    for (const [, value] of answer.text.matchAll(/\s(?:href|action|formaction|src)\s*=\s*"([^"]*)"/gi)) {
      targets.push(unescapeHtml(value ?? ""));
    }
    for (const [tag] of answer.text.matchAll(/<input\b[^>]*\bname="next"[^>]*>/gi)) {
      targets.push(unescapeHtml(/\bvalue="([^"]*)"/i.exec(tag)?.[1] ?? ""));
    }
    const refresh = /http-equiv="refresh"[^>]*url=([^">]+)/i.exec(answer.text)?.[1];
    if (refresh !== undefined) targets.push(unescapeHtml(refresh));
  }
  return targets;
}

function unescapeHtml(text: string): string {
  return text
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function noWayOut(lab: Lab, answer: Answer): readonly string[] {
  const faults: string[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (answer.location !== undefined && /[\u0000-\u001f\u007f]/.test(answer.location)) {
    faults.push("O3: a control character in Location");
  }
  const host = new URL(lab.origin).host;
  for (const target of targetsOf(answer)) {
    if (target.startsWith("data:image/")) continue;
    // Written out in full, and nothing else: what a browser makes of another spelling must stay here.
    if (lab.redirectOrigins.some((origin) => target === origin || target.startsWith(`${origin}/`))) continue;
    if (URL.canParse(target) && new URL(target).origin !== lab.origin) {
      faults.push(`O3: ${JSON.stringify(target)} is on no configured origin`);
    }
    for (const base of [`http://${host}`, `https://${host}`]) {
      const url = URL.canParse(target, `${base}${answer.path}`) ? new URL(target, `${base}${answer.path}`) : undefined;
      if (url === undefined || (url.origin !== base && url.origin !== lab.origin)) {
        faults.push(`O3: ${JSON.stringify(target)} leaves ${base}`);
      }
    }
  }
  return faults;
}

function notStored(sent: Sent, answer: Answer): readonly string[] {
  const personal =
    answer.setCookies.length > 0 ||
    /"(?:csrf_token|authentication_token)":/.test(answer.text) ||
    (sent.credentials &&
      answer.status >= 200 &&
      answer.status < 300 &&
      !/^text\/css/.test(answer.header("content-type") ?? ""));
  if (!personal || /\bno-store\b/.test(answer.header("cache-control") ?? "")) return [];
  return ["O4: an answer that belongs to somebody may be stored"];
}

function cookieAttributes(lab: Lab, answer: Answer): readonly string[] {
  const faults: string[] = [];
  for (const cookie of answer.setCookies) {
    const [pair = "", ...rest] = cookie.split(";");
    const name = pair.slice(0, pair.indexOf("="));
    const attributes = new Map(
      rest.map((part) => {
        const [key = "", value = ""] = part.trim().split("=");
        return [key.toLowerCase(), value] as const;
      }),
    );
    const readable = /xsrf|csrf_token/i.test(name);
    const lacks: string[] = [];
    if (!attributes.has("httponly") && !readable) lacks.push("HttpOnly");
    if (!["Lax", "Strict"].includes(attributes.get("samesite") ?? "")) lacks.push("SameSite");
    if (attributes.get("path") !== "/") lacks.push("Path=/");
    if (lab.production && !attributes.has("secure")) lacks.push("Secure");
    if (lab.production && !name.startsWith("__Host-") && !readable) lacks.push("a __Host- name");
    if (lacks.length > 0) faults.push(`O5: the cookie ${name} lacks ${lacks.join(", ")}`);
    if (attributes.has("domain")) faults.push(`O5: the cookie ${name} has a Domain`);
    if (Buffer.byteLength(cookie) > 4096) faults.push(`O5: the cookie ${name} is longer than 4096 bytes`);
  }
  const names = answer.setCookies.map((cookie) => cookie.slice(0, cookie.indexOf("=")));
  if (new Set(names).size !== names.length) faults.push("O10: a cookie is set twice");
  return faults;
}

const single = new Set([
  "age",
  "cache-control",
  "content-length",
  "content-security-policy",
  "content-type",
  "cross-origin-opener-policy",
  "date",
  "etag",
  "expires",
  "last-modified",
  "location",
  "referrer-policy",
  "retry-after",
  "strict-transport-security",
  "transfer-encoding",
  "x-content-type-options",
  "x-frame-options",
]);

function singleHeaders(answer: Answer): readonly string[] {
  const names = answer.rawHeaders.map(([name]) => name);
  const faults = [...single]
    .filter((name) => names.filter((known) => known === name).length > 1)
    .map((name) => `O10: the header ${name} came more than once`);
  for (const [name, value] of answer.rawHeaders) {
    if (/^(?:x-injected|injected|bcc|evil)/.test(name)) faults.push(`O10: the header ${name} was injected`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) faults.push(`O10: a control character in ${name}`);
  }
  return faults;
}

/** O6: what was planted or issued as a secret is not in the log. */
export async function logIsClean(lab: Lab): Promise<void> {
  const log = await lab.log();
  const found = [...lab.planted].filter((secret) => log.includes(secret));
  if (found.length > 0) {
    const lines = log.split("\n").filter((line) => found.some((secret) => line.includes(secret)));
    throw new Error(`O6: ${found.length} secrets are in the log, such as ${found[0]} in:\n${lines[0]?.slice(0, 600)}`);
  }
}

/** Mails to an address that no account has (yet, or any more): it is to be proved, it was left, or it tried to register. */
const toOutsiders: ReadonlySet<string> = new Set(["changeEmailInstructions", "emailChanged", "usernameTaken"]);

/** O7: each mail has one recipient, whose account it is about, and links on the configured origin only. */
export async function mailIsClean(lab: Lab): Promise<void> {
  const stored = new Set((await lab.accounts.all()).map((row) => String(row["email"])));
  for (const mail of await lab.outbox()) {
    const recipients = typeof mail.to === "string" ? [mail.to] : mail.to;
    const to = String(recipients[0]);
    const known = stored.has(to) || lab.created.has(to) || toOutsiders.has(mail.template ?? "");
    if (recipients.length !== 1 || !known) {
      throw new Error(`O7: a mail went to ${recipients.join(" and ")}`);
    }
    for (const [link] of `${mail.text}\n${mail.html ?? ""}`.matchAll(/\bhttps?:\/\/[^\s"'<>]+/g)) {
      if (new URL(link).origin !== lab.origin) throw new Error(`O7: a mail links to ${link}`);
    }
  }
}

/** O9: the process lives and answers. Its heap is bounded (lab.ts), and all of its memory stays below a bound above that. */
export async function isWell(lab: Lab): Promise<void> {
  if (!lab.alive) throw new Error("O9: the server is gone");
  const response = await fetch(`${lab.origin}/`);
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`O9: the open page answers ${response.status}`);
  const megabytes = Math.round(lab.memory() / 1_048_576);
  if (megabytes > 700) throw new Error(`O9: the server holds ${megabytes} MiB`);
}
