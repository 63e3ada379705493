import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ConfigurationError } from "../../model/errors.ts";
import { createPasswordPolicy, type PasswordPolicyOptions } from "../policy.ts";

const password = "kumquat tree é";
const digest = createHash("sha1").update(password.normalize("NFC")).digest("hex").toUpperCase();
const other = `${"0".repeat(35)}:7`;
const servers: Server[] = [];
const requests: IncomingMessage[] = [];
const logs: unknown[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  requests.length = 0;
  logs.length = 0;
});

async function listUrl(listener: RequestListener): Promise<string> {
  const server = createServer((request, response) => {
    requests.push(request);
    listener(request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/range/`;
}

const lines =
  (...text: string[]): RequestListener =>
  (_request, response) =>
    response.end(text.join("\r\n"));

async function faults(breached: NonNullable<PasswordPolicyOptions["breached"]>, typed = password): Promise<string[]> {
  const policy = createPasswordPolicy(
    { breached, allowCommonPasswords: true },
    { log: (message, details) => logs.push([message, details]) },
  );
  return (await policy.check(typed, { identities: [] })).map(({ key }) => key);
}

describe("the list of stolen passwords", () => {
  test.each<[string, string[], number, string[]]>([
    ["a password that is on it", [other, `${digest.slice(5)}:2`], 1, ["PASSWORD_BREACHED"]],
    ["one that is on it often enough", [`${digest.slice(5).toLowerCase()}:2`, ""], 2, ["PASSWORD_BREACHED"]],
    ["one that is on it less often", [`${digest.slice(5)}:2`], 3, []],
    ["padding", [`${digest.slice(5)}:0`], 1, []],
    ["one that is not on it", [other], 1, []],
    ["an empty list", [], 1, []],
  ])("%s", async (_name, text, minimumCount, expected) => {
    const url = await listUrl(lines(...text));
    expect(await faults({ url, minimumCount, whenUnreachable: "refuse" })).toEqual(expected);
  });

  test("is told five digits of the hash and nothing else, for whichever form was typed", async () => {
    const url = await listUrl(lines(other));
    await faults({ url });
    await faults({ url }, password.normalize("NFD"));
    expect(requests.map(({ url: path }) => path)).toEqual(Array(2).fill(`/range/${digest.slice(0, 5)}`));
    const told = JSON.stringify(requests.map(({ rawHeaders, url: path }) => [rawHeaders, path]));
    expect(told).not.toContain(digest.slice(5));
    expect(told).not.toContain("kumquat");
    expect(requests[0]?.headers["add-padding"]).toBe("true");
    expect(requests[0]?.method).toBe("GET");
  });

  test("is not asked about what the other checks refuse", async () => {
    const url = await listUrl(lines(other));
    expect(await faults({ url }, "short")).toEqual(["PASSWORD_INVALID_LENGTH"]);
    expect(requests).toHaveLength(0);
  });
});

describe("a list that does not answer", () => {
  const broken: [string, RequestListener][] = [
    ["is slow", () => undefined],
    [
      "stops in the middle",
      (_request, response) => {
        response.write(`${other}\r\n`);
      },
    ],
    ["breaks off", (request) => request.socket.destroy()],
    ["has an error", (_request, response) => response.writeHead(500).end(other)],
    ["answers with a page", lines("<html>")],
    ["answers without end", (_request, response) => response.end(`${other}\n`.repeat(40_000))],
    ["sends elsewhere", (_request, response) => response.writeHead(302, { location: "/range/" }).end()],
  ];
  test.each(broken)("that %s", async (_name, listener) => {
    const url = await listUrl(listener);
    const timeLimit = "0.3s";
    expect(await faults({ url, timeLimit })).toEqual([]);
    expect(await faults({ url, timeLimit }, "Sunshine1")).toEqual(["PASSWORD_BREACHED"]);
    expect(await faults({ url, timeLimit, whenUnreachable: "refuse" })).toEqual(["PASSWORD_BREACHED_SITE_ERROR"]);
    expect(logs).toHaveLength(3);
    expect(JSON.stringify(logs)).not.toMatch(new RegExp(`kumquat|${digest.slice(0, 5)}`, "i"));
  });

  test("nobody listens", async () => {
    const url = await listUrl(lines());
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
    expect(await faults({ url, whenUnreachable: "refuse" })).toEqual(["PASSWORD_BREACHED_SITE_ERROR"]);
    expect(await faults({ url })).toEqual([]);
  });
});

test.each<[unknown, string]>([
  [{ url: "http://list.example/range/" }, "passwords.policy.breached.url"],
  [{ url: "https://list.example/range" }, "passwords.policy.breached.url"],
  [{ url: "https://list.example/?q=" }, "passwords.policy.breached.url"],
  [{ url: "range" }, "passwords.policy.breached.url"],
  [{ minimumCount: 0 }, "passwords.policy.breached.minimumCount"],
  [{ timeLimit: "soon" }, "passwords.policy.breached.timeLimit"],
  [{ whenUnreachable: "accept" }, "passwords.policy.breached.whenUnreachable"],
  [{ count: 1 }, "passwords.policy.breached.count"],
  ["strict", "passwords.policy.breached"],
])("the options %j are refused", (breached, path) => {
  const attempt = () => createPasswordPolicy({ breached: breached as never });
  expect(attempt).toThrow(ConfigurationError);
  expect(attempt).toThrow(expect.objectContaining({ path }));
});
