import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, it, vi } from "vitest";
import { DatastoreError } from "../../model/errors.ts";
import { coreTables } from "../../model/tables.ts";
import type { Datastore } from "../contract.ts";
import { closeAll, environment, folder, newPath, open, opened } from "../fixtures/sqlite-files.ts";
import { sqlite } from "./index.ts";

afterEach(closeAll);

it.each([
  ["of a file reads at once what was committed before a transaction", newPath, 0],
  ["in memory waits for a transaction that has begun before", () => ":memory:", undefined],
])("a session %s", async (_title, pathOf, committed) => {
  const store = await open(pathOf());
  const session = { idHash: "hash", userId: null, createdAt: 1, lastSeenAt: 1, expiresAt: 2, data: {}, version: 0 };
  await store.insert("session", { ...session, methods: [] });
  const now = store.loadSession?.("hash");
  expect(now).not.toBeInstanceOf(Promise);
  expect(await now).toEqual({
    session: await store.findOne("session", { idHash: "hash" }),
    user: undefined,
    roles: [],
  });
  expect(await store.loadSession?.("other")).toBe(undefined);
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const work = store.transaction(async (tx) => {
    await tx.update("session", { idHash: "hash" }, { version: 1 });
    begun.resolve();
    await goOn.promise;
    await tx.update("session", { idHash: "hash" }, { version: 2 });
    // Inside, the store itself is refused: what is read now would not be what is written.
    await expect(Promise.resolve(store.loadSession?.("hash"))).rejects.toThrow("only its `tx`");
  });
  await begun.promise;
  const meanwhile = store.loadSession?.("hash");
  expect(meanwhile instanceof Promise).toBe(committed === undefined);
  goOn.resolve();
  await work;
  expect((await meanwhile)?.session.version).toBe(committed ?? 2);
  expect((await store.loadSession?.("hash"))?.session.version).toBe(2);
});

it.each(["read", "missing"])(
  "a session is read in the file that was opened, wherever the process is by then: %s",
  async (there) => {
    const path = newPath();
    const session = { idHash: "hash", userId: null, createdAt: 1, lastSeenAt: 1, expiresAt: 2, data: {}, version: 0 };
    const before = process.cwd();
    const elsewhere = mkdtempSync(join(folder, "elsewhere-"));
    try {
      process.chdir(folder);
      const store = await open(basename(path));
      await store.insert("session", { ...session, methods: [] });
      if (there === "read") {
        const copied = await open(join(elsewhere, basename(path)));
        await copied.insert("session", { ...session, methods: [], version: 7 });
      }
      process.chdir(elsewhere);
      const [begun, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const work = store.transaction(async () => {
        begun.resolve();
        await goesOn.promise;
      });
      await begun.promise;
      const found = store.loadSession?.("hash");
      expect(found).not.toBeInstanceOf(Promise);
      expect((await found)?.session.version).toBe(0);
      goesOn.resolve();
      await work;
    } finally {
      process.chdir(before);
    }
  },
);

it("tells of a failing read and of a closed database by a rejection", async () => {
  const path = newPath();
  const store = await open(path);
  const db = new DatabaseSync(path);
  db.exec("drop table portcullis_session");
  db.close();
  await expect(Promise.resolve(store.loadSession?.("hash"))).rejects.toThrow(DatastoreError);
  await store.close();
  await expect(Promise.resolve(store.loadSession?.("hash"))).rejects.toThrow();
});

it.each([
  ["was replaced by another one", (path: string) => renameSync(`${path}.other`, path), "the file was replaced"],
  ["is gone", (path: string) => rmSync(path), "unable to open database file"],
])("reads by its one connection when the file %s while it was opened", async (_title, happens, reason) => {
  const path = newPath();
  const session = { idHash: "hash", userId: null, createdAt: 1, lastSeenAt: 1, expiresAt: 2, data: {}, version: 0 };
  for (const [file, version] of [
    [path, 0],
    [`${path}.other`, 7],
  ] as const) {
    const before = await open(file);
    await before.insert("session", { ...session, methods: [], version });
    await before.close();
  }
  const exec = DatabaseSync.prototype.exec;
  const watched = vi.spyOn(DatabaseSync.prototype, "exec").mockImplementation(function (
    this: DatabaseSync,
    command: string,
  ) {
    exec.call(this, command);
    // The connection that writes is open, the one that reads is not.
    if (command.includes("journal_mode")) happens(path);
  });
  const log: unknown[] = [];
  let store: Datastore;
  try {
    store = await sqlite(path).open(coreTables, { ...environment, log: (...line) => log.push(line) });
  } finally {
    watched.mockRestore();
    rmSync(`${path}.other`, { force: true });
  }
  opened.push(store);
  expect(log).toEqual([
    [expect.stringContaining("no second connection for reading"), { error: expect.stringContaining(reason) }],
  ]);
  const now = store.loadSession?.("hash");
  expect(now).not.toBeInstanceOf(Promise);
  expect((await now)?.session.version).toBe(0);
  const [begun, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const work = store.transaction(async (tx) => {
    await tx.update("session", { idHash: "hash" }, { version: 1 });
    begun.resolve();
    await goesOn.promise;
  });
  await begun.promise;
  const meanwhile = store.loadSession?.("hash");
  expect(meanwhile).toBeInstanceOf(Promise);
  goesOn.resolve();
  await work;
  expect((await meanwhile)?.session.version).toBe(1);
});

it("waits for the transaction when the connection that reads fails", async () => {
  const path = newPath();
  const store = await open(path);
  const session = { idHash: "hash", userId: null, createdAt: 1, lastSeenAt: 1, expiresAt: 2, data: {}, version: 0 };
  await store.insert("session", { ...session, methods: [] });
  const prepare = DatabaseSync.prototype.prepare;
  let fails = true;
  const [begun, goesOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const work = store.transaction(async (tx) => {
    await tx.update("session", { idHash: "hash" }, { version: 1 });
    begun.resolve();
    await goesOn.promise;
  });
  await begun.promise;
  const watched = vi.spyOn(DatabaseSync.prototype, "prepare").mockImplementation(function (
    this: DatabaseSync,
    text: string,
  ) {
    if (!fails) return prepare.call(this, text);
    fails = false;
    throw new Error("disk I/O error");
  });
  try {
    const meanwhile = store.loadSession?.("hash");
    expect([fails, meanwhile instanceof Promise]).toEqual([false, true]);
    // The next one reads again.
    const after = store.loadSession?.("hash");
    expect(after).not.toBeInstanceOf(Promise);
    expect((await after)?.session.version).toBe(0);
    goesOn.resolve();
    await work;
    expect((await meanwhile)?.session.version).toBe(1);
  } finally {
    watched.mockRestore();
  }
});
