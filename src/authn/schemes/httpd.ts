import { peerAddress } from "../../http/address.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { isFault } from "../../model/identity.ts";
import { checkKnown } from "../../model/known-names.ts";
import { badCredential, because, builtIn, type SchemePlan } from "../scheme.ts";

/** How a front end says whom it has authenticated. */
export interface HttpdOptions {
  /** The header; default "Remote-User". The front end must set or remove it on every request. */
  readonly header?: string;
}

/**
 * The scheme "httpd": a trusted front end has authenticated the user and says so in a header, as CGI's REMOTE_USER. It is
 * believed from sockets of the listed `trustedProxies` alone; from anywhere else it is not there. The proof is the front
 * end's, so it is never fresh.
 */
export function httpd(options: HttpdOptions = {}): SchemePlan<"httpd"> {
  checkKnown("schemes.httpd", options, ["header"]);
  const { header = "Remote-User" } = options;
  if (
    typeof header !== "string" ||
    !/^[A-Za-z0-9-]{1,64}$/.test(header) ||
    /^(?:cookie|authorization|host)$/i.test(header)
  ) {
    throw new ConfigurationError("schemes.httpd.header", "is no name for a header of its own");
  }
  return builtIn({
    name: "httpd",
    make({ proof, signIn, trusted }) {
      if (trusted === undefined) {
        throw new ConfigurationError(
          "trustedProxies",
          'the scheme "httpd" needs the front end\'s addresses, such as ["127.0.0.1"]: a count of hops says not who may name a user',
        );
      }
      const bad = badCredential(header.toLowerCase());
      const twice = because(bad, { why: "the header is there twice, or names several users" });
      const unknown = because(bad, { why: "the front end names a user who has no account here" });
      return {
        name: "httpd",
        place: () => bad.refused,
        // The front end knows the user by something that browsers send along.
        ambient: true,
        describe: () => [
          {
            type: "apiKey",
            in: "header",
            name: header,
            description: "Set by the front end that authenticates the users; believed from there alone.",
          },
        ],
        async authenticate(rq) {
          const user = rq.header(header);
          if (user === undefined || user === "") return undefined;
          const socket = peerAddress(rq.peer);
          if (socket === undefined || !trusted(socket)) return undefined;
          // Two headers arrive as one with a comma: whose word it is cannot be told.
          if (user.includes(",")) return twice;
          const account = await proof.find(Buffer.from(user, "latin1").toString("utf8"));
          if (account === undefined) return unknown;
          const identity = await signIn.admitOrFault(rq, { account, methods: ["httpd"] }, "httpd");
          return isFault(identity) ? because(bad, identity) : { ...identity, authenticatedAt: null };
        },
      };
    },
  });
}
