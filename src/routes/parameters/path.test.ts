import { expect, test } from "vitest";
import { pathParameters } from "./path.ts";

test.each([
  ["/", []],
  ["/store", []],
  ["/store/:sid", ["sid"]],
  ["/store/:sid/product/:pid", ["sid", "pid"]],
  ["/post/:date{[0-9]{8}}/:title{[a-z/:]+}", ["date", "title"]],
  ["/posts/:page?", ["page?"]],
  ["/posts/:page{[0-9]+}?", ["page?"]],
  ["/files/*", []],
  ["/a:b/:c", ["c"]],
])("%s has %j", (path, names) => {
  expect(pathParameters(path, "GET x").map((one) => one.name + (one.optional ? "?" : ""))).toEqual(names);
});

test.each([
  ["/:a/:a", "twice"],
  ["/:", "no name"],
  ["/:a{[0-9]", "no end"],
])("%s is refused", (path, message) => {
  expect(() => pathParameters(path, "GET x")).toThrow(message);
});
