/** ADV-G at the same moment: the first proof of an address against everything that a stranger, or the owner, does beside it. */
import { apiKey, type DatastoreProvider, outbox, portcullis } from "portcullis";
import {
  apiKeys,
  changeEmail,
  confirmation,
  passwordless,
  passwords,
  recovery,
  registration,
  tracking,
} from "portcullis/features";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { weakHashing } from "../http/authn-system.ts";
import { describeDatabases, type SuiteDatabase } from "./each-database.ts";
import { raceRounds as rounds } from "./rounds.ts";

const origin = "http://localhost:3000";
const strangers = "strangers own phrase";

/** A system on this database; what it mails, and clients. */
async function system(datastore: DatastoreProvider) {
  const box = outbox();
  const security = await portcullis({
    secretKeys: ["a key of the tests: 5qUZn8mWb2Rk7Xe1"],
    origins: [origin],
    cookies: { allowInsecure: false },
    datastore,
    features: [
      passwords(),
      registration(),
      confirmation({ required: false }),
      recovery(),
      changeEmail(),
      passwordless(),
      apiKeys(),
      // Writes to the account in the transaction of each sign-in.
      tracking(),
    ],
    schemes: [apiKey()],
    passwords: { hashing: weakHashing },
    limits: {
      allowUnlimited: [
        "signIn.perAccount",
        "signIn.perAddress",
        "mail.perTarget",
        "mail.perAddress",
        "endpoints",
        "lockout",
      ],
    },
    mail: { sender: box },
  } as unknown as Parameters<typeof portcullis>[0]);
  const app = security.app();
  app.get("/me", { authz: "AUTH" }, (c) => c.json({ user: c.var.user.email }));
  const client = (): TestClient => testClient(app as unknown as Parameters<typeof testClient>[0], origin);
  const post = (by: TestClient, path: string, json: object): Promise<ClientAnswer> => by.post(path, { json });
  const linkTo = async (template: string, to: string): Promise<string> => {
    await security.delivery.idle();
    const mail = box.all().findLast((sent) => sent.template === template && sent.to.address === to);
    return new RegExp(`${origin}(/[\\w-]+/[\\w.-]+)`).exec(mail?.text ?? "")?.[1] ?? "/none";
  };
  return { security, client, post, linkTo };
}

const lives = async (by: TestClient): Promise<boolean> =>
  (await by.get("/me", { headers: { accept: "application/json" } })).status === 200;
const chosen = (password: string) => ({ new_password: password, new_password_confirm: password });

function races(database: SuiteDatabase): void {
  let made: Awaited<ReturnType<typeof system>>;
  beforeAll(async () => {
    made = await system(database.provider());
  });
  afterAll(() => made.security.close());

  /** Somebody registers the address and signs in; the owner asks for these links. */
  const begun = async (round: number, name: string, ...asked: readonly (readonly [string, string])[]) => {
    const email = `${name}${round}@acme.example`;
    const stranger = made.client();
    await made.post(stranger, "/register", { email, password: strangers, password_confirm: strangers });
    await made.post(stranger, "/login", { email, password: strangers });
    const links: string[] = [];
    for (const [path, template] of asked) {
      await made.post(made.client(), path, { email });
      links.push(await made.linkTo(template, email));
    }
    return { email, stranger, links };
  };
  const idOf = async (email: string): Promise<number> => (await made.security.users.find("email", email))?.id ?? 0;
  const confirm = ["/confirm", "confirmation"] as const;
  const signIn = ["/login-link", "signInLink"] as const;
  const reset = ["/reset", "resetInstructions"] as const;

  it("of several proofs with new passwords at once one wins, and its password is the one", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { email, stranger, links } = await begun(round, "proofs", confirm, signIn, reset);
      const answers = await Promise.all(
        links.map((link, index) => {
          const password = `owners own phrase ${index}`;
          const body = link.startsWith("/reset") ? { password, password_confirm: password } : chosen(password);
          return made.post(made.client(), link, body);
        }),
      );
      const won = answers.map(({ status }) => status === 200);
      expect(answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 400)).toEqual([]);
      expect(won.filter(Boolean)).toHaveLength(1);
      for (const [index, right] of won.entries()) {
        const answer = await made.post(made.client(), "/login", { email, password: `owners own phrase ${index}` });
        expect([index, answer.status]).toEqual([index, right ? 200 : 400]);
      }
      expect(await lives(stranger)).toBe(false);
    }
  });

  it("no sign-in with the former password outlives it", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { email, stranger, links } = await begun(round, "signins", round % 2 === 0 ? confirm : signIn);
      const others = Array.from({ length: 8 }, () => made.client());
      const body = { email, password: strangers, remember: true };
      const [proof] = await Promise.all([
        made.post(made.client(), links[0] ?? "", chosen("owners own phrase")),
        ...others.map((other) => made.post(other, "/login", body)),
      ]);
      expect(proof?.status).toBe(200);
      for (const other of [stranger, ...others]) {
        const remembered = other.copy();
        expect(remembered.cookies.delete("__Host-session") || other !== stranger).toBe(true);
        expect([await lives(other), await lives(remembered)]).toEqual([false, false]);
      }
    }
  });

  it("a change of address that the stranger has begun goes before it, or not at all", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { email, stranger, links } = await begun(round, "moves", confirm);
      const id = await idOf(email);
      const evil = `evil${round}@evil.example`;
      await stranger.get("/login", { headers: { accept: "application/json" } });
      expect((await made.post(stranger, "/change-email", { email: evil })).status).toBe(200);
      const change = await made.linkTo("changeEmailInstructions", evil);
      const [proof, move] = await Promise.all([
        made.post(made.client(), links[0] ?? "", chosen("owners own phrase")),
        made.post(stranger, change, {}),
      ]);
      expect([proof?.status, move?.status].toSorted()).toEqual([200, 400]);
      const account = await made.security.users.get(id);
      expect(account?.email).toBe(proof?.status === 200 ? email : evil);
      expect(await lives(stranger)).toBe(proof?.status !== 200);
    }
  });

  it("with the password, or where it was begun, it ends nothing, however many at once", async () => {
    for (let round = 0; round < rounds; round += 1) {
      const { email, stranger, links } = await begun(round, "kept", confirm, signIn);
      const [confirmed, signedIn] = await Promise.all([
        made.post(stranger.copy(), links[0] ?? "", {}),
        made.post(made.client(), links[1] ?? "", { password: strangers }),
      ]);
      expect(signedIn?.status).toBe(200);
      // The other one may have proved the address first.
      expect([200, 400]).toContain(confirmed?.status);
      expect((await made.security.users.find("email", email))?.confirmedAt).toBeInstanceOf(Date);
      expect((await made.post(made.client(), "/login", { email, password: strangers })).status).toBe(200);
      expect(await lives(stranger)).toBe(true);
    }
  });
}

describeDatabases("the first proof of an address", races);
