import { createHmac } from "node:crypto";
import type { FlaskSecurityOptions } from "./hashing-options.ts";
import type { SchemeName } from "./schemes/stored.ts";

/** What a scheme is given to hash: first the form that new hashes have, then the one that is accepted besides. */
export type SecretForms = readonly [first: string, second?: string];

/** Tells for a normalised password and a scheme what is hashed: the password itself or Flask-Security's pre-hash. */
export type SecretFormer = (password: string, scheme: SchemeName) => SecretForms;

/** Follows the configuration of a Flask-Security deployment; without one the password itself is hashed. */
export function createSecretFormer(options: FlaskSecurityOptions | undefined): SecretFormer {
  if (options === undefined) return (password) => [password];
  const { passwordSalt, singleHash = [], alsoSingle = false } = options;
  const single = (scheme: SchemeName): boolean => singleHash === true || singleHash.includes(scheme);
  return (password, scheme) => {
    if (single(scheme)) return [password];
    const preHash = createHmac("sha512", passwordSalt).update(password).digest("base64");
    return alsoSingle ? [preHash, password] : [preHash];
  };
}
