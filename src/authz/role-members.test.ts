import { describe, expect, it } from "vitest";
import { mostConcerned } from "../datastore/access-state.ts";
import { type Account, accountFactory } from "../model/account.ts";
import type { Role } from "../model/user.ts";
import { allMembers } from "./role-members.ts";

const make = accountFactory();
const rows = [
  { name: "editor", permissions: ["write"] },
  { name: "reader", permissions: ["read"] },
  { name: "permission:vote", permissions: ["vote"] },
];

/** Everybody with both roles and a permission of their own. */
function system(count: number) {
  const accounts = Array.from({ length: count }, (_, id) => make({ id: id + 1, email: `${id}@acme.example` }, rows));
  const asked: (readonly [now: string, then: string])[] = [];
  const pages: number[] = [];
  return {
    asked,
    pages,
    users: {
      async page({
        after = "0",
        limit = 25,
      }: {
        readonly after?: string | undefined;
        readonly limit?: number | undefined;
      }) {
        const from = Number(after);
        pages.push(from);
        const next = from + limit < count ? String(from + limit) : undefined;
        return { users: accounts.slice(from, from + limit), next, previous: undefined, total: undefined };
      },
    },
    roles: { list: async () => rows.slice(0, 2) as unknown as readonly Role[] },
    may: async (now: Account, then: Account) => {
      asked.push([[...now.permissions].sort().join(" "), [...then.permissions].sort().join(" ")]);
      return true;
    },
  };
}

describe("everybody who has a role", () => {
  it("is asked about, page by page, as they are and as the change would make them", async () => {
    const { may, asked, ...rest } = system(120);
    expect(await allMembers(rest, { name: "editor", permissions: ["own"] }, may)).toBe(true);
    expect(asked).toHaveLength(120);
    expect(new Set(asked.map(String))).toEqual(new Set(["read vote write,own read vote"]));
    asked.length = 0;
    expect(await allMembers(rest, { name: "editor", permissions: undefined }, may)).toBe(true);
    expect(new Set(asked.map(String))).toEqual(new Set(["read vote write,read vote"]));
  });

  it("one refusal is enough, wherever it stands, and ends the asking", async () => {
    const { may: _, asked: __, pages, ...rest } = system(500);
    const change = { name: "editor", permissions: ["own"] };
    expect(await allMembers(rest, change, async ({ id }) => id !== 120)).toBe(false);
    expect(pages).toEqual([0, 50, 100]);
  });

  it("is too many beyond a bound", async () => {
    const change = { name: "editor", permissions: [] };
    const most = system(mostConcerned);
    expect(await allMembers(most, change, most.may)).toBe(true);
    const more = system(mostConcerned + 1);
    expect(await allMembers(more, change, more.may)).toBe(false);
  });

  it("is nobody for a role that is not there", async () => {
    const { may, asked, ...rest } = system(3);
    expect(await allMembers(rest, { name: "nothing", permissions: ["own"] }, may)).toBe(true);
    expect(asked).toEqual([]);
  });
});
