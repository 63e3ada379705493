import { randomBytes } from "node:crypto";
import { hash } from "@node-rs/bcrypt";
import type { Answer } from "./client.ts";
import { choose, resetLink } from "./mail.ts";
import { exchange, rawPost, rawRequest } from "./raw.ts";
import { attacks, each, hasSessions, must, needsSessions, pairs, type Rig, secret } from "./suite.ts";

const basic = (email: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${email}:${password}`).toString("base64")}`,
});
const newEmail = (): string => `${randomBytes(6).toString("hex")}@passwords.example`;

/** Registers; an account that comes of it can be signed in to. */
async function register(rig: Rig, email: string, password: string): Promise<Answer> {
  const client = await rig.visitor();
  const answer = await client.post(rig.at("REGISTER"), { json: { email, password, password_confirm: password } });
  if (answer.status === 200) await rig.confirmed(email);
  return answer;
}

/** Whether the password opens the account, by each channel that takes passwords. */
async function opens(rig: Rig, email: string, password: string): Promise<Readonly<Record<string, boolean>>> {
  const json = await (await rig.visitor()).post(rig.at("LOGIN"), { json: { email, password } });
  const request = await rig.client().get("/http", { headers: basic(email, password) });
  const opened = { "LOGIN by JSON": json.status === 200, BASIC: request.status === 200 };
  if (!hasSessions(rig)) return opened;
  const visitor = await rig.visitor();
  const form = { email, password, csrf_token: visitor.csrf ?? "" };
  const page = await visitor.post(rig.at("LOGIN"), { page: true, csrf: false, form });
  return { ...opened, "LOGIN by form": page.status === 302 };
}

async function allOpen(rig: Rig, email: string, password: string, expected: boolean): Promise<void> {
  for (const [channel, opened] of Object.entries(await opens(rig, email, password))) {
    must(opened === expected, `${channel} ${opened ? "takes" : "refuses"} ${JSON.stringify(password.slice(0, 40))}`);
  }
}

attacks("PWD", {}, (attack) => {
  attack("PWD-01 [ASVS 15.2.2]: passwords of megabytes are refused before they are hashed", async (rig, context) => {
    const sizes = [1025, 5_000, 1_000_000];
    const client = await rig.visitor();
    const paths = [rig.at("LOGIN"), rig.path("REGISTER") ?? rig.at("LOGIN")];
    await each(
      pairs(paths, sizes),
      ([path, size]) => `${path} ${size}`,
      async ([path, size]) => {
        const password = "x".repeat(size);
        const fields = { email: "matt@lp.com", password, password_confirm: password };
        const json = await client.post(path, { json: fields });
        must([400, 413].includes(json.status), `JSON: ${json.status}`);
        const form = await client.post(path, {
          form: { ...fields, csrf_token: client.csrf ?? "" },
          csrf: false,
          page: true,
        });
        must(
          [200, 400, 413].includes(form.status) && form.setCookies.every((cookie) => !/session=/.test(cookie)),
          `form: ${form.status}`,
        );
      },
    );
    await each(paths, String, async (path) => {
      const body = JSON.stringify({ email: "matt@lp.com", password: "x".repeat(10_000_000) });
      const answer = await exchange(rig.lab.port, rawPost(rig.lab.port, path, "application/json", body));
      // A server that closes while the client still writes may lose its answer to a reset: refused all the same.
      must(answer === undefined || answer.status === 413, `10 MB: ${answer?.status}`);
    });
    for (const size of [1025, 12_000, 200_000]) {
      const lines = [
        "GET /http HTTP/1.1",
        "Host: x",
        `Authorization: ${basic("matt@lp.com", "x".repeat(size))["authorization"]}`,
        "Connection: close",
      ];
      const answer = await exchange(rig.lab.port, rawRequest(lines));
      must(answer !== undefined && [400, 401, 431].includes(answer.status), `BASIC ${size}: ${answer?.status}`);
    }
    needsSessions(rig, context);
    const victim = await rig.user();
    const signedIn = await rig.signedIn(victim);
    const change = rig.path("CHANGE-PW");
    const link = rig.path("RESET") === undefined ? undefined : await resetLink(rig, victim);
    for (const size of sizes) {
      const long = "x".repeat(size);
      const answers = [await signedIn.post(rig.at("VERIFY"), { json: { password: long } })];
      if (change !== undefined) {
        for (const [old, next] of [
          [long, secret()],
          [victim.password, long],
        ]) {
          const json = { password: old, new_password: next, new_password_confirm: next };
          answers.push(await signedIn.post(change, { json }));
        }
      }
      if (link !== undefined) answers.push(await rig.client().post(link, { json: choose(long) }));
      for (const { status, path } of answers) must([400, 413].includes(status), `${path} ${size}: ${status}`);
    }
  });

  attack("PWD-02 [ASVS 6.2.8] [ASVS 11.4.2]: what stands behind byte 72 counts", async (rig) => {
    await each(
      ["a".repeat(72), "ä".repeat(36), "\u{1f600}".repeat(18)],
      (start) => `${start.length} units`,
      async (start) => {
        const other = newEmail();
        must((await register(rig, other, `${start}x`)).status === 200, "such a password cannot be registered");
        await allOpen(rig, other, `${start}y`, false);
        await allOpen(rig, other, `${start}x`, true);
      },
    );
    // Hashes of bcrypt are only ever taken over from elsewhere: the first sign-in replaces them, and then all bytes count.
    const { email } = await rig.user();
    const password = "heron".repeat(14);
    await rig.lab.accounts.setPassword(email, await hash(password, { cost: 4 }));
    await allOpen(rig, email, `${password}x`, false);
    await allOpen(rig, email, password, true);
    must(
      String((await rig.lab.accounts.byEmail(email))?.["password"]).startsWith("$argon2id$"),
      "the hash was not replaced",
    );
  });

  attack(
    "PWD-04 [ASVS 6.2.1] [ASVS 6.2.5] [ASVS 6.2.9]: long and unusual passwords are taken, short ones are not",
    async (rig) => {
      const good = [
        randomBytes(32).toString("hex"),
        randomBytes(50).toString("hex"),
        randomBytes(64).toString("hex"),
        "sleepy heron counts nine clouds",
        "\u{1f98a}\u{1f33c}\u{1f9ca}\u{1f680}\u{1f3bb}\u{1f9e9}\u{1f419}\u{1fa81}",
        "zqvkxjwp",
        "74930182",
        "ÄÖÜßéñøåæ",
        "密码很长的一个句子",
      ];
      await each(good, String, async (password) => {
        const email = newEmail();
        const answer = await register(rig, email, password);
        must(answer.status === 200, `refused: ${answer.text}`);
        await allOpen(rig, email, password, true);
      });
      await each(
        ["zqvkxjw", "a", "\u{1f98a}\u{1f33c}\u{1f9ca}\u{1f680}", "e\u0301e\u0301e\u0301"],
        String,
        async (password) => {
          must((await register(rig, newEmail(), password)).status === 400, "a short password is taken");
        },
      );
    },
  );

  attack("PWD-05 [ASVS 6.2.4] [ASVS 6.1.2] [ASVS 6.2.11]: common passwords, and the identity itself", async (rig) => {
    const email = `heron${randomBytes(3).toString("hex")}@passwords.example`;
    const common = [
      "password",
      "Password",
      "PASSWORD",
      "password1",
      "Password1",
      "12345678",
      "123456789",
      "qwertyui",
      "qwerty123",
      "iloveyou",
      "sunshine",
      "princess",
      "football",
      "baseball",
      "superman",
      "trustno1",
      "11111111",
      "00000000",
      "1q2w3e4r",
      "computer",
      email,
      email.toUpperCase(),
      email.split("@")[0] ?? "",
    ];
    const client = await rig.visitor();
    await each(common, String, async (password) => {
      const answer = await client.post(rig.at("REGISTER"), { json: { email, password, password_confirm: password } });
      must(answer.status === 400, `taken: ${answer.status}`);
    });
  });

  attack("PWD-05 [ASVS 6.2.4] [ASVS 6.2.12]: one validator wherever a password is chosen", async (rig) => {
    const words = ["dragon", "monkey", "letmein", "sunshine", "qwerty", "iloveyou", "princess", "football", "welcome"];
    const victim = await rig.user();
    const own = victim.email.split("@")[0] ?? "";
    const common = [
      ...words.flatMap((word) => {
        const capital = `${word[0]?.toUpperCase()}${word.slice(1)}`;
        return [`${word}12`, `${capital}1!`, `12${word}`, `${capital}2026`, `${word.toUpperCase()}99`];
      }),
      ...["password123", "Password123!", "P@ssw0rd", "passw0rd", "1qaz2wsx", "abcd1234", "zaq12wsx", "1234567890"],
      ...[own, `${own}@victims.example`, victim.email.toUpperCase()],
      // The site's name is its host's, and "portcullis" where none is given.
    ].filter((password) => password.length >= 8);
    const choices: Record<string, (password: string) => Promise<Answer>> = {};
    const register = rig.path("REGISTER");
    if (register !== undefined) {
      choices["REGISTER"] = async (password) =>
        rig.client().post(register, { json: { email: victim.email, password, password_confirm: password } });
    }
    const change = rig.path("CHANGE-PW");
    if (change !== undefined) {
      const client = await rig.signedIn(victim);
      choices["CHANGE-PW"] = (password) =>
        client.post(change, {
          json: { password: victim.password, new_password: password, new_password_confirm: password },
        });
    }
    if (rig.path("RESET") !== undefined) {
      const link = await resetLink(rig, victim);
      choices["RESET"] = (password) => rig.client().post(link, { json: choose(password) });
    }
    await each(
      pairs(Object.entries(choices), common),
      ([[place], password]) => `${place} ${password}`,
      async ([[, choice], password]) => {
        const answer = await choice(password);
        must(answer.status === 400, `taken: ${answer.status}`);
      },
    );
    // They were refused for what they are: another one is taken at the same place.
    for (const place of Object.keys(choices).filter((name) => name !== "REGISTER")) {
      const answer = await choices[place]?.(secret());
      must(answer?.status === 400 || answer?.status === 200, `${place}: ${answer?.status}`);
      if (place === "CHANGE-PW") must(answer?.status === 200, `${place} takes none at all`);
    }
  });

  attack(
    "UNI-06 [ASVS 6.2.8] [ASVS 1.1.1]: one password in two normal forms, spaces and case as typed",
    async (rig) => {
      const composed = "Ã©lan vÎtal\u00e9 \u212b \ufb01sh".normalize("NFC");
      const forms = ["NFC", "NFD", "NFKC", "NFKD"].map((form) => composed.normalize(form));
      for (const registered of [forms[0] ?? "", forms[1] ?? ""]) {
        const email = newEmail();
        must((await register(rig, email, registered)).status === 200, "refused");
        for (const typed of forms) await allOpen(rig, email, typed, true);
        for (const typed of [
          ` ${registered}`,
          `${registered} `,
          registered.toUpperCase(),
          registered.replace(" ", ""),
        ]) {
          await allOpen(rig, email, typed, false);
        }
      }
      const spaced = `  ${secret()}  `;
      const email = newEmail();
      must((await register(rig, email, spaced)).status === 200, "spaces are refused");
      await allOpen(rig, email, spaced, true);
      await allOpen(rig, email, spaced.trim(), false);
    },
  );
});

attacks("PWD stored", { production: true }, (attack) => {
  attack("PWD-09 [ASVS 11.4.2] [ASVS 11.4.1]: how a fresh password is stored", async (rig) => {
    const password = secret();
    const emails = [newEmail(), newEmail()];
    for (const email of emails) must((await register(rig, email, password)).status === 200, "cannot register");
    const salts = new Set<string>();
    for (const email of emails) {
      const stored = String((await rig.lab.accounts.byEmail(email))?.["password"]);
      const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/.exec(stored);
      must(match !== null, `another form: ${stored.slice(0, 30)}`);
      const [, memory, passes, , salt = "", digest = ""] = match;
      must(Number(memory) >= 19_456 && Number(passes) >= 2, `m=${memory}, t=${passes}`);
      must(
        Buffer.from(salt, "base64").length >= 16 && Buffer.from(digest, "base64").length >= 32,
        "a short salt or digest",
      );
      salts.add(salt);
    }
    must(salts.size === emails.length, "one salt for two users");
  });
});

attacks("BAS", {}, (attack) => {
  const challenge = (answer: Answer): boolean =>
    answer.rawHeaders.filter(([name]) => name === "www-authenticate").length === 1 &&
    /^Basic realm="[^"]+"(?:, charset="UTF-8")?$/.test(answer.header("www-authenticate") ?? "");

  attack("BAS-01 [ASVS 2.2.1]: malformed credentials", async (rig) => {
    const encode = (text: string | Buffer): string => Buffer.from(text).toString("base64");
    const headers = [
      "Basic",
      "Basic ",
      `Basic ${encode("matt@lp.com")}`,
      `Basic ${encode(":")}`,
      `Basic ${encode(":password")}`,
      `Basic ${encode("matt@lp.com:")}`,
      `Basic ${encode("matt@lp.com:pass:word")}`,
      "Basic %%%",
      "Basic =",
      "Basic a",
      `Basic ${encode(Buffer.from([0xff, 0xfe, 0x3a, 0xff]))}`,
      `Basic ${encode("matt@lp.com:password\u0000")}`,
      `Basic ${encode("matt@lp.com\u0000:password")}`,
      `Basic ${encode("matt@lp.com:password\n")}`,
      `Basic ${encode("matt@lp.com:password")}x`,
      `Basic ${encode("matt@lp.com:password")}=`,
      `Basic ${encode("matt@lp.com:password")}, Basic eDp5`,
      `Basic${encode("matt@lp.com:password")}`,
      encode("matt@lp.com:password"),
      `Digest ${encode("matt@lp.com:password")}`,
      `Basic ${"A".repeat(5000)}`,
      `Basic ${encode("matt@lp.com:password").replace(/.{4}/, "$& ")}`,
      `Basic\u00a0${encode("matt@lp.com:password")}`,
    ];
    await each(
      headers,
      (value) => value.slice(0, 80),
      async (authorization) => {
        const answer = await rig.client().get("/http", { headers: { authorization } });
        must(answer.status === 401 && challenge(answer), `${answer.status} ${answer.header("www-authenticate")}`);
        must(
          answer.setCookies.every((cookie) => !/session=/.test(cookie)),
          "a session",
        );
      },
    );
    await each(["BASIC", "basic", "bAsIc"], String, async (scheme) => {
      const authorization = `${scheme} ${encode("matt@lp.com:password")}`;
      const answer = await rig.client().get("/http", { headers: { authorization } });
      must(answer.status === 200 && answer.setCookies.length === 0, `${answer.status}`);
    });
    const good = `Authorization: Basic ${encode("matt@lp.com:password")}`;
    const raw = [
      "GET /http HTTP/1.1",
      "Host: x",
      good,
      `Authorization: Basic ${encode("joe@lp.com:password")}`,
      "Connection: close",
    ];
    const two = await exchange(rig.lab.port, rawRequest(raw));
    must(two !== undefined && [200, 400, 401].includes(two.status), `two headers: ${two?.status}`);
    // Which of two counts must not depend on who reads them: Node keeps the first, and so must we or refuse.
    const swapped = await exchange(
      rig.lab.port,
      rawRequest([raw[0] ?? "", "Host: x", "Authorization: Basic eDp5", good, "Connection: close"]),
    );
    must(swapped?.status === 401 || swapped?.status === 400, `a second header counts: ${swapped?.status}`);
  });

  attack("BAS-02 [ASVS 6.3.4]: account rules hold for BASIC as for LOGIN", async (rig) => {
    const refused = [
      "tiya@lp.com:password",
      "jess@lp.com:",
      "jess@lp.com:none",
      "jess@lp.com:null",
      "MATT@lp.com:Password",
    ];
    await each(refused, String, async (pair) => {
      const at = pair.indexOf(":");
      const answer = await rig.client().get("/http", { headers: basic(pair.slice(0, at), pair.slice(at + 1)) });
      must(answer.status === 401 && challenge(answer), `${answer.status}`);
    });
    // Only where it is named, and never as a session.
    const others = ["/me", "/session", "/token", "/profile", "/admin"];
    for (const path of others.filter((other) => rig.lab.routes.some((route) => route.path === other))) {
      const answer = await rig.client().get(path, { headers: basic("matt@lp.com", "password") });
      must(answer.status === 401, `${path} takes BASIC: ${answer.status}`);
    }
    // A browser sends BASIC along by itself: a foreign page cannot use it.
    const foreign = { ...basic("matt@lp.com", "password"), origin: "https://evil.test" };
    const answer = await rig.client().post("/http", { json: {}, headers: foreign });
    must(answer.status === 400 || answer.status === 403, `a foreign page uses BASIC: ${answer.status}`);
    // A right password that was cached does not outlive its change.
    const victim = await rig.user();
    const headers = basic(victim.email, victim.password);
    for (let time = 0; time < 2; time += 1)
      must((await rig.client().get("/http", { headers })).status === 200, "BASIC does not work");
    await rig.lab.control("PATCH", `/users/${victim.email}`, { password: secret() });
    must((await rig.client().get("/http", { headers })).status === 401, "the old password is still taken");
  });
});
