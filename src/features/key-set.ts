import type { JwsKey } from "../secrets/jws.ts";
import type { PublishedDocument } from "./account-routes.ts";

const keySetPath = "/.well-known/jwks.json";

/** Our public keys for those who verify our tokens (RFC 7517 5, RFC 8414 2); nothing where the keys are secrets. */
export function keySets(keys: readonly JwsKey[]): readonly PublishedDocument[] {
  const published = keys.map(({ publicJwk }) => publicJwk).filter((jwk) => jwk !== undefined);
  if (published.length === 0) return [];
  return [
    {
      path: keySetPath,
      contentType: "application/jwk-set+json",
      body: JSON.stringify({ keys: published }),
      maxAge: 300,
      open: "public keys",
      source: "tokens",
    },
  ];
}
