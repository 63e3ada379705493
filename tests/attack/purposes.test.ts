/** Everything that is issued, at every place that takes any of it; and keys of two issuers that have one name. */
import { createServer, type Server } from "node:http";
import { afterAll } from "vitest";
import { holdingsOf, type Kind } from "./holdings.ts";
import { claimsOf, publicJwk, type SigningKey, signingKey, token } from "./jose.ts";
import { bearer, hour, issued, minute, now, opens } from "./jwt-system.ts";
import { attacks, each, must, pairs, type Rig, type Victim } from "./suite.ts";

/** A place that takes a secret: whether this one opened anything there. */
type Place = (value: string) => Promise<boolean>;

function placesOf(rig: Rig, victim: Victim, homes: readonly string[]): Readonly<Record<string, Place>> {
  const opens = async (path: string, headers: Readonly<Record<string, string>>): Promise<boolean> => {
    const answer = await rig.client().get(path, { headers });
    return answer.status === 200;
  };
  const cookie =
    (name: string): Place =>
    (value) =>
      opens("/me", { cookie: `${name}=${value}` });
  const basic = (user: string, password: string): string =>
    `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  return {
    "cookie session": cookie("session"),
    "cookie remember": cookie("remember"),
    "cookie impersonator": cookie("impersonator"),
    "cookie pending": cookie("pending"),
    "cookie refresh": cookie("refresh"),
    "cookie token": cookie("token"),
    header: (value) => opens("/me", { "authentication-token": value }),
    bearer: (value) => opens("/me", { authorization: `Bearer ${value}` }),
    "bearer as a key": (value) => opens(rig.at("KEYED"), { authorization: `Bearer ${value}` }),
    "X-API-Key": (value) => opens(rig.at("KEYED"), { "x-api-key": value }),
    "Basic password": (value) => opens(rig.at("BASIC"), { authorization: basic(victim.email, value) }),
    "Basic pair": (value) => opens(rig.at("BASIC"), { authorization: `Basic ${value}` }),
    refresh: async (value) =>
      (await rig.client().post(rig.at("REFRESH"), { json: { refresh_token: value } })).status === 200,
    password: async (value) =>
      (await rig.client().post(rig.at("LOGIN"), { json: { email: victim.email, password: value }, watch: false }))
        .status === 200,
    "CSRF token": async (value) => {
      const other = await rig.signedIn(victim);
      return (await other.post("/json_auth", { json: {}, csrf: value })).status === 200;
    },
    ...Object.fromEntries(
      homes.map((home): [string, Place] => [
        `link ${home}`,
        async (value) => (await rig.client().get(`${home}/${encodeURIComponent(value)}`)).status === 200,
      ]),
    ),
  };
}

/** Where each kind belongs. The cookie `impersonator` counts beside the session alone that it was kept for. */
const own: Readonly<Record<string, readonly string[]>> = {
  session: ["cookie session"],
  remember: ["cookie remember"],
  "auth token": ["header"],
  "refresh token": ["refresh"],
  "API key": ["bearer as a key", "X-API-Key"],
  "password by Basic": ["Basic password", "password"],
  "reset link": ["link /reset"],
  "sign-in link": ["link /login"],
  "change of e-mail": ["link /change-email"],
  "acting as the user": ["cookie session"],
} satisfies Record<Kind, readonly string[]>;

attacks(
  "purposes",
  { profiles: ["full"], short: "full:sqlite,full:postgres", settings: { REFRESH_TOKEN_COOKIE_NAME: null } },
  (attack) => {
    attack(
      "ADV-D [ASVS 9.2.2] [ASVS 7.2.1]: what is issued for one purpose serves no other, and only as a whole",
      async (rig) => {
        const victim = await rig.user();
        const { held, browser, keyId } = await holdingsOf(rig, victim);
        const homes = [
          ...new Set(
            rig.lab.routes
              .filter(({ path, source }) => source !== "application" && /\/:token$/.test(path))
              .map(({ path }) => path.replace(/\/:token$/, "")),
          ),
        ];
        const places = placesOf(rig, victim, homes);
        must(
          homes.length >= 6 &&
            Object.values(own)
              .flat()
              .every((place) => place in places),
          homes.join(", "),
        );
        const listed = JSON.stringify((await browser.get(rig.at("SESSIONS"))).json);
        const row = await rig.lab.accounts.byEmail(victim.email);
        const values: Record<string, string> = {
          ...Object.fromEntries(Object.entries(held).map(([kind, { value }]) => [kind, value])),
          "CSRF token of another session": browser.csrf ?? "",
          "id of a session": /"id":"([^"]+)"/.exec(listed)?.[1] ?? "",
          "id of an API key": keyId,
          "identifier of the account": String(row?.["fs_uniquifier"]),
        };
        for (const [kind, value] of Object.entries(values)) must(value.length > 8, `there is no ${kind}`);
        // Those that take a password come last: guesses have a budget, and what they wait for is too long for a token.
        const guessed = (place: string): boolean => /assword/.test(place);
        const ordered = Object.entries(places).sort(([a], [b]) => Number(guessed(a)) - Number(guessed(b)));
        await each(
          pairs(ordered, Object.entries(values)),
          ([[place], [kind]]) => `${kind} as ${place}`,
          async ([[place, take], [kind, value]]) => {
            if (guessed(place)) await rig.lab.advance(2 * minute);
            const right = own[kind]?.includes(place) === true;
            const opened = await take(value);
            must(opened === right, opened ? "is taken" : "is refused where it belongs");
            if (!right) return;
            const parts = [value.slice(0, -1), value.slice(1), value.slice(0, value.length / 2), `${value}A`];
            for (const part of [...parts, ...value.split(/[._]/)].filter((one) => one !== value && one.length > 7)) {
              must(!(await take(part)), `is taken as ${part.length} of ${value.length} characters`);
            }
          },
        );
      },
    );
  },
);

/** Two issuers that name their keys alike, and one whose keys are published where it says. */
const first = signingKey("RS256", "k1");
const second = signingKey("RS256", "k1");
const remote = signingKey("RS256", "k1");
const asked: string[] = [];
let answering: "keys" | "redirect" = "redirect";

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

const sink = await listening(
  createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys: [publicJwk(remote)] }));
  }),
);
let fetched = 0;
const published = await listening(
  createServer((_request, response) => {
    fetched += 1;
    if (answering === "redirect") response.writeHead(302, { location: `${sink}/keys` }).end();
    else response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [publicJwk(remote)] }));
  }),
);

const issuers: Readonly<Record<string, SigningKey>> = {
  "https://first.example": first,
  "https://second.example": second,
  "https://remote.example": remote,
};
const settings = {
  TOKENS: {
    type: "jwt",
    issuers: Object.entries(issuers).map(([issuer, key]) => ({
      issuer,
      audience: "the lab",
      algorithms: ["RS256"],
      jwks: key === remote ? `${published}/keys` : { keys: [publicJwk(key)] },
    })),
  },
};

attacks("issuers", { settings, short: "default:sqlite,default:postgres" }, (attack) => {
  const claims = async (rig: Rig, iss: string, { email }: Victim): Promise<Readonly<Record<string, unknown>>> => {
    const at = await now(rig);
    return { iss, aud: "the lab", sub: "1", email, email_verified: true, iat: at, exp: at + 10 * minute };
  };

  attack(
    "ADV-N [ASVS 1.3.6] [ASVS 9.1.3] [ASVS 13.2.4]: keys come from the configured address alone, wherever that or a token points",
    async (rig) => {
      answering = "redirect";
      const before = fetched;
      const victim = await rig.user({ roles: ["admin"] });
      const good = await claims(rig, "https://remote.example", victim);
      // The issuer's answer leads elsewhere: it is not followed, and what is signed with what lies there is not taken.
      const led = await rig.client().get("/me", { headers: bearer(token(remote, good)), expected: [503] });
      must(led.status === 401 || led.status === 503, `a redirect is followed: ${led.status}`);
      must(fetched > before, "the configured address was never asked");
      await rig.lab.advance(hour);
      answering = "keys";
      const later = await claims(rig, "https://remote.example", victim);
      must((await opens(rig, token(remote, later))) === 200, "a good token is refused");
      const count = fetched;
      const targets = [
        sink,
        `${sink}/.well-known/openid-configuration`,
        rig.lab.origin,
        "http://169.254.169.254/",
        "file:///etc/passwd",
      ];
      const names = ["jku", "x5u", "iss", "jwks_uri", "kid", "sub", "azp", "target_link_uri", "request_uri", "aud"];
      await each(
        pairs(names, targets),
        ([name, target]) => `${name} ${target}`,
        async ([name, target]) => {
          for (const key of [remote, first]) {
            const header = token(key, later, { [name]: target });
            const payload = token(key, { ...later, [name]: target });
            for (const text of [header, payload]) await rig.client().get("/me", { headers: bearer(text) });
          }
        },
      );
      // As any field of any endpoint, and as where a request says that it comes from.
      const endpoints = rig.lab.routes.filter(
        ({ method, source, path }) => method === "POST" && source !== "application" && !path.includes(":"),
      );
      await each(
        endpoints,
        ({ path }) => path,
        async ({ path, parameters }) => {
          const client = await rig.visitor();
          const own = parameters.map((one) => /^[\w-]+/.exec(one)?.[0] ?? "");
          const all = [
            ...own,
            "webhook",
            "callback",
            "callback_url",
            "redirect_uri",
            "picture",
            "avatar",
            "metadata_url",
            "issuer",
          ];
          const json = Object.fromEntries(all.map((field) => [field, `${sink}/${field}`]));
          const headers = {
            referer: `${sink}/referer`,
            "x-forwarded-host": new URL(sink).host,
            link: `<${sink}/link>`,
          };
          await client.post(path, { json, headers, watch: false });
          await client.post(path, { form: json, headers, page: true, watch: false });
        },
      );
      must(asked.length === 0, `the server fetched ${asked.join(", ")}`);
      // Whatever tokens come up with: the issuer is not asked for each of them.
      must(fetched - count <= 2, `the issuer was asked ${fetched - count} times`);
    },
  );

  attack(
    "ADV-D [ASVS 9.2.3] [ASVS 9.2.4] [ASVS 9.1.3]: an issuer's key is good for its own tokens alone, whatever its name",
    async (rig) => {
      answering = "keys";
      const victim = await rig.user({ roles: ["admin"] });
      const ours = claimsOf(await issued(rig, victim));
      const entries = [...Object.entries(issuers), ["ours", undefined] as const];
      // Cold and warm, in both orders: no cache of keys is shared.
      for (let round = 0; round < 2; round += 1) {
        await each(
          pairs(entries, Object.entries(issuers)),
          ([[iss], [signer]]) => `a token of ${iss} by the key of ${signer}`,
          async ([[iss], [signer, key]]) => {
            const payload = iss === "ours" ? ours : await claims(rig, iss, victim);
            const status = await opens(rig, token(key, payload));
            must(status === (iss === signer ? 200 : 401), `status ${status}`);
          },
        );
      }
      // A claim that is absent is no claim that is right.
      const needed = ["iss", "aud", "exp", "email", "email_verified"];
      await each(
        pairs(Object.entries(issuers), needed),
        ([[iss], name]) => `${iss} without ${name}`,
        async ([[iss, key], name]) => {
          const { [name]: _absent, ...rest } = await claims(rig, iss, victim);
          must((await opens(rig, token(key, rest))) === 401, "is taken");
        },
      );
    },
  );
});
