/** Everything that an account can be got into by, each made as its owner makes it, and whether it is worth something still. */
import type { Client } from "./client.ts";
import { ask, linkOf } from "./mail.ts";
import { must, type Rig, type Victim } from "./suite.ts";

/** The kinds of what is held. */
export type Kind =
  | "session"
  | "remember"
  | "auth token"
  | "refresh token"
  | "API key"
  | "password by Basic"
  | "reset link"
  | "sign-in link"
  | "change of e-mail"
  | "acting as the user";

/** One of them. */
export interface Held {
  /** The secret itself, as it is now: some are replaced with each use. */
  readonly value: string;
  /** Looks without using anything up. */
  works(): Promise<boolean>;
}

/** All of them, and the browser and the program that have them. */
export interface Holdings {
  readonly browser: Client;
  /** Has an auth token alone. */
  readonly program: Client;
  readonly keyId: string;
  readonly held: Readonly<Record<Kind, Held>>;
}

const basic = ({ email, password }: Victim): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${email}:${password}`).toString("base64")}`,
});

/** The administrator who does what administrators do. */
export const administrator: Victim = { email: "matt@lp.com", password: "password" };

/** The id of the account with this address. */
export async function idOf(rig: Rig, { email }: Pick<Victim, "email">): Promise<number> {
  return Number((await rig.lab.accounts.byEmail(email))?.["id"]);
}

/** An administrator's browser that acts as this user. */
export async function actingAs(rig: Rig, victim: Victim): Promise<Client> {
  const client = await rig.signedIn(administrator);
  const json = { reason: "an attack is played" };
  const answer = await client.post(`/administration/users/${await idOf(rig, victim)}/impersonate`, { json });
  must(answer.status === 200, `${answer.status} ${answer.text}`);
  client.csrf = String(answer.response["csrf_token"]);
  return client;
}

/** A client that sends this user's token and nothing by itself, with the refresh token that came along. */
export async function programOf(rig: Rig, { email, password }: Victim): Promise<{ client: Client; refresh: string }> {
  const answer = await rig.client().signIn(email, password);
  const user = answer.response["user"] as Readonly<Record<string, unknown>>;
  const client = rig.client();
  client.token = String(user["authentication_token"]);
  return { client, refresh: String(user["refresh_token"] ?? "") };
}

/** Makes them all for somebody who knows the password. The profile is `full`, with the refresh token in the body. */
export async function holdingsOf(rig: Rig, victim: Victim): Promise<Holdings> {
  const { email } = victim;
  const browser = await rig.signedIn(victim, { remember: true });
  const { client: program, refresh } = await programOf(rig, victim);
  const made = await program.post(rig.at("KEY-NEW"), { json: { name: "held", all_permissions: true }, watch: false });
  must(made.status === 201, `no API key: ${made.status} ${made.text}`);
  const key = String(made.response["secret"]);
  rig.lab.planted.add(key);
  const moved = `moved-${email}`;
  rig.lab.created.add(moved);
  await browser.post(rig.at("CHANGE-EMAIL"), { json: { email: moved }, watch: false });
  await ask(rig, "RECOVER", email);
  await ask(rig, "PWLESS-SEND", email);
  const change = await linkOf(rig, "changeEmailInstructions", moved);
  const reset = await linkOf(rig, "resetInstructions", email);
  const signIn = await linkOf(rig, "signInLink", email);
  const acting = await actingAs(rig, victim);

  const opens = async (path: string, headers: Record<string, string>): Promise<boolean> =>
    (await rig.client().get(path, { headers })).status === 200;
  const link = (path: string): Held => ({
    value: path.slice(path.lastIndexOf("/") + 1),
    works: async () => (await rig.client().get(path)).status === 200,
  });
  const cookie = (client: Client, name: string): string => {
    const value = client.cookie(name);
    must(value !== undefined && value !== "", `there is no cookie ${name}`);
    return value;
  };
  const session = cookie(browser, "session");
  const remembered = rig.client();
  remembered.cookies.set("remember", cookie(browser, "remember"));
  let renewable = refresh;
  const held: Record<Kind, Held> = {
    session: { value: session, works: () => opens("/me", { cookie: `session=${session}` }) },
    remember: {
      get value() {
        return cookie(remembered, "remember");
      },
      works: async () => {
        const { status } = await remembered.get("/me");
        remembered.cookies.delete("session");
        return status === 200;
      },
    },
    "auth token": { value: program.token ?? "", works: async () => (await program.get("/token")).status === 200 },
    "refresh token": {
      get value() {
        return renewable;
      },
      works: async () => {
        const answer = await rig.client().post(rig.at("REFRESH"), { json: { refresh_token: renewable } });
        const user = answer.response["user"] as Readonly<Record<string, unknown>> | undefined;
        if (answer.status === 200) renewable = String(user?.["refresh_token"]);
        return answer.status === 200;
      },
    },
    "API key": { value: key, works: () => opens(rig.at("KEYED"), { "x-api-key": key }) },
    "password by Basic": { value: victim.password, works: () => opens(rig.at("BASIC"), basic(victim)) },
    "reset link": link(reset),
    "sign-in link": link(signIn),
    "change of e-mail": link(change),
    "acting as the user": {
      value: cookie(acting, "session"),
      works: async () => (await acting.get("/me")).json["email"] === email,
    },
  };
  // Twice, so that each is in every cache that there is.
  for (const [kind, { works }] of Object.entries(held)) {
    for (let time = 0; time < 2; time += 1) must(await works(), `${kind} does not work before`);
  }
  return { browser, program, keyId: String((made.response["key"] as { id?: unknown })["id"]), held };
}
