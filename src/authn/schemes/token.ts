import type { Scheme } from "../scheme.ts";
import type { Tokens } from "../tokens/index.ts";

/** The scheme "token": an auth token by any of the configured carriers. One that is limited to scopes is not taken here. */
export function tokenScheme(tokens: Tokens): Scheme {
  return {
    name: "token",
    authenticate: (rq) => tokens.read(rq, "token", (identity) => identity.scopes === undefined),
    place: (_, identity) => tokens.place(identity),
    describe: () => tokens.carriers(),
    challenge: (realm, rq) => tokens.challenge(realm, rq),
    insufficient: (scopes) => tokens.insufficient(scopes),
  };
}
