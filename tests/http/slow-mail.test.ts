/** No answer depends on the mail server: neither its text nor its time tells whether there was a mail to send. */
import { setTimeout as after } from "node:timers/promises";
import { accountDeletion, notices, unlock } from "portcullis/features";
import { smtp } from "portcullis/smtp";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { SMTPServer } from "smtp-server";
import { describe, expect, it, onTestFinished } from "vitest";
import { goodPassword, masked, otherPassword, type System, start } from "./authn-system.ts";
import { ann, bob, fresh, json, lifeFeatures, signedIn } from "./life-system.ts";

interface SlowServer {
  readonly url: string;
  /** To whom it has accepted a mail. */
  readonly accepted: string[];
  /** From here on it accepts what it holds back, and what comes. */
  release(): void;
}

/** A mail server that accepts nothing before it is told to, and then takes 500 ms for each mail. */
async function slowServer(): Promise<SlowServer> {
  const accepted: string[] = [];
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    onData(stream, session, done) {
      stream.resume();
      stream.on("end", async () => {
        await released;
        await after(500);
        accepted.push(...session.envelope.rcptTo.map(({ address }) => address));
        done();
      });
    },
  });
  await new Promise<void>((ready) => {
    server.listen(0, "127.0.0.1", ready);
  });
  onTestFinished(() => new Promise<void>((closed) => void server.close(() => closed())));
  const { port } = server.server.address() as { readonly port: number };
  return { url: `127.0.0.1:${port}`, accepted, release };
}

async function system(): Promise<System & { readonly server: SlowServer }> {
  const server = await slowServer();
  const [host = "", port] = server.url.split(":");
  const made = await start({
    features: [...lifeFeatures(), accountDeletion(), notices(), unlock()],
    identities: ["email", "username"],
    limits: { lockout: { failures: 4 } },
    mail: { sender: smtp({ host, port: Number(port), allowPlaintext: true }), from: "no-reply@acme.example" },
  });
  onTestFinished(async () => {
    server.release();
    await made.security.close();
  });
  const user = await made.security.users.find("email", ann);
  if (user === undefined) throw new Error("there is no ann");
  await made.store.update("user", { id: user.id }, { username: "annie" });
  return { ...made, server };
}

const post = (client: TestClient, path: string, body: object): Promise<ClientAnswer> =>
  client.post(path, { json: body });

/** What is asked of an address that somebody has, and of one that nobody has; who gets mail for it. */
const requests: readonly {
  readonly path: string;
  readonly known: (made: System) => Promise<ClientAnswer>;
  readonly unknown: (made: System) => Promise<ClientAnswer>;
  readonly mailed: readonly string[];
}[] = [
  ...["/reset", "/confirm", "/login-link", "/recover-username"].map((path) => ({
    path,
    known: (made: System) => post(made.client(), path, { email: ann }),
    unknown: (made: System) => post(made.client(), path, { email: "nobody@acme.example" }),
    mailed: [ann],
  })),
  {
    path: "/register",
    known: (made) => post(made.client(), "/register", { email: ann, password: fresh, password_confirm: fresh }),
    unknown: (made) =>
      post(made.client(), "/register", { email: "new@acme.example", password: fresh, password_confirm: fresh }),
    // The owner of the address, who has yet to confirm it, gets both: that it has an account, and the link.
    mailed: [ann, ann, "new@acme.example"],
  },
  {
    path: "/change-email",
    known: async (made) => post(await signedIn(made), "/change-email", { email: bob }),
    unknown: async (made) => post(await signedIn(made), "/change-email", { email: "new@acme.example" }),
    mailed: [ann, ann, bob, "new@acme.example"],
  },
];

describe("while the mail server takes its time", () => {
  it.each(requests)("$path is answered, the same for known and unknown addresses", async (request) => {
    const made = await system();
    const words = [ann, bob, "new@acme.example", "nobody@acme.example"];
    // Were any of them to wait for the server, it would wait for ever.
    const known = await request.known(made);
    const unknown = await request.unknown(made);
    expect(known.status).toBe(200);
    expect(masked(known, ...words)).toEqual(masked(unknown, ...words));
    expect(made.server.accepted).toEqual([]);
    made.server.release();
    await made.security.delivery.idle();
    expect(made.server.accepted.toSorted()).toEqual(request.mailed);
    expect(made.events.filter(({ name }) => name === "mailFailed")).toEqual([]);
  });

  it("changes, locks, sign-ins from new devices and requests to delete an account are answered", async () => {
    const made = await system();
    const client = await signedIn(made);
    const change = { password: goodPassword, new_password: fresh, new_password_confirm: fresh };
    expect((await post(client, "/change", change)).status).toBe(200);
    await client.get("/login", { headers: json });
    expect((await post(client, "/change-username", { username: "annabel" })).status).toBe(200);
    const device = {
      json: { email: ann, password: fresh },
      headers: { "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0" },
    };
    expect((await made.client().post("/login", device)).status).toBe(200);
    for (let guess = 0; guess < 4; guess += 1) {
      await post(made.client(), "/login", { email: bob, password: `${otherPassword} ${guess}` });
    }
    expect(made.events.filter(({ name }) => name === "accountLocked")).toHaveLength(1);
    await client.get("/login", { headers: json });
    expect((await post(client, "/delete-account", { password: fresh })).status).toBe(200);
    expect(made.server.accepted).toEqual([]);
    made.server.release();
    await made.security.delivery.idle();
    // The new password, the new name, the new device, the end of the account; the lock of another one.
    expect(made.server.accepted.toSorted()).toEqual([ann, ann, ann, ann, bob]);
    expect(made.events.filter(({ name }) => name === "mailFailed")).toEqual([]);
  });
});
