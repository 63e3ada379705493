import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testClient } from "portcullis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { type LabArguments, readArguments } from "../lab/arguments.ts";
import { runLab, startLab } from "../lab/process.ts";
import { readSettings } from "../lab/settings.ts";

const folder = mkdtempSync(join(tmpdir(), "portcullis-lab-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The command line of a lab with this settings file. */
function given(settings: object, ...more: readonly string[]): LabArguments {
  const file = join(folder, "lab.json");
  writeFileSync(file, JSON.stringify(settings));
  return readArguments(["--port", "0", "--settings", file, ...more]);
}

const json = { headers: { accept: "application/json" } };

describe("the lab's own settings", () => {
  it("--origin says where its pages are", async () => {
    const other = await startLab(["--origin", "http://localhost:5001"], { RECOVERABLE: true });
    const post = { headers: { ...json.headers, origin: "http://localhost:5001" }, json: { email: "joe@lp.com" } };
    expect((await testClient(other.origin).post("/reset", post)).status).toBe(200);
    const [mail] = (await other.control("GET", "/outbox")) as { text: string }[];
    expect(mail?.text).toContain("http://localhost:5001/reset/");
    await other.stop();
  });

  it("ORIGINS says from where it may be asked", async () => {
    const two = await startLab([], { ORIGINS: ["https://one.example", "https://two.example"] });
    const from = async (origin: string): Promise<number> => {
      const login = { headers: { ...json.headers, origin }, json: { email: "joe@lp.com", password: "password" } };
      return (await testClient(two.origin).post("/login", login)).status;
    };
    expect([await from("https://two.example"), await from("https://three.example")]).toEqual([200, 400]);
    await two.stop();
  });

  it("NOTICES, ACCOUNT_DELETION and SESSIONS_PAGE turn features on and, in a full lab, off", () => {
    const own = ["notices", "accountDeletion", "sessions"];
    const features = (value: boolean, ...more: string[]): string[] => {
      const settings = { NOTICES: value, ACCOUNT_DELETION: value, SESSIONS_PAGE: value };
      const { translation } = readSettings(given(settings, ...more));
      return translation.features.map(({ name }) => name).filter((name) => own.includes(name));
    };
    expect(features(true).sort()).toEqual([...own].sort());
    expect(features(false, "--profile", "full")).toEqual([]);
  });

  it("what there is no feature for ends the start with 2 and the setting's name", async () => {
    const { status, stdout, stderr } = await runLab(["--port", "0"], { PROVIDERS: [] });
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/PROVIDERS: there is no feature for it/);
  });

  it.each<[object, string | undefined, RegExp]>([
    [{ REQUIRED_FACTORS: ["admin"] }, undefined, /REQUIRED_FACTORS: there is no feature for it/],
    [{ ORIGINS: "https://one.example" }, undefined, /ORIGINS: a list of origins is expected/],
    [{ ORIGINS: [] }, undefined, /ORIGINS: a list of origins is expected/],
    [{ ORIGINS: ["https://b.example"] }, "https://a.example", /ORIGINS: either these or --origin/],
    [{ NOTICES: "yes" }, undefined, /NOTICES: true or false is expected/],
  ])("%j are refused", (settings, origin, said) => {
    const args = given(settings, ...(origin === undefined ? [] : ["--origin", origin]));
    expect(() => readSettings(args)).toThrow(said);
  });

  it("/_lab/trail has the audit entries since the start, the oldest first", async () => {
    const lab = await startLab();
    const before = (await lab.control("GET", "/trail")) as unknown[];
    const client = testClient(lab.origin);
    await client.post("/login", { ...json, json: { email: "joe@lp.com", password: "wrong" } });
    await client.signIn("joe@lp.com", "password");
    const trail = (await lab.control("GET", "/trail")) as { name: string; sequence: number }[];
    expect(before).toEqual([]);
    expect(trail.map(({ name }) => name)).toEqual(expect.arrayContaining(["userFailedAuthn", "userAuthenticated"]));
    expect(trail.map(({ sequence }) => sequence)).toEqual(
      trail.map(({ sequence }) => sequence).sort((one, two) => one - two),
    );
    await lab.stop();
  });
});
