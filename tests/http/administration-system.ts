/** A system with the administration on: ada (the only administrator), eve (another one where asked), and the usual users. */

import { outbox } from "portcullis";
import { type AdministrationOptions, administration, passwords, sessions, usernames } from "portcullis/features";
import type { ClientAnswer, TestClient } from "portcullis/testing";
import { goodPassword, type Overrides, otherPassword, type System, start, userId } from "./authn-system.ts";

export const html = { headers: { accept: "text/html" } };
export const json = { headers: { accept: "application/json" } };

/** The system, with ada an administrator by her role. */
export async function administered(options: AdministrationOptions = {}, overrides: Overrides = {}): Promise<System> {
  const system = await start({
    features: [passwords(), usernames(), sessions(), administration(options)],
    mail: { sender: outbox() },
    permissions: ["read", "write", "admin"] as never,
    ...overrides,
  });
  await system.security.roles.addPermissions("admin", "admin" as never);
  return system;
}

/** A client that is signed in. */
export async function signedIn(system: System, name: string): Promise<TestClient> {
  const client = system.client();
  const answer = await client.signIn(`${name}@acme.example`, name === "bob" ? otherPassword : goodPassword);
  client.csrfToken = answer.json.response.csrf_token;
  return client;
}

/** Opens the page that asks, and sends its form as a browser without scripts does. */
export async function submit(
  client: TestClient,
  path: string,
  fields: Readonly<Record<string, string>> = {},
): Promise<ClientAnswer> {
  const page = await client.get(path, html);
  if (page.status !== 200) return page;
  const form = new RegExp(`<form method="post" action="${path.replaceAll("/", "\\/")}"[\\s\\S]*?</form>`).exec(
    page.text,
  );
  const token = /name="csrf_token" value="([^"]+)"/.exec(form?.[0] ?? "")?.[1];
  if (token === undefined) throw new Error(`${path} has no form: ${page.text}`);
  return client.post(path, {
    headers: { ...html.headers, "content-type": "application/x-www-form-urlencoded" },
    form: { csrf_token: token, ...fields },
    csrf: false,
  });
}

export const idOf = (system: System, name: string): Promise<number> => userId(system, `${name}@acme.example`);
