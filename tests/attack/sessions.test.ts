import { randomBytes } from "node:crypto";
import type { Answer, Client } from "./client.ts";
import { attacks, each, long, must, needsSessions, type Rig, secret } from "./suite.ts";

/** What opens /me for this client, by credential. */
async function whoIs(client: Client, cookies?: string | false): Promise<string | undefined> {
  const answer = await client.get("/me", { keep: false, ...(cookies === undefined ? {} : { cookies }) });
  return answer.status === 200 ? String(answer.json["email"]) : undefined;
}

const random43 = (): string => randomBytes(32).toString("base64url");
const basic = (email: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${email}:${password}`).toString("base64")}`,
});

attacks("SES", { postgres: true, production: true }, (attack) => {
  attack(
    "SES-01 [ASVS 7.2.4]: a session that was planted before sign-in is worth nothing after it",
    async (rig, context) => {
      needsSessions(rig, context);
      const victim = await rig.user();
      const client = await rig.visitor();
      const name = rig.lab.production ? "__Host-session" : "session";
      client.cookies.set(name, random43());
      const before = client.copy();
      const csrfBefore = client.csrf;
      await client.signIn(victim.email, victim.password);
      must((await whoIs(client)) === victim.email, "the victim is not signed in");
      must(client.cookie("session") !== before.cookie("session"), "the session kept its id");
      must((await whoIs(before)) === undefined, "the planted session is the victim's now");
      must(client.csrf !== csrfBefore, "the CSRF token stayed");
      const reused = await client.post("/json_auth", { json: {}, csrf: csrfBefore ?? "" });
      must(reused.status === 400, `the CSRF token of before is taken: ${reused.status}`);
      // The attacker's own living session in the victim's browser is not turned into the victim's.
      const attacker = await rig.signedIn();
      const own = attacker.copy();
      await attacker.post(rig.at("LOGIN"), { json: { email: victim.email, password: victim.password } });
      must((await whoIs(own)) !== victim.email, "the attacker's session became the victim's");
    },
  );

  attack("SES-02 [ASVS 7.2.4]: VERIFY changes the session id and ends the old one", async (rig, context) => {
    needsSessions(rig, context);
    const victim = await rig.user();
    const client = await rig.signedIn(victim);
    const old = client.copy();
    const answer = await client.post(rig.at("VERIFY"), { json: { password: victim.password } });
    must(answer.status === 200, `VERIFY: ${answer.status}`);
    must(client.cookie("session") !== old.cookie("session"), "the session kept its id");
    must((await whoIs(client)) === victim.email, "the new session does not work");
    must((await whoIs(old)) === undefined, "the old session lives on");
  });

  attack("SES-02 [ASVS 7.2.4]: a new password changes the session id and ends the old one", async (rig, context) => {
    needsSessions(rig, context);
    const change = rig.path("CHANGE-PW");
    if (change === undefined) return context.skip("CHANGE-PW is off");
    const victim = await rig.user();
    const client = await rig.signedIn(victim);
    const old = client.copy();
    const next = secret();
    const json = { password: victim.password, new_password: next, new_password_confirm: next };
    must((await client.post(change, { json, watch: false })).status === 200, "CHANGE-PW fails");
    must(client.cookie("session") !== old.cookie("session"), "the session kept its id");
    must((await whoIs(client)) === victim.email, "the new session does not work");
    must((await whoIs(old)) === undefined, "the old session lives on");
    const stale = await client.post("/json_auth", { json: {}, csrf: old.csrf ?? "" });
    must(stale.status === 400, `the CSRF token of before is taken: ${stale.status}`);
  });

  attack("SES-03 [ASVS 7.4.1]: what LOGOUT ended stays ended, the remember credential too", async (rig, context) => {
    needsSessions(rig, context);
    await each(
      [false, true],
      (remember) => `remember ${remember}`,
      async (remember) => {
        const victim = await rig.user();
        const client = await rig.signedIn(victim, { remember });
        const stolen = client.copy();
        must((await whoIs(stolen)) === victim.email, "the copy does not work before");
        const answer = await client.post(rig.at("LOGOUT"), { json: {} });
        must(answer.status === 200, `LOGOUT: ${answer.status}`);
        must((await whoIs(stolen)) === undefined, "all cookies together still work");
        for (const [name, value] of stolen.cookies) {
          must((await whoIs(rig.client(), `${name}=${value}`)) === undefined, `${name} still works`);
        }
      },
    );
  });

  attack(
    "SES-05 [ADV-J] [ASVS 7.4.2]: disabling and deleting end every credential at the next request",
    async (rig, context) => {
      needsSessions(rig, context);
      const ways = {
        disabled: (email: string) => rig.lab.control("PATCH", `/users/${email}`, { active: false }),
        deleted: (email: string) => rig.lab.control("DELETE", `/users/${email}`),
      };
      await each(
        Object.entries(ways),
        ([name]) => name,
        async ([, end]) => {
          const victim = await rig.user();
          const client = await rig.signedIn(victim, { remember: true });
          const token = String(client.csrf === undefined ? "" : tokenOf(await bearer(rig, victim)));
          const header = { "authentication-token": token };
          const withBasic = basic(victim.email, victim.password);
          // Everything works before, and is warm in every cache.
          for (let time = 0; time < 2; time += 1) {
            must((await whoIs(client)) === victim.email, "the session does not work before");
            must(
              (await rig.client().get("/token", { headers: header })).status === 200,
              "the token does not work before",
            );
            must(
              (await rig.client().get("/http", { headers: withBasic })).status === 200,
              "BASIC does not work before",
            );
          }
          const remembered = client.cookie("remember");
          must(remembered !== undefined, "no remember cookie");
          await end(victim.email);
          must(
            (await whoIs(client, client.cookieHeader.replace(/[^;]*remember=[^;]*;? ?/, ""))) === undefined,
            "the session lives on",
          );
          must((await rig.client().get("/token", { headers: header })).status === 401, "the token lives on");
          must((await rig.client().get("/http", { headers: withBasic })).status === 401, "BASIC lives on");
          must((await whoIs(client)) === undefined, "the remember credential lives on");
          const again = await (await rig.visitor()).post(rig.at("LOGIN"), { json: victim });
          must(again.status === 400, `LOGIN: ${again.status}`);
        },
      );
    },
  );

  attack("SES-05 [ADV-J] [ASVS 8.3.2]: a role that is taken away is gone at the next request", async (rig) => {
    const victim = await rig.user({ roles: ["admin"] });
    const answer = await bearer(rig, victim);
    const headers = { "authentication-token": tokenOf(answer) };
    for (let time = 0; time < 2; time += 1) {
      must((await rig.client().get("/admin", { headers })).status === 200, "the role does not count before");
    }
    await rig.lab.control("PATCH", `/users/${victim.email}`, { roles: [] });
    must((await rig.client().get("/admin", { headers })).status === 403, "the role still counts");
  });

  attack("SES-07 [ASVS 7.2.1]: cookies that were changed are no cookies", async (rig, context) => {
    needsSessions(rig, context);
    const victim = await rig.user();
    const client = await rig.signedIn(victim, { remember: true });
    const other = await rig.signedIn(undefined, { remember: true });
    for (const purpose of ["session", "remember"]) {
      const value = client.cookie(purpose) ?? "";
      const foreign = other.cookie(purpose) ?? "";
      must(value !== "" && foreign !== "", `no ${purpose} cookie`);
      const name = [...client.cookies.keys()].find((known) => known.endsWith(purpose)) ?? "";
      const half = Math.floor(value.length / 2);
      const variants = [
        ...Array.from(value, (_, index) => flip(value, index)),
        value.slice(0, -1),
        value.slice(1),
        value.slice(0, half),
        `${value}A`,
        `${value}=`,
        `${value}.`,
        value.toLowerCase(),
        value.toUpperCase(),
        value.slice(0, half) + foreign.slice(half),
        foreign.slice(0, half) + value.slice(half),
        value.replace(".", "%2e"),
        encodeURIComponent(`${value}\u0000`),
        "",
        "null",
        "undefined",
        "{}",
      ].filter((variant) => variant !== value);
      await each(
        [...new Set(variants)],
        (variant) => `${purpose} ${variant}`,
        async (variant) => {
          const found = await whoIs(rig.client(), `${name}=${variant}`);
          must(found === undefined, `taken as ${found}`);
        },
      );
    }
    const two = `${client.cookieHeader}; ${other.cookieHeader}`;
    must((await whoIs(rig.client(), two)) === undefined, "one of two sessions was chosen");
    must((await whoIs(client, `session="${client.cookie("session")}"`)) === undefined, "a quoted value was taken");
  });

  attack(
    "SES-07 [ASVS 7.2.1]: a good session next to a planted cookie of another name still is one",
    async (rig, context) => {
      needsSessions(rig, context);
      const victim = await rig.user();
      const client = await rig.signedIn(victim);
      const planted = "xsession=1; session_=2; Session=3; __host-session=4";
      must((await whoIs(client, `${planted}; ${client.cookieHeader}`)) === victim.email, "the session is gone");
    },
  );

  attack(
    "FRE-02 [ADV-I] [ASVS 7.5.1]: VERIFY takes the session's own password only, whoever the body names",
    async (rig, context) => {
      needsSessions(rig, context);
      const attacker = await rig.user();
      const victim = await rig.user();
      const client = await rig.signedIn(victim);
      const id = (await rig.lab.accounts.byEmail(attacker.email))?.["id"];
      await rig.lab.advance(3 * 3600);
      must((await client.get("/fresh")).status === 401, "the session is not stale before");
      const claims = [
        {},
        { email: attacker.email },
        { username: attacker.email },
        { id },
        { user_id: id },
        { user: { id } },
      ];
      await each(
        claims,
        (claim) => JSON.stringify(claim),
        async (claim) => {
          const answer = await client.post(rig.at("VERIFY"), { json: { ...claim, password: attacker.password } });
          must(answer.status === 400, `VERIFY: ${answer.status}`);
          const stale = await client.get("/fresh");
          must(stale.status === 401, `/fresh: ${stale.status}`);
        },
      );
      must((await whoIs(client)) === victim.email, "the session changed its owner");
      must(
        (await client.post(rig.at("VERIFY"), { json: { password: victim.password } })).status === 200,
        "VERIFY fails",
      );
      must((await client.get("/fresh")).status === 200, "the session is not fresh after VERIFY");
    },
  );
});

attacks("FRE", {}, (attack) => {
  attack(
    "FRE-01 [ADV-I] [ASVS 7.5.1]: a proof that is too old opens nothing that needs a fresh one",
    async (rig, context) => {
      needsSessions(rig, context);
      const victim = await rig.user();
      const client = await rig.signedIn(victim, { remember: true });
      const early = await bearer(rig, victim);
      must(
        (await rig.client().get("/fresh", { headers: { "authentication-token": tokenOf(early) } })).status === 200,
        "the token is not fresh",
      );
      must((await client.get("/me")).status === 200, "not signed in");
      await rig.lab.advance(3 * 3600);
      const json = await client.get("/fresh");
      must(
        json.status === 401 && JSON.stringify(json.json).includes('"reauth_required":true'),
        `${json.status} ${json.text}`,
      );
      const posted = await client.post("/fresh", { json: {} });
      must(posted.status === 401, `POST: ${posted.status}`);
      const page = await client.get("/fresh", { page: true });
      must(
        page.status === 302 && (page.location ?? "").startsWith(rig.at("VERIFY")),
        `page: ${page.status} ${page.location}`,
      );
      const late = await rig.client().get("/fresh", { headers: { "authentication-token": tokenOf(early) } });
      must(late.status === 401, `token: ${late.status}`);
      // A session that the remember credential brought back is nobody's fresh proof.
      const name = [...client.cookies.keys()].find((known) => known.endsWith("remember")) ?? "";
      const restored = rig.client();
      restored.cookies.set(name, client.cookie("remember") ?? "");
      must((await restored.get("/me")).status === 200, "the remember credential does not work");
      must((await restored.get("/fresh")).status === 401, "a restored session is fresh");
    },
  );

  attack(
    "FRE-01 [ADV-I] [ASVS 7.5.1]: every account endpoint that names a fresh proof holds to it",
    async (rig, context) => {
      needsSessions(rig, context);
      const fresh = rig.lab.routes.filter(({ guard, path }) => /fresh/i.test(guard) && !path.includes(":"));
      // An administrator lacks nothing else that some of them ask for.
      const client = await rig.signedIn(await rig.user({ roles: ["admin"] }));
      await rig.lab.advance(3 * 3600);
      await each(
        fresh,
        ({ method, path }) => `${method} ${path}`,
        async ({ method, path }) => {
          const answer = await client.send(method, path, method === "GET" ? {} : { json: {} });
          must(answer.status === 401, `${answer.status}`);
        },
      );
    },
  );
});

attacks("ACC", { settings: { REGISTERABLE: false } }, (attack) => {
  attack(
    "ACC-02 [ASVS 6.3.4] [ASVS 7.4.2]: an inactive account gets in by no channel and no stored credential",
    async (rig, context) => {
      needsSessions(rig, context);
      const victim = await rig.user();
      const client = await rig.signedIn(victim, { remember: true });
      const token = tokenOf(await bearer(rig, victim));
      await rig.lab.control("PATCH", `/users/${victim.email}`, { active: false });
      const channels: Readonly<Record<string, () => Promise<boolean>>> = {
        "LOGIN by JSON": async () =>
          (await (await rig.visitor()).post(rig.at("LOGIN"), { json: victim })).status === 400,
        "LOGIN by form": async () => {
          const visitor = await rig.visitor();
          const form = { ...victim, csrf_token: visitor.csrf ?? "" };
          const answer = await visitor.post(rig.at("LOGIN"), { page: true, csrf: false, form });
          return answer.status === 200 && visitor.cookie("session") === undefined;
        },
        BASIC: async () =>
          (await rig.client().get("/http", { headers: basic(victim.email, victim.password) })).status === 401,
        session: async () => (await whoIs(client)) === undefined,
        VERIFY: async () =>
          (await client.post(rig.at("VERIFY"), { json: { password: victim.password } })).status === 401,
        token: async () =>
          (await rig.client().get("/token", { headers: { "authentication-token": token } })).status === 401,
      };
      await each(
        Object.entries(channels),
        ([name]) => name,
        async ([, refused]) => must(await refused(), "let in"),
      );
    },
  );

  attack(
    "ACC-02 [ASVS 6.3.1] [ASVS 6.3.8]: only the right password within the limits is told why, and past them it is a wrong one",
    async (rig) => {
      const told = /switched off/;
      const submit = async (carrier: "form" | "json", email: string, password: string): Promise<Answer> => {
        const visitor = await rig.visitor();
        if (carrier === "json") return visitor.post(rig.at("LOGIN"), { json: { email, password } });
        const form = { email, password, csrf_token: visitor.csrf ?? "" };
        return visitor.post(rig.at("LOGIN"), { page: true, csrf: false, form });
      };
      await each(["form", "json"] as const, String, async (carrier) => {
        const closed = await rig.user({ active: false });
        const other = await rig.user({ active: false });
        const nobody = `${randomBytes(6).toString("hex")}@nobody.example`;
        must(told.test((await submit(carrier, closed.email, closed.password)).text), "the right password is not told");
        const seen = new Map<string, number>();
        for (let n = 1; n < 13; n += 1) {
          const right = await submit(carrier, closed.email, closed.password);
          const wrong = await submit(carrier, other.email, `wrong-password-${n}`);
          const unknown = await submit(carrier, nobody, `wrong-password-${n}`);
          must(!told.test(wrong.text) && !told.test(unknown.text), `guess ${n}: a wrong password is told`);
          seen.set("right", right.status);
          if (told.test(right.text)) continue;
          must(right.status === 429, `guess ${n}: ${right.status} without a reason and without a limit`);
          // The one of the account whose guesses were all right was asked once more.
          if (wrong.status === 429)
            must(right.text.length === wrong.text.length, "past the limit right is told from wrong");
        }
        must(seen.get("right") === 429, "right guesses at a closed account are never used up");
      });
    },
  );

  attack("ACC-08 [ASVS 6.3.4]: what is off is not there, by any method", async (rig) => {
    const known = rig.lab.routes.map(
      ({ path }) => new RegExp(`^${path.replace(/:\w+/g, "[^/]+").replace("*", ".*")}$`),
    );
    const paths = [
      "/register",
      "/reset",
      "/reset/x",
      "/change",
      "/confirm",
      "/confirm/x",
      "/change-email",
      "/change-email-confirm/x",
      "/change-username",
      "/recover-username",
      "/login/x",
      "/tf-setup",
      "/tf-select",
      "/tf-validate",
      "/tf-rescue",
      "/us-signin",
      "/us-signin/send-code",
      "/us-setup",
      "/us-verify",
      "/wan-register",
      "/wan-signin",
      "/wan-verify",
      "/wan-delete",
      "/mf-recovery",
      "/mf-recovery-codes",
      "/login/oauthstart/github",
      "/login/oauthresponse/github",
      "/refresh",
      "/admin/users",
      "/users",
    ].filter((path) => !known.some((route) => route.test(path)));
    must(paths.includes("/register"), "REGISTER is on although it was switched off");
    const client = await rig.signedIn({ email: "matt@lp.com", password: "password" });
    await each(paths, String, async (path) => {
      for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
        const answer = await client.send(method, path, method === "GET" ? {} : { json: {} });
        must(answer.status === 404, `${method}: ${answer.status}`);
      }
    });
  });
});

attacks("SES numbers", {}, (attack) => {
  attack(
    "SES-09 [ASVS 7.2.2] [ASVS 7.2.3] [ASVS 11.5.1]: identifiers are distinct, long and without a pattern",
    async (rig, context) => {
      needsSessions(rig, context);
      const count = long ? 2000 : 300;
      const victim = await rig.user();
      const kinds: Record<string, string[]> = { session: [], remember: [], csrf: [] };
      const tokens = new Set<string>();
      const signIn = async (): Promise<Readonly<Record<string, string>>> => {
        const client = rig.client();
        await client.get(rig.at("LOGIN"), { watch: false });
        const answer = await client.post(`${rig.at("LOGIN")}?include_auth_token`, {
          json: { ...victim, remember: true },
          watch: false,
        });
        const values = Object.keys(kinds).map((kind) => [kind, kind === "csrf" ? client.csrf : client.cookie(kind)]);
        return { ...Object.fromEntries(values), token: tokenOf(answer) };
      };
      // A few at a time, in the order in which they began.
      const atOnce = 10;
      for (let index = 0; index < count; index += atOnce) {
        for (const issued of await Promise.all(Array.from({ length: atOnce }, signIn))) {
          for (const kind of Object.keys(kinds)) kinds[kind]?.push(issued[kind] ?? "");
          tokens.add(issued["token"] ?? "");
        }
      }
      if (rig.path("RECOVER") !== undefined) {
        // A mailbox gets six mails an hour: one for each of many accounts.
        const mailed: string[] = [];
        const recover = async (): Promise<void> => {
          const { email } = await rig.user();
          await rig.client().post(rig.at("RECOVER"), { json: { email }, watch: false });
        };
        for (let index = 0; index < count / 4; index += atOnce) {
          await Promise.all(Array.from({ length: atOnce }, recover));
        }
        for (const { template, text } of await rig.lab.outbox()) {
          const link = /\/reset\/([\w.-]+)/.exec(text)?.[1];
          if (template === "resetInstructions" && link !== undefined) mailed.push(link);
        }
        must(mailed.length >= count / 4, `only ${mailed.length} mails came`);
        kinds["mailed link"] = mailed;
      }
      for (const [kind, values] of Object.entries(kinds)) {
        must(new Set(values).size === values.length, `${kind}: a value came twice`);
        // Positions that never change, or change like a counter, hold no secret: what is left must be 128 bits or more.
        const length = Math.min(...values.map((value) => value.length));
        let free = 0;
        for (let at = 0; at < length; at += 1) {
          const symbols = new Map<string, number>();
          for (const value of values) symbols.set(value[at] ?? "", (symbols.get(value[at] ?? "") ?? 0) + 1);
          const most = Math.max(...symbols.values());
          if (symbols.size > 8 && most < values.length / 4) free += 1;
        }
        must(free * 6 >= 128, `${kind}: only ${free} positions of ${length} vary`);
        for (let at = 0; at < 6; at += 1) {
          const rising = values.every(
            (value, index) => index === 0 || (value[at] ?? "") >= (values[index - 1]?.[at] ?? ""),
          );
          must(!rising, `${kind}: position ${at} only rises`);
        }
      }
      must(tokens.size === count, "an auth token came twice");
    },
  );
});

/** A client's answer to a sign-in that brought an auth token. */
function bearer(rig: Rig, victim: { readonly email: string; readonly password: string }): Promise<Answer> {
  return rig.visitor().then((client) => client.signIn(victim.email, victim.password));
}

function tokenOf(answer: Answer): string {
  const user = answer.response["user"] as Readonly<Record<string, unknown>> | undefined;
  const token = user?.["authentication_token"];
  must(typeof token === "string" && token !== "", `no auth token in ${answer.text}`);
  return token;
}

/** Another character of the same alphabet at this place. */
function flip(value: string, at: number): string {
  const character = value[at] === "A" ? "B" : "A";
  return value.slice(0, at) + character + value.slice(at + 1);
}
