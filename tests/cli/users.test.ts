import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Folder, folder, hasTerminals, type Outcome, onTerminal, starting, terminalCommand } from "./command.ts";

let place: Folder;
beforeEach(() => {
  place = folder();
  place.write(
    "app.ts",
    `${starting('sqlite("app.db")', 'permissions: ["read"],')}export const security = await start();\n`,
  );
  place.write(
    "check.ts",
    `import { security } from "./app.ts";
const ann = await security.users.find("email", "ann@acme.example");
console.log(await security.verifyPassword(ann, process.argv[2] ?? ""));
await security.close();`,
  );
});
afterEach(() => place.remove());

const password = "correct horse battery";
const call = (...args: string[]): Promise<Outcome> => place.portcullis(...args);
const json = async (...args: string[]): Promise<Record<string, unknown>> => {
  const { code, stdout, stderr } = await call(...args, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Record<string, unknown>;
};

describe("portcullis users and roles", () => {
  it("a session: create, grant, list, shut out, let in again, remove", async () => {
    const made = await place.calls(["users", "create", "ann@acme.example", "--role", "admin", "--username", "Ann"], {
      input: `${password}\n`,
    });
    expect(made).toEqual({ code: 0, stdout: "ann@acme.example (id:1): created\n", stderr: "" });
    expect((await place.node("check.ts", password)).stdout).toBe("true\n");
    expect(
      await json("users", "create", "bob@acme.example", "--no-password", "--inactive", "--confirmed"),
    ).toMatchObject({
      user: { id: 2, active: false, has_password: false, confirmed_at: expect.stringMatching(/^20/) },
    });
    expect(await json("roles", "create", "editor", "--permission", "read")).toMatchObject({ permissions: ["read"] });
    expect((await call("roles", "add-permissions", "editor", "write", "fly")).stdout).toBe(
      "editor: fly, read, write\n",
    );
    expect((await call("roles", "remove-permissions", "editor", "fly")).stdout).toBe("editor: read, write\n");
    expect((await call("roles", "add", "ANN", "editor")).stdout).toBe("ann@acme.example (id:1): has it now: editor\n");
    expect(await json("roles", "add", "id:1", "editor")).toMatchObject({ changed: false });
    expect(await json("roles", "remove", "Ann@acme.example", "admin")).toMatchObject({ user: { roles: ["editor"] } });
    const roles = (await call("roles", "list")).stdout.split("\n").map((line) => line.split(/ {2,}/));
    expect(roles).toContainEqual(["editor", "read, write"]);

    const listed = await json("users", "list", "--role", "editor");
    expect(listed).toMatchObject({ users: [{ email: "ann@acme.example", roles: ["editor"] }], next: null });
    expect(JSON.stringify(listed)).not.toMatch(/argon2|uniquifier/);
    const page = await call("users", "list", "--limit", "1");
    expect(page.stdout).toMatch(/^ID {2}E-MAIL .*\n1 {3}ann@acme\.example {2}Ann .*\n$/);
    const after = /--after (\S+)/.exec(page.stderr)?.[1] ?? "";
    expect((await call("users", "list", "--after", after)).stdout).toContain("bob@acme.example");
    expect((await call("users", "list", "--search", "bo", "--active")).stdout).not.toContain("bob");

    expect(await json("users", "activate", "bob@acme.example")).toMatchObject({
      user: { active: true },
      changed: true,
    });
    expect((await call("users", "deactivate", "id:2")).stdout).toBe("bob@acme.example (id:2): deactivated\n");
    expect((await call("users", "unlock", "id:2")).stdout).toBe("bob@acme.example (id:2): is not locked\n");
    expect((await call("users", "reset-access", "id:2")).code).toBe(0);
    expect(await call("users", "delete", "id:2")).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("--yes"),
    });
    expect((await call("users", "delete", "id:2", "--yes")).stdout).toBe("bob@acme.example (id:2): deleted\n");
    expect((await json("users", "list"))["users"]).toHaveLength(1);

    const trail = await call("audit", "export", "--user", "2");
    const names = trail.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(names.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["userDeleted", "accessReset", "userDeactivated", "userActivated", "userCreated"]),
    );
    expect(names[0]?.["route"]).toBe("portcullis users delete");
  }, 300_000);

  it("sets a password by the policy, and ends sessions with it", async () => {
    await place.calls(["users", "create", "ann@acme.example"], { input: password });
    const common = await place.calls(["users", "change-password", "ann@acme.example"], { input: "password1\n" });
    expect(common).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^portcullis: .*guess/) });
    expect((await place.node("check.ts", password)).stdout).toBe("true\n");
    const input = "another horse battery\nsecond line";
    expect((await place.calls(["users", "change-password", "ann@acme.example"], { input })).code).toBe(0);
    expect((await place.node("check.ts", "another horse battery")).stdout).toBe("true\n");
    place.write(
      "sign-in.ts",
      `import { security } from "./app.ts";
const app = security.app();
const call = (method, body, cookie) => app.request("http://localhost:3000/login", { method, body, headers: { accept: "application/json", "content-type": "application/json", origin: "http://localhost:3000", cookie: cookie ?? "", "user-agent": "Firefox/1 \\u001b[2J" } });
const page = await call("GET");
const cookies = page.headers.getSetCookie().map((it) => it.split(";")[0]).join("; ");
const { response } = await page.json();
const answer = await call("POST", JSON.stringify({ email: "ann@acme.example", password: "another horse battery", csrf_token: response.csrf_token }), cookies);
console.log(answer.status);
await security.close();`,
    );
    expect((await place.node("sign-in.ts")).stdout).toBe("200\n");
    const devices = (await json("users", "sessions", "ann@acme.example")) as unknown as { id: string }[];
    expect(devices).toHaveLength(1);
    const shown = (await call("users", "sessions", "ann@acme.example")).stdout;
    expect(shown).not.toContain("\u001b");
    expect((await call("users", "sessions", "ann@acme.example", "--end", "x")).code).toBe(1);
    expect((await call("users", "sessions", "ann@acme.example", "--end", devices[0]?.id ?? "")).code).toBe(0);
    expect(await json("users", "sessions", "ann@acme.example")).toEqual([]);
    expect((await place.node("sign-in.ts")).stdout).toBe("200\n");
    expect(await json("users", "sessions", "ann@acme.example", "--end-all")).toEqual({ ended: 1 });
  }, 300_000);

  it.each<[string[], number, string]>([
    [["users"], 2, "Usage: portcullis users"],
    [["users", "create", "nobody", "--no-password"], 1, "portcullis: user.email: not an e-mail address"],
    [
      ["users", "create", "a@acme.example", "--no-password", "--role", "boss"],
      1,
      'portcullis: there is no role "boss"',
    ],
    [["users", "create", "a@acme.example"], 2, "portcullis: no password came on standard input"],
    [["users", "activate", "nobody@acme.example"], 1, 'portcullis: there is no user "nobody@acme.example"'],
    [["users", "activate", "7"], 1, 'portcullis: there is no user "7"; an id is written id:7'],
    [["users", "list", "--limit", "0"], 2, "error: option '--limit <count>' argument '0' is invalid"],
    [["users", "list", "--after", "x"], 1, "portcullis: after: is no cursor of this list"],
    [["users", "list", "-m", "no.ts"], 2, "portcullis: there is no file "],
    [["roles", "add", "id:1"], 2, "error: missing required argument 'role'"],
    [["roles", "remove-permissions", "boss", "x"], 1, 'portcullis: there is no role "boss"'],
    [["keys", "list", "id:1"], 1, 'portcullis: there is no user "id:1"'],
  ])(
    "%j ends with %i",
    async (args, code, message) => {
      const outcome = await call(...args);
      expect(outcome.stderr.slice(0, message.length)).toBe(message);
      expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({ code, stdout: "" });
    },
    60_000,
  );
});

describe.skipIf(!hasTerminals)("on a terminal", () => {
  it("shows what is typed where a program does not ask for silence", async () => {
    const { stdout } = await onTerminal(place, "echo ready; head -1", [["ready", "not secret\r"]]);
    expect(stdout.match(/not secret/g)).toHaveLength(2);
  }, 60_000);

  it("asks for a new password twice, without echo", async () => {
    const create = terminalCommand("users", "create", "ann@acme.example");
    const { code, stdout } = await onTerminal(place, create, [
      ["New password: ", `${password}x\u007f\r`],
      ["Again: ", `${password}\r`],
    ]);
    expect(stdout).not.toContain("horse");
    expect(stdout).toContain("ann@acme.example (id:1): created");
    expect(code).toBe(0);
    expect((await place.node("check.ts", password)).stdout).toBe("true\n");
    const differing = await onTerminal(place, terminalCommand("users", "change-password", "id:1"), [
      ["New password: ", "one horse battery\r"],
      ["Again: ", "two horse battery\r"],
    ]);
    expect(differing.stdout).toContain("the two passwords differ");
    expect(differing.stdout).not.toContain("horse");
    expect(differing.code).toBe(1);
    const interrupted = await onTerminal(place, terminalCommand("users", "change-password", "id:1"), [
      ["New password: ", "hor\u0003"],
    ]);
    expect(interrupted.stdout).not.toContain("hor");
    expect(interrupted.code).toBe(130);
    expect((await place.node("check.ts", password)).stdout).toBe("true\n");
    const kept = await onTerminal(place, terminalCommand("users", "delete", "id:1"), [["for good? [y/N] ", "n\r"]]);
    expect(kept.stdout).toContain("nothing was done");
    expect(kept.code).toBe(1);
    const deleted = await onTerminal(place, terminalCommand("users", "delete", "id:1"), [["for good? [y/N] ", "y\r"]]);
    expect(deleted.stdout).toContain("ann@acme.example (id:1): deleted");
  }, 300_000);
});

/** What stands behind the account of a command. */
const rest = new Map<readonly string[], readonly string[]>();
const row = (command: string, behind = "", input?: string): readonly [readonly string[], string | undefined] => {
  const words = command.split(" ");
  rest.set(words, behind === "" ? [] : behind.split(" "));
  return [words, input];
};
/** Every command that acts on one account. */
const acting = [
  row("users deactivate"),
  row("users activate"),
  row("users unlock"),
  row("users reset-access"),
  row("users delete", "--yes"),
  row("users change-password", "", "another good password\n"),
  row("users sessions", "--end-all"),
  row("users sessions", "--end 0123456789abcdef"),
  row("roles add", "editor"),
  row("roles remove", "editor"),
  row("keys create", "--name backup"),
  row("keys revoke", "0123456789abcdef01234567"),
];
/** Those that act on none that is there, or on roles: what a role may is not about an account. */
const others = [
  ...["users create", "users list", "roles create", "roles list", "roles add-permissions", "roles remove-permissions"],
  "keys list",
];
/** Those that take an administrator away. */
const takingAway = [row("users deactivate"), row("users delete", "--yes"), row("roles remove", "admin")];

const withKeys = (datastore: string, more: string): string =>
  `${starting(datastore, `schemes: [apiKey()], ${more}`)
    .replace("{ open, portcullis }", "{ apiKey, open, portcullis }")
    .replace("{ passwords }", "{ apiKeys, passwords, userManagement }")
    .replace(
      "features: [passwords()]",
      "features: [passwords(), apiKeys(), userManagement()]",
    )}export const security = await start();\n`;

describe("the application's rule on accounts", () => {
  it("every command is in the table of those that act on an account, or known not to", async () => {
    const known = [...acting.map(([command]) => command.join(" ")), ...others];
    const found: string[] = [];
    for (const room of ["users", "roles", "keys"]) {
      const { stdout } = await call(room, "--help");
      const list = stdout.slice(stdout.indexOf("Commands:"));
      found.push(...[...list.matchAll(/^ {2}([a-z][a-z-]+) /gm)].map(([, name]) => `${room} ${name}`));
    }
    expect(found.filter((name) => !name.endsWith(" help")).sort()).toEqual([...new Set(known)].sort());
  }, 100_000);

  it("the last administrator stays, by whatever command", async () => {
    place.write("app.ts", withKeys('sqlite("app.db")', 'permissions: ["admin"],'));
    place.write(
      "plant.ts",
      `import { security } from "./app.ts";
const [ann] = [await security.users.create({ email: "ann@acme.example" }), await security.users.create({ email: "bob@acme.example" })];
await security.roles.addPermissions("admin", "admin");
await security.users.addRole(ann, "admin");
await security.close();`,
    );
    // Nothing but what each start on a plain-HTTP origin of this machine says.
    const said = expect.stringMatching(/^\{[^\n]*"message":"cookies go without Secure[^\n]*\}\n$/);
    expect(await place.node("plant.ts")).toMatchObject({ code: 0, stderr: said });
    for (const [command] of takingAway) {
      const { code, stderr } = await call(...command, "id:1", ...(rest.get(command) ?? []));
      expect([command, code, /last active administrator/.test(stderr)]).toEqual([command, 1, true]);
    }
    const permissions = await call("roles", "remove-permissions", "admin", "admin");
    expect([permissions.code, permissions.stderr]).toEqual([1, expect.stringContaining("last active administrator")]);
    await call("roles", "add", "id:2", "admin");
    expect((await call("users", "deactivate", "id:1")).code).toBe(0);
  }, 300_000);

  it("binds an operator in every command that acts on one, and groups do not", async () => {
    place.write(
      "app.ts",
      withKeys(
        'sqlite("app.db")',
        `permissions: ["admin"], groups: ["board"], groupCheck: () => true, manages: { check: (actor, target) => actor !== null || target.id !== 1 },`,
      ),
    );
    for (const name of ["ann", "bob"])
      await call("users", "create", `${name}@acme.example`, "--no-password", "--confirmed");
    await call("roles", "create", "editor");
    for (const [command, input] of acting) {
      const { code, stderr } = await place.calls(
        [...command, "id:1"].concat(rest.get(command) ?? []),
        input === undefined ? {} : { input },
      );
      expect([command, code, /manages\.check/.test(stderr)]).toEqual([command, 1, true]);
    }
    expect((await call("users", "sessions", "id:1")).code).toBe(0);
    expect((await call("users", "deactivate", "id:2")).code).toBe(0);
    expect((await call("users", "list")).stdout).toMatch(/ann@acme\.example +yes/);
  }, 300_000);

  it("is asked of what a command would make of an account, and of everybody who has a role", async () => {
    place.write(
      "app.ts",
      withKeys(
        'sqlite("app.db")',
        `permissions: ["admin", "own"], manages: { check: (actor, target) => !target.permissions.has("own") && !target.email.startsWith("boss") && !(target.active && target.username === "Sleeper") },`,
      ),
    );
    const refused = async (...args: string[]): Promise<void> => {
      const { code, stderr } = await call(...args);
      expect([args, code, stderr]).toEqual([args, 1, expect.stringContaining("manages.check")]);
    };
    await call("roles", "create", "owner", "--permission", "own");
    await call("roles", "create", "editor");
    await call("users", "create", "ann@acme.example", "--no-password", "--role", "editor");
    await refused("users", "create", "boss@acme.example", "--no-password");
    await refused("users", "create", "bob@acme.example", "--no-password", "--role", "owner");
    expect(
      (await call("users", "create", "bob@acme.example", "--no-password", "--username", "Sleeper", "--inactive")).code,
    ).toBe(0);
    await refused("users", "activate", "bob@acme.example");
    await refused("roles", "add", "ann@acme.example", "owner");
    await refused("roles", "add-permissions", "editor", "own");
    expect((await call("roles", "add-permissions", "editor", "read")).code).toBe(0);
    expect((await call("roles", "remove-permissions", "owner", "own")).code).toBe(0);
    expect((await json("users", "list"))["users"]).toMatchObject([
      { email: "ann@acme.example", roles: ["editor"] },
      { email: "bob@acme.example", active: false },
    ]);
    expect((await call("roles", "list")).stdout).toMatch(/editor +read/);
  }, 300_000);
});
