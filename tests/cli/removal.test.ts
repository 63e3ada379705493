/** An account that the command removes takes along what the application keeps of it, as by every other way. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Folder, folder } from "./command.ts";

let place: Folder;
beforeEach(() => {
  place = folder();
  place.write(
    "app.ts",
    `import { appendFileSync } from "node:fs";
import { portcullis } from "portcullis";
import { accountDeletion, passwords } from "portcullis/features";
import { sqlite } from "portcullis/sqlite";

export const security = await portcullis({
  secretKeys: ["a-key-for-tests-of-at-least-thirty-two-characters"],
  origins: ["http://localhost:3000"],
  datastore: sqlite("app.db"),
  features: [passwords(), accountDeletion({ onDelete: (user) => appendFileSync("removed.txt", user.email + "\\n") })],
  mail: { from: "no-reply@acme.example", sender: { send: async () => undefined } },
});
`,
  );
  place.write(
    "removed.ts",
    `import { readFileSync } from "node:fs";\nconsole.log(readFileSync("removed.txt", "utf8"));`,
  );
});
afterEach(() => place.remove());

it("users delete asks the application to remove its own data first", async () => {
  const made = await place.portcullis("users", "create", "ann@acme.example", "--no-password");
  expect(made).toMatchObject({ code: 0, stderr: "" });
  const gone = await place.portcullis("users", "delete", "id:1", "--yes");
  expect(gone).toMatchObject({ code: 0, stdout: "ann@acme.example (id:1): deleted\n" });
  expect((await place.node("removed.ts")).stdout.trim()).toBe("ann@acme.example");
}, 120_000);
