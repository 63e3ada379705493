import { expectTypeOf, test } from "vitest";
import { sqlite } from "./datastore/sqlite/index.ts";
import type { Account } from "./model/account.ts";
import { portcullis } from "./security.ts";

const needed = { secretKeys: [], origins: [], datastore: sqlite(":memory:") };

test("a rule of objects knows its user, whether it says the identifier's type or not", () => {
  const start = (): unknown =>
    portcullis({
      ...needed,
      objects: {
        entry(user, id: number) {
          expectTypeOf(user).toEqualTypeOf<Account>();
          return user.id === id;
        },
        async store(user, id, mode) {
          expectTypeOf(user).toEqualTypeOf<Account>();
          expectTypeOf(mode).toEqualTypeOf<string | undefined>();
          return user.id === id ? true : undefined;
        },
        // @ts-expect-error a rule answers true, false or undefined
        shelf: () => "yes",
      },
    });
  expectTypeOf(start).toBeFunction();
});
