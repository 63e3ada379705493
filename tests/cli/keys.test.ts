import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Folder, folder } from "./command.ts";

let place: Folder;
beforeEach(() => {
  place = folder();
  place.write(
    "app.ts",
    `
import { apiKey, portcullis } from "portcullis";
import { apiKeys, passwords } from "portcullis/features";
import { sqlite } from "portcullis/sqlite";
export const security = await portcullis({
  secretKeys: ["a-key-for-tests-of-at-least-thirty-two-characters"],
  origins: ["http://localhost:3000"],
  datastore: sqlite("app.db"),
  features: [passwords(), apiKeys({ maxLife: "30d" })],
  schemes: [apiKey()],
  roles: ["member"],
  permissions: ["read", "write"],
});
export const app = security.app();
app.get("/me", { authz: "AUTH", authn: ["apiKey"] }, (c) => c.json({ user: c.var.user.email, may: [...c.var.user.permissions] }));
`,
  );
  place.write(
    "call.ts",
    `import { app, security } from "./app.ts";
const answer = await app.request("http://localhost:3000/me", { headers: { authorization: \`Bearer \${process.argv[2]}\` } });
console.log(answer.status, answer.status === 200 ? await answer.text() : "");
await security.close();`,
  );
});
afterEach(() => place.remove());

describe("portcullis keys", () => {
  it("makes a key that works within its bounds, lists it without its secret, and ends it", async () => {
    await place.portcullis("users", "create", "ann@acme.example", "--no-password");
    const refused = await place.portcullis("keys", "create", "id:1", "--name", "backup", "--permission", "read");
    expect(refused).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining('permission "read"') });
    await place.portcullis("roles", "add-permissions", "member", "read", "write");
    await place.portcullis("roles", "add", "id:1", "member");
    const made = await place.portcullis("keys", "create", "id:1", "--name", "backup", "--permission", "read");
    expect(made.stdout).toMatch(/^pk_[0-9a-f]{24}_[\w-]{43}\n$/);
    const key = made.stdout.trim();
    expect((await place.node("call.ts", key)).stdout).toBe('200 {"user":"ann@acme.example","may":["read"]}\n');
    const tooLong = await place.portcullis("keys", "create", "id:1", "--name", "x", "--expires", "31d");
    expect(tooLong).toMatchObject({ code: 1, stderr: expect.stringContaining("key.seconds") });
    const listed = await place.portcullis("keys", "list", "id:1", "--json");
    const [shown] = JSON.parse(listed.stdout) as { id: string; name: string; permissions: string[] }[];
    expect(shown).toMatchObject({ name: "backup", permissions: ["read"] });
    expect(listed.stdout).not.toContain(key.slice(-43));
    expect((await place.portcullis("keys", "revoke", "id:1", "x")).code).toBe(1);
    expect((await place.portcullis("keys", "revoke", "id:1", shown?.id ?? "")).code).toBe(0);
    expect((await place.node("call.ts", key)).stdout).toBe("401 \n");
  }, 300_000);
});
