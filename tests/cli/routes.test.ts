import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Folder, folder, starting } from "./command.ts";

const shop = `${starting()}
const security = await start();
export const app = security.app();
app.get("/store/:sid", { authz: "employee" }, (c) => c.text("a store"));
app.get("/", { authz: open("the shop window") }, (c) => c.text("welcome"));
`;
// The folder of a program has no node_modules.
const hono = JSON.stringify(new URL("../../node_modules/hono/dist/index.js", import.meta.url).href);

let program: Folder;
beforeEach(() => {
  program = folder();
});
afterEach(() => program.remove());

describe("portcullis routes", () => {
  it("prints the routes of the application in app.ts, the account pages included", async () => {
    program.write("app.ts", shop);
    const { code, stdout, stderr } = await program.portcullis("routes");
    const lines = stdout.split("\n").map((line) => line.trimEnd().split(/ {2,}/));
    expect(lines[0]).toEqual(["METHOD", "PATH", "GUARD", "SCHEMES", "PARAMETERS", "WHY OPEN"]);
    expect(lines).toContainEqual(["GET", "/", "OPEN, everybody", "token, session", "the shop window"]);
    expect(lines).toContainEqual(["GET", "/store/:sid", "role employee", "token, session", "sid: string"]);
    expect(lines.some(([method, path]) => method === "POST" && path === "/login")).toBe(true);
    expect(stdout).not.toContain("\u001b");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("prints JSON and nothing else, whatever the module prints", async () => {
    program.write("src/server.ts", `${shop}console.log("the shop is open");`);
    const { code, stdout, stderr } = await program.portcullis("routes", "src/server.ts", "--json");
    const routes = JSON.parse(stdout) as { path: string; method: string }[];
    expect(routes[0]).toEqual({
      method: "GET",
      path: "/",
      schemes: ["token", "session"],
      guard: "everybody",
      open: "the shop window",
      parameters: [],
      source: "application",
    });
    expect(routes.find(({ path }) => path === "/store/:sid")).toMatchObject({ guard: "role employee", open: null });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "the shop is open\n" });
  });

  it("lists what is not declared: handlers of the plain application around it, with the guards that stand before them", async () => {
    program.write(
      "app.ts",
      `${shop.replace("export const app", "const inner").replaceAll("app.get", "inner.get")}
import { Hono } from ${hono};
export const app = new Hono();
app.use("/reports/*", security.guard("employee"));
app.get("/reports/:id", (c) => c.text("a report"));
app.get("/mine", security.guard("AUTH"), (c) => c.text("mine"));
app.get("/health", (c) => c.text("well"));
app.use("/files/*", async (c, next) => c.text("a file"));
app.route("/", inner);
`,
    );
    const { code, stdout, stderr } = await program.portcullis("routes");
    const lines = stdout.split("\n").map((line) => line.trimEnd().split(/ {2,}/));
    expect(lines).toContainEqual(["GET", "/store/:sid", "role employee", "token, session", "sid: string"]);
    expect(lines.filter(([, path]) => path === "/store/:sid")).toHaveLength(1);
    expect(lines).toContainEqual(["GET", "/health", "not declared here: plain handler"]);
    expect(lines).toContainEqual(["GET", "/reports/:id", "not declared here: plain handler"]);
    expect(lines).toContainEqual(["ALL", "/files/*", "not declared here: middleware or handler: may answer"]);
    expect(lines).toContainEqual(["ALL", "/reports/*", "role employee, by security.guard()", "token, session"]);
    expect(lines).toContainEqual(["GET", "/mine", "signed in, by security.guard()", "token, session"]);
    expect(stdout).toMatch(/\n\d+ routes, \d+ open, 5 not declared\n$/);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("lists a plain application that has guards alone", async () => {
    program.write(
      "app.ts",
      `${starting()}
import { Hono } from ${hono};
const security = await start();
const app = new Hono();
app.get("/", (c) => c.text("welcome"));
app.get("/mine", security.guard("AUTH"), (c) => c.text("mine"));
export default app;
`,
    );
    const { code, stdout } = await program.portcullis("routes", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      expect.objectContaining({ path: "/", guard: "not declared here: plain handler", open: null, declared: false }),
      expect.objectContaining({ path: "/mine", guard: "signed in, by security.guard()", declared: false }),
    ]);
  });

  it("lists no line of a plain application as guarded where something stands before the guard", async () => {
    program.write(
      "app.ts",
      `${starting()}
import { Hono } from ${hono};
const security = await start();
const app = new Hono();
app.get("/late", (c) => c.text("answered"), security.guard("AUTH"));
app.get("/asking", async (c, next) => c.text("answered"), security.guard("AUTH"));
app.get("/twice", security.guard("AUTH"), security.guard("employee"), (c) => c.text("both"));
export default app;
`,
    );
    const { code, stdout } = await program.portcullis("routes");
    const lines = stdout.split("\n").map((line) => line.trimEnd().split(/ {2,}/));
    const why = "may answer before the guard";
    expect(lines.slice(1)).toEqual([
      ["GET", "/asking", "OPEN, not declared here: middleware or handler, before the guard", why],
      ["GET", "/late", "OPEN, not declared here: plain handler, before the guard", why],
      ["GET", "/twice", "signed in and role employee, by security.guard()", "token, session"],
      [""],
      ["3 routes, 2 open, 3 not declared"],
      [""],
    ]);
    expect(code).toBe(0);
  });

  it("writes a lock, and fails with the changed lines once a guard is another", async () => {
    program.write("app.ts", shop);
    expect(await program.portcullis("routes", "--lock", "routes.lock")).toMatchObject({ code: 0 });
    const lock = readFileSync(join(program.path, "routes.lock"), "utf8");
    expect(lock).toContain("\nGET /store/:sid ; role employee ; by token, session ; with sid: string\n");

    const same = await program.portcullis("routes", "--check", "routes.lock");
    expect(same.code).toBe(0);
    expect(same.stdout).toMatch(/^routes\.lock: \d+ routes, unchanged\n$/);

    program.write(
      "app.ts",
      `${shop.replace('"employee" },', '"OPEN" },')}app.get("/new", { authz: "AUTH" }, (c) => c.text(""));`,
    );
    const changed = await program.portcullis("routes", "--check", "routes.lock");
    expect(changed.stdout.split("\n")).toEqual([
      "+ GET /new ; signed in ; by token, session",
      "- GET /store/:sid ; role employee ; by token, session ; with sid: string",
      "+ GET /store/:sid ; everybody ; OPEN ; by token, session ; with sid: string",
      "",
    ]);
    expect(changed.code).toBe(1);
    expect(changed.stderr).toContain("--lock routes.lock");
    expect(readFileSync(join(program.path, "routes.lock"), "utf8")).toBe(lock);
  });

  it("says so when there is no lock to compare with", async () => {
    program.write("app.ts", shop);
    const { code, stderr } = await program.portcullis("routes", "--check", "routes.lock");
    expect(stderr).toContain("cannot read the lock routes.lock");
    expect(code).toBe(2);
  });
});

describe("the application of a module", () => {
  const routesOf = async (text: string): Promise<{ code: number | null; paths: string[]; stderr: string }> => {
    program.write("app.ts", text);
    const { code, stdout, stderr } = await program.portcullis("routes", "--json");
    const records = code === 0 ? (JSON.parse(stdout) as { path: string; source: string }[]) : [];
    const paths = records.filter(({ source }) => source === "application").map(({ path }) => path);
    return { code, paths, stderr };
  };

  it("may be a promise", async () => {
    const text = `${starting()}
export default start().then((security) => security.app().get("/a", { authz: "AUTH" }, (c) => c.text("")));`;
    expect(await routesOf(text)).toEqual({ code: 0, paths: ["/a"], stderr: "" });
  });

  it("need not be exported when there is one that is not mounted into another", async () => {
    const text = `${starting()}
const security = await start();
const api = security.app().get("/a", { authz: "AUTH" }, (c) => c.text(""));
security.app().route("/api", api);`;
    expect(await routesOf(text)).toEqual({ code: 0, paths: ["/api/a"], stderr: "" });
  });

  it("must be exported when there are several", async () => {
    const text = `${starting()}
const security = await start();
export const shop = security.app().get("/a", { authz: "AUTH" }, (c) => c.text(""));
export const office = security.app().get("/b", { authz: "AUTH" }, (c) => c.text(""));`;
    const { code, stderr } = await routesOf(text);
    expect(stderr).toBe(
      'portcullis: the module makes 2 applications; export the one to look at as "app" or default; it exports office, shop\n',
    );
    expect(code).toBe(2);
  });

  it("is told from another that is not shown", async () => {
    const text = `${starting()}
const security = await start();
export const app = security.app().get("/a", { authz: "AUTH" }, (c) => c.text(""));
security.app().get("/b", { authz: "OPEN" }, (c) => c.text(""));`;
    const { paths, stderr } = await routesOf(text);
    expect(paths).toEqual(["/a"]);
    expect(stderr).toContain("1 other application of this module");
  });

  it("is no other application when it is a view of one", async () => {
    const text = `${starting()}
const security = await start();
export const app = security.app().basePath("/api");
app.get("/a", { authz: "AUTH" }, (c) => c.text(""));`;
    expect(await routesOf(text)).toEqual({ code: 0, paths: ["/api/a"], stderr: "" });
  });

  it("must be there", async () => {
    const { code, stderr } = await routesOf(`${starting()}
export const security = await start();`);
    expect(stderr).toContain("makes no application of security.app()");
    expect(stderr).toContain("it exports security");
    expect(code).toBe(2);
  });
});

describe("a module that serves", () => {
  const declared = `
const security = await start();
const app = security.app();
app.get("/a", { authz: "AUTH" }, (c) => c.text(""));`;

  // A port that is taken: whoever listened there would fail.
  const taken = createServer();
  let port = 0;
  beforeEach(async () => {
    await new Promise<void>((resolve) => taken.listen(0, "localhost", resolve));
    port = (taken.address() as { port: number }).port;
  });
  afterEach(() => new Promise((resolve) => taken.close(resolve)));

  it.each<[string, (port: number) => string]>([
    [
      "by serve() at its top level",
      (at) => `${declared}
const server = await serve(app, { port: ${at} });
console.log(server.port, server.url);`,
    ],
    [
      "by serve() in a function that nobody awaits",
      (at) => `
async function main() {${declared}
  await new Promise((resolve) => setTimeout(resolve, 20));
  app.get("/b", { authz: "AUTH" }, (c) => c.text(""));
  const server = await serve(app, { port: ${at} });
  console.log(server.port, server.url);
}
main();`,
    ],
    [
      "by a server of Node",
      (at) => `${declared}
const server = createServer();
await new Promise((resolve) => server.listen(${at}, "localhost", resolve));
console.log(server.address().port, "http://localhost:0");`,
    ],
  ])("%s does not listen", async (_how, text) => {
    program.write(
      "app.ts",
      `import { createServer } from "node:http";\nimport { serve } from "portcullis/node";${starting()}${text(port)}`,
    );
    const { code, stdout, stderr } = await program.portcullis("routes");
    expect(stdout).toContain("GET     /a ");
    expect(stdout.includes("GET     /b ")).toBe(text(port).includes('"/b"'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "0 http://localhost:0\n" });
  });

  it("needs no export to tell the served application from others", async () => {
    program.write(
      "app.ts",
      `import { serve } from "portcullis/node";${starting()}${declared}
security.app().get("/b", { authz: "AUTH" }, (c) => c.text(""));
await serve(app);`,
    );
    const { code, stdout } = await program.portcullis("routes");
    expect(stdout).toContain("GET     /a ");
    expect(stdout).not.toContain("GET     /b ");
    expect(code).toBe(0);
  });
});

describe("a module that cannot be loaded", () => {
  it.each<[string, string, string]>([
    [
      "a wrong option",
      `${starting("memory()", 'migrate: "sometimes" as "always",')}await start();`,
      'portcullis: migrate: must be "create", "check" or "always"\n',
    ],
    [
      "a wrong option, where nobody awaits it",
      `${starting("memory()", 'migrate: "sometimes" as "always",')}start();`,
      'portcullis: migrate: must be "create", "check" or "always"\n',
    ],
    [
      "a wrong declaration",
      `${starting()}(await start()).app().get("/a", { authz: "boss" }, (c) => c.text(""));`,
      "portcullis: GET /a: ",
    ],
    ["an error of its own", 'throw new Error("no settings");', "portcullis: no settings (--debug shows where)\n"],
    ["an import that is not there", 'import "./missing.ts";', "portcullis: Cannot find module "],
    ["a wrong syntax", "const = 1;", "portcullis: "],
    ["an end of its own", "process.exit(0);", "portcullis: the module ended the process"],
    ["a wait for what never comes", "await new Promise(() => {});", "portcullis: the module ended the process"],
  ])("by %s ends with 2 and the reason", async (_fault, text, reason) => {
    program.write("app.ts", text);
    const { code, stdout, stderr } = await program.portcullis("routes");
    expect(stderr.slice(0, reason.length)).toBe(reason);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("shows the stack with --debug", async () => {
    program.write("app.ts", 'throw new Error("no settings", { cause: new TypeError("the cause") });');
    const { code, stderr } = await program.portcullis("routes", "--debug");
    expect(stderr).toMatch(
      /^portcullis: Error: no settings\n\s+at .*app\.ts:1[\s\S]*caused by: TypeError: the cause\n\s+at /,
    );
    expect(code).toBe(2);
  });
});

describe("the command line", () => {
  it.each([[["--version"]], [["-V"]]])("%s prints the package's version", async (args) => {
    const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(await program.portcullis(...args)).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: "" });
  });

  it.each([[["--help"]], [["routes", "--help"]], [["help", "migrate"]]])(
    "%s tells usage, exit codes and examples",
    async (args) => {
      const { code, stdout, stderr } = await program.portcullis(...args);
      expect(stdout).toMatch(/^Usage: portcullis /);
      expect(stdout).toMatch(/^Exit codes:$/m);
      expect(stdout).toMatch(/^Examples:$/m);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    },
  );

  it.each<[string[], string]>([
    [[], "Usage: portcullis "],
    [["rooutes"], "error: unknown command 'rooutes'"],
    [["routes", "--jsn"], "error: unknown option '--jsn'"],
    [["routes", "a.ts", "b.ts"], "error: too many arguments"],
    [["routes", "--lock"], "error: option '--lock <file>' argument missing"],
    [["routes", "--json", "--check", "f"], "error: option '--check <file>' cannot be used with option '--json'"],
    [
      ["routes", "--lock", "f", "--check", "f"],
      "error: option '--check <file>' cannot be used with option '--lock <file>'",
    ],
    [["routes"], "portcullis: name the application's module"],
    [["routes", "no.ts"], "portcullis: there is no file "],
    [["migrate", "."], "portcullis: "],
  ])("%j is a wrong usage", async (args, message) => {
    const { code, stdout, stderr } = await program.portcullis(...args);
    expect(stderr.slice(0, message.length)).toBe(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});
