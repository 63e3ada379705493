/** What went wrong, for programs: stable. */
export type FailureKind =
  /** Something about what was sent is wrong: `errors`, by field `field_errors`; `response.pending` says what is lacking. */
  | "invalid"
  /** Nobody is signed in. */
  | "unauthenticated"
  /** Signed in, but too long ago for this: call `verify()` and try again. */
  | "stale"
  | "forbidden"
  | "notFound"
  /** The state of things is against it: a link was opened in another browser, it would be one too many, or the last of its kind. */
  | "conflict"
  /** Too often: again after `retryAfter` seconds. */
  | "limited"
  /** The server is busy: again after `retryAfter` seconds. */
  | "unavailable"
  /** No answer came: offline, no such host, or a redirect, which is not followed. */
  | "network"
  | "unexpected";

/** Why a request did not do what it was for. */
export interface ClientFailure {
  readonly kind: FailureKind;
  /** All that is wrong, for people, in their language. */
  readonly errors: readonly string[];
  /** The same by field; "" is the form as a whole. */
  readonly field_errors: Readonly<Record<string, readonly string[]>>;
  /** Seconds. */
  readonly retryAfter?: number;
  /** What else the answer says. */
  readonly response: Readonly<Record<string, unknown>>;
  /** Under `network`: what `fetch` threw. */
  readonly cause?: unknown;
}

/** What came of a request: `data` where it did what it was for, else why not. */
export type Result<T> =
  | { readonly ok: true; readonly status: number; readonly data: T }
  | { readonly ok: false; readonly status: number; readonly error: ClientFailure };

type Members = Readonly<Record<string, unknown>>;

/** A JSON answer as a result: of account endpoints the members of `response`, of other routes the body. */
export async function resultOf<T>(response: Response): Promise<Result<T>> {
  const { status } = response;
  const body = await bodyOf(response);
  if (response.ok) {
    const data = isMembers(body) && isMembers(body["meta"]) && "response" in body ? body["response"] : body;
    return { ok: true, status, data: data as T };
  }
  const members = isMembers(body) ? body : {};
  const said = isMembers(members["response"]) ? members["response"] : {};
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  return {
    ok: false,
    status,
    error: {
      kind: said["reauth_required"] === true ? "stale" : (kinds[status] ?? "unexpected"),
      errors: textsOf(said["errors"]),
      field_errors: fieldErrors(said, members["parameters"]),
      ...(Number.isFinite(retryAfter) ? { retryAfter } : {}),
      response: said,
    },
  };
}

/** No answer at all. */
export function noAnswer(cause: unknown): Result<never> {
  return { ok: false, status: 0, error: { kind: "network", errors: [], field_errors: {}, response: {}, cause } };
}

const kinds: Readonly<Record<number, FailureKind>> = {
  400: "invalid",
  401: "unauthenticated",
  403: "forbidden",
  404: "notFound",
  409: "conflict",
  413: "invalid",
  415: "invalid",
  429: "limited",
  503: "unavailable",
};

/** The body as JSON, or as text where it is none. */
export async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (!/\bjson\b/i.test(response.headers.get("content-type") ?? "")) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Account endpoints say it by field, other routes by parameter. */
function fieldErrors(response: Members, parameters: unknown): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  if (isMembers(response["field_errors"])) {
    for (const [name, texts] of Object.entries(response["field_errors"])) found[name] = textsOf(texts);
  }
  for (const fault of Array.isArray(parameters) ? parameters : []) {
    if (isMembers(fault) && typeof fault["name"] === "string") found[fault["name"]] = textsOf([fault["message"]]);
  }
  return found;
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === "string") : [];
}

/** True for a JSON object. */
export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
