import type { Telling } from "../datastore/changing.ts";
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
    options: Pick<ChangeOptions, "done" | "tell"> | undefined,
    change: (told: Required<Pick<ChangeOptions, "done" | "tell">>) => Promise<void>,
  ): Promise<void> => {
    const before = await users.get(idOf(user));
    let after: Account | undefined;
    await change({
      async done(now, tx) {
        await options?.done?.(now, tx);
        after = now;
        if (before !== undefined) await mailIdentityChanged(kernel, before, now, tx);
      },
      tell() {
        if (before !== undefined && after !== undefined) emitIdentityChanged(kernel, before, after);
        return options?.tell?.();
      },
    });
  };
  /** Tells this, and then what the application has to tell. */
  const telling = <T extends Telling>(options: T | undefined, tell: () => void) => ({
    ...options,
    tell() {
      tell();
      return options?.tell?.();
    },
  });
  return {
    ...users,
    setEmail: (user, email, options) =>
      renaming(user, options, (told) => users.setEmail(user, email, { ...options, ...told })),
    setUsername: (user, username, options) =>
      renaming(user, options, (told) => users.setUsername(user, username, { ...options, ...told })),
    edit: (user, set, options) => renaming(user, options, (told) => users.edit(user, set, { ...options, ...told })),
    update(user, set, given) {
      if (given !== undefined || !("email" in set || "username" in set)) return users.update(user, set, given);
      return renaming(user, undefined, ({ done, tell }) =>
        kernel.changing(idOf(user), { tell }, async (tx) => {
          await users.update(user, set, tx);
          const now = await users.get(idOf(user), tx);
          if (now !== undefined) await done(now, tx);
        }),
      );
    },
    async setPassword(user, password, options) {
      await users.setPassword(user, password, {
        ...telling(options, () => events.emit("passwordSet", { userId: idOf(user) })),
        async done(owner, tx) {
          await options?.done?.(owner, tx);
          await tellPasswordSet(kernel, owner, tx);
        },
      });
    },
    setUniquifier: (user, options) =>
      users.setUniquifier(
        user,
        telling(options, () => events.emit("accessReset", { userId: idOf(user) })),
      ),
    resetAccess: (user, options) =>
      users.resetAccess(
        user,
        telling(options, () => events.emit("accessReset", { userId: idOf(user) })),
      ),
  };
}
