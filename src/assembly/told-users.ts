import type { ChangeOptions, Users } from "../datastore/user-operations.ts";
import { idOf, type UserReference } from "../datastore/user-reference.ts";
import type { Kernel } from "../features/feature.ts";
import { emitIdentityChanged, mailIdentityChanged, tellPasswordSet } from "../features/owner-notices.ts";
import type { Account } from "../model/account.ts";

/** What the application itself does to an account is told; features tell what they do in words of their own. */
export function toldUsers(kernel: Kernel): Users {
  const {
    users,
    system: { events },
  } = kernel;
  /**
   * Changes what names an account, and tells of it, the owner too, where nobody else's transaction may still undo it. `done` belongs
   * into the transaction of the change.
   */
  const renaming = async (
    user: UserReference,
    change: (done: NonNullable<ChangeOptions["done"]>) => Promise<void>,
  ): Promise<void> => {
    const before = await users.get(idOf(user));
    let after: Account | undefined;
    await change(async (now, tx) => {
      after = now;
      if (before !== undefined) await mailIdentityChanged(kernel, before, now, tx);
    });
    if (before !== undefined && after !== undefined) emitIdentityChanged(kernel, before, after);
  };
  const both =
    (first: ChangeOptions["done"], second: NonNullable<ChangeOptions["done"]>): NonNullable<ChangeOptions["done"]> =>
    async (now, tx) => {
      await first?.(now, tx);
      await second(now, tx);
    };
  return {
    ...users,
    setEmail: (user, email, options) =>
      renaming(user, (done) => users.setEmail(user, email, { ...options, done: both(options?.done, done) })),
    setUsername: (user, username, options) =>
      renaming(user, (done) => users.setUsername(user, username, { ...options, done: both(options?.done, done) })),
    edit: (user, set, options) =>
      renaming(user, (done) => users.edit(user, set, { ...options, done: both(options?.done, done) })),
    update(user, set, given) {
      if (given !== undefined || !("email" in set || "username" in set)) return users.update(user, set, given);
      return renaming(user, (done) =>
        kernel.changing(idOf(user), {}, async (tx) => {
          await users.update(user, set, tx);
          const now = await users.get(idOf(user), tx);
          if (now !== undefined) await done(now, tx);
        }),
      );
    },
    async setPassword(user, password, options) {
      const told = both(options?.done, (owner, tx) => tellPasswordSet(kernel, owner, tx));
      await users.setPassword(user, password, { ...options, done: told });
      events.emit("passwordSet", { userId: idOf(user) });
    },
    async setUniquifier(user, options) {
      await users.setUniquifier(user, options);
      events.emit("accessReset", { userId: idOf(user) });
    },
    async resetAccess(user, options) {
      await users.resetAccess(user, options);
      events.emit("accessReset", { userId: idOf(user) });
    },
  };
}
