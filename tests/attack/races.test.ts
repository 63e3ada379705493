import { randomBytes } from "node:crypto";
import type { Answer } from "./client.ts";
import { rawPost, releaseTogether } from "./raw.ts";
import { attacks, each, must, needsSessions, type Rig, secret } from "./suite.ts";

const json = "application/json";
const statuses = (answers: readonly (Answer | undefined)[]): string =>
  answers.map((answer) => answer?.status ?? 0).join(" ");

attacks("RAC", { postgres: true }, (attack) => {
  attack("RAC-04 [ASVS 15.4.2] [ASVS 2.3.4]: fifty registrations of one address at once", async (rig) => {
    const register = rig.at("REGISTER");
    const local = `heron${randomBytes(5).toString("hex")}`;
    const spellings = [
      `${local}@x.test`,
      `${local.toUpperCase()}@x.test`,
      ` ${local}@X.TEST`,
      `${local}@x.Test `,
      `${local}@\uff58.test`,
    ];
    const requests = Array.from({ length: 50 }, (_, index) => {
      const password = secret();
      return rawPost(
        rig.lab.port,
        register,
        json,
        JSON.stringify({ email: spellings[index % spellings.length], password, password_confirm: password }),
      );
    });
    const answers = await releaseTogether(rig.lab.port, requests);
    // Past the bound of the hashing queue the answer is 503 with the time to wait; nothing else above 499.
    const busy = answers.filter((answer) => answer?.status === 503);
    must(
      busy.every((answer) => answer?.header("retry-after") !== undefined),
      "503 without Retry-After",
    );
    must(
      answers.every((answer) => answer !== undefined && (answer.status < 500 || answer.status === 503)),
      statuses(answers),
    );
    const shapes = new Set(
      answers
        .filter((answer) => answer?.status === 200)
        .map((answer) => answer?.text.replace(/"csrf_token":"[^"]+"/, "")),
    );
    must(shapes.size === 1, `the answers tell who was first: ${[...shapes].join(" | ")}`);
    const stored = (await rig.lab.accounts.all()).filter((row) => String(row["email"]).toLowerCase().includes(local));
    must(stored.length === 1, `${stored.length} accounts`);
  });

  attack(
    "RAC-04 [ASVS 15.4.1] [ASVS 7.4.1]: a sign-out among many requests of the same session",
    async (rig, context) => {
      needsSessions(rig, context);
      for (let round = 0; round < 5; round += 1) {
        const client = await rig.signedIn(undefined, { remember: true });
        const headers = { Cookie: client.cookieHeader, "X-CSRF-Token": client.csrf ?? "" };
        const requests = Array.from({ length: 20 }, (_, index) =>
          rawPost(rig.lab.port, index === 10 ? rig.at("LOGOUT") : "/json_auth", json, "{}", headers),
        );
        const answers = await releaseTogether(rig.lab.port, requests);
        must(
          answers.every((answer) => answer !== undefined && answer.status < 500),
          statuses(answers),
        );
        must(
          (await client.get("/me", { cookies: client.cookieHeader })).status === 401,
          "something of the session lives on",
        );
        for (const answer of answers) {
          const cookies = answer?.setCookies.map((cookie) => cookie.split(";")[0]).join("; ") ?? "";
          if (cookies === "") continue;
          must(
            (await rig.client().get("/me", { cookies })).status === 401,
            "a racing answer brought a session that lives on",
          );
        }
      }
    },
  );

  attack(
    "RAC-04 [ASVS 15.4.1] [ASVS 7.4.1]: a sign-out while the same session proves itself again",
    async (rig, context) => {
      needsSessions(rig, context);
      for (let round = 0; round < 5; round += 1) {
        const victim = await rig.user();
        const client = await rig.signedIn(victim);
        const headers = { Cookie: client.cookieHeader, "X-CSRF-Token": client.csrf ?? "" };
        const proof = JSON.stringify({ password: victim.password });
        const requests = Array.from({ length: 6 }, (_, index) =>
          index === 3
            ? rawPost(rig.lab.port, rig.at("LOGOUT"), json, "{}", headers)
            : rawPost(rig.lab.port, rig.at("VERIFY"), json, proof, headers),
        );
        const answers = await releaseTogether(rig.lab.port, requests);
        must(
          answers.every((answer) => answer !== undefined && answer.status < 500),
          statuses(answers),
        );
        // One of them may have come before the sign-out: then that has ended a session which was replaced, and no other.
        const ended = answers[3];
        const lives: string[] = [];
        for (const [index, answer] of answers.entries()) {
          const cookies = answer?.setCookies.map((cookie) => cookie.split(";")[0]).join("; ") ?? "";
          if (!/(?:^|; )(?:__Host-)?session=[^;]/.test(cookies)) continue;
          if ((await rig.client().get("/me", { cookies })).status === 200) lives.push(`answer ${index}`);
        }
        const proved = answers.filter((answer, index) => index !== 3 && answer?.status === 200).length;
        must(proved <= 1, `one session became ${proved}: ${statuses(answers)}`);
        must(
          lives.length === 0 || ended?.status !== 200 || proved === 1,
          `${lives.join(", ")} live on: ${statuses(answers)}`,
        );
      }
    },
  );

  attack("RAC-04 [ASVS 15.4.2] [ASVS 8.3.2]: deactivation among many sign-ins", async (rig, context) => {
    needsSessions(rig, context);
    for (let round = 0; round < 5; round += 1) {
      const victim = await rig.user();
      const requests = Array.from({ length: 10 }, () =>
        rawPost(
          rig.lab.port,
          `${rig.at("LOGIN")}?include_auth_token`,
          json,
          JSON.stringify({ ...victim, remember: true }),
        ),
      );
      const [answers] = await Promise.all([
        releaseTogether(rig.lab.port, requests),
        rig.lab.control("PATCH", `/users/${victim.email}`, { active: false }),
      ]);
      must(
        answers.every((answer) => answer !== undefined && (answer.status < 500 || answer.status === 503)),
        statuses(answers),
      );
      for (const answer of answers) {
        const cookies = answer?.setCookies.map((cookie) => cookie.split(";")[0]).join("; ") ?? "";
        if (cookies === "") continue;
        must((await rig.client().get("/me", { cookies })).status === 401, "a session of an inactive account");
        const token = /"authentication_token":"([^"]+)"/.exec(answer?.text ?? "")?.[1] ?? "none";
        must(
          (await rig.client().get("/token", { headers: { "authentication-token": token } })).status === 401,
          "a token of an inactive account",
        );
      }
    }
  });
});

attacks("LIM", {}, (attack) => {
  const wrong = async (rig: Rig, path: string, email: string, count: number): Promise<readonly number[]> => {
    const client = await rig.visitor();
    const seen: number[] = [];
    for (let index = 0; index < count; index += 1) {
      seen.push((await client.post(path, { json: { email, password: `wrong-password-${index}` } })).status);
    }
    return seen;
  };

  attack("LIM-04: other spellings of LOGIN are not there, or are LOGIN", async (rig) => {
    const login = rig.at("LOGIN");
    const name = login.slice(1);
    const spellings = [
      `${login}/`,
      `/${login}`,
      login.toUpperCase(),
      `${login}%20`,
      `/${name[0]?.toUpperCase()}${name.slice(1)}`,
      `${login}//`,
      `${login};x`,
      `${login}.json`,
      `/%2f${name}`,
      `${login}%00`,
      `${login}%2f`,
    ];
    await each(spellings, String, async (path) => {
      const client = await rig.visitor();
      const answer = await client.post(path, { json: { email: "matt@lp.com", password: "password" } });
      must(answer.status === 404 || answer.status === 400, `status ${answer.status}`);
      must(
        answer.setCookies.every((cookie) => !/session=[^;]/.test(cookie)),
        "it signed in",
      );
    });
    // These two are resolved before any router sees them; a query changes no route.
    await each([`/.${login}`, `/%2e${login}`, `${login}?x=1`], String, async (path) => {
      const seen = await wrong(rig, path, "matt@lp.com", 2);
      must(
        seen.every((status) => status === 400 || status === 404 || status === 429),
        seen.join(" "),
      );
    });
  });

  attack("LIM-05 [ASVS 6.1.1]: a stranger's guesses do not lock the owner out for good", async (rig, context) => {
    needsSessions(rig, context);
    const victim = await rig.user();
    const before = await rig.signedIn(victim);
    const seen = await wrong(rig, rig.at("LOGIN"), victim.email, 30);
    must(
      seen.every((status) => status === 400 || status === 429),
      seen.join(" "),
    );
    must((await before.get("/me")).status === 200, "the owner's session is gone");
    if (seen.includes(429)) await rig.lab.advance(24 * 3600 - 60);
    const answer = await (await rig.visitor()).post(rig.at("LOGIN"), { json: victim });
    must(answer.status === 200, `the owner cannot sign in: ${answer.status}`);
  });
});
