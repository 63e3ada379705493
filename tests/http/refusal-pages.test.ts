import { testClient } from "portcullis/testing";
import { expect, test } from "vitest";
import { z } from "zod";
import { openShop } from "./routes-shop.ts";

const browser = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

test("an address without a route is 404, as a page and as problem details", async () => {
  const { security } = await openShop();
  const app = security.app();
  const client = testClient(app);
  const page = await client.get("/nowhere?name=<b>", { headers: browser });
  expect(page.status).toBe(404);
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(page.text).toContain("<h1>Not found</h1>");
  for (const headers of [{}, { accept: "*/*" }, { accept: "application/json" }]) {
    const problem = await client.get("/nowhere", { headers });
    expect(problem.status).toBe(404);
    expect(problem.headers.get("content-type")).toBe("application/problem+json");
    expect(problem.json).toMatchObject({ status: 404, code: "not_found" });
  }
  await security.close();
});

test("an application's own answer for 404 counts", async () => {
  const { security } = await openShop();
  const app = security.app();
  app.notFound((c) => c.text("nothing here", 404));
  expect((await testClient(app).get("/nowhere", { headers: browser })).text).toBe("nothing here");
  await security.close();
});

test("a page for a wrong parameter names it and what is wrong, escaped", async () => {
  const { security } = await openShop();
  const app = security.app();
  app.get("/store/:sid", { authz: "OPEN", params: z.object({ sid: z.int() }) }, (c, { sid }) => c.json(sid));
  const page = await testClient(app).get("/store/first?<b>=1", { headers: browser });
  expect(page.status).toBe(400);
  expect(page.text).toContain("sid: must be an integer");
  expect(page.text).toContain("&lt;b&gt;: ");
  expect(page.text).not.toContain("<b>");
  await security.close();
});
