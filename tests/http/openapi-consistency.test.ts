import { readdirSync } from "node:fs";
import type { OpenApiDocument } from "portcullis";
import { type SqlProvider, sqlite } from "portcullis/sqlite";
import { testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startLab } from "../lab/process.ts";
import {
  faultsOf,
  type Operation,
  operationsOf,
  type Send,
  samplePath,
  sampleRequest,
  undescribed,
} from "./openapi-checks.ts";

/** Something that is described: an example in this process, or the lab with a profile in one of its own. */
interface Subject {
  readonly name: string;
  start(): Promise<{
    readonly document: OpenApiDocument;
    readonly send: Send;
    /** Somebody who is signed in by a session; undefined: there are no sessions. */
    readonly signedIn: Readonly<Record<string, string>> | undefined;
    close(): Promise<unknown>;
  }>;
}

type Example = {
  createApp(options: { readonly origin: string; readonly database: SqlProvider }): Promise<{
    readonly app: { fetch(request: Request, env: object): Response | Promise<Response>; openapi(): OpenApiDocument };
    readonly security: { close(): Promise<void> };
  }>;
};

const origin = "http://localhost:3000";
const folder = new URL("../../examples/", import.meta.url);
const address = { incoming: { socket: { remoteAddress: "127.0.0.1" } } };
/** The applications of the examples, and of the recipes; the directory of ldap need not be there for who has no password. */
const modules = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((file) => /(?:^|\/)app\.ts$|^recipes\/(?!ask|main|recipe)[\w-]+\.ts$/.test(file))
  .filter((file) => !file.endsWith(".test.ts"));
const examples = modules.map(
  (file): Subject => ({
    name: `example ${file}`,
    async start() {
      const module = (await import(new URL(file, folder).href)) as Example;
      const { app, security } = await module.createApp({ origin, database: sqlite(":memory:") });
      const send: Send = async (path, init) => app.fetch(new Request(new URL(path, origin), init), address);
      return { document: app.openapi(), send, signedIn: undefined, close: () => security.close() };
    },
  }),
);

const labs = ["default", "full", "spa", "token"].map(
  (profile): Subject => ({
    name: `lab, profile ${profile}`,
    async start() {
      const lab = await startLab(["--profile", profile]);
      const document = (await lab.control("GET", "/openapi")) as OpenApiDocument;
      const send: Send = (path, init) => fetch(new URL(path, lab.origin), init);
      let signedIn: Record<string, string> | undefined;
      if (profile !== "token") {
        const client = testClient(lab.origin, lab.origin);
        await client.signIn("matt@lp.com", "password");
        const cookie = [...client.cookies].map((pair) => pair.join("=")).join("; ");
        signedIn = { cookie, "x-csrf-token": client.csrfToken ?? "" };
      }
      return { document, send, signedIn, close: () => lab.stop() };
    },
  }),
);

describe.each([...examples, ...labs])("$name", ({ start }) => {
  let subject: Awaited<ReturnType<Subject["start"]>>;
  let operations: readonly Operation[];

  beforeAll(async () => {
    subject = await start();
    operations = operationsOf(subject.document);
  });
  afterAll(async () => {
    await subject?.close();
  });

  it("has a valid description of each operation, each with a name of its own", async () => {
    expect(await faultsOf(subject.document)).toBeUndefined();
    expect(operations.length).toBeGreaterThan(0);
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  });

  it("names only security schemes that it describes, and describes none in vain", () => {
    const named = new Set(
      operations.flatMap(({ operation }) => operation.security.flatMap((each) => Object.keys(each))),
    );
    expect([...named].sort()).toEqual(Object.keys(subject.document.components.securitySchemes).sort());
  });

  it("answers nobody with 401 where credentials are described, and only there", async () => {
    for (const one of operations) {
      const response = await subject.send(samplePath(one), sampleRequest(one));
      const label = `${one.method} ${one.path}`;
      // An endpoint's own 401 (a wrong password) is described, and is no matter of who may call it.
      const open = one.operation.security.length === 0;
      if (!open) expect([label, response.status]).toEqual([label, 401]);
      else if (!("401" in one.operation.responses))
        expect([label, [401, 403].includes(response.status)]).toEqual([label, false]);
      expect([label, await undescribed(subject.document, one, response)]).toEqual([label, undefined]);
    }
  });

  it("answers who is signed in as described, where nothing is changed", async () => {
    const { signedIn } = subject;
    if (signedIn === undefined) return;
    for (const one of operations.filter(({ method }) => method === "GET")) {
      const response = await subject.send(samplePath(one), sampleRequest(one, signedIn));
      const label = `${one.method} ${one.path}`;
      expect([label, await undescribed(subject.document, one, response)]).toEqual([label, undefined]);
    }
  });
});
