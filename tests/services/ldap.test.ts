import { type AddressInfo, createServer } from "node:net";
import { portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { ldap } from "portcullis/ldap";
import { testClient } from "portcullis/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { basic, basics, call, origin, password, plant } from "../declared/system.ts";
import { describeService } from "./available.ts";
import { base, type Directory, people, secret, service, startDirectory } from "./directory.ts";

const dn = `uid={login},${people}`;

describeService("slapd", "passwords that a directory checks", (program) => {
  let directory: Directory;
  beforeAll(async () => {
    directory = await startDirectory(program);
  });
  afterAll(() => directory.stop());

  const plain = () => ({ url: directory.url, allowPlaintext: true }) as const;
  const search = { base, attribute: "uid", ...service };

  it("by a bind with the name made of the login [ASVS 1.2.6]", async () => {
    const check = ldap({ ...plain(), dn });
    expect(await check("ann", secret, undefined)).toBe(true);
    expect(await check("ANN", secret, undefined)).toBe(true);
    expect(await check("ann", "wrong", undefined)).toBe(false);
    expect(await check("nobody", secret, undefined)).toBe(false);
    expect(await check("empty", secret, undefined)).toBe(false);
    // A comma in a login is a value, and no further part of the name.
    expect(await check("bob, jr.", secret, undefined)).toBe(true);
    expect(await check(`ann,${people}`, secret, undefined)).toBe(false);
    await check.close?.();
  });

  it("never by a bind as nobody: without a password, or with one that ends early", async () => {
    for (const check of [ldap({ ...plain(), dn }), ldap({ ...plain(), search })]) {
      for (const wrong of ["", "\0", `${secret}\0`, "x".repeat(2000)]) {
        expect([wrong, await check("ann", wrong, undefined)]).toEqual([wrong, false]);
      }
      for (const wrong of ["", "\0", "ann\0", "a".repeat(300), "\ud800"]) {
        expect([wrong, await check(wrong, secret, undefined)]).toEqual([wrong, false]);
      }
    }
  });

  it("by a search for the entry, and a bind with its name", async () => {
    const check = ldap({ ...plain(), search });
    expect(await check("ann", secret, undefined)).toBe(true);
    expect(await check("ann", "wrong", undefined)).toBe(false);
    expect(await check("bob, jr.", secret, undefined)).toBe(true);
    // Not in the directory: the stored hash decides. Two entries: nobody.
    expect(await check("nobody", secret, undefined)).toBeUndefined();
    expect(await check("twin", secret, undefined)).toBe(false);
    const below = ldap({ ...plain(), search: { ...search, base: people, scope: "one" } });
    expect(await below("twin", secret, undefined)).toBe(true);
    const byMail = ldap({ ...plain(), search: { ...search, attribute: "mail", filter: "(employeeType=staff)" } });
    expect(await byMail("ann@acme.example", secret, undefined)).toBe(true);
    expect(await byMail("bob@acme.example", secret, undefined)).toBeUndefined();
  });

  it("why it is no is told to the operator, and nothing of what was typed", async () => {
    const told: string[] = [];
    const note = (why: string): void => void told.push(why);
    const byName = ldap({ ...plain(), dn });
    const bySearch = ldap({ ...plain(), search });
    expect(await byName("ann", "wrong", undefined, note)).toBe(false);
    expect(await bySearch("twin", secret, undefined, note)).toBe(false);
    expect(await bySearch("nobody", secret, undefined, note)).toBeUndefined();
    expect(await byName("ann", secret, undefined, note)).toBe(true);
    expect(told).toEqual([
      "the directory refused the bind: invalidCredentials (49)",
      "the search of the directory finds several entries for one login",
    ]);
    const log: unknown[] = [];
    const security = await portcullis({
      ...basics(),
      features: [passwords()],
      authn: ["basic"],
      passwords: { ...basics().passwords, check: bySearch },
      log: (...line: unknown[]) => void log.push(line),
    } as never);
    const app = security.app();
    app.get("/me", { authz: "AUTH" }, (c) => c.text("me"));
    for (let round = 0; round < 3; round += 1) {
      await call(app, "/me", { headers: { authorization: basic("twin", secret) } });
    }
    expect(log.filter((line) => JSON.stringify(line).includes("several entries"))).toEqual([
      ["a credential was refused", { scheme: "password", why: told[1] }],
    ]);
    await security.close();
  });

  it("what is typed is no filter [ASVS 1.2.6]", async () => {
    const check = ldap({ ...plain(), search });
    for (const typed of ["*", "a*", "ann)(uid=*", "*)(objectClass=*", "ann\\", "(uid=ann)", "ann)(|(uid=*"]) {
      expect([typed, await check(typed, secret, undefined)]).toEqual([typed, undefined]);
    }
  });

  it("over TLS, to a server whose certificate is trusted, and to no other [ASVS 12.3.2]", async () => {
    const { secureUrl, url, ca } = directory;
    const startTls = url.replace("127.0.0.1", "localhost");
    expect(await ldap({ url: secureUrl, dn, ca })("ann", secret, undefined)).toBe(true);
    expect(await ldap({ url: startTls, startTls: true, dn, ca })("ann", secret, undefined)).toBe(true);
    await expect(ldap({ url: secureUrl, dn })("ann", secret, undefined)).rejects.toMatchObject({ code: "datastore" });
    await expect(ldap({ url: startTls, startTls: true, dn })("ann", secret, undefined)).rejects.toMatchObject({
      code: "datastore",
    });
  });

  it("a directory that is gone, silent, or does not know its reader refuses [ASVS 13.2.6]", async () => {
    // Reads, and never says anything.
    const silent = createServer((socket) => void socket.resume());
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as AddressInfo;
    const wrongReader = { ...search, bindPassword: "wrong" };
    for (const options of [
      { url: "ldap://127.0.0.1:1", allowPlaintext: true, dn },
      { url: `ldap://127.0.0.1:${port}`, allowPlaintext: true, dn, timeout: 200 },
      { ...plain(), search: wrongReader },
    ]) {
      await expect(ldap(options)("ann", secret, undefined)).rejects.toMatchObject({ code: "datastore" });
    }
    await new Promise((resolve) => silent.close(resolve));
  });

  it("many at once wait for their turn, in bounds", async () => {
    const check = ldap({ ...plain(), dn, concurrency: 2, queue: 4 });
    const answers = await Promise.allSettled(Array.from({ length: 10 }, () => check("ann", secret, undefined)));
    const good = answers.filter((answer) => answer.status === "fulfilled" && answer.value === true);
    const full = answers.filter((answer) => answer.status === "rejected" && answer.reason.code === "overloaded");
    expect([good.length, full.length]).toEqual([6, 4]);
  });

  it("serves the sign-in page and HTTP Basic of an application with accounts", async () => {
    const byMail = { ...search, attribute: "mail" };
    const security = await portcullis({
      ...basics(),
      features: [passwords()],
      passwords: { ...basics().passwords, check: ldap({ ...plain(), search: byMail }) },
    });
    await plant(security);
    await security.users.create({ email: "local@acme.example", password });
    const app = security.app();
    app.get("/me", { authz: "AUTH", authn: ["session", "basic"] }, (c) => c.text(c.var.user.email));
    const client = testClient(app, origin);
    expect((await client.signIn("ann@acme.example", secret)).status).toBe(200);
    expect((await client.get("/me")).text).toBe("ann@acme.example");
    const status = async (user: string, secret: string): Promise<number> =>
      (await call(app, "/me", { headers: { authorization: basic(user, secret) } })).status;
    expect(await status("ann@acme.example", "wrong")).toBe(401);
    // In the directory and not here, and the other way round.
    expect(await status("bob@acme.example", secret)).toBe(401);
    expect(await status("local@acme.example", password)).toBe(200);
    await security.close();
  });

  it("serves an application without a datastore: who is in the directory gets in", async () => {
    const { datastore: _, ...without } = basics();
    const security = await portcullis({
      ...without,
      authn: ["basic"],
      passwords: { ...without.passwords, check: ldap({ ...plain(), dn }) },
      groups: ["staff"],
      groupCheck: (user) => user.username === "ann",
    });
    const app = security.app();
    app.get("/staff", { authz: "staff" }, (c) => c.text(c.var.user.username ?? ""));
    const by = (user: string, secret: string) =>
      call(app, "/staff", { headers: { authorization: basic(user, secret) } });
    expect((await by("ann", secret)).text).toBe("ann");
    // One person in every spelling, with one budget of guesses.
    expect((await by("ANN ", secret)).text).toBe("ann");
    expect((await by("bob, jr.", secret)).status).toBe(403);
    expect((await by("ann", "wrong")).status).toBe(401);
    await security.close();
  });
});
