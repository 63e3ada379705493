/** Whatever is killed, and whatever mail server is away: a registration that was answered has its mail. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { testClient } from "portcullis/testing";
import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type LoadedServer, loadServer } from "./account-servers.ts";
import { describeDatabases } from "./each-database.ts";
import { perRun } from "./rounds.ts";

const program = fileURLToPath(new URL("outbox-server.ts", import.meta.url));
const password = "battery staple";
let compileCache = "";
beforeAll(async () => {
  compileCache = await mkdtemp(join(tmpdir(), "portcullis-compiled-"));
});
afterAll(() => rm(compileCache, { recursive: true, force: true }));

/** A mail server that writes down for whom it has taken mails; `port` 0: any that is free. */
async function mailServer(accepted: string[], port = 0): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    onData(stream, session, done) {
      stream.resume();
      stream.on("end", () => {
        accepted.push(...session.envelope.rcptTo.map(({ address }) => address));
        done();
      });
    },
  });
  await new Promise<void>((ready) => {
    server.listen(port, "127.0.0.1", ready);
  });
  const address = server.server.address() as { readonly port: number };
  return { port: address.port, close: () => new Promise((closed) => void server.close(() => closed())) };
}

describeDatabases("SIGKILL after the answer", (database) => {
  it("loses no mail, with a mail server that is away for a while", async () => {
    const accepted: string[] = [];
    let mail = await mailServer(accepted);
    const { port } = mail;
    onTestFinished(() => mail.close());
    const load = (): LoadedServer => loadServer(database.place(), compileCache, { program, more: { smtp: port } });
    const acknowledged: string[] = [];
    let people = 0;
    const register = async (url: string): Promise<void> => {
      people += 1;
      const email = `new${people}@acme.example`;
      const body = { email, password, password_confirm: password };
      const answer = await testClient(url).post("/register", { json: body });
      expect(answer.status).toBe(200);
      acknowledged.push(email);
    };
    const kills = perRun(3, 10);
    for (let kill = 0; kill < kills; kill += 1) {
      // Half of the kills come while nobody takes mails.
      if (kill === Math.floor(kills / 2)) await mail.close();
      const server = load();
      const url = await server.open();
      for (let turn = 0; turn <= kill % 3; turn += 1) await Promise.all([register(url), register(url), register(url)]);
      // At the very moment of the last answer.
      await server.kill();
    }
    const before = accepted.length;
    mail = await mailServer(accepted, port);
    const [first, second] = [load(), load()];
    try {
      await first.open();
      await second.open();
      const waiting = async (): Promise<number> => {
        const [row] = await database.place().rows("select count(*) as number from portcullis_outbox");
        return Number(row?.["number"]);
      };
      // The runner's own limit ends what never comes.
      while ((await waiting()) > 0) await sleep(100);
      expect([...new Set(accepted)].toSorted()).toEqual(acknowledged.toSorted());
      // Two processes send what was left, none of it twice.
      const later = accepted.slice(before);
      expect(later.length).toBe(new Set(later).size);
      expect(later.length).toBeGreaterThan(0);
    } finally {
      await first.kill();
      await second.kill();
    }
  }, 600_000);
});
