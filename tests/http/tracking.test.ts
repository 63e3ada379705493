import { passwords, registration, tracking } from "portcullis/features";
import { describe, expect, it } from "vitest";
import { goodPassword, hour, minute, type System, start } from "./authn-system.ts";

const features = [passwords(), registration(), tracking()];
const email = "ann@acme.example";

const row = async (system: System) => (await system.store.findOne("user", { email })) ?? {};

describe("tracking", () => {
  it("keeps the current and the last sign-in and counts them", async () => {
    const system = await start({ features });
    const first = new Date(system.now());
    await system.client().signIn(email, goodPassword);
    expect(await row(system)).toMatchObject({ loginCount: 1, currentLoginAt: first, lastLoginAt: first });
    system.advance(hour);
    await system.client().signIn(email, goodPassword);
    expect(await row(system)).toMatchObject({
      loginCount: 2,
      currentLoginAt: new Date(first.getTime() + hour),
      lastLoginAt: first,
    });
  });

  it("counts failures since the last sign-in, also many at once", async () => {
    const system = await start({ features });
    const wrong = () => system.client().post("/login", { json: { email, password: "wrong wrong" } });
    await Promise.all([wrong(), wrong(), wrong()]);
    await expect.poll(async () => (await row(system))["failedLoginCount"]).toBe(3);
    expect(await row(system)).toMatchObject({ loginCount: null });
    await system.client().signIn(email, goodPassword);
    expect(await row(system)).toMatchObject({ failedLoginCount: 0, loginCount: 1 });
  });

  it("counts all of several sign-ins at once", async () => {
    const system = await start({ features });
    await Promise.all([1, 2, 3, 4].map(() => system.client().signIn(email, goodPassword)));
    expect(await row(system)).toMatchObject({ loginCount: 4 });
  });

  it("neither a restored session nor proving it again is a sign-in", async () => {
    const system = await start({ features });
    const client = system.client();
    await client.signIn(email, goodPassword, { remember: true });
    system.advance(minute);
    expect((await client.post("/verify", { json: { password: goodPassword } })).status).toBe(200);
    client.cookies.delete("session");
    client.cookies.delete("__Host-session");
    expect((await client.get("/me")).status).toBe(200);
    expect(await row(system)).toMatchObject({ loginCount: 1 });
  });

  it("handlers on every device see the newest, and only this user's sessions are read again", async () => {
    const system = await start({ features });
    system.app.get("/count", { authz: "AUTH" }, (c) => c.json({ count: c.var.user.loginCount }));
    const [one, two, other] = [system.client(), system.client(), system.client()];
    await one.signIn(email, goodPassword);
    await other.signIn("ada@acme.example", goodPassword);
    expect((await one.get("/count")).json.count).toBe(1);
    await other.get("/count");
    await two.signIn(email, goodPassword);
    const before = system.security.cacheStats().session;
    await other.get("/count");
    expect(system.security.cacheStats().session.hits).toBe(before.hits + 1);
    expect((await one.get("/count")).json.count).toBe(2);
    expect((await two.get("/count")).json.count).toBe(2);
  });
});
