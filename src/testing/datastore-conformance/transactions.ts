import assert from "node:assert/strict";
import type { Datastore, Where } from "../../datastore/contract.ts";
import { DatastoreError, UniqueConflictError } from "../../model/errors.ts";
import {
  type ConformanceExtras,
  type ConformanceRunner,
  conformanceEnvironment,
  conformanceSchema,
  failure,
  ticketRow,
  userRow,
} from "./fixtures.ts";

/** The part of the conformance suite about transactions, races and invalidation. */
export function transactionConformance(
  store: () => Datastore,
  it: ConformanceRunner["it"],
  { another }: ConformanceExtras,
): void {
  const thirty = Array.from({ length: 30 }, (_, index) => index);

  it("commits what ends well", async () => {
    const id = await store().transaction(async (tx) => {
      const made = await tx.insert("user", userRow("committed"));
      assert.equal(await tx.count("user", { email: "committed@example.com" }), 1);
      assert.equal(await tx.update("user", { email: "committed@example.com" }, { karma: 1 }), 1);
      return made;
    });
    assert.equal((await store().findOne("user", { id: id as number }))?.karma, 1);
  });

  it("rolls back what throws, and gives the error as it was", async () => {
    const thrown = new Error("the application's own");
    const work = store().transaction(async (tx) => {
      await tx.insert("user", userRow("rolled-back"));
      await tx.update("user", {}, { karma: 99 });
      throw thrown;
    });
    await assert.rejects(work, (error) => error === thrown);
    assert.equal(await store().count("user", { email: "rolled-back@example.com" }), 0);
    assert.equal(await store().count("user", { karma: 99 }), 0);
  });

  it("gives the number of a row that was rolled back to no other row", async () => {
    const before = (await store().insert("user", userRow("undone-0"))) as number;
    const given = new Set([before]);
    const fresh = (id: number | undefined): void => {
      assert.equal(given.has(id as number), false, `${id} was given before`);
      given.add(id as number);
    };
    for (const name of ["undone-1", "undone-2"]) {
      const work = store().transaction(async (tx) => {
        fresh(await tx.insert("user", userRow(name)));
        if (tx.insertIf !== undefined)
          fresh((await tx.insertIf("user", userRow(`${name}-if`), "user", { id: before }))?.id);
        throw new Error("not these");
      });
      await assert.rejects(work, /not these/);
      fresh(await store().insert("user", userRow(name)));
    }
    let last = 0;
    const bulk = store().transaction(async (tx) => {
      const emails = ["undone-3", "undone-4"];
      if (tx.insertAll === undefined) return;
      await tx.insertAll(
        "user",
        emails.map((name) => userRow(name)),
      );
      for (const { id } of await tx.find("user", { email: { in: emails.map((name) => `${name}@example.com`) } })) {
        fresh(id as number);
        last += 1;
      }
      throw new Error("nor these");
    });
    await bulk.catch((error: unknown) => assert.match(String(error), /nor these/));
    assert.ok(last === 0 || last === 2);
    fresh(await store().insert("user", userRow("undone-5")));
  });

  it("rolls back when an operation failed, even if the error was caught", async () => {
    await store().insert("role", { name: "caught" });
    const work = store().transaction(async (tx) => {
      await tx.insert("role", { name: "beside-caught" });
      await tx.insert("role", { name: "caught" }).catch(() => {});
    });
    await assert.rejects(
      work,
      (error) => error instanceof DatastoreError && error.cause instanceof UniqueConflictError,
    );
    assert.equal(await store().count("role", { name: "beside-caught" }), 0);
    const direct = store().transaction(async (tx) => await tx.insert("role", { name: "caught" }));
    await assert.rejects(direct, UniqueConflictError);
  });

  it("refuses the store itself inside, and the transaction afterwards", async () => {
    let leaked: { count(table: string, where: object): Promise<number> } | undefined;
    await store().transaction(async (tx) => {
      leaked = tx;
      await assert.rejects(store().count("user", {}), failure("tx"));
      await assert.rejects(store().insert("role", { name: "inside" }), failure("tx"));
      await assert.rejects(
        store().transaction(async () => {}),
        failure("tx"),
      );
      await assert.rejects(store().check(), failure("tx"));
      if (store().loadUser !== undefined) {
        await assert.rejects(async () => await store().loadUser?.("id", 1), failure("tx"));
      }
      assert.equal(await tx.count("role", { name: "inside" }), 0);
    });
    await assert.rejects(async () => await leaked?.count("user", {}), failure("over"));
    assert.equal(await store().count("role", { name: "inside" }), 0);
  });

  it("lets exactly one of thirty conditional updates win", async () => {
    await store().insert("ticket", ticketRow("race", null));
    const changed = await Promise.all(
      thirty.map((index) => store().update("ticket", { id: "race", consumedAt: null }, { consumedAt: index })),
    );
    assert.equal(changed.filter((count) => count === 1).length, 1);
    assert.equal(changed.filter((count) => count === 0).length, 29);
    assert.equal((await store().findOne("ticket", { id: "race" }))?.consumedAt, changed.indexOf(1));
  });

  it("lets transactions that claim the same text wait for each other, where it has claims", async () => {
    const seen = await Promise.all(
      thirty.map(() =>
        store().transaction(async (tx) => {
          if (tx.claim === undefined) return undefined;
          await tx.claim("claimed");
          const before = await tx.count("role", { description: "claimed" });
          if (before === 0) await tx.insert("role", { name: "claimed", description: "claimed" });
          return before;
        }),
      ),
    );
    if (seen.every((before) => before === undefined)) return;
    assert.equal(seen.filter((before) => before === 0).length, 1);
    assert.equal(await store().count("role", { description: "claimed" }), 1);
  });

  it("inserts beside a row that matches, and holds that row, where it can do so at once", async () => {
    const id = await store().insert("user", userRow("holder"));
    const { fsUniquifier } = userRow("holder") as { fsUniquifier: string };
    const insert = (name: string, where: Where): Promise<{ readonly id: number | undefined } | undefined> | undefined =>
      store().transaction(async (tx) => await tx.insertIf?.("role", { name }, "user", where));
    if (await store().transaction(async (tx) => tx.insertIf === undefined)) return;
    const made = await insert("beside-1", { id: id as number, fsUniquifier, active: true });
    assert.equal((await store().findOne("role", { name: "beside-1" }))?.id, made?.id);
    assert.equal(await insert("beside-2", { id: id as number, fsUniquifier: "another", active: true }), undefined);
    assert.equal(await store().count("role", { name: "beside-2" }), 0);
    await assert.rejects(async () => await insert("beside-1", { id: id as number }), UniqueConflictError);
    const text = "as: ticket's \u0301 text";
    await store().transaction(
      async (tx) =>
        await tx.insertIf?.("ticket", { ...ticketRow("beside", null), payload: { text } }, "user", {
          id: id as number,
        }),
    );
    assert.deepEqual((await store().findOne("ticket", { id: "beside" }))?.payload, { text });
    // Thirty changes of the row at once: each comes before an insert, which then finds it changed, or after it.
    const outcomes = await Promise.all(
      thirty.map(async (index) => {
        const name = `raced-${index}`;
        const [inserted] = await Promise.all([
          insert(name, { id: id as number, karma: null }),
          store().transaction(async (tx) => {
            await tx.update("user", { id: id as number }, { karma: index });
            return await tx.delete("role", { name });
          }),
        ]);
        return inserted === undefined || (await store().count("role", { name })) === 0;
      }),
    );
    assert.deepEqual(
      outcomes.filter((ended) => !ended),
      [],
    );
  });

  it("lets exactly one of thirty transactions win", async () => {
    await store().insert("ticket", ticketRow("race-2", null));
    const won = await Promise.all(
      thirty.map((index) =>
        store().transaction(async (tx) => {
          const ticket = await tx.findOne("ticket", { id: "race-2" });
          const set = { consumedAt: index, attemptsLeft: Number(ticket?.attemptsLeft) - 1 };
          return (await tx.update("ticket", { id: "race-2", consumedAt: null }, set)) === 1;
        }),
      ),
    );
    assert.equal(won.filter(Boolean).length, 1);
    assert.equal((await store().findOne("ticket", { id: "race-2" }))?.attemptsLeft, 2);
  });

  it("counts attempts down without losing one", async () => {
    await store().insert("ticket", { ...ticketRow("attempts", null), attemptsLeft: 10 });
    const takeOne = async (): Promise<boolean> => {
      for (;;) {
        const left = Number((await store().findOne("ticket", { id: "attempts" }))?.attemptsLeft);
        if (left === 0) return false;
        const where = { id: "attempts", attemptsLeft: left };
        if ((await store().update("ticket", where, { attemptsLeft: left - 1 })) === 1) return true;
      }
    };
    const taken = await Promise.all(thirty.map(takeOne));
    assert.equal(taken.filter(Boolean).length, 10);
  });

  it("lets exactly one of thirty inserts of the same unique value win", async () => {
    const results = await Promise.allSettled(thirty.map(() => store().insert("role", { name: "only-one" })));
    assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
    for (const result of results) {
      if (result.status === "rejected") assert.ok(result.reason instanceof UniqueConflictError, String(result.reason));
    }
  });

  it("hands each of ten rows to one of ten transactions alone, where each takes what is free", async () => {
    for (const id of thirty.slice(0, 10)) await store().insert("ticket", ticketRow(`free-${id}`, null));
    const taken: string[] = [];
    const takeSome = async (): Promise<void> => {
      const ids = await store().transaction(async (tx) => {
        const free = { purpose: "free", consumedAt: null };
        const rows = await tx.find("ticket", free, { orderBy: [{ field: "id" }], limit: 2, skipHeld: true });
        const found = rows.map((row) => row.id as string);
        if (found.length === 0) return found;
        const won = await tx.update("ticket", { ...free, id: { in: found } }, { consumedAt: 1 });
        return won === found.length ? found : [];
      });
      taken.push(...ids);
    };
    await store().update("ticket", { id: { in: thirty.map((id) => `free-${id}`) } }, { purpose: "free" });
    await Promise.all(thirty.slice(0, 10).map(takeSome));
    while ((await store().count("ticket", { purpose: "free", consumedAt: null })) > 0) await takeSome();
    assert.deepEqual(
      taken.sort(),
      thirty
        .slice(0, 10)
        .map((id) => `free-${id}`)
        .sort(),
    );
  });

  it("calls what waits for the commit after it, and never after a rollback", async () => {
    const told: string[] = [];
    await store().transaction(async (tx) => {
      tx.committed(() => told.push("committed"));
      await tx.insert("ticket", ticketRow("told", null));
      assert.deepEqual(told, []);
    });
    assert.deepEqual(told, ["committed"]);
    const broken = new Error("not this one");
    const work = store().transaction(async (tx) => {
      tx.committed(() => told.push("rolled back"));
      await tx.insert("ticket", ticketRow("untold", null));
      throw broken;
    });
    await assert.rejects(work, (error) => error === broken);
    assert.deepEqual(told, ["committed"]);
  });

  it("tells its own process of a change at once", async () => {
    const { bus } = store();
    if (bus === undefined) return;
    const heard: (number | undefined)[] = [];
    bus.onInvalidate((userId) => heard.push(userId));
    assert.equal(bus.current(), true);
    const published = bus.publish(17);
    assert.deepEqual(heard, [17]);
    await published;
    await bus.publish(undefined);
    assert.equal(bus.current(), true);
    assert.deepEqual(heard, [17, undefined]);
  });

  if (another !== undefined) {
    it("gives the number of a row that was rolled back in no other process, nor after a restart", async () => {
      const undone = async (of: Datastore, name: string): Promise<number> => {
        let id = 0;
        const work = of.transaction(async (tx) => {
          id = (await tx.insert("user", userRow(name))) as number;
          throw new Error("not this one");
        });
        await assert.rejects(work, /not this one/);
        return id;
      };
      const second = await another(store(), conformanceSchema, conformanceEnvironment);
      const given: number[] = [];
      try {
        given.push(await undone(store(), "elsewhere-1"), await undone(second, "elsewhere-2"));
        given.push(
          (await store().insert("user", userRow("elsewhere-3"))) as number,
          await undone(second, "elsewhere-4"),
        );
      } finally {
        await second.close();
      }
      const third = await another(store(), conformanceSchema, conformanceEnvironment);
      try {
        given.push((await third.insert("user", userRow("elsewhere-5"))) as number);
      } finally {
        await third.close();
      }
      assert.equal(new Set(given).size, given.length, `given: ${given.join()}`);
    });
  }
}
