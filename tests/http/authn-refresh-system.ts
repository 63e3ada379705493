// A system that gives refresh tokens, and what a client does with them.
import { passwords, type RefreshOptions, refresh, registration } from "portcullis/features";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { expect } from "vitest";
import { cookiesSet, goodPassword, type Overrides, type System, start } from "./authn-system.ts";

export const ann = "ann@acme.example";
export const bob = "bob@acme.example";
export const cookie = "__Host-refresh";
export const accept = { accept: "application/json" };

export const open = (options: RefreshOptions = {}, overrides: Overrides = {}): Promise<System> =>
  start({ features: [passwords(), registration(), refresh({ carrier: "body", ...options })], ...overrides });

export interface Pair {
  readonly auth: string;
  readonly refresh: string;
}

export const pairOf = (answer: ClientAnswer): Pair => {
  const { user } = answer.json.response;
  return { auth: user.authentication_token as string, refresh: user.refresh_token as string };
};
export const signIn = async (client: TestClient, email: string = ann): Promise<Pair> => {
  const password = email === bob ? "staple battery" : goodPassword;
  const answer = await client.post("/login?include_auth_token", { json: { email, password } });
  expect(answer.status).toBe(200);
  return pairOf(answer);
};
export const renew = (system: System, token: unknown): Promise<ClientAnswer> =>
  system.client().post("/refresh-token", { json: { refresh_token: token } });
export const renewed = async (system: System, token: string): Promise<Pair> => {
  const answer = await renew(system, token);
  expect([answer.status, answer.text]).toEqual([200, answer.text]);
  return pairOf(answer);
};
export const works = async (system: System, { auth }: Pair): Promise<boolean> =>
  (await system.client().get("/me", { headers: { ...accept, "authentication-token": auth } })).status === 200;
const refusal = {
  meta: { code: 400 },
  response: {
    errors: ["This refresh token cannot be used. Sign in again."],
    field_errors: { refresh_token: ["This refresh token cannot be used. Sign in again."] },
  },
};
export const expectRefused = async (system: System, token: string): Promise<void> => {
  const answer = await renew(system, token);
  expect([answer.status, answer.json, cookiesSet(answer)]).toEqual([400, refusal, []]);
};
export const named = (system: System, name: string): readonly Record<string, unknown>[] =>
  system.events.filter((entry) => entry.name === name).map(({ event }) => event);
