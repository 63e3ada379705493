/** A text that nothing says could be reworded (`messages`, `MSG_…`) without anybody ever seeing it. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { english } from "./en/index.ts";
import type { Entry } from "./message.ts";

const root = new URL("../", import.meta.url);

test("every message is said somewhere", () => {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.startsWith("i18n") && !/\.test(?:-d)?\.ts$/.test(file),
  );
  const words = new Set(
    files.flatMap((file) => readFileSync(new URL(file, root), "utf8").match(/\b[A-Z][A-Z0-9_]+\b/g)),
  );
  const messages = Object.entries(english as Readonly<Record<string, Entry>>).filter(
    ([, entry]) => typeof entry === "object",
  );
  expect(messages.length).toBeGreaterThan(100);
  expect(messages.map(([key]) => key).filter((key) => !words.has(key))).toEqual([]);
});
