import type { Answer } from "./client.ts";
import { challengeOf, type DigestTry, digestGet, digestHeader } from "./digest.ts";
import { rawRequest, releaseTogether } from "./raw.ts";
import { attacks, each, must, type Rig } from "./suite.ts";

const minute = 60;
const stale = (answer: Answer): boolean => /\bstale=true\b/i.test(answer.header("www-authenticate") ?? "");

/** Refused, with a challenge that says no more than any other. */
function refused(answer: Answer): void {
  must(answer.status === 401, `status ${answer.status}`);
  must(!stale(answer), "stale=true for a digest that is not good");
  challengeOf(answer);
  must(answer.setCookies.length === 0, "a cookie is set");
}

attacks("BAS by digest", { settings: { DIGEST: true } }, (attack) => {
  /** Answers a new challenge in this way. */
  const play = async (
    rig: Rig,
    attempt: DigestTry,
    who = { email: "matt@lp.com", password: "password" },
  ): Promise<Answer> => {
    const challenge = challengeOf(await rig.client().get("/digest"));
    const headers = digestHeader(challenge, who.email, who.password, attempt);
    return rig.client().send(attempt.method ?? "GET", attempt.path ?? "/digest", { headers });
  };

  attack(
    "BAS-03 [ASVS 11.4.1] [ASVS 9.2.1]: digests that were sent before, and nonces that are over or not ours",
    async (rig) => {
      const { email, password } = await rig.user();
      const client = rig.client();
      const challenge = challengeOf(await client.get("/digest"));
      must(challenge["algorithm"] === "SHA-256" && challenge["qop"] === "auth", JSON.stringify(challenge));
      const first = digestHeader(challenge, email, password);
      must((await client.get("/digest", { headers: first })).status === 200, "a good digest is refused");
      refused(await client.get("/digest", { headers: first }));
      refused(await rig.client().get("/digest", { headers: first }));
      // The count again with another client nonce; and not before its turn: the next one is good still.
      refused(await client.get("/digest", { headers: digestHeader(challenge, email, password, { nc: "00000001" }) }));
      const second = digestHeader(challenge, email, password, { nc: "00000002" });
      must((await client.get("/digest", { headers: second })).status === 200, "the next count is refused");
      const ahead = digestHeader(challenge, email, password, { nc: "00000900" });
      must((await client.get("/digest", { headers: ahead })).status === 200, "a count ahead is refused");
      refused(await client.get("/digest", { headers: digestHeader(challenge, email, password, { nc: "00000003" }) }));
      const { nonce = "" } = challenge;
      const nonces = [
        nonce.slice(0, -1),
        nonce.replace(/.$/, (last) => (last === "A" ? "B" : "A")),
        nonce.replace(/^[^.]+/, (time) => (Number.parseInt(time, 36) + 3_600_000).toString(36)),
        "",
        "0",
        "x".repeat(43),
        nonce.toLowerCase(),
        `${nonce}x`,
      ].filter((other) => other !== nonce);
      await each(nonces, String, async (other) => {
        // Each is a wrong guess at an account, which has ten.
        const who = await rig.user();
        const headers = digestHeader(challenge, who.email, who.password, { nonce: other, nc: "00000a00" });
        refused(await client.get("/digest", { headers }));
      });
      // Over: only who answers it rightly is told that it was.
      await rig.lab.advance(5 * minute);
      const late = digestHeader(challenge, email, password, { nc: "00000b00" });
      const over = await client.get("/digest", { headers: late });
      must(over.status === 401 && stale(over), `an old nonce: ${over.status}, stale ${stale(over)}`);
      refused(await client.get("/digest", { headers: digestHeader(challenge, email, "wrong", { nc: "00000b01" }) }));
      refused(
        await client.get("/digest", {
          headers: digestHeader(challenge, "nobody@x.test", password, { nc: "00000b02" }),
        }),
      );
      must((await digestGet(rig.client(), email, password)).status === 200, "a new nonce is refused");
    },
  );

  attack("BAS-03 [ADV-H] [ASVS 11.4.1] [ASVS 15.4.2]: thirty times one count at once", async (rig) => {
    const { email, password } = await rig.user();
    const challenge = challengeOf(await rig.client().get("/digest"));
    const { authorization = "" } = digestHeader(challenge, email, password);
    const lines = ["GET /digest HTTP/1.1", "Host: x", `Authorization: ${authorization}`, "Connection: close"];
    const answers = await releaseTogether(
      rig.lab.port,
      Array.from({ length: 30 }, () => rawRequest(lines)),
    );
    const statuses = answers.map((answer) => answer?.status);
    must(statuses.filter((status) => status === 200).length === 1, statuses.join(" "));
    must(
      statuses.every((status) => status === 200 || status === 401 || status === 429),
      statuses.join(" "),
    );
  });

  attack("BAS-03 [ASVS 11.4.1]: weaker, cut down or changed digests", async (rig) => {
    must((await play(rig, {})).status === 200, "a good digest is refused");
    const other = `"${"f".repeat(64)}"`;
    const tries: Readonly<Record<string, DigestTry>> = {
      "no qop": { qop: undefined },
      "qop auth-int": { qop: "auth-int" },
      "qop twice": { tail: ', qop="auth"' },
      "a list of qops": { after: { qop: '"auth,auth-int"' } },
      MD5: { algorithm: "MD5" },
      "MD5 without its name": { algorithm: undefined },
      "MD5 named SHA-256": { algorithm: "MD5", after: { algorithm: "SHA-256" } },
      "SHA-256 named MD5": { after: { algorithm: "MD5" } },
      "SHA-256 without its name": { after: { algorithm: undefined } },
      "MD5-sess": { algorithm: "MD5-sess" },
      "SHA-256-sess": { algorithm: "SHA-256-sess" },
      "SHA-512-256": { algorithm: "SHA-512-256" },
      "an algorithm of no kind": { after: { algorithm: "none" } },
      "another opaque": { after: { opaque: '"x"' } },
      "no opaque": { after: { opaque: undefined } },
      "an empty opaque": { after: { opaque: '""' } },
      "another realm": { realm: "My Realm" },
      "a realm in capitals": { realm: "LOGIN REQUIRED" },
      "another path's digest": { uri: "/admin" },
      "another query's digest": { uri: "/digest?x=1" },
      "a digest without the query": { path: "/digest?x=1", uri: "/digest" },
      "a digest with its origin": { uri: `${rig.lab.origin}/digest` },
      "another method's digest": { after: { response: other } },
      "a response in capitals": { after: { response: `"${"A".repeat(64)}"` } },
      "an empty response": { after: { response: '""' } },
      "no response": { after: { response: undefined } },
      "count zero": { nc: "00000000" },
      "a count of seven digits": { nc: "0000001" },
      "a count of nine digits": { nc: "000000001" },
      "a count that is none": { nc: "zzzzzzzz" },
      "no count": { after: { nc: undefined } },
      "no client nonce": { after: { cnonce: undefined } },
      "an empty client nonce": { cnonce: "" },
      "a user twice": { tail: ', username="joe@lp.com"' },
      "a user by its hash": { after: { userhash: "true" } },
      "a user in the other spelling": { after: { "username*": "UTF-8''matt%40lp.com" } },
      "no user": { after: { username: undefined } },
      "a quote that does not end": { tail: ', x="' },
      "a comma at the end": { tail: "," },
      "a second scheme": { tail: ", Basic bWF0dEBscC5jb206cGFzc3dvcmQ=" },
      "a very long parameter": { tail: `, x="${"a".repeat(5000)}"` },
    };
    await each(
      Object.entries(tries),
      ([name]) => name,
      async ([, attempt]) => {
        // A digest over something that cannot be is a wrong guess: they must not use up what the next one is to be looked at by.
        const victim = await rig.user();
        must((await play(rig, {}, victim)).status === 200, "this account's digest is refused");
        refused(await play(rig, attempt, victim));
      },
    );
    // One made for GET does not do for POST, nor does a page of another site use it: browsers send it along by themselves.
    const challenge = challengeOf(await rig.client().get("/digest"));
    const get = digestHeader(challenge, "matt@lp.com", "password");
    refused(await rig.client().post("/digest", { json: {}, headers: get }));
    const post = digestHeader(challenge, "matt@lp.com", "password", { method: "POST", nc: "00000002" });
    const foreign = await rig.client().post("/digest", { json: {}, headers: { ...post, origin: "https://evil.test" } });
    must(foreign.status === 400 || foreign.status === 403, `a foreign page uses it: ${foreign.status}`);
    const own = digestHeader(challenge, "matt@lp.com", "password", { method: "POST", nc: "00000003" });
    must((await rig.client().post("/digest", { json: {}, headers: own })).status === 200, "a good POST is refused");
  });

  attack("BAS-03 [ASVS 6.3.4] [ASVS 6.3.8]: the account's rules hold, and outsiders learn nothing", async (rig) => {
    const inactive = await rig.user({ active: false });
    const without = await rig.user({ password: null });
    const active = await rig.user();
    const look = ({ status, text, rawHeaders }: Answer): string =>
      JSON.stringify([status, text, rawHeaders.map(([name]) => name).sort()]);
    const wrong = look(await digestGet(rig.client(), active.email, "wrong"));
    const cases: Readonly<Record<string, readonly [user: string, password: string]>> = {
      unknown: ["nobody@x.test", "password"],
      inactive: [inactive.email, inactive.password],
      "without a password": [without.email, ""],
      "the text null": [without.email, "null"],
      "the hash as the password": [active.email, String((await rig.lab.accounts.byEmail(active.email))?.["password"])],
    };
    await each(
      Object.entries(cases),
      ([name]) => name,
      async ([, [user, password]]) => {
        const answer = await digestGet(rig.client(), user, password);
        refused(answer);
        must(look(answer) === wrong, `told from a wrong password: ${look(answer)} and ${wrong}`);
      },
    );
    must((await digestGet(rig.client(), active.email, active.password)).status === 200, "a right digest is refused");
    await rig.lab.control("PATCH", `/users/${active.email}`, { active: false });
    refused(await digestGet(rig.client(), active.email, active.password));
    // Only where it is named, and never as a session.
    for (const path of ["/me", "/token", "/profile", "/admin", "/http"]) {
      const challenge = challengeOf(await rig.client().get("/digest"));
      const answer = await rig
        .client()
        .get(path, { headers: digestHeader(challenge, "matt@lp.com", "password", { path }) });
      must(answer.status === 401, `${path} takes it: ${answer.status}`);
    }
  });
});
