/**
 * Passwords that a directory checks. Needs `npm install ldapts`, and where yours is: LDAP_URL and LDAP_DN, in which {login}
 * stands for the login.
 *
 *     LDAP_URL=ldaps://directory.acme.example LDAP_DN="uid={login},ou=people,dc=acme,dc=example" npm run example:recipe ldap
 *     curl -u ann:… http://localhost:3000/hello
 */
import { portcullis } from "portcullis";
import { type LdapOptions, ldap } from "portcullis/ldap";
import { type Recipe, type RecipeOptions, secretKeys } from "./recipe.ts";

const { LDAP_URL = "ldaps://localhost", LDAP_DN = "uid={login},ou=people,dc=acme,dc=example" } = process.env;

export async function createApp(
  { origin }: RecipeOptions,
  directory: LdapOptions = { url: LDAP_URL, dn: LDAP_DN },
): Promise<Recipe> {
  const security = await portcullis({
    secretKeys,
    origins: [origin],
    // Nothing else knows the users: who can bind is one, by the login in lower case.
    passwords: { check: ldap(directory) },
    authn: ["basic", "token"],
    tokens: { carriers: ["bearer"] },
    // A directory takes its time: what it said is believed for a minute.
    caches: { password: { ttl: "1m" } },
  });

  const app = security.app();
  app.get("/hello", { authz: "AUTH" }, (c) => c.json({ hello: c.var.user.username }));
  app.get("/token", { authz: "AUTH", authn: ["basic"] }, async (c) => c.text(await security.createToken(c.var.user)));
  return { app, security };
}
