/** A directory server of a test's own: slapd with two people, a service account and a group of nobody. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const base = "dc=acme,dc=example";
export const people: string = `ou=people,${base}`;
export const service = { bindDn: `cn=reader,${base}`, bindPassword: "reader's own password" };
export const secret = "battery staple";

/** A running server. */
export interface Directory {
  /** ldap://127.0.0.1:port */
  readonly url: string;
  /** ldaps://localhost:port, with the certificate `ca`. */
  readonly secureUrl: string;
  readonly ca: string;
  stop(): Promise<void>;
}

const entry = (dn: string, ...lines: readonly string[]): string => [`dn: ${dn}`, ...lines, ""].join("\n");
const person = (dn: string, uid: string, password: string | undefined, ...more: readonly string[]): string =>
  entry(
    dn,
    "objectClass: inetOrgPerson",
    `uid: ${uid}`,
    `cn: ${uid}`,
    `sn: ${uid}`,
    ...(password === undefined ? [] : [`userPassword: ${password}`]),
    ...more,
  );

const content = [
  entry(base, "objectClass: dcObject", "objectClass: organization", "dc: acme", "o: Acme"),
  entry(people, "objectClass: organizationalUnit", "ou: people"),
  entry(`ou=former,${base}`, "objectClass: organizationalUnit", "ou: former"),
  entry(
    service.bindDn,
    "objectClass: organizationalRole",
    "objectClass: simpleSecurityObject",
    "cn: reader",
    `userPassword: ${service.bindPassword}`,
  ),
  person(`uid=ann,${people}`, "ann", secret, "mail: ann@acme.example", "employeeType: staff"),
  person(`uid=bob\\, jr.,${people}`, "bob, jr.", secret, "mail: bob@acme.example"),
  person(`uid=empty,${people}`, "empty", undefined),
  // The same login twice in the tree.
  person(`uid=twin,${people}`, "twin", secret),
  person(`uid=twin,ou=former,${base}`, "twin", secret),
].join("\n");

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(socket.destroy() !== undefined));
    socket.once("error", () => resolve(false));
  });
}

function run(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${stderr ?? ""}${error?.message ?? ""}`);
}

/** Starts slapd (its path) with a fresh database. */
export async function startDirectory(slapd: string): Promise<Directory> {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-slapd-"));
  const file = (name: string): string => join(folder, name);
  mkdirSync(file("data"));
  const schemas = ["/etc/ldap/schema", "/etc/openldap/schema"].find((path) => existsSync(path)) as string;
  const modules = ["/usr/lib/ldap", "/usr/lib/openldap"].find((path) => existsSync(join(path, "back_mdb.so")));
  run(
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-keyout",
    file("key.pem"),
    "-out",
    file("cert.pem"),
  );
  writeFileSync(
    file("slapd.conf"),
    [
      ...["core", "cosine", "inetorgperson"].map((name) => `include ${schemas}/${name}.schema`),
      `pidfile ${file("pid")}`,
      ...(modules === undefined ? [] : [`modulepath ${modules}`, "moduleload back_mdb"]),
      `TLSCertificateFile ${file("cert.pem")}`,
      `TLSCertificateKeyFile ${file("key.pem")}`,
      "database mdb",
      `suffix "${base}"`,
      `directory ${file("data")}`,
      "access to attrs=userPassword by anonymous auth by * none",
      `access to * by dn.exact="${service.bindDn}" read by self read by * none`,
      "",
    ].join("\n"),
  );
  writeFileSync(file("content.ldif"), content);
  run(slapd, "-T", "add", "-f", file("slapd.conf"), "-l", file("content.ldif"));
  const [plain, secure] = [await freePort(), await freePort()];
  const listens = `ldap://127.0.0.1:${plain} ldaps://127.0.0.1:${secure}`;
  const server: ChildProcess = spawn(slapd, ["-f", file("slapd.conf"), "-h", listens, "-d", "0"], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  for (let tries = 0; !(await answers(plain)) || !(await answers(secure)); tries += 1) {
    if (tries > 500 || server.exitCode !== null)
      throw new Error(`slapd does not answer (exit code ${server.exitCode})`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url: `ldap://127.0.0.1:${plain}`,
    secureUrl: `ldaps://localhost:${secure}`,
    ca: readFileSync(file("cert.pem"), "utf8"),
    async stop() {
      server.kill();
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}
