/** Requests over real sockets: what a client can take away from its connection, and how the server is reached. */
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { outbox } from "portcullis";
import { passwords, recovery, registration } from "portcullis/features";
import { serve } from "portcullis/node";
import { describe, expect, it, onTestFinished } from "vitest";
import { startLab } from "../lab/process.ts";
import { basic, goodPassword, type Overrides, origin, type System, start } from "./authn-system.ts";

const json = { accept: "application/json", "content-type": "application/json", origin };

function bytes(path: string, body: object, headers: Readonly<Record<string, string>> = {}): string {
  const text = JSON.stringify(body);
  const fields = { host: "127.0.0.1", ...json, "content-length": String(Buffer.byteLength(text)), ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return `POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${text}`;
}

interface Counted {
  readonly port: number;
  readonly server: Server;
  /** Resolves when every request that arrived has been answered, whoever still hears that. */
  settled(): Promise<void>;
  /** Called when a request arrives, before the application looks at it. */
  onArrival: () => void;
  readonly answers: number[];
}

/** Serves the system, and counts what arrives and how it is answered. */
async function served(system: System): Promise<Counted> {
  const running = new Set<Promise<unknown>>();
  const counted = {
    answers: [] as number[],
    onArrival: (): void => undefined,
    async settled() {
      while (running.size > 0) await Promise.allSettled([...running]);
    },
  };
  const fetch = (request: Request, env: object): Promise<Response> => {
    counted.onArrival();
    const answer = Promise.resolve(system.app.fetch(request, env));
    running.add(answer);
    const done = answer.then(({ status }) => counted.answers.push(status)).finally(() => running.delete(answer));
    done.catch(() => undefined);
    return answer;
  };
  const { port, server, close } = await serve({ fetch }, { port: 0, hostname: "127.0.0.1" });
  onTestFinished(async () => {
    server.closeAllConnections();
    await close();
  });
  return Object.assign(counted, { port, server });
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.on("error", reject);
  });
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => (socket.destroyed ? resolve() : socket.once("close", () => resolve())));

async function mailing(overrides: Overrides = {}): Promise<{ system: System; box: ReturnType<typeof outbox> }> {
  const box = outbox();
  const system = await start({
    features: [passwords(), registration(), recovery()],
    mail: { sender: box, from: "no-reply@acme.example" },
    limits: { mail: { perAddress: "5/1h" } },
    ...overrides,
  });
  for (let n = 0; n < 20; n += 1) await system.security.users.create({ email: `u${n}@acme.example`, password: null });
  return { system, box };
}

describe("a client that resets its connection", () => {
  it("when the request has arrived is counted all the same", async () => {
    const { system, box } = await mailing();
    const server = await served(system);
    for (let n = 0; n < 15; n += 1) {
      const socket = await open(server.port);
      server.onArrival = () => socket.resetAndDestroy();
      socket.write(bytes("/reset", { email: `u${n}@acme.example` }));
      await closed(socket);
      await server.settled();
    }
    await system.security.delivery.idle();
    expect(server.answers.filter((status) => status === 200)).toHaveLength(5);
    expect(server.answers.filter((status) => status === 429)).toHaveLength(10);
    expect(box.all()).toHaveLength(5);
  });

  it("before the server has looked at it gets nothing beyond the budget", async () => {
    const { system, box } = await mailing();
    const server = await served(system);
    for (let n = 0; n < 15; n += 1) {
      const socket = await open(server.port);
      socket.write(bytes("/reset", { email: `u${n}@acme.example` }), () => socket.resetAndDestroy());
      await closed(socket);
    }
    // One that stays: when it is answered, those before it have arrived.
    const last = await open(server.port);
    last.write(bytes("/reset", { email: "u19@acme.example" }));
    await new Promise((resolve) => last.once("data", resolve));
    last.destroy();
    await server.settled();
    await system.security.delivery.idle();
    expect(box.all().length).toBeLessThanOrEqual(5);
    for (const status of server.answers) expect([200, 400, 429]).toContain(status);
  });

  it("is refused where no address is left, and nothing is done", async () => {
    const { system, box } = await mailing();
    const env = { incoming: { socket: { server: { listening: true, address: () => ({ port: 80 }) } } } };
    const send = (path: string, init: RequestInit = {}) =>
      system.app.fetch(new Request(`${origin}${path}`, { headers: json, ...init }), env);
    const post = { method: "POST", body: JSON.stringify({ email: "u1@acme.example" }) };
    const seen = [
      await send("/reset", post),
      await send("/login"),
      await send("/"),
      await send("/basic", { headers: { ...json, ...basic("ann@acme.example", goodPassword) } }),
    ];
    expect(seen.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(await seen[2]?.json()).toMatchObject({ code: "no_client_address" });
    await system.security.delivery.idle();
    expect(box.all()).toHaveLength(0);
    expect(system.logs.filter((line) => line.includes("tells no client address"))).toHaveLength(1);
  });

  it("in the middle of a pipeline has sent requests that count", async () => {
    const { system, box } = await mailing();
    const server = await served(system);
    const socket = await open(server.port);
    let arrived = 0;
    server.onArrival = () => {
      arrived += 1;
      if (arrived === 1) setImmediate(() => socket.resetAndDestroy());
    };
    socket.write(Array.from({ length: 15 }, (_, n) => bytes("/reset", { email: `u${n}@acme.example` })).join(""));
    await closed(socket);
    await server.settled();
    const after = await open(server.port);
    after.write(bytes("/reset", { email: "u19@acme.example" }));
    await new Promise((resolve) => after.once("data", resolve));
    await server.settled();
    await system.security.delivery.idle();
    expect(box.all().length).toBeLessThanOrEqual(5);
  });

  it("or ends its half of it, or keeps it for more requests, has one budget", async () => {
    const { system, box } = await mailing();
    const server = await served(system);
    const kept = await open(server.port);
    for (let n = 0; n < 4; n += 1) {
      kept.write(bytes("/reset", { email: `u${n}@acme.example` }));
      await new Promise((resolve) => kept.once("data", resolve));
    }
    for (let n = 4; n < 10; n += 1) {
      const half = await open(server.port);
      half.end(bytes("/reset", { email: `u${n}@acme.example` }));
      half.resume();
      await closed(half);
    }
    await server.settled();
    await system.security.delivery.idle();
    expect(server.answers).toEqual([...Array(5).fill(200), ...Array(5).fill(429)]);
    expect(box.all()).toHaveLength(5);
  });

  it("in the middle of a body has asked nothing", async () => {
    const { system, box } = await mailing();
    const server = await served(system);
    for (let n = 0; n < 8; n += 1) {
      const socket = await open(server.port);
      server.onArrival = () => socket.resetAndDestroy();
      socket.write(bytes("/reset", { email: `u${n}@acme.example` }).slice(0, -3));
      await closed(socket);
      await server.settled();
    }
    expect(new Set(server.answers)).toEqual(new Set([400]));
    await system.security.delivery.idle();
    expect(box.all()).toHaveLength(0);
  });

  it("gets no further mails out of the lab", async () => {
    const lab = await startLab(["--profile", "full"], { LIMITS: "product" });
    try {
      const { port } = new URL(lab.origin);
      const emails = Array.from({ length: 60 }, (_, n) => `u${n}@lp.com`);
      for (const email of emails) await lab.control("POST", "/users", { email, password: "battery staple" });
      await lab.control("DELETE", "/outbox");
      const send = async (email: string, reset: boolean): Promise<void> => {
        const socket = await open(Number(port));
        const text = bytes("/reset", { email }, { host: new URL(lab.origin).host, origin: lab.origin });
        if (reset) socket.write(text, () => socket.resetAndDestroy());
        else socket.write(text);
        if (reset) return closed(socket);
        await new Promise((resolve) => socket.once("data", resolve));
        socket.destroy();
      };
      for (const email of emails.slice(0, 30)) await send(email, false);
      for (const email of emails.slice(30, 59)) await send(email, true);
      await send(emails[59] as string, false);
      const mails = (await lab.control("GET", "/outbox")) as readonly { readonly to: string }[];
      expect(mails.length).toBeLessThanOrEqual(30);
      expect(mails.length).toBeGreaterThan(0);
    } finally {
      await lab.stop();
    }
  }, 120_000);
});

describe("a Unix socket", () => {
  async function throughSocket(
    overrides: Overrides,
  ): Promise<{ guess: (n: number, client: string) => Promise<number>; system: System }> {
    const system = await start({ limits: { signIn: { perAddress: "5/5m" } }, ...overrides });
    const folder = mkdtempSync(join(tmpdir(), "portcullis-unix-"));
    const path = join(folder, "s");
    const server = createAdaptorServer({ fetch: system.app.fetch }) as Server;
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const guess = (n: number, client: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const headers = { ...json, "x-forwarded-for": client };
        const sent = httpRequest({ socketPath: path, path: "/login", method: "POST", headers }, (response) => {
          response.resume().on("end", () => resolve(response.statusCode ?? 0));
        });
        sent.on("error", reject).end(JSON.stringify({ email: `nobody${n}@acme.example`, password: "a wrong guess" }));
      });
    return { guess, system };
  }

  it("that is not declared is one client, and the log says so once", async () => {
    const { guess, system } = await throughSocket({});
    const seen: number[] = [];
    for (let n = 0; n < 8; n += 1) seen.push(await guess(n, `203.0.113.${n}`));
    expect(seen).toEqual([400, 400, 400, 400, 400, 429, 429, 429]);
    expect(system.logs.filter((line) => line.includes("Unix socket,"))).toHaveLength(1);
    expect(system.events.filter(({ name }) => name === "undeclaredProxy")[0]?.event).toEqual({ peer: "unix" });
    const refused = system.events.find(({ name }) => name === "limitReached");
    expect(refused?.event).toMatchObject({ address: "unix" });
  });

  it.each([{ trustedProxies: ["unix"] }, { trustedProxies: { hops: 1 } }] as const)(
    "that is declared by %o is believed",
    async (declared) => {
      const { guess, system } = await throughSocket(declared);
      for (let n = 0; n < 8; n += 1) expect(await guess(n, `203.0.113.${n}`)).toBe(400);
      for (let n = 8; n < 13; n += 1) expect(await guess(n, "198.51.100.7")).toBe(400);
      expect(await guess(20, "1.2.3.4, 198.51.100.7")).toBe(429);
      expect(system.logs.filter((line) => line.includes("Unix socket"))).toEqual([]);
    },
  );

  it("is believed no more because another proxy is declared", async () => {
    const { guess, system } = await throughSocket({ trustedProxies: ["10.0.0.0/8"] });
    for (let n = 0; n < 5; n += 1) expect(await guess(n, `203.0.113.${n}`)).toBe(400);
    expect(await guess(6, "198.51.100.7")).toBe(429);
    expect(system.logs.filter((line) => line.includes("Unix socket,"))).toHaveLength(1);
  });
});

describe("a proxy that nobody declared", () => {
  const through = async (overrides: Overrides): Promise<{ system: System; statuses: number[] }> => {
    const { system } = await mailing(overrides);
    const { port } = (await served(system)).server.address() as AddressInfo;
    const statuses: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      const headers = { ...json, "x-forwarded-for": `203.0.113.${n}` };
      const body = JSON.stringify({ email: `u${n}@acme.example` });
      statuses.push((await fetch(`http://127.0.0.1:${port}/reset`, { method: "POST", headers, body })).status);
    }
    return { system, statuses };
  };
  const lines = (system: System): string[] => system.logs.filter((line) => line.includes("trustedProxies"));

  it("is said once, and once more when it shuts somebody out", async () => {
    const { system, statuses } = await through({});
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429, 429]);
    expect(lines(system)).toEqual([
      expect.stringContaining("come from one address"),
      expect.stringContaining("a limit by address refused"),
    ]);
    expect(lines(system).join("")).not.toContain("203.0.113");
    expect(system.events.filter(({ name }) => name === "undeclaredProxy")).toEqual([
      { name: "undeclaredProxy", event: { peer: "127.0.0.1" } },
    ]);
  });

  it("is none where an empty list says so, and shuts nobody out where it is declared", async () => {
    const without = await through({ trustedProxies: [] });
    expect([without.statuses.at(-1), lines(without.system)]).toEqual([429, []]);
    const declared = await through({ trustedProxies: { hops: 1 } });
    expect([new Set(declared.statuses), lines(declared.system)]).toEqual([new Set([200]), []]);
  });
});
