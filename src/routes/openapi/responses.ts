import type { DescribedRoute } from "./described.ts";
import type { Json } from "./json.ts";
import type { Access } from "./security.ts";

/** Whose words errors are in: problem details, or the envelope of the account endpoints. */
type ErrorKind = DescribedRoute["kind"];

const page: Json = { "text/html": { schema: { type: "string" } } };
const retryAfter: Json = {
  "Retry-After": { description: "After so many seconds it may be tried again.", schema: { type: "integer" } },
};

interface ErrorAnswer {
  readonly name: string;
  readonly description: string;
  readonly headers?: Json;
}

const errors: Readonly<Record<number, ErrorAnswer>> = {
  400: { name: "Invalid", description: "Something about the request is wrong: which parameter, and why." },
  401: {
    name: "Unauthenticated",
    description:
      "Nobody is signed in by a scheme that is accepted here, or the proof of identity is too old (`reauth_required`). A browser that asks for a page is sent to sign in (302).",
    headers: {
      "WWW-Authenticate": {
        description: "The challenges of the schemes that have one (RFC 9110 11.6.1).",
        schema: { type: "string" },
      },
    },
  },
  403: { name: "Forbidden", description: "Signed in, but this is not allowed." },
  404: { name: "NotFound", description: "There is no such object." },
  409: { name: "Conflict", description: "The state of things is against it." },
  413: { name: "TooLarge", description: "The body is too large." },
  415: { name: "UnsupportedMediaType", description: "The body's media type is not taken here." },
  429: { name: "TooManyAttempts", description: "Too many attempts.", headers: retryAfter },
  503: { name: "Unavailable", description: "The server is busy.", headers: retryAfter },
};

/** The application says its errors in its own way: nothing is known of their shape. */
export interface OwnErrors {
  readonly application: boolean;
  readonly account: boolean;
}

/** All errors as the document's components. */
export function errorResponses(own: OwnErrors): Json {
  return Object.fromEntries(
    (["application", "account"] as const).flatMap((kind) =>
      Object.values(errors).map(({ name, description, headers }) => [
        `${prefix(kind)}${name}`,
        {
          description,
          ...(headers === undefined ? {} : { headers }),
          content: { ...errorContent(kind, own), ...page },
        },
      ]),
    ),
  );
}

function prefix(kind: ErrorKind): string {
  return kind === "account" ? "Account" : "";
}

function errorContent(kind: ErrorKind, own: OwnErrors): Json {
  if (own[kind]) return { "application/json": { schema: {} } };
  return kind === "account"
    ? { "application/json": { schema: { $ref: "#/components/schemas/AccountErrors" } } }
    : { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };
}

/** The schemas that errors and envelopes are made of. */
export const errorSchemas: Json = {
  Problem: {
    type: "object",
    description: "Problem details (RFC 9457). `meta` and `response` say the same as the account endpoints do.",
    required: ["type", "title", "status", "code"],
    properties: {
      type: { type: "string" },
      title: { type: "string", description: "For people, in their language." },
      status: { type: "integer" },
      code: { type: "string", description: "Stable, for programs." },
      detail: { type: "string" },
      parameters: {
        type: "array",
        items: {
          type: "object",
          required: ["name", "code", "message"],
          properties: {
            name: { type: "string" },
            code: { enum: ["missing", "unexpected", "duplicate", "invalid"] },
            message: { type: "string" },
          },
        },
      },
      reauth_required: { type: "boolean", description: "True: prove again who you are." },
    },
  },
  Meta: {
    type: "object",
    required: ["code"],
    properties: { code: { type: "integer", description: "The status." } },
  },
  PendingSignIn: {
    type: "object",
    description:
      "A sign-in that is not done: nobody is signed in before what it waits for is posted to `path`, with `shown_for`. No finished one has `pending`.",
    required: ["pending", "path", "shown_for"],
    properties: {
      pending: { type: "string", description: "What it waits for, such as `expired_password`." },
      path: { type: "string" },
      shown_for: { type: "string", description: "Names this sign-in among those of a browser; no secret." },
      password_expired: { const: true },
      tf_required: { const: true, description: "It waits for a second factor." },
    },
  },
  AccountErrors: {
    type: "object",
    required: ["meta", "response"],
    properties: {
      meta: { $ref: "#/components/schemas/Meta" },
      response: {
        type: "object",
        required: ["errors"],
        properties: {
          errors: { type: "array", items: { type: "string" }, description: "All that is wrong, for people." },
          field_errors: {
            type: "object",
            description: 'The same by field; "" is the form as a whole.',
            additionalProperties: { type: "array", items: { type: "string" } },
          },
          reauth_required: { type: "boolean", description: "True: prove again who you are." },
          pending: {
            type: "string",
            description:
              "What is asked for before it can be done. `first_proof`: the same link again, with the account's `password` or a new one. `send_confirmation`: a confirmed address.",
          },
        },
      },
    },
  },
};

/** Schemes that check a password with each request: guessing is limited. */
const guessable: ReadonlySet<string> = new Set(["basic", "password", "param", "digest"]);

/** The statuses of the errors that a route may answer with, from what it takes and who may call it. */
export function errorStatuses(
  route: DescribedRoute,
  access: Access,
  facts: {
    readonly unsafe: boolean;
    readonly takes: boolean;
    readonly body: boolean;
    /** True: some who may call it must show that they come from our own pages. */
    readonly csrf: boolean;
  },
): readonly number[] {
  const { refusals } = access;
  const account = route.kind === "account";
  const statuses = new Set<number>();
  // An account page that is only looked at has nothing that could be wrong, unless it is behind a mailed link.
  const looked = account && !facts.unsafe && route.account?.page === true && !route.path.includes("/:");
  const takes = account && facts.unsafe ? true : facts.takes && !looked;
  if (takes || facts.csrf || refusals.has("anonymous")) statuses.add(400);
  if (refusals.has("unauthenticated") || refusals.has("stale")) statuses.add(401);
  if (refusals.has("forbidden")) statuses.add(403);
  // What a path names may not be there.
  if (refusals.has("notFound")) statuses.add(route.notFoundStatus ?? 404);
  if (account && route.path.includes("/:")) statuses.add(404);
  for (const status of route.account?.failures ?? []) statuses.add(status);
  if (facts.body) for (const status of [413, 415]) statuses.add(status);
  if ((account && facts.unsafe) || access.alternatives.flat().some((name) => guessable.has(name))) statuses.add(429);
  statuses.add(503);
  return [...statuses];
}

/** A reference to the component for one of those; a status that the application chose for what is not there stands alone. */
export function errorReference(status: number, kind: ErrorKind, own: OwnErrors): Json {
  const known = errors[status];
  return known === undefined
    ? { description: errors[404]?.description, content: { ...errorContent(kind, own), ...page } }
    : { $ref: `#/components/responses/${prefix(kind)}${known.name}` };
}

/** How the checkpoints of a route answer by themselves, by status. */
export function checkpointAnswers({ checkpoints }: Access): Json {
  const answers: Record<string, Json> = {};
  const own: Json = { "application/json": { schema: { type: "object" } } };
  for (const { passed } of checkpoints) {
    if (passed?.status !== undefined)
      answers[passed.status] ??= { description: "A checkpoint is passed.", content: own };
  }
  for (const { failed } of checkpoints) {
    if (failed !== undefined) {
      answers[failed.status] = {
        description: "A checkpoint refuses.",
        content: { ...own, "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } }, ...page },
      };
    }
  }
  const redirects = checkpoints.some(({ failed, passed }) => failed?.redirects === true || passed?.redirects === true);
  return redirects ? { ...answers, 302: { description: "Browsers: a checkpoint sends them elsewhere." } } : answers;
}

/** The JSON answer of an account endpoint. */
function accountAnswer(response: Json | undefined): Json {
  return {
    type: "object",
    required: ["meta", "response"],
    properties: { meta: { $ref: "#/components/schemas/Meta" }, response: response ?? { type: "object" } },
  };
}

/** What went well, by status. */
export function successes(
  route: DescribedRoute,
  schemaOf: (answer: { readonly schema?: unknown }, status: string) => Json | undefined,
): Json {
  const { account, documentation } = route;
  if (account !== undefined) {
    const json = { "application/json": { schema: accountAnswer(account.answer) } };
    const shown = { description: "JSON: it is done. A page: the form, again where something is wrong with it." };
    return {
      [account.status]: account.page
        ? { ...shown, content: { ...json, ...page } }
        : { description: "It is done.", content: json },
      ...(account.page ? { 302: { description: "Pages: it is done, and goes on elsewhere." } } : {}),
    };
  }
  const own = Object.entries(documentation?.answers ?? {});
  if (own.length === 0) return { "2XX": { description: "What the application answers." } };
  return Object.fromEntries(
    own.map(([status, answer]) => {
      const schema = schemaOf(answer, status);
      return [
        status,
        {
          description: answer.description,
          ...(schema === undefined ? {} : { content: { "application/json": { schema } } }),
        },
      ];
    }),
  );
}
