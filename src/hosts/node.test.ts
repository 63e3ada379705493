import { request } from "node:http";
import { Hono } from "hono";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type RunningServer, serve } from "./node.ts";

const app = new Hono().get("/", (c) => c.text("hello"));

async function start(...args: Parameters<typeof serve>): Promise<RunningServer> {
  const server = await serve(...args);
  onTestFinished(() => (server.server.listening ? server.close() : undefined));
  return server;
}

afterEach(() => vi.unstubAllEnvs());

describe("serve", () => {
  it("takes a free port and says where it is", async () => {
    const server = await start(app, { port: 0 });
    expect(server.port).toBeGreaterThan(0);
    expect(server.url).toBe(`http://localhost:${server.port}`);
    expect(await (await fetch(server.url)).text()).toBe("hello");
  });

  it("takes the environment's PORT where nothing is said", async () => {
    vi.stubEnv("PORT", "0");
    expect(await (await fetch((await start(app)).url)).text()).toBe("hello");
  });

  it("writes an IPv6 address into the URL as one", async () => {
    const server = await start(app, { port: 0, hostname: "::1" });
    expect(server.url).toBe(`http://[::1]:${server.port}`);
    expect(await (await fetch(server.url)).text()).toBe("hello");
  });

  it("refuses what is no port, with the name of the option", async () => {
    for (const port of [-1, 65_536, 1.5, Number.NaN]) {
      await expect(serve(app, { port })).rejects.toThrow(/^serve\.port: a number from 0 to 65535/);
    }
    vi.stubEnv("PORT", "http");
    await expect(serve(app)).rejects.toThrow(/^PORT: /);
  });

  it("rejects when the port is taken", async () => {
    const { port } = await start(app, { port: 0 });
    await expect(serve(app, { port })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });

  it("looks at the access matrix before it listens", async () => {
    const broken = {
      fetch: app.fetch,
      accessMatrix(): never {
        throw new Error("GET /login: is an account page");
      },
    };
    await expect(serve(broken, { port: 0 })).rejects.toThrow("is an account page");
  });

  it("finishes what it has begun before it closes", async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered = (): void => undefined;
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const slow = new Hono().get("/", async (c) => {
      entered();
      await released;
      return c.text("done");
    });
    const server = await start(slow, { port: 0 });
    const answer = new Promise<string>((resolve, reject) => {
      const sent = request(server.url, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part) => {
          text += part;
        });
        response.on("end", () => resolve(text));
      });
      sent.on("error", reject).end();
    });
    await inside;
    let closed = false;
    const closing = server.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    release();
    expect(await answer).toBe("done");
    await closing;
    await expect(fetch(server.url)).rejects.toThrow();
  });
});
