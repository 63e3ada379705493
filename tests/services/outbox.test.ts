/** What is to be mailed is in the database with what it is about, and goes out once, in order, whatever fails meanwhile. */
import { setTimeout as sleep } from "node:timers/promises";
import { DeliveryError, type MailSender, type OutgoingMail, outbox, portcullis } from "portcullis";
import { confirmation, passwordless, passwords, recovery, registration } from "portcullis/features";
import { testClient } from "portcullis/testing";
import { expect, it, onTestFinished } from "vitest";
import type { System } from "../http/authn-system.ts";
import { describeDatabases, type SuiteDatabase } from "./each-database.ts";

const origin = "http://localhost:3000";
const password = "battery staple";
const oldKey = "an old key of the tests: 8dRt5Ybq1Xw";
const newKey = "a new key of the tests: 4hGz7Mvp9Kc2";
const from = "no-reply@acme.example";
let people = 0;

type Running = System["security"];
type Queue = NonNullable<NonNullable<Parameters<typeof portcullis>[0]["mail"]>["queue"]>;

/** A sender that tests hold back, break and look into. */
function sender(): MailSender & {
  readonly mails: OutgoingMail[];
  /** What each send does first. */
  before: (mail: OutgoingMail) => Promise<void> | void;
} {
  const mails: OutgoingMail[] = [];
  return {
    mails,
    before: () => {},
    async send(mail) {
      await this.before(mail);
      mails.push(mail);
    },
  };
}

const refusing = (): never => {
  throw new DeliveryError("nobody answers");
};

const hourly = { retryAfter: [3_600_000] };

/** Waits until it holds; the runner's own limit ends what never does. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(20);
}

describeDatabases("the outbox", (database: SuiteDatabase) => {
  const open = async (
    given: MailSender,
    {
      queue = {},
      keys = [oldKey],
      ahead = 0,
      features = [passwords(), registration(), confirmation(), recovery(), passwordless()],
    }: { queue?: Queue; keys?: readonly string[]; ahead?: number; features?: readonly unknown[] } = {},
  ): Promise<{ readonly security: Running; readonly logs: string[]; readonly failed: string[] }> => {
    const logs: string[] = [];
    const failed: string[] = [];
    const security = (await portcullis({
      secretKeys: keys,
      origins: [origin],
      datastore: database.provider(),
      features,
      mail: { sender: given, from, queue: { timeout: 1_000, drain: 0, ...queue } },
      passwords: { hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true } },
      limits: { allowUnlimited: ["mail.perTarget", "mail.perAddress", "endpoints"] },
      migrate: "always",
      clock: () => Date.now() + ahead,
      log: (message: string) => void logs.push(message),
    } as never)) as unknown as Running;
    security.events.on("mailFailed", ({ to, failure }) => void failed.push(`${to}: ${failure}`));
    onTestFinished(() => security.close());
    return { security, logs, failed };
  };
  const somebody = async (security: Running): Promise<string> => {
    people += 1;
    const email = `who${people}@acme.example`;
    await security.users.create({ email, password });
    return email;
  };
  const ask = async (security: Running, path: string, email: string): Promise<void> => {
    const answer = await testClient(security.app(), origin).post(path, { json: { email } });
    expect([path, answer.status]).toEqual([path, 200]);
  };
  const waiting = async (): Promise<number> => {
    const [row] = await database.place().rows("select count(*) as number from portcullis_outbox");
    return Number(row?.["number"]);
  };
  /** Waits until what waits was tried. */
  const failedOnce = (): Promise<void> =>
    until(async () => {
      const rows = await database.place().rows("select attempts from portcullis_outbox where claim is null");
      return rows.some((row) => Number(row["attempts"]) > 0);
    });
  const to = (mails: readonly OutgoingMail[], email: string): readonly string[] =>
    mails.filter((mail) => mail.to.address === email).map(({ template }) => template);

  it("holds the mail when the answer is there, for known and unknown addresses, and nothing of it in clear", async () => {
    const box = sender();
    const { promise, resolve } = Promise.withResolvers<void>();
    box.before = () => promise;
    const { security } = await open(box, { queue: { timeout: 30_000 } });
    const email = await somebody(security);
    for (const address of [email, "nobody@acme.example"]) {
      const before = await waiting();
      await ask(security, "/reset", address);
      const rows = await database.place().rows("select * from portcullis_outbox");
      expect(rows.length === before || rows.length === before + 1).toBe(true);
      if (address === email) expect(rows).toHaveLength(before + 1);
      for (const row of rows) expect(JSON.stringify(row)).not.toMatch(/acme\.example|reset\//);
    }
    resolve();
    await security.delivery.idle();
    await until(async () => (await waiting()) === 0);
    expect(to(box.mails, email)).toEqual(["resetInstructions"]);
    expect(box.mails).toHaveLength(1);
  });

  it("leaves no mail where the transaction is rolled back", async () => {
    const box = outbox();
    const { security } = await open(box);
    const email = await somebody(security);
    const broken = new Error("not this one");
    const change = security.users.setPassword((await security.users.find("email", email)) as never, "another staple", {
      done: async () => {
        throw broken;
      },
    });
    await expect(change).rejects.toBe(broken);
    expect(await waiting()).toBe(0);
    await security.users.setPassword((await security.users.find("email", email)) as never, "another staple");
    await security.delivery.idle();
    expect(box.all().map(({ template }) => template)).toEqual(["passwordChanged"]);
  });

  it("goes out once where two processes send", async () => {
    const [here, there] = [sender(), sender()];
    const first = await open(here);
    const second = await open(there);
    const emails: string[] = [];
    for (let count = 0; count < 20; count += 1) emails.push(await somebody(first.security));
    await Promise.all(emails.map((email, index) => ask((index % 2 ? first : second).security, "/reset", email)));
    await until(async () => (await waiting()) === 0);
    const all = [...here.mails, ...there.mails].map((mail) => mail.to.address);
    expect(all.toSorted()).toEqual(emails.toSorted());
  });

  it("is sent by another process when the one that wrote it is gone", async () => {
    const stuck = sender();
    stuck.before = () => new Promise(() => {});
    const first = await open(stuck, { queue: { timeout: 300 } });
    const email = await somebody(first.security);
    await ask(first.security, "/reset", email);
    // Its attempt hangs; at close it is not over.
    await first.security.close();
    expect(await waiting()).toBe(1);
    const box = sender();
    await open(box);
    await until(() => box.mails.length > 0);
    expect(to(box.mails, email)).toEqual(["resetInstructions"]);
    await until(async () => (await waiting()) === 0);
  });

  it("keeps the order of one recipient's mails over a failure, and keeps nobody else waiting", async () => {
    const box = sender();
    const { security, logs } = await open(box, { queue: { retryAfter: [500] } });
    const [held, other] = [await somebody(security), await somebody(security)];
    let failures = 1;
    box.before = (mail) => {
      if (mail.to.address !== held || failures === 0) return;
      failures -= 1;
      refusing();
    };
    for (const path of ["/reset", "/login-link", "/reset"]) await ask(security, path, held);
    await ask(security, "/reset", other);
    await until(async () => (await waiting()) === 0);
    expect(to(box.mails, other)).toEqual(["resetInstructions"]);
    expect(to(box.mails, held)).toEqual(["resetInstructions", "signInLink", "resetInstructions"]);
    expect(logs.filter((line) => line.startsWith("sending fails"))).toHaveLength(1);
  });

  it("lets the next mails pass one that a server goes on deferring", async () => {
    const box = sender();
    const { security } = await open(box, { queue: { retryAfter: [50] } });
    const email = await somebody(security);
    // As filters of content do: what a stranger can make somebody be mailed must not hold up what follows.
    box.before = (mail) => (mail.template === "resetInstructions" ? refusing() : undefined);
    await ask(security, "/reset", email);
    await ask(security, "/login-link", email);
    await until(() => box.mails.length > 0);
    expect(to(box.mails, email)).toEqual(["signInLink"]);
    box.before = () => {};
    await until(async () => (await waiting()) === 0);
    expect(to(box.mails, email)).toEqual(["signInLink", "resetInstructions"]);
  });

  it("does not hold a new mail back until the next attempt of an old one", async () => {
    const box = sender();
    box.before = refusing;
    const { security } = await open(box, { queue: hourly });
    const email = await somebody(security);
    await ask(security, "/reset", email);
    await failedOnce();
    // What waits for a later attempt is not waited for.
    await security.delivery.idle();
    expect(await waiting()).toBe(1);
    box.before = () => {};
    await ask(security, "/login-link", email);
    await security.delivery.idle();
    expect(to(box.mails, email)).toEqual(["resetInstructions", "signInLink"]);
  });

  it("is left by a command, and by a process whose sender reaches nobody, to those that send", async () => {
    const down = sender();
    down.before = refusing;
    const first = await open(down, { queue: { retryAfter: [200] } });
    const [email, other] = [await somebody(first.security), await somebody(first.security)];
    await ask(first.security, "/reset", email);
    await failedOnce();
    await first.security.close();
    await sleep(250);

    const shell = outbox();
    const development = await open(shell);
    await ask(development.security, "/login-link", email);
    await development.security.delivery.idle();
    expect(to(shell.all(), email)).toEqual(["signInLink"]);
    expect(await waiting()).toBe(1);
    await development.security.close();

    const commandLine = Symbol.for("portcullis.commandLine");
    const hold = globalThis as { [commandLine]?: unknown };
    const box = sender();
    let command: Awaited<ReturnType<typeof open>>;
    try {
      hold[commandLine] = { systems: new Set(), applications: new Set(), configurations: [] };
      command = await open(box);
    } finally {
      delete hold[commandLine];
    }
    for (const one of [other, email]) await ask(command.security, "/login-link", one);
    await command.security.delivery.idle();
    expect(box.mails.map(({ template }) => template)).toEqual(["signInLink", "signInLink"]);
    expect(await waiting()).toBe(1);
    await command.security.close();

    await open(box);
    await until(async () => (await waiting()) === 0);
    expect(to(box.mails, email)).toEqual(["signInLink", "resetInstructions"]);
  });

  it("is left to the others by a process that has no template for it", async () => {
    const stuck = sender();
    stuck.before = refusing;
    const first = await open(stuck, { queue: { retryAfter: [200] } });
    const email = await somebody(first.security);
    await ask(first.security, "/login-link", email);
    await failedOnce();
    await first.security.close();
    await sleep(250);
    const [old, box] = [sender(), sender()];
    const older = await open(old, { features: [passwords(), recovery()] });
    await until(() => older.logs.some((line) => line.includes("is left to others")));
    // It holds nothing up.
    await ask(older.security, "/reset", email);
    await until(() => old.mails.length > 0);
    expect(older.failed).toEqual([]);
    const newer = await open(box);
    await until(async () => (await waiting()) === 0);
    expect(to(box.mails, email)).toEqual(["signInLink"]);
    expect(newer.failed).toEqual([]);
    expect(older.logs.filter((line) => line.includes("is left to others"))).toHaveLength(1);
  });

  it("can be read with a key that was replaced meanwhile, and is left to others without it", async () => {
    const down = sender();
    down.before = refusing;
    const before = await open(down, { queue: { retryAfter: [200] } });
    const email = await somebody(before.security);
    await ask(before.security, "/reset", email);
    await until(
      async () => Number((await database.place().rows("select attempts from portcullis_outbox"))[0]?.["attempts"]) > 0,
    );
    await before.security.close();
    const box = sender();
    const rotated = await open(box, { keys: [newKey, oldKey] });
    await until(() => box.mails.length > 0);
    expect(to(box.mails, email)).toEqual(["resetInstructions"]);
    await rotated.security.close();

    const again = await open(down, { queue: { retryAfter: [200] } });
    await ask(again.security, "/reset", email);
    await until(
      async () => Number((await database.place().rows("select attempts from portcullis_outbox"))[0]?.["attempts"]) > 0,
    );
    await again.security.close();
    await sleep(250);
    const without = await open(box, { keys: [newKey] });
    await until(() => without.logs.some((line) => line.includes("is left to others")));
    expect(await waiting()).toBe(1);
    const having = await open(box, { keys: [newKey, oldKey] });
    await until(async () => (await waiting()) === 0);
    expect(to(box.mails, email)).toEqual(["resetInstructions", "resetInstructions"]);
    expect([...without.failed, ...having.failed]).toEqual([]);
    await having.security.close();

    const third = await open(down, { queue: { retryAfter: [200] } });
    await ask(third.security, "/reset", email);
    await failedOnce();
    await third.security.close();
    const later = await open(box, { keys: [newKey], ahead: 2 * 3_600_000 });
    await until(async () => (await waiting()) === 0);
    expect(later.failed).toEqual([": unreadable"]);
    expect(later.logs).toContain("a mail was not sent");
    expect(box.mails).toHaveLength(2);
  });

  it("is given up when it is too old, a link when it has ended", async () => {
    const down = sender();
    down.before = refusing;
    const before = await open(down, { queue: { retryAfter: [3_600_000], keep: "2d" } });
    const email = await somebody(before.security);
    // A reset's link works for an hour; a notice is good for as long as the option says.
    await ask(before.security, "/reset", email);
    const user = await before.security.users.find("email", email);
    await before.security.users.setPassword(user as never, "another staple");
    await until(async () => (await waiting()) === 2);
    await until(
      async () =>
        Number((await database.place().rows("select max(attempts) as most from portcullis_outbox"))[0]?.["most"]) > 0,
    );
    await before.security.close();
    const box = sender();
    const later = await open(box, { ahead: 2 * 3_600_000 });
    await until(async () => (await waiting()) === 0);
    expect(later.failed).toEqual([`${email}: not reached`]);
    expect(to(box.mails, email)).toEqual(["passwordChanged"]);
  });

  it("is not written where the application asks for the memory", async () => {
    const box = sender();
    const { security } = await open(box, { queue: { store: "memory" } });
    const email = await somebody(security);
    await ask(security, "/reset", email);
    expect(await waiting()).toBe(0);
    await security.delivery.idle();
    expect(to(box.mails, email)).toEqual(["resetInstructions"]);
    const broken = new Error("not this one");
    const change = security.users.setPassword((await security.users.find("email", email)) as never, "another staple", {
      done: async () => {
        throw broken;
      },
    });
    await expect(change).rejects.toBe(broken);
    await security.delivery.idle();
    expect(box.mails).toHaveLength(1);
  });
});
