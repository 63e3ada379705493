import { compact, hmac, type PairAlgorithm, pem, signedBy, signingKey, spellings, token } from "./jose.ts";
import { adminClaims, opens, refused } from "./jwt-system.ts";
import { attacks, each, must, pairs } from "./suite.ts";

for (const algorithm of ["RS256", "ES256", "EdDSA"] as const satisfies readonly PairAlgorithm[]) {
  const key = signingKey(algorithm, "key");
  const tokens = { type: "jwt", jwt: { algorithm, keys: [{ key: pem(key), kid: key.kid }] } };
  attacks(`JWT by ${algorithm}`, { settings: { TOKENS: tokens } }, (attack) => {
    attack("JWT-02 [ADV-E] [ASVS 9.1.2]: the public key taken for a shared secret", async (rig) => {
      const claims = await adminClaims(rig);
      must((await opens(rig, token(key, claims))) === 200, "a good token is refused");
      await each(
        pairs(spellings(key), [256, 384, 512] as const),
        ([secretOf, bits]) => `HS${bits} ${secretOf.toString("latin1").slice(0, 20)}`,
        async ([shared, bits]) => {
          for (const header of [
            { alg: `HS${bits}`, typ: "JWT" },
            { alg: `HS${bits}`, typ: "JWT", kid: key.kid },
            { alg: algorithm, typ: "JWT", kid: key.kid },
          ]) {
            await refused(rig, compact(header, claims, hmac(bits, shared)));
          }
        },
      );
      // A key pair of another kind, or of the same one, under the name of ours.
      for (const other of ["RS256", "ES256", "EdDSA"] as const) {
        const stranger = signingKey(other, key.kid);
        await refused(rig, token(stranger, claims));
        await refused(rig, compact({ alg: algorithm, typ: "JWT", kid: key.kid }, claims, signedBy(stranger)));
      }
      const published = await rig.client().get("/.well-known/jwks.json");
      must(published.status === 200 && published.text.includes(key.kid), "the key is not published");
    });
  });
}

attacks("JWT by the secret keys", { settings: { TOKENS: { type: "jwt" } } }, (attack) => {
  attack("JWT-01 [ADV-E] [ASVS 9.1.1] [ASVS 9.1.2]: tokens without, or with a weak, shared secret", async (rig) => {
    const claims = await adminClaims(rig);
    const weak = ["", "secret", "password", "HS256", "portcullis", rig.lab.origin, "\u0000", "A".repeat(32)];
    await each(weak, JSON.stringify, async (shared) => {
      for (const bits of [256, 384, 512] as const) {
        await refused(rig, compact({ alg: `HS${bits}`, typ: "JWT" }, claims, hmac(bits, shared)));
      }
    });
    for (const alg of ["none", "None", "", null, undefined, "HS512", "RS256", "ES256"]) {
      for (const signature of ["", "AA", Buffer.alloc(32).toString("base64url")]) {
        await refused(rig, compact({ alg, typ: "JWT" }, claims, signature));
      }
    }
    must((await rig.client().get("/.well-known/jwks.json")).status === 404, "a secret is published");
  });
});
