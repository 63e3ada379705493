/** Which of PostgreSQL's schemas has the tables: one, whatever else the search path names. */
import { randomBytes } from "node:crypto";
import pg from "pg";
import { type DatastoreProvider, portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { postgres } from "portcullis/postgres";
import { expect, it, onTestFinished } from "vitest";
import { describeService } from "./available.ts";

const start = async (datastore: DatastoreProvider, migrate: "create" | "check" | "always" = "create") => {
  const security = await portcullis({
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: ["http://localhost:3000"],
    datastore,
    features: [passwords()],
    migrate,
  });
  onTestFinished(() => security.close());
  return security;
};

describeService("postgres", "PostgreSQL", (url) => {
  /** Two schemas, `own` before `shared` on the search path; `shared` has a table "user" of another program. */
  async function place(): Promise<{ own: string; shared: string; at: string; client: pg.Client }> {
    const name = `portcullis_test_${randomBytes(6).toString("hex")}`;
    const [own, shared] = [`${name}_own`, `${name}_shared`];
    const client = new pg.Client(url);
    await client.connect();
    onTestFinished(async () => {
      await client.query(`drop schema if exists ${own} cascade; drop schema if exists ${shared} cascade`);
      await client.end();
    });
    await client.query(`create schema ${own}; create schema ${shared}`);
    await client.query(`create table ${shared}."user" (id uuid primary key, handle text not null)`);
    const path = new URL(url);
    path.searchParams.set("options", `-c search_path=${own},${shared}`);
    return { own, shared, at: path.href, client };
  }

  it.each(["create", "always"] as const)(
    'a foreign "user" further along the search path is none of ours: migrate "%s"',
    async (mode) => {
      const { own, shared, at, client } = await place();
      const security = await start(postgres(at), mode);
      const { id } = await security.users.create({ email: "ann@acme.example" });
      expect((await security.users.get(id))?.email).toBe("ann@acme.example");
      const { rows } = await client.query(
        "select table_schema as at from information_schema.tables where table_name = 'user' and table_schema in ($1, $2) order by 1",
        [own, shared],
      );
      expect(rows).toEqual([{ at: own }, { at: shared }]);
      const foreign = await client.query(
        "select column_name from information_schema.columns where table_schema = $1 and table_name = 'user' order by 1",
        [shared],
      );
      expect(foreign.rows).toEqual([{ column_name: "handle" }, { column_name: "id" }]);
      // A second start finds its own.
      await start(postgres(at), "check");
    },
  );

  it("a table that is missing here and is another's there is missing", async () => {
    const { own, shared, at, client } = await place();
    await (await start(postgres(at))).close();
    await client.query(`alter table ${own}.portcullis_session set schema ${shared}`);
    await expect(start(postgres(at), "check")).rejects.toThrow('table "portcullis_session" is missing');
    await start(postgres(at), "always");
  });

  it("the option schema names one, and two systems live side by side", async () => {
    const { own, shared, at, client } = await place();
    const first = await start(postgres(at, { schema: own }));
    await first.users.create({ email: "ann@acme.example" });
    const other = `${own}2`;
    onTestFinished(async () => void (await client.query(`drop schema if exists ${other} cascade`)));
    const second = await start(postgres(at, { schema: other }));
    expect(await second.users.find("email", "ann@acme.example")).toBeUndefined();
    expect((await first.users.find("email", "ann@acme.example"))?.email).toBe("ann@acme.example");
    // The foreign table stands where the accounts would: what is wrong with it is said, and nothing is changed.
    await expect(start(postgres(at, { schema: shared }))).rejects.toThrow('column "email" of table "user" is missing');
  });

  it("accounts further along the search path are not left behind for new, empty tables", async () => {
    const { own, shared, at, client } = await place();
    await client.query(`drop table ${shared}."user"`);
    await (await start(postgres(url, { schema: shared }))).close();
    await expect(start(postgres(at))).rejects.toThrow(
      `postgres(...).schema: the accounts are in the schema "${shared}", but "${own}" comes first on the search path: say schema: "${shared}", or "${own}" for new tables`,
    );
    await start(postgres(at, { schema: shared }), "check");
    await start(postgres(at, { schema: own }));
    // Now both have accounts; the first on the path counts.
    await start(postgres(at), "check");
  });

  it("a search path without a schema that exists is said so", async () => {
    const path = new URL(url);
    path.searchParams.set("options", "-c search_path=portcullis_nowhere");
    await expect(start(postgres(path.href))).rejects.toThrow(
      "postgres(...).schema: the search path of this connection names no schema that exists: name one",
    );
  });
});
