import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Folder, folder, starting } from "./command.ts";

let program: Folder;
beforeEach(() => {
  program = folder();
});
afterEach(() => program.remove());

describe("portcullis openapi", () => {
  it("prints the description of the application in app.ts and nothing else", async () => {
    program.write(
      "app.ts",
      `${starting()}
const security = await start();
export const app = security.app();
app.get("/store/:sid", { authz: "employee" }, (c) => c.text("a store"));
console.log("started");
`,
    );
    const { code, stdout, stderr } = await program.portcullis("openapi");
    const document = JSON.parse(stdout);
    expect(document.openapi).toBe("3.1.1");
    expect(document.paths["/store/{sid}"].get.security).toEqual([{ token: [] }, { session: [] }]);
    expect(document.paths["/openapi.json"]).toBeUndefined();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "started\n" });
  });

  it("says so when there is no application", async () => {
    program.write("app.ts", "export const nothing = 1;");
    const { code, stdout, stderr } = await program.portcullis("openapi");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("security.app()");
  });
});
