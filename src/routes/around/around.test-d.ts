import { expectTypeOf, test } from "vitest";
import { memory } from "../../datastore/memory/index.ts";
import { type Problem, portcullis, type SecurityRequest, toJson } from "../../index.ts";

class House {
  readonly name: string = "";
}

const base = { secretKeys: [], origins: [], datastore: memory() };

test("the options around a route", async () => {
  const security = await portcullis({
    ...base,
    mode: "dev",
    secure: "redirect",
    cors: { origins: ["https://app.example"], credentials: true },
    routes: {
      onError: (problem, rq) => {
        expectTypeOf(problem).toEqualTypeOf<Problem>();
        expectTypeOf(rq).toEqualTypeOf<SecurityRequest>();
        return undefined;
      },
      beforeRequest: [(rq) => void rq.path, async () => new Response()],
      beforeExec: (rq) => void rq.identity?.account.email,
      afterRequest: (response) => void response.status,
      headers: { "x-a": "b", "x-b": (response) => String(response.status) },
      json: { convert: [toJson(House, (house) => house.name)], stream: false },
      pathRule: (method, path) => (path.includes("_") ? `${method}: no underscores` : undefined),
    },
  });
  security.app().get("/", { authz: "OPEN" }, (c) => security.answer(c, new House()));
  void portcullis({ ...base, routes: { onError: "json:error" } });
});

test("what is not there does not compile", () => {
  // @ts-expect-error no such format
  void portcullis({ ...base, routes: { onError: "xml" } });
  // @ts-expect-error no such option
  void portcullis({ ...base, routes: { onEror: "plain" } });
  // @ts-expect-error no such mode
  void portcullis({ ...base, mode: "test" });
  // @ts-expect-error refuse, redirect or false
  void portcullis({ ...base, secure: true });
  // @ts-expect-error a list, written out
  void portcullis({ ...base, cors: { origins: "*" } });
  // @ts-expect-error no such option
  void portcullis({ ...base, cors: { origin: ["https://app.example"] } });
  // @ts-expect-error a hook answers with a response or not at all
  void portcullis({ ...base, routes: { beforeExec: () => true } });
  // @ts-expect-error a hook answers with a response or not at all
  void portcullis({ ...base, routes: { afterRequest: async () => "text" } });
  // @ts-expect-error a header is a text
  void portcullis({ ...base, routes: { headers: { "x-a": 1 } } });
  // @ts-expect-error a rule says what is wrong in words
  void portcullis({ ...base, routes: { pathRule: () => false } });
  // @ts-expect-error conversions are made by toJson
  void portcullis({ ...base, routes: { json: { convert: [House] } } });
  // @ts-expect-error a house has no floor
  toJson(House, (house) => house.floor);
});
