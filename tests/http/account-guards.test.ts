/** The guards of account endpoints are asked as those of an application's routes. */
import { allow, anyOf, authRequired, customGuard, type Guard } from "portcullis";
import { passwords, sessions } from "portcullis/features";
import { describe, expect, it, onTestFinished } from "vitest";
import { done, jsonEndpoint } from "../../src/features/endpoint.ts";
import { goodPassword, start } from "./authn-system.ts";

async function guarded(authz: Guard) {
  const endpoint = jsonEndpoint({
    name: "own",
    path: "/own",
    method: "GET",
    authz,
    fields: {},
    submit: ({ rq }) => done("/", { response: { via: rq.identity?.via ?? null } }),
  });
  const system = await start({
    features: [passwords(), sessions(), { name: "own", endpoints: () => [endpoint] } as never],
  });
  onTestFinished(() => system.security.close());
  const get = (headers: Record<string, string>, client = system.client()) =>
    client.get("/own", { headers: { accept: "application/json", ...headers } });
  return { system, get };
}
const bad = { "authentication-token": "nonsense" };

describe("an account endpoint", () => {
  it("refuses a bad credential that a part of its guard has found, though another part asks for none", async () => {
    const { get } = await guarded(
      anyOf(
        authRequired("token"),
        customGuard("anybody", () => allow),
      ) as Guard,
    );
    expect((await get({})).status).toBe(200);
    expect((await get(bad)).status).toBe(401);
  });

  it("takes the schemes that its guard names, and the usual ones where a part names none", async () => {
    const { system, get } = await guarded(anyOf(authRequired("session"), authRequired()) as Guard);
    const client = system.client();
    await client.signIn("ann@acme.example", goodPassword);
    const good = await get({}, client);
    expect([good.status, good.json.response.via]).toEqual([200, "session"]);
    // The token is a credential of a scheme that this endpoint takes: bad, it refuses what the session would let in.
    expect((await get(bad, client)).status).toBe(401);
  });
});
