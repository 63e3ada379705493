// The pages of users that are measured and whose plans are looked at, and a system on a database that has so many.
import type { Kysely } from "kysely";
import type { Users } from "../src/datastore/user-operations.ts";
import type { UserQuery } from "../src/datastore/user-pages.ts";
import { passwords } from "../src/features/passwords/index.ts";
import { portcullis } from "../src/security.ts";
import { addressOf, type Dialect, fill, type Place } from "./user-databases.ts";

/** A system with its database. */
export interface System {
  readonly users: Pick<Users, "page" | "find">;
  readonly db: Kysely<Record<string, Record<string, unknown>>>;
  close(): Promise<void>;
}

/** Opens a system on an empty database and fills it with so many users. */
export async function system({ provider }: Place, dialect: Dialect, size: number): Promise<System> {
  const security = await portcullis({
    secretKeys: ["benchmark-key-that-is-long-enough-for-it"],
    origins: ["http://localhost:3000"],
    datastore: provider,
    features: [passwords()],
    roles: ["member"],
    migrate: "always",
  });
  await security.users.create({ email: "model@example.org", roles: ["member"] });
  const db = provider.kysely<Record<string, Record<string, unknown>>>();
  await fill(db, dialect, size);
  return { users: security.users, db, close: () => security.close() };
}

/** Pages as people ask for them, 25 users each; `in the middle`: as somebody finds it who has gone there. */
export const queries: Readonly<Record<string, (system: System, size: number) => Promise<UserQuery>>> = {
  "the first page": async () => ({}),
  "a page in the middle": async (of, size) => ({ after: await middle(of, size, {}) }),
  "the last page": async () => ({ order: "desc" }),
  "by address, in the middle": async (of, size) => ({
    sort: "email",
    after: await middle(of, size, { sort: "email" }),
  }),
  "active users": async () => ({ active: true }),
  "users who are not active, counted": async () => ({ active: false, countTo: 40 }),
  "users with a role, in the middle": async (of, size) => ({
    role: "member",
    after: await middle(of, size, { role: "member" }),
  }),
  "active users with a role": async () => ({ role: "member", active: true, order: "desc" }),
  "a search that finds one": async (_of, size) => ({ search: addressOf(size / 2) }),
  "a search that finds many": async () => ({ search: "user" }),
  "a search that finds usernames": async () => ({ search: "name" }),
  "a search that finds nobody": async () => ({ search: "zzz" }),
  "active users with a role, searched": async () => ({ search: "user", role: "member", active: true, order: "desc" }),
  "the first page, counted up to 50": async () => ({ countTo: 50 }),
};

/** The cursor behind the user in the middle: cursors are a place by key. */
async function middle(of: System, size: number, query: UserQuery): Promise<string> {
  const { next } = await of.users.page({ ...query, limit: 25 });
  if (next === undefined) throw new Error("there is no second page");
  const [part] = JSON.parse(Buffer.from(next, "base64url").toString()) as [string];
  const user = await of.users.find("email", addressOf(size / 2));
  if (user === undefined) throw new Error("there is nobody in the middle");
  const place = [part, part === "id" ? user.id : user.email, user.id];
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}
