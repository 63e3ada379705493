import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { keepPrivate, type Outgoing } from "./private-head.ts";

/** The answer's `Cache-Control` lines as they come over the wire, and its body. */
async function answered(handler: (response: ServerResponse) => void): Promise<{ control: string[]; body: string }> {
  const server = createServer((_request, response) => handler(response));
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" }, resolve);
    asked.on("error", reject).end();
  });
  let body = "";
  for await (const chunk of message) body += String(chunk);
  const { rawHeaders } = message;
  const control = rawHeaders.filter((_value, index) => rawHeaders[index - 1]?.toLowerCase() === "cache-control");
  return { control, body };
}

const kept = (response: ServerResponse): ServerResponse => {
  keepPrivate(response as unknown as Outgoing);
  return response;
};

it.each<[string, string[], (response: ServerResponse) => void]>([
  ["no headers at all", ["no-store"], (response) => kept(response).end("x")],
  ["a status alone", ["no-store"], (response) => kept(response).writeHead(201).end("x")],
  ["headers in one object", ["no-store"], (response) => kept(response).writeHead(200, { "x-a": "1" }).end("x")],
  ["a text for the status", ["no-store"], (response) => kept(response).writeHead(200, "Fine", { "x-a": "1" }).end("x")],
  ["a list of headers", ["no-store"], (response) => kept(response).writeHead(200, ["x-a", "1"]).end("x")],
  ["a header set beside", ["no-store"], (response) => kept(response.setHeader("x-a", "1")).writeHead(200).end("x")],
  [
    "the answer's own word, in any case",
    ["private, max-age=5"],
    (response) => kept(response).writeHead(200, { "Cache-CONTROL": "private, max-age=5" }).end("x"),
  ],
  [
    "the answer's own word in a list",
    ["private"],
    (response) => kept(response).writeHead(200, ["cache-control", "private"]).end("x"),
  ],
  [
    "the handler's own word on the message",
    ["private"],
    (response) => kept(response).setHeader("cache-control", "private").writeHead(200, { "x-a": "1" }).end("x"),
  ],
  [
    "what stood there before the guard",
    ["no-store"],
    (response) => kept(response.setHeader("cache-control", "public")).writeHead(200, { "x-a": "1" }).end("x"),
  ],
  ["twice", ["no-store"], (response) => kept(kept(response)).writeHead(200, { "x-a": "1" }).end("x")],
])("keeps an answer private: %s", async (_name, control, handler) => {
  expect(await answered(handler)).toEqual({ control, body: "x" });
});

it("leaves a writeHead that somebody else has taken over in its place", async () => {
  const seen: number[] = [];
  const { control } = await answered((response) => {
    const original = response.writeHead;
    response.writeHead = function watched(this: ServerResponse, ...args: Parameters<typeof original>) {
      seen.push(args[0]);
      return original.apply(this, args);
    } as typeof original;
    kept(response).writeHead(202, { "x-a": "1" }).end("x");
  });
  expect(control).toEqual(["no-store"]);
  expect(seen).toEqual([202]);
});
