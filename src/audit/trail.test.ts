import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Datastore, DatastoreProvider, Operations } from "../datastore/contract.ts";
import { memory } from "../datastore/memory/index.ts";
import { sqlite } from "../datastore/sqlite/index.ts";
import { createEventHub, type EventHub } from "../events/events.ts";
import type { Account } from "../model/account.ts";
import { coreTables } from "../model/tables.ts";
import { createKeyRing } from "../secrets/keyring.ts";
import { type AuditEntry, encoded, factsOf } from "./entry.ts";
import { auditLine, readable } from "./file.ts";
import { auditTables } from "./tables.ts";
import { createAuditTrail, type RunningTrail } from "./trail.ts";

const key = "a key of the tests: 5qUZn8mWb2Rk7Xe1";
const ann = { id: 7 } as unknown as Account;

interface Place {
  readonly trail: RunningTrail;
  readonly events: EventHub;
  readonly store: Datastore;
  readonly logs: { readonly message: string; readonly details: Record<string, unknown> | undefined }[];
  /** Further writes of the trail fail. */
  fail(yes: boolean): void;
  advance(ms: number): void;
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function place(
  provider: DatastoreProvider = memory(),
  options: { required?: boolean; keep?: number; queue?: number; keys?: readonly string[]; store?: Datastore } = {},
): Promise<Place> {
  const logs: Place["logs"][number][] = [];
  let time = Date.UTC(2026, 0, 2);
  let failing = false;
  const now = (): number => time;
  const log = (message: string, details?: Record<string, unknown>): void => void logs.push({ message, details });
  const real = options.store ?? (await provider.open({ ...coreTables, ...auditTables }, { now, log: () => undefined }));
  if (options.store === undefined) {
    await real.migrate();
    open.push(real);
  }
  const store: Datastore = new Proxy(real, {
    get(target, name) {
      if (name === "transaction" && failing) return () => Promise.reject(new Error("the disk is full"));
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const events = createEventHub(log, now);
  const trail = createAuditTrail({
    datastore: store,
    ring: createKeyRing(options.keys ?? [key]),
    events,
    now,
    log,
    required: options.required ?? false,
    keep: options.keep,
    queue: options.queue ?? 2_000,
  });
  open.push(trail);
  return {
    trail,
    events,
    store: real,
    logs,
    fail: (yes) => {
      failing = yes;
    },
    advance: (ms) => {
      time += ms;
    },
  };
}

/** So many entries, stored. */
async function filled(count: number, provider?: DatastoreProvider): Promise<Place> {
  const made = await place(provider);
  for (let index = 0; index < count; index += 1) {
    made.events.emit("roleGranted", { userId: index + 1, role: "editor" });
    made.advance(1_000);
  }
  await made.trail.flush();
  return made;
}

describe.each([
  ["memory", () => memory()],
  ["sqlite", () => sqlite(":memory:")],
] as const)("the chain on %s", (_name, provider) => {
  it("has one entry for each event, in order and without gaps", async () => {
    const { trail, events } = await place(provider());
    events.emit("userAuthenticated", { user: ann, authnVia: ["password"] });
    events.emit("userSignedOut", { user: ann });
    events.emit("userFailedAuthn", { user: ann, authType: "password", tfa: false });
    const entries = await trail.list();
    expect(entries.map(({ sequence, name, result, userId }) => [sequence, name, result, userId])).toEqual([
      [3, "userFailedAuthn", "failed", 7],
      [2, "userSignedOut", "ok", 7],
      [1, "userAuthenticated", "ok", 7],
    ]);
    expect(entries[2]?.details).toBe('{"authnVia":["password"]}');
    expect(entries[1]?.previous).toBe(entries[2]?.hash);
    expect(await trail.verify()).toMatchObject({ ok: true, entries: 3, first: 1, last: 3, faults: [] });
  });

  it("an empty trail holds", async () => {
    const { trail } = await place(provider());
    expect(await trail.verify()).toMatchObject({ ok: true, entries: 0, head: "0:" });
  });

  it("goes on over more than a page and a batch", async () => {
    const { trail } = await filled(1_203, provider());
    expect(await trail.verify()).toMatchObject({ ok: true, entries: 1_203, last: 1_203 });
  }, 30_000);

  const tampering: Record<string, (store: Operations, rows: readonly AuditEntry[]) => Promise<unknown>> = {
    "a changed entry": (store) => store.update("audit", { sequence: 4 }, { userId: 99 }),
    "a changed time": (store) => store.update("audit", { sequence: 4 }, { at: 1 }),
    "changed details": (store) => store.update("audit", { sequence: 4 }, { details: "{}" }),
    "a removed entry": (store) => store.delete("audit", { sequence: 5 }),
    "a removed first entry": (store) => store.delete("audit", { sequence: 1 }),
    "a cut tail": (store) => store.delete("audit", { sequence: { gt: 6 } }),
    "everything removed": (store) => store.delete("audit", {}),
    "the head removed": (store) => store.delete("auditHead", {}),
    "an entry at the end": async (store, rows) => {
      const last = rows.at(-1) as AuditEntry;
      const { hashOf } = await import("./chain.ts");
      const forged = { ...last, sequence: 9, previous: last.hash, name: "userActivated" };
      await store.insert("audit", { ...forged, hash: hashOf(forged) });
    },
    "an entry before the beginning": async (store, rows) => {
      await store.insert("audit", { ...(rows[0] as AuditEntry), sequence: 0 });
    },
    "two entries exchanged": async (store, rows) => {
      const [third, fourth] = [rows[2] as AuditEntry, rows[3] as AuditEntry];
      await store.delete("audit", { sequence: { in: [3, 4] } });
      await store.insert("audit", { ...fourth, sequence: 3 });
      await store.insert("audit", { ...third, sequence: 4 });
    },
    "a tail that was made again with all hashes right": async (store, rows) => {
      const { hashOf } = await import("./chain.ts");
      let previous = (rows[4] as AuditEntry).hash;
      for (const row of rows.slice(5)) {
        const forged = { ...row, previous, userId: 99 };
        previous = hashOf(forged);
        await store.update(
          "audit",
          { sequence: row.sequence },
          { previous: forged.previous, userId: 99, hash: previous },
        );
      }
      await store.update("auditHead", {}, { hash: previous });
    },
    "a cut tail with a head to match": async (store, rows) => {
      await store.delete("audit", { sequence: { gt: 6 } });
      await store.update("auditHead", {}, { sequence: 6, hash: (rows[5] as AuditEntry).hash });
    },
  };

  it.each(Object.keys(tampering))("finds %s", async (what) => {
    const { trail, store, events } = await filled(8, provider());
    const rows = (await trail.list()).toReversed();
    await tampering[what]?.(store, rows);
    const report = await trail.verify();
    expect(report.ok).toBe(false);
    expect(report.faults.length).toBeGreaterThan(0);
    // What is written afterwards does not make it good, and is written all the same.
    events.emit("userSignedOut", { user: ann });
    const [newest] = await trail.list({ limit: 1 });
    expect(newest?.name).toBe("userSignedOut");
    expect((await trail.verify()).ok).toBe(false);
  });

  it("finds an old state that was put back as a whole by the head that was kept elsewhere", async () => {
    const { trail, store, events } = await filled(3, provider());
    const old = await store.findOne("auditHead", {});
    events.emit("userDeactivated", { userId: 1 });
    const { head } = await trail.verify();
    await store.delete("audit", { sequence: 4 });
    await store.update("auditHead", {}, old ?? {});
    expect((await trail.verify()).ok).toBe(true);
    expect(await trail.verify({ expect: head })).toMatchObject({ ok: false, faults: [{ sequence: 4 }] });
    expect((await trail.verify({ expect: "2:" })).ok).toBe(false);
  });

  it("retention removes the old part, and the rest still holds", async () => {
    const made = await place(provider(), { keep: 5_000 });
    const head: string[] = [];
    for (let index = 0; index < 10; index += 1) {
      made.events.emit("userActivated", { userId: index + 1 });
      head.push((await made.trail.verify()).head);
      made.advance(1_000);
    }
    await made.trail.prune();
    const report = await made.trail.verify();
    expect(report).toMatchObject({ ok: true, entries: 5, first: 6, last: 10 });
    for (const expect_ of head.slice(4)) expect((await made.trail.verify({ expect: expect_ })).ok).toBe(true);
    // Without its end also the pruned chain is broken.
    await made.store.delete("audit", {});
    expect((await made.trail.verify()).ok).toBe(false);
  });

  it("retention may remove everything, and the chain goes on", async () => {
    const made = await place(provider(), { keep: 1_000 });
    made.events.emit("userActivated", { userId: 1 });
    await made.trail.flush();
    made.advance(10_000);
    await made.trail.prune();
    expect(await made.trail.verify()).toMatchObject({ ok: true, entries: 0 });
    made.events.emit("userActivated", { userId: 2 });
    expect(await made.trail.verify()).toMatchObject({ ok: true, entries: 1, first: 2 });
  });

  it("retention leaves a part that was tampered with", async () => {
    const made = await place(provider(), { keep: 1_000 });
    for (let index = 0; index < 5; index += 1) made.events.emit("userActivated", { userId: index + 1 });
    await made.trail.flush();
    await made.store.update("audit", { sequence: 2 }, { userId: 99 });
    made.advance(10_000);
    await made.trail.prune();
    expect(await made.trail.list()).toHaveLength(5);
    expect(made.logs.map(({ message }) => message)).toContain(
      "old audit entries are not removed: the chain does not hold",
    );
  });

  it("lists by user, actor, name and time, page by page", async () => {
    const { trail } = await filled(7, provider());
    expect((await trail.list({ user: 3 })).map(({ sequence }) => sequence)).toEqual([3]);
    expect(await trail.list({ name: "userSignedOut" })).toEqual([]);
    expect(await trail.list({ actor: { id: 1 } })).toEqual([]);
    const first = await trail.list({ limit: 3 });
    const second = await trail.list({ limit: 3, after: first.at(-1)?.sequence ?? 0 });
    expect([...first, ...second].map(({ sequence }) => sequence)).toEqual([7, 6, 5, 4, 3, 2]);
    const start = Date.UTC(2026, 0, 2);
    const between = await trail.list({ from: new Date(start + 1_000), to: new Date(start + 3_000) });
    expect(between.map(({ sequence }) => sequence)).toEqual([3, 2]);
    await expect(trail.list({ limit: 0 })).rejects.toThrow("audit.list.limit");
  });

  it("two writers at once make one chain", async () => {
    const one = await place(provider());
    const two = await place(undefined, { store: one.store });
    for (let index = 0; index < 40; index += 1)
      (index % 2 === 0 ? one : two).events.emit("userSignedOut", { user: ann });
    await Promise.all([one.trail.flush(), two.trail.flush()]);
    expect(await one.trail.verify()).toMatchObject({ ok: true, entries: 40 });
  });

  it("other keys: old ones verify, unknown ones do not", async () => {
    const one = await place(provider());
    one.events.emit("userSignedOut", { user: ann });
    await one.trail.flush();
    const other = "another key of the tests: 8Zb1kQw3Lm5";
    const rotated = await place(undefined, { store: one.store, keys: [other, key] });
    expect((await rotated.trail.verify()).ok).toBe(true);
    rotated.events.emit("userSignedOut", { user: ann });
    await rotated.trail.flush();
    const dropped = await place(undefined, { store: one.store, keys: [other] });
    expect((await dropped.trail.verify()).ok).toBe(true);
    expect(await one.trail.verify()).toMatchObject({ ok: false });
  });

  it("a key that stands behind a new one can be dropped, though nothing was written since", async () => {
    const one = await place(provider());
    one.events.emit("userSignedOut", { user: ann });
    await one.trail.flush();
    const other = "another key of the tests: 8Zb1kQw3Lm5";
    const rotated = await place(undefined, { store: one.store, keys: [other, key] });
    await rotated.trail.open();
    const dropped = await place(undefined, { store: one.store, keys: [other], keep: 1_000 });
    dropped.events.emit("userSignedOut", { user: ann });
    expect(await dropped.trail.verify()).toMatchObject({ ok: true, entries: 2 });
    // Whose head no key of ours has made is not made good by that.
    await one.store.update("auditHead", {}, { signature: "A".repeat(43) });
    await dropped.trail.open();
    expect(await dropped.trail.verify()).toMatchObject({ ok: false });
  });

  it("a break that the operator acknowledges is no fault any more, and retention goes on", async () => {
    const one = await place(provider());
    one.events.emit("userSignedOut", { user: ann });
    await one.trail.flush();
    const made = await place(undefined, {
      store: one.store,
      keys: ["another key of the tests: 8Zb1kQw3Lm5"],
      keep: 60_000,
    });
    made.events.emit("userActivated", { userId: 1 });
    expect(await made.trail.verify()).toMatchObject({ ok: false, acknowledged: 0, faults: [{ sequence: 2 }] });
    for (const [field, statement] of [
      ["reason", { reason: " ", by: "Ada" }],
      ["reason", { reason: "x".repeat(256), by: "Ada" }],
      ["by", { reason: "dropped", by: "" }],
      ["by", { reason: "dropped" }],
    ] as const) {
      await expect(made.trail.acknowledge(statement as never)).rejects.toMatchObject({
        code: "invalid_field",
        message: expect.stringContaining(`audit.acknowledge.${field}: `),
      });
    }
    expect(await made.trail.verify()).toMatchObject({ ok: false, acknowledged: 0 });
    await made.trail.acknowledge({ reason: "the old key was dropped\u0000 in January", by: "Ada" });
    expect(await made.trail.verify()).toMatchObject({ ok: true, entries: 4, acknowledged: 1, faults: [] });
    const [entry] = await made.trail.list({ limit: 1 });
    expect([entry?.name, JSON.parse(entry?.details ?? "")]).toEqual([
      "auditAcknowledged",
      { by: "Ada", reason: "the old key was dropped\\u0000 in January", until: 2 },
    ]);
    await expect(made.trail.acknowledge({ reason: "again", by: "Ada" })).rejects.toMatchObject({
      code: "nothing_to_acknowledge",
    });
    // The break is older than what is kept, its acknowledgement is not.
    made.advance(50_000);
    made.events.emit("userActivated", { userId: 2 });
    await made.trail.flush();
    made.advance(55_000);
    await made.trail.prune();
    expect(await made.trail.verify()).toMatchObject({ ok: true, entries: 1 });
  });

  it("an acknowledgement covers the breaks before it alone, and nothing else that is wrong", async () => {
    const made = await filled(3, provider());
    const broken = { signature: "A".repeat(43) };
    await made.store.update("auditHead", {}, broken);
    made.events.emit("userActivated", { userId: 1 });
    await made.trail.flush();
    await made.trail.acknowledge({ reason: "seen", by: "Ada" });
    expect((await made.trail.verify()).ok).toBe(true);
    await made.store.update("auditHead", {}, broken);
    made.events.emit("userActivated", { userId: 2 });
    expect(await made.trail.verify()).toMatchObject({ ok: false, acknowledged: 1 });
    await made.trail.acknowledge({ reason: "seen again", by: "Ada" });
    expect(await made.trail.verify()).toMatchObject({ ok: true, acknowledged: 2 });
    // Who can write to the database cannot acknowledge for us.
    await made.store.update("auditHead", {}, broken);
    made.events.emit("userActivated", { userId: 3 });
    await made.trail.flush();
    const [last] = await made.trail.list({ limit: 1 });
    await made.store.insert("audit", {
      ...(last as object),
      sequence: (last?.sequence ?? 0) + 1,
      name: "auditAcknowledged",
      details: '{"until":1000}',
    });
    expect((await made.trail.verify()).ok).toBe(false);
    await made.store.delete("audit", { sequence: (last?.sequence ?? 0) + 1 });
    await made.trail.acknowledge({ reason: "third", by: "Ada" });
    await made.store.update("audit", { sequence: 2 }, { userId: 99 });
    expect((await made.trail.verify()).ok).toBe(false);
    await expect(made.trail.acknowledge({ reason: "changed", by: "Ada" })).rejects.toMatchObject({
      code: "nothing_to_acknowledge",
      message: expect.stringContaining(
        "\n  - entry 2: was changed: its row is not what was written; compare it with a",
      ),
      faults: [{ sequence: 2, fault: "was changed" }],
    });
  });

  it("says of each fault that can't be acknowledged what it means and what to do", async () => {
    const spoiled: readonly (readonly [fault: RegExp, mend: RegExp, spoil: (made: Place) => Promise<unknown>])[] = [
      [
        /entry 2: was changed/,
        /write its row back/,
        ({ store }) => store.update("audit", { sequence: 2 }, { userId: 9 }),
      ],
      [
        /entry 3: the entries before it are missing, from 2 on/,
        /from a backup/,
        ({ store }) => store.delete("audit", { sequence: 2 }),
      ],
      [
        /the trail: the entries 3 to 3 are missing at the end/,
        /from the same backup/,
        ({ store }) => store.delete("audit", { sequence: 3 }),
      ],
      [/the trail: the head is missing/, /portcullis_audit_head/, ({ store }) => store.delete("auditHead", {})],
      [
        /the trail: the head was not signed by a key of this application/,
        /behind the first one in secretKeys/,
        ({ store }) => store.update("auditHead", {}, { signature: "A".repeat(43) }),
      ],
    ];
    for (const [fault, mend, spoil] of spoiled) {
      const made = await filled(3, provider());
      await spoil(made);
      const { message } = await made.trail.acknowledge({ reason: "seen", by: "Ada" }).then(
        () => new Error("acknowledged"),
        (error: Error) => error,
      );
      expect(message).toMatch(fault);
      expect(message).toMatch(mend);
      expect(message).not.toContain("compare the trail with a backup");
    }
    // A backup that was restored whole.
    const whole = await filled(3, provider());
    await expect(whole.trail.acknowledge({ reason: "restored", by: "Ada" })).rejects.toThrow(
      /a backup that was restored/,
    );
  });

  it("whatever is written into an entry's details, the report comes and says what was changed", async () => {
    const made = await filled(3, provider());
    await made.store.update("auditHead", {}, { signature: "A".repeat(43) });
    made.events.emit("userActivated", { userId: 1 });
    await made.trail.flush();
    for (const details of ["not json", "null", "7", "[]", "", '{"until":1000}', '{"until":"4"}', "{}"]) {
      // Also where it stands behind the break, as an acknowledgement would.
      for (const sequence of [2, 5]) {
        const before = await made.store.findOne("audit", { sequence });
        await made.store.update("audit", { sequence }, { name: "auditAcknowledged", details });
        const report = await made.trail.verify();
        expect([details, report.ok, report.acknowledged]).toEqual([details, false, 0]);
        expect(report.faults).toContainEqual({ sequence, fault: "was changed" });
        expect(report.faults.some(({ sequence: at, fault }) => at === 4 && fault.startsWith("reports: "))).toBe(true);
        await made.store.update("audit", { sequence }, before ?? {});
      }
    }
    expect((await made.trail.verify()).faults).toHaveLength(1);
  });

  it("details that are no JSON are shown as none, a time that is none as it stands there", async () => {
    const made = await filled(1, provider());
    await made.store.update("audit", { sequence: 1 }, { details: "not json", at: 9e15 });
    const [entry] = await made.trail.list();
    expect(readable(entry as AuditEntry)).toMatchObject({ at: "9000000000000000", details: {} });
    expect(auditLine(entry as AuditEntry)).toContain("9000000000000000");
  });

  it("a break that comes while an operator acknowledges another is not acknowledged with it", async () => {
    const made = await filled(2, provider());
    const broken = { signature: "A".repeat(43) };
    await made.store.update("auditHead", {}, broken);
    made.events.emit("userActivated", { userId: 1 });
    await made.trail.flush();
    // The second one comes once the chain was looked at: that look ends with the head.
    let looks = 0;
    const watched = new Proxy(made.store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        if (name !== "findOne") return value.bind(target);
        return async (table: string, ...more: readonly unknown[]) => {
          const row: unknown = await value.call(target, table, ...more);
          if (table === "auditHead") looks += 1;
          if (looks === 2) {
            looks += 1;
            await target.update("auditHead", {}, broken);
            made.events.emit("userActivated", { userId: 2 });
            await made.trail.flush();
          }
          return row;
        };
      },
    });
    const operator = await place(undefined, { store: watched });
    await operator.trail.acknowledge({ reason: "seen", by: "Ada" });
    expect(looks).toBeGreaterThan(2);
    expect(await made.trail.verify()).toMatchObject({ ok: false, acknowledged: 1 });
  });

  it("a break that is not acknowledged keeps retention from removing it, whatever stands behind", async () => {
    const made = await place(provider(), { keep: 1_000 });
    made.events.emit("userActivated", { userId: 1 });
    await made.trail.flush();
    await made.store.update("auditHead", {}, { signature: "A".repeat(43) });
    made.events.emit("userActivated", { userId: 2 });
    await made.trail.flush();
    made.advance(10_000);
    await made.trail.prune();
    expect(await made.trail.list()).toHaveLength(3);
  });

  it("a signed anchor finds both tables emptied, and is good for this application alone", async () => {
    const { trail, store, events } = await filled(3, provider());
    const anchor = await trail.anchor();
    expect(anchor).toMatch(/^portcullis-audit-1 3 [\w-]{43} 2026-01-02T\S+Z [\w-]{43}$/);
    events.emit("userActivated", { userId: 1 });
    expect((await trail.verify({ anchor })).ok).toBe(true);
    expect((await trail.verify({ anchor: `${anchor}\n` })).ok).toBe(true);
    const forged = anchor.replace(" 3 ", " 2 ");
    expect(await trail.verify({ anchor: forged })).toMatchObject({
      ok: false,
      faults: [{ sequence: undefined, fault: expect.stringContaining("not signed") }],
    });
    await expect(trail.verify({ anchor: "3:abc" })).rejects.toThrow(/^anchor: /);
    await store.delete("audit", {});
    await store.delete("auditHead", {});
    expect((await trail.verify()).ok).toBe(true);
    expect(await trail.verify({ anchor })).toMatchObject({ ok: false, faults: [{ sequence: 3 }] });
    events.emit("userActivated", { userId: 2 });
    expect(await trail.verify({ anchor })).toMatchObject({ ok: false, faults: [{ sequence: 3 }] });
  });

  it("no anchor is made of a chain that does not hold", async () => {
    const { trail, store } = await filled(3, provider());
    await store.update("audit", { sequence: 2 }, { userId: 99 });
    await expect(trail.anchor()).rejects.toMatchObject({
      code: "audit_broken",
      report: { faults: [{ sequence: 2, fault: "was changed" }] },
    });
  });

  it("none is made where the one before does not hold, and the chain is walked once", async () => {
    const { trail, store, events } = await filled(3, provider());
    const before = await trail.anchor();
    await expect(trail.anchor({ anchor: before.replace(" 3 ", " 2 ") })).rejects.toMatchObject({
      code: "audit_broken",
      report: { faults: [{ fault: expect.stringContaining("not signed") }] },
    });
    events.emit("userActivated", { userId: 1 });
    await trail.flush();
    const find = vi.spyOn(store, "find");
    const looked = async (work: () => Promise<unknown>): Promise<number> => {
      find.mockClear();
      await work();
      return find.mock.calls.length;
    };
    const once = await looked(() => trail.verify({ anchor: before }));
    expect([once > 0, await looked(() => trail.anchor({ anchor: before }))]).toEqual([true, once]);
    find.mockRestore();
  });
});

describe("a trail that can't be written", () => {
  it("keeps entries in order, tells of it once, and stores them when it can", async () => {
    const made = await place();
    const told: unknown[] = [];
    made.events.on("auditFailed", (event) => void told.push(event));
    made.fail(true);
    made.events.emit("userActivated", { userId: 1 });
    made.events.emit("userActivated", { userId: 2 });
    await expect.poll(() => told.length).toBe(1);
    expect(told).toEqual([{ reason: "the disk is full", waiting: 2, lost: 0 }]);
    made.fail(false);
    expect((await made.trail.list()).map(({ userId }) => userId)).toEqual([2, 1]);
  });

  it("what finds the queue full goes to the log, whole", async () => {
    const made = await place(undefined, { queue: 2 });
    made.fail(true);
    for (let index = 1; index <= 3; index += 1) made.events.emit("userActivated", { userId: index });
    expect(made.logs.filter(({ message }) => message === "an audit entry could not be stored")).toMatchObject([
      { details: { reason: "the queue is full", entry: { name: "userActivated", userId: 3 } } },
    ]);
  });

  it("what is left at the end goes to the log", async () => {
    const made = await place();
    made.fail(true);
    made.events.emit("userActivated", { userId: 5 });
    await made.trail.close();
    expect(made.logs).toContainEqual(
      expect.objectContaining({
        message: "an audit entry could not be stored",
        details: expect.objectContaining({ reason: "the system was closed" }),
      }),
    );
  });

  it("required: what has a before-hook is refused meanwhile", async () => {
    const made = await place(undefined, { required: true });
    const ask = () => made.events.ask("changePassword", { user: ann });
    expect(await ask()).toBeUndefined();
    made.fail(true);
    made.events.emit("userActivated", { userId: 5 });
    await expect.poll(() => made.logs.length).toBeGreaterThan(0);
    expect(await ask()).toEqual({ refuse: "ACTION_REFUSED" });
    made.fail(false);
    expect(await ask()).toBeUndefined();
    expect(await made.trail.list()).toHaveLength(1);
  });
});

describe("what an entry keeps", () => {
  const nowhere = { at: 0, address: undefined, agent: undefined, route: undefined, actor: undefined, via: undefined };

  it("no field that is not listed: no form data, no tokens, no addresses that were typed", () => {
    const event = { user: ann, formData: { email: "x@acme.example", pin: "1234" }, confirmationToken: "secret" };
    expect(factsOf("userRegistered", event as never, nowhere)).toMatchObject({ details: "{}", userId: 7 });
    const unknown = { user: ann, secret: "s" } as never;
    expect(factsOf("somethingOfAFeature" as never, unknown, nowhere)).toMatchObject({ details: "{}", result: "ok" });
  });

  it("nothing of what anybody can cause without limit", () => {
    expect(factsOf("userUnauthenticated", { path: "/" }, nowhere)).toBeUndefined();
  });

  it("where it happened, cut and without control characters [ASVS 16.4.1]", () => {
    const facts = factsOf(
      "userSignedOut",
      { user: ann },
      {
        at: 5,
        address: "192.0.2.1",
        agent: `Mozilla\r\n{"name":"forged"}\u202e${"x".repeat(500)}`,
        route: "POST /logout",
        actor: { id: 8 } as unknown as Account,
        via: "session",
      },
    );
    expect(facts).toMatchObject({ at: 5, actorId: 8, address: "192.0.2.1", route: "POST /logout", via: "session" });
    expect(facts?.agent).toMatch(/^Mozilla\\u000d\\u000a\{"name":"forged"\}\\u202ex+$/);
    expect(facts?.agent?.length).toBeLessThanOrEqual(255);
  });

  it("any text becomes one line of at most its length, and no two texts the same", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.integer({ min: 8, max: 255 }), (text, max) => {
        const safe = encoded(text, max);
        expect(safe.length).toBeLessThanOrEqual(max);
        expect(safe).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
    expect(encoded("\n")).not.toBe(encoded("\\u000a"));
  });
});
