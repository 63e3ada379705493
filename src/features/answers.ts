import type { Json } from "../routes/openapi/json.ts";

/** A text. */
export const text: Json = { type: "string" };
/** Texts. */
export const texts: Json = { type: "array", items: text };
/** True or false. */
export const flag: Json = { type: "boolean" };
/** A text, or null. */
export const textOrNull: Json = { type: ["string", "null"] };
/** A moment (RFC 3339), or null. */
export const timeOrNull: Json = { type: ["string", "null"], format: "date-time" };

/** What JSON answers show of a user; the option `securityPayload` may show something else. */
const user: Json = { type: "object", properties: { email: text, username: text } };

/** The user after a change, with a CSRF token for the next request. */
export const changedUser: Json = { user, csrf_token: text };

/** A CSRF token for the next request. */
export const nextToken: Json = { csrf_token: text };

/** An auth token, with what renews it where something does. */
const tokens: Json = {
  authentication_token: text,
  refresh_token: { type: "string", description: "Where the feature refresh hands it out in bodies." },
};

/** A sign-in that is done. */
export const signedIn: Json = {
  user: { type: "object", properties: { email: text, username: text, ...tokens } },
  csrf_token: { type: "string", description: "Where there is a session." },
  tf_required: { const: false },
};

/** What ends in a sign-in, or in one that waits for something more. */
export const signInAnswers: { readonly done: Json; readonly pending: true } = { done: signedIn, pending: true };
