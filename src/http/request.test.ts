import { expect, it } from "vitest";
import { BODY_LIMITS, BodyError } from "./body-limits.ts";
import { noRoute, ParameterError, type RouteFacts, SecurityRequest } from "./request.ts";
import type { System } from "./system.ts";

const system = { bodyLimits: BODY_LIMITS } as unknown as System;

function request(
  init: RequestInit & { readonly path?: string } = {},
  facts: Partial<RouteFacts> = {},
): SecurityRequest {
  const { path = "/x", ...rest } = init;
  return new SecurityRequest(system, new Request(`http://localhost${path}`, rest), { ...noRoute, ...facts });
}

it("knows one cookie of a name, and none where somebody planted a second", () => {
  expect(request({ headers: { cookie: "a=1; b=2" } }).cookie("b")).toBe("2");
  expect(request({ headers: { cookie: "a=1; b=2; a=3" } }).cookie("a")).toBeUndefined();
  expect(request().cookie("a")).toBeUndefined();
});

it("sends the last cookie of a name, and those that are removed as such", () => {
  const rq = request();
  expect(rq.cookies).toEqual([]);
  const attributes = { path: "/", httpOnly: true, secure: true, sameSite: "Lax" } as const;
  rq.setCookie("a", "1", attributes);
  rq.setCookie("b", "1", attributes);
  rq.setCookie("a", "2", attributes);
  rq.clearCookie("b", attributes);
  expect(rq.cookies.map((cookie) => cookie.split("; ").slice(0, 3))).toEqual([
    ["a=2", "Path=/", "HttpOnly"],
    ["b=", "Path=/", "Max-Age=0"],
  ]);
});

it("reads the body once, and not at all of a GET", async () => {
  const rq = request({ method: "POST", body: '{"a":1}', headers: { "content-type": "application/json" } });
  expect(rq.body()).toBe(rq.body());
  expect(await rq.body()).toEqual({ kind: "json", value: { a: 1 } });
  expect(await request({ headers: { "content-type": "text/odd" } }).body()).toEqual({ kind: "none" });
  await expect(
    request({ method: "POST", body: "{", headers: { "content-type": "application/json" } }).body(),
  ).rejects.toThrow(BodyError);
});

it("leaves the body to the handler of a route that declares no parameters", async () => {
  const init = { method: "POST", body: "a=1", headers: { "content-type": "application/x-www-form-urlencoded" } };
  const open = request(init);
  await open.body();
  expect(await open.request.text()).toBe("a=1");
  const declared = request(init, { declaresParams: true });
  await declared.body();
  expect(declared.request.bodyUsed).toBe(true);
});

it("names all faults in its error", () => {
  const faults = [
    { name: "a", code: "missing", message: "is required" },
    { name: "b", code: "invalid", message: "x" },
  ] as const;
  expect(new ParameterError(faults).message).toBe("invalid parameters: a, b");
  expect(new ParameterError(faults).faults).toBe(faults);
});
