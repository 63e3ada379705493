/** Mailed links: who asks for them, and what came. */
import type { Answer, Client } from "./client.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Mail } from "./lab.ts";
import { must, type Rig, type Victim } from "./suite.ts";

/** To whom a mail goes. */
export const recipients = ({ to }: Mail): readonly string[] => (typeof to === "string" ? [to] : to);

/** The path of the newest link of this kind that was mailed to an address; undefined: none was. */
export async function mailed(rig: Rig, template: string, to: string): Promise<string | undefined> {
  const mail = (await rig.lab.outbox()).findLast((sent) => sent.template === template && recipients(sent).includes(to));
  return new RegExp(`${rig.lab.origin}(/[\\w-]+/[\\w.-]+)`).exec(mail?.text ?? "")?.[1];
}

/** The same, where there must be one. */
export async function linkOf(rig: Rig, template: string, to: string): Promise<string> {
  const link = await mailed(rig, template, to);
  must(link !== undefined, `no mail ${template} came to ${to}`);
  return link;
}

/** Asks for a mail as nobody in particular. */
export const ask = (rig: Rig, endpoint: Endpoint, email: string, extra: object = {}): Promise<Answer> =>
  rig.client().post(rig.at(endpoint), { json: { email }, watch: false, ...extra });

/** A new password, twice. */
export const choose = (password: string): object => ({ password, password_confirm: password });

/** Signs this client in as a program that the account was not used by before; the link of the notice to its owner. */
export async function notMeLink(rig: Rig, victim: Victim, stranger: Client = rig.client()): Promise<string> {
  await rig.signedIn(victim);
  // What the server notes of a sign-in behind its answer comes before the next request's.
  await rig.lab.outbox();
  const json = { email: victim.email, password: victim.password };
  const headers = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" };
  await stranger.post(rig.at("LOGIN"), { json, headers, watch: false });
  for (let looks = 0; looks < 100; looks += 1) {
    const link = await mailed(rig, "newDevice", victim.email);
    if (link !== undefined) return link;
  }
  return linkOf(rig, "newDevice", victim.email);
}

/** A link that sets a new password. */
export async function resetLink(rig: Rig, victim: Victim): Promise<string> {
  await ask(rig, "RECOVER", victim.email);
  return linkOf(rig, "resetInstructions", victim.email);
}
