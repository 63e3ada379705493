import type { SecurityRequest } from "../http/request.ts";

/**
 * Hands the browser another session, or none. What waits to be shown was said to the one before, and goes with it: else a
 * sign-out's message would stand on a page of whoever signs in next.
 */
export function handSession(rq: SecurityRequest, id: string | undefined): void {
  const { cookies } = rq.system;
  if (id === undefined) rq.clearCookie(cookies.name("session"), cookies.attributes());
  else rq.setCookie(cookies.name("session"), id, cookies.attributes());
  if (rq.cookie(cookies.name("flash")) !== undefined) rq.clearCookie(cookies.name("flash"), cookies.attributes());
}
