import type { DeviceRows } from "../../authn/sessions.ts";
import type { Operations } from "../../datastore/contract.ts";
import type { Account } from "../../model/account.ts";
import type { Session } from "../../model/session.ts";
import type { Kernel } from "../feature.ts";
import { devicesOf } from "./devices.ts";

type Ending = Pick<Kernel, "sessions" | "families">;

/**
 * Ends what keeps a device signed in, the families of tokens that were begun on it, and what was begun there and is not
 * finished, all at once. Returns how many sessions.
 */
export async function endDevice(kernel: Ending, account: Account, device: DeviceRows): Promise<number> {
  const families = endingFamilies(kernel);
  const count = await kernel.sessions.endDevice(account, device, (tx) => families.end(tx, [device]));
  await families.tell();
  return count;
}

/** The same for all devices but that of this session, and for all auth tokens. Undefined: this session is over itself. */
export async function endOtherDevices(kernel: Ending, account: Account, session: Session): Promise<number | undefined> {
  const families = endingFamilies(kernel);
  const others = (await devicesOf(kernel, account, session)).filter(({ current }) => !current);
  const count = await kernel.sessions.endOthers(account, session, (tx) =>
    families.end(tx, others, session.tokenFamily),
  );
  await families.tell();
  return count;
}

/** Ends families of tokens in a transaction, and tells of it once that is committed. */
function endingFamilies({ families }: Ending): {
  /** Returns how many sessions went with them. */
  end(tx: Operations, devices: readonly DeviceRows[], kept?: string | null): Promise<number>;
  tell(): Promise<void>;
} {
  const told: (() => Promise<void>)[] = [];
  return {
    async end(tx, devices, kept) {
      if (families === undefined) return 0;
      const found = new Set(devices.map(({ session }) => session?.tokenFamily));
      for (const { credential, session } of devices) {
        const rememberId = credential?.id ?? session?.rememberId ?? undefined;
        const alike = rememberId === undefined ? [] : await tx.find("session", { rememberId });
        for (const row of alike) found.add(row["tokenFamily"] as string | null);
      }
      let sessions = 0;
      for (const family of found) {
        if (family === null || family === undefined || family === kept) continue;
        sessions += await tx.count("session", { tokenFamily: family });
        told.push(await families.endWithin(tx, family));
      }
      return sessions;
    },
    async tell() {
      for (const tell of told) await tell();
    },
  };
}
