import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SMTPServer } from "smtp-server";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Folder, folder, fromSource } from "./command.ts";

const secret = "Vq3!zL9#kT2@xW8$mB5%nR7&pD4*hJ6^";

/** A program whose options come from the environment, and which serves. */
const program = `
import { portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { serve } from "portcullis/node";
import { smtp } from "portcullis/smtp";
import { sqlite } from "portcullis/sqlite";
const env = process.env;
export const security = await portcullis({
  secretKeys: [env.SECRET_KEY],
  origins: [env.ORIGIN ?? "http://localhost:3000"],
  datastore: sqlite("app.db"),
  features: [passwords()],
  cookies: {},
  ...(env.SMTP === undefined ? {} : { mail: { sender: smtp({ host: "127.0.0.1", port: Number(env.SMTP), allowPlaintext: true }), from: "a@acme.example" } }),
  ...(env.OPTIONS === undefined ? {} : JSON.parse(env.OPTIONS)),
});
const server = await serve(security.app(), { port: Number(env.PORT ?? 0), hostname: "127.0.0.1" });
console.log(server.url);
`;

interface Report {
  readonly faults: number;
  readonly warnings: number;
  readonly findings: readonly { check: string; level: string; path?: string; text: string; mend?: string }[];
}

let place: Folder;
const ends: (() => unknown)[] = [];
beforeEach(async () => {
  place = folder();
  place.write("app.ts", program);
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  place.remove();
});

async function doctor(
  env: Record<string, string> = {},
  ...args: string[]
): Promise<{ code: number | null; report: Report; faults: string[]; stderr: string }> {
  const outcome = await place.calls(["doctor", "--json", ...args], { env: { SECRET_KEY: secret, ...env } });
  const report = JSON.parse(outcome.stdout) as Report;
  const faults = report.findings.filter(({ level }) => level === "fault").map(({ check, path }) => `${check} ${path}`);
  return { code: outcome.code, report, faults, stderr: outcome.stderr };
}

/** The program in a process of its own. */
async function served(env: Record<string, string>): Promise<void> {
  const child = spawn(process.execPath, ["--import", fromSource, "app.ts"], {
    cwd: place.path,
    env: { ...process.env, SECRET_KEY: secret, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  ends.push(async () => {
    child.kill();
    await once(child, "exit");
  });
  await once(child.stdout, "data");
}

/** What stands between the caller and the server. */
interface Between {
  /** Ends TLS with this certificate. */
  readonly tls?: Certificate;
  /** The address that the call comes from where the proxy stands, as behind a NAT. */
  readonly caller?: string;
  /** The time that answers tell, in milliseconds ahead of this machine's; null: none. */
  readonly ahead?: number | null;
}

interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A certificate that signs itself, for one address. */
function certificate(address: string): Certificate {
  const [key, cert] = [join(place.path, `${address}.key`), join(place.path, `${address}.pem`)];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-subj", "/CN=doctor", "-addext", `subjectAltName=IP:${address}`, "-keyout", key, "-out", cert],
    ],
    { stdio: "ignore" },
  );
  return { key, cert };
}

/** A proxy on this machine; with `forwards` it says whose call it is. */
async function proxyTo(port: number, forwards: boolean, between: Between = {}): Promise<number> {
  const { tls, ahead } = between;
  const handle = (incoming: IncomingMessage, answer: ServerResponse): void => {
    const before = incoming.headers["x-forwarded-for"];
    const caller = between.caller ?? incoming.socket.remoteAddress ?? "";
    const forwarded = [...(before === undefined ? [] : [before]), caller].join(", ");
    const headers = { ...incoming.headers, ...(forwards ? { "x-forwarded-for": forwarded } : {}) };
    const onward = request({ host: "127.0.0.1", port, path: incoming.url, method: incoming.method, headers });
    onward.once("response", (response) => {
      const { date, ...rest } = response.headers;
      answer.sendDate = false;
      const told = ahead === undefined ? date : ahead !== null && new Date(Date.now() + ahead).toUTCString();
      answer.writeHead(response.statusCode ?? 500, told ? { ...rest, date: told } : rest);
      response.pipe(answer);
    });
    onward.once("error", () => answer.destroy());
    incoming.pipe(onward);
  };
  const proxy =
    tls === undefined
      ? createServer(handle)
      : createSecureServer({ key: readFileSync(tls.key), cert: readFileSync(tls.cert) }, handle);
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  ends.push(() => proxy.close());
  return (proxy.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("portcullis doctor", () => {
  it("finds nothing wrong where nothing is, and changes nothing", async () => {
    expect((await place.portcullis("migrate")).code).toBe(2);
    expect((await place.calls(["migrate"], { env: { SECRET_KEY: secret } })).code).toBe(0);
    const { code, report, faults } = await doctor();
    expect({ code, faults }).toEqual({ code: 0, faults: [] });
    expect(report.findings.map(({ check, level }) => `${check} ${level}`)).toEqual([
      ...["secrets ok", "origins ok", "cookies ok", "options ok"],
      ...["schema ok", "clock ok", "mail skipped"],
    ]);
  }, 120_000);

  it("finds several faults of an application that refuses to start, and names each mend", async () => {
    place.write(
      "app.ts",
      program.replace("secretKeys: [env.SECRET_KEY]", `secretKeys: ["short", "${secret}", env.SECRET_KEY]`),
    );
    const { code, report, faults, stderr } = await doctor({
      NODE_ENV: "production",
      OTHER_PASSWORD: secret,
      OPTIONS: JSON.stringify({
        origins: ["http://localhost:3000", "https://acme.example/"],
        trustedProxies: ["0.0.0.0/0"],
        revealAccounts: true,
        realm: secret,
      }),
    });
    expect(faults).toEqual([
      "secrets secretKeys[0]",
      "secrets secretKeys[1]",
      "secrets secretKeys[1]",
      "secrets secretKeys[1]",
      "secrets secretKeys[2]",
      "secrets secretKeys[2]",
      "secrets secretKeys[2]",
      "secrets secretKeys[2]",
      "origins origins[0]",
      "origins origins[1]",
      "proxies trustedProxies",
    ]);
    const texts = report.findings.map(({ text }) => text).join("\n");
    for (const words of [
      "shorter than 32",
      "the same secret is realm",
      "OTHER_PASSWORD",
      "stands in app.ts",
      "twice",
    ]) {
      expect(texts).toContain(words);
    }
    expect(report.findings.every(({ level, mend }) => level !== "fault" || (mend ?? "") !== "")).toBe(true);
    expect(JSON.stringify(report)).not.toContain(secret);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  }, 120_000);

  it.each<[string, string, string]>([
    [
      "a refused option",
      "frobnicate: 1,",
      "fault    options  frobnicate: unknown option\n                  mend: known: ",
    ],
    [
      "a schema that is behind",
      "",
      'fault    schema   datastore: the database lacks what this configuration needs\n                  mend: run "portcullis migrate":',
    ],
    [
      "a program that fails by itself",
      'datastore: (() => { throw new Error("no settings"); })(),',
      "fault    start    the application does not start: no settings",
    ],
  ])(
    "says of %s what it is",
    async (_what, options, expected) => {
      place.write("app.ts", program.replace("cookies: {", `${options} cookies: {`));
      const { code, stdout, stderr } = await place.calls(["doctor"], { env: { SECRET_KEY: secret } });
      expect(stdout).toContain(expected);
      expect(stdout).toMatch(/\n1 fault, \d warnings?\n$/);
      if (existsSync(join(place.path, "app.db"))) {
        const database = new DatabaseSync(join(place.path, "app.db"));
        expect(database.prepare("select name from sqlite_schema").all()).toEqual([]);
        database.close();
      }
      expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    },
    120_000,
  );

  it("also says so where nobody awaits the start", async () => {
    place.write(
      "app.ts",
      program.replace("export const security = await portcullis", "portcullis").replace(/const server[\s\S]*/, ""),
    );
    const { code, faults } = await doctor({ OPTIONS: '{"frobnicate":1}' });
    expect({ code, faults }).toEqual({ code: 1, faults: ["options frobnicate"] });
  }, 120_000);

  it("connects to the mail server, and sends nothing", async () => {
    let mails = 0;
    const server = new SMTPServer({
      disabledCommands: ["STARTTLS"],
      authOptional: true,
      onData: (_stream, _session, done) => {
        mails += 1;
        done();
      },
    });
    server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
    const port = String((server.server.address() as AddressInfo).port);
    await place.calls(["migrate"], { env: { SECRET_KEY: secret } });
    expect((await doctor({ SMTP: port })).report.findings).toContainEqual({
      ...{ check: "mail", level: "ok", text: "the mail server lets this application in" },
    });
    await new Promise<void>((done) => server.close(done));
    const { code, faults } = await doctor({ SMTP: port });
    expect({ code, faults, mails }).toEqual({ code: 1, faults: ["mail mail.sender"], mails: 0 });
  }, 120_000);

  describe("against a running server", () => {
    const proxies = async (
      options: object,
      forwards: boolean | undefined,
    ): Promise<Awaited<ReturnType<typeof doctor>>["report"]["findings"][number] | undefined> => {
      const port = await freePort();
      const outside = forwards === undefined ? port : await proxyTo(port, forwards);
      const origin = `http://127.0.0.1:${outside}`;
      const env = { ORIGIN: origin, PORT: String(port), OPTIONS: JSON.stringify(options) };
      await served(env);
      const { report } = await doctor(env, "--url", origin);
      return report.findings.filter(({ check }) => check === "proxies").at(-1);
    };

    it("without a proxy", async () => {
      expect(await proxies({}, undefined)).toMatchObject({ level: "ok", text: expect.stringContaining("127.0.0.2") });
    }, 120_000);
    it("with a declared one", async () => {
      expect(await proxies({ trustedProxies: { hops: 1 } }, true)).toMatchObject({ level: "ok" });
    }, 120_000);
    it("finds that one is not declared", async () => {
      expect(await proxies({}, true)).toMatchObject({
        ...{ level: "fault", path: "trustedProxies", mend: expect.stringContaining("hops: 1") },
        text: "a proxy stands before the server: it takes 127.0.0.1 for the address of a caller at 127.0.0.2",
      });
    }, 120_000);
    it("finds in the trail that a running server saw one that is not declared", async () => {
      const port = await freePort();
      const origin = `http://127.0.0.1:${port}`;
      const env = { ORIGIN: origin, PORT: String(port), OPTIONS: "{}" };
      await served(env);
      for (let n = 0; n < 6; n += 1) {
        await fetch(`${origin}/login`, {
          method: "POST",
          headers: { "content-type": "application/json", origin, "x-forwarded-for": `203.0.113.${n}` },
          body: JSON.stringify({ email: `nobody${n}@acme.example`, password: "a wrong guess" }),
        });
      }
      const found = async (options: object) => {
        const { report } = await doctor({ ...env, OPTIONS: JSON.stringify(options) });
        return report.findings.find(({ check, text }) => check === "proxies" && text.includes("a running server saw"));
      };
      expect(await found({})).toMatchObject({
        ...{ level: "warning", path: "trustedProxies", mend: expect.stringContaining('["127.0.0.1"]') },
        text: expect.stringContaining("come from 127.0.0.1"),
      });
      for (const trustedProxies of [[], { hops: 1 }, ["127.0.0.1"]])
        expect(await found({ trustedProxies })).toBeUndefined();
    }, 120_000);
    it("finds that a declared one is not there, so that callers write their own address", async () => {
      expect(await proxies({ trustedProxies: { hops: 1 } }, undefined)).toMatchObject({
        ...{ level: "fault", path: "trustedProxies", text: expect.stringContaining("that a caller writes") },
      });
    }, 120_000);
    it("finds that a declared one does not say whose call it is", async () => {
      expect(await proxies({ trustedProxies: ["127.0.0.1"] }, false)).toMatchObject({
        ...{ level: "fault", path: "trustedProxies", text: expect.stringContaining("that a caller writes") },
      });
    }, 120_000);

    /** The findings where such a proxy stands before the server, and the configuration declares it. */
    const through = async (between: Between, env: Record<string, string> = {}, ...args: string[]) => {
      const port = await freePort();
      const outside = await proxyTo(port, true, between);
      const origin = `${between.tls === undefined ? "http" : "https"}://127.0.0.1:${outside}`;
      const options = { trustedProxies: { hops: 1 } };
      const all = { ORIGIN: origin, PORT: String(port), OPTIONS: JSON.stringify(options) };
      await served(all);
      const { report, code } = await doctor({ ...all, ...env }, "--url", origin, ...args);
      const of = (check: string) => report.findings.filter((finding) => finding.check === check).at(-1);
      return { origin, code, of };
    };

    describe("over https", () => {
      it("finds nothing wrong with a certificate of an authority that NODE_EXTRA_CA_CERTS names", async () => {
        const tls = certificate("127.0.0.1");
        const { of, code } = await through({ tls }, { NODE_EXTRA_CA_CERTS: tls.cert });
        expect(of("proxies")).toMatchObject({ level: "ok", text: expect.stringContaining("127.0.0.2") });
        expect(of("cookies")).toMatchObject({ level: "ok" });
        expect(of("clock")).toMatchObject({ level: "ok" });
        expect(code).toBe(0);
      }, 120_000);

      it("says of a certificate that nobody vouches for what is wrong with it, and sends nothing", async () => {
        const { origin, of, code } = await through({ tls: certificate("127.0.0.1") });
        expect(of("proxies")).toMatchObject({
          level: "fault",
          text: `the certificate of ${origin} is not trusted here: self-signed certificate`,
          mend: expect.stringContaining("NODE_EXTRA_CA_CERTS"),
        });
        expect(code).toBe(1);
        const database = new DatabaseSync(join(place.path, "app.db"));
        expect(database.prepare("select count(*) as count from portcullis_audit").get()).toEqual({ count: 0 });
        database.close();
      }, 120_000);

      it("says so of a certificate for another name", async () => {
        const tls = certificate("192.0.2.1");
        const { origin, of } = await through({ tls }, { NODE_EXTRA_CA_CERTS: tls.cert });
        expect(of("proxies")).toMatchObject({
          level: "fault",
          text: expect.stringMatching(
            new RegExp(`^the certificate of ${origin} is for another name: .*192\\.0\\.2\\.1`),
          ),
          mend: expect.stringContaining("127.0.0.1"),
        });
      }, 120_000);

      it("says so where plain http answers", async () => {
        const port = await freePort();
        const env = { ORIGIN: `https://127.0.0.1:${port}`, PORT: String(port) };
        await served(env);
        const { report } = await doctor(env, "--url", env.ORIGIN);
        expect(report.findings.at(-1)).toMatchObject({
          level: "fault",
          text: expect.stringContaining(`${env.ORIGIN} can't be called`),
          mend: expect.stringContaining("TLS"),
        });
      }, 120_000);
    });

    describe("behind a NAT, where calls arrive from another address", () => {
      const caller = "203.0.113.9";
      it("takes the address that --address names for this machine's", async () => {
        const { of, code } = await through({ caller }, {}, "--address", caller);
        expect(of("proxies")).toMatchObject({ level: "ok", text: expect.stringContaining(caller) });
        expect(code).toBe(0);
      }, 120_000);

      it("finds that the server sees another one than --address names", async () => {
        const { of } = await through({ caller }, {}, "--address", "203.0.113.10");
        expect(of("proxies")).toMatchObject({
          ...{ level: "fault", path: "trustedProxies" },
          text: "a proxy stands before the server: it takes 203.0.113.9 for the address of a caller at 203.0.113.10",
        });
      }, 120_000);
    });

    it.each([
      // Said is what is certain: less by the second that `Date` leaves open, and by as long as the call took.
      ["an hour ahead", 3_600_000, "fault", /is 3(600|5\d\d) s ahead of this machine$/],
      ["a minute behind", -60_000, "fault", /is (60|[345]\d) s behind this machine$/],
      ["three seconds ahead", 3_000, "ok", /agree about the time$/],
      ["nowhere", null, "skipped", /does not say what time it is$/],
    ] as const)(
      "compares its clock: %s",
      async (_name, ahead, level, text) => {
        const { of } = await through({ ahead });
        expect(of("clock")).toMatchObject({ level, text: expect.stringMatching(text) });
      },
      120_000,
    );

    it("finds that the server is another one, or none of the origins", async () => {
      const port = await freePort();
      const env = { ORIGIN: `http://127.0.0.1:${port}`, PORT: String(port) };
      await served(env);
      const own = join(place.path, "other.db");
      place.write("other.ts", program.replace('"app.db"', '"other.db"'));
      expect((await place.calls(["migrate", "other.ts"], { env: { SECRET_KEY: secret } })).code).toBe(0);
      const other = await doctor(env, "other.ts", "--url", env.ORIGIN);
      expect(other.report.findings.at(-1)?.text).toContain("that server has another one");
      const elsewhere = await doctor(env, "--url", "http://127.0.0.1:1");
      expect(elsewhere.faults).toEqual(["origins origins"]);
      const gone = await doctor({ ...env, ORIGIN: "http://127.0.0.1:1" }, "--url", "http://127.0.0.1:1");
      expect(gone.report.findings.at(-1)?.text).toContain("can't be called");
      const database = new DatabaseSync(own);
      expect(database.prepare("select count(*) as count from user").get()).toEqual({ count: 0 });
      database.close();
    }, 120_000);
  });
});
