/** Attacks on mailed links: each kind at each place, changed by a character, and at the end of its life. */
import type { Answer, Client } from "./client.ts";
import type { Route } from "./lab.ts";
import { ask, choose, linkOf, notMeLink } from "./mail.ts";
import { rawPost, releaseTogether } from "./raw.ts";
import { attacks, each, must, pairs, type Rig, secret, type Victim } from "./suite.ts";

const life = 3600;
/** All kinds of links live for an hour here. */
const settings = {
  RESET_PASSWORD_WITHIN: life,
  CONFIRM_EMAIL_WITHIN: life,
  LOGIN_WITHIN: life,
  CHANGE_EMAIL_WITHIN: life,
};

/** A link that came by mail, and whose it is. */
interface Mailed {
  readonly victim: Victim;
  /** "/reset/…" */
  readonly link: string;
  /** What uses it up. */
  readonly body: object;
}

/** What the first proof of an address needs in another browser. */
const known = ({ password }: Victim): object => ({ password });

const kinds: Readonly<Record<string, (rig: Rig) => Promise<Mailed>>> = {
  reset: async (rig) => {
    const victim = await rig.user();
    await ask(rig, "RECOVER", victim.email);
    return { victim, link: await linkOf(rig, "resetInstructions", victim.email), body: choose(secret()) };
  },
  confirm: async (rig) => {
    const victim = await rig.user({ confirmed_at: null });
    await ask(rig, "CONFIRM-SEND", victim.email);
    return { victim, link: await linkOf(rig, "confirmation", victim.email), body: known(victim) };
  },
  "sign-in": async (rig) => {
    const victim = await rig.user();
    await ask(rig, "PWLESS-SEND", victim.email);
    return { victim, link: await linkOf(rig, "signInLink", victim.email), body: {} };
  },
  "change of e-mail": async (rig) => {
    const victim = await rig.user();
    const client = await rig.signedIn(victim);
    const email = `new-${victim.email}`;
    await client.post(rig.at("CHANGE-EMAIL"), { json: { email }, watch: false });
    rig.lab.created.add(email);
    return { victim, link: await linkOf(rig, "changeEmailInstructions", email), body: known(victim) };
  },
};

/** The kinds of the features that every such lab has, and those of `full` alone. */
function kindsOf(rig: Rig): Readonly<Record<string, (rig: Rig) => Promise<Mailed>>> {
  const has = (path: RegExp): boolean => rig.lab.routes.some((route: Route) => path.test(route.path));
  return {
    ...kinds,
    ...(has(/\/delete-account\/:token$/)
      ? {
          "deletion of an account": async () => {
            // Somebody without a password proves by mail that they want it.
            const victim = await rig.user();
            const client = await rig.signedIn(victim);
            await rig.lab.control("PATCH", `/users/${victim.email}`, { password: null });
            await client.post("/delete-account", { json: {}, watch: false });
            return { victim, link: await linkOf(rig, "deleteAccountInstructions", victim.email), body: {} };
          },
          "keeping an account": async () => {
            const victim = await rig.user();
            const client = await rig.signedIn(victim);
            await client.post("/delete-account", { json: { password: victim.password }, watch: false });
            return { victim, link: await linkOf(rig, "accountDeletion", victim.email), body: {} };
          },
        }
      : {}),
    ...(has(/\/not-me\/:token$/)
      ? {
          "disowning a sign-in": async () => {
            const victim = await rig.user();
            return { victim, link: await notMeLink(rig, victim), body: {} };
          },
        }
      : {}),
  };
}

const tokenIn = (link: string): string => link.slice(link.lastIndexOf("/") + 1);
const use = (rig: Rig, link: string, body: object): Promise<Answer> =>
  rig.client().post(link, { json: body, watch: false });

attacks("TOK of links", { profiles: ["full", "spa"], short: "full:sqlite", settings }, (attack) => {
  attack("TOK-03 [ADV-D] [ASVS 6.4.1] [ASVS 9.2.2]: a mailed link is good at its own place alone", async (rig) => {
    const places = [
      ...new Set(
        rig.lab.routes
          .filter(({ method, path, source }) => method === "POST" && source !== "application" && /\/:token$/.test(path))
          .map(({ path }) => path.replace(/\/:token$/, "")),
      ),
    ];
    must(places.length >= 4, `only ${places.join(", ")}`);
    const body = { ...choose(secret()), email: "matt@lp.com" };
    // A page keeps the secret of an opened link in a cookie that is named after the link.
    const jars: string[] = [];
    for (const make of Object.values(kindsOf(rig))) {
      const opened = rig.client();
      await opened.get((await make(rig)).link, { page: true });
      jars.push(...opened.cookies.keys());
    }
    must(new Set(jars).size >= 4, `the cookies of opened links: ${jars.join(", ")}`);
    await each(
      Object.entries(kindsOf(rig)),
      ([kind]) => kind,
      async ([, make]) => {
        const { victim, link, body: own } = await make(rig);
        const token = tokenIn(link);
        const home = link.slice(0, link.lastIndexOf("/"));
        for (const place of places.filter((other) => other !== home)) {
          const answer = await rig.client().post(`${place}/${token}`, { json: body });
          must(answer.status === 400, `${place} takes it: ${answer.status}`);
          const own = `link-${token.split(".")[0]}`;
          const cookies = [...jars, own].map((name) => `${name}=${token.split(".")[1]}`).join("; ");
          const open = `${place}/open-${token.split(".")[0]}`;
          const page = await rig.client().get(open, { page: true, cookies });
          must(page.status !== 200 || !page.text.includes(victim.email), `${open} shows whose it is`);
          const posted = await rig.client().post(open, { json: body, cookies });
          must(posted.status === 400, `${open} takes it: ${posted.status}`);
        }
        const cookies = ["session", "remember", "refresh", "pending", "csrf"]
          .map((name) => `${name}=${token}`)
          .join("; ");
        const openers = [
          { headers: { "authentication-token": token } },
          { headers: { authorization: `Bearer ${token}` } },
          { headers: { authorization: `Basic ${Buffer.from(`${victim.email}:${token}`).toString("base64")}` } },
          { cookies },
        ];
        for (const attempt of openers) {
          for (const path of ["/me", "/token", "/http"]) {
            const answer = await rig.client().get(path, attempt);
            must(answer.status === 401, `${path} takes it: ${answer.status}`);
          }
        }
        const refresh = await rig.client().post(rig.at("REFRESH"), { json: { refresh_token: token }, cookies });
        must(refresh.status === 400, `REFRESH takes it: ${refresh.status}`);
        const password = await rig.client().post(rig.at("LOGIN"), { json: { email: victim.email, password: token } });
        must(password.status === 400, `LOGIN takes it: ${password.status}`);
        must((await use(rig, link, own)).status === 200, "it does not work where it belongs");
      },
    );
    // And nothing else that was issued is a link.
    const client = await rig.signedIn(undefined, { remember: true });
    const values = [...client.cookies.values(), client.csrf ?? ""].filter((value) => value !== "");
    await each(
      pairs(places, values),
      ([place, value]) => `${place} ${value.slice(0, 12)}`,
      async ([place, value]) => {
        const answer = await rig.client().post(`${place}/${encodeURIComponent(value)}`, { json: body });
        must(answer.status === 400 || answer.status === 404, `status ${answer.status}`);
      },
    );
  });

  attack("TOK-04 [ADV-D] [ASVS 6.4.1] [ASVS 11.5.1]: a mailed link is the exact text or nothing", async (rig) => {
    await each(
      Object.entries(kindsOf(rig)),
      ([kind]) => kind,
      async ([, make]) => {
        const { link, body } = await make(rig);
        const token = tokenIn(link);
        const home = link.slice(0, link.lastIndexOf("/"));
        const other = tokenIn((await make(rig)).link);
        const half = Math.floor(token.length / 2);
        const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        const variants = [
          ...Array.from(token, (letter, at) => token.slice(0, at) + (letter === "A" ? "B" : "A") + token.slice(at + 1)),
          // Base64 whose last bits are not used decodes to the same bytes.
          ...[1, 2, 3].map((step) => {
            const last = alphabet.indexOf(token.at(-1) ?? "A");
            return token.slice(0, -1) + (alphabet[(last + step) % 64] ?? "A");
          }),
          ...[1, 2, half].map((cut) => token.slice(0, -cut)),
          ...["A", "=", "==", "%00", "%20", "%0a", ".", "/", "%2f", "?", ";x", ".json"].map((end) => token + end),
          ...[token.slice(1), `%20${token}`, `.${token}`, token.toLowerCase(), token.toUpperCase()],
          ...[token.slice(0, half) + other.slice(half), other.slice(0, half) + token.slice(half)],
          ...[Buffer.from(token).toString("base64url"), Buffer.from(token, "base64url").toString("hex")],
          ...["", "null", "undefined", "0", "open", "__proto__", "*", "%", "%25", "x".repeat(5000)],
        ].filter((variant) => variant !== token && variant !== `${token}?`);
        await each(
          [...new Set(variants)],
          (variant) => variant.slice(0, 60),
          async (variant) => {
            const answer = await rig.client().post(`${home}/${variant}`, { json: body });
            must(answer.status === 400 || answer.status === 404 || answer.status === 405, `status ${answer.status}`);
          },
        );
        must((await use(rig, link, body)).status === 200, "the link itself is refused");
      },
    );
  });

  attack(
    "TOK-05 [ASVS 6.4.1]: a mailed link works to the end of its life, and then is as good as a wrong one",
    async (rig) => {
      await each(
        Object.entries(kinds),
        ([kind]) => kind,
        async ([, make]) => {
          const early = await make(rig);
          // The server's own seconds go on meanwhile.
          await rig.lab.advance(life - 30);
          must((await use(rig, early.link, early.body)).status === 200, "it ends too early");
          const late = await make(rig);
          await rig.lab.advance(life + 1);
          const answer = await rig.client().post(late.link, { json: late.body });
          const home = late.link.slice(0, late.link.lastIndexOf("/"));
          const wrong = await rig
            .client()
            .post(`${home}/${"x".repeat(tokenIn(late.link).length)}`, { json: late.body });
          must(answer.status === 400 && wrong.status === 400, `over: ${answer.status}, wrong: ${wrong.status}`);
          must(answer.text === wrong.text, `told apart: ${answer.text} and ${wrong.text}`);
          const pages = [late.link, `${home}/${"x".repeat(tokenIn(late.link).length)}`].map((path) =>
            rig.client().get(path, { page: true }),
          );
          const [over, never] = await Promise.all(pages);
          must(over?.status === never?.status && over?.location === never?.location, "their pages are told apart");
        },
      );
    },
  );
});

/** A page as a tab shows it: where its form goes, and what is hidden in it. */
interface Tab {
  readonly action: string;
  readonly hidden: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Opens a link as a browser does, redirects and all. */
async function tabOf(browser: Client, link: string): Promise<Tab> {
  let answer = await browser.get(link, { page: true });
  for (let hops = 0; answer.status === 302 && hops < 5; hops += 1) {
    answer = await browser.get(answer.location ?? "", { page: true });
  }
  must(answer.status === 200, `the page of the link: ${answer.status}`);
  const home = link.slice(0, link.lastIndexOf("/"));
  const form = answer.text.split("<form ").find((one) => one.includes(`action="${home}`)) ?? "";
  const inputs = form.slice(0, form.indexOf("</form>")).matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g);
  return {
    action: /action="([^"]+)"/.exec(form)?.[1]?.replaceAll("&amp;", "&") ?? "",
    hidden: Object.fromEntries([...inputs].map(([, name = "", value = ""]) => [name, value])),
    text: answer.text,
  };
}

const sendTab = (browser: Client, { action, hidden }: Tab, body: object): Promise<Answer> =>
  browser.post(action, { form: { ...hidden, ...body }, page: true, csrf: false, watch: false });

/** Whether a link still waits to be used. */
const waits = async (rig: Rig, { link }: Mailed): Promise<boolean> => (await rig.client().get(link)).status === 200;

attacks("links in a browser", { profiles: ["full"], short: "full:sqlite", settings }, (attack) => {
  attack(
    "ADV-F [ASVS 6.4.1] [ASVS 7.2.4]: the form of a link's page is for the account that the page names",
    async (rig) => {
      await each(
        pairs(Object.entries(kindsOf(rig)), ["the older tab", "the newer tab"]),
        ([[kind], first]) => `${kind}, ${first} first`,
        async ([[, make], first]) => {
          const links = [await make(rig), await make(rig)] as const;
          const browser = rig.client();
          const tabs = [await tabOf(browser, links[0].link), await tabOf(browser, links[1].link)] as const;
          const [here, there] = first === "the older tab" ? ([0, 1] as const) : ([1, 0] as const);
          must(tabs[here].text.includes(links[here].victim.email), "the page does not say whose it is");
          const other = await rig.lab.accounts.byEmail(links[there].victim.email);
          await sendTab(browser, tabs[here], links[here].body);
          must(!(await waits(rig, links[here])), "the form does not do what its page says");
          must(await waits(rig, links[there]), "the other account's link was used");
          const after = await rig.lab.accounts.byEmail(links[there].victim.email);
          must(JSON.stringify(after) === JSON.stringify(other), "the other account was changed");
          const me = await browser.get("/me");
          must(me.json["email"] !== links[there].victim.email, "it signed in the other account");
        },
      );
    },
  );

  attack("ADV-F [ASVS 6.4.1] [ASVS 3.5.1]: the page of a link is worth nothing in another browser", async (rig) => {
    await each(
      Object.entries(kindsOf(rig)),
      ([kind]) => kind,
      async ([, make]) => {
        const mine = await make(rig);
        const opened = rig.client();
        const tab = await tabOf(opened, mine.link);
        // A stranger's page that the victim's browser sends, and one whose browser has a link of its own open.
        const own = await make(rig);
        const prepared = rig.client();
        const theirs = await tabOf(prepared, own.link);
        for (const browser of [await rig.visitor(), await rig.signedIn(), prepared]) {
          const before = await rig.lab.accounts.byEmail(mine.victim.email);
          const hidden = { ...tab.hidden, csrf_token: browser.csrf ?? "" };
          for (const form of [tab, { ...tab, hidden }, { ...theirs, action: tab.action }]) {
            await sendTab(browser, form, mine.body);
          }
          const json = await browser.post(tab.action, { json: mine.body, watch: false });
          must(json.status !== 200 || tab.action === theirs.action, `as JSON: ${json.status}`);
          must(await waits(rig, mine), "the link was used by another browser");
          const after = await rig.lab.accounts.byEmail(mine.victim.email);
          must(JSON.stringify(after) === JSON.stringify(before), "the account was changed");
          must((await browser.get("/me")).json["email"] !== mine.victim.email, "it signed in");
        }
        await sendTab(opened, tab, mine.body);
        must(!(await waits(rig, mine)), "it does not work in its own browser");
      },
    );
  });
});

attacks("links at once", { profiles: ["full"], short: "full:sqlite,full:postgres", settings }, (attack) => {
  attack("ADV-H [ASVS 15.4.2] [ASVS 2.3.4]: thirty uses of one link at once are one", async (rig) => {
    await each(
      Object.entries(kindsOf(rig)),
      ([kind]) => kind,
      async ([, make]) => {
        const { link, body } = await make(rig);
        const text = JSON.stringify(body);
        const requests = Array.from({ length: 30 }, () => rawPost(rig.lab.port, link, "application/json", text));
        const answers = await releaseTogether(rig.lab.port, requests);
        const seen = answers.map((answer) => answer?.status ?? 0);
        must(seen.filter((status) => status === 200).length === 1, `answered ${seen.join(" ")}`);
        // Where a password is asked for as well, guesses have a budget, and a server that is too busy to hash says so.
        must(
          seen.every((status) => [200, 400, 429, 503].includes(status)),
          `answered ${seen.join(" ")}`,
        );
        const sessions = answers.filter((answer) => answer?.setCookies.some((one) => /^session=[^;]/.test(one)));
        must(sessions.length <= 1, `${sessions.length} sessions of one link`);
      },
    );
  });
});
