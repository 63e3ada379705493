// What handlers answer through security.answer: JSON by class, streams, text and bytes under the default media type.
import { portcullis, type RouteOptions, toJson } from "portcullis";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { basics, call } from "./system.ts";

class House {
  readonly name: string;
  readonly secret = "hidden-7";
  constructor(name: string) {
    this.name = name;
  }
}
class Castle extends House {}
class Money {
  readonly cents: number;
  constructor(cents: number) {
    this.cents = cents;
  }
  toJSON(): unknown {
    return "from toJSON";
  }
}
class Team implements Iterable<string> {
  *[Symbol.iterator](): Generator<string> {
    yield "a";
  }
}

const lines: string[] = [];
afterEach(() => {
  lines.length = 0;
});

/** A route that answers with this value. */
async function answering(make: () => unknown, routes: RouteOptions = {}) {
  const security = await portcullis({ ...basics(), log: (message) => void lines.push(message), routes });
  onTestFinished(() => security.close());
  const app = security.app();
  app.get("/", { authz: "OPEN" }, (c) => security.answer(c, make()));
  app.get("/201", { authz: "OPEN" }, (c) => {
    c.header("x-own", "1");
    return security.answer(c, make(), 201);
  });
  return app;
}

async function text(make: () => unknown, routes: RouteOptions = {}): Promise<string> {
  const answer = await call(await answering(make, routes), "/");
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  return answer.text;
}

describe("JSON", () => {
  const convert = [
    toJson(House, ({ name }) => `House ${name}`),
    toJson(Money, ({ cents }) => ({ cents, at: new Date(0), exact: BigInt(cents) })),
    toJson(Team, () => ({ team: true })),
    toJson(Map, (map) => Object.fromEntries(map)),
  ];

  it.each<[string, () => unknown, unknown]>([
    [
      "values as JSON.stringify writes them",
      () => ({ a: [1, "x", null, true], b: undefined }),
      { a: [1, "x", null, true] },
    ],
    ["null", () => null, null],
    ["numbers", () => 5, 5],
    ["dates", () => [new Date(0)], ["1970-01-01T00:00:00.000Z"]],
    ["bigints as text, which is how they are read too", () => ({ n: 2n ** 70n }), { n: "1180591620717411303424" }],
    ["a bigint alone", () => 5n, "5"],
    ["an object of a class", () => new House("stark"), "House stark"],
    ["deep inside", () => ({ a: [{ b: new House("stark") }] }), { a: [{ b: "House stark" }] }],
    ["of a class that extends it", () => [new Castle("x")], ["House x"]],
    ["before its own toJSON", () => [new Money(5)], [{ cents: 5, at: "1970-01-01T00:00:00.000Z", exact: "5" }]],
    ["one that could be iterated", () => new Team(), { team: true }],
    ["of a class of the platform", () => ({ m: new Map([["a", new House("b")]]) }), { m: { a: "House b" } }],
    ["a class of its own without a conversion", () => ({ a: new Set([1]) }), { a: {} }],
    ["an object without a prototype", () => Object.create(null), {}],
  ])("%s", async (_what, make, expected) => {
    expect(JSON.parse(await text(make, { json: { convert } }))).toEqual(expected);
  });

  it("with a status and the headers that the handler has set", async () => {
    const answer = await call(await answering(() => ({ a: 1 })), "/201");
    expect([answer.status, answer.headers.get("x-own"), answer.text]).toEqual([201, "1", '{"a":1}']);
    const empty = await call(await answering(() => undefined), "/201");
    expect([empty.status, empty.text, empty.headers.get("content-type")]).toEqual([201, "", null]);
  });

  it("a value that has no JSON is an error, and not half an answer", async () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect((await call(await answering(() => circle), "/")).status).toBe(500);
    const throws = {
      json: {
        convert: [
          toJson(House, () => {
            throw new Error("no");
          }),
        ],
      },
    };
    expect((await call(await answering(() => [new House("x")], throws), "/")).status).toBe(500);
  });
});

describe("generators", () => {
  const stream = (items: () => unknown, json: NonNullable<RouteOptions["json"]> = {}): Promise<string> =>
    text(items, { json });
  const houses = async function* (): AsyncGenerator<House> {
    yield new House("a");
    await Promise.resolve();
    yield new House("b");
  };
  const convert = [toJson(House, ({ name }) => name)];

  it.each([true, false])("become one array, streamed or not: %s", async (streaming) => {
    const json = { stream: streaming, convert };
    expect(await stream(houses, json)).toBe('["a","b"]');
    expect(
      await stream(function* () {
        yield 1;
        yield [2];
        yield undefined;
      }, json),
    ).toBe("[1,[2],null]");
    expect(await stream(function* () {}, json)).toBe("[]");
    expect(await stream(() => new Set([1, 2]), json)).toBe("[1,2]");
  });

  it("are written as they come, no faster than they are read, and let go of when the reader leaves", async () => {
    let made = 0;
    let ended = false;
    const app = await answering(async function* () {
      try {
        for (; ; made += 1) yield made;
      } finally {
        ended = true;
      }
    });
    const response = await app.fetch(new Request("http://localhost:3000/"));
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    expect(decoder.decode((await reader.read()).value)).toBe("[0");
    expect(decoder.decode((await reader.read()).value)).toBe(",1");
    expect(made).toBeLessThan(5);
    await reader.cancel();
    expect(ended).toBe(true);
  });

  it("that fail break the answer off, so that nobody takes it for whole", async () => {
    const app = await answering(function* () {
      yield 1;
      throw new Error("hidden-7");
    });
    const response = await app.fetch(new Request("http://localhost:3000/"));
    await expect(response.text()).rejects.toThrow();
    expect(lines).toContain("an answer broke off while it was written");
    const whole = await answering(
      function* () {
        yield 1;
        throw new Error("hidden-7");
      },
      { json: { stream: false } },
    );
    const answer = await call(whole, "/");
    expect([answer.status, answer.text.includes("hidden-7")]).toEqual([500, false]);
  });
});

describe("text and bytes", () => {
  const typed = async (make: () => unknown, routes: RouteOptions = {}): Promise<[string | null, string]> => {
    const answer = await call(await answering(make, routes), "/");
    return [answer.headers.get("content-type"), answer.text];
  };

  it("have the default media type, else one under which no browser runs them", async () => {
    const bytes = (): Uint8Array => new TextEncoder().encode("<b>");
    expect(await typed(() => "<b>")).toEqual(["text/plain; charset=utf-8", "<b>"]);
    expect(await typed(bytes)).toEqual(["application/octet-stream", "<b>"]);
    const routes = { contentType: "text/csv; charset=utf-8" };
    expect(await typed(() => "a,b", routes)).toEqual([routes.contentType, "a,b"]);
    expect(await typed(bytes, routes)).toEqual([routes.contentType, "<b>"]);
    expect(await typed(() => new Blob(["x"]).stream(), routes)).toEqual([routes.contentType, "x"]);
    expect(await typed(() => ["x"], routes)).toEqual(["application/json", '["x"]']);
  });
});

it("refuses conversions that are none, and two for one class", async () => {
  expect(() => toJson("House" as never, () => 1)).toThrow(/toJson: a class and a function/);
  const twice = [toJson(House, () => 1), toJson(House, () => 2)];
  await expect(portcullis({ ...basics(), routes: { json: { convert: twice } } })).rejects.toThrow(
    /^routes\.json\.convert\[1\]: there is a conversion for House already/,
  );
});
