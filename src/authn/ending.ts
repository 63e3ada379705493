import type { Account } from "../model/account.ts";
import { lineageOf } from "../model/session.ts";
import type { DeviceRows, EndedAlong, EndedBy, Sessions } from "./sessions.ts";
import type { TokenFamilies } from "./token-families.ts";

/** What ends with a device. */
export interface Ending {
  readonly sessions: Pick<Sessions, "endDevice">;
  /** Undefined: auth tokens cannot be renewed. */
  readonly families: TokenFamilies | undefined;
}

/**
 * Ends what keeps a device signed in, the families of tokens that were begun on it, and what was begun there and is not
 * finished, all at once; `by` somebody who does so on purpose also what may have been (`Sessions.endDevice`). Returns how
 * many sessions. Throws WithdrawnError, with nothing ended, when the session of `by` is over itself.
 */
export function endDevice(
  ending: Ending,
  account: Pick<Account, "id" | "fsUniquifier">,
  device: DeviceRows,
  by?: EndedBy,
): Promise<number> {
  return ending.sessions.endDevice(
    account,
    device,
    endingFamilies(ending, [device], by?.session?.tokenFamily),
    by && { ...by, tokens: ending.families === undefined },
  );
}

/** Ends the families of tokens that were begun on these devices, but not `kept`. */
export function endingFamilies(
  { families }: Pick<Ending, "families">,
  devices: readonly DeviceRows[],
  kept?: string | null,
): EndedAlong {
  return async (tx, afterwards) => {
    if (families === undefined) return 0;
    const found = new Set(devices.map(({ session }) => session?.tokenFamily));
    for (const { credential, session } of devices) {
      const rememberId = credential?.id ?? session?.rememberId ?? undefined;
      const alike = rememberId === undefined ? [] : await tx.find("session", { rememberId });
      for (const row of alike) found.add(row["tokenFamily"] as string | null);
      // One that has taken the session's place since it was looked for.
      if (session === undefined || session.userId === null) continue;
      const since = await tx.find("session", { userId: session.userId, lineage: lineageOf(session) });
      for (const row of since) found.add(row["tokenFamily"] as string | null);
    }
    let sessions = 0;
    for (const family of found) {
      if (family === null || family === undefined || family === kept) continue;
      sessions += await tx.count("session", { tokenFamily: family });
      await families.endWithin(tx, family, afterwards);
    }
    return sessions;
  };
}
