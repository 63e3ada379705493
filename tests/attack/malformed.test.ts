/** Text that no endpoint can mean: in every field, header, cookie and path, and what the audit trail makes of it. */
import type { Answer, Attempt, Client } from "./client.ts";
import { idOf } from "./holdings.ts";
import { attacks, each, long, must } from "./suite.ts";

/** In a field: what each database, mail or log would stumble over. */
const texts: readonly string[] = [
  "\u0000",
  "heron\u0000@lp.com",
  "matt\u0000@lp.com",
  "matt@lp.com\u0000.evil.example",
  "matt\uff20lp.com",
  "matt\ufe6blp.com",
  "matt@lp\u3002com",
  "\ud800",
  "\udc00heron@lp.com",
  "\uffff\ufffe",
  "\ufeffmatt@lp.com",
  "\u202ematt@lp.com",
  "\u001b[31m",
  "%00",
  "\\u0000",
  "{}",
  "__proto__",
  "9".repeat(400),
  "x".repeat(9_000),
  "\u0300".repeat(2_000),
  "\ufdfa".repeat(500),
];
/** One of each sort. */
const short = [
  "\u0000",
  "matt\u0000@lp.com",
  "matt\uff20lp.com",
  "\ud800",
  "\u001b[31m",
  "9".repeat(400),
  "\u0300".repeat(2_000),
];

/** Headers as they come over the wire: bytes, since a header is no text. */
const values: readonly string[] = [
  "",
  " ",
  ",",
  ";;;=",
  "=",
  "\u00ff\u00fe",
  "\u00c0\u0080",
  "%00",
  "\u0080\u009b",
  '"',
  "Bearer",
  "Basic \u00ff",
  "Basic AAAA",
  `Basic ${Buffer.from("\u0000:\u0000").toString("base64")}`,
  `Basic ${Buffer.from("matt\u0000@lp.com:password").toString("base64")}`,
  `Basic ${Buffer.from("matt\uff20lp.com:password").toString("base64")}`,
  "Digest username=\u00ff",
  "x".repeat(5_000),
  "-1",
  "9".repeat(400),
  "a, b, c;q=9",
  "%%%",
];
const headers: readonly string[] = [
  ...["authorization", "authentication-token", "x-api-key", "x-csrf-token", "cookie", "origin", "referer"],
  ...["user-agent", "accept", "accept-language", "content-type", "x-forwarded-for", "forwarded", "range"],
  ...["if-none-match", "sec-fetch-site", "x-depth", "content-encoding", "x-request-id"],
];

/** Below 500 whatever is sent (oracle O1 of every answer), and nobody is let in. */
function harmless(answer: Answer): void {
  must(answer.status < 500, `status ${answer.status}`);
  must(!answer.setCookies.some((cookie) => /session=[^;]/.test(cookie)), "it signed in");
}

const options = { profiles: ["full"], short: "full:sqlite,full:postgres", settings: { DIGEST: true } } as const;

attacks("malformed", options, (attack) => {
  attack("ADV-L [ASVS 2.2.1] [ASVS 1.1.1] [ASVS 16.5.1]: every field of every endpoint", async (rig) => {
    const admin = await rig.signedIn(await rig.user({ roles: ["admin"] }));
    const someone = await idOf(rig, await rig.user());
    const endpoints = rig.lab.routes.filter(
      ({ method, source, parameters }) => method !== "GET" && source !== "application" && parameters.length > 0,
    );
    must(endpoints.length > 25, `only ${endpoints.length} endpoints`);
    const used = long ? texts : short;
    await each(
      endpoints,
      ({ method, path }) => `${method} ${path}`,
      async ({ method, path, parameters, open, guard }) => {
        const at = path.replace(":id", String(someone)).replace(":role", "author").replace(/:\w+/g, "A".repeat(43));
        const nameOf = (parameter: string): string => /^[\w-]+/.exec(parameter)?.[0] ?? "";
        const names = parameters.map(nameOf);
        const needed = parameters.filter((one) => !one.includes("?:")).map(nameOf);
        const guest = open !== undefined || guard === "not signed in";
        const client: Client = guest ? await rig.visitor() : admin;
        for (const name of names) {
          for (const [index, text] of used.entries()) {
            // What may be left out is: nothing else is wrong with the rest.
            const others = Object.fromEntries(needed.map((other) => [other, fill(other)]));
            const fields = { ...others, [name]: text };
            const both: readonly Attempt[] = [{ json: fields }, { form: fields }];
            // The short form sends each text by one of them.
            for (const attempt of long ? both : [both[(index + name.length) % 2] ?? {}]) {
              const answer = await client.send(method, at, { ...attempt, page: "form" in attempt, watch: false });
              must(answer.status < 500, `${name}=${JSON.stringify(text.slice(0, 20))}: ${answer.status}`);
              if (guest) harmless(answer);
            }
          }
        }
      },
    );
    const rows = JSON.stringify(await rig.lab.accounts.all());
    must(!/\\u0000|\\u001b|\\ud800|\ufffd/.test(rows), "it is stored");
  });

  attack("ADV-L [ASVS 16.4.1] [ASVS 16.3.1]: the trail tells of it, whatever it was", async (rig) => {
    const last = Number((await rig.lab.accounts.trail()).at(-1)?.["sequence"] ?? 0);
    const agents = ["\u0080\u009b\u00ff", "x".repeat(5_000), "\u00c0\u0080", "%00", '"', "\u00ed\u00a0\u0080"];
    const refused = ["a\u0000b@lp.com", "\ud800@lp.com", `${"\u0300".repeat(500)}@lp.com`, "a\u001b[0m@lp.com"];
    const client = rig.client();
    for (const [index, agent] of agents.entries()) {
      for (const email of [`unknown-${index}@lp.com`, ...refused]) {
        const attempt = { headers: { "user-agent": agent }, watch: false };
        await client.post(rig.at("LOGIN"), { ...attempt, json: { email, password: "a wrong guess" } });
        const authorization = `Basic ${Buffer.from(`${email}:a wrong guess`).toString("base64")}`;
        await client.get(rig.at("BASIC"), { ...attempt, headers: { ...attempt.headers, authorization } });
      }
    }
    // What comes behind it is in the trail as well: nothing of this has stopped it.
    const marker = await rig.user();
    await rig.client().post(rig.at("LOGIN"), { json: { ...marker, password: "a wrong guess" }, watch: false });
    // A fault that is ordered waits for what the trail has still to store.
    await rig.lab.fault("hash", 0);
    const rows = (await rig.lab.accounts.trail()).filter((row) => Number(row["sequence"]) > last);
    const id = String(await idOf(rig, marker));
    must(
      rows.some((row) => Object.values(row).map(String).includes(id)),
      "the trail has stopped",
    );
    const told = rows.filter((row) => row["name"] === "unknownIdentity");
    must(told.length >= 2 * agents.length, `only ${told.length} of ${2 * agents.length} failures are told of`);
    const text = rows.flatMap((row) => Object.values(row).map(String)).join("");
    must(!/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text), "the trail holds what cannot be shown");
    must(!/could not be stored|can't be written/.test(await rig.lab.log()), "entries were lost");
  });
});

// Headers, cookies and paths reach no database before they are read; what the trail keeps of them is above.
attacks("malformed headers", { ...options, short: "full:sqlite" }, (attack) => {
  attack("ADV-L [ASVS 2.2.1] [ASVS 4.1.1]: every header, cookie and path", async (rig) => {
    const paths = ["/me", rig.at("BASIC"), "/profile", ...(long ? ["/keyed", "/digest"] : [])];
    const used = long ? values : values.filter((_, index) => index % 2 === 1);
    await each(
      headers,
      (name) => name,
      async (name) => {
        const client = rig.client();
        for (const value of used) {
          const sent = { headers: { [name]: value }, watch: false, keep: false } as const;
          for (const path of paths) {
            const answer = await client.get(path, { ...sent, page: path === "/profile" });
            harmless(answer);
            must(answer.status !== 200, `${JSON.stringify(value.slice(0, 40))} opens ${path}`);
          }
          const json = { email: "nobody-at-all@lp.com", password: "a wrong guess" };
          harmless(await client.post(rig.at("LOGIN"), { json, ...sent }));
        }
      },
    );
    const names = ["session", "remember", "csrf", "flash", "pending", "impersonator", "link-reset", "refresh", "theme"];
    await each(
      names,
      (name) => `cookie ${name}`,
      async (name) => {
        const client = rig.client();
        for (const value of [
          "",
          "\u00ff",
          "%",
          "%00",
          "%ff",
          "a.b.c",
          ".",
          "..",
          "{}",
          '"',
          "=",
          "x".repeat(5_000),
          "A".repeat(43),
          "__proto__",
        ]) {
          for (const path of ["/me", rig.at("LOGIN")]) {
            for (const page of [true, false]) {
              const cookies = `${name}=${value}; ${name}=${value}`;
              harmless(await client.get(path, { cookies, page, watch: false, keep: false }));
            }
          }
        }
      },
    );
    const clients = [rig.client(), await rig.signedIn(await rig.user({ roles: ["admin"] }))];
    const places = rig.lab.routes.filter(({ method, path }) => method === "GET" && path.includes(":"));
    await each(
      places,
      ({ path }) => path,
      async ({ path }) => {
        for (const value of [
          "%00",
          "%ff",
          "%zz",
          "%",
          "%ed%a0%80",
          "%c0%ae",

          "%ef%bc%a0",
          "9".repeat(400),
          "x".repeat(4_000),
        ]) {
          const at = path.replace(/:\w+(?:\{\w+\})?/g, value);
          for (const client of clients) {
            const answer = await client.get(at, { page: true, watch: false, keep: false });
            must(answer.status < 500 && answer.status !== 200, `${value.slice(0, 12)}: ${answer.status}`);
          }
        }
      },
    );
  });
});

function fill(name: string): string {
  if (name === "email") return "nobody-at-all@lp.com";
  return /password/.test(name) ? "a wrong guess" : "heron";
}
