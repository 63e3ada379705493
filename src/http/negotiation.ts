import { isJson, parseMediaType } from "./media-type.ts";

const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;
const LONGEST = 2048;

/** Whether the media range that the client likes best is a JSON type: by q, then the more specific, then the first. */
function prefersJson(accept: string): boolean {
  let best: string | undefined;
  let bestQuality = 0;
  let bestSpecificity = 0;
  for (const range of accept.split(",")) {
    const type = parseMediaType(range);
    if (type === undefined) continue;
    const quality = type.parameters.get("q") ?? "1";
    if (!QUALITY.test(quality)) continue;
    const q = Number(quality);
    const specificity = type.essence === "*/*" ? 1 : type.essence.endsWith("/*") ? 2 : 3;
    if (q > bestQuality || (q === bestQuality && q > 0 && specificity > bestSpecificity)) {
      best = type.essence;
      bestQuality = q;
      bestSpecificity = specificity;
    }
  }
  return best !== undefined && isJson(best);
}

/**
 * Whether a script made the request and takes whatever comes (`fetch` and XMLHttpRequest say so by Sec-Fetch-Mode, older
 * libraries by X-Requested-With): it can follow no person to a page.
 */
export function isScript(header: (name: string) => string | undefined): boolean {
  const accept = header("accept");
  if (accept !== undefined && accept !== "" && accept !== "*/*") return false;
  const mode = header("sec-fetch-mode");
  return mode === undefined ? header("x-requested-with") !== undefined : mode === "cors" || mode === "same-origin";
}

/**
 * Whether a request is answered in JSON and not with a page: it sends JSON, or what it likes best (RFC 9110 12.5.1) is
 * `application/json` or a `+json` type. A wildcard, `text/html` or no Accept at all is a browser: a page.
 */
export function wantsJson(contentType: string | undefined, accept: string | undefined): boolean {
  if (contentType !== undefined) {
    if (contentType === "application/json") return true;
    const type = parseMediaType(contentType);
    if (type !== undefined && isJson(type.essence)) return true;
  }
  if (accept === undefined || accept === "*/*" || accept === "") return false;
  if (accept === "application/json") return true;
  // Browsers begin with it; nothing that follows is liked better than the first with full quality.
  if (accept.startsWith("text/html,")) return false;
  return accept.length <= LONGEST && prefersJson(accept);
}
