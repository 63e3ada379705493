import { describe, expect, it } from "vitest";
import type { Guard } from "../../authz/guard.ts";
import { customGuard } from "../../authz/guard.ts";
import {
  anonymousRequired,
  authRequired,
  fresh,
  httpAuthRequired,
  signedIn,
  unauthCsrf,
} from "../../authz/guards/authentication.ts";
import { checkpoint, loginCheck, permissionCheck } from "../../authz/guards/checkpoint.ts";
import { allOf, anyOf } from "../../authz/guards/combined.ts";
import { includeCsrf } from "../../authz/guards/csrf.ts";
import { apiKeyCheckpoint, bearerCheckpoint } from "../../authz/guards/key-checkpoint.ts";
import { object } from "../../authz/guards/object.ts";
import { nobody, open } from "../../authz/guards/open.ts";
import { passFunctionCheck } from "../../authz/guards/pass-function.ts";
import { permissionsRequired, rolesAccepted, rolesRequired } from "../../authz/guards/roles.ts";
import { scope } from "../../authz/guards/scope.ts";
import { allow } from "../../authz/verdict.ts";
import { accessOf } from "./security.ts";

const own = customGuard("on weekdays", () => allow);

function of(guard: Guard, schemes: readonly string[] = ["token", "session"]) {
  const { alternatives, refusals, unknown, closed } = accessOf(guard.describe().rule ?? { kind: "custom" }, schemes);
  return { alternatives, refusals: [...refusals], unknown, closed };
}

describe("accessOf", () => {
  it.each<[string, Guard, readonly (readonly string[])[], readonly string[]]>([
    ["open", open("why"), [[]], []],
    ["anybody not signed in", anonymousRequired(), [[]], ["anonymous"]],
    ["a CSRF token", unauthCsrf(), [[]], ["csrf"]],
    ["a CSRF token of everybody", includeCsrf(), [[]], ["csrf"]],
    [
      "a key in a header or the query",
      apiKeyCheckpoint({ keys: ["0123456789abcdef"], header: "X-Key", allowInQuery: "key" }),
      [["apiKeyCheckpoint_X-Key"], ["apiKeyCheckpoint_query_key"]],
      [],
    ],
    [
      "a bearer key beside a role",
      allOf(rolesRequired("admin"), bearerCheckpoint({ keys: ["0123456789abcdef"] })),
      [
        ["token", "bearerCheckpoint"],
        ["session", "bearerCheckpoint"],
      ],
      ["unauthenticated", "forbidden"],
    ],
    ["signed in", signedIn, [["token"], ["session"]], ["unauthenticated"]],
    ["fresh", fresh(), [["token"], ["session"]], ["unauthenticated", "stale"]],
    ["basic", httpAuthRequired("Acme"), [["basic"]], ["unauthenticated"]],
    ["a role", rolesRequired("admin"), [["token"], ["session"]], ["unauthenticated", "forbidden"]],
    ["a permission", permissionsRequired("read"), [["token"], ["session"]], ["unauthenticated", "forbidden"]],
    ["a scope", scope("read"), [["token"], ["session"]], ["unauthenticated", "forbidden"]],
    ["an object", object("store", "sid"), [["token"], ["session"]], ["unauthenticated", "forbidden", "notFound"]],
    // The part that names schemes is asked first, and whoever it finds is who the other one asks.
    [
      "a role by basic",
      allOf(rolesRequired("admin"), httpAuthRequired()),
      [["basic"]],
      ["unauthenticated", "forbidden"],
    ],
    [
      "two schemes at once",
      allOf(authRequired("basic"), authRequired("session")),
      [["basic", "session"]],
      ["unauthenticated"],
    ],
    // Who has a token passes both.
    [
      "one scheme that both take",
      allOf(authRequired("session", "token"), authRequired("token")),
      [["token"]],
      ["unauthenticated"],
    ],
    [
      "basic, or a role by the route's own",
      anyOf(httpAuthRequired(), rolesAccepted("a", "b")),
      [["basic"], ["token"], ["session"]],
      ["unauthenticated", "forbidden"],
    ],
    ["an alternative for everybody", anyOf(rolesRequired("admin"), open("why")), [[]], []],
  ])("%s", (_, guard, alternatives, refusals) => {
    expect(of(guard)).toEqual({ alternatives, refusals, unknown: false, closed: false });
  });

  it("knows that nobody passes", () => {
    expect(of(nobody).closed).toBe(true);
    expect(of(allOf(signedIn, nobody)).closed).toBe(true);
    expect(of(anyOf(signedIn, nobody)).closed).toBe(false);
    expect(of(signedIn, ["none"]).closed).toBe(true);
  });

  it("knows that no credential gives what a session holds or a function says", () => {
    expect(of(checkpoint("plan", "team"))).toMatchObject({ unknown: true, refusals: ["forbidden", "csrf"] });
    expect(of(loginCheck("in", true, { fail: { status: 401 } }))).toMatchObject({ refusals: ["csrf"] });
    expect(of(permissionCheck("may", "read"))).toMatchObject({ unknown: true, alternatives: [[]] });
    expect(of(passFunctionCheck(() => true))).toMatchObject({ unknown: true, refusals: ["forbidden"] });
  });

  it("knows that it does not know what the application's own guard says", () => {
    expect(of(own)).toMatchObject({ alternatives: [[]], unknown: true, closed: false });
    expect(of(allOf(signedIn, own))).toMatchObject({ alternatives: [["token"], ["session"]], unknown: true });
    expect(of({ check: () => allow, describe: () => ({ text: "x", authenticated: false }) })).toMatchObject({
      unknown: true,
    });
    expect(of(own).refusals).toEqual(expect.arrayContaining(["unauthenticated", "forbidden", "notFound", "stale"]));
  });
});
