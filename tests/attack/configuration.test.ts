/** A part of the configuration that fails or is missing: the server does not start, and says what is wrong. */
import { pem, publicJwk, signingKey } from "./jose.ts";
import { startLab } from "./lab.ts";
import { attacks, each, long, must } from "./suite.ts";

const key = signingKey("RS256", "k1");
const issuer = {
  issuer: "https://idp.example",
  audience: "the lab",
  algorithms: ["RS256"],
  jwks: { keys: [publicJwk(key)] },
};
const { issuer: _name, ...nameless } = issuer;
const { audience: _audience, ...forAnybody } = issuer;

/** What is wrong, and the word of the error that says where. Each is a server of its own: the short form has the first few. */
const broken: readonly (readonly [what: string, where: RegExp, settings: Readonly<Record<string, unknown>>])[] = [
  ["a setting that is spelled wrongly", /CONFIRMABEL/, { CONFIRMABEL: true }],
  ["an issuer for any audience", /audience/, { TOKENS: { issuers: [forAnybody] } }],
  ["the algorithm none", /algorithms/, { TOKENS: { issuers: [{ ...issuer, algorithms: ["none"] }] } }],
  ["a weak secret", /tokens\.jwt/, { TOKENS: { type: "jwt", jwt: { algorithm: "HS256", keys: [{ key: "short" }] } } }],
  ["any number of proxies", /trustedProxies/, { TRUSTED_PROXIES: { hops: -1 } }],
  ["an issuer without a name", /issuer/, { TOKENS: { issuers: [nameless] } }],
  ["an issuer without keys", /jwks/, { TOKENS: { issuers: [{ ...issuer, jwks: { keys: [] } }] } }],
  ["keys over plain http", /jwks/, { TOKENS: { issuers: [{ ...issuer, jwks: "http://idp.example/keys" }] } }],
  ["no algorithm", /algorithms/, { TOKENS: { issuers: [{ ...issuer, algorithms: [] }] } }],
  ["a shared secret for published keys", /algorithms/, { TOKENS: { issuers: [{ ...issuer, algorithms: ["HS256"] }] } }],
  ["no key that signs", /tokens\.jwt/, { TOKENS: { type: "jwt", jwt: { algorithm: "ES256", keys: [] } } }],
  [
    "a key of another kind",
    /tokens\.jwt/,
    { TOKENS: { type: "jwt", jwt: { algorithm: "ES256", keys: [{ key: pem(key) }] } } },
  ],
  ["a type of tokens that there is not", /tokens\.type/, { TOKENS: { type: "none" } }],
  ["proxies that nobody can be", /trustedProxies/, { TRUSTED_PROXIES: ["everybody"] }],
  ["tokens that were never sent on purpose", /tokens\.carriers/, { TOKENS: { carriers: ["query"] } }],
];

attacks("configuration", {}, (attack) => {
  attack("ADV-P [ASVS 16.5.3]: what is wrong or missing in the configuration closes", async (rig) => {
    const { profile, database } = rig.lab;
    // With all of it right it starts: this lab has. One part each is wrong below.
    must(rig.lab.alive, "nothing runs");
    await each(
      long ? broken : broken.slice(0, 3),
      ([what]) => what,
      async ([, where, settings]) => {
        let said = "";
        try {
          const lab = await startLab({ profile, database: database === "postgres" ? "sqlite" : database, settings });
          await lab.stop();
        } catch (error) {
          said = error instanceof Error ? error.message : String(error);
        }
        must(said !== "", "it starts");
        must(/ended with [12]/.test(said) && where.test(said), `it says ${said.slice(0, 300)}`);
      },
    );
  });
});
