import { type DigestAlgorithm, digestSecret } from "portcullis";

/** What HTTP Digest checks against: kept for whoever has got a password by the fixture or by a control call. */
export interface DigestSecrets {
  keep(email: string, password: string): void;
  /** The password was changed by somebody who did not tell it here. */
  forget(email: string): void;
  of(user: string, realm: string, algorithm: DigestAlgorithm): string | undefined;
}

/** Makes the secrets of one lab; an application would store them beside its password hashes. */
export function digestSecrets(): DigestSecrets {
  const passwords = new Map<string, string>();
  return {
    keep(email, password) {
      passwords.set(email.toLowerCase(), password);
    },
    forget(email) {
      passwords.delete(email.toLowerCase());
    },
    of(user, realm, algorithm) {
      const password = passwords.get(user.toLowerCase());
      return password === undefined ? undefined : digestSecret(user, realm, password, algorithm);
    },
  };
}
