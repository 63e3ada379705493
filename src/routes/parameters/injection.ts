import type { Context } from "hono";
import { ParameterError, type SecurityRequest } from "../../http/request.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { settled } from "../../model/awaitable.ts";
import { PortcullisError } from "../../model/errors.ts";
import { type GuardedHandler, type Runner, requestOf } from "../run.ts";
import { compileParameters, type ParameterOptions, type RouteParameters } from "./index.ts";
import type { InjectedParameter, SentParameter } from "./special.ts";

type Values = Readonly<Record<string, unknown>>;
/** Makes one value of a request. */
type Maker = (rq: SecurityRequest, made: Map<object, Awaitable<unknown>>) => Awaitable<unknown>;

/**
 * Puts what nobody sends (the user, the session, the application's own special parameters) beside the parameters of a
 * route, after all checks and before its handler. Each is made once a request, in the order in which they are declared;
 * without I/O on the way it is one synchronous call.
 */
export function injecting(
  runner: Runner,
  { injected }: RouteParameters,
  label: string,
  options: ParameterOptions,
  handler: GuardedHandler,
): GuardedHandler {
  if (injected.size === 0) return handler;
  const make = makerOf(injected, label, options);
  const answer = (rq: SecurityRequest, error: unknown): Awaitable<Response> => {
    // A header that a special parameter asks for is wrong, or a limit of ours is reached.
    const known = runner.refusals.error(rq, error);
    if (known === undefined) throw error;
    return known;
  };
  return (c: Context, params: Values) => {
    const rq = requestOf(c);
    if (rq === undefined) throw new PortcullisError("no_request", "this request passed no declared route");
    const run = (values: Values): Awaitable<Response> => handler(c, { ...params, ...values });
    let values: Awaitable<Values>;
    try {
      values = make(rq, new Map());
    } catch (error) {
      return answer(rq, error);
    }
    return values instanceof Promise ? values.then(run, (error: unknown) => answer(rq, error)) : run(values);
  };
}

/** Makes a record of values, one after the other. */
function makerOf(
  wanted: Iterable<readonly [string, SentParameter | InjectedParameter<unknown, "user" | "session" | "value">]>,
  label: string,
  options: ParameterOptions,
): (rq: SecurityRequest, made: Map<object, Awaitable<unknown>>) => Awaitable<Values> {
  const makers = [...wanted].map(([name, one]): readonly [string, Maker] => [name, maker(name, one, label, options)]);
  return (rq, made) => {
    const values: Record<string, unknown> = {};
    const from = (start: number): Awaitable<Values> => {
      for (let index = start; index < makers.length; index += 1) {
        const [name, makeOne] = makers[index] as readonly [string, Maker];
        const value = settled(makeOne(rq, made));
        if (value instanceof Promise) {
          return value.then((found) => {
            values[name] = found;
            return from(index + 1);
          });
        }
        values[name] = value;
      }
      return values;
    };
    return from(0);
  };
}

function maker(
  name: string,
  one: SentParameter | InjectedParameter<unknown, "user" | "session" | "value">,
  label: string,
  options: ParameterOptions,
): Maker {
  if (one.special === "sent") return sentMaker(name, one, label, options);
  const needs = makerOf(Object.entries(one.needs), label, options);
  const plain = Object.keys(one.needs).length === 0;
  const make = one.make as (values: Values, about: { readonly rq: SecurityRequest; readonly name: string }) => unknown;
  return (rq, made) => {
    const known = made.get(one);
    if (known !== undefined || made.has(one)) return known;
    const values = plain ? nothing : needs(rq, made);
    const value =
      values instanceof Promise
        ? values.then((found) => make(found, { rq, name }))
        : settled(make(values, { rq, name }) as Awaitable<unknown>);
    made.set(one, value);
    return value;
  };
}

const nothing: Values = Object.freeze({});

/** A header or cookie that a special parameter asks for. */
function sentMaker(name: string, one: SentParameter, label: string, options: ParameterOptions): Maker {
  const compiled = compileParameters({ [name]: one }, "/", "GET", `${label}: ${name}`, options);
  return (rq) => {
    const unwrap = (result: Awaited<ReturnType<typeof compiled.convert>>): unknown => {
      if (!result.ok) throw new ParameterError(result.faults);
      return result.value[name];
    };
    const result = compiled.convert({ path: {}, query: "", body: undefined, head: rq });
    return result instanceof Promise ? result.then(unwrap) : unwrap(result);
  };
}
