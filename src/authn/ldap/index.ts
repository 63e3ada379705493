/** Passwords that a directory checks. Needs `ldapts` (`npm install ldapts`). */
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectSecure } from "node:tls";
import type { Client } from "ldapts";
import { ConfigurationError, DatastoreError } from "../../model/errors.ts";
import { createWorkQueue } from "../../passwords/queue.ts";
import { randomId } from "../../secrets/random.ts";
import type { PasswordCheck } from "../password-proof.ts";
import { checkLdapOptions, type LdapOptions, type LdapSearch } from "./options.ts";

export type { LdapOptions, LdapSearch };

type Library = typeof import("ldapts");

const longestLogin = 255;
/** A connection that is not over after that is cut, in milliseconds. */
const farewell = 500;
const longestPassword = 1024;
/** What a bind is refused with that says no about this password or account (RFC 4511 A.2). */
const refusals: ReadonlyMap<unknown, string> = new Map([
  [19, "constraintViolation"], // a directory's own lockout
  [48, "inappropriateAuthentication"], // the entry has no password
  [49, "invalidCredentials"],
  [50, "insufficientAccessRights"],
  [53, "unwillingToPerform"], // the account is disabled
]);
const noSuchObject = 32;

/**
 * Checks passwords by a bind to a directory (RFC 4513 5.1.3): `passwords: { check: ldap({ url, dn }) }`. True where the bind
 * succeeds, false where it is refused. With `search`, a login that the directory does not have is left to the stored hash.
 * A directory that does not answer refuses every sign-in with 503.
 *
 * @example ldap({ url: "ldaps://directory.acme.example", dn: "uid={login},ou=people,dc=acme,dc=example" })
 */
export function ldap(options: LdapOptions): PasswordCheck {
  checkLdapOptions(options);
  const { url, dn, search, startTls, ca, timeout = 5_000, concurrency = 8, queue: waiting = 100 } = options;
  const queue = createWorkQueue("the directory", concurrency, waiting);
  const tls = { minVersion: "TLSv1.2" as const, ...(ca === undefined ? {} : { ca: [ca].flat() }) };

  const connected = async <T>(library: Library, work: (client: Client) => Promise<T>): Promise<T> => {
    let socket: Socket | undefined;
    const client = new library.Client({
      url,
      createConnection: ((port: number, host: string) => {
        socket = connectPlain(port, host);
        return socket;
      }) as typeof connectPlain,
      // Also called to go on with TLS over a connection that is there.
      createSecureConnection: ((...args: Parameters<typeof connectSecure>) => {
        const secure = connectSecure(...args);
        socket ??= secure;
        return secure;
      }) as typeof connectSecure,
      timeout,
      connectTimeout: timeout,
      ...(url.startsWith("ldaps:") ? { tlsOptions: tls } : {}),
    });
    try {
      if (startTls === true) await client.startTLS({ ...tls, host: new URL(url).hostname });
      return await work(client);
    } finally {
      // The answer does not wait for the farewell, which a silent server would never let end.
      client.unbind().catch(() => undefined);
      setTimeout(() => socket?.destroy(), farewell).unref();
    }
  };

  const bound = async (
    client: Client,
    name: string,
    password: string,
    report: (why: string) => void,
  ): Promise<boolean | undefined> => {
    try {
      await client.bind(name, password);
      return true;
    } catch (error) {
      const code = (error as { readonly code?: unknown }).code;
      if (code === noSuchObject) return undefined;
      const refusal = refusals.get(code);
      if (refusal !== undefined) {
        // Active Directory says more: 532 the password has expired, 533 disabled, 775 locked.
        const [, data] = /\bdata ([0-9a-f]{1,4})\b/.exec(String((error as Error).message)) ?? [];
        report(`the directory refused the bind: ${refusal} (${code})${data === undefined ? "" : `, data ${data}`}`);
        return false;
      }
      throw error;
    }
  };

  const checked = async (
    login: string,
    password: string,
    report: (why: string) => void,
  ): Promise<boolean | undefined> => {
    const library = await load();
    try {
      return await connected(library, async (client) => {
        if (dn !== undefined) return bound(client, nameOf(dn, login), password, report);
        const name = await entryOf(library, client, search as LdapSearch, login);
        if (typeof name === "string") return bound(client, name, password, report);
        if (name === false) report("the search of the directory finds several entries for one login");
        // As many questions as for somebody who is there.
        await bound(client, `cn=nobody-${randomId(8)},${search?.base}`, password, () => undefined);
        return name;
      });
    } catch (error) {
      throw new DatastoreError("the directory did not answer, or not as expected", { cause: error });
    }
  };

  const check: PasswordCheck = (login, password, _user, report = () => undefined) => {
    // A bind without a password is one as nobody, and succeeds (RFC 4513 5.1.2).
    if (password === "" || Buffer.byteLength(password) > longestPassword || password.includes("\0")) return false;
    if (login === "" || login.length > longestLogin || /\p{Cc}/u.test(login) || !login.isWellFormed()) return false;
    return queue.run(() => checked(login, password, report));
  };
  return Object.assign(check, { close: () => queue.close() });
}

/** The name of the entry that has this login; undefined: there is none, false: there are several. */
async function entryOf(
  { AndFilter, EqualityFilter, FilterParser, SizeLimitExceededError }: Library,
  client: Client,
  { base, attribute, filter, scope = "sub", bindDn, bindPassword }: LdapSearch,
  login: string,
): Promise<string | undefined | false> {
  if (bindDn !== undefined && bindPassword !== undefined) await client.bind(bindDn, bindPassword);
  // The login is a value of the protocol and never part of a filter's text.
  const wanted = new EqualityFilter({ attribute, value: login });
  const filters = filter === undefined ? [wanted] : [wanted, FilterParser.parseString(filter)];
  try {
    const { searchEntries } = await client.search(base, {
      scope,
      filter: new AndFilter({ filters }),
      attributes: ["1.1"],
      sizeLimit: 2,
    });
    return searchEntries.length > 1 ? false : searchEntries[0]?.dn;
  } catch (error) {
    if (error instanceof SizeLimitExceededError) return false;
    throw error;
  }
}

/** The login in its place; in a distinguished name as a value, elsewhere ("{login}@acme.example") as it is. */
function nameOf(dn: string, login: string): string {
  return dn.replace("{login}", () => (dn.includes("=") ? escapeDn(login) : login));
}

/** A value in a name (RFC 4514 2.4). */
function escapeDn(value: string): string {
  return value.replace(/[\\",+;<>=#]/g, "\\$&").replace(/^ | $/g, "\\ ");
}

let loaded: Promise<Library> | undefined;

function load(): Promise<Library> {
  loaded ??= import("ldapts").catch((cause: unknown) => {
    loaded = undefined;
    throw new ConfigurationError("passwords.check", "ldap() needs the package ldapts: npm install ldapts", { cause });
  });
  return loaded;
}
