/** How limits are keyed and counted: one network is one client however it is written, and no count depends on the database. */
import { randomBytes } from "node:crypto";
import type { Answer } from "./client.ts";
import type { Endpoint } from "./endpoints.ts";
import { attacks, each, must, needsSessions, type Rig } from "./suite.ts";

/** What docs/limits.md promises. */
const perAccount = 10;
const perAddress = 100;
const mailsPerAddress = 30;
const mailsPerTarget = 6;
const failuresToLock = 20;
const furtherFailures = 5;

const name = (): string => `${randomBytes(6).toString("hex")}@nobody.example`;
const from = (address: string): Record<string, string> => ({ "x-forwarded-for": address });
const rest = (rig: Rig): Promise<void> => rig.lab.advance(3 * 86_400);

function refused(answer: Answer): boolean {
  must([200, 400, 401, 429].includes(answer.status), `status ${answer.status}`);
  return answer.status === 429;
}

const guess = (rig: Rig, email: string, address: string): Promise<Answer> =>
  rig
    .client()
    .post(rig.at("LOGIN"), { json: { email, password: "a wrong guess" }, headers: from(address), watch: false });

/** How many go through before the first is refused; `most` + 1 where none was. */
async function through(most: number, one: (n: number) => Promise<Answer>): Promise<number> {
  for (let n = 0; n <= most; n += 1) if (refused(await one(n))) return n;
  return most + 1;
}

const settings = { LIMITS: "product", TRUSTED_PROXIES: { hops: 1 }, TRACKABLE: true, RECOVERABLE: true };

attacks("counting", { postgres: true, settings }, (attack) => {
  attack(
    "ADV-K [ASVS 6.3.1] [ASVS 2.4.1]: one network is one client, however its addresses are written",
    async (rig) => {
      const networks: Readonly<Record<string, { one(n: number): string; again: readonly string[]; other: string }>> = {
        "one /64": {
          one: (n) => `2001:db8:1:2:${((n * 7919) % 65_536).toString(16)}:${n}:0:1`,
          again: [
            "2001:DB8:1:2::1",
            "2001:0db8:0001:0002:0:0:0:9",
            "[2001:db8:1:2::7]:443",
            "2001:db8:1:2:ffff:ffff:ffff:ffff",
          ],
          other: "2001:db8:1:3::1",
        },
        "one IPv4 address": {
          one: () => "198.51.100.7",
          again: ["::ffff:198.51.100.7", "::ffff:c633:6407", "198.51.100.7:4711", "  198.51.100.7 "],
          other: "198.51.100.8",
        },
        "what stands before the declared proxy's entry": {
          one: (n) => `203.0.113.${n % 250}, 2001:db8:${n}::1, 192.0.2.9`,
          again: ["192.0.2.9", "127.0.0.1, 192.0.2.9", "unknown, 192.0.2.9", "192.0.2.10,192.0.2.9"],
          other: "192.0.2.9, 192.0.2.10",
        },
      };
      await each(
        Object.entries(networks),
        ([what]) => what,
        async ([, { one, again, other }]) => {
          await rest(rig);
          const count = await through(perAddress, (n) => guess(rig, name(), one(n)));
          must(count === perAddress, `${count} guesses`);
          for (const address of again)
            must(refused(await guess(rig, name(), address)), `${address} has a budget of its own`);
          must(!refused(await guess(rig, name(), other)), `${other} is taken for the same`);
        },
      );
    },
  );

  attack(
    "ADV-K [ASVS 6.3.1] [ASVS 2.4.1] [ASVS 15.4.2]: every count is exact on every database",
    async (rig, context) => {
      needsSessions(rig, context);
      await rest(rig);
      // A different address each time: only the account's budget is looked at.
      const address = (n: number): string => `198.51.${n >> 8}.${n & 255}`;
      const { email } = await rig.user();
      const guesses = await through(perAccount, (n) => guess(rig, email, address(n)));
      must(guesses === perAccount, `${guesses} guesses at one account`);
      // To the lock and beyond: each guess when the budget has one again.
      await rest(rig);
      const locked = await rig.user();
      const locks = async (): Promise<number> =>
        (await rig.lab.events()).filter(
          ({ name: event, user }) => event === "accountLocked" && JSON.stringify(user).includes(locked.email),
        ).length;
      const failures: number[] = [];
      let taken = 0;
      for (let n = 0; n < 90 && failures.length < 2; n += 1) {
        const answer = await guess(rig, locked.email, address(n));
        if (refused(answer)) await rig.lab.advance(Number(answer.header("retry-after")));
        else taken += 1;
        if ((await locks()) > failures.length) failures.push(taken);
      }
      must(
        failures.join() === `${failuresToLock},${failuresToLock + furtherFailures}`,
        `locked after ${failures.join(" and ")}`,
      );

      await rest(rig);
      const mails = async (to: string): Promise<number> =>
        (await rig.lab.outbox()).filter((mail) => JSON.stringify(mail.to).includes(to)).length;
      const asking = (["RECOVER", "CONFIRM-SEND", "PWLESS-SEND"] as const satisfies Endpoint[]).find(
        (one) => rig.path(one) !== undefined,
      );
      must(asking !== undefined, "no mail can be asked for");
      const ask = (to: string, at: string): Promise<Answer> =>
        rig.client().post(rig.at(asking), { json: { email: to }, headers: from(at), watch: false });
      for (let n = 0; n < 2 * mailsPerTarget; n += 1) await ask(email, address(n));
      must((await mails(email)) === mailsPerTarget, `${await mails(email)} mails to one mailbox`);
      const asked = await through(mailsPerAddress, () => ask(name(), "198.51.100.77"));
      must(asked === mailsPerAddress, `${asked} mails asked for by one client`);

      // A number in a column goes on behind nine and behind ninety-nine.
      await rest(rig);
      const often = await rig.user({ login_count: 98 });
      for (let n = 0; n < 3; n += 1) await rig.client().signIn(often.email, often.password);
      const counted = (await rig.lab.accounts.byEmail(often.email))?.["login_count"];
      must(Number(counted) === 101, `98 and 3 sign-ins are ${String(counted)}`);
    },
  );
});
