import { DatabaseSync } from "node:sqlite";
import { type ListedObjectRule, object, portcullis } from "portcullis";
import { objectRuleDifferences } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { basic, basics, call, password, plant } from "./system.ts";

/** A condition as text with its parameters. */
interface Sql {
  readonly text: string;
  readonly values: readonly (string | number)[];
}

const ann = { headers: { authorization: basic("ann@acme.example", password) } };

/** A shop's table: who manages a store, and who works in it. */
function shop() {
  const db = new DatabaseSync(":memory:");
  onTestFinished(() => db.close());
  db.exec(`
    create table store (id integer primary key, name text, manager text);
    create table staff (store integer, email text);
    insert into store values (1, 'North', 'ann@acme.example'), (2, 'South', 'bob@acme.example'), (3, 'East', null);
    insert into staff values (2, 'ann@acme.example'), (3, 'bob@acme.example');
  `);
  const select = ({ text, values }: Sql): number[] =>
    db
      .prepare(`select id from store where ${text} order by id`)
      .all(...values)
      .map(({ id }) => Number(id));
  const manages = "manager = ?";
  const works = "id in (select store from staff where email = ?)";
  const rule = {
    check(user, id: number, mode) {
      const store = db.prepare("select manager from store where id = ?").get(id);
      if (store === undefined) return undefined;
      if (mode === "manage") return store["manager"] === user.email;
      if (mode !== undefined) return false;
      const staff = db.prepare("select 1 from staff where store = ? and email = ?").get(id, user.email);
      return store["manager"] === user.email || staff !== undefined;
    },
    where(user, mode): Sql | undefined {
      if (mode === "manage") return { text: manages, values: [user.email] };
      return mode === undefined ? { text: `(${manages} or ${works})`, values: [user.email, user.email] } : undefined;
    },
  } satisfies ListedObjectRule;
  return { db, select, rule };
}

async function system() {
  const { db, select, rule } = shop();
  const security = await portcullis({
    ...basics(),
    authn: ["basic"],
    objects: {
      store: rule,
      plain: () => true,
      broken: {
        check: () => true,
        where(): Sql {
          throw new Error("the condition cannot be made");
        },
      },
      later: { check: () => true, where: async (_user, mode) => (mode === "x" ? null : { text: "1", values: [] }) },
    },
  });
  const user = await plant(security);
  const app = security.app();
  app.onError((_error, c) => c.text("failed", 500));
  app.get("/stores", { authz: "AUTH", params: z.object({ mode: z.string().optional() }) }, (c, { mode }) =>
    c.json(select(security.visibleWhere("store", c.var.user, mode))),
  );
  app.get("/store/:sid", { authz: object("store"), params: z.object({ sid: z.int() }) }, (c) => c.text("reached"));
  app.put("/store/:sid", { authz: object("store", "sid", "manage"), params: z.object({ sid: z.int() }) }, (c) =>
    c.text("reached"),
  );
  const get = (path: string) => call(app, path, ann);
  return { db, select, rule, security, user, app, get };
}

describe("visibleWhere", () => {
  it("filters a real table by the rule that routes ask", async () => {
    const { get, app, security, user, select } = await system();
    expect((await get("/stores")).text).toBe("[1,2]");
    expect((await get("/stores?mode=manage")).text).toBe("[1]");
    expect(await Promise.all([1, 2, 3, 4].map(async (id) => (await get(`/store/${id}`)).status))).toEqual([
      200, 200, 403, 404,
    ]);
    const put = async (id: number) => (await call(app, `/store/${id}`, { ...ann, method: "PUT" })).status;
    expect([await put(1), await put(2)]).toEqual([200, 403]);
    // The list by ids says the same.
    expect(await security.visible("store", user as never, [1, 2, 3, 4])).toEqual(
      select(security.visibleWhere("store", user as never)),
    );
    expect(await security.visibleWhere("later", user as never)).toEqual({ text: "1", values: [] });
  });

  it("throws rather than gives nothing, which would list everything [ASVS 8.2.2]", async () => {
    const { security, user, get } = await system();
    const where = security.visibleWhere as (kind: string, user: unknown, mode?: string) => unknown;
    expect(() => where("nothing", user)).toThrow('visibleWhere: there is no object kind "nothing"');
    expect(() => where("constructor", user)).toThrow('there is no object kind "constructor"');
    expect(() => where("plain", user)).toThrow('the rule of "plain" has no where; declare { check, where }');
    for (const nobody of [null, undefined]) {
      expect(() => where("store", nobody)).toThrow(expect.objectContaining({ code: "no_condition" }));
    }
    expect(() => where("store", user, "mnage")).toThrow(
      'visibleWhere: the rule of "store" gives no condition in the mode "mnage"',
    );
    await expect(where("later", user, "x")).rejects.toMatchObject({ code: "no_condition" });
    expect(() => where("broken", user)).toThrow("the condition cannot be made");
    expect([(await get("/stores?mode=mnage")).status, (await get("/stores?mode=mnage")).text]).toEqual([500, "failed"]);
  });

  it.each<[unknown, RegExp]>([
    ["x", /^objects\.x: a function \(user, id, mode\), or \{ check, where \}, is expected/],
    [null, /^objects\.x: /],
    [{ check: () => true }, /^objects\.x\.where: a function/],
    [{ where: () => "1" }, /^objects\.x\.check: a function/],
    [{ check: () => true, where: "1" }, /^objects\.x\.where: /],
    [{ check: () => true, where: () => "1", filter: () => "1" }, /^objects\.x\.filter: unknown option/],
  ])("a wrong rule does not start: %j", async (rule, fault) => {
    await expect(portcullis({ ...basics(), objects: { x: rule as never } })).rejects.toThrow(fault);
  });
});

describe("objectRuleDifferences", () => {
  it("finds none in a rule whose check and where agree, and names those of one where they do not", async () => {
    const { rule, select, user, security } = await system();
    const bob = await security.users.create({ email: "bob@acme.example", password });
    const subjects = {
      users: { ann: user as never, bob: bob as never },
      ids: [1, 2, 3, 4],
      modes: [undefined, "manage", "other"],
      select,
    };
    expect(await objectRuleDifferences(rule, subjects)).toEqual([]);
    const looser: ListedObjectRule<Sql> = { ...rule, where: () => ({ text: "id < 3", values: [] }) };
    expect(await objectRuleDifferences(looser, { ...subjects, modes: ["manage"] })).toEqual([
      "ann, manage, 2: where lists it, check says false",
      "bob, manage, 1: where lists it, check says false",
    ]);
    const tighter: ListedObjectRule<Sql | undefined> = { ...rule, where: () => undefined };
    expect(await objectRuleDifferences(tighter, { ...subjects, select: () => [], modes: [undefined] })).toContain(
      "ann, 1: where leaves it out, check says true",
    );
    expect(await objectRuleDifferences(rule, { ...subjects, ids: [1] })).toContain(
      "ann, 2: where lists it, and it is not among the ids",
    );
  });
});
