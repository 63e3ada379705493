import { expect, it } from "vitest";
import { pathTemplates } from "./paths.ts";

it.each([
  ["/", ["/"], []],
  ["/store/:sid", ["/store/{sid}"], [["sid", undefined]]],
  [
    "/store/:sid/product/:pid",
    ["/store/{sid}/product/{pid}"],
    [
      ["sid", undefined],
      ["pid", undefined],
    ],
  ],
  ["/page/:number?", ["/page", "/page/{number}"], [["number", undefined]]],
  ["/:id{[0-9]+}", ["/{id}"], [["id", "[0-9]+"]]],
  ["/:day{[0-9]{4}/[0-9]{2}}/x", ["/{day}/x"], [["day", "[0-9]{4}/[0-9]{2}"]]],
  ["/files/*", ["/files/{wildcard}"], [["wildcard", undefined]]],
  [
    "/*/of/*",
    ["/{wildcard}/of/{wildcard2}"],
    [
      ["wildcard", undefined],
      ["wildcard2", undefined],
    ],
  ],
  ["/a/", ["/a/"], []],
] as const)("%s", (path, templates, parameters) => {
  const made = pathTemplates(path);
  expect(made.map(({ template }) => template)).toEqual(templates);
  expect(made.at(-1)?.parameters.map(({ name, pattern }) => [name, pattern])).toEqual(parameters);
});

it("takes two paths for the same whose parameters are called differently", () => {
  expect(pathTemplates("/a/:b/c")[0]?.pattern).toBe(pathTemplates("/a/:x/c")[0]?.pattern);
  expect(pathTemplates("/a/:b/c")[0]?.pattern).not.toBe(pathTemplates("/a/:b/:c")[0]?.pattern);
});
