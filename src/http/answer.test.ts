import { describe, expect, it } from "vitest";
import { envelope, finish, problemResponse, seeOther } from "./answer.ts";
import type { SecurityRequest } from "./request.ts";

function request(facts: { cookies?: readonly string[]; identity?: unknown; protected?: boolean }): SecurityRequest {
  return { cookies: [], identity: undefined, protected: false, ...facts } as unknown as SecurityRequest;
}

describe("problem details", () => {
  it("have the members of RFC 9457 and the twins of account pages", async () => {
    const answer = problemResponse({
      status: 409,
      code: "taken",
      title: "It is taken.",
      detail: "The name pen is taken.",
      members: { name: "pen" },
    });
    expect(answer.status).toBe(409);
    expect(Object.fromEntries(answer.headers)).toEqual({
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    expect(await answer.json()).toEqual({
      type: "about:blank",
      title: "It is taken.",
      status: 409,
      code: "taken",
      detail: "The name pen is taken.",
      name: "pen",
      meta: { code: 409 },
      response: { errors: ["The name pen is taken."], name: "pen" },
    });
  });

  it("say the title where there is no detail", async () => {
    const body = await problemResponse({ status: 403, code: "forbidden", title: "No." }).json();
    expect(body).toMatchObject(envelope(403, { errors: ["No."] }));
    expect(body).not.toHaveProperty("detail");
  });
});

it("goes on elsewhere without a body, and nobody keeps that", () => {
  const answer = seeOther("/x?a=b");
  expect([answer.status, answer.body]).toEqual([303, null]);
  expect(Object.fromEntries(answer.headers)).toEqual({ location: "/x?a=b", "cache-control": "no-store" });
});

describe("finish", () => {
  const answer = (headers: Record<string, string> = {}): Response => new Response("x", { headers });

  it("leaves an answer alone that is nobody's", () => {
    const plain = answer();
    expect(finish(request({}), plain)).toBe(plain);
    expect(plain.headers.has("cache-control")).toBe(false);
  });

  it("keeps somebody's out of caches, unless it says itself who may keep it", () => {
    expect(finish(request({ identity: {} }), answer()).headers.get("cache-control")).toBe("no-store");
    const own = answer({ "cache-control": "private" });
    expect(finish(request({ identity: {} }), own).headers.get("cache-control")).toBe("private");
    // With a cookie it is somebody's, whatever it says.
    const both = finish(request({ identity: {}, cookies: ["a=1"] }), answer({ "cache-control": "public" }));
    expect(both.headers.get("cache-control")).toBe("no-store");
  });

  it("adds every cookie beside those that are there, also where headers can't be changed", async () => {
    const cookies = ["a=1; Path=/", "b=2; Path=/"];
    const own = finish(request({ cookies }), answer({ "set-cookie": "mine=0" }));
    expect(own.headers.getSetCookie()).toEqual(["mine=0", ...cookies]);
    const fetched = await fetch("data:text/plain,fetched");
    const copy = finish(request({ cookies }), fetched);
    expect(copy.headers.getSetCookie()).toEqual(cookies);
    expect([copy.status, await copy.text()]).toEqual([200, "fetched"]);
    const turned = finish(request({ cookies }), Response.redirect("https://acme.example/", 307));
    expect([turned.status, turned.headers.get("location")]).toEqual([307, "https://acme.example/"]);
  });
});
