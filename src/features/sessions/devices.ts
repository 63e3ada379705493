import type { Sessions } from "../../authn/sessions.ts";
import type { Account } from "../../model/account.ts";
import type { RememberCredential, Session } from "../../model/session.ts";
import { sha256 } from "../../secrets/random.ts";

/** A device on which somebody is signed in, or would be again by its remember credential. */
export interface Device {
  /** Made from the row's key, which it does not tell. */
  readonly id: string;
  readonly session: Session | undefined;
  readonly credential: RememberCredential | undefined;
  readonly current: boolean;
}

/** The devices of a user, that of the session `current` first, then as they come: by their last use. */
export async function devicesOf(
  { sessions }: { readonly sessions: Sessions },
  account: Account,
  current?: Session,
): Promise<readonly Device[]> {
  const found = await sessions.of(account);
  const credentials = await sessions.remembered(account);
  const devices: Device[] = found.map((session) => ({
    id: sha256(`device of session ${session.idHash}`).slice(0, 22),
    session,
    credential: credentials.find(({ id }) => id === session.rememberId),
    current: session.idHash === current?.idHash,
  }));
  for (const credential of credentials) {
    if (found.some(({ rememberId }) => rememberId === credential.id)) continue;
    const id = sha256(`device of remember ${credential.id}`).slice(0, 22);
    devices.push({ id, session: undefined, credential, current: false });
  }
  return devices.toSorted((a, b) => Number(b.current) - Number(a.current));
}
