import type { Context } from "hono";
import type { Refusals } from "../../authz/refusal.ts";
import { finish, languageHeaders, type Problem, problemResponse } from "../../http/answer.ts";
import { noRoute, SecurityRequest } from "../../http/request.ts";
import type { System } from "../../http/system.ts";
import { type Awaitable, settled } from "../../model/awaitable.ts";
import { PortcullisError } from "../../model/errors.ts";
import type { Runner } from "../run.ts";
import { internalRequest, requestOf } from "../run.ts";
import type { ErrorFormat, ErrorRenderer } from "./options.ts";

/** Writes errors in a format of the option `routes.onError`; undefined: as problem details. */
export function errorRenderer(format: ErrorFormat | undefined): ErrorRenderer | undefined {
  if (format === undefined || format === "problem") return undefined;
  if (typeof format === "function") {
    return (problem, rq) => {
      const own = settled(format(problem, rq));
      return own instanceof Promise ? own.then(onlyResponse) : onlyResponse(own);
    };
  }
  if (format === "plain") return (problem, rq) => written(problem, rq, "text/plain; charset=utf-8", inWords(problem));
  const key = format === "json" ? undefined : format.slice("json:".length);
  return (problem, rq) => {
    const text = inWords(problem);
    return written(problem, rq, "application/json", JSON.stringify(key === undefined ? text : { [key]: text }));
  };
}

/** A function that answers something else than it may must not pass for one that has nothing to say. */
function onlyResponse(own: unknown): Response | undefined {
  if (own === undefined || isResponse(own)) return own;
  throw new PortcullisError("invalid_hook", "routes.onError answered with something else than a response");
}

/** True for responses, the host's own light ones too. */
export function isResponse(answer: unknown): answer is Response {
  if (answer instanceof Response) return true;
  if (typeof answer !== "object" || answer === null) return false;
  return "status" in answer && "headers" in answer && "arrayBuffer" in answer;
}

function written({ status }: Problem, rq: SecurityRequest, type: string, body: string): Response {
  return new Response(body, {
    status,
    headers: {
      "content-type": type,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...languageHeaders(rq),
    },
  });
}

/** The problem in one text: what is wrong with parameters stands in it by name. */
function inWords({ title, detail, members }: Problem): string {
  const faults = members?.["parameters"];
  const listed = Array.isArray(faults)
    ? faults.map(({ name, message }: { name: string; message: string }) => `${name}: ${message}`).join("; ")
    : "";
  return [title, detail ?? "", listed].filter((part) => part !== "").join(" ");
}

/** What an error handler needs. */
export interface ErrorContext extends Runner {
  readonly refusals: Refusals;
  readonly system: System;
  readonly internalStatus: number;
}

/** As Hono knows it: an error that says its status, and that may bring its answer along. */
interface StatusError extends Error {
  readonly status: number;
  readonly res?: Response;
}

function isStatusError(error: unknown): error is StatusError {
  if (!(error instanceof Error) || !("status" in error) || !("getResponse" in error)) return false;
  return Number.isInteger(error.status) && (error.status as number) >= 400 && (error.status as number) <= 599;
}

/**
 * Makes the error handler of an application: what was thrown is logged and answered in the format of all errors. An
 * HTTPException's status and message are the application's words to its callers; of everything else nobody learns more than
 * that it happened.
 */
export function errorHandler(context: ErrorContext): (error: unknown, c: Context) => Promise<Response> {
  return async (error, c) => {
    const rq = internalRequest(error) ?? requestOf(c) ?? new SecurityRequest(context.system, c.req.raw, noRoute, c);
    return finish(rq, await answerTo(context, rq, error));
  };
}

/** The answer to an error of the application's, or on the way to it; problem details where it cannot be written otherwise. */
export async function answerTo(context: ErrorContext, rq: SecurityRequest, error: unknown): Promise<Response> {
  try {
    return await writtenAnswer(context, rq, error);
  } catch (second) {
    context.system.log("an error could not be written", { route: rq.route.label, error: String(second) });
    const problem = { status: context.internalStatus, code: "internal_failure", title: rq.text("SERVER_FAILED") };
    return problemResponse(problem, languageHeaders(rq));
  }
}

function writtenAnswer(context: ErrorContext, rq: SecurityRequest, error: unknown): Awaitable<Response> {
  const { refusals, system } = context;
  const known = refusals.error(rq, error);
  if (known !== undefined) return known;
  if (isStatusError(error)) {
    if (error.res !== undefined) return new Response(error.res.body, error.res);
    rq.refused = `the application answered ${error.status}`;
    return refusals.said(rq, error.status, "application_error", error.message || rq.text("SERVER_FAILED"));
  }
  const internal = internalRequest(error) !== undefined;
  rq.refused = internal ? "failed on the way to the handler" : "the handler failed";
  system.log(internal ? "a request failed on its way to the handler" : "a handler failed", {
    route: rq.route.label,
    error: error instanceof Error ? (error.stack ?? String(error)) : String(error),
  });
  const [status, code] = internal ? [context.internalStatus, "internal_failure"] : [500, "application_error"];
  return refusals.message(rq, status as number, code as string, "SERVER_FAILED");
}
