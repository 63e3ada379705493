import type { Transaction } from "../../datastore/contract.ts";
import { unlessWithdrawn } from "../../datastore/held-account.ts";
import { decoyOf } from "../../model/decoy.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { formPage } from "../../views/pages.ts";
import { type Endpoint, invalid } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { linkDone, linkEndpoint } from "../links.ts";
import { isMailable } from "../mailable.ts";
import { checkOptions } from "../options.ts";
import { unlockMails } from "./mails.ts";

/** Options of the feature `unlock`. */
export interface UnlockOptions {
  /** How long a link works; default "1d". */
  readonly within?: Duration;
}

const purpose = "unlock";
/** What was typed is not told: it may be a password. */
const nobodysAddress = "nobody@portcullis.example";

/**
 * Mails the owner of an account that guessing has locked a link, `/unlock/<token>`, that takes the lock off. The lock itself
 * is always on (docs/limits.md); without this feature it ends by time, by a new password or by an administrator.
 */
export function unlock(options: UnlockOptions = {}): Feature {
  checkOptions("unlock", options, { within: "string" });
  const within = milliseconds("unlock.within", options.within ?? "1d");
  return {
    name: "unlock",
    requires: ["passwords"],
    pages: { unlock: formPage },
    mails: unlockMails,
    endpoints(kernel) {
      kernel.limits.onLock(async (locked) => {
        // An account that is off, and a name that nobody has, cost the same: the load must not tell them from the others.
        const user =
          locked === undefined ? decoyOf(nobodysAddress) : isMailable(locked) ? locked : decoyOf(locked.email, locked);
        await kernel.datastore.transaction(async (tx) => {
          const token = await kernel.tickets.issue({ purpose, user, life: within, replacesOlder: true }, tx);
          await kernel.mail.send(
            undefined,
            "accountLocked",
            user,
            { link: kernel.link("unlock", token), within },
            { tx },
          );
        });
      });
      return [unlockAccount(kernel)];
    },
  };
}

function unlockAccount(kernel: Kernel): Endpoint {
  return linkEndpoint(kernel, {
    name: "unlock",
    path: "/unlock",
    purpose,
    page: "unlock",
    title: "TITLE_UNLOCK",
    intro: "INTRO_UNLOCK",
    submitLabel: "SUBMIT_UNLOCK",
    fields: {},
    invalid: "INVALID_UNLOCK_TOKEN",
    invalidTo: () => kernel.path("login") ?? "/",
    spaPage: "unlock",
    async submit({ rq, link }) {
      const onlyIf = (tx: Transaction): Promise<boolean> => link.redeem(tx);
      const done = await unlessWithdrawn(() => kernel.users.unlock(link.account, { onlyIf }));
      if (done === undefined) return invalid({});
      return linkDone(kernel, rq, kernel.path("login") ?? "/", { key: "ACCOUNT_UNLOCKED" }, link.account);
    },
  });
}
