import { ConfigurationError } from "../../model/errors.ts";
import { checkKnown } from "../../model/known-names.ts";

/** How the user's entry is found where its name does not follow from the login. */
export interface LdapSearch {
  /** Where the search begins: "ou=people,dc=acme,dc=example". */
  readonly base: string;
  /** The attribute that holds the login: "uid", "mail", "sAMAccountName". */
  readonly attribute: string;
  /** A further condition (RFC 4515), such as "(objectClass=inetOrgPerson)". It is yours: nothing typed gets into it. */
  readonly filter?: string;
  /** "sub" (default): the whole tree below; "one": the level below. */
  readonly scope?: "sub" | "one";
  /** Who searches; left out: nobody in particular. */
  readonly bindDn?: string;
  readonly bindPassword?: string;
}

/** A directory. Either `dn` or `search` says who is meant. */
export interface LdapOptions {
  /** "ldaps://directory.acme.example", or "ldap://…" with `startTls`. */
  readonly url: string;
  /** The name of the user's entry, where `{login}` stands for the login: "uid={login},ou=people,dc=acme,dc=example". */
  readonly dn?: string;
  readonly search?: LdapSearch;
  /** Begin in the clear and insist on TLS before anything is said (RFC 4511 4.14). */
  readonly startTls?: boolean;
  /** No TLS: passwords can be read on the way. Only for a directory on this machine. */
  readonly allowPlaintext?: boolean;
  /** Certificates (PEM) that are trusted in the place of the usual ones. */
  readonly ca?: string | readonly string[];
  /** Milliseconds to wait for a connection or an answer; past that sign-ins get 503. Default 5,000. */
  readonly timeout?: number;
  /** So many checks at once; default 8. */
  readonly concurrency?: number;
  /** So many wait for their turn; past that sign-ins get 503. Default 100. */
  readonly queue?: number;
}

const known = ["url", "dn", "search", "startTls", "allowPlaintext", "ca", "timeout", "concurrency", "queue"];
const knownSearch = ["base", "attribute", "filter", "scope", "bindDn", "bindPassword"];

/** Refuses what is unknown or contradictory, with the option's path. */
export function checkLdapOptions(options: LdapOptions): void {
  const fail = (name: string, message: string): never => {
    throw new ConfigurationError(`ldap.${name}`, message);
  };
  checkKnown("ldap", options, known);
  const { url, dn, search, startTls, allowPlaintext, ca } = options;
  const parsed = typeof url === "string" && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !["ldap:", "ldaps:"].includes(parsed.protocol) || parsed.hostname === "") {
    throw new ConfigurationError("ldap.url", "ldaps://host or ldap://host is expected");
  }
  if (parsed.username !== "" || !["", "/"].includes(parsed.pathname) || parsed.search !== "") {
    fail("url", "has more in it than a host and a port");
  }
  for (const [name, value] of Object.entries({ startTls, allowPlaintext })) {
    if (value !== undefined && typeof value !== "boolean") fail(name, "true or false is expected");
  }
  if (parsed.protocol === "ldaps:" && (startTls === true || allowPlaintext === true)) {
    fail("url", "ldaps:// is TLS from the first byte; leave startTls and allowPlaintext out");
  }
  if (parsed.protocol === "ldap:" && (startTls === true) === (allowPlaintext === true)) {
    fail("url", "ldap:// is not encrypted; use ldaps://, or say startTls: true (or allowPlaintext: true if you must)");
  }
  if (ca !== undefined && ![ca].flat().every((text) => typeof text === "string" && text.includes("-----BEGIN"))) {
    fail("ca", "certificates in PEM are expected");
  }
  if ((dn === undefined) === (search === undefined))
    fail("dn", "say either dn or search: how is the user's entry found?");
  if (dn !== undefined && (typeof dn !== "string" || dn.split("{login}").length !== 2)) {
    fail("dn", '"{login}" is expected in it once, as in "uid={login},ou=people,dc=acme,dc=example"');
  }
  // Alone, a login such as EXTERNAL would be the name of another way to bind (RFC 4513 5.2).
  if (dn !== undefined && !/[=@\\]/.test(dn)) {
    fail("dn", 'the name of an entry ("uid={login},…"), or "{login}@domain", is expected');
  }
  if (search !== undefined) checkSearch(search);
  for (const [name, most] of [
    ["timeout", 60_000],
    ["concurrency", 1_000],
    ["queue", 100_000],
  ] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= most)) {
      fail(name, `a whole number from 1 to ${most} is expected`);
    }
  }
}

function checkSearch(search: LdapSearch): void {
  checkKnown("ldap.search", search, knownSearch);
  for (const name of ["base", "attribute", "filter", "bindDn", "bindPassword"] as const) {
    const value = search[name];
    const needed = name === "base" || name === "attribute";
    if ((needed || value !== undefined) && (typeof value !== "string" || value === "")) {
      throw new ConfigurationError(`ldap.search.${name}`, "a text is expected");
    }
  }
  if (!/^[A-Za-z][A-Za-z0-9-]*$|^[0-9]+(?:\.[0-9]+)+$/.test(search.attribute)) {
    throw new ConfigurationError("ldap.search.attribute", "is no name of an attribute");
  }
  if (search.scope !== undefined && search.scope !== "sub" && search.scope !== "one") {
    throw new ConfigurationError("ldap.search.scope", '"sub" or "one" is expected');
  }
  // A name without a password would bind as nobody, and look as if it had worked (RFC 4513 5.1.2).
  if ((search.bindDn === undefined) !== (search.bindPassword === undefined)) {
    throw new ConfigurationError("ldap.search", "bindDn and bindPassword belong together");
  }
}
