import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createCookies } from "./cookies.ts";

function jar(now = { at: Date.UTC(2026, 0, 1) }) {
  const cookies = createCookies(() => now.at);
  const take = (...lines: string[]) =>
    cookies.take(new Headers(lines.map((line): [string, string] => ["set-cookie", line])));
  const at = (url: string) => cookies.header(new URL(url));
  return { take, at, now };
}

describe("createCookies", () => {
  it("sends what was set, the last one of a name", () => {
    const { take, at } = jar();
    expect(at("https://acme.example/")).toBeUndefined();
    take("a=1; Path=/; HttpOnly", "b=x=y; Path=/", "a=2; Path=/");
    expect(at("https://acme.example/")).toBe("a=2; b=x=y");
  });

  it("sends secure ones only where it is safe", () => {
    const { take, at } = jar();
    take("__Host-session=1; Path=/; Secure", "plain=2");
    expect(at("https://acme.example/")).toBe("__Host-session=1; plain=2");
    expect(at("http://acme.example/")).toBe("plain=2");
    expect(at("http://localhost:3000/")).toBe("__Host-session=1; plain=2");
    expect(at("http://127.0.0.1/")).toBe("__Host-session=1; plain=2");
  });

  it("forgets what is removed or over, by Max-Age before Expires", () => {
    const { take, at, now } = jar();
    take(
      "a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
      "b=2; Expires=Thu, 01 Jan 2026 00:00:30 GMT",
      "c=3",
      "d=4",
    );
    take("c=; Max-Age=0", "d=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "no name");
    expect(at("https://acme.example/")).toBe("a=1; b=2");
    now.at += 40_000;
    expect(at("https://acme.example/")).toBe("a=1");
    now.at += 40_000;
    expect(at("https://acme.example/")).toBeUndefined();
  });
});

it("the client imports nothing but its own files, so that browsers can load it", () => {
  const folder = new URL(".", import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith(".ts") && !name.includes(".test"));
  const imports = files.flatMap((name) =>
    [...readFileSync(new URL(name, folder), "utf8").matchAll(/ from "([^"]+)"|import\("([^"]+)"\)/g)].map(
      ([, from, lazy]) => from ?? lazy,
    ),
  );
  expect(imports.length).toBeGreaterThan(3);
  expect(imports.filter((specifier) => !files.includes(specifier?.replace(/^\.\//, "") ?? ""))).toEqual([]);
});
