/** What is wrong with a route's parameters is said in the caller's language, to pages and programs alike. */
import { type } from "arktype";
import * as v from "valibot";
import { expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { type Overrides, type System, start } from "./authn-system.ts";

const params = z.object({
  count: z.int(),
  price: z.number(),
  open: z.boolean(),
  day: z.date(),
  colour: z.enum(["red", "blue"]),
  name: z.string().min(3, "Der Name ist zu kurz."),
  code: z.string().min(3),
});

async function system(): Promise<System> {
  const made = await start({ languages: { default: "de" } } as Overrides);
  onTestFinished(() => made.security.close());
  made.app.post("/things", { authz: "OPEN", params }, (c) => c.json({}));
  made.app.get("/things", { authz: "OPEN", params }, (c) => c.json({}));
  made.app.post("/valibot", { authz: "OPEN", params: v.object({ n: v.pipe(v.number(), v.minValue(3)) }) }, (c) =>
    c.json({}),
  );
  made.app.post("/arktype", { authz: "OPEN", params: type({ n: "number > 3" }) }, (c) => c.json({}));
  return made;
}

const bad = {
  count: "x",
  price: "y",
  open: "perhaps",
  day: "tomorrow",
  colour: "grey",
  name: "a",
  code: "a",
  more: "1",
};
const german = {
  count: "muss eine ganze Zahl sein",
  price: "muss eine Zahl sein",
  open: "muss „true“ oder „false“ sein",
  day: "muss ein Datum (2026-01-31) oder ein Zeitpunkt mit Zeitzone (2026-01-31T12:00:00Z) sein",
  colour: "muss einer dieser Werte sein: red, blue",
  // The application's own words; a library's are English.
  name: "Der Name ist zu kurz.",
  code: "hat einen Wert, der nicht verwendet werden kann",
  more: "gehört nicht hierher",
};
type Fault = { readonly name: string; readonly code: string; readonly message: string };
const messages = ({ json }: { readonly json: { readonly parameters: readonly Fault[] } }): Record<string, string> =>
  Object.fromEntries(json.parameters.map(({ name, message }) => [name, message]));

it("in JSON", async () => {
  const made = await system();
  const query = `/things?${new URLSearchParams(bad)}`;
  const answer = await made.client().get(query, { headers: { accept: "application/json" } });
  expect([answer.status, messages(answer)]).toEqual([400, german]);
  expect(answer.json.parameters.every((fault: object) => Object.keys(fault).join() === "name,code,message")).toBe(true);
  const missing = await made.client().post("/things", { json: {} });
  expect(new Set(Object.values(messages(missing)))).toEqual(new Set(["fehlt"]));
  const twice = await made.client().get("/things?count=1&count=2", { headers: { accept: "application/json" } });
  expect(messages(twice)["count"]).toBe("ist mehrfach angegeben");
});

it("of what a schema library says, in JSON values too, the kind of fault is said", async () => {
  const made = await system();
  const unusable = "hat einen Wert, der nicht verwendet werden kann";
  const zod = await made.client().post("/things", { json: { ...bad, count: 1.5 } });
  expect(messages(zod)).toMatchObject({ count: unusable, price: unusable, colour: unusable, name: german.name });
  for (const path of ["/valibot", "/arktype"]) {
    for (const n of [1, "x"])
      expect(messages(await made.client().post(path, { json: { n } }))).toEqual({ n: unusable });
  }
});

it("in English for who asks for it, with all that the schema says", async () => {
  const made = await system();
  const headers = { accept: "application/json", "accept-language": "en" };
  const answer = await made.client().get(`/things?${new URLSearchParams(bad)}`, { headers });
  expect(messages(answer)).toMatchObject({
    count: "must be an integer",
    name: "Der Name ist zu kurz.",
    code: expect.stringContaining("Too small"),
    more: "is not expected",
  });
});

it("on pages", async () => {
  const made = await system();
  const { text } = await made.client().get(`/things?${new URLSearchParams(bad)}`, { headers: { accept: "text/html" } });
  expect(text).toContain("count: muss eine ganze Zahl sein");
  expect(text).toContain("name: Der Name ist zu kurz.");
  expect(text).not.toContain("Too small");
});
