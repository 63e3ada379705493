/** The application's rule is asked about the account as it is when a command changes it: what was changed meanwhile wins. */
import { afterEach, beforeEach, expect, it } from "vitest";
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
let left = Number(process.env["CHANGE_AFTER"] ?? 0);
export const security = await portcullis({
  secretKeys: ["a-key-for-tests-of-at-least-thirty-two-characters"],
  origins: ["http://localhost:3000"],
  datastore: sqlite("app.db"),
  features: [passwords(), apiKeys()],
  schemes: [apiKey()],
  ruleDeadline: "1m",
  limits: { lockout: { failures: 3, periods: ["1h"] } },
  passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
  manages: {
    async check(_actor, target) {
      const may = target.username === null;
      left -= 1;
      // Just after it was asked, somebody else puts the account out of reach.
      if (may && left === 0) await security.users.update(target.id, { username: "kept" + target.id });
      return may;
    },
  },
  log: () => {},
});
`,
  );
  place.write(
    "state.ts",
    `import { security } from "./app.ts";
const state = [];
for (const { id, password, fsUniquifier, fsTokenUniquifier } of (await security.users.page({ limit: 100 })).users) {
  const devices = (await security.devices.of(id)).map((device) => device.id);
  const keys = (await security.apiKeys.of(id)).map((key) => key.id);
  state.push({ id, password, fsUniquifier, fsTokenUniquifier, devices, keys });
}
console.log(JSON.stringify({ state, locked: (await security.lockouts()).map(({ userId }) => userId) }));
await security.close();`,
  );
  place.write(
    "prepare.ts",
    `import { testClient } from "portcullis/testing";
import { security } from "./app.ts";
const app = security.app();
const made = [];
for (let count = 1; count <= Number(process.argv[2]); count += 1) {
  const email = \`user\${count}@acme.example\`;
  const password = "correct horse battery";
  const user = await security.users.create({ email, password });
  await testClient(app, "http://localhost:3000").signIn(email, password);
  const { key } = await security.apiKeys.create(user, { name: "backup" });
  const [device] = await security.devices.of(user);
  // Locked by guesses.
  for (let guess = 0; guess < 100; guess += 1) {
    if ((await security.lockouts()).some(({ userId }) => userId === user.id)) break;
    await security.verifyPassword(user, "wrong").catch(() => {});
  }
  made.push({ id: user.id, key: key.id, device: device.id });
}
console.log(JSON.stringify(made));
await security.close();`,
  );
});
afterEach(() => place.remove());

interface Made {
  readonly id: number;
  readonly key: string;
  readonly device: string;
}

/** Each with how often the rule is asked before the change begins, and what is typed. */
const commands: readonly (readonly [args: (made: Made) => readonly string[], asked?: number, input?: string])[] = [
  [({ id }) => ["users", "unlock", `id:${id}`]],
  [({ id }) => ["users", "reset-access", `id:${id}`]],
  [({ id }) => ["users", "delete", `id:${id}`, "--yes"], 1],
  [({ id }) => ["users", "change-password", `id:${id}`], 0, "another horse battery\n"],
  [({ id }) => ["users", "deactivate", `id:${id}`], 1],
  [({ id }) => ["users", "sessions", `id:${id}`, "--end-all"]],
  [({ id, device }) => ["users", "sessions", `id:${id}`, "--end", device]],
  [({ id }) => ["keys", "create", `id:${id}`, "--name", "new"]],
  [({ id, key }) => ["keys", "revoke", `id:${id}`, key]],
];

it("a command does nothing to an account that was put out of reach since the rule was asked", async () => {
  const prepared = await place.node("prepare.ts", String(commands.length));
  expect(prepared.stderr).toBe("");
  const made = JSON.parse(prepared.stdout) as readonly Made[];
  const before = (await place.node("state.ts")).stdout;
  expect(JSON.parse(before)).toMatchObject({ locked: made.map(({ id }) => id) });
  for (const [index, [args, asked = 0, input]] of commands.entries()) {
    const env = { CHANGE_AFTER: String(asked + 1) };
    const { code, stderr } = await place.calls(
      args(made[index] as Made),
      input === undefined ? { env } : { env, input },
    );
    expect([args(made[index] as Made), code, stderr]).toEqual([
      args(made[index] as Made),
      1,
      expect.stringContaining("manages.check"),
    ]);
  }
  expect((await place.node("state.ts")).stdout).toBe(before);
}, 600_000);
