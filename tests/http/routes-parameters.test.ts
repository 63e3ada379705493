import { connect } from "node:net";
import { hc } from "hono/client";
import { object } from "portcullis";
import { type RunningServer, serve } from "portcullis/node";
import { testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { openShop, type Shop, type SignedIn } from "./routes-shop.ts";

const product = z.object({
  name: z.string(),
  price: z.number().optional(),
  count: z.int().optional(),
  sold: z.boolean().optional(),
  until: z.date().optional(),
  size: z.enum(["S", "M"]).optional(),
  tags: z.array(z.string()).optional(),
  numbers: z.array(z.int()).optional(),
  maker: z.object({ name: z.string(), address: z.object({ zip: z.int() }).optional() }).optional(),
  photo: z.instanceof(File).optional(),
});

let shop: Shop;
let server: RunningServer;
let address = "";

function routes(security: Shop["security"]) {
  return security
    .app()
    .post("/product", { authz: "OPEN", params: product }, async (c, p) =>
      c.json({ ...p, ...(p.photo === undefined ? {} : { photo: [p.photo.name, p.photo.size, await p.photo.text()] }) }),
    )
    .get("/product", { authz: "OPEN", params: product.omit({ photo: true }) }, (c, p) => c.json(p))
    .delete("/product", { authz: "OPEN", params: z.object({ id: z.int() }) }, (c, p) => c.json(p))
    .get("/store/:sid", { authz: "OPEN" }, (c, p) => c.json(p))
    .get("/none", { authz: "OPEN" }, (c, p) => c.json([p, c.req.query("a") ?? null]))
    .post("/raw/text", { authz: "AUTH" }, async (c) => c.text(await c.req.text()))
    .post("/raw/json", { authz: "AUTH" }, async (c) => c.json(await c.req.json()))
    .post("/raw/form", { authz: "AUTH" }, async (c) => {
      const form = await c.req.parseBody();
      return c.json(Object.fromEntries(Object.entries(form).map(([k, v]) => [k, v instanceof File ? v.name : v])));
    })
    .post(
      "/store/:sid/product",
      {
        authz: object("store", "sid"),
        params: z.object({ sid: z.int(), product: z.string(), quantity: z.int().positive() }),
      },
      (c, { sid, product: name, quantity }) => c.json({ sid, name, quantity, by: c.var.user.email }, 201),
    )
    .get(
      "/search",
      { authz: "AUTH", params: z.object({ q: z.string().default("%"), max: z.int().optional() }) },
      (c, p) => c.json({ q: p.q, max: p.max ?? null }),
    );
}

beforeAll(async () => {
  shop = await openShop({ cookies: { allowInsecure: true } });
  server = await serve(routes(shop.security), { port: 0, hostname: "127.0.0.1" });
  address = server.url;
});

afterAll(async () => {
  await server.close();
  await shop.security.close();
});

// biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
type Answer = { status: number; json: any };

async function call(method: string, path: string, init: RequestInit = {}): Promise<Answer> {
  // The server closes a connection whose body it did not read: the next request must not be sent on it.
  const headers = { ...(init.headers as Record<string, string> | undefined), connection: "close" };
  const response = await fetch(`${address}${path}`, { method, ...init, headers });
  const text = await response.text();
  return { status: response.status, json: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text };
}

const post = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  call("POST", "/product", {
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });

const faults = (answer: Answer): [string, string][] => {
  expect([answer.status, answer.json.code]).toEqual([400, "invalid_parameters"]);
  return answer.json.parameters.map(({ name, code }: { name: string; code: string }) => [name, code]);
};

describe("values come under one name each", () => {
  const all = {
    name: "Zoë",
    price: 2.5,
    count: 3,
    sold: true,
    until: "2026-01-02T03:04:05.000Z",
    size: "M",
    tags: ["a", "b"],
    numbers: [1, 2],
    maker: { name: "x", address: { zip: 1 } },
  };

  it("as JSON", async () => {
    expect(await post(all)).toEqual({ status: 200, json: all });
  });

  it("as a query, a form and a multipart form", async () => {
    const form = new URLSearchParams();
    const parts = new FormData();
    for (const [name, value] of Object.entries(all)) {
      for (const one of Array.isArray(value) ? value : [value]) {
        const text = typeof one === "object" ? JSON.stringify(one) : String(one);
        form.append(name, text);
        parts.append(name, text);
      }
    }
    expect(await call("GET", `/product?${form}`)).toEqual({ status: 200, json: all });
    expect(await call("POST", `/product?${form}`)).toEqual({ status: 200, json: all });
    expect(await call("POST", "/product", { body: form })).toEqual({ status: 200, json: all });
    parts.append("photo", new File(["pixels"], "me.png", { type: "image/png" }));
    expect(await call("POST", "/product", { body: parts })).toEqual({
      status: 200,
      json: { ...all, photo: ["me.png", 6, "pixels"] },
    });
    expect(await call("DELETE", "/product", { body: new URLSearchParams({ id: "5" }) })).toEqual({
      status: 200,
      json: { id: 5 },
    });
  });

  it("from several carriers at once, but each once", async () => {
    const mixed = await call("POST", "/product?name=x", {
      body: JSON.stringify({ count: 1 }),
      headers: { "content-type": "application/json" },
    });
    expect(mixed.json).toEqual({ name: "x", count: 1 });
    const both = await call("POST", "/product?name=x&count=1&tags=a", {
      body: JSON.stringify({ name: "y", count: 1, tags: ["b"] }),
      headers: { "content-type": "application/json" },
    });
    expect(faults(both)).toEqual([
      ["name", "duplicate"],
      ["count", "duplicate"],
      ["tags", "duplicate"],
    ]);
    expect(faults(await call("GET", "/product?name=x&name=x"))).toEqual([["name", "duplicate"]]);
  });
});

describe("what is wrong is listed, all of it by name", () => {
  it("in text", async () => {
    const answer = await call(
      "GET",
      "/product?count=1.5&sold=maybe&until=soon&size=L&numbers=1&numbers=x&maker={&typo=1",
    );
    expect(new Map(faults(answer))).toEqual(
      new Map([
        ["count", "invalid"],
        ["sold", "invalid"],
        ["until", "invalid"],
        ["size", "invalid"],
        ["numbers", "invalid"],
        ["maker", "invalid"],
        ["typo", "unexpected"],
        ["name", "missing"],
      ]),
    );
    expect(answer.json.parameters).toHaveLength(8);
  });

  it("in JSON, down to the member", async () => {
    const answer = await post({ name: 5, maker: { name: "x", address: { zip: "x" } }, numbers: [1, "x"], typo: 1 });
    expect(new Map(faults(answer))).toEqual(
      new Map([
        ["typo", "unexpected"],
        ["name", "invalid"],
        ["maker.address.zip", "invalid"],
        ["numbers.1", "invalid"],
      ]),
    );
  });

  it("and text is not taken for a number in JSON", async () => {
    expect(faults(await post({ name: "x", count: "3" }))).toEqual([["count", "invalid"]]);
  });
});

describe("bodies are taken by their declared type, within the limits", () => {
  const json = { "content-type": "application/json" };

  it.each<[string, () => Promise<Answer>, number, string]>([
    ["malformed JSON", () => post("{"), 400, "malformed_json"],
    ["a blank JSON body", () => post(" "), 400, "malformed_json"],
    ["200,000 levels", () => post("[".repeat(200_000)), 400, "body_too_deep"],
    [
      "200,000 levels of objects",
      () => post(`${'{"a":'.repeat(150_000)}1${"}".repeat(150_000)}`),
      400,
      "body_too_deep",
    ],
    ["__proto__", () => post('{"name":"x","__proto__":{"admin":true}}'), 400, "malformed_json"],
    ["__proto__ deep inside", () => post('{"name":"x","maker":{"__proto__":{}}}'), 400, "malformed_json"],
    ["a type of one's own", () => post("name=x", { "content-type": "text/plain" }), 415, "unsupported_media_type"],
    ["two types", () => post("{}", { "content-type": "application/json, text/plain" }), 415, "unsupported_media_type"],
    [
      "another charset",
      () => post("{}", { "content-type": "application/json; charset=utf-16" }),
      415,
      "unsupported_charset",
    ],
    ["a compressed body", () => post("{}", { "content-encoding": "gzip" }), 415, "unsupported_encoding"],
    ["more than a mebibyte", () => post(`{"name":"${"x".repeat(1_100_000)}"}`), 413, "body_too_large"],
    [
      "too many fields",
      () => call("POST", "/product", { body: new URLSearchParams("a=&".repeat(300)) }),
      413,
      "too_many_fields",
    ],
    [
      "multipart that is none",
      () => post("x", { "content-type": "multipart/form-data; boundary=x" }),
      400,
      "malformed_multipart",
    ],
    [
      "text that is not UTF-8",
      () => call("POST", "/product", { body: new Uint8Array([0x22, 0xff, 0x22]), headers: json }),
      400,
      "malformed_text",
    ],
  ])("%s", async (_, send, status, code) => {
    const answer = await send();
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  it("a JSON value that is no object", async () => {
    for (const text of ["[]", "null", "5", '"x"']) expect(faults(await post(text))[0]?.[1]).toBe("invalid");
  });

  it("two Content-Type lines, and a body without one", async () => {
    const head = "POST /product?name=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    const twice = `${head}Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}`;
    expect(await raw(twice)).toMatch(/^HTTP\/1.1 415 /);
    expect(await raw(`${head}Content-Length: 2\r\n\r\n{}`)).toMatch(/^HTTP\/1.1 415 /);
    expect(await raw(`${head}Content-Length: 0\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /);
  });

  it("limits hold for the chunked body of a client that does not end", async () => {
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
    const answer = await fetch(`${address}/product`, {
      method: "POST",
      body: endless,
      headers: { ...json, connection: "close" },
      duplex: "half",
    } as RequestInit).then(
      ({ status }) => status,
      // The server may have closed the connection before its answer was read.
      () => 413,
    );
    expect(answer).toBe(413);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });
});

/** Sends bytes as they are and returns what comes back. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, "127.0.0.1", () => socket.write(text));
    let answer = "";
    socket.setEncoding("utf8");
    socket.on("data", (part) => {
      answer += part;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

describe("paths", () => {
  const get = async (path: string): Promise<string> => {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    return `${answer.slice(9, 12)} ${answer.split("\r\n\r\n")[1] ?? ""}`;
  };

  it("are decoded once, and refused where they can't be", async () => {
    expect(await get("/store/caf%C3%A9")).toBe('200 {"sid":"café"}');
    expect(await get("/store/%2541")).toBe('200 {"sid":"%41"}');
    expect(await get("/store/a%2Fb")).toBe('200 {"sid":"a/b"}');
    expect(await get("/store/%zz")).toMatch(/^400 .*"sid"/);
    expect(await get("/store/%C3")).toMatch(/^400 .*"sid"/);
    expect(await get("/store/a%00b")).toMatch(/^400 .*"sid"/);
    expect(await get("/none?a=%zz")).toMatch(/^200 /);
  });

  it("leave query and body to the handler where no parameters are declared", async () => {
    expect((await call("GET", "/none?a=1&b=2&a=3")).json).toEqual([{}, "1"]);
  });
});

describe("a handler without declared parameters reads the body itself, after the CSRF check has", () => {
  let client: SignedIn;
  beforeAll(async () => {
    client = Object.assign(testClient(address), { token: "" });
    const answer = await client.post("/login?include_auth_token", {
      json: { email: "employee@example.com", password: "password" },
    });
    client = Object.assign(client, { token: answer.json.response.user.authentication_token });
  });

  it("as JSON, text and form", async () => {
    expect((await client.post("/raw/json", { json: { a: 1 } })).json).toEqual({ a: 1 });
    expect((await client.post("/raw/text", { body: "anything", headers: { "content-type": "text/x" } })).text).toBe(
      "anything",
    );
    const csrf_token = client.csrfToken ?? "";
    const form = { a: "1", csrf_token };
    expect((await client.post("/raw/form", { form, csrf: false })).json).toEqual(form);
    expect((await client.post("/raw/text", { form, csrf: false })).text).toBe(`a=1&csrf_token=${csrf_token}`);
    const body = new FormData();
    body.append("csrf_token", csrf_token);
    body.append("photo", new File(["x"], "me.png"));
    expect((await client.post("/raw/form", { body, csrf: false })).json).toEqual({ csrf_token, photo: "me.png" });
    const twice = await client.post("/raw/form", {
      body: new URLSearchParams([
        ["csrf_token", csrf_token],
        ["csrf_token", csrf_token],
      ]),
      csrf: false,
      headers: { accept: "application/json" },
    });
    expect(twice.json.code).toBe("csrf_missing");
    const byToken = await call("POST", "/raw/json", {
      body: '{"b":2}',
      headers: { "content-type": "application/json", "authentication-token": client.token },
    });
    expect(byToken.json).toEqual({ b: 2 });
  });

  it("and the body's limits hold for the check too", async () => {
    const form = { a: "x".repeat(1_100_000), csrf_token: client.csrfToken ?? "" };
    const headers = { accept: "application/json", connection: "close" };
    const answer = await client.post("/raw/form", { form, csrf: false, headers });
    expect([answer.status, answer.json.code]).toEqual([413, "body_too_large"]);
  });
});

it("works with Hono's client on a running server", async () => {
  const client = testClient(address);
  const answer = await client.post("/login?include_auth_token", {
    json: { email: "employee@example.com", password: "password" },
  });
  const token = answer.json.response.user.authentication_token as string;
  const api = hc<ReturnType<typeof routes>>(address, { headers: { "authentication-token": token } });
  const added = await api.store[":sid"].product.$post({ param: { sid: "1" }, json: { product: "pen", quantity: 2 } });
  expect(added.status).toBe(201);
  expect(await added.json()).toEqual({ sid: 1, name: "pen", quantity: 2, by: "employee@example.com" });
  const found = await api.search.$get({ query: { max: "5" } });
  expect(await found.json()).toEqual({ q: "%", max: 5 });
  const none = await api.store[":sid"].product.$post({ param: { sid: "9" }, json: { product: "pen", quantity: 2 } });
  expect(none.status).toBe(404);
  const refused = await hc<ReturnType<typeof routes>>(address).search.$get(
    { query: {} },
    { headers: { accept: "application/json" } },
  );
  expect(refused.status).toBe(401);
});
