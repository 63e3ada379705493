import type { SecurityRequest } from "../../http/request.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { type BadCredential, type Identity, isFault } from "../../model/identity.ts";
import { checkKnown } from "../../model/known-names.ts";
import { badCredential, because, builtIn, type SchemePlan } from "../scheme.ts";
import { bodyText, hasReadableBody, queryField } from "../tokens/carriers.ts";

/** How a test says who it is. */
export interface FakeOptions {
  /** The parameter; default "LOGIN". */
  readonly parameter?: string;
}

const loopback = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/;
/** What a proxy adds: the socket is then the proxy's, and anybody may be behind it. */
const forwarding = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/**
 * The scheme "fake": whoever a parameter says, for local tests. Only from a loopback socket that no proxy stands behind, and
 * not in production: with an https origin, trusted proxies or NODE_ENV=production the system does not start.
 */
export function fake(options: FakeOptions = {}): SchemePlan<"fake"> {
  checkKnown("schemes.fake", options, ["parameter"]);
  const { parameter = "LOGIN" } = options;
  if (typeof parameter !== "string" || !/^[\w.-]{1,64}$/.test(parameter)) {
    throw new ConfigurationError("schemes.fake.parameter", "is no name of a parameter");
  }
  return builtIn({
    name: "fake",
    parameters: [parameter],
    make({ proof, signIn, origins, behindProxies }) {
      const secure = origins.find((origin) => origin.startsWith("https:"));
      // biome-ignore lint/complexity/useLiteralKeys: process.env has no known keys
      const production = process.env["NODE_ENV"] === "production";
      if (production || secure !== undefined || behindProxies) {
        const reason = production
          ? "NODE_ENV is production"
          : secure === undefined
            ? "there are proxies"
            : `${secure} is served`;
        throw new ConfigurationError(
          "schemes",
          `"fake" lets anybody be anybody and is for local tests, but ${reason}; take it out`,
        );
      }
      const bad = badCredential(parameter);
      const admit = async (
        rq: SecurityRequest,
        name: string | undefined,
      ): Promise<Identity | BadCredential | undefined> => {
        if (name === undefined) return undefined;
        const account = name === "" ? undefined : await proof.find(name);
        if (account === undefined) return because(bad, { why: "it names nobody who has an account" });
        const identity = await signIn.admitOrFault(rq, { account, methods: ["fake"] }, "fake");
        return isFault(identity) ? because(bad, identity) : identity;
      };
      return {
        name: "fake",
        // No secret is needed: any page in the developer's browser could send it.
        ambient: true,
        place: () => bad.refused,
        describe: () => [
          {
            type: "apiKey",
            in: "query",
            name: parameter,
            description: "For local tests: whoever it names, without proof.",
          },
        ],
        authenticate(rq) {
          if (!loopback.test(rq.peer ?? "") || forwarding.some((name) => rq.header(name) !== undefined))
            return undefined;
          const name = queryField(rq, parameter);
          if (name !== undefined) return admit(rq, name);
          return hasReadableBody(rq) ? bodyText(rq, parameter).then((sent) => admit(rq, sent)) : undefined;
        },
      };
    },
  });
}
