/** An address that the application itself replaces, by `users.update`: who holds the one before it gets in by it no more. */
import { expect, it } from "vitest";
import { ann, fresh, json, life, linkOf } from "./life-system.ts";

it.each([true, false])("links that were mailed to the address before it end, in a transaction: %s", async (within) => {
  const made = await life();
  await made.client().post("/reset", { json: { email: ann } });
  const link = await linkOf(made, "resetInstructions", ann);
  const id = (await made.security.users.find("email", ann))?.id ?? 0;
  const set = (email: string): Promise<void> =>
    within
      ? made.store.transaction((tx) => made.security.users.update(id, { email }, tx))
      : made.security.users.update(id, { email });
  // The same address again changes nothing.
  await set(ann);
  expect((await made.client().get(link, { headers: json })).status).toBe(200);
  await set("ann@elsewhere.example");
  const used = await made.client().post(link, { json: { password: fresh, password_confirm: fresh } });
  expect(used.status).toBe(400);
  expect(await made.store.find("ticket", { userId: id })).toEqual([]);
});
