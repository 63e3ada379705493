import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import type { Awaitable } from "../../model/awaitable.ts";
import type { Identity } from "../../model/identity.ts";
import { randomId, sha256 } from "../../secrets/random.ts";
import type { SchemeContext } from "../scheme.ts";

/** A user and a password as a request carries them. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Checks the credentials of a request and passes every gate; nothing is created. */
export interface CredentialCheck {
  /** What was verified lately for this very text, such as a header. */
  known(rq: SecurityRequest, text: string): Identity | undefined;
  /** Verifies; `text` is what `known` is asked for next time. */
  verify(rq: SecurityRequest, credentials: Credentials, text: string): Awaitable<Identity | undefined>;
}

/**
 * The one place where schemes check a password. Verified credentials are remembered for a while (`caches.password`) under a
 * keyed hash: in this process, and where the processes share a cache, there too.
 */
export function credentialCheck(
  { proof, signIn, passwords, sharedPasswords }: SchemeContext,
  via: string,
): CredentialCheck {
  // Of a fixed length and in front: no two texts are hashed alike, and nobody else can hash one.
  const key = randomId(32);
  const entryOf = (text: string): string => sha256(key + text);
  /** Checks under way: a program's requests at once with the same credentials are one guess. */
  const checking = new Map<string, Promise<Account | undefined>>();

  const prove = async (rq: SecurityRequest, { user, password }: Credentials): Promise<Account | undefined> => {
    const account = await proof.find(user);
    const shared = rq.route.kind === "account" ? undefined : sharedPasswords;
    const verified = await shared?.look(account, user, password);
    if (verified?.known === true && account !== undefined) return account;
    const right = await rq.system.events.within(rq, () =>
      proof.check({ rq, account, identity: user, password, authType: via, forget: "once" }),
    );
    if (right && account !== undefined) await verified?.keep(account);
    return right ? account : undefined;
  };

  const proveOnce = (rq: SecurityRequest, credentials: Credentials, entry: string): Promise<Account | undefined> => {
    // What two addresses ask is two guesses: one must not live on the other's budget.
    const name = `${entry} ${rq.address ?? ""}`;
    const running = checking.get(name);
    if (running !== undefined) return running;
    const check = prove(rq, credentials).finally(() => checking.delete(name));
    checking.set(name, check);
    return check;
  };

  return {
    known: (rq, text) => (rq.route.kind === "account" ? undefined : passwords.get(entryOf(text))?.identity),
    async verify(rq, credentials, text) {
      const entry = entryOf(text);
      const stamp = passwords.stamp();
      const account = await proveOnce(rq, credentials, entry);
      if (account === undefined) return undefined;
      const identity = await signIn.admit(rq, { account, methods: ["password"] }, via);
      // The gates are asked each time unless nothing can change their mind but a change of the user.
      if (identity !== undefined) passwords.keep(entry, { userId: account.id, identity }, stamp);
      return identity;
    },
  };
}
