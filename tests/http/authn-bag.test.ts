import { memory } from "portcullis/memory";
import { describe, expect, it } from "vitest";
import { cookiesSet, goodPassword, observed, start } from "./authn-system.ts";

const ann = "ann@acme.example";

describe("the session bag", () => {
  it("costs a visitor neither row nor cookie until something is kept", async () => {
    const system = await start();
    const client = system.client();
    for (const path of ["/", "/bag/cart", "/drop/cart", "/flashes"]) {
      expect(cookiesSet(await client.get(path))).toEqual([]);
    }
    expect(await system.store.count("session", {})).toBe(0);
    const kept = await client.get("/keep/cart/apples");
    expect([cookiesSet(kept), kept.headers.get("cache-control")]).toEqual([["__Host-session"], "no-store"]);
    expect(await system.store.find("session", {})).toMatchObject([{ userId: null, data: { cart: "apples" } }]);
    expect((await client.get("/bag/cart")).json.value).toBe("apples");
    expect((await client.get("/")).json).toEqual({ user: null, via: null });
    expect((await client.get("/me", { headers: { accept: "application/json" } })).status).toBe(401);
  });

  it("keeps, changes and deletes values, for a visitor and for a user alike", async () => {
    const system = await start();
    for (const user of [false, true]) {
      const client = system.client();
      if (user) await client.signIn(ann, goodPassword);
      await client.get("/keep/a/1");
      await client.get("/keep/b/2");
      await client.get("/keep/a/3");
      expect([(await client.get("/bag/a")).json.value, (await client.get("/bag/b")).json.value]).toEqual(["3", "2"]);
      await client.get("/drop/a");
      expect([(await client.get("/bag/a")).json.value, (await client.get("/bag/b")).json.value]).toEqual([null, "2"]);
      expect((await system.client().get("/bag/b")).json.value).toBeNull();
    }
  });

  it("goes along to the user who signs in, and stays when they prove again who they are", async () => {
    const system = await start();
    const client = system.client();
    await client.get("/keep/cart/apples");
    await client.signIn(ann, goodPassword);
    expect((await client.get("/bag/cart")).json.value).toBe("apples");
    await client.post("/verify", { json: { password: goodPassword } });
    expect((await client.get("/bag/cart")).json.value).toBe("apples");
    expect(await system.store.count("session", {})).toBe(1);
    await client.post("/logout", { json: {} });
    expect((await client.get("/bag/cart")).json.value).toBeNull();
  });

  it("keeps what parallel requests write, each its own", async () => {
    const system = await start();
    for (const user of [false, true]) {
      const client = system.client();
      await client.get("/keep/first/x");
      if (user) await client.signIn(ann, goodPassword);
      await Promise.all(["a", "b", "c", "d", "e"].map((key) => client.copy().get(`/keep/${key}/1`)));
      const values = await Promise.all(
        ["first", "a", "b", "c", "d", "e"].map(async (key) => (await client.get(`/bag/${key}`)).json.value as string),
      );
      expect(values).toEqual(["x", "1", "1", "1", "1", "1"]);
    }
  });

  it("does not pretend that what was changed in place is kept", async () => {
    const system = await start();
    const client = system.client();
    await client.signIn(ann, goodPassword);
    await system.store.update("session", {}, { data: { list: ["one"] } });
    await system.security.invalidate();
    for (let count = 0; count < 3; count += 1) {
      expect((await client.get("/append/list")).json.list).toEqual(["one", "changed in place"]);
    }
  });

  it("has a limit, past which nothing is kept and the request fails", async () => {
    const system = await start();
    const client = system.client();
    await client.get("/keep/a/1");
    expect((await client.get("/fill/16000")).status).toBe(200);
    expect((await client.get("/fill/16384")).status).toBe(500);
    expect((await system.client().get("/fill/20000")).status).toBe(500);
    expect((await client.get("/bag/filling")).json.value).toHaveLength(16_000);
    expect(await system.store.count("session", {})).toBe(1);
  });

  it("has no names that reach further", async () => {
    const system = await start();
    const client = system.client();
    expect((await client.get("/keep/__proto__/x")).status).toBe(500);
    for (const name of ["constructor", "toString", "hasOwnProperty"]) {
      expect((await client.get(`/bag/${name}`)).json.value).toBeNull();
      await client.get(`/keep/${name}/x`);
      expect((await client.get(`/bag/${name}`)).json.value).toBe("x");
    }
    expect((await client.get("/bag/toLocaleString")).json.value).toBeNull();
  });

  it("of a session that ended meanwhile is not brought back", async () => {
    const { provider, store } = observed(memory());
    const system = await start({ datastore: provider });
    const client = system.client();
    await client.signIn(ann, goodPassword);
    await client.get("/keep/a/1");
    await store().delete("session", {});
    expect((await client.get("/keep/b/2")).status).toBe(200);
    expect(await store().find("session", {})).toMatchObject([{ userId: null, data: { b: "2" } }]);
  });
});

describe("flash messages", () => {
  it("survive a redirect and are shown once, in this browser alone, without a row", async () => {
    const system = await start();
    const client = system.client();
    const away = await client.get("/flash/Saved");
    expect([away.status, cookiesSet(away)]).toEqual([302, ["__Host-flash"]]);
    expect(client.cookies.get("__Host-flash")).not.toContain(Buffer.from("Saved").toString("base64url"));
    expect((await system.client().get("/flashes")).json.flashes).toEqual([]);
    expect((await client.get("/flashes")).json.flashes).toEqual([{ category: "info", text: "Saved" }]);
    expect(client.cookies.has("__Host-flash")).toBe(false);
    expect((await client.get("/flashes")).json.flashes).toEqual([]);
    expect(await system.store.count("session", {})).toBe(0);
  });

  it("add up, the oldest going first when there are too many", async () => {
    const system = await start();
    const client = system.client();
    await client.get("/flash/one");
    await client.get("/flash/two");
    expect((await client.get("/flashes")).json.flashes.map(({ text }: { text: string }) => text)).toEqual([
      "one",
      "two",
    ]);
    for (let count = 0; count < 10; count += 1) await client.get(`/flash/${count}${"x".repeat(600)}`);
    expect(client.cookies.get("__Host-flash")?.length).toBeLessThan(4000);
    const texts = (await client.get("/flashes")).json.flashes.map(({ text }: { text: string }) => text) as string[];
    expect(texts.at(-1)).toMatch(/^9x{499}$/);
    expect(texts[0]).not.toMatch(/^0/);
  });

  it("of somebody's own making are ignored", async () => {
    const system = await start();
    const client = system.client();
    await client.get("/flash/Saved");
    const sealed = client.cookies.get("__Host-flash") ?? "";
    const texts = ["x", "", '[{"category":"error","text":"<b>"}]'.replaceAll('"', "'"), sealed.slice(2), `${sealed}A`];
    for (const text of texts) {
      client.cookies.set("__Host-flash", text);
      expect((await client.get("/flashes")).json.flashes).toEqual([]);
    }
  });

  it("are escaped on the page", async () => {
    const system = await start();
    const client = system.client();
    await client.signIn(ann, goodPassword);
    await client.get(`/flash/${encodeURIComponent("<img src=x>")}`);
    const page = await client.get("/page");
    expect(page.text).toContain("&lt;img src=x&gt;");
    expect(page.text).not.toContain("<img");
  });
});
