import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { twoProcesses } from "../services/two-processes.ts";

let folder = "";
afterAll(() => rm(folder, { recursive: true, force: true }));

twoProcesses("one SQLite file", true, async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-"));
  return ["sqlite", join(folder, "accounts.db")];
});
