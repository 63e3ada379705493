// What the compiler says of a wrong declaration: the word that is wrong, not another signature.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

const program = `import { object, portcullis, rolesRequired } from "portcullis";
import { memory } from "portcullis/memory";
const security = await portcullis({
  secretKeys: ["a key of a program that never runs"],
  origins: ["https://shop.example"],
  datastore: memory(),
  roles: ["employee", "admin"],
  objects: { store: (_user, id: number) => id === 1, book: () => undefined },
});
const app = security.app();
const text = (c: { text(body: string): Response }): Response => c.text("");
`;

/** Each declaration with what is said of it. */
const wrong: readonly (readonly [declaration: string, said: string])[] = [
  [
    'app.get("/:sid{int}", { authz: object("shop", "sid") }, text);',
    `'"shop"' is not assignable to type '"book" | "store"'`,
  ],
  ['app.get("/:sid{int}", { authz: object("store", "id") }, text);', `'"id"' is not assignable to type '"sid"'`],
  ['app.get("/:sid", { authz: object("store", "sid") }, text);', `'"store by sid"' is not assignable to type`],
  ['app.on("PUT", "/:sid{int}", { authz: object("shop", "sid") }, text);', `'"shop"' is not assignable to type`],
  [
    'app.get("/", { authz: rolesRequired("boss") }, text);',
    `'"boss"' is not assignable to type '"admin" | "employee"'`,
  ],
  ['app.get("/", { authz: "boss" }, text);', `'"boss"' is not assignable to type 'Authz<`],
  ['app.get("/", { authz: "AUTH", authn: ["jwtt"] }, text);', `'"jwtt"' is not assignable to type 'BuiltInScheme'`],
  ['app.get("/", { authz: "AUTH", tyop: 1 }, text);', "'tyop' does not exist in type"],
  ['app.get("/", { authz: "AUTH" }, () => 5);', "'number' is not assignable to type 'HandlerResponse"],
  ['app.get("/", text);', "declare { authz: … } between the path and the handler"],
];

it("names what is wrong in a declaration", async () => {
  const folder = mkdtempSync(join(tmpdir(), "compiler-messages-"));
  try {
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "app.ts"), `${program}${wrong.map(([declaration]) => declaration).join("\n")}\n`);
    const compilerOptions = { typeRoots: [join(root, "node_modules/@types")] };
    const config = { extends: join(root, "tsconfig.json"), compilerOptions, files: ["app.ts"], include: [] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const output = await new Promise<string>((resolve) => {
      execFile(join(root, "node_modules/.bin/tsc"), ["-p", folder, "--pretty", "false"], (_error, stdout) =>
        resolve(stdout),
      );
    });
    const first = program.split("\n").length;
    const messages = output.split(/\n(?=\S)/);
    for (const [index, [declaration, said]] of wrong.entries()) {
      const own = messages.filter((message) => message.includes(`app.ts(${first + index},`));
      expect([declaration, own.join("\n")]).toEqual([declaration, expect.stringContaining(said)]);
    }
    expect(messages.filter((message) => message.trim() !== "" && !message.includes("app.ts("))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
