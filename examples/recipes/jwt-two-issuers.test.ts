import { generateKeyPairSync } from "node:crypto";
import { SignJWT } from "jose";
import { expect, it } from "vitest";
import { ask, bearer, origin } from "./ask.ts";
import { createApp } from "./jwt-two-issuers.ts";

it("takes each issuer's tokens by its own keys, audience and users", async () => {
  const ours = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const theirs = generateKeyPairSync("ed25519");
  const set = (key: typeof ours.publicKey) => ({ keys: [{ ...key.export({ format: "jwk" }), kid: "one" }] });
  const recipe = await createApp({ origin }, { staff: set(ours.publicKey), partners: set(theirs.publicKey) });
  const sign = (alg: string, key: typeof ours.privateKey, claims: Record<string, unknown>): Promise<string> =>
    new SignJWT({ exp: Math.floor(Date.now() / 1000) + 60, ...claims })
      .setProtectedHeader({ alg, kid: "one" })
      .sign(key);
  const status = async (token: string, path = "/orders"): Promise<number> =>
    (await ask(recipe, path, { headers: bearer(token) })).status;

  const acme = { iss: "https://login.acme.example", aud: "orders", email: "ann@acme.example" };
  const partner = { iss: "https://id.partners.example", aud: "acme-orders", sub: "p-17" };
  const ann = await sign("ES256", ours.privateKey, acme);
  expect([await status(ann), await status(ann, "/prices")]).toEqual([200, 200]);
  const seventeen = await sign("EdDSA", theirs.privateKey, partner);
  expect([await status(seventeen), await status(seventeen, "/prices")]).toEqual([200, 403]);
  for (const wrong of [
    // The one's name with the other's key, another's audience, somebody unknown, and one who claims to be staff.
    await sign("EdDSA", theirs.privateKey, acme),
    await sign("ES256", ours.privateKey, { ...acme, aud: "acme-orders" }),
    await sign("ES256", ours.privateKey, { ...acme, email: "nobody@acme.example" }),
    await sign("EdDSA", theirs.privateKey, { ...partner, sub: "p-18", email: "ann@acme.example" }),
    await sign("EdDSA", theirs.privateKey, { ...partner, iss: "https://evil.example" }),
  ]) {
    expect(await status(wrong)).toBe(401);
  }
  await recipe.security.close();
});
