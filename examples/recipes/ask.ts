/** For the tests of the recipes: one request, and its answer read. */
import type { Recipe } from "./recipe.ts";

export const origin = "http://localhost:3000";

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** Asks as a program does that wants JSON, from this machine. */
export async function ask(
  { app }: Pick<Recipe, "app">,
  path: string,
  init: { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string } = {},
): Promise<Answer> {
  const request = new Request(`${origin}${path}`, {
    ...init,
    headers: { accept: "application/json", ...init.headers },
  });
  const response = await app.fetch(request, { incoming: { socket: { remoteAddress: "127.0.0.1" } } });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

/** HTTP Basic (RFC 7617). */
export const basic = (user: string, password: string): { readonly authorization: string } => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});

/** A bearer token (RFC 6750). */
export const bearer = (token: string): { readonly authorization: string } => ({ authorization: `Bearer ${token}` });

/** A form as browsers send it. */
export const form = (
  fields: Readonly<Record<string, string>>,
): { method: string; headers: Record<string, string>; body: string } => ({
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(fields).toString(),
});
