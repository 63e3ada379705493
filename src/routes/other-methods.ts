import { Hono } from "hono";
import type { Router } from "hono/router";
import type { RouterRoute } from "hono/types";

/**
 * Answers for a path that no route answers by this method by which methods routes do (RFC 9110 15.5.6), for `Allow`; nothing where
 * no route stands there, or where one does by this method too and says itself that there is nothing.
 */
export function otherMethods(entries: readonly RouterRoute[]): (method: string, path: string) => readonly string[] {
  // Of the same kind as the application's own, which has its middleware among the routes.
  const router = new Hono().router as unknown as Router<true>;
  for (const { method, path } of entries) router.add(method, path, true);
  const methods = [...new Set(entries.map(({ method }) => method))];
  const answers = (method: string, path: string): boolean => router.match(method, path)[0].length > 0;
  return (method, path) => {
    if (answers(method === "HEAD" ? "GET" : method, path)) return [];
    const found = methods.filter((one) => answers(one, path));
    return found.includes("GET") ? [...found, "HEAD"] : found;
  };
}
