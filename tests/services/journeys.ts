/** People who register, sign in and sign out, and what must be true of them after the server was killed under them. */
import { type TestClient, testClient } from "portcullis/testing";
import { rightCode } from "../http/authn-second-step.ts";
import type { Database } from "./account-servers.ts";

/** Not asked, asked without an answer, or done: the server has said so. */
type Progress = "no" | "asked" | "done";

/** How far one person came. */
export interface Journey {
  readonly email: string;
  /** Needs the second step. */
  readonly stepped: boolean;
  registered: Progress;
  signedIn: Progress;
  /** The cookie of the sign-in that waits for the second step. */
  pending: string | undefined;
  resumed: Progress;
  session: string | undefined;
  remember: string | undefined;
  /** The secret that the present one has replaced. */
  replaced: string | undefined;
  restored: Progress;
  /** The session that the remember credential has given. */
  second: string | undefined;
  signedOut: Progress;
}

const password = "battery staple";
const json = { headers: { accept: "application/json" } };

/** A person at the beginning; each third needs the second step. */
export function newJourney(number: number): Journey {
  const stepped = number % 3 === 0;
  return {
    email: `${stepped ? "step" : "user"}${number}@acme.example`,
    stepped,
    registered: "no",
    signedIn: "no",
    pending: undefined,
    resumed: "no",
    session: undefined,
    remember: undefined,
    replaced: undefined,
    restored: "no",
    second: undefined,
    signedOut: "no",
  };
}

function withCookies(url: string, cookies: Readonly<Record<string, string | undefined>>): TestClient {
  const client = testClient(url);
  for (const [name, value] of Object.entries(cookies)) if (value !== undefined) client.cookies.set(name, value);
  return client;
}

/** Goes the whole way, and calls `acknowledged` at each answer. Rejects when the connection breaks or an answer is not the expected one. */
export async function travel(url: string, journey: Journey, acknowledged: () => void): Promise<void> {
  const { email, stepped } = journey;
  const client = testClient(url);
  const post = async (path: string, body: object): Promise<void> => {
    const answer = await client.post(path, { json: body });
    if (answer.status !== 200) throw new Error(`${path} for ${email}: ${answer.status} ${answer.text}`);
  };
  journey.registered = "asked";
  await post("/register", { email, password, password_confirm: password });
  journey.registered = "done";
  acknowledged();
  journey.signedIn = "asked";
  await post("/login", { email, password, remember: true });
  if (stepped) {
    journey.pending = client.cookies.get("pending");
    acknowledged();
    journey.resumed = "asked";
    await post("/step", { password: rightCode });
    journey.resumed = "done";
  }
  journey.session = client.cookies.get("session");
  journey.remember = client.cookies.get("remember");
  journey.signedIn = "done";
  acknowledged();
  // The second step is asked again of whom a remember credential brings back.
  if (!stepped) {
    await restore(url, journey);
    client.cookies.set("remember", journey.remember ?? "");
    acknowledged();
  }
  journey.signedOut = "asked";
  await post("/logout", {});
  journey.signedOut = "done";
  acknowledged();
}

async function restore(url: string, journey: Journey): Promise<void> {
  journey.restored = "asked";
  const client = withCookies(url, { remember: journey.remember });
  const answer = await client.get("/me", json);
  if (answer.status !== 200) throw new Error(`/me with the remember cookie of ${journey.email}: ${answer.status}`);
  journey.second = client.cookies.get("session");
  journey.replaced = journey.remember;
  journey.remember = client.cookies.get("remember");
  journey.restored = "done";
}

/**
 * What is wrong with this person after the restart. The clock must have passed the grace that a replaced remember secret
 * has. Uses up what it looks at.
 */
export async function faultsOf(url: string, database: Database, journey: Journey): Promise<string[]> {
  const { email, stepped, signedOut } = journey;
  const faults: string[] = [];
  const expect = (what: string, status: number, ...allowed: number[]): void => {
    if (!allowed.includes(status)) faults.push(`${email}: ${what} was answered ${status}`);
  };
  const status = async (cookies: Readonly<Record<string, string | undefined>>): Promise<number> =>
    (await withCookies(url, cookies).get("/me", json)).status;

  if (stepped && journey.pending !== undefined) {
    // Consumed, the waiting sign-in is void; not asked, it goes on; else either, but never to a second session.
    const client = withCookies(url, { pending: journey.pending });
    const answer = await client.post("/step", { json: { password: rightCode } });
    if (journey.resumed === "done") expect("a consumed ticket", answer.status, 400, 401, 403);
    else if (journey.resumed === "no") expect("a ticket that waits", answer.status, 200);
    else expect("a ticket that may be consumed", answer.status, 200, 400, 401, 403);
    if (journey.resumed === "done" && client.cookies.has("session"))
      faults.push(`${email}: a consumed ticket signed in`);
    if (journey.resumed !== "done") {
      const sessions = await database.rows(
        `select s.id_hash from portcullis_session s join {user} u on u.id = s.user_id where u.email = '${email}'`,
      );
      if (sessions.length > 1) faults.push(`${email}: ${sessions.length} sessions of one ticket`);
      return faults;
    }
  }
  if (journey.signedIn === "done") {
    const expected = signedOut === "done" ? [401] : signedOut === "no" ? [200] : [200, 401];
    expect(`a session (sign-out: ${signedOut})`, await status({ session: journey.session }), ...expected);
    if (journey.restored === "done") {
      expect(`a restored session (sign-out: ${signedOut})`, await status({ session: journey.second }), ...expected);
      expect(
        `a remember credential (sign-out: ${signedOut})`,
        await status({ remember: journey.remember }),
        ...expected,
      );
      expect("a replaced remember credential", await status({ remember: journey.replaced }), 401);
    }
  }
  const [user] = await database.rows(`select id from {user} where email = '${email}'`);
  if (user === undefined && journey.registered === "done") faults.push(`${email}: the account is lost`);
  if (user !== undefined) {
    const answer = await testClient(url).post("/login", { json: { email, password } });
    expect("the sign-in after the restart", answer.status, 200);
  }
  return faults;
}
