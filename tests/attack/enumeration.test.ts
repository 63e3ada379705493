import { randomBytes } from "node:crypto";
import type { Answer, Client } from "./client.ts";
import { attacks, each, masked, must, type Rig, secret } from "./suite.ts";

/** All that an outsider can tell apart: status, body, names of headers and cookies. */
function look(answer: Answer, ...values: readonly string[]): string {
  const headers = [...new Set(answer.rawHeaders.map(([name]) => name))].sort();
  const cookies = answer.setCookies.map((cookie) => cookie.slice(0, cookie.indexOf("="))).sort();
  const location = answer.location ?? "";
  // The seconds to wait go down by themselves between two answers; the minutes must be the same.
  const wait = Math.ceil(Number(answer.header("retry-after") ?? 0) / 60);
  const body = masked(answer.text, ...values).replace(/in \d+ seconds/, "in * seconds");
  return JSON.stringify({ status: answer.status, headers, cookies, location, wait, body });
}

function allAlike(answers: Readonly<Record<string, string>>): void {
  const entries = Object.entries(answers);
  const first = entries[0];
  must(first !== undefined && entries.length > 1, "nothing to compare");
  for (const [name, text] of entries.slice(1)) {
    must(text === first[1], `${name} is told from ${first[0]}:\n${first[1]}\n${text}`);
  }
}

type Carrier = "form" | "json";
const carriers: readonly Carrier[] = ["form", "json"];

function submit(
  client: Client,
  path: string,
  carrier: Carrier,
  fields: Readonly<Record<string, string>>,
): Promise<Answer> {
  if (carrier === "json") return client.post(path, { json: fields });
  return client.post(path, { page: true, csrf: false, form: { ...fields, csrf_token: client.csrf ?? "" } });
}

attacks("ENU", { settings: { RETURN_GENERIC_RESPONSES: true } }, (attack) => {
  /** One identity of each class, with a password that is wrong, or right where that must not help. */
  const classes = async (rig: Rig): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>> => ({
    unconfirmed: { email: (await rig.user({ confirmed_at: null })).email, password: "wrong-password" },
    active: { email: "matt@lp.com", password: "wrong-password" },
    unknown: { email: `${randomBytes(6).toString("hex")}@nobody.example`, password: "wrong-password" },
    inactive: { email: "tiya@lp.com", password: "wrong-password" },
    "inactive with the right password": { email: "tiya@lp.com", password: "password" },
    "without a password": { email: "jess@lp.com", password: "wrong-password" },
    "not an address": { email: "nobody", password: "wrong-password" },
  });

  attack("ENU-01 [ASVS 6.3.8]: LOGIN answers all identities alike", async (rig) => {
    await each(carriers, String, async (carrier) => {
      const answers: Record<string, string> = {};
      for (const [name, fields] of Object.entries(await classes(rig))) {
        const answer = await submit(await rig.visitor(), rig.at("LOGIN"), carrier, fields);
        must(!answer.setCookies.some((cookie) => /session=/.test(cookie)), `${name} got a session`);
        answers[name] = look(answer, fields["email"] ?? "");
      }
      allAlike(answers);
    });
  });

  attack(
    "ENU-01 [ASVS 6.3.8]: a locked account is told from no other, and its lock from no other lock",
    async (rig) => {
      const unconfirmed = await rig.user({ confirmed_at: null });
      const names = [(await rig.user()).email, unconfirmed.email, `${randomBytes(6).toString("hex")}@nobody.example`];
      for (let n = 0; n < 24; n += 1) {
        for (const email of names) {
          await submit(rig.client(), rig.at("LOGIN"), "json", { email, password: `wrong-password-${n}` });
        }
        // The budget of guesses refills before the lock is reached.
        if (n < 19) await rig.lab.advance(90);
      }
      must((await rig.lab.events()).filter(({ name }) => name === "accountLocked").length >= 2, "nobody is locked");
      await each(carriers, String, async (carrier) => {
        const answers: Record<string, string> = {};
        for (const email of names) {
          for (const password of ["wrong-password", unconfirmed.password]) {
            const answer = await submit(await rig.visitor(), rig.at("LOGIN"), carrier, { email, password });
            answers[`${email} ${password}`] = look(answer, email);
          }
        }
        allAlike(answers);
      });
    },
  );

  attack(
    "ENU-04 [ASVS 6.3.8]: REGISTER answers a new and a known address alike, and makes no second account",
    async (rig) => {
      const register = rig.at("REGISTER");
      await each(carriers, String, async (carrier) => {
        const fresh = `${randomBytes(6).toString("hex")}@new.example`;
        const answers: Record<string, string> = {};
        const unconfirmed = (await rig.user({ confirmed_at: null })).email;
        for (const email of [fresh, fresh, unconfirmed, "matt@lp.com", "tiya@lp.com", "jess@lp.com", "MATT@LP.COM"]) {
          const password = secret();
          const name = email === fresh && answers["new"] === undefined ? "new" : `known ${email}`;
          const answer = await submit(await rig.visitor(), register, carrier, {
            email,
            password,
            password_confirm: password,
          });
          answers[name] = look(answer, email);
        }
        allAlike(answers);
        // Who has the account is told; nobody else is.
        if (rig.path("RECOVER") !== undefined) {
          const told = (await rig.lab.outbox()).filter(({ template }) => template === "addressInUse");
          must(
            told.some(({ to }) => JSON.stringify(to).includes("matt@lp.com")),
            "the owner was not told",
          );
        }
        const rows = await rig.lab.accounts.all();
        for (const email of [fresh, unconfirmed, "matt@lp.com"]) {
          const count = rows.filter((row) => String(row["email"]).toLowerCase() === email).length;
          must(count === 1, `${count} accounts of ${email}`);
        }
      });
    },
  );

  attack("ENU-04 [ASVS 6.3.8]: faults in the form come before the address is looked at", async (rig) => {
    const register = rig.at("REGISTER");
    const answers: Record<string, string> = {};
    for (const email of [`${randomBytes(6).toString("hex")}@new.example`, "matt@lp.com", "tiya@lp.com"]) {
      const fields = { email, password: "short", password_confirm: "different" };
      answers[email] = look(await submit(await rig.visitor(), register, "json", fields), email);
    }
    allAlike(answers);
  });

  attack("ENU-10 [ASVS 6.3.8]: an account without a password is told what a wrong password is told", async (rig) => {
    await each(carriers, String, async (carrier) => {
      // The attacks before have used up guesses at these accounts.
      await rig.lab.advance(3 * 86_400);
      const answers: Record<string, string> = {};
      for (const email of ["matt@lp.com", "jess@lp.com"]) {
        for (const password of ["wrong-password", "none", "null", "undefined", " "]) {
          const fields = { email, password };
          const answer = await submit(await rig.visitor(), rig.at("LOGIN"), carrier, fields);
          answers[`${email} ${password}`] = look(answer, email);
        }
      }
      allAlike(answers);
    });
  });

  attack(
    "ENU-12 [ASVS 6.3.8]: many wrong passwords change the answer of known and unknown identities alike",
    async (rig) => {
      const sequence = async (email: string): Promise<readonly string[]> => {
        const client = await rig.visitor();
        const seen: string[] = [];
        for (let index = 0; index < 30; index += 1) {
          seen.push(
            look(await submit(client, rig.at("LOGIN"), "json", { email, password: `wrong-password-${index}` }), email),
          );
        }
        return seen;
      };
      const victim = await rig.user();
      const [known, unknown] = [await sequence(victim.email), await sequence("nobody@nowhere.example")];
      for (const [index, text] of known.entries()) {
        must(text === unknown[index], `attempt ${index + 1} tells them apart:\n${text}\n${unknown[index]}`);
      }
    },
  );
});

attacks("ENU by registration", { settings: { CONFIRMABLE: true } }, (attack) => {
  attack(
    "ENU-04 [ASVS 6.3.8]: who registers an address and signs in with that pair learns nothing of whether it was free",
    async (rig) => {
      const register = rig.at("REGISTER");
      for (const browser of ["the same", "another"]) {
        await each(carriers, String, async (carrier) => {
          // The runs before have used up guesses and mails.
          await rig.lab.advance(3 * 86_400);
          const unconfirmed = (await rig.user({ confirmed_at: null })).email;
          const confirmed = (await rig.user()).email;
          const free = [1, 2].map(() => `${randomBytes(6).toString("hex")}@new.example`);
          const answers: Record<string, string> = {};
          const others: Record<string, string> = {};
          for (const email of [...free, unconfirmed, confirmed, "matt@lp.com", "tiya@lp.com", "jess@lp.com"]) {
            const client = await rig.visitor();
            const password = secret();
            const made = await submit(client, register, carrier, { email, password, password_confirm: password });
            must(made.status < 400, `REGISTER: ${made.status} ${made.text}`);
            const signsIn = browser === "the same" ? client : await rig.visitor();
            answers[email] = look(await submit(signsIn, rig.at("LOGIN"), carrier, { email, password }), email);
            const wrong = { email, password: secret() };
            others[email] = look(await submit(signsIn, rig.at("LOGIN"), carrier, wrong), email);
          }
          for (const email of free) {
            must((await rig.lab.accounts.byEmail(email)) !== undefined, `no account was made for ${email}`);
          }
          allAlike(answers);
          allAlike(others);
          // It is the registration in this browser that the answer goes by.
          const [one = "", other = ""] = free.map((email) => answers[email]);
          must(one === other && (one === others[free[0] ?? ""]) === (browser === "another"), `${browser}: ${one}`);
        });
      }
    },
  );
});

attacks("ENU by the guards", {}, (attack) => {
  attack("ENU-01 [ASVS 6.3.8]: BASIC answers all identities alike", async (rig: Rig) => {
    const answers: Record<string, string> = {};
    for (const pair of [
      "matt@lp.com:wrong",
      "nobody@x.test:wrong",
      "tiya@lp.com:password",
      "jess@lp.com:none",
      "x:y",
    ]) {
      const authorization = `Basic ${Buffer.from(pair).toString("base64")}`;
      answers[pair] = look(await rig.client().get(rig.at("BASIC"), { headers: { authorization } }));
    }
    allAlike(answers);
  });
});
