import { ConfigurationError } from "../../model/errors.ts";
import { builtIn, type SchemePlan } from "../scheme.ts";

/**
 * The scheme "oauth": a token that is limited to scopes, for routes that ask for one by `scope(…)`. It is no way into account
 * pages, whatever its scopes.
 */
export function oauth(): SchemePlan<"oauth"> {
  return builtIn({
    name: "oauth",
    make: ({ tokens }) => {
      if (!tokens.scoped) {
        throw new ConfigurationError(
          "schemes",
          'oauth() takes tokens that are limited to scopes, which "fsa" tokens never are; leave it out, or set tokens.issuers or another tokens.type',
        );
      }
      return {
        name: "oauth",
        authenticate: (rq) =>
          rq.route.kind === "account"
            ? undefined
            : tokens.read(rq, "oauth", (identity) => identity.scopes !== undefined),
        place: (_, identity) => tokens.place(identity),
        describe: () => tokens.carriers(),
        challenge: (realm, rq) => tokens.challenge(realm, rq),
        insufficient: (scopes) => tokens.insufficient(scopes),
      };
    },
  });
}
