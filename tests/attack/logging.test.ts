/** What the trail tells of an attack, or of what an attacker has done: docs/audit.md. */
import type { AccountRow } from "./accounts.ts";
import { ask, choose, linkOf } from "./mail.ts";
import { attacks, each, hasSessions, must, type Rig, secret, type Victim } from "./suite.ts";

const basic = (email: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${email}:${password}`).toString("base64")}`,
});

/** One thing that somebody does, and the entry that must tell of it. */
interface Deed {
  readonly name: string;
  readonly result: "ok" | "failed" | "denied";
  /** Where it was done; undefined: by the application itself. */
  readonly route?: RegExp;
  /** False: it concerns nobody that is known. */
  readonly user?: false;
  act(victim: Victim): Promise<unknown>;
}

const settings = { REFRESH_TOKEN: true, REFRESH_TOKEN_COOKIE_NAME: null, LIMITS: "wide" };

attacks("LOG of deeds", { postgres: true, settings }, (attack) => {
  /** The trail behind this entry, once it holds this many entries of this name: it is written off the request's path. */
  const trail = async (rig: Rig, after: number, name: string): Promise<readonly AccountRow[]> => {
    for (let wait = 0; wait < 200; wait += 1) {
      const rows = (await rig.lab.accounts.trail()).filter((row) => Number(row["sequence"]) > after);
      if (rows.some((row) => row["name"] === name)) return rows;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return [];
  };

  function deeds(rig: Rig): Readonly<Record<string, Deed>> {
    const login = (email: string, password: string): Promise<unknown> =>
      rig.client().post(rig.at("LOGIN"), { json: { email, password }, watch: false });
    const pair = async ({ email, password }: Victim): Promise<{ readonly auth: string; readonly refresh: string }> => {
      const answer = await rig.client().signIn(email, password);
      const user = answer.response["user"] as Readonly<Record<string, unknown>>;
      return { auth: String(user["authentication_token"]), refresh: String(user["refresh_token"]) };
    };
    const all: Record<string, Deed> = {
      "a sign-in": {
        name: "userAuthenticated",
        result: "ok",
        route: /^POST .*\/login$/,
        act: ({ email, password }) => login(email, password),
      },
      "a wrong password": {
        name: "userFailedAuthn",
        result: "failed",
        route: /^POST .*\/login$/,
        act: ({ email }) => login(email, "a wrong guess"),
      },
      "a wrong password by BASIC": {
        name: "userFailedAuthn",
        result: "failed",
        route: /^GET \/http$/,
        act: ({ email }) => rig.client().get("/http", { headers: basic(email, "a wrong guess") }),
      },
      "a name that nobody has": {
        name: "unknownIdentity",
        result: "failed",
        route: /^POST .*\/login$/,
        user: false,
        act: () => login("nobody@trail.example", "a wrong guess"),
      },
      "an account that is off": {
        name: "signInRefused",
        result: "denied",
        route: /^POST .*\/login$/,
        async act({ email, password }) {
          await rig.lab.control("PATCH", `/users/${email}`, { active: false });
          await login(email, password);
        },
      },
      "a permission that is denied": {
        name: "permissionDenied",
        result: "denied",
        route: /^GET \/admin$/,
        async act(victim) {
          await rig.client().get("/admin", { headers: { "authentication-token": (await pair(victim)).auth } });
        },
      },
      "a lock": {
        name: "accountLocked",
        result: "denied",
        route: /^POST .*\/login$/,
        async act({ email }) {
          for (let n = 0; n < 21; n += 1) {
            await login(email, `a wrong guess ${n}`);
            // The budget of guesses refills before the lock is reached.
            await rig.lab.advance(90);
          }
        },
      },
      "a role that is given": {
        name: "roleGranted",
        result: "ok",
        act: ({ email }) => rig.lab.control("PATCH", `/users/${email}`, { roles: ["simple"] }),
      },
      "a token that comes back": {
        name: "refreshTokenReused",
        result: "denied",
        route: /^POST .*\/refresh-token$/,
        async act(victim) {
          const { refresh } = await pair(victim);
          const renew = (text: string) =>
            rig.client().post(rig.at("REFRESH"), { json: { refresh_token: text }, watch: false });
          const next = (await renew(refresh)).response["user"] as Readonly<Record<string, unknown>>;
          await rig.lab.advance(60);
          await renew(String(next["refresh_token"]));
          await renew(refresh);
        },
      },
    };
    if (hasSessions(rig)) {
      all["a sign-out"] = {
        name: "userSignedOut",
        result: "ok",
        route: /^POST .*\/logout$/,
        act: async (victim) => (await rig.signedIn(victim)).post(rig.at("LOGOUT"), { json: {} }),
      };
    }
    if (rig.path("CHANGE-PW") !== undefined) {
      all["a new password"] = {
        name: "passwordChanged",
        result: "ok",
        route: /^POST .*\/change$/,
        async act(victim) {
          const next = secret();
          const json = { password: victim.password, new_password: next, new_password_confirm: next };
          await (await rig.signedIn(victim)).post(rig.at("CHANGE-PW"), { json, watch: false });
        },
      };
    }
    if (rig.path("RESET") !== undefined) {
      all["a new password by mail"] = {
        name: "passwordReset",
        result: "ok",
        route: /^POST .*\/reset\/:token$/,
        async act({ email }) {
          await ask(rig, "RECOVER", email);
          const link = await linkOf(rig, "resetInstructions", email);
          await rig.client().post(link, { json: choose(secret()), watch: false });
        },
      };
    }
    if (rig.path("CHANGE-EMAIL") !== undefined) {
      all["a new address"] = {
        name: "emailChanged",
        result: "ok",
        route: /^POST .*\/change-email\/:token$/,
        async act(victim) {
          const email = `new-${victim.email}`;
          rig.lab.created.add(email);
          await (await rig.signedIn(victim)).post(rig.at("CHANGE-EMAIL"), { json: { email }, watch: false });
          const link = await linkOf(rig, "changeEmailInstructions", email);
          await rig.client().post(link, { json: {}, watch: false });
        },
      };
    }
    if (rig.path("CHANGE-UNAME") !== undefined) {
      all["a new name"] = {
        name: "usernameChanged",
        result: "ok",
        route: /^POST .*\/change-username$/,
        async act(victim) {
          const username = `heron${Date.now().toString(36)}`;
          await (await rig.signedIn(victim)).post(rig.at("CHANGE-UNAME"), { json: { username }, watch: false });
        },
      };
    }
    return all;
  }

  attack(
    "LOG-03 [ASVS 16.3.1] [ASVS 16.3.2] [ASVS 16.2.1] [ASVS 16.2.2]: each deed is one entry that says who, when, where and how it ended",
    async (rig) => {
      await each(
        Object.entries(deeds(rig)),
        ([title]) => title,
        async ([, { name, result, route, user, act }]) => {
          const victim = await rig.user();
          const id = Number((await rig.lab.accounts.byEmail(victim.email))?.["id"]);
          const last = (await rig.lab.accounts.trail()).at(-1);
          const { now: before } = (await rig.lab.control("POST", "/clock", { advance: 0 })) as { now: number };
          await act(victim);
          const rows = await trail(rig, Number(last?.["sequence"] ?? 0), name);
          const { now: after } = (await rig.lab.control("POST", "/clock", { advance: 0 })) as { now: number };
          const about = rows.filter((row) => row["name"] === name && (user === false || Number(row["user_id"]) === id));
          must(about.length === 1, `${about.length} entries: ${rows.map((row) => row["name"]).join(", ")}`);
          const [entry] = about;
          must(entry?.["result"] === result, `the result is ${entry?.["result"]}`);
          const at = Number(entry["at"]);
          must(at >= before && at <= after, `the time is ${at}, not from ${before} to ${after}`);
          must(user !== false || entry["user_id"] === null, "it is about somebody");
          if (route === undefined) return;
          must(route.test(String(entry["route"])), `the route is ${entry["route"]}`);
          must(
            /^(?:127\.0\.0\.1|::1|::ffff:127\.0\.0\.1)$/.test(String(entry["address"])),
            `address ${entry["address"]}`,
          );
        },
      );
    },
  );

  attack(
    "LOG-01 [ADV-L] [ASVS 16.4.1]: a stranger's text is one entry, without a character that breaks or turns a line",
    async (rig) => {
      const victim = await rig.user();
      const last = Number((await rig.lab.accounts.trail()).at(-1)?.["sequence"] ?? 0);
      const forged = '\\n{"time":"2026-01-01T00:00:00Z"} \u009b31m';
      const agent = Buffer.from(`agent ${forged} ü\u0085`, "utf8").toString("latin1");
      const headers = { "user-agent": agent, "x-forwarded-for": "1.2.3.4" };
      await rig.client().post(rig.at("LOGIN"), { json: { email: victim.email, password: `x${forged}` }, headers });
      await rig.client().post(rig.at("LOGIN"), { json: { email: `a\r\n${forged}@x.test`, password: "y" }, headers });
      await rig.client().get("/http", { headers: { ...headers, ...basic(`x\r\n${forged}`, "y") } });
      const rows = await trail(rig, last, "userFailedAuthn");
      must(rows.length > 0, "nothing is in the trail");
      await each(
        rows,
        (row) => String(row["name"]),
        async (row) => {
          const text = JSON.stringify(Object.values(row).map(String));
          must(
            !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(Object.values(row).map(String).join("")),
            `control characters in ${text}`,
          );
          must(!text.includes("1.2.3.4"), "a header names the address");
          must(!text.includes("2026-01-01T00:00:00Z") || text.includes("agent"), `a forged line is in ${text}`);
        },
      );
    },
  );
});
