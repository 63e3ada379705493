import type { Answer, Client } from "./client.ts";
import { attacks, each, must, needsSessions, type Rig } from "./suite.ts";

const matt = { email: "matt@lp.com", password: "password" };
const basic = (pair: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(pair).toString("base64")}`,
});

/** A client with matt's credentials, by whatever the profile takes. */
async function asMatt(rig: Rig, email = matt.email): Promise<Client> {
  const client = await rig.visitor();
  const answer = await client.signIn(email);
  const user = answer.response["user"] as Readonly<Record<string, unknown>>;
  client.token = String(user["authentication_token"]);
  return client;
}

const isAccount = (rig: Rig, path: string): boolean =>
  rig.lab.routes.some((route) => route.source !== "application" && route.path === path);

attacks("HDR", { production: true }, (attack) => {
  /** Answers of every sort: pages, JSON, redirects, refusals, errors. */
  async function answersOf(rig: Rig): Promise<readonly Answer[]> {
    const visitor = await rig.visitor();
    const paths = [...new Set(rig.lab.routes.filter(({ path }) => !path.includes(":")).map(({ path }) => path))];
    const answers: Answer[] = [];
    const client = await asMatt(rig);
    for (const page of [true, false]) {
      for (const path of paths) {
        answers.push(await rig.client().get(path, { page }));
        answers.push(await client.get(path, { page }));
        answers.push(await visitor.post(path, page ? { form: {}, page } : { json: {} }));
      }
      answers.push(
        await visitor.post(rig.at("LOGIN"), {
          page,
          csrf: false,
          form: { email: "x", password: "y", csrf_token: visitor.csrf ?? "" },
        }),
      );
      answers.push(await client.get("/no-such-route", { page }));
      answers.push(
        await client.get("/obj/150", { page }),
        await client.get("/obj/abc", { page }),
        await rig.client().get("/http", { page, headers: basic("x:y") }),
      );
    }
    return answers;
  }
  const isPage = (answer: Answer): boolean => (answer.header("content-type") ?? "").startsWith("text/html");
  const nameOf = ({ method, path, status }: Answer): string => `${method} ${path} → ${status}`;

  attack("HDR-01 [ASVS 14.3.2] [ASVS 14.2.2] [ASVS 14.2.5]: what belongs to somebody is not stored", async (rig) => {
    const personal = (await answersOf(rig)).filter(
      (answer) =>
        isAccount(rig, answer.path) ||
        answer.setCookies.length > 0 ||
        [301, 302, 303, 401, 403].includes(answer.status) ||
        /^\/(?:me|profile|session|token|admin|simple|fresh|post_login)/.test(answer.path),
    );
    await each(personal, nameOf, async (answer) => {
      must(
        /\bno-store\b/.test(answer.header("cache-control") ?? ""),
        `Cache-Control: ${answer.header("cache-control")}`,
      );
    });
    await each(
      personal.filter((answer) => isPage(answer) && isAccount(rig, answer.path)),
      nameOf,
      async (answer) => {
        must(/\bcookie\b/i.test(answer.header("vary") ?? ""), `Vary: ${answer.header("vary")}`);
      },
    );
  });

  attack("HDR-03 [ASVS 3.4.6]: no page may be framed", async (rig) => {
    await each((await answersOf(rig)).filter(isPage), nameOf, async (answer) => {
      must(
        /frame-ancestors '(?:none|self)'/.test(answer.header("content-security-policy") ?? ""),
        "no frame-ancestors",
      );
      must(/^(?:DENY|SAMEORIGIN)$/.test(answer.header("x-frame-options") ?? ""), "no X-Frame-Options");
    });
  });

  attack("HDR-04 [ASVS 3.4.3]: the policy of every page", async (rig) => {
    await each((await answersOf(rig)).filter(isPage), nameOf, async (answer) => {
      const policy = answer.header("content-security-policy") ?? "";
      const directive = (name: string): string | undefined => new RegExp(`(?:^|; ?)${name} ([^;]+)`).exec(policy)?.[1];
      must((directive("object-src") ?? directive("default-src")) === "'none'", "object-src");
      must(directive("base-uri") === "'none'", "base-uri");
      must(/^'self'/.test(directive("form-action") ?? ""), "form-action");
      must(!/unsafe-inline|unsafe-eval|\*/.test(policy), `too much is allowed: ${policy}`);
      must(
        !/<script(?![^>]*\bsrc=)|\son\w+="|\sstyle="|<style|javascript:/i.test(answer.text),
        "inline code in the page",
      );
    });
  });

  attack(
    "HDR-05 [ASVS 3.4.4] [ASVS 3.4.5] [ASVS 3.4.8] [ASVS 13.4.6] [ASVS 4.1.1]: the other headers, on errors too",
    async (rig) => {
      await each(
        (await answersOf(rig)).filter((answer) => isAccount(rig, answer.path) || answer.status >= 400),
        nameOf,
        async (answer) => {
          if (answer.text === "") return;
          must(answer.header("content-type") !== undefined, "no Content-Type");
          must(answer.header("x-content-type-options") === "nosniff", "no nosniff");
        },
      );
      await each((await answersOf(rig)).filter(isPage), nameOf, async (answer) => {
        must(/charset=utf-8/i.test(answer.header("content-type") ?? ""), "no charset");
        must(
          /^(?:same-origin|no-referrer|strict-origin)/.test(answer.header("referrer-policy") ?? ""),
          "no Referrer-Policy",
        );
        must(answer.header("cross-origin-opener-policy") === "same-origin", "no COOP");
      });
    },
  );

  attack(
    "HDR-06 [ASVS 3.3.1] [ASVS 3.3.2] [ASVS 3.3.3] [ASVS 3.3.4] [ASVS 3.3.5]: every cookie, when it is set and when it is removed",
    async (rig, context) => {
      needsSessions(rig, context);
      const client = await rig.visitor();
      await client.get("/profile", { page: true });
      const all = (await client.signIn("matt@lp.com", "password", { remember: true })).setCookies;
      // The copy of the CSRF token that scripts read is bound to the session and worth nothing without it.
      const set = all.filter((cookie) => !cookie.startsWith("XSRF-TOKEN="));
      must(set.length >= 2 && set.every((cookie) => cookie.startsWith("__Host-")), `set: ${set.length}`);
      const session = set.find((cookie) => cookie.startsWith("__Host-session="));
      must(session !== undefined && !/max-age|expires/i.test(session), "the session cookie outlives the browser");
      const removed = (await client.post(rig.at("LOGOUT"), { json: {} })).setCookies;
      must(
        removed.some((cookie) => /^__Host-session=;/.test(cookie)) &&
          removed.some((cookie) => /^__Host-remember=;/.test(cookie)),
        "not removed",
      );
      const attributes = (cookie: string): string =>
        cookie
          .split(/; ?/)
          .slice(1)
          .filter((part) => !/^(?:max-age|expires)/i.test(part))
          .sort()
          .join("; ");
      const before = new Map(set.map((cookie) => [cookie.split("=")[0], attributes(cookie)]));
      await each(
        removed.filter((cookie) => /=;/.test(cookie)),
        String,
        async (cookie) => {
          const known = before.get(cookie.split("=")[0]);
          must(
            known === undefined || known === attributes(cookie),
            `set with ${known}, removed with ${attributes(cookie)}`,
          );
        },
      );
    },
  );
});
