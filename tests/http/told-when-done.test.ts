/**
 * What is done is told, whatever becomes of the caches: also where nobody knows whether the other processes have seen it. And
 * they are told once.
 */
import { apiKey, type DatastoreProvider } from "portcullis";
import {
  accountDeletion,
  administration,
  apiKeys,
  changeEmail,
  changePassword,
  notices,
  passwords,
  recovery,
  refresh,
  sessions,
  tracking,
  userManagement,
  usernames,
} from "portcullis/features";
import { memory } from "portcullis/memory";
import { beforeEach, describe, expect, it } from "vitest";
import { goodPassword, otherPassword, type System, userId } from "./authn-system.ts";
import { ann, fresh, json, type Life, linkOf, post, signedIn } from "./life-system.ts";
import { startWithOutbox } from "./outbox-system.ts";

/** Whether the other processes are told. */
let reached = true;
/** Of whom they were told, and whether that was announced before. */
let published: (readonly [userId: number | undefined, announced: boolean | undefined])[] = [];
beforeEach(() => {
  reached = true;
  published = [];
});

function watched(): DatastoreProvider {
  const provider = memory();
  return {
    dialect: provider.dialect,
    async open(schema, environment) {
      const store = await provider.open(schema, environment);
      const { bus } = store;
      if (bus === undefined) throw new Error("memory has a bus");
      const publish = async (userId: number | undefined, announced?: boolean): Promise<void> => {
        if (!reached) throw new Error("the other processes are not reached");
        published.push([userId, announced]);
        await bus.publish(userId, announced);
      };
      Object.defineProperty(store, "bus", { value: { ...bus, publish } });
      return store;
    },
  };
}

const system = (more: object = {}): Promise<Life> =>
  startWithOutbox({
    datastore: watched(),
    features: [
      ...[passwords(), recovery(), changePassword(), changeEmail(), usernames({ reserved: [] }), sessions(), notices()],
      ...[refresh({ carrier: "body" }), accountDeletion(), administration(), userManagement(), apiKeys()],
    ],
    permissions: ["read", "write", "admin"],
    schemes: [apiKey()],
    ...more,
  } as never);

/** What is done once the other processes are not reached any more, by what was made ready before. */
type Way = (made: Life, annsId: number) => Promise<() => Promise<unknown>>;

const administrator = async (made: Life) => {
  await made.security.users.setPermissions(await userId(made, "ada@acme.example"), ["admin"] as never);
  return signedIn(made, "ada@acme.example");
};

const ways: Readonly<Record<string, readonly [event: string, Way]>> = {
  "a password that the application sets": [
    "passwordSet",
    async ({ security }, id) =>
      () =>
        security.users.setPassword(id, fresh),
  ],
  "a password that was checked": [
    "passwordSet",
    async ({ security }, id) =>
      () =>
        security.setPassword(id, fresh),
  ],
  "everything that the application ends": [
    "accessReset",
    async ({ security }, id) =>
      () =>
        security.users.setUniquifier(id),
  ],
  "a reset by the application": [
    "accessReset",
    async ({ security }, id) =>
      () =>
        security.users.resetAccess(id),
  ],
  "a reset by JSON": [
    "accessReset",
    async (made, id) => {
      const ada = await administrator(made);
      return () => post(ada, `/api/user/users/${id}/reset-access`, {});
    },
  ],
  "a reset by the administration": [
    "accessReset",
    async (made, id) => {
      const ada = await administrator(made);
      return () => post(ada, `/admin/users/${id}/reset-access`, {});
    },
  ],
  "an address that the application sets": [
    "emailChanged",
    async ({ security }, id) =>
      () =>
        security.users.setEmail(id, "new@acme.example"),
  ],
  "an address in an update": [
    "emailChanged",
    async ({ security }, id) =>
      () =>
        security.users.update(id, { email: "new@acme.example" }),
  ],
  "an address by JSON": [
    "emailChanged",
    async (made, id) => {
      const ada = await administrator(made);
      return () => ada.request("PATCH", `/api/user/users/${id}`, { json: { email: "new@acme.example" } });
    },
  ],
  "an address by the administration": [
    "emailChanged",
    async (made, id) => {
      const ada = await administrator(made);
      return () => post(ada, `/admin/users/${id}/edit`, { email: "new@acme.example", username: "" });
    },
  ],
  "an address by its owner": [
    "emailChanged",
    async (made) => {
      const client = await signedIn(made);
      await post(client, "/change-email", { email: "new@acme.example" });
      const link = await linkOf(made, "changeEmailInstructions", "new@acme.example");
      return () => post(client, link, {});
    },
  ],
  "a username by its owner": [
    "usernameChanged",
    async (made) => {
      const client = await signedIn(made);
      return () => post(client, "/change-username", { username: "annie" });
    },
  ],
  "a password by its owner": [
    "passwordChanged",
    async (made) => {
      const client = await signedIn(made);
      return () =>
        post(client, "/change", { password: goodPassword, new_password: fresh, new_password_confirm: fresh });
    },
  ],
  "a password by a link": [
    "passwordReset",
    async (made) => {
      await post(made.client(), "/reset", { email: ann });
      const link = await linkOf(made, "resetInstructions", ann);
      return () => post(made.client(), link, { password: fresh, password_confirm: fresh });
    },
  ],
  "one device, by the application": [
    "sessionsEnded",
    async (made, id) => {
      await signedIn(made);
      const [device] = await made.security.devices.of(id);
      return () => made.security.devices.end(id, device?.id ?? "");
    },
  ],
  "the others' sessions": [
    "sessionsEnded",
    async (made) => {
      await signedIn(made);
      const client = await signedIn(made);
      return () => post(client, "/sessions/end-others", {});
    },
  ],
  "all sessions, by JSON": [
    "sessionsEnded",
    async (made, id) => {
      const ada = await administrator(made);
      return () => ada.request("DELETE", `/api/user/users/${id}/sessions`, { json: {} });
    },
  ],
  "all sessions, by the administration": [
    "sessionsEnded",
    async (made, id) => {
      const ada = await administrator(made);
      return () => post(ada, `/admin/users/${id}/end-sessions`, {});
    },
  ],
  "a sign-in that was not its owner's": [
    "signInDisowned",
    async (made) => {
      await signedIn(made);
      await made.client().post("/login", {
        json: { email: ann, password: goodPassword },
        headers: { "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" },
      });
      const link = await linkOf(made, "newDevice", ann);
      return () => post(made.client(), link, {});
    },
  ],
  "the family of a session that is proved again": [
    "refreshTrackerRevoked",
    async (made) => {
      const client = made.client();
      const answer = await client.post("/login?include_auth_token", { json: { email: ann, password: goodPassword } });
      client.csrfToken = answer.json.response.csrf_token;
      return () => client.post("/verify?include_auth_token", { json: { password: goodPassword } });
    },
  ],
  "an account that its owner deletes": [
    "accountDeletionRequested",
    async (made) => {
      const client = await signedIn(made);
      const { csrf_token } = (await client.get("/delete-account", { headers: json })).json.response;
      return () =>
        client.post("/delete-account", { json: { password: goodPassword }, headers: { "x-csrf-token": csrf_token } });
    },
  ],
  "an account that is removed": [
    "accountDeleted",
    async (made, id) => {
      const ada = await administrator(made);
      return () => ada.request("DELETE", `/api/user/users/${id}`, { json: {} });
    },
  ],
};

const names = ({ events }: System): readonly string[] => events.map(({ name }) => name);

describe("where the other processes are not reached, this is told all the same:", () => {
  it.each(Object.entries(ways))("%s", async (_title, [event, way]) => {
    const made = await system();
    const act = await way(made, await userId(made, ann));
    await made.security.delivery.idle();
    made.events.length = 0;
    reached = false;
    await Promise.allSettled([act()]);
    expect(names(made)).toContain(event);
  });

  it("that a new password ends a lock", async () => {
    const made = await system({ limits: { allowUnlimited: ["endpoints"] } });
    const id = await userId(made, "bob@acme.example");
    const locked = async (): Promise<number> => (await made.security.lockouts()).length;
    for (let guess = 0; guess < 100 && (await locked()) === 0; guess += 1) {
      await post(made.client(), "/login", { email: "bob@acme.example", password: `wrong ${guess} guess` });
      made.advance(60_000);
    }
    expect(await locked()).toBe(1);
    reached = false;
    await expect(made.security.users.setPassword(id, otherPassword)).rejects.toThrow("not reached");
    expect(await locked()).toBe(0);
  });
});

describe("a sign-in with what notes sign-ins", () => {
  it("tells the other processes once, of what its transaction has announced", async () => {
    const made = await system({ features: [passwords(), tracking(), notices(), apiKeys()] });
    published = [];
    const answer = await made.client().post("/login", { json: { email: ann, password: goodPassword } });
    expect(answer.status).toBe(200);
    expect(published).toEqual([[await userId(made, ann), true]]);
  });
});

describe("a change that changed nothing", () => {
  it("is told to nobody", async () => {
    const made = await system();
    const id = await userId(made, ann);
    published = [];
    expect(await made.security.users.activate(id)).toBe(false);
    expect(published).toEqual([]);
    expect(await made.security.users.deactivate(id)).toBe(true);
    expect(published).toEqual([[id, true]]);
  });
});
