import { beforeEach, describe, expect, it } from "vitest";
import { WithdrawnError } from "../model/errors.ts";
import { coreTables } from "../model/tables.ts";
import { type Administrators, createAdministrators } from "./administrators.ts";
import { type Changing, createChanging } from "./changing.ts";
import type { Datastore, Transaction } from "./contract.ts";
import { memory } from "./memory/index.ts";
import { UnknownUserError } from "./user-reference.ts";

const now = (): number => Date.UTC(2026, 0, 2);

/** The same with some methods of one's own. */
function instead<T extends object>(of: T, own: Partial<T>): T {
  return new Proxy(of, {
    get(target, key) {
      const value: unknown = Reflect.get(Object.hasOwn(own, key) ? own : target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("a change of an account", () => {
  /** What was done, in its order. */
  let done: string[];
  let store: Datastore;
  let id: number;
  let cachesFail: boolean;
  let logged: string[];
  let changing: Changing;

  const made = (administrators?: Administrators): Changing =>
    createChanging({
      datastore: instead(store, {
        async transaction(work) {
          const result = await store.transaction((tx) =>
            work(
              instead(tx, {
                async update(table, where, set) {
                  done.push(`update ${table}`);
                  return tx.update(table, where, set);
                },
                announce: async (userId) => {
                  done.push(`announce ${userId}`);
                },
              }),
            ),
          );
          done.push("commit");
          return result;
        },
      }),
      administrators,
      now,
      async invalidate(userId) {
        done.push(`invalidate ${userId}`);
        if (cachesFail) throw new Error("the other processes are not reached");
      },
      log: (message) => void logged.push(message),
    });

  beforeEach(async () => {
    done = [];
    cachesFail = false;
    logged = [];
    store = await memory().open(coreTables, { now, log: () => undefined });
    await store.migrate();
    const row = { email: "ann@acme.example", active: true, fsUniquifier: "a", createDatetime: new Date(now()) };
    id = (await store.insert("user", { ...row, updateDatetime: new Date(0) })) as number;
    changing = made();
  });

  const say =
    (word: string, answer = true) =>
    async (): Promise<boolean> => {
      done.push(word);
      return answer;
    };
  const work = async (_tx: Transaction, afterwards: (tell: () => unknown) => void): Promise<string> => {
    done.push("work");
    afterwards(() => done.push("told"));
    return "result";
  };

  it("goes all its steps, in one order", async () => {
    const administrators: Administrators = {
      ...createAdministrators("admin", now),
      turn: async () => {
        done.push("turn");
      },
      async keep(_tx, _userId, change) {
        done.push("keeps");
        const result = await change();
        done.push("kept");
        return result;
      },
    };
    const rules = { asked: say("asked"), onlyIf: say("onlyIf"), mayCostAdministrator: true };
    expect(await made(administrators)(id, rules, work)).toBe("result");
    const inside = ["turn", "asked", "keeps", "update user", "onlyIf", "work", "kept", `announce ${id}`, "commit"];
    expect(done).toEqual([...inside, `invalidate ${id}`, "told"]);
  });

  it("of what everybody may, and of what is new, takes no account's row", async () => {
    await changing("everybody", {}, work);
    expect(done).toEqual(["work", "announce undefined", "commit", "invalidate undefined", "told"]);
    done = [];
    await changing("nobody", {}, work);
    expect(done).toEqual(["work", "commit", "told"]);
    done = [];
    await changing(id, { keepsCaches: true }, work);
    expect(done).toEqual(["update user", "work", "commit", "told"]);
  });

  it.each<[string, object]>([
    ["what was asked", { asked: async () => false }],
    ["its own condition", { onlyIf: async () => false }],
    ["the account as it was", { as: { fsUniquifier: "b" } }],
  ])("does nothing where this does not hold: %s", async (_what, rules) => {
    const before = await store.find("user", {});
    await expect(changing(id, { set: { email: "x@acme.example" }, ...rules }, work)).rejects.toThrow(WithdrawnError);
    expect(await store.find("user", {})).toEqual(before);
    expect(done).not.toContain("work");
    expect(done).not.toContain(`invalidate ${id}`);
  });

  it("of nobody who is there is refused", async () => {
    await expect(changing(id + 1, {}, work)).rejects.toThrow(UnknownUserError);
    await expect(changing(id + 1, { onlyIf: async () => true }, work)).rejects.toThrow(WithdrawnError);
  });

  it("that is committed is told, whatever becomes of the caches", async () => {
    cachesFail = true;
    await expect(changing(id, {}, work)).rejects.toThrow("not reached");
    expect(done.slice(-3)).toEqual(["commit", `invalidate ${id}`, "told"]);
  });

  it("is told with what it came to, by who asked for it", async () => {
    await changing(id, { tell: (result) => done.push(`tells ${result}`) }, work);
    expect(done.slice(-3)).toEqual([`invalidate ${id}`, "told", "tells result"]);
  });

  it("that changed nothing costs no cache anything", async () => {
    await changing(id, { keepsCaches: (result) => result === "result" }, work);
    expect(done).toEqual(["update user", "work", "commit", "told"]);
  });

  describe("in somebody else's transaction", () => {
    it("is told once that has committed", async () => {
      await store.transaction(async (tx) => {
        await changing(id, { tx, set: { active: false } }, work);
        expect(done).toEqual(["work"]);
      });
      await expect.poll(() => done).toEqual(["work", `invalidate ${id}`, "told"]);
      expect(await store.findOne("user", { id })).toMatchObject({ active: false });
    });

    it("is told of once, however many changes there are, and those that failed are not", async () => {
      await store.transaction(async (tx) => {
        await changing(id, { tx }, work);
        await changing(id, { tx }, work);
        await changing(id, { tx, tell: () => done.push("never") }, async (_tx, afterwards) => {
          afterwards(() => done.push("never"));
          throw new Error("failed");
        }).catch(() => undefined);
      });
      await expect.poll(() => done).toEqual(["work", "work", `invalidate ${id}`, "told", "told"]);
    });

    it("that is a change itself belongs to that", async () => {
      await changing(id, {}, async (tx) => {
        await changing(id, { tx }, work);
      });
      const inside = ["update user", "update user", "work", `announce ${id}`, `announce ${id}`, "commit"];
      expect(done).toEqual([...inside, `invalidate ${id}`, "told"]);
    });

    it("is never told where that is rolled back", async () => {
      const failed = store.transaction(async (tx) => {
        await changing(id, { tx }, work);
        throw new Error("rolled back");
      });
      await expect(failed).rejects.toThrow("rolled back");
      // What comes after has told everything.
      await store.transaction((tx) => changing("nobody", { tx, tell: () => done.push("next") }, async () => undefined));
      await expect.poll(() => done).toContain("next");
      expect(done).toEqual(["work", "next"]);
    });

    it("is told whatever becomes of the caches, which nobody waits for", async () => {
      cachesFail = true;
      await store.transaction((tx) => changing(id, { tx }, work));
      await expect.poll(() => logged).toEqual(["the other processes could not be told of a change"]);
      expect(done).toEqual(["work", `invalidate ${id}`, "told"]);
    });
  });
});
