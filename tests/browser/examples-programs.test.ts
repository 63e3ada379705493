import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { sqlite } from "portcullis/sqlite";
import { testClient } from "portcullis/testing";
import { afterEach, describe, expect, test } from "vitest";
import { createApp } from "../../examples/acme/app.ts";
import { createApp as createBasics } from "../../examples/basics/app.ts";
import { type RunningExample, startExample } from "./example-server.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const running: RunningExample[] = [];
const children: ChildProcess[] = [];
const folders: string[] = [];

function temporaryFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "examples-"));
  folders.push(folder);
  return join(folder, name);
}

afterEach(async () => {
  for (const example of running.splice(0)) await example.close();
  for (const child of children.splice(0)) child.kill("SIGKILL");
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

test("basics: the first account is made once", async () => {
  const file = temporaryFile("basics.db");
  for (let time = 0; time < 2; time += 1) {
    const example = await startExample(createBasics, sqlite(file));
    running.push(example);
    await testClient(example.url).signIn("test@me.com", "password");
  }
});

describe("acme", () => {
  async function api(): Promise<(path: string, init?: RequestInit & { json?: unknown }) => Promise<Response>> {
    const example = await startExample(createApp);
    running.push(example);
    return async (path, { json, ...init } = {}) => {
      const body = json === undefined ? {} : { method: "POST", body: JSON.stringify(json) };
      const type = json === undefined ? {} : { "content-type": "application/json" };
      return await fetch(example.url + path, {
        ...init,
        ...body,
        headers: { ...type, ...init.headers } as HeadersInit,
      });
    };
  }
  const basic = (name: string, password = `${name}pass`): Record<string, string> => ({
    authorization: `Basic ${btoa(`${name}@acme.example:${password}`)}`,
  });

  test("takes name and password, and asks for them", async () => {
    const call = await api();
    const anonymous = await call("/store", { headers: { accept: "text/html" } });
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers.get("www-authenticate")).toContain('Basic realm="Acme"');
    expect(anonymous.headers.get("content-type"), "a program is calling").toBe("application/problem+json");
    expect((await call("/store", { headers: basic("anna", "wrong") })).status).toBe(401);
    const list = await call("/store", { headers: basic("anna") });
    expect(list.status).toBe(200);
    expect(await list.json()).toEqual([
      { id: 1, name: "anna's store" },
      { id: 2, name: "bert's store" },
    ]);
    const some = await call("/store?pattern=bert%25", { headers: basic("anna") });
    expect(await some.json()).toEqual([{ id: 2, name: "bert's store" }]);
  });

  test("takes tokens, and no session", async () => {
    const call = await api();
    const json = { email: "bert@acme.example", password: "bertpass" };
    const signIn = await call("/login?include_auth_token", { json });
    expect(signIn.status).toBe(200);
    const { response } = (await signIn.json()) as { response: { user: { authentication_token: string } } };
    const token = response.user.authentication_token;
    expect((await call("/store", { headers: { "authentication-token": token } })).status).toBe(200);
    expect((await call("/store", { headers: { "authentication-token": `${token}x` } })).status).toBe(401);
    const cookie = signIn.headers
      .getSetCookie()
      .map((one) => one.split(";")[0])
      .join("; ");
    expect(cookie).toContain("session=");
    expect((await call("/store", { headers: { cookie } })).status).toBe(401);
    const headers = { "authentication-token": token };
    const added = await call("/store/2/product", { json: { product: "lamp", quantity: 3 }, headers });
    expect(added.status).toBe(201);
    expect(await added.json()).toEqual({ store: 2, product: "lamp", quantity: 3 });
  });

  test("lets managers alone add products, with parameters as declared", async () => {
    const call = await api();
    const add = async (store: string, json: unknown, name = "anna"): Promise<[number, unknown]> => {
      const response = await call(`/store/${store}/product`, { json, headers: basic(name) });
      return [response.status, await response.json()];
    };
    const lamp = { product: "lamp", quantity: 3 };
    expect(await add("1", lamp)).toEqual([201, { store: 1, ...lamp }]);
    expect((await add("1", lamp, "bert"))[0]).toBe(403);
    expect((await add("2", lamp))[0]).toBe(403);
    expect((await add("3", lamp))[0]).toBe(404);
    const [status, problem] = await add("one", { quantity: "3", colour: "red" });
    expect(status).toBe(400);
    const { code, parameters } = problem as { code: string; parameters: { name: string; code: string }[] };
    expect(code).toBe("invalid_parameters");
    expect(new Set(parameters.map((fault) => `${fault.code} ${fault.name}`))).toEqual(
      new Set(["invalid sid", "invalid quantity", "missing product", "unexpected colour"]),
    );
    const asForm = await call("/store/1/product", {
      method: "POST",
      body: new URLSearchParams({ product: "chair", quantity: "2" }),
      headers: basic("anna"),
    });
    expect(asForm.status).toBe(201);
  });
});

describe("as programs", () => {
  test.each([
    ["basics", "/login", 200],
    ["registration", "/", 200],
    ["diary", "/register", 200],
    ["roles", "/login", 200],
    ["acme", "/store", 401],
  ] as const)("%s prints its address, answers there, and ends on SIGTERM", async (name, path, status) => {
    const child = spawn(process.execPath, ["--import", "./scripts/from-source.mjs", `examples/${name}/main.ts`], {
      cwd: root,
      env: { ...process.env, PORT: "0", DATABASE: temporaryFile(`${name}.db`) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    const exited = once(child, "exit");
    let errors = "";
    child.stderr?.on("data", (chunk) => {
      errors += String(chunk);
    });
    const printed: string[] = [];
    let url: string | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      printed.push(line);
      url = /http:\/\/localhost:\d+/.exec(line)?.[0];
      if (url !== undefined) break;
    }
    expect(url, `${printed.join("\n")}\n${errors}`).toBeDefined();
    expect((await fetch(`${url}${path}`)).status).toBe(status);
    if (name === "roles") {
      expect(printed.join("\n")).toMatch(
        /POST +\/entry\/:id\/delete +all of \(role admin; may reach the entry ":id"\)/,
      );
    }
    child.kill("SIGTERM");
    expect((await exited)[1]).toBe("SIGTERM");
  });
});
