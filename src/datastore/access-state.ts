import type { Row } from "../model/schema.ts";
import type { Administrators } from "./administrators.ts";
import type { Operations, Transaction } from "./contract.ts";

/** Whether what was asked about before a change is still the same. */
export type Asked = (tx: Transaction) => Promise<boolean>;

/** A condition of a change. */
export interface AskedOptions {
  /**
   * What `security.askAndDo` hands to its work. Asked in the transaction of the change, before all else there and in turn with
   * every other change that asks. When it says no, nothing is done, and WithdrawnError is thrown.
   */
  readonly asked?: Asked | undefined;
}

/** What a question of who may do what is about. */
export interface Concerned {
  readonly userId?: number | undefined;
  /** Who asks, where the answer is about them too. */
  readonly actorId?: number | undefined;
  /** All who have this role. */
  readonly role?: string | undefined;
}

/** Whoever asks about so many asks about nobody: the answer is no. */
export const mostConcerned = 1_000;
/** So many are read with one query. */
const batch = 100;

/** What a sign-in, a failed one, or any change writes, and says nothing of what an account may. */
const passing: ReadonlySet<string> = new Set([
  "updateDatetime",
  "lastLoginAt",
  "currentLoginAt",
  "lastLoginIp",
  "currentLoginIp",
  "loginCount",
  "failedLoginCount",
]);

/**
 * All that decides what these accounts may, as one text: their rows, their roles, and what each role there is permits. As long
 * as it is the same, an answer that was given on it stands.
 */
export async function accessState(operations: Operations, { userId, actorId, role }: Concerned): Promise<string> {
  const roles = await operations.find("role", {}, { orderBy: [{ field: "id" }] });
  const roleId = role === undefined ? undefined : roles.find(({ name }) => name === role)?.["id"];
  const members =
    typeof roleId === "number"
      ? await operations.find("rolesUsers", { roleId }, { orderBy: [{ field: "userId" }], limit: mostConcerned + 1 })
      : [];
  const named = [userId, actorId].filter((id) => id !== undefined);
  const ids = [...new Set([...named, ...members.map((link) => link["userId"] as number)])];
  const users: Row[] = [];
  const links: string[] = [];
  for (let first = 0; first < ids.length; first += batch) {
    const some = ids.slice(first, first + batch);
    users.push(...(await operations.find("user", { id: { in: some } }, { orderBy: [{ field: "id" }] })));
    const found = await operations.find("rolesUsers", { userId: { in: some } });
    links.push(...found.map((link) => `${link["userId"]} ${link["roleId"]}`).sort());
  }
  return JSON.stringify([
    roles.map((row) => [row["id"], row["name"], row["permissions"]]),
    links,
    users.map((row) => Object.entries(row).filter(([field]) => !passing.has(field))),
  ]);
}

/** Where the changes wait for each other that ask. */
export interface TurnContext {
  readonly administrators?: Administrators | undefined;
  readonly now: () => number;
}

/**
 * Begins a change that asks, or that may cost an administrator: until its end it is the only one of its kind. First in its
 * transaction, before it takes any other row.
 */
export async function takeTurn(tx: Transaction, { administrators, now }: TurnContext): Promise<void> {
  if (administrators !== undefined) return administrators.turn(tx);
  // Without administrators there is no row of theirs: all that says what roles permit, in one order.
  for (const { id } of await tx.find("role", {}, { orderBy: [{ field: "id" }] })) {
    await tx.update("role", { id: id as number }, { updateDatetime: new Date(now()) });
  }
}
