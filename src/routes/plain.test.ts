import { type Handler, Hono, type MiddlewareHandler } from "hono";
import { describe, expect, it } from "vitest";
import { noteGuard, type PlainGuard, plainRecords } from "./plain.ts";

/** A guard that lets nobody pass: whoever is answered otherwise was answered before it. */
function guard(words: string, more: Partial<PlainGuard> = {}): MiddlewareHandler {
  const guarding: MiddlewareHandler = async (c, _next) => c.text(words, 403);
  noteGuard(guarding, { guard: words, schemes: ["token", "session"], open: undefined, ...more });
  return guarding;
}

const handler: Handler = (c) => c.text("answered");
const asking: Handler = async (c, _next) => c.text("answered");
const logging: MiddlewareHandler = (_c, next) => next();

const early = "may answer before the guard";
const unguarded = (what: string): object => ({
  guard: `not declared here: ${what}, before the guard`,
  open: early,
  schemes: [],
  declared: false,
});
const guarded = (words: string): object => ({ guard: `${words}, by security.guard()`, open: undefined });

async function lineOf(app: Hono, path: string, method = "GET"): Promise<{ record: object; status: number }> {
  const records = plainRecords(app, new Set()).filter((one) => one.path === path && one.method === method);
  expect(records).toHaveLength(1);
  const { status } = await app.request(path.replace(":id", "7"), { method: method === "ALL" ? "POST" : method });
  return { record: records[0] as object, status };
}

describe("a line of a plain application", () => {
  it.each<[string, (app: Hono) => Hono, object]>([
    ["a handler in the same call", (app) => app.get("/x", handler, guard("signed in")), unguarded("plain handler")],
    [
      "a handler of an earlier call",
      (app) => app.get("/x", handler).get("/x", guard("role employee"), handler),
      unguarded("plain handler"),
    ],
    ["a handler that takes next", (app) => app.get("/x", asking, guard("a")), unguarded("middleware or handler")],
    [
      "a handler for all methods",
      (app) => app.all("/x", handler).get("/x", guard("a"), handler),
      unguarded("plain handler of ALL /x"),
    ],
    [
      "what takes next, for all methods",
      (app) => app.use("/x", asking).get("/x", guard("a"), handler),
      unguarded("middleware or handler of ALL /x"),
    ],
    [
      "a handler of a wider path",
      (app) => app.get("/:name", handler).get("/x", guard("a"), handler),
      unguarded("plain handler of GET /:name"),
    ],
    [
      "a handler of an application with an error handler of its own",
      (app) => app.route("/", new Hono().onError((_e, c) => c.text("", 500)).get("/x", handler, guard("a"))),
      unguarded("plain handler"),
    ],
  ])("is not guarded by a guard behind %s", async (_what, build, expected) => {
    const { record, status } = await lineOf(build(new Hono()), "/x");
    expect(record).toMatchObject(expected);
    expect(record).not.toHaveProperty("realm");
    expect(status).toBe(200);
  });

  it.each<[string, string, string, (app: Hono) => Hono]>([
    ["a handler behind it", "GET", "/x", (app) => app.get("/x", guard("a"), handler).get("/x", handler)],
    ["middleware of a wider path", "GET", "/x", (app) => app.use(logging).get("/x", guard("a"), handler)],
    ["a handler of another method", "GET", "/x", (app) => app.post("/x", handler).get("/x", guard("a"), handler)],
    ["a handler of one method of all", "ALL", "/x", (app) => app.get("/x", handler).use("/x", guard("a"))],
    ["a handler of fewer paths", "GET", "/:id", (app) => app.get("/me", handler).get("/:id", guard("a"), handler)],
    [
      "a handler of a pattern",
      "ALL",
      "/:id",
      (app) => app.all("/:id{[a-z]+}", handler).all("/:id", guard("a"), handler),
    ],
    ["a handler of a wider path behind it", "GET", "/x", (app) => app.get("/x", guard("a"), handler).get("*", handler)],
  ])("is guarded beside %s", async (_what, method, path, build) => {
    const { record, status } = await lineOf(build(new Hono()), path, method);
    expect(record).toMatchObject(guarded("a"));
    expect(status).toBe(403);
  });

  it("is not guarded by a guard for all methods where a wider handler stands before it for one", async () => {
    const app = new Hono().get("*", handler).use("/x", guard("a"));
    expect((await lineOf(app, "/x", "ALL")).record).toMatchObject(unguarded("plain handler of GET /*"));
    expect((await app.request("/x")).status).toBe(200);
  });

  it("knows a path by its pattern, not by the names of its parameters", async () => {
    const app = new Hono().get("/u/:name", asking).get("/u/:id", guard("a"), handler);
    const { record, status } = await lineOf(app, "/u/:id");
    expect(record).toMatchObject(unguarded("middleware or handler of GET /u/:name"));
    expect(status).toBe(200);
  });

  it("names all guards, and the schemes and realms of each", () => {
    const app = new Hono().get(
      "/x",
      guard("signed in by session", { schemes: ["session"] }),
      guard("role clerk", { schemes: ["token", "session"], realm: "office" }),
      guard("role guard", { schemes: ["token"], realm: "yard" }),
      handler,
    );
    expect(plainRecords(app, new Set())).toMatchObject([
      {
        ...guarded("signed in by session and role clerk and role guard"),
        schemes: ["session", "token"],
        realm: "office, yard",
      },
    ]);
  });

  it("is open where all its guards are, with the reasons that were given", () => {
    const lines = (...opens: (string | undefined)[]): unknown =>
      plainRecords(new Hono().on("GET", ["/x"], ...opens.map((open) => guard("a", { open })), handler), new Set())[0]
        ?.open;
    expect(lines("")).toBe("");
    expect(lines("", "the window")).toBe("the window");
    expect(lines("", undefined)).toBeUndefined();
  });

  it.each<[string, Handler]>([
    ["plain handler", handler],
    ["middleware or handler", logging],
  ])("does not name a guard behind its %s beside one before it", (what, between) => {
    const app = new Hono().get("/x", guard("role a"), between, guard("role b", { schemes: ["basic"] }), handler);
    expect(plainRecords(app, new Set())).toMatchObject([
      {
        guard: `role a, by security.guard(); ${what}, before a further guard`,
        schemes: ["token", "session"],
        open: undefined,
      },
    ]);
  });

  it("does not name a guard behind what answers on another line", () => {
    const app = new Hono().get("/x", guard("role a")).all("/x", handler).get("/x", guard("role b"), handler);
    expect(plainRecords(app, new Set())).toMatchObject([
      { guard: "role a, by security.guard(); plain handler of ALL /x, before a further guard", open: undefined },
      { method: "ALL", guard: "not declared here: plain handler" },
    ]);
  });

  it("says of what takes next that it may answer", () => {
    expect(plainRecords(new Hono().use("/files/*", asking), new Set())).toMatchObject([
      { guard: "not declared here: middleware or handler: may answer", open: undefined },
    ]);
  });
});
