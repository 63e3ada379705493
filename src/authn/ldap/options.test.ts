import { expect, it } from "vitest";
import { ldap } from "./index.ts";

const dn = "uid={login},dc=acme,dc=example";
const url = "ldaps://directory.acme.example";

it.each<[string, object]>([
  ["ldap.url", { dn }],
  ["ldap.url", { url: "https://directory.acme.example", dn }],
  ["ldap.url", { url: "ldap://directory.acme.example", dn }],
  ["ldap.url", { url: "ldap://directory.acme.example", dn, startTls: true, allowPlaintext: true }],
  ["ldap.url", { url, dn, startTls: true }],
  ["ldap.url", { url: "ldaps://reader:secret@directory.acme.example", dn }],
  ["ldap.url", { url: "ldaps://directory.acme.example/dc=acme", dn }],
  ["ldap.startTls", { url, dn, startTls: 1 }],
  ["ldap.ca", { url, dn, ca: "/etc/ssl/ca.pem" }],
  ["ldap.dn", { url }],
  ["ldap.dn", { url, dn, search: { base: "dc=acme", attribute: "uid" } }],
  ["ldap.dn", { url, dn: "uid=ann,dc=acme" }],
  ["ldap.dn", { url, dn: "{login}" }],
  ["ldap.dn", { url, dn: "uid={login},ou={login}" }],
  ["ldap.search.base", { url, search: { attribute: "uid" } }],
  ["ldap.search.attribute", { url, search: { base: "dc=acme", attribute: "uid)(cn" } }],
  ["ldap.search", { url, search: { base: "dc=acme", attribute: "uid", bindDn: "cn=reader" } }],
  ["ldap.search.scope", { url, search: { base: "dc=acme", attribute: "uid", scope: "tree" } }],
  ["ldap.search.user", { url, search: { base: "dc=acme", attribute: "uid", user: "x" } }],
  ["ldap.timeout", { url, dn, timeout: 0 }],
  ["ldap.queue", { url, dn, queue: 1.5 }],
  ["ldap.uri", { url, dn, uri: url }],
])("refuses %s in %j", (path, options) => {
  expect(() => ldap(options as never)).toThrow(`${path}: `);
});

it("takes what is complete", () => {
  expect(typeof ldap({ url, dn })).toBe("function");
  expect(typeof ldap({ url, dn: "{login}@acme.example", concurrency: 1 })).toBe("function");
  expect(
    typeof ldap({ url: "ldap://localhost:389", startTls: true, search: { base: "dc=acme", attribute: "uid" } }),
  ).toBe("function");
});
