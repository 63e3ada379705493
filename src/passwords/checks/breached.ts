import { createHash } from "node:crypto";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { ConfigurationError, OverloadedError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";
import { isCommonPassword } from "../common-passwords.ts";
import { wholeNumber } from "../options.ts";
import { createWorkQueue } from "../queue.ts";
import type { PolicyCheck } from "./check.ts";

/** Asks the list of stolen passwords of haveibeenpwned.com, or one with its range interface. */
export interface BreachedOptions {
  /** A password is refused that was found so often; default 1. */
  readonly minimumCount?: number;
  /** How long the list may take to answer; default "3s". */
  readonly timeLimit?: Duration;
  /** The prefix of the hash is put behind it; default "https://api.pwnedpasswords.com/range/". */
  readonly url?: string;
  /** When the list does not answer: "offline" (default) looks into the built-in list of common passwords, "refuse" refuses. */
  readonly whenUnreachable?: "offline" | "refuse";
}

const MAXIMUM_BYTES = 1_048_576;
const LINE = /^([0-9A-F]{35}):(\d{1,12})\r?$/i;

/** Makes the check; throws a ConfigurationError that names the option. */
export function breachedCheck(
  path: string,
  options: BreachedOptions,
  log: (message: string, details?: Readonly<Record<string, unknown>>) => void,
): PolicyCheck {
  checkKnown(path, options, ["minimumCount", "timeLimit", "url", "whenUnreachable"]);
  const minimumCount = wholeNumber(`${path}.minimumCount`, options.minimumCount, 1, 1, 1_000_000_000);
  const timeLimit = milliseconds(`${path}.timeLimit`, options.timeLimit ?? "3s");
  const url = rangeUrl(`${path}.url`, options.url ?? "https://api.pwnedpasswords.com/range/");
  const { whenUnreachable = "offline" } = options;
  if (whenUnreachable !== "offline" && whenUnreachable !== "refuse") {
    throw new ConfigurationError(`${path}.whenUnreachable`, '"offline" or "refuse" is expected');
  }
  const queue = createWorkQueue("asking for stolen passwords", 16, 256);

  return async (password, _context, typed) => {
    // What other services hashed is what is typed in the composed form; NFKD is our own.
    const digest = createHash("sha1").update(typed.normalize("NFC")).digest("hex").toUpperCase();
    let count: number;
    try {
      count = await queue.run(() => askRange(url, digest, timeLimit));
    } catch (error) {
      if (error instanceof OverloadedError) throw error;
      // The error's own text may hold the address, and with it the prefix.
      log("the list of stolen passwords could not be asked", {
        error: error instanceof Error ? error.name : "unknown",
      });
      if (whenUnreachable === "refuse") return [{ key: "PASSWORD_BREACHED_SITE_ERROR" }];
      return (await isCommonPassword(password)) ? [{ key: "PASSWORD_BREACHED" }] : [];
    }
    return count >= minimumCount ? [{ key: "PASSWORD_BREACHED" }] : [];
  };
}

/** How often the list has this hash: it is asked for all that begin with the same five digits (k-anonymity). */
async function askRange(url: string, digest: string, timeLimit: number): Promise<number> {
  const answer = await fetch(`${url}${digest.slice(0, 5)}`, {
    headers: { "add-padding": "true", accept: "text/plain", "user-agent": "portcullis" },
    // Nobody else is told the prefix.
    redirect: "error",
    credentials: "omit",
    referrerPolicy: "no-referrer",
    signal: AbortSignal.timeout(timeLimit),
  });
  if (answer.status !== 200 || answer.body === null) {
    await answer.body?.cancel();
    throw new Error("not the answer of a list");
  }
  let text = "";
  let bytes = 0;
  const decoder = new TextDecoder();
  for await (const chunk of answer.body) {
    bytes += chunk.byteLength;
    if (bytes > MAXIMUM_BYTES) throw new Error("too long an answer");
    text += decoder.decode(chunk, { stream: true });
  }
  const suffix = digest.slice(5);
  let count = 0;
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const [, found, times] = LINE.exec(line) ?? [];
    if (found === undefined) throw new Error("not the answer of a list");
    if (found.toUpperCase() === suffix) count = Number(times);
  }
  return count;
}

function rangeUrl(path: string, text: unknown): string {
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  const loopback = url !== undefined && /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  if (url === undefined || !(url.protocol === "https:" || (url.protocol === "http:" && loopback))) {
    throw new ConfigurationError(path, "an address that begins with https:// is expected");
  }
  if (url.search !== "" || url.hash !== "" || url.username !== "" || !url.pathname.endsWith("/")) {
    throw new ConfigurationError(path, "must end with a slash and have no query and no credentials");
  }
  return url.href;
}
