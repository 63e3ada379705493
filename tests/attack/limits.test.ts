import { randomBytes } from "node:crypto";
import type { Answer, Client } from "./client.ts";
import { digestGet } from "./digest.ts";
import type { Endpoint } from "./endpoints.ts";
import { attacks, each, hasSessions, masked, must, needsSessions, type Rig, type Victim } from "./suite.ts";

const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});
const wrong = "a wrong guess";
/** The budget of one account that docs/limits.md promises. */
const budget = 10;
const name = (): string => `${randomBytes(6).toString("hex")}@nobody.example`;

/** Status, body, names of headers and the minutes to wait: all that tells answers apart. */
function look(answer: Answer, ...values: readonly string[]): string {
  const headers = [...new Set(answer.rawHeaders.map(([header]) => header.toLowerCase()))].sort();
  // The clock goes on between two answers.
  const wait = Math.ceil(Number(answer.header("retry-after") ?? 0) / 60);
  return JSON.stringify([answer.status, headers, wait, masked(answer.text, ...values).replace(/in \d+ s/, "in * s")]);
}

function refused(answer: Answer): boolean {
  const wait = answer.header("retry-after");
  if (answer.status !== 429) return false;
  must(wait !== undefined && /^[1-9]\d*$/.test(wait), `429 with Retry-After ${wait}`);
  return true;
}

async function login(rig: Rig, email: string, password: string, headers: Record<string, string> = {}): Promise<Answer> {
  return rig.client().post(rig.at("LOGIN"), { json: { email, password }, headers });
}

async function loginForm(rig: Rig, email: string, password: string, path = rig.at("LOGIN")): Promise<Answer> {
  const client = await rig.visitor();
  return client.post(path, { page: true, csrf: false, form: { email, password, csrf_token: client.csrf ?? "" } });
}

/** Gives every budget back, whatever the attack before has used up. */
const rest = (rig: Rig): Promise<void> => rig.lab.advance(3 * 86_400);

/** How often this account has been locked. */
async function locksOf(rig: Rig, { email }: Victim): Promise<number> {
  const events = await rig.lab.events();
  return events.filter(({ name, user }) => name === "accountLocked" && JSON.stringify(user).includes(email)).length;
}

attacks("LIM", { postgres: true, settings: { LIMITS: "product", DIGEST: true } }, (attack) => {
  attack("LIM-01 [ADV-K] [ASVS 6.3.1]: headers that name another client move no limit", async (rig) => {
    await rest(rig);
    const { email, password } = await rig.user();
    const rotating = (n: number): Record<string, string> => ({
      "x-forwarded-for": `198.51.100.${n}`,
      "x-real-ip": `198.51.100.${n}`,
      forwarded: `for=198.51.100.${n}`,
      "cf-connecting-ip": `198.51.100.${n}`,
      "true-client-ip": `198.51.100.${n}`,
    });
    for (let n = 0; n < budget; n += 1)
      must(!refused(await login(rig, email, wrong, rotating(n))), `guess ${n} refused`);
    must(refused(await login(rig, email, password, rotating(99))), "the account's limit moved");
    // Another name each time: the budget of the one address ends it.
    let taken = budget;
    for (let n = 0; n < 120 && !refused(await login(rig, name(), wrong, rotating(n))); n += 1) taken += 1;
    must(taken <= 101, `${taken} guesses from one address`);
    must(refused(await login(rig, name(), wrong, rotating(250))), "the address's limit moved");
  });

  attack(
    "LIM-02 [ASVS 6.3.1]: one account has one budget, however it is named, and no name tells of another",
    async (rig) => {
      await rest(rig);
      const local = randomBytes(6).toString("hex");
      const email = `${local}@victims.example`;
      const { password } = await rig.user({ email, username: `u${local}` });
      const addresses: Record<string, string>[] = [
        { email },
        { email: email.toUpperCase() },
        { email: `  ${email} ` },
        { email: `${local}@ｖｉｃｔｉｍｓ.example` },
        { email: `${local}@victims。example` },
      ];
      const guess = (names: Record<string, string>, secret: string): Promise<Answer> =>
        rig.client().post(rig.at("LOGIN"), { json: { ...names, password: secret } });
      for (let n = 0; n < budget; n += 1) {
        must(!refused(await guess(addresses[n % addresses.length] ?? {}, wrong)), `guess ${n} refused`);
      }
      await each(addresses, JSON.stringify, async (spelling) => {
        must(refused(await guess(spelling, password)), "a counter of its own");
      });
      const route = rig.lab.routes.find(({ path, method }) => path === rig.at("LOGIN") && method === "POST");
      if (route?.parameters.some((parameter) => parameter.startsWith("username")) !== true) return;
      const usernames = [`u${local}`, `U${local.toUpperCase()}`, ` u${local}`];
      await each(usernames, String, async (username) => {
        const right = await guess({ username }, password);
        const nobody = await guess({ username: `n${username.trim()}` }, password);
        must(
          right.status === nobody.status && right.status !== 200,
          `${right.status}, an unknown name ${nobody.status}`,
        );
      });
      // To the end of the name's own budget, and behind it: no different from a name that nobody has.
      for (let n = usernames.length; n < budget + 2; n += 1) {
        const known = await guess({ username: `u${local}` }, wrong);
        const unknown = await guess({ username: `nu${local}` }, wrong);
        must(
          look(known, `u${local}`) === look(unknown, `nu${local}`),
          `attempt ${n}: ${known.status}, ${unknown.status}`,
        );
      }
    },
  );

  attack("LIM-04 [ASVS 6.3.1]: other spellings of the path have no counter of their own", async (rig) => {
    await rest(rig);
    const { email, password } = await rig.user();
    for (let n = 0; n < budget; n += 1) await login(rig, email, wrong);
    const path = rig.at("LOGIN");
    const paths = [`${path}/`, `/${path}`, path.toUpperCase(), `${path}?x=1`, `${path}%20`, `/.${path}`, `${path}//`];
    await each([path, ...paths], String, async (spelled) => {
      for (const form of hasSessions(rig) ? [false, true] : [false]) {
        const answer = form
          ? await loginForm(rig, email, password, spelled)
          : await rig.client().post(spelled, { json: { email, password } });
        must(answer.status === 404 || refused(answer), `${form ? "form" : "JSON"}: ${answer.status}`);
      }
    });
  });

  attack("ACC-03 [ASVS 6.3.4] [ASVS 6.3.1]: a lock holds on every channel", async (rig, context) => {
    needsSessions(rig, context);
    await rest(rig);
    const victim = await rig.user();
    const { email, password } = victim;
    const session = await rig.signedIn(victim);
    for (let n = 0; n < 60 && (await locksOf(rig, victim)) === 0; n += 1) {
      const answer = await login(rig, email, wrong);
      // The budget refills before the lock is reached.
      if (refused(answer)) await rig.lab.advance(Number(answer.header("retry-after")));
    }
    must((await locksOf(rig, victim)) === 1, "the account is never locked");
    const channels: Readonly<Record<string, () => Promise<Answer>>> = {
      JSON: () => login(rig, email, password),
      form: () => loginForm(rig, email, password),
      Basic: () => rig.client().get(rig.at("BASIC"), { headers: basic(email, password) }),
      Digest: () => digestGet(rig.client(), email, password),
      VERIFY: () => session.post(rig.at("VERIFY"), { json: { password } }),
    };
    await each(Object.keys(channels), String, async (channel) => {
      const answer = await channels[channel]?.();
      must(answer !== undefined && refused(answer), `the right password gets ${answer?.status}`);
    });
  });

  attack("LIM-05 [ASVS 6.1.1]: a stranger locks nobody out for ever", async (rig, context) => {
    needsSessions(rig, context);
    await rest(rig);
    const victim = await rig.user();
    // Each session lives while the clock moves: a new one for each lock.
    let locks = 0;
    for (let round = 0; round < 4; round += 1) {
      const session = await rig.signedIn(victim);
      let wait = 0;
      for (let n = 0; n < 40 && wait <= 90; n += 1) {
        const answer = await login(rig, victim.email, wrong);
        if (refused(answer)) {
          wait = Number(answer.header("retry-after"));
          if (wait <= 90) await rig.lab.advance(wait);
        }
        if ((await locksOf(rig, victim)) > locks) break;
      }
      locks += 1;
      const locked = await login(rig, victim.email, victim.password);
      must(refused(locked), "a lock lets a right password in");
      wait = Number(locked.header("retry-after"));
      must(wait <= 86_400, `locked for ${wait} s`);
      must((await session.get("/me")).status === 200, "the lock ended a session");
      await rig.lab.advance(wait);
      must((await login(rig, victim.email, victim.password)).status === 200, "the lock does not end");
    }
    must((await locksOf(rig, victim)) === locks, "locks are missing");
  });

  attack("LIM-06 [ASVS 6.3.1] [ASVS 2.4.1]: one budget for an account over all channels", async (rig) => {
    const guesses: Record<string, (who: Victim, session: Client, password: string) => Promise<Answer>> = {
      "login as JSON": (who, _session, password) => login(rig, who.email, password),
      "login for a token": (who, _session, password) =>
        rig.client().post(`${rig.at("LOGIN")}?include_auth_token`, { json: { email: who.email, password } }),
      basic: (who, _session, password) => rig.client().get(rig.at("BASIC"), { headers: basic(who.email, password) }),
      digest: (who, _session, password) => digestGet(rig.client(), who.email, password),
    };
    if (hasSessions(rig)) {
      guesses["login as a form"] = (who, _session, password) => loginForm(rig, who.email, password);
      guesses["verify"] = (_who, session, password) => session.post(rig.at("VERIFY"), { json: { password } });
      const change = rig.path("CHANGE-PW");
      if (change !== undefined) {
        guesses["change"] = (_who, session, password) =>
          session.post(change, {
            json: { password, new_password: "quite another one", new_password_confirm: "quite another one" },
          });
      }
    }
    const names = Object.keys(guesses);
    await each(names, String, async (last) => {
      await rest(rig);
      const who = await rig.user();
      const session = guesses["verify"] === undefined ? rig.client() : await rig.signedIn(who);
      for (let n = 0; n < budget; n += 1) {
        const answer = await guesses[names[n % names.length] ?? ""]?.(who, session, wrong);
        must(answer !== undefined && !refused(answer), `guess ${n} was refused`);
      }
      const answer = await guesses[last]?.(who, session, who.password);
      must(answer !== undefined && refused(answer), `${answer?.status} after ten guesses elsewhere`);
    });
  });

  attack("LIM-07 [ASVS 6.3.1] [ASVS 2.4.1]: nobody's mailbox is filled", async (rig) => {
    const mailing = (["RECOVER", "CONFIRM-SEND", "PWLESS-SEND", "UNAME-RECOVER"] as const satisfies Endpoint[]).filter(
      (endpoint) => rig.path(endpoint) !== undefined,
    );
    must(mailing.length > 0, "nothing to play");
    const change = rig.path("CHANGE-EMAIL");
    if (change !== undefined) {
      // Somebody who is signed in is no more free to fill another's mailbox than a stranger is.
      await rest(rig);
      const client = await rig.signedIn();
      const email = `${randomBytes(6).toString("hex")}@strangers.example`;
      rig.lab.created.add(email);
      const answers: Answer[] = [];
      for (let n = 0; n < 50; n += 1) answers.push(await client.post(change, { json: { email } }));
      must(answers.filter((answer) => !refused(answer)).length <= 30, "CHANGE-EMAIL: one client has no limit");
      const to = (await rig.lab.outbox()).filter((mail) => JSON.stringify(mail.to).includes(email));
      must(to.length > 0 && to.length <= 6, `CHANGE-EMAIL: ${to.length} mails`);
    }
    await each(mailing, String, async (endpoint) => {
      await rest(rig);
      const { email } = await rig.user();
      await rig.lab.control("DELETE", "/outbox");
      const answers: Answer[] = [];
      for (let n = 0; n < 50; n += 1) answers.push(await rig.client().post(rig.at(endpoint), { json: { email } }));
      const through = answers.filter((answer) => !refused(answer));
      must(through.length <= 30, `one client: ${through.length} of 50`);
      must(new Set(through.map((answer) => look(answer, email))).size === 1, "the limit of a target shows");
      const to = (await rig.lab.outbox()).filter((mail) => JSON.stringify(mail.to).includes(email));
      must(to.length <= 6, `${to.length} mails`);
    });
  });

  attack("ENU-12 [ASVS 6.3.8]: known and unknown names are refused at the same attempt, alike", async (rig) => {
    const carriers = hasSessions(rig) ? [login, loginForm] : [login];
    await each(
      carriers,
      (carrier) => carrier.name,
      async (carrier) => {
        await rest(rig);
        const names = [(await rig.user()).email, name(), (await rig.user({ active: false })).email];
        names.push((await rig.user({ password: null })).email);
        for (let n = 0; n < budget + 3; n += 1) {
          const seen = new Map<string, string>();
          for (const email of names) seen.set(look(await carrier(rig, email, wrong), email), email);
          must(seen.size === 1, `attempt ${n}: ${[...seen.keys()].join("\n")}`);
          if (n === budget) must([...seen.keys()][0]?.startsWith("[429") === true, "no limit at all");
        }
      },
    );
  });

  attack("BAS-02 [ASVS 6.3.1]: HTTP Basic obeys the account's rules and limits as LOGIN does", async (rig) => {
    await rest(rig);
    const get = (user: string, password: string): Promise<Answer> =>
      rig.client().get(rig.at("BASIC"), { headers: basic(user, password) });
    const inactive = await rig.user({ active: false });
    must((await get(inactive.email, inactive.password)).status === 401, "an inactive account gets in");
    const victim = await rig.user();
    let evaluated = 0;
    for (let n = 0; n < 90; n += 1) if (!refused(await get(victim.email, `${wrong} ${n}`))) evaluated += 1;
    must(evaluated === budget, `${evaluated} of 90 wrong guesses were looked at`);
    must(refused(await get(victim.email, victim.password)), "a right password gets past the limit");
    must(refused(await login(rig, victim.email, victim.password)), "LOGIN counts apart");
    await rig.lab.advance(90);
    must((await get(victim.email, victim.password)).status === 200, "the limit does not end");
    // Not its cached proof either, once the account is switched off.
    await rig.lab.control("PATCH", `/users/${victim.email}`, { active: false });
    must((await get(victim.email, victim.password)).status === 401, "a cached proof outlives its account");
  });
});
