import {
  allOf,
  apiCheckpoint,
  apiKeyCheckpoint,
  authRequired,
  bearerCheckpoint,
  checkpoint,
  includeCsrf,
  loginCheck,
  object,
  passFunctionCheck,
  permissionCheck,
  portcullis,
} from "portcullis";
import { passwords } from "portcullis/features";
import { memory } from "portcullis/memory";
import { accessTests, byPassword } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { faultsOf, operationsOf } from "./openapi-checks.ts";

async function start(notFoundStatus?: number) {
  const security = await portcullis({
    secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
    origins: ["http://localhost:3000"],
    datastore: memory(),
    features: [passwords()],
    objects: { store: { check: (_user, id: string) => (id === "1" ? true : undefined), id: "text" } },
    passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
    ...(notFoundStatus === undefined ? {} : { routes: { notFoundStatus } }),
    log: () => {},
  });
  onTestFinished(() => security.close());
  return { security, app: security.app() };
}

describe("the description of checkpoints", () => {
  const keys = ["0123456789abcdef"];

  it("says how they refuse, where they send browsers, and which keys open", async () => {
    const { app } = await start();
    const answer = (c: { text(text: string): Response }): Response => c.text("");
    app.get("/plan", { authz: checkpoint("plan", "team") }, answer);
    app.post("/plan", { authz: checkpoint("plan", "team") }, answer);
    app.get("/entry", { authz: loginCheck("in", true, { fail: { route: "login", status: 401 } }) }, answer);
    app.get("/right", { authz: permissionCheck("may", "read", { fail: { status: 451, json: {} } }) }, answer);
    app.get("/done", { authz: apiCheckpoint("in", true, { pass: { json: { done: true }, status: 202 } }) }, answer);
    app.get("/header", { authz: apiKeyCheckpoint({ keys, header: "X-Partner", allowInQuery: "key" }) }, answer);
    app.post("/bearer", { authz: bearerCheckpoint({ keys }) }, answer);
    app.get("/both", { authz: allOf(authRequired("token"), bearerCheckpoint({ keys })) }, answer);
    app.get("/func", { authz: passFunctionCheck(() => true, { fail: { redirect: "/", message: "No." } }) }, answer);
    app.post("/form", { authz: includeCsrf() }, answer);
    const document = app.openapi();
    expect(await faultsOf(document)).toBeUndefined();
    const said = Object.fromEntries(
      operationsOf(document).map(({ method, path, operation }) => [
        `${method} ${path}`,
        [operation.security, Object.keys(operation.responses).join(" ")],
      ]),
    );
    expect(said).toMatchObject({
      "GET /plan": [[{}], "403 503 2XX"],
      "POST /plan": [[{}], "400 403 503 2XX"],
      "GET /entry": [[{}], "302 401 503 2XX"],
      "GET /right": [[{}], "451 503 2XX"],
      "GET /done": [[{}], "202 403 503 2XX"],
      "GET /header": [[{ "apiKeyCheckpoint_X-Partner": [] }, { apiKeyCheckpoint_query_key: [] }], "403 503 2XX"],
      "POST /bearer": [[{ bearerCheckpoint: [] }], "401 503 2XX"],
      "GET /both": [[{ token: [], bearerCheckpoint: [] }], "401 503 2XX"],
      "GET /func": [[{}], "302 403 503 2XX"],
      "POST /form": [[], "400 503 2XX"],
    });
    expect(document.components.securitySchemes).toMatchObject({
      "apiKeyCheckpoint_X-Partner": { type: "apiKey", in: "header", name: "X-Partner" },
      apiKeyCheckpoint_query_key: { type: "apiKey", in: "query", name: "key" },
      bearerCheckpoint: { type: "http", scheme: "bearer" },
    });
    for (const path of ["/plan", "/form"]) {
      const form = operationsOf(document).find((one) => one.method === "POST" && one.path === path);
      expect(form?.operation.parameters).toMatchObject([{ name: "X-CSRF-Token" }]);
    }
  });
});

describe("where notFoundStatus is another", () => {
  it.each([
    [undefined, 404],
    [403, 403],
    [410, 410],
  ])("%s: the description, explain() and the access tests know", async (option, status) => {
    const { security, app } = await start(option);
    const who = { email: "ann@example.com", password: "password" };
    const user = await security.users.create(who);
    app.get("/store/:sid", { authz: object("store") }, (c) => c.text(""));
    const document = app.openapi();
    expect(await faultsOf(document)).toBeUndefined();
    const found = operationsOf(document).find(({ path }) => path === "/store/{sid}");
    const described = Object.keys(found?.operation.responses ?? {});
    expect(described.filter((one) => /^4/.test(one))).toEqual([...new Set([400, 401, 403, status])].map(String).sort());
    expect(await security.explain(object("store", "sid"), { user, params: { sid: "2" } })).toMatchObject({ status });

    const titles: string[] = [];
    const failures: string[] = [];
    const runs: (() => Promise<void>)[] = [];
    accessTests(app, {
      describe: (_name, inside) => inside(),
      it(title, run) {
        titles.push(title);
        runs.push(() => run().catch((error) => void failures.push(`${title}: ${error}`)));
      },
      lock: app
        .accessMatrix()
        .map(({ method, path }) => `${method} ${path}`)
        .join("\n"),
      people: { ann: { credentials: byPassword(app, who) } },
      objects: { store: { ids: [1, 2], may: (_person, id) => (id === 1 ? true : undefined) } },
    });
    for (const run of runs) await run();
    expect(titles).toContain(`ann, sid 2: ${status}`);
    expect(failures.filter((failure) => failure.startsWith("ann, sid"))).toEqual([]);
  });
});
