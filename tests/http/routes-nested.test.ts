import { describe, expect, it } from "vitest";
import { memory } from "../../src/datastore/memory/index.ts";
import { passwords } from "../../src/features/index.ts";
import { authRequired, portcullis } from "../../src/index.ts";
import { testClient } from "../../src/testing/client.ts";

const hashing = { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true };

describe("a guard as middleware before a declared route", () => {
  it("restores a remembered session once, and shares its bag", async () => {
    const security = await portcullis({
      secretKeys: ["nested-0123456789-abcdefghijklmnopq"],
      origins: ["http://localhost:3000"],
      cookies: { allowInsecure: false },
      datastore: memory(),
      features: [passwords()],
      passwords: { hashing },
      log: () => undefined,
    });
    await security.users.create({ email: "joe@lp.com", password: "a good password" });
    const app = security.app();
    app.use("/twice", security.guard(authRequired()));
    app.get("/twice", { authz: "AUTH" }, (c) => {
      c.var.session.flash("info", "seen");
      return c.text(c.var.user.email);
    });
    const client = testClient(app);
    await client.signIn("joe@lp.com", "a good password", { remember: true });
    client.cookies.delete("__Host-session");
    const answer = await client.get("/twice");
    expect([answer.status, answer.text]).toEqual([200, "joe@lp.com"]);
    const names = answer.headers.getSetCookie().map((cookie) => cookie.split("=")[0]);
    expect(names.sort()).toEqual(["__Host-flash", "__Host-remember", "__Host-session"]);
    expect((await client.get("/twice")).status).toBe(200);
    await security.close();
  });
});
