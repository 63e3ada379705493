import { sqlite } from "portcullis/sqlite";
import type { TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { goodPassword, otherPassword, type System, start, tokenOf, userId } from "./authn-system.ts";

const ann = "ann@acme.example";
const bob = "bob@acme.example";
const json = { headers: { accept: "application/json" } };

const me = async (client: TestClient): Promise<string | number> => {
  const answer = await client.get("/me", json);
  return answer.status === 200 ? (answer.json.user as string) : answer.status;
};

async function signedIn(system: System, email = ann, password = goodPassword): Promise<TestClient> {
  const client = system.client();
  await client.signIn(email, password);
  // Warm: what follows must be effective although the session is in the cache.
  for (let count = 0; count < 2; count += 1) expect(await me(client)).toBe(email);
  return client;
}

describe.each([
  ["memory", undefined],
  ["sqlite", ":memory:"],
] as const)("a change of the account on %s is effective on the next request of a warm session", (_name, path) => {
  const system = (): Promise<System> => start(path === undefined ? {} : { datastore: sqlite(path) });

  it.each<[string, (system: System, id: number) => Promise<unknown>]>([
    ["deactivate", ({ security }, id) => security.users.deactivate(id)],
    ["toggleActive", ({ security }, id) => security.users.toggleActive(id)],
    ["delete", ({ security }, id) => security.users.delete(id)],
    ["setUniquifier", ({ security }, id) => security.users.setUniquifier(id)],
    ["setPassword", ({ security }, id) => security.users.setPassword(id, "a new passphrase")],
    ["setPassword(null)", ({ security }, id) => security.users.setPassword(id, null)],
    ["resetAccess", ({ security }, id) => security.users.resetAccess(id)],
  ])("%s ends sessions, tokens and remember credentials", async (_operation, change) => {
    const here = await system();
    const client = here.client();
    await client.signIn(ann, goodPassword, { remember: true });
    const token = await tokenOf(here.client(), ann, goodPassword);
    const header = { headers: { ...json.headers, "authentication-token": token } };
    expect(await me(client)).toBe(ann);
    expect((await here.client().get("/token", header)).status).toBe(200);
    await change(here, await userId(here, ann));
    expect((await here.client().get("/token", header)).status).toBe(401);
    expect(await me(client)).toBe(401);
    const rows = await Promise.all(["session", "remember"].map((table) => here.store.count(table, {})));
    expect(rows).toEqual([0, 0]);
  });

  it("what was ended by deactivation stays ended when the account is active again", async () => {
    const here = await system();
    const client = await signedIn(here);
    const id = await userId(here, ann);
    await here.security.users.deactivate(id);
    await here.security.users.activate(id);
    expect(await me(client)).toBe(401);
    await client.signIn(ann, goodPassword);
    expect(await me(client)).toBe(ann);
  });

  it("addRole and removeRole", async () => {
    const here = await system();
    const client = await signedIn(here, bob, otherPassword);
    const id = await userId(here, bob);
    expect((await client.get("/employee", json)).status).toBe(403);
    await here.security.users.addRole(id, "employee");
    expect((await client.get("/employee", json)).status).toBe(200);
    await here.security.users.removeRole(id, "employee");
    expect((await client.get("/employee", json)).status).toBe(403);
    expect(await me(client)).toBe(bob);
  });

  it("permissions of a role, and the role itself", async () => {
    const here = await system();
    const client = await signedIn(here);
    const may = async (): Promise<boolean> => (await client.get("/permission")).json.read as boolean;
    expect(await may()).toBe(false);
    await here.security.roles.addPermissions("employee", "read");
    expect(await may()).toBe(true);
    await here.security.roles.removePermissions("employee", "read");
    expect(await may()).toBe(false);
    expect((await client.get("/employee", json)).status).toBe(200);
    await here.security.roles.delete("employee");
    expect((await client.get("/employee", json)).status).toBe(403);
  });

  it("setTokenUniquifier ends tokens, not sessions", async () => {
    const here = await system();
    const client = await signedIn(here);
    const token = await tokenOf(here.client(), ann, goodPassword);
    const header = { headers: { ...json.headers, "authentication-token": token } };
    expect((await here.client().get("/token", header)).status).toBe(200);
    await here.security.users.setTokenUniquifier(await userId(here, ann));
    expect((await here.client().get("/token", header)).status).toBe(401);
    expect(await me(client)).toBe(ann);
    const next = await tokenOf(here.client(), ann, goodPassword);
    expect((await here.client().get("/token", { headers: { "authentication-token": next } })).status).toBe(200);
  });

  it("a change past the operations, once invalidate() tells of it", async () => {
    const here = await system();
    const client = await signedIn(here);
    await here.store.update("user", { email: ann }, { active: false });
    await here.security.invalidate({ id: await userId(here, ann) });
    expect(await me(client)).toBe(401);
  });
});
