/** What ends something, against everything that an account can be got into by: the next request decides. */
import type { Answer } from "./client.ts";
import { administrator, type Holdings, holdingsOf, idOf, type Kind, programOf } from "./holdings.ts";
import { choose, linkOf, notMeLink, resetLink } from "./mail.ts";
import { attacks, each, must, type Rig, secret, type Victim } from "./suite.ts";

/** One way to end something, and what the documentation says of each kind. */
interface Ending {
  /** What goes on; everything else is over. */
  readonly leaves: readonly Kind[];
  end(rig: Rig, victim: Victim, holdings: Holdings): Promise<Answer>;
}

const byAdministrator = async (rig: Rig, method: string, path: string, json?: object): Promise<Answer> => {
  const { client } = await programOf(rig, administrator);
  return client.send(method, path, { watch: false, ...(json === undefined ? {} : { json }) });
};
const managed = async (rig: Rig, victim: Victim, call: string): Promise<string> =>
  `/api/user/users/${await idOf(rig, victim)}${call}`;

/** Held by others than the browser, or asked for by nobody in particular. */
const elsewhere: readonly Kind[] = [
  "auth token",
  "refresh token",
  "API key",
  "password by Basic",
  "reset link",
  "sign-in link",
  "acting as the user",
];

const endings: Readonly<Record<string, Ending>> = {
  "signing out": {
    leaves: [...elsewhere, "change of e-mail"],
    end: (rig, _victim, { browser }) => browser.post(rig.at("LOGOUT"), { json: {}, watch: false }),
  },
  "signing out with the auth token": {
    leaves: [
      "session",
      "remember",
      "API key",
      "password by Basic",
      "reset link",
      "sign-in link",
      "change of e-mail",
      "acting as the user",
    ],
    end: (rig, _victim, { program }) => program.post(rig.at("LOGOUT"), { json: {}, watch: false }),
  },
  "ending others from another browser": {
    leaves: ["API key", "password by Basic", "reset link", "sign-in link"],
    end: async (rig, victim) =>
      (await rig.signedIn(victim)).post(`${rig.at("SESSIONS")}/end-others`, { json: {}, watch: false }),
  },
  "an administrator who ends the sessions": {
    leaves: ["API key", "password by Basic", "reset link", "sign-in link"],
    end: async (rig, victim) => byAdministrator(rig, "DELETE", await managed(rig, victim, "/sessions")),
  },
  "a change of password": {
    leaves: ["API key"],
    end: async (rig, victim) => {
      const next = secret();
      const json = { password: victim.password, new_password: next, new_password_confirm: next };
      return (await rig.signedIn(victim)).post(rig.at("CHANGE-PW"), { json, watch: false });
    },
  },
  "a reset of the password": {
    leaves: ["API key"],
    end: async (rig, victim) =>
      rig.client().post(await resetLink(rig, victim), { json: choose(secret()), watch: false }),
  },
  "an administrator's new password": {
    leaves: ["API key"],
    end: async (rig, victim) =>
      byAdministrator(rig, "POST", await managed(rig, victim, "/password"), { password: secret() }),
  },
  "“not me”": {
    // A key that was made by another sign-in than the disowned one is the owner's.
    leaves: ["API key", "password by Basic"],
    end: async (rig, victim) => rig.client().post(await notMeLink(rig, victim), { json: {}, watch: false }),
  },
  "reset of access": {
    leaves: ["password by Basic"],
    end: async (rig, victim) => byAdministrator(rig, "POST", await managed(rig, victim, "/reset-access"), {}),
  },
  deactivation: {
    leaves: [],
    end: async (rig, victim) => byAdministrator(rig, "POST", await managed(rig, victim, "/deactivate"), {}),
  },
  deletion: {
    leaves: [],
    end: async (rig, victim) => byAdministrator(rig, "DELETE", await managed(rig, victim, "")),
  },
  "ending the API key": {
    leaves: [...elsewhere.filter((kind) => kind !== "API key"), "session", "remember", "change of e-mail"],
    end: (rig, _victim, { program, keyId }) =>
      program.send("DELETE", `${rig.at("KEY-NEW")}/${keyId}`, { watch: false }),
  },
};

attacks(
  "endings",
  {
    profiles: ["full"],
    short: "full:sqlite,full:postgres",
    settings: { REFRESH_TOKEN_COOKIE_NAME: null },
  },
  (attack) => {
    attack("ADV-J [ASVS 7.4.1] [ASVS 7.4.2] [ASVS 7.4.3]: what is ended is over at the next request", async (rig) => {
      await each(
        Object.entries(endings),
        ([name]) => name,
        async ([, { leaves, end }]) => {
          const victim = await rig.user();
          const holdings = await holdingsOf(rig, victim);
          const answer = await end(rig, victim, holdings);
          must(answer.status === 200, `it is refused: ${answer.status} ${answer.text}`);
          const wrong: string[] = [];
          for (const [kind, { works }] of Object.entries(holdings.held)) {
            const lives = await works();
            if (lives !== leaves.includes(kind as Kind)) wrong.push(`${kind} ${lives ? "lives on" : "is over"}`);
          }
          must(wrong.length === 0, wrong.join(", "));
        },
      );
    });

    attack("ADV-J [ASVS 7.4.2]: what a disowned sign-in began and made is over with it", async (rig) => {
      const victim = await rig.user();
      const stranger = rig.client();
      const link = await notMeLink(rig, victim, stranger);
      const moved = `stolen-${victim.email}`;
      rig.lab.created.add(moved);
      await stranger.post(rig.at("CHANGE-EMAIL"), { json: { email: moved }, watch: false });
      const change = await linkOf(rig, "changeEmailInstructions", moved);
      const made = await stranger.post(rig.at("KEY-NEW"), { json: { name: "trapdoor" }, watch: false });
      const key = { "x-api-key": String(made.response["secret"]) };
      must((await rig.client().get(rig.at("KEYED"), { headers: key })).status === 200, "the key does not work before");
      must((await rig.client().get(change)).status === 200, "the link does not work before");
      must((await rig.client().post(link, { json: {}, watch: false })).status === 200, "the notice's link is refused");
      must((await stranger.get("/me")).status === 401, "the stranger's session lives on");
      must((await rig.client().get(rig.at("KEYED"), { headers: key })).status === 401, "the stranger's key lives on");
      must((await rig.client().get(change)).status === 400, "the stranger's change of e-mail lives on");
    });
  },
);
