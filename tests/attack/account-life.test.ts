/** Attacks on what happens to an account: mailed links, changes, names, and whom the answers tell about. */
import type { Answer, Client } from "./client.ts";
import type { Endpoint } from "./endpoints.ts";
import { ask, choose, linkOf, mailed, recipients, resetLink } from "./mail.ts";
import { attacks, each, masked, must, type Rig, secret, type Victim } from "./suite.ts";

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

const signIn = (rig: Rig, { email }: Victim, password: string): Promise<Answer> =>
  rig.client().post(rig.at("LOGIN"), { json: { email, password }, watch: false });

/** The classes of the catalogue: whose mail is due, and whose is not. */
async function classes(rig: Rig): Promise<readonly { readonly name: string; readonly email: string }[]> {
  const active = await rig.user();
  const inactive = await rig.user({ active: false });
  const unconfirmed = await rig.user({ confirmed_at: null });
  const without = await rig.user({ password: null });
  return [
    { name: "active", email: active.email },
    { name: "unknown", email: `nobody-${Date.now()}@victims.example` },
    { name: "inactive", email: inactive.email },
    { name: "unconfirmed", email: unconfirmed.email },
    { name: "without a password", email: without.email },
  ];
}

async function answeredAlike(rig: Rig, endpoint: Endpoint): Promise<void> {
  const all = await classes(rig);
  const seen: string[] = [];
  for (const { email } of all) {
    const answer = await ask(rig, endpoint, email);
    const headers = answer.rawHeaders.map(([name]) => name.toLowerCase()).filter((name) => name !== "date");
    seen.push(JSON.stringify([answer.status, masked(answer.text, email), headers]));
  }
  await each(
    all,
    ({ name }) => name,
    async ({ email }) => {
      const index = all.findIndex((one) => one.email === email);
      must(seen[index] === seen[0], `${seen[index]} differs from ${seen[0]}`);
    },
  );
  const to = (await rig.lab.outbox()).flatMap(recipients);
  must(!to.some((address) => address.startsWith("nobody-")), "mail went to an address without an account");
  must(!to.includes(all[2]?.email ?? ""), "mail went to an account that is off");
}

attacks("ENU of mails", { short: "full:sqlite", settings: { LIMITS: "wide" } }, (attack) => {
  attack("ENU-03 [ASVS 6.3.8]: who asks for a new password learns nothing", (rig) => answeredAlike(rig, "RECOVER"));

  attack("ENU-06 [ASVS 6.3.8]: nor who asks for another mail", async (rig) => {
    const endpoints = (["CONFIRM-SEND", "PWLESS-SEND", "UNAME-RECOVER"] as const).filter(
      (one) => rig.path(one) !== undefined,
    );
    for (const endpoint of endpoints) await answeredAlike(rig, endpoint);
  });
});

attacks("links", { short: "full:sqlite,full:postgres" }, (attack) => {
  attack("HST-01: links are on the configured origin whatever Host says", async (rig) => {
    const victim = await rig.user();
    await each(["evil.test", "evil.test:80", `${new URL(rig.lab.origin).host}.evil.test`], String, async (host) => {
      const before = (await rig.lab.outbox()).length;
      const answer = await rig.client().post(rig.at("RECOVER"), {
        json: { email: victim.email },
        headers: { host, "x-forwarded-host": host, forwarded: `host=${host}` },
        watch: false,
      });
      const outbox = await rig.lab.outbox();
      must(outbox.length > before || answer.status === 400 || answer.status === 421, "neither refused nor mailed");
      const mails = outbox.filter((mail) => recipients(mail).includes(victim.email));
      for (const { text, html } of mails)
        must(!`${text}${html}`.includes("evil"), "a mail names the host of the attacker");
    });
  });

  attack("TOK-01 [ASVS 6.4.1]: a link for a new password works once", async (rig) => {
    const victim = await rig.user();
    const link = await resetLink(rig, victim);
    const [first, second] = [secret(), secret()];
    must(
      (await rig.client().post(link, { json: choose(first), watch: false })).status === 200,
      "the link does not work",
    );
    must((await rig.client().post(link, { json: choose(second) })).status === 400, "the link works twice");
    must((await signIn(rig, victim, first)).status === 200, "the first password is not the stored one");
    must((await signIn(rig, victim, second)).status === 400, "the second password is");
  });

  attack("TOK-02 [ASVS 6.4.1]: a link that confirms works once and signs nobody in", async (rig) => {
    const victim = await rig.user({ confirmed_at: null });
    await ask(rig, "CONFIRM-SEND", victim.email);
    const link = await linkOf(rig, "confirmation", victim.email);
    // Without the account's password it is used by nobody but who registered.
    must((await rig.client().post(link, { json: {} })).status === 400, "the link needs no password");
    const json = { password: victim.password };
    must((await rig.client().post(link, { json, watch: false })).status === 200, "the link does not work");
    const stranger = rig.client();
    must((await stranger.post(link, { json })).status === 400, "the link works twice");
    must((await stranger.get(rig.at("ME"))).status === 401, "the second use signs in");
  });

  attack("TOK-06 [ASVS 6.4.1] [ASVS 7.4.3]: links end when the account changes", async (rig) => {
    const dead = async (name: string, change: (victim: Victim) => Promise<unknown>): Promise<void> => {
      const victim = await rig.user();
      const link = await resetLink(rig, victim);
      await change(victim);
      const answer = await rig.client().post(link, { json: choose(secret()), watch: false });
      must(answer.status === 400, `${name}: the link still works (${answer.status})`);
    };
    await dead("a newer link", (victim) => resetLink(rig, victim));
    await dead("change of password", async (victim) => {
      const client = await rig.signedIn(victim);
      const next = secret();
      const json = { password: victim.password, new_password: next, new_password_confirm: next };
      must((await client.post(rig.at("CHANGE-PW"), { json, watch: false })).status === 200, "the change fails");
    });
    await dead("change of e-mail", async (victim) => {
      const client = await rig.signedIn(victim);
      const email = `new-${victim.email}`;
      await client.post(rig.at("CHANGE-EMAIL"), { json: { email }, watch: false });
      const link = await linkOf(rig, "changeEmailInstructions", email);
      must((await client.post(link, { json: {}, watch: false })).status === 200, "the change fails");
    });
    await dead("deactivation", ({ email }) => rig.lab.control("PATCH", `/users/${email}`, { active: false }));
  });

  attack(
    "TOK-12 [ASVS 6.4.1]: a new address counts once its own link was used, and the old one's links end",
    async (rig) => {
      const victim = await rig.user({ confirmed_at: null });
      await ask(rig, "CONFIRM-SEND", victim.email);
      const old = await linkOf(rig, "confirmation", victim.email);
      await rig.lab.control("PATCH", `/users/${victim.email}`, { confirmed_at: "2026-01-01T00:00:00Z" });
      const client = await rig.signedIn(victim);
      const email = `moved-${victim.email}`;
      await client.post(rig.at("CHANGE-EMAIL"), { json: { email }, watch: false });
      const before = (await rig.lab.control("GET", `/users/${victim.email}`)) as { email: string };
      must(before.email === victim.email, "the address changed before its link was used");
      await client.post(await linkOf(rig, "changeEmailInstructions", email), { json: {}, watch: false });
      const after = (await rig.lab.control("GET", `/users/${email}`)) as { email: string };
      must(after.email === email, "the address did not change");
      must((await rig.client().post(old, { json: {} })).status === 400, "the old address's link confirms the new one");
    },
  );

  attack("TOK-14 [ASVS 6.4.1]: who only looks at a link uses nothing up, and is not signed in", async (rig) => {
    const kinds: readonly (readonly [Endpoint, string, object])[] = [
      ["RECOVER", "resetInstructions", choose(secret())],
      ["PWLESS-SEND", "signInLink", {}],
    ];
    await each(
      kinds,
      ([endpoint]) => endpoint,
      async ([endpoint, template, json]) => {
        const victim = await rig.user();
        await ask(rig, endpoint, victim.email);
        const link = await linkOf(rig, template, victim.email);
        const scanner = rig.client();
        await scanner.send("HEAD", link);
        await scanner.get(link, { page: true });
        must((await scanner.get(rig.at("ME"))).status === 401, "a look at the link signs in");
        must(
          (await rig.client().post(link, { json, watch: false })).status === 200,
          "a look at the link has used it up",
        );
      },
    );
  });

  attack("RAC-03 [ADV-H] [ASVS 15.4.2]: one link, thirty new passwords at once", async (rig) => {
    const victim = await rig.user();
    const link = await resetLink(rig, victim);
    const tries = Array.from({ length: 30 }, () => secret());
    const answers = await Promise.all(
      tries.map((password) => rig.client().post(link, { json: choose(password), watch: false })),
    );
    const won = tries.filter((_, index) => answers[index]?.status === 200);
    must(won.length === 1, `${won.length} of 30 won`);
    must((await signIn(rig, victim, won[0] as string)).status === 200, "the winner's password is not the stored one");
  });
});

attacks("accounts", { short: "full:sqlite" }, (attack) => {
  attack("ACC-01 [ASVS 6.1.3]: who is not confirmed gets in by no channel", async (rig) => {
    const victim = await rig.user({ confirmed_at: null });
    const { email, password } = victim;
    const channels: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
      form: async (client) => {
        await client.get(rig.at("LOGIN"), { page: true });
        return client.post(rig.at("LOGIN"), { form: { email, password, csrf_token: client.csrf ?? "" }, page: true });
      },
      JSON: (client) => client.post(`${rig.at("LOGIN")}?include_auth_token`, { json: { email, password } }),
      Basic: (client) => client.get(rig.at("BASIC"), { headers: { authorization: basic(email, password) } }),
    };
    await each(Object.keys(channels), String, async (name) => {
      const client = rig.client();
      await channels[name]?.(client);
      must((await client.get(rig.at("ME"))).status === 401, "a session came of it");
    });
    const answer = await rig.client().get(rig.at("BASIC"), { headers: { authorization: basic(email, password) } });
    must(answer.status === 401, "Basic lets in");
    await ask(rig, "CONFIRM-SEND", email);
    must((await mailed(rig, "confirmation", email)) !== undefined, "the link cannot be asked for again");
  });

  attack("SES-04 [ADV-J] [ASVS 7.4.3]: a new password ends every other session and token", async (rig, context) => {
    if (rig.path("CHANGE-PW") === undefined || rig.path("RESET") === undefined) context.skip("needs both");
    for (const way of ["CHANGE-PW", "RESET"] as const) {
      const victim = await rig.user();
      const clients = [
        await rig.signedIn(victim),
        await rig.signedIn(victim, { remember: true }),
        await rig.signedIn(victim),
      ];
      const bearer = rig.client();
      const issued = await bearer.post(`${rig.at("LOGIN")}?include_auth_token`, {
        json: { email: victim.email, password: victim.password },
        watch: false,
      });
      bearer.cookies.delete("session");
      bearer.cookies.delete("__Host-session");
      const user = issued.response["user"] as { authentication_token?: string };
      const token = { "authentication-token": user.authentication_token ?? "" };
      const next = secret();
      const [actor, ...others] = clients as [Client, ...Client[]];
      if (way === "CHANGE-PW") {
        const json = { password: victim.password, new_password: next, new_password_confirm: next };
        must((await actor.post(rig.at(way), { json, watch: false })).status === 200, "the change fails");
        must((await actor.get(rig.at("ME"))).status === 200, "the session that asked has ended");
      } else {
        const link = await resetLink(rig, victim);
        must((await rig.client().post(link, { json: choose(next), watch: false })).status === 200, "the reset fails");
        others.push(actor);
      }
      await each(
        others,
        () => way,
        async (client) => must((await client.get(rig.at("ME"))).status === 401, "still signed in"),
      );
      must((await rig.client().get(rig.at("ME"), { headers: token })).status === 401, `${way}: the token still works`);
      const refreshed = rig.path("REFRESH");
      if (refreshed !== undefined) {
        must((await bearer.post(refreshed, { json: {} })).status !== 200, `${way}: the refresh token still works`);
      }
    }
  });

  attack("SES-13 [ASVS 7.5.2]: nobody ends another's session", async (rig) => {
    const victim = await rig.user();
    const theirs = await rig.signedIn(victim);
    const mine = await rig.signedIn();
    const sessions = rig.at("SESSIONS");
    const listed = JSON.stringify((await theirs.get(sessions)).json);
    const ids = [...listed.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id as string);
    must(ids.length > 0, `no sessions are listed: ${listed}`);
    must(!JSON.stringify((await mine.get(sessions)).json).includes(victim.email), "another's sessions are listed");
    await each(
      [...ids, "0", "1", "*", "__proto__", "x".repeat(10_000)],
      (id) => id.slice(0, 40),
      async (id) => {
        const answer = await mine.post(`${sessions}/end`, { json: { id }, watch: false });
        must(answer.status === 404 || answer.status === 403 || answer.status === 400, `${answer.status}`);
      },
    );
    must((await theirs.get(rig.at("ME"))).status === 200, "the victim is signed out");
  });
});

attacks("many sessions", { profiles: ["full"], short: "full:sqlite" }, (attack) => {
  attack(
    "SES-13 [ASVS 7.5.2] [ASVS 15.2.2]: who signs in two hundred times does not make the server slow with the list",
    async (rig) => {
      const victim = await rig.user();
      let client = await rig.signedIn(victim);
      for (let n = 0; n < 200; n += 1) {
        client = rig.client();
        await client.post(rig.at("LOGIN"), { json: { email: victim.email, password: victim.password }, watch: false });
      }
      const look = async (count: number): Promise<void> => {
        for (let n = 0; n < count; n += 1) {
          const page = await client.get(rig.at("SESSIONS"), { page: true, watch: false });
          must(
            page.status === 200 && page.text.length > 50_000,
            `the list: ${page.status}, ${page.text.length} characters`,
          );
        }
      };
      await look(5);
      const before = rig.lab.memory();
      await look(40);
      const grown = Math.round((rig.lab.memory() - before) / 1_048_576);
      must(grown < 150, `the server holds ${grown} MiB more after forty looks`);
    },
  );
});

attacks("names", { short: "full:sqlite" }, (attack) => {
  const register = async (rig: Rig, username: string): Promise<Answer> => {
    const password = secret();
    const email = `${Math.random().toString(36).slice(2)}@names.example`;
    return rig.client().post(rig.at("REGISTER"), { json: { email, username, ...choose(password) }, watch: false });
  };

  attack(
    "ENU-04 [ASVS 6.3.8]: REGISTER answers alike for a name that somebody has, and makes no second account",
    async (rig, context) => {
      if (rig.path("USERNAME") === undefined) context.skip("USERNAME is off");
      const owner = await rig.user({ username: "ottilie7" });
      const look = ({ status, text }: Answer, ...values: readonly string[]): string =>
        `${status} ${masked(text, ...values)}`;
      const answers: string[] = [];
      for (const username of ["freename8", "ottilie7", "OTTILIE7", "freename8"]) {
        const email = `${Math.random().toString(36).slice(2)}@names.example`;
        rig.lab.created.add(email);
        const json = { email, username, ...choose(secret()) };
        answers.push(look(await rig.client().post(rig.at("REGISTER"), { json, watch: false }), email, username));
      }
      must(new Set(answers).size === 1, `told apart: ${answers.join("\n")}`);
      const rows = (await rig.lab.accounts.all()).filter((row) =>
        /^(?:ottilie7|freename8)$/i.test(String(row["username"])),
      );
      must(rows.length === 2, `${rows.length} accounts have the two names`);
      must(
        rows.some((row) => row["email"] === owner.email),
        "the owner lost the name",
      );
    },
  );

  attack("UNI-02 [ASVS 1.1.1]: one name is not taken twice in two spellings", async (rig) => {
    await rig.user({ username: "wanda7" });
    const names = [
      "ｗａｎｄａ７",
      "WANDA7",
      "ʷᵃⁿᵈᵃ⁷",
      "wan\u00adda7",
      "wan\u200bda7",
      "\u00a0wanda7\u00a0",
      "wanda\u20607",
      "wanda\u0301\u0301".slice(0, 7),
    ];
    for (const name of names) await register(rig, name);
    const users = (await rig.lab.outbox()).flatMap((mail) =>
      mail.template === "confirmation" ? recipients(mail) : [],
    );
    await each(
      users.filter((email) => email.endsWith("@names.example")),
      String,
      async (email) => {
        const row = (await rig.lab.control("GET", `/users/${email}`)) as { username: string | null };
        const folded = (row.username ?? "")
          .normalize("NFKC")
          .toLowerCase()
          .replace(/[\p{Cf}\p{M}\s]/gu, "");
        must(folded !== "wanda7", `a second account has the name ${JSON.stringify(row.username)}`);
      },
    );
  });

  attack("UNI-05 [ASVS 1.1.1]: names that look like others, or are the site's own, are refused", async (rig) => {
    const names = [
      "аdmin",
      "αdmin",
      "аԁміո",
      "admіn1",
      "root",
      "admin",
      "\u202enimda",
      "ad\u0007min",
      "рооt",
      "joe\u2028x",
    ];
    await each(
      names,
      (name) => JSON.stringify(name),
      async (name) => {
        const answer = await register(rig, name);
        must(answer.status === 400, `taken: ${answer.status}`);
      },
    );
  });

  attack("UNI-03 [ASVS 1.1.1]: an address that looks like a stored one gets no mail", async (rig) => {
    await rig.user({ email: "mike.kissfl@victims.example" });
    const spellings = [
      "m\u0131ke.kissfl@victims.example",
      "mike.ki\u017fsfl@victims.example",
      "mi\u212ae.kissfl@victims.example",
      "mike.ki\u00dffl@victims.example",
      "mike.kiss\ufb02@victims.example",
      "mike.kissfl@victim\u017f.example",
    ];
    const endpoints = (["RECOVER", "PWLESS-SEND"] as const).filter((one) => rig.path(one) !== undefined);
    for (const endpoint of endpoints) for (const email of spellings) await ask(rig, endpoint, email);
    const outbox = await rig.lab.outbox();
    // The Kelvin sign is a spelling of k: its mail goes to the stored address, so the attack is not played on nothing.
    must(
      outbox.some((mail) => recipients(mail).includes("mike.kissfl@victims.example")),
      "no mail was sent at all",
    );
    for (const mail of outbox) {
      for (const address of recipients(mail))
        must(!spellings.includes(address), `mail went to ${JSON.stringify(address)}`);
    }
  });
});
