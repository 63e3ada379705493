import { claimsOf, type SigningKey, signingKey, token } from "./jose.ts";
import { must, type Rig, type Victim } from "./suite.ts";

export const minute = 60;
export const hour: number = 60 * minute;
/** How far `nbf` and `iat` may be ahead, in seconds: docs/authentication.md. */
export const leeway = 30;

export const ours: SigningKey = signingKey("ES256", "ours");
export const retired: SigningKey = signingKey("ES256", "retired");
export const foreign: SigningKey = signingKey("ES256", "foreign");
export const idp: SigningKey = signingKey("RS256", "idp");
export const idpIssuer = "https://idp.example";
export const idpAudience = "the lab at idp.example";

export const bearer = (text: string, word = "Bearer"): Record<string, string> => ({ authorization: `${word} ${text}` });

/** A token of this user, as the server gives it at sign-in. */
export async function issued(rig: Rig, victim: Victim): Promise<string> {
  const answer = await (await rig.visitor()).signIn(victim.email, victim.password);
  const user = answer.response["user"] as Readonly<Record<string, unknown>>;
  const text = String(user["authentication_token"]);
  must(text.split(".").length === 3, "the auth token is no JWT");
  return text;
}

/** The status of the pages of somebody, of an admin and of whoever asks, with this in `Authorization`. */
export async function statuses(rig: Rig, headers: Readonly<Record<string, string>>): Promise<readonly number[]> {
  const paths = ["/profile", "/admin", "/me"];
  const seen: number[] = [];
  for (const path of paths) seen.push((await rig.client().get(path, { headers })).status);
  return seen;
}

export async function refused(rig: Rig, text: string): Promise<void> {
  const seen = await statuses(rig, bearer(text));
  must(seen.join() === "401,401,401", `answered ${seen.join()}`);
}

export const opens = async (rig: Rig, text: string): Promise<number> =>
  (await rig.client().get("/me", { headers: bearer(text) })).status;

/** The server's time in seconds. */
export async function now(rig: Rig): Promise<number> {
  const { now: time } = (await rig.lab.control("POST", "/clock", { advance: 0 })) as { now: number };
  return Math.floor(time / 1000);
}

/** The claims of an admin's token: whoever could sign them would be in everywhere. */
export async function adminClaims(rig: Rig): Promise<Readonly<Record<string, unknown>>> {
  return claimsOf(await issued(rig, await rig.user({ roles: ["admin"] })));
}

/** The claims of the other issuer for this user. */
export async function idpClaims(rig: Rig, victim: Victim): Promise<Readonly<Record<string, unknown>>> {
  const at = await now(rig);
  const { email } = victim;
  return { iss: idpIssuer, aud: idpAudience, sub: "1", email, email_verified: true, iat: at, exp: at + 10 * minute };
}

/** Both kinds of tokens with these claims in place of the right ones; undefined takes a claim away. */
export async function bothWith(
  rig: Rig,
  change: (right: { readonly iss: string; readonly aud: string }, at: number) => Readonly<Record<string, unknown>>,
): Promise<readonly string[]> {
  const at = await now(rig);
  const own = await adminClaims(rig);
  const theirs = await idpClaims(rig, await rig.user({ roles: ["admin"] }));
  return [
    token(ours, { ...own, ...change({ iss: String(own["iss"]), aud: String(own["aud"]) }, at) }),
    token(idp, { ...theirs, ...change({ iss: idpIssuer, aud: idpAudience }, at) }),
  ];
}
