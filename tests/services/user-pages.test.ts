/** No page of users reads or sorts all of them: how each database goes about the statements of each kind of page. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Dialect, type Place, place, plansOf } from "../../bench/user-databases.ts";
import { queries, type System, system } from "../../bench/user-pages.ts";
import { describeService } from "./available.ts";

/** More than any page may look at. */
const size = 8_000;

function flatPages(dialect: Dialect): void {
  let made: Place;
  let of: System;
  beforeAll(async () => {
    made = await place(dialect);
    of = await system(made, dialect, size);
  });
  afterAll(async () => {
    await of?.close();
    await made?.remove();
  });

  it.each(Object.entries(queries))("%s", async (_name, query) => {
    const asked = await query(of, size);
    const plans = await plansOf(of.db, dialect, () => of.users.page(asked));
    expect(plans.length).toBeGreaterThan(0);
    expect(plans.filter(({ bad }) => bad)).toEqual([]);
  });
}

describe("pages of users on SQLite", () => flatPages("sqlite"));
describeService("postgres", "pages of users on PostgreSQL", () => flatPages("postgres"));
describeService("mysql", "pages of users on MariaDB", () => flatPages("mysql"));
