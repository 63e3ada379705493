/**
 * JWTs of two other issuers: each has its keys, its audience, and its way to name the user. What a token says of itself
 * chooses between the two and nothing else.
 */
import { type IssuerOption, portcullis } from "portcullis";
import { type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

/** Where an issuer publishes its keys, or the keys. */
export type Keys = IssuerOption["jwks"];

export async function createApp(
  { origin }: RecipeOptions,
  keys: { readonly staff: Keys; readonly partners: Keys } = {
    staff: "https://login.acme.example/jwks",
    partners: "https://id.partners.example/jwks",
  },
): Promise<Recipe> {
  // Who is known here: by address for the one, by a subject of the other's own for the other.
  const staff = new Set(["ann@acme.example"]);
  const partners = new Map([["p-17", "partner@partners.example"]]);

  const security = await portcullis({
    secretKeys,
    origins: [origin],
    getUserPass: (login) =>
      staff.has(login) || [...partners.values()].includes(login) ? { password: null } : undefined,
    groups: ["staff"],
    groupCheck: (user) => staff.has(user.username ?? ""),
    tokens: {
      type: "jwt",
      carriers: ["bearer"],
      issuers: [
        {
          issuer: "https://login.acme.example",
          audience: "orders",
          algorithms: ["ES256"],
          jwks: keys.staff,
          user: (claims, users) => users.find("username", String(claims["email"])),
        },
        {
          issuer: "https://id.partners.example",
          audience: "acme-orders",
          algorithms: ["EdDSA"],
          jwks: keys.partners,
          user: (claims, users) => users.find("username", partners.get(String(claims["sub"])) ?? ""),
        },
      ],
    },
  });

  const app = security.app();
  app.get("/orders", { authz: "AUTH" }, (c) => c.json({ for: c.var.user.username }));
  app.get("/prices", { authz: "staff" }, (c) => c.json({ for: c.var.user.username }));
  return { app, security };
}
