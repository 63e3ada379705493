import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ConfigurationError } from "../model/errors.ts";
import { DeliveryError } from "./mail.ts";
import { type TwilioOptions, twilio } from "./twilio.ts";

const requests: { readonly request: IncomingMessage; readonly body: string }[] = [];
let answer: { readonly status: number; readonly body: string; readonly headers?: Record<string, string> };
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  requests.push({ request, body });
  response.writeHead(answer.status, { "content-type": "application/json", ...answer.headers }).end(answer.body);
});
let baseUrl: string;

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests.length = 0;
  answer = { status: 201, body: '{"sid":"SM1"}' };
});

const account = { accountSid: "AC0", authToken: "the-secret-token", from: "+15005550006" };
const message = { to: "+4915123456789", text: "Your code is 123456 & more" };

async function failure(options: Partial<TwilioOptions> = {}): Promise<DeliveryError> {
  const error: unknown = await twilio({ ...account, baseUrl, ...options })
    .send(message)
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DeliveryError);
  return error as DeliveryError;
}

describe("twilio", () => {
  test("posts the message to the account's messages", async () => {
    await twilio({ ...account, baseUrl }).send(message);
    expect(requests).toHaveLength(1);
    const [{ request, body } = expect.fail()] = requests;
    expect(`${request.method} ${request.url}`).toBe("POST /2010-04-01/Accounts/AC0/Messages.json");
    expect(request.headers.authorization).toBe(`Basic ${btoa("AC0:the-secret-token")}`);
    expect(request.headers["content-type"]).toMatch(/^application\/x-www-form-urlencoded/);
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      To: "+4915123456789",
      From: "+15005550006",
      Body: "Your code is 123456 & more",
    });
  });

  test("a messaging service takes the place of the number", async () => {
    const { from: _, ...rest } = account;
    await twilio({ ...rest, messagingServiceSid: "MG1", baseUrl }).send(message);
    expect(new URLSearchParams(requests[0]?.body).get("MessagingServiceSid")).toBe("MG1");
    expect(new URLSearchParams(requests[0]?.body).has("From")).toBe(false);
  });

  test.each([
    [400, true],
    [404, true],
    [401, false],
    [429, false],
    [500, false],
    [503, false],
  ])("%i: permanent %s, and neither number nor secret is repeated", async (status, permanent) => {
    answer = { status, body: '{"code":21211,"message":"Invalid \'To\' +4915123456789 the-secret-token 123456"}' };
    const error = await failure();
    expect(error.permanent).toBe(permanent);
    expect(error.message).toBe(`the provider of text messages answered ${status}, error 21211`);
  });

  test("an answer that is no JSON is no trouble", async () => {
    answer = { status: 502, body: "<html>" };
    expect((await failure()).message).toBe("the provider of text messages answered 502");
  });

  test("a redirect is not followed", async () => {
    answer = { status: 307, body: "", headers: { location: `${baseUrl}/elsewhere` } };
    expect((await failure()).permanent).toBe(false);
    expect(requests).toHaveLength(1);
  });

  test("nobody listens", async () => {
    expect((await failure({ baseUrl: "http://127.0.0.1:1" })).permanent).toBe(false);
  });

  test.each([
    [{ accountSid: "../x" }, "twilio.accountSid"],
    [{ authToken: "" }, "twilio.authToken"],
    [{ from: undefined }, "twilio.from"],
    [{ messagingServiceSid: "MG1" }, "twilio.from"],
    [{ from: "a\r\nb" }, "twilio.from"],
    [{ baseUrl: "http://api.example" }, "twilio.baseUrl"],
    [{ baseUrl: "x" }, "twilio.baseUrl"],
    [{ timeout: 0 }, "twilio.timeout"],
    [{ token: "x" }, "twilio.token"],
  ])("%j is refused at %s", (options, path) => {
    const make = (): unknown => twilio({ ...account, ...options } as TwilioOptions);
    expect(make).toThrow(expect.objectContaining({ path }));
    expect(make).toThrow(ConfigurationError);
  });
});
