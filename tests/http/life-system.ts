import {
  changeEmail,
  changePassword,
  confirmation,
  type Feature,
  passwordless,
  passwords,
  recovery,
  registration,
  usernames,
} from "portcullis/features";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { goodPassword, type Overrides, origin, type System } from "./authn-system.ts";
import { startWithOutbox, type WithOutbox } from "./outbox-system.ts";

export const ann = "ann@acme.example";
export const bob = "bob@acme.example";
export const fresh = "correct horse battery";
export const json = { accept: "application/json" };

export type Life = WithOutbox;

/** Each feature of an account's life that sends mail or changes what it is known by. */
export const lifeFeatures = (): readonly Feature[] => [
  passwords(),
  registration(),
  confirmation({ required: false }),
  recovery(),
  changePassword(),
  changeEmail(),
  usernames({ reserved: [] }),
  passwordless(),
];

export async function life(overrides: Overrides = {}): Promise<Life> {
  return startWithOutbox({
    features: lifeFeatures(),
    ...overrides,
  });
}

/** All mails that have been sent, once nothing waits any more. */
export async function mails(made: Life): Promise<ReturnType<Life["box"]["all"]>> {
  await made.security.delivery.idle();
  return made.box.all();
}

export async function linkOf(made: Life, template: string, to: string): Promise<string> {
  const mail = (await mails(made)).findLast((sent) => sent.template === template && sent.to.address === to);
  const link = new RegExp(`${origin}(/[\\w-]+/[\\w.-]+(?:\\?\\S+)?)`).exec(mail?.text ?? "")?.[1];
  if (link === undefined) throw new Error(`no link in a mail ${template} to ${to}`);
  return link;
}

export async function signedIn(
  made: System,
  email: string = ann,
  password: string = goodPassword,
): Promise<TestClient> {
  const client = made.client();
  await client.signIn(email, password);
  await client.get("/login", { headers: json });
  return client;
}

export const code = async (client: TestClient): Promise<number> => (await client.get("/me", { headers: json })).status;
export const post = (client: TestClient, path: string, body: object): Promise<ClientAnswer> =>
  client.post(path, { json: body });
