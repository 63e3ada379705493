import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import { type CredentialFault, type Identity, isFault } from "../../model/identity.ts";
import { randomId, sha256 } from "../../secrets/random.ts";
import { clientNetwork } from "../limits/network.ts";
import type { Guessed } from "../password-proof.ts";
import type { LivePassword, SchemeContext } from "../scheme.ts";
import type { SharedPasswords } from "../shared-passwords.ts";
import type { Proof } from "../sign-in.ts";

/** A user and a password as a request carries them. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** A guess that failed; the events userFailedAuthn and unknownIdentity tell of each. */
export const wrongPassword: CredentialFault = { why: "the user or the password is wrong" };

/** Checks the credentials of a request and passes every gate; nothing is created. */
export interface CredentialCheck {
  /** What was verified lately for this very text, such as a header, from this client; undefined: nothing. */
  known(rq: SecurityRequest, text: string): Promise<Identity | CredentialFault> | undefined;
  /** Verifies; `text` is what `known` is asked for next time. */
  verify(rq: SecurityRequest, credentials: Credentials, text: string): Awaitable<Identity | CredentialFault>;
}

/**
 * The one place where schemes check a password. Verified credentials are remembered for a while (`caches.password`) under a
 * keyed hash: in this process, and where the processes share a cache, there too. What was verified counts for the network, the
 * scheme and the realm that it was verified for, and spares the hash alone: the gates, and with them the application's hooks,
 * are asked each time. A wrong guess from there, or one too many, ends it (the limits say so), so that nobody there tries on
 * past them.
 */
export function credentialCheck(
  { proof, signIn, passwords, sharedPasswords, realm }: SchemeContext,
  via: string,
): CredentialCheck {
  // Of a fixed length and in front: no two texts are hashed alike, and nobody else can hash one.
  const key = randomId(32);
  const clientOf = (rq: SecurityRequest): readonly string[] => [clientNetwork(rq), via, rq.route.realm ?? realm];
  const entryOf = (client: readonly string[], text: string): string => sha256(key + JSON.stringify([...client, text]));
  /** Checks under way: a program's requests at once with the same credentials are one guess. */
  const checking = new Map<string, Promise<Found | undefined>>();

  const prove = async (
    rq: SecurityRequest,
    { user, password }: Credentials,
    client: readonly string[],
  ): Promise<Found | undefined> => {
    const account = await proof.find(user);
    const shared = rq.route.kind === "account" ? undefined : sharedPasswords;
    let looked: Awaited<ReturnType<SharedPasswords["look"]>> | undefined;
    const known = async (): Promise<boolean> => {
      looked = await shared?.look(account, user, password, client);
      return looked?.known === true;
    };
    const attempt = { rq, account, identity: user, password, authType: via, forget: "once", known } as const;
    const guess = await rq.system.events.within(rq, () => proof.guess(attempt));
    if (guess.proved !== "right" || account === undefined) return undefined;
    return { account, guess, share: async () => (looked?.known === false ? looked.keep(account) : undefined) };
  };

  const proveOnce = (
    rq: SecurityRequest,
    credentials: Credentials,
    client: readonly string[],
    entry: string,
  ): Promise<Found | undefined> => {
    // What two addresses ask is two guesses: one must not live on the other's budget.
    const name = `${entry} ${rq.address ?? ""}`;
    const running = checking.get(name);
    if (running !== undefined) return running;
    const check = prove(rq, credentials, client).finally(() => checking.delete(name));
    checking.set(name, check);
    return check;
  };

  const admit = async (rq: SecurityRequest, proved: Proof, at: number): Promise<Identity | CredentialFault> => {
    const identity = await signIn.admitOrFault(rq, proved, via);
    return isFault(identity) ? identity : { ...identity, authenticatedAt: at };
  };

  const admitKnown = async (rq: SecurityRequest, live: LivePassword): Promise<Identity | CredentialFault> => {
    const { account, login, at } = live;
    const identity = await admit(rq, { account, methods: ["password"] }, at);
    // Right and refused: spent, and no longer known, like a wrong one.
    if (isFault(identity)) await proof.refused({ rq, account, identity: login, authType: via });
    return identity;
  };

  return {
    known(rq, text) {
      if (rq.route.kind === "account") return undefined;
      const live = passwords.get(entryOf(clientOf(rq), text));
      return live === undefined ? undefined : admitKnown(rq, live);
    },
    async verify(rq, credentials, text) {
      const client = clientOf(rq);
      const entry = entryOf(client, text);
      const stamp = passwords.stamp();
      const found = await proveOnce(rq, credentials, client, entry);
      if (found === undefined) return wrongPassword;
      const { account, guess } = found;
      const at = rq.system.now();
      const identity = await admit(rq, { account, methods: ["password"], guess }, at);
      if (isFault(identity)) return identity;
      await found.share();
      const network = client[0] ?? "";
      passwords.keep(entry, { userId: account.id, account, network, login: credentials.user, at }, stamp);
      return identity;
    },
  };
}

/** A right password that nobody was let in by yet. */
interface Found {
  readonly account: Account;
  readonly guess: Guessed;
  /** Tells the other processes. */
  share(): Promise<void>;
}
