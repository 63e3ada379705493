import { type Ending, endingFamilies } from "../../authn/ending.ts";
import type { Account } from "../../model/account.ts";
import type { Session } from "../../model/session.ts";
import type { Kernel } from "../feature.ts";
import { devicesOf } from "./devices.ts";

/**
 * Ends all devices of the user but that of this session, and all auth tokens. Throws WithdrawnError where this session is over
 * itself. `tell` is told of it once it is done.
 */
export async function endOtherDevices(
  kernel: Pick<Kernel, "sessions"> & Pick<Ending, "families">,
  account: Account,
  session: Session,
  tell: (count: number) => void,
): Promise<number> {
  const others = (await devicesOf(kernel, account, session)).filter(({ current }) => !current);
  return kernel.sessions.endOthers(account, session, endingFamilies(kernel, others, session.tokenFamily), tell);
}
