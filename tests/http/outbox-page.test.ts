/** The page that shows kept mails while developing: on this machine only, and whatever a mail holds. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { outbox } from "portcullis";
import { passwords, recovery, registration } from "portcullis/features";
import { fileOutbox } from "portcullis/smtp";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { html } from "portcullis/views";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Overrides, origin, type System, start } from "./authn-system.ts";

const ann = "ann@acme.example";

async function system(mail: Overrides["mail"], overrides: Overrides = {}): Promise<System> {
  const made = await start({
    features: [passwords(), registration(), recovery()],
    ...(mail === undefined ? {} : { mail }),
    ...overrides,
  });
  onTestFinished(() => made.security.close());
  return made;
}

/** A client whose connection comes from this address, at this host. */
function from(made: System, remoteAddress: string | undefined, at: string = origin): TestClient {
  const env = remoteAddress === undefined ? {} : { incoming: { socket: { remoteAddress } } };
  return testClient({ request: (input) => made.app.request(input, undefined, env) }, at);
}

async function withMail(made: System): Promise<void> {
  await made.client().post("/reset", { json: { email: ann } });
  await made.security.delivery.idle();
}

const policyOf = ({ headers }: ClientAnswer): string => headers.get("content-security-policy") ?? "";

describe("/outbox", () => {
  it("shows what was kept, with its links; nobody keeps the page", async () => {
    const made = await system({ sender: outbox(), outboxPage: true });
    const client = from(made, "127.0.0.1");
    expect((await client.get("/outbox")).text).toContain("No mail has been sent yet.");
    await withMail(made);
    const page = await client.get("/outbox");
    expect([page.status, page.headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(policyOf(page)).toContain("default-src 'none'");
    expect(page.text).toContain(ann);
    const link = /<a href="(\/reset\/[\w.-]+)">/.exec(page.text)?.[1] ?? "";
    expect((await client.get(link)).location).toMatch(/^\/reset\/open-/);
  });

  it("as JSON too, for tests of an application", async () => {
    const made = await system({ sender: outbox(), outboxPage: true });
    await withMail(made);
    const { json } = await from(made, "::1").get("/outbox", { headers: { accept: "application/json" } });
    expect([json.meta, Object.keys(json), Object.keys(json.response)]).toEqual([
      { code: 200 },
      ["meta", "response"],
      ["csrf_token", "mails"],
    ]);
    expect(json.response.mails).toMatchObject([{ template: "resetInstructions", to: ann }]);
    // The newest last, as they came.
    made.advance(1_000);
    await withMail(made);
    const again = await from(made, "::1").get("/outbox", { headers: { accept: "application/json" } });
    const mails = again.json.response.mails as readonly { readonly sent_at: string }[];
    expect(mails.map(({ sent_at }) => Date.parse(sent_at))).toEqual([made.now() - 1_000, made.now()]);
    expect(Object.keys(mails[0] ?? {})).toEqual(["template", "to", "from", "subject", "sent_at", "text", "html"]);
    expect(json.response.mails[0].text).toContain(`${origin}/reset/`);
  });

  it("shows the HTML in a document that can do nothing", async () => {
    const made = await system({ sender: outbox(), outboxPage: true });
    await withMail(made);
    const client = from(made, "127.0.0.1");
    const path = /<a href="(\/outbox\/[\w-]+)">/.exec((await client.get("/outbox")).text)?.[1] ?? "";
    const mail = await client.get(path);
    expect(mail.text).toMatch(/^<!doctype html>/i);
    expect(policyOf(mail)).toMatch(/^sandbox; default-src 'none'; /);
    expect(policyOf(mail)).not.toContain("script");
    expect([mail.headers.get("cache-control"), mail.headers.get("x-content-type-options")]).toEqual([
      "no-store",
      "nosniff",
    ]);
    expect((await client.get("/outbox/nothing")).status).toBe(404);
  });

  it("what a mail says is text there", async () => {
    const evil = '<script>alert(1)</script> javascript:alert(1) http://localhost:3000//evil.example/ "><img src=x>';
    const made = await system({
      sender: outbox(),
      outboxPage: true,
      templates: { resetInstructions: () => ({ subject: evil, text: evil, html: html`<p>${evil}</p>` }) },
    });
    await withMail(made);
    const { text } = await from(made, "127.0.0.1").get("/outbox");
    expect(text).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(text).not.toMatch(/<script|<img|href="(?:javascript|\/\/|http)/);
  });

  it("shows what the file outbox of this process has written", async () => {
    const folder = mkdtempSync(join(tmpdir(), "portcullis-outbox-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const made = await system({ sender: fileOutbox(folder), outboxPage: true });
    await withMail(made);
    expect((await from(made, "127.0.0.1").get("/outbox")).text).toMatch(/<a href="\/reset\//);
  });

  it.each([
    ["another machine", "192.0.2.7", origin],
    ["a host that hands on no address", undefined, origin],
    ["a name that was made to point here", "127.0.0.1", "http://evil.example:3000"],
    ["another port", "127.0.0.1", "http://localhost:4000"],
  ])("does not exist for %s", async (_name, address, at) => {
    const made = await system({ sender: outbox(), outboxPage: true });
    await withMail(made);
    const client = from(made, address, at);
    const page = await client.get("/outbox");
    expect([page.status, page.text.includes(ann)]).toEqual([404, false]);
    expect((await client.get("/outbox/nothing")).status).toBe(404);
  });

  it("does not exist unless it is asked for", async () => {
    const made = await system({ sender: outbox() });
    expect((await from(made, "127.0.0.1").get("/outbox")).status).toBe(404);
  });
});

describe("the option mail.outboxPage", () => {
  it.each([
    ["https://acme.example"],
    ["https://localhost:3000"],
    ["http://192.168.0.1"],
    ["http://localhost.evil.example"],
  ])("refuses to start at %s", async (elsewhere) => {
    const starting = system(
      { sender: outbox(), outboxPage: true },
      { origins: [origin, elsewhere], cookies: { allowInsecure: true } },
    );
    await expect(starting).rejects.toThrow(`mail.outboxPage: is for http://localhost alone, not for ${elsewhere}`);
  });

  it.each([["http://localhost"], ["http://app.localhost:8080"], ["http://127.0.0.1:3000"], ["http://[::1]:3000"]])(
    "goes with %s",
    async (local) => {
      const made = await system({ sender: outbox(), outboxPage: true }, { origins: [local] });
      expect((await from(made, "127.0.0.1", local).get("/outbox")).status).toBe(200);
    },
  );

  it("needs a sender that keeps what it is given", async () => {
    const sender = { send: async () => {} };
    const starting = system({ sender, from: "no-reply@acme.example", outboxPage: true });
    await expect(starting).rejects.toThrow("mail.outboxPage: shows what outbox() or fileOutbox() keeps");
    const wrong = system({ sender: outbox(), outboxPage: "yes" as never });
    await expect(wrong).rejects.toThrow("mail.outboxPage: true or false is expected");
  });
});
