import type { Users } from "../datastore/user-operations.ts";
import { idOf, type UserReference } from "../datastore/user-reference.ts";
import type { Kernel } from "../features/feature.ts";
import { tellIdentityChanged, tellPasswordSet } from "../features/owner-notices.ts";

/** What the application itself does to an account is told; features tell what they do in words of their own. */
export function toldUsers(kernel: Kernel): Users {
  const {
    users,
    system: { events },
  } = kernel;
  /** Changes what names an account, and tells of it, the owner too, where nobody else's transaction may still undo it. */
  const renaming = async (user: UserReference, change: () => Promise<void>): Promise<void> => {
    const before = await users.get(idOf(user));
    await change();
    const after = before === undefined ? undefined : await users.get(before.id);
    if (before !== undefined && after !== undefined) tellIdentityChanged(kernel, before, after);
  };
  return {
    ...users,
    setEmail: (user, ...args) => renaming(user, () => users.setEmail(user, ...args)),
    setUsername: (user, ...args) => renaming(user, () => users.setUsername(user, ...args)),
    edit: (user, ...args) => renaming(user, () => users.edit(user, ...args)),
    update: (user, set, tx) =>
      tx === undefined && ("email" in set || "username" in set)
        ? renaming(user, () => users.update(user, set))
        : users.update(user, set, tx),
    async setPassword(user, password, options) {
      await users.setPassword(user, password, options);
      events.emit("passwordSet", { userId: idOf(user) });
      const owner = await users.get(idOf(user));
      if (owner !== undefined) tellPasswordSet(kernel, owner);
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
