import type { Answer } from "./client.ts";
import { rawPost, releaseTogether } from "./raw.ts";
import { attacks, each, must, type Rig, type Victim } from "./suite.ts";

interface Pair {
  readonly auth: string;
  readonly refresh: string;
}

const grace = 30;

function pairOf(answer: Answer): Pair {
  const user = (answer.response["user"] ?? {}) as Readonly<Record<string, unknown>>;
  const pair = { auth: String(user["authentication_token"] ?? ""), refresh: String(user["refresh_token"] ?? "") };
  must(answer.status === 200 && pair.auth !== "" && pair.refresh !== "", `no pair: ${answer.status} ${answer.text}`);
  return pair;
}

const signIn = async (rig: Rig, victim: Victim): Promise<Pair> =>
  pairOf(await rig.client().signIn(victim.email, victim.password));
const renew = (rig: Rig, refreshToken: string): Promise<Answer> =>
  rig.client().post(rig.at("REFRESH"), { json: { refresh_token: refreshToken } });
const works = async (rig: Rig, { auth }: Pair): Promise<boolean> =>
  (await rig.client().get("/token", { headers: { "authentication-token": auth } })).status === 200;

const settings = { REFRESH_TOKEN: true, REFRESH_TOKEN_COOKIE_NAME: null };

attacks("REF", { postgres: true, settings }, (attack) => {
  attack("REF-01 [ASVS 10.4.5]: a refresh token that was replaced ends its family", async (rig) => {
    const victim = await rig.user();
    const first = await signIn(rig, victim);
    await rig.lab.advance(grace);
    const second = pairOf(await renew(rig, first.refresh));
    await rig.lab.advance(grace);
    const third = pairOf(await renew(rig, second.refresh));
    must(await works(rig, third), "the newest auth token does not work before");
    const reused = await renew(rig, first.refresh);
    must(reused.status === 400, `the first token: ${reused.status}`);
    must((await renew(rig, third.refresh)).status === 400, "the newest refresh token lives on");
    for (const pair of [first, second, third]) must(!(await works(rig, pair)), "an auth token lives on");
    const names = (await rig.lab.events()).map((event) => JSON.stringify(event));
    must(
      names.some((text) => text.includes("refreshTokenReused")),
      "no event tells of it",
    );
  });

  attack("REF-02 [ADV-H] [ASVS 15.4.2]: thirty at once get one pair", async (rig) => {
    const { refresh } = await signIn(rig, await rig.user());
    const body = JSON.stringify({ refresh_token: refresh });
    const requests = Array.from({ length: 30 }, () =>
      rawPost(rig.lab.port, rig.at("REFRESH"), "application/json", body),
    );
    const answers = await releaseTogether(rig.lab.port, requests);
    const pairs = answers.filter((answer) => answer?.status === 200).map((answer) => pairOf(answer as Answer));
    const refused = answers.filter((answer) => answer?.status !== 200).map((answer) => answer?.status ?? 0);
    must(
      refused.every((status) => status >= 400 && status < 500),
      `answered: ${refused.join(" ")}`,
    );
    must(new Set(pairs.map((pair) => pair.refresh)).size === 1, "more than one successor");
    must(new Set(pairs.map((pair) => pair.auth)).size === 1, "more than one auth token");
    await rig.lab.advance(grace);
    pairOf(await renew(rig, pairs[0]?.refresh ?? ""));
    must((await renew(rig, refresh)).status === 400, "the first token lives on");
  });

  attack("REF-03 [ADV-J] [ASVS 7.4.1] [ASVS 7.4.2]: nothing is renewed after what ends everything", async (rig) => {
    const ways: Readonly<Record<string, (victim: Victim, pair: Pair) => Promise<unknown>>> = {
      LOGOUT: (_victim, { auth }) =>
        rig.client().post(rig.at("LOGOUT"), { json: {}, headers: { "authentication-token": auth } }),
      "LOGOUT with the refresh token": (_victim, { refresh }) =>
        rig.client().post(rig.at("LOGOUT"), { json: { refresh_token: refresh } }),
      disable: ({ email }) => rig.lab.control("PATCH", `/users/${email}`, { active: false }),
      delete: ({ email }) => rig.lab.control("DELETE", `/users/${email}`),
      "a new uniquifier": ({ email }) =>
        rig.lab.control("PATCH", `/users/${email}`, { fs_uniquifier: Buffer.from(email).toString("hex").slice(0, 32) }),
    };
    await each(
      Object.entries(ways),
      ([name]) => name,
      async ([, end]) => {
        const victim = await rig.user();
        const pair = pairOf(await renew(rig, (await signIn(rig, victim)).refresh));
        for (let time = 0; time < 2; time += 1) must(await works(rig, pair), "the auth token does not work before");
        await end(victim, pair);
        const answer = await renew(rig, pair.refresh);
        must(answer.status === 400, `the refresh token: ${answer.status}`);
        must(!(await works(rig, pair)), "the auth token lives on");
      },
    );
  });

  attack("REF-08: a refresh token is valid as it was made, for its family and generation", async (rig) => {
    const pair = await signIn(rig, await rig.user());
    const other = await signIn(rig, await rig.user());
    const [mark = "", sealed = ""] = pair.refresh.split(".");
    const bytes = Buffer.from(sealed, "base64url");
    must(!/[{[]/.test(bytes.toString("latin1").slice(0, 2)), "it can be read");
    const flipped = (at: number): string => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      return `${mark}.${changed.toString("base64url")}`;
    };
    const foreign = Buffer.from(other.refresh.split(".")[1] ?? "", "base64url");
    const spliced = (at: number): string =>
      `${mark}.${Buffer.concat([bytes.subarray(0, at), foreign.subarray(at)]).toString("base64url")}`;
    // As tokens were signed once: what they say could be written by anybody, its signature by nobody.
    const claims = Buffer.from(JSON.stringify([4_102_444_800_000, { f: "x", g: 1, o: { u: "x" }, m: [], a: 0 }]));
    const variants = [
      ...[0, 11, 12, 40, bytes.length - 17, bytes.length - 1].map(flipped),
      ...[12, 13, Math.floor(bytes.length / 2), bytes.length - 16].map(spliced),
      `${claims.toString("base64url")}.${sealed.slice(0, 43)}`,
      `${mark}.${claims.toString("base64url")}`,
      `1.${sealed}`,
      `3.${sealed}`,
      sealed,
      `${mark}.`,
      `${mark}.${mark}.${sealed}`,
      pair.auth,
      `${pair.refresh}=`,
      ` ${pair.refresh}`,
      pair.refresh.toLowerCase(),
    ].filter((variant) => variant !== pair.refresh);
    await each(variants, String, async (variant) => {
      const answer = await renew(rig, variant);
      must(answer.status === 400, `status ${answer.status}`);
    });
    pairOf(await renew(rig, pair.refresh));
  });

  attack("REF-05 [ASVS 10.4.8]: neither idleness nor use carries a family past its end", async (rig) => {
    const day = 86_400;
    const victim = await rig.user();
    const idle = await signIn(rig, victim);
    await rig.lab.advance(7 * day - 60);
    const busy = await signIn(rig, victim);
    const kept = pairOf(await renew(rig, idle.refresh));
    await rig.lab.advance(7 * day + 1);
    must((await renew(rig, kept.refresh)).status === 400, "an idle family lives on");
    must((await renew(rig, busy.refresh)).status === 400, "an idle family that was never used lives on");
    let pair = await signIn(rig, victim);
    for (let count = 0; count < 5; count += 1) {
      await rig.lab.advance(6 * day - 1);
      pair = pairOf(await renew(rig, pair.refresh));
    }
    await rig.lab.advance(10);
    must((await renew(rig, pair.refresh)).status === 400, "a busy family lives on after 30 days");
    must(!(await works(rig, pair)), "its last auth token outlives it");
  });
});
