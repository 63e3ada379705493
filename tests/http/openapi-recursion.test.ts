import { portcullis } from "portcullis";
import { memory } from "portcullis/memory";
import { header, rest } from "portcullis/params";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { ajvOf, faultsOf } from "./openapi-checks.ts";

interface Tree {
  readonly name: string;
  readonly inside: readonly Tree[];
}
const byGetter = z.object({
  name: z.string(),
  get inside() {
    return z.array(byGetter);
  },
});
const byLazy: z.ZodType<Tree> = z.lazy(() => z.object({ name: z.string(), inside: z.array(byLazy) }));
type Nested = string | readonly Nested[] | { readonly [key: string]: Nested };
const nested: z.ZodType<Nested> = z.lazy(() =>
  z.union([z.string(), z.array(nested), z.record(z.string(), nested)]),
) as z.ZodType<Nested>;

/** What references point at, and where they point at nothing. */
function brokenIn(document: unknown): readonly string[] {
  const broken: string[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key === "$ref" && typeof value === "string") {
        let at: unknown = document;
        for (const part of value.slice(2).split("/")) {
          const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
          at = typeof at === "object" && at !== null && Object.hasOwn(at, name) ? (at as never)[name] : undefined;
        }
        if (at === undefined) broken.push(value);
      } else visit(value);
    }
  };
  visit(document);
  return broken;
}

async function documentOf(declare: (app: Awaited<ReturnType<typeof start>>) => void) {
  const app = await start();
  declare(app);
  const document = app.openapi();
  expect(brokenIn(document)).toEqual([]);
  expect(await faultsOf(document)).toBeUndefined();
  return document;
}

async function start() {
  const security = await portcullis({
    secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
    origins: ["http://localhost:3000"],
    datastore: memory(),
    log: () => {},
  });
  onTestFinished(() => security.close());
  return security.app();
}

const handler = (c: { text(text: string): Response }): Response => c.text("");
const tree = { name: "a", inside: [{ name: "b", inside: [] }] };
const wrong = { name: "a", inside: [{ name: 1, inside: [] }] };

/** Whether values fit the body of POST /x. */
function fits(document: Awaited<ReturnType<typeof documentOf>>, value: unknown): boolean {
  const ajv = ajvOf(document);
  const pointer = "/paths/~1x/post/requestBody/content/application~1json/schema";
  return ajv.validate({ $ref: `document#${pointer}` }, value) as boolean;
}

describe("schemas that refer to themselves", () => {
  it.each<[string, z.ZodType]>([
    ["an object", byGetter],
    ["a lazy object", byLazy],
    ["a list", z.array(byGetter)],
    ["a record", z.record(z.string(), byGetter)],
    ["a record of lazy objects", z.record(z.string(), z.array(byLazy))],
    ["a choice", z.union([byGetter, z.string()])],
    ["a choice of itself", nested],
    ["one with a default", byLazy.default({ name: "", inside: [] })],
    ["one that may be missing", byGetter.optional()],
  ])("%s: as a property, as a member of a record of parameters, and as an answer", async (_, schema) => {
    await documentOf((app) => {
      app.post("/x", { authz: "OPEN", params: z.object({ one: schema, two: schema }) }, handler);
      app.get("/y", { authz: "OPEN", params: { one: schema, "two three": schema, two_three: byGetter } }, handler);
      app.post("/z", { authz: "OPEN", params: { others: rest(schema) } }, handler);
      app.get("/h", { authz: "OPEN", params: { head: header("x-head", schema) } }, handler);
      app.get(
        "/answers",
        {
          authz: "OPEN",
          doc: {
            answers: {
              200: { description: "One.", schema },
              201: { description: "Another.", schema: z.object({ other: byLazy, more: nested }) },
            },
          },
        },
        handler,
      );
    });
  });

  it("as the whole of the parameters, and by other names", async () => {
    for (const params of [byGetter, z.looseObject({ tree: byLazy }), z.object({}).catchall(byGetter)]) {
      await documentOf((app) => app.post("/x", { authz: "OPEN", params: params as typeof byGetter }, handler));
    }
    const choice = z.union([z.object({ tree: byLazy }), z.object({ nested })]);
    await documentOf((app) => app.post("/x", { authz: "OPEN", params: choice as never }, handler));
  });

  it("mean what they say", async () => {
    const whole = await documentOf((app) => app.post("/x", { authz: "OPEN", params: byGetter }, handler));
    expect([fits(whole, tree), fits(whole, wrong)]).toEqual([true, false]);
    const record = await documentOf((app) =>
      app.post("/x", { authz: "OPEN", params: { "a b": byGetter, a_b: nested } }, handler),
    );
    expect([fits(record, { "a b": tree, a_b: ["x"] }), fits(record, { "a b": wrong, a_b: "x" })]).toEqual([
      true,
      false,
    ]);
    expect(fits(record, { "a b": tree, a_b: [1] })).toBe(false);
    const others = await documentOf((app) =>
      app.post("/x", { authz: "OPEN", params: { others: rest(byGetter) } }, handler),
    );
    expect([fits(others, { any: tree }), fits(others, { any: wrong })]).toEqual([true, false]);
  });

  it("of one route keep apart from those of another", async () => {
    const document = await documentOf((app) => {
      const doc = { answers: { 200: { description: "One.", schema: nested } } };
      app.post("/x", { authz: "OPEN", params: { answer: nested }, doc }, handler);
      app.post("/x/answer", { authz: "OPEN", params: byGetter }, handler);
    });
    const refers = (text: string): string[] =>
      [...text.matchAll(/schemas\/(postX[^/"]*)/g)].map(([, name = ""]) => name);
    const names = (path: string): ReadonlySet<string> => new Set(refers(JSON.stringify(document.paths[path])));
    expect(names("/x").intersection(names("/x/answer"))).toEqual(new Set());
    expect(names("/x").size).toBe(2);
  });
});
