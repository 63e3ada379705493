import type { SecurityRequest } from "../../http/request.ts";
import { type Awaitable, andThen } from "../../model/awaitable.ts";
import { ConfigurationError } from "../../model/errors.ts";
import { type BadCredential, type Identity, isFault } from "../../model/identity.ts";
import { checkKnown } from "../../model/known-names.ts";
import {
  badCredential,
  because,
  builtIn,
  type CredentialDescription,
  type SchemeContext,
  type SchemePlan,
} from "../scheme.ts";
import { bodyText, hasReadableBody, queryField } from "../tokens/carriers.ts";
import { badBasic, basicAuthentication, basicChallenge, basicName } from "./basic.ts";
import { type Credentials, credentialCheck } from "./credentials.ts";

/** How a user and a password come as parameters. */
export interface ParamOptions {
  /** The name of the user's parameter; default "USER". */
  readonly user?: string;
  /** The name of the password's parameter; default "PASS". */
  readonly password?: string;
  /** True: also from the query. Queries end up in logs, histories and referrers. */
  readonly allowInQuery?: boolean;
}

const maxPassword = 4096;

/** The scheme "param": user and password as fields of a form or JSON body. */
export function param(options: ParamOptions = {}): SchemePlan<"param"> {
  const reading = reader("param", options);
  return builtIn({
    name: "param",
    parameters: reading.names,
    make: (context) => ({
      name: "param",
      authenticate: parameterAuthentication(context, "param", reading),
      place: () => placeOf(reading),
      describe: () => [inBody("param", reading.names)],
    }),
  });
}

/** The scheme "password": HTTP Basic, then parameters. */
export function password(options: ParamOptions = {}): SchemePlan<"password"> {
  const reading = reader("password", options);
  return builtIn({
    name: "password",
    parameters: reading.names,
    make(context) {
      const byHeader = basicAuthentication(context, "password");
      const byParameters = parameterAuthentication(context, "password", reading);
      return {
        name: "password",
        ambient: true,
        authenticate(rq) {
          const found = byHeader(rq);
          if (found instanceof Promise) return found.then((identity) => identity ?? byParameters(rq));
          return found ?? byParameters(rq);
        },
        place: (rq) => (basicName.test(rq.header("authorization") ?? "") ? badBasic.refused : placeOf(reading)),
        challenge: basicChallenge,
        describe: () => [
          { type: "http", scheme: "basic", description: "User name and password (RFC 7617, UTF-8)." },
          inBody("password", reading.names),
        ],
      };
    },
  });
}

/** OpenAPI has no word for credentials in the body: said in a sentence. */
function inBody(carrier: string, names: readonly string[]): CredentialDescription {
  const fields = names.map((name) => `"${name}"`).join(" and ");
  return {
    type: "http",
    scheme: carrier,
    carrier,
    description: `Not in the header Authorization: user name and password as the fields ${fields} of a form or a JSON body.`,
  };
}

function parameterAuthentication(
  context: SchemeContext,
  via: string,
  reading: Reading,
): (rq: SecurityRequest) => Awaitable<Identity | BadCredential | undefined> {
  const check = credentialCheck(context, via);
  const bad = badCredential(placeOf(reading));
  const take = (
    rq: SecurityRequest,
    sent: Credentials | undefined,
  ): Awaitable<Identity | BadCredential | undefined> => {
    if (sent === undefined) return undefined;
    const text = JSON.stringify([sent.user, sent.password]);
    const verified = check.known(rq, text) ?? check.verify(rq, sent, text);
    return andThen(verified, (found) => (isFault(found) ? because(bad, found) : found));
  };
  return (rq) => {
    const sent = reading.read(rq);
    return sent instanceof Promise ? sent.then((found) => take(rq, found)) : take(rq, sent);
  };
}

/** How the parameters are read. */
interface Reading {
  readonly names: readonly string[];
  readonly read: (rq: SecurityRequest) => Awaitable<Credentials | undefined>;
}

/** Two schemes that read the same parameters read one credential. */
function placeOf({ names }: Reading): string {
  return names.join(" ");
}

function reader(scheme: string, options: ParamOptions): Reading {
  const path = `schemes.${scheme}`;
  checkKnown(path, options, ["user", "password", "allowInQuery"]);
  const { user = "USER", password = "PASS", allowInQuery = false } = options;
  for (const [name, value] of [
    ["user", user],
    ["password", password],
  ] as const) {
    if (typeof value !== "string" || !/^[\w.-]{1,64}$/.test(value)) {
      throw new ConfigurationError(`${path}.${name}`, "is no name of a parameter");
    }
  }
  if (user === password) throw new ConfigurationError(path, "user and password need two names");
  if (typeof allowInQuery !== "boolean")
    throw new ConfigurationError(`${path}.allowInQuery`, "true or false is expected");
  const both = (who: string | undefined, what: string | undefined): Credentials | undefined =>
    who === undefined || who === "" || what === undefined || what.length > maxPassword
      ? undefined
      : { user: who, password: what };
  const fromBody = async (rq: SecurityRequest): Promise<Credentials | undefined> =>
    both(await bodyText(rq, user), await bodyText(rq, password));
  return {
    names: [user, password],
    read(rq) {
      const sent = allowInQuery ? both(queryField(rq, user), queryField(rq, password)) : undefined;
      return sent ?? (hasReadableBody(rq) ? fromBody(rq) : undefined);
    },
  };
}
