/** Accounts from their registration to their end: what the owner does by passwords, links and forms. */
import { expect } from "vitest";
import { day, first, type Journey, post, second, signIn, status, third } from "./system.ts";

const registered = { password: first, password_confirm: first, company: "Acme", plan: "small", terms: true };

export const accountJourneys: Readonly<Record<string, Journey>> = {
  "registration with fields of one's own, confirmation by the second link, sign-in and out": {
    features: ["registration", "confirmation", "passwords", "outbox-page"],
    async travel({ client, kysely, linkTo, security, store }) {
      const email = "rita@acme.example";
      const device = client();
      const wrong = await post(device, "/register", { ...registered, email, plan: "huge", terms: false }, 400);
      expect(wrong.json.response.field_errors).toEqual({
        plan: ["There are small and large ones."],
        terms: [expect.any(String)],
      });
      await post(device, "/register", { ...registered, email, badge: "B 7" });
      const person = { id: (await security.users.find("email", email))?.id ?? 0, email, client: device };
      expect(await store.findOne("user", { id: person.id })).toMatchObject({
        company: "Acme",
        badge: "B 7",
        born: null,
      });
      expect(await kysely.selectFrom("welcome").selectAll().execute()).toEqual([{ user_id: person.id, plan: "small" }]);
      expect(await status(device, "/member")).toBe(401);
      await post(device, "/login", { email, password: first }, 400);

      const older = await linkTo("confirmation", email);
      await post(device, "/confirm", { email });
      const link = await linkTo("confirmation", email);
      await post(device, older, {}, 400);
      const opened = await device.get(link, { headers: { accept: "text/html" } });
      expect(opened.location).toMatch(/^\/confirm\/open-/);
      await post(device, link, {});
      await post(device, link, {}, 400);
      await signIn(device, email);
      expect(await status(device, "/member")).toBe(200);
      await post(device, "/logout", {});
      expect(await status(device)).toBe(401);

      // Somebody else: the address is known, the badge is taken.
      await post(client(), "/register", { ...registered, email });
      await post(client(), "/register", { ...registered, email: "rival@acme.example", badge: "B 7" }, 400);
      const box = await device.get("/outbox", { headers: { accept: "application/json" } });
      expect(box.json.response.mails.map(({ template }: { template: string }) => template)).toContain("addressInUse");
      return person;
    },
    mails: ["confirmation", "confirmation", "addressInUse"],
    audit: [
      "userRegistered",
      "confirmInstructionsSent",
      "signInRefused",
      "confirmInstructionsSent",
      "userConfirmed",
      "userAuthenticated",
      "userSignedOut",
      "userNotRegistered",
      "mailWithheld",
    ],
  },

  "wrong and right passwords are counted, and the browser is kept signed in": {
    features: ["passwords", "tracking"],
    async travel(system) {
      const { id, email, client } = await system.person("tess");
      for (const password of ["wrong", second]) await post(client, "/login", { email, password }, 400);
      expect(await system.store.findOne("user", { id })).toMatchObject({ failedLoginCount: 2, loginCount: null });
      await signIn(client, email, first, { remember: true });
      await post(client, "/verify", { password: first });
      expect(await system.store.findOne("user", { id })).toMatchObject({
        ...{ failedLoginCount: 0, loginCount: 1, currentLoginIp: "127.0.0.1" },
        currentLoginAt: new Date(system.now()),
      });
      const remembered = system.client();
      remembered.cookies.set("remember", client.cookies.get("remember") ?? "");
      system.advance(2 * day);
      expect(await status(remembered)).toBe(200);
      await remembered.get("/login", { headers: { accept: "application/json" } });
      await post(remembered, "/logout", {});
      const again = system.client();
      again.cookies.set("remember", client.cookies.get("remember") ?? "");
      expect(await status(again)).toBe(401);
      return { id, email, client };
    },
    mails: [],
    audit: [
      "userFailedAuthn",
      "userFailedAuthn",
      "userAuthenticated",
      "userAuthenticated",
      "sessionRestored",
      "userSignedOut",
    ],
  },

  "a forgotten password": {
    features: ["recovery"],
    async travel({ person, client, linkTo }) {
      const { id, email, client: old } = await person("fred");
      await signIn(old, email);
      await post(client(), "/reset", { email });
      const link = await linkTo("resetInstructions", email);
      const device = client();
      await post(device, link, { password: "short", password_confirm: "short" }, 400);
      await post(device, link, { password: second, password_confirm: second });
      expect(await status(old)).toBe(401);
      await post(device, link, { password: third, password_confirm: third }, 400);
      await post(device, "/login", { email, password: first }, 400);
      await signIn(device, email, second);
      return { id, email, client: device };
    },
    mails: ["resetInstructions", "resetNotice"],
    audit: ["userAuthenticated", "resetInstructionsSent", "passwordReset", "userFailedAuthn", "userAuthenticated"],
  },

  "another password ends the other devices; a former one is refused": {
    features: ["change-password"],
    async travel({ person, client }) {
      const { id, email, client: device } = await person("paul");
      const other = client();
      await signIn(other, email);
      await signIn(device, email);
      const change = (password: string, new_password: string, code: number) =>
        post(device, "/change", { password, new_password, new_password_confirm: new_password }, code);
      await change("wrong", second, 400);
      await change(first, second, 200);
      expect([await status(device), await status(other)]).toEqual([200, 401]);
      await change(second, first, 400);
      await post(client(), "/login", { email, password: first }, 400);
      return { id, email, client: device };
    },
    mails: ["passwordChanged"],
    audit: ["userAuthenticated", "userAuthenticated", "userFailedAuthn", "passwordChanged", "userFailedAuthn"],
  },

  "a password that is too old": {
    features: ["passwords"],
    async travel({ person, advance, client }) {
      const { id, email, client: device } = await person("olga");
      advance(181 * day);
      const asked = await post(device, "/login", { email, password: first });
      expect(asked.json.response).toMatchObject({ password_expired: true });
      expect(await status(device)).toBe(401);
      await post(device, "/expired-password", { password: first, password_confirm: first }, 400);
      await post(device, "/expired-password", { password: second, password_confirm: second });
      expect(await status(device)).toBe(200);
      await signIn(client(), email, second);
      return { id, email, client: device };
    },
    mails: ["passwordChanged"],
    audit: ["passwordChanged", "userAuthenticated", "userAuthenticated"],
  },

  "another address: taken back, asked for again, confirmed by its own link": {
    features: ["change-email"],
    async travel({ person, client, linkTo, security }) {
      const { id, email, client: device } = await person("emma");
      await signIn(device, email);
      await post(device, "/change-email", { email: "emma-one@acme.example" });
      const old = await linkTo("changeEmailInstructions", "emma-one@acme.example");
      await post(device, "/cancel-change-email", {});
      await post(device, old, {}, 400);
      await post(device, "/change-email", { email: "emma-two@acme.example" });
      await post(device, await linkTo("changeEmailInstructions", "emma-two@acme.example"), {});
      expect((await security.users.get(id))?.email).toBe("emma-two@acme.example");
      await post(client(), "/login", { email, password: first }, 400);
      await signIn(client(), "emma-two@acme.example");
      return { id, email, client: device };
    },
    mails: [
      ["changeEmailRequested", "changeEmailInstructions emma-one@acme.example"],
      ["changeEmailRequested", "changeEmailInstructions emma-two@acme.example"],
      "emailChanged",
    ],
    audit: [
      "userAuthenticated",
      "changeEmailInstructionsSent",
      "changeEmailCancelled",
      "changeEmailInstructionsSent",
      "emailChanged",
      "userAuthenticated",
    ],
  },

  "a username: chosen, refused to others, changed, forgotten, signed in by": {
    features: ["usernames"],
    async travel({ person, client, security, mailsTo }) {
      const { id, email, client: device } = await person("ulla");
      await signIn(device, email);
      await post(device, "/change-username", { username: "Ünïcode1" });
      await post(client(), "/register", { ...registered, email: "umbro@acme.example", username: "ÜnïCode1" });
      expect(await security.users.find("email", "umbro@acme.example")).toBeUndefined();
      expect(mailsTo({ email: "umbro@acme.example" })).toEqual(["usernameTaken"]);
      await post(device, "/change-username", { username: "ulla2" });
      await post(client(), "/recover-username", { email });
      await post(client(), "/login", { username: "Ünïcode1", password: first }, 400);
      await post(client(), "/login", { username: "ULLA2", password: first });
      return { id, email, client: device };
    },
    mails: ["usernameChanged", "usernameChanged", "usernameRecovery"],
    audit: ["userAuthenticated", "usernameChanged", "usernameChanged", "usernameRecoverySent", "userAuthenticated"],
  },

  "a sign-in by a mailed link, once": {
    features: ["passwordless"],
    async travel({ person, client, linkTo }) {
      const { id, email, client: device } = await person("lina");
      await post(device, "/login-link", { email });
      const link = await linkTo("signInLink", email);
      await post(device, link, {});
      expect(await status(device)).toBe(200);
      await post(client(), link, {}, 400);
      return { id, email, client: device };
    },
    mails: ["signInLink"],
    audit: ["loginInstructionsSent", "userAuthenticated"],
  },

  "an account that is exported, deleted, taken back, and deleted for good": {
    features: ["account-deletion"],
    async travel({ person, client, security, linkTo, advance, kysely, store }) {
      const email = "dora@acme.example";
      const device = client();
      await post(device, "/register", { ...registered, email, plan: "large" });
      await post(device, await linkTo("confirmation", email), {});
      const id = (await security.users.find("email", email))?.id ?? 0;
      await signIn(device, email);
      const exported = await post(device, "/export-account", {});
      expect(exported.json.response).toMatchObject({
        account: { email, company: "Acme" },
        roles: ["member"],
        welcome: [{ user_id: id, plan: "large" }],
      });
      expect(exported.text).not.toMatch(/argon2|uniquifier/);
      await post(device, "/delete-account", { password: "wrong" }, 400);
      await post(device, "/delete-account", { password: first });
      expect(await status(device)).toBe(401);
      await post(device, "/login", { email, password: first }, 400);
      advance(6 * day);
      await security.purge();
      await post(client(), await linkTo("accountDeletion", email), { password: first });
      await signIn(device, email);
      await post(device, "/delete-account", { password: first });
      // Somebody newer, so that the number is nobody's afterwards.
      await person("dave");
      advance(8 * day);
      await security.purge();
      expect(await security.users.get(id)).toBeUndefined();
      expect(await kysely.selectFrom("welcome").selectAll().where("user_id", "=", id).execute()).toEqual([]);
      for (const table of ["session", "ticket", "device", "deletion", "passwordHistory"])
        expect([table, await store.count(table, { userId: id })]).toEqual([table, 0]);
      await post(device, "/register", { ...registered, email, plan: "large" });
      await linkTo("confirmation", email);
      return { id, email, client: device };
    },
    mails: ["confirmation", "accountDeletion", "accountDeletion", "confirmation"],
    audit: [
      "userRegistered",
      "confirmInstructionsSent",
      "userConfirmed",
      "userAuthenticated",
      "accountExported",
      "userFailedAuthn",
      "accountDeletionRequested",
      "userSignedOut",
      "signInRefused",
      "accountDeletionCancelled",
      "userAuthenticated",
      "accountDeletionRequested",
      "userSignedOut",
      "userDeleted",
      "accountDeleted",
    ],
  },
};
