/** What a session began and did not finish ends with it, where its user or an administrator ends it; and at once, or not at all. */
import { apiKey, type Datastore, type DatastoreProvider } from "portcullis";
import {
  accountDeletion,
  apiKeys,
  changeEmail,
  notices,
  passwords,
  recovery,
  refresh,
  sessions,
  tracking,
} from "portcullis/features";
import { memory } from "portcullis/memory";
import type { TestClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { rightCode, secondStep } from "./authn-second-step.ts";
import {
  day,
  goodPassword,
  minute,
  type Overrides,
  origin,
  otherPassword,
  type System,
  userId,
  weakHashing,
} from "./authn-system.ts";
import { startWithOutbox, type WithOutbox } from "./outbox-system.ts";

const ann = "ann@acme.example";
const fresh = "ann@elsewhere.example";
const json = { accept: "application/json" };
const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";

type Made = WithOutbox;

async function system(overrides: Overrides = {}): Promise<Made> {
  return startWithOutbox({
    features: [
      passwords(),
      recovery(),
      changeEmail(),
      sessions(),
      notices(),
      apiKeys(),
      accountDeletion(),
      tracking(),
      refresh({ carrier: "body" }),
    ],
    schemes: [apiKey() as never],
    ...overrides,
  });
}

async function signedIn(made: System, agent = chrome, remember = false): Promise<TestClient> {
  const client = made.client();
  const answer = await client.post("/login", {
    json: { email: ann, password: goodPassword, remember },
    headers: { "user-agent": agent },
  });
  expect(answer.status).toBe(200);
  // The notice runs in the background: the first device must be known before the second comes.
  await new Promise((resolve) => setTimeout(resolve, 50));
  return client;
}

async function linkIn(made: Made, template: string): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  await made.security.delivery.idle();
  const mail = made.box.all().findLast((sent) => sent.template === template);
  const link = new RegExp(`${origin}(/[\\w-]+/[\\w.-]+)`).exec(mail?.text ?? "")?.[1];
  expect(link, `a link in the mail ${template}`).toBeDefined();
  return link as string;
}

/** Asks for another address in this session; the link that was mailed there. */
async function pending(made: Made, client: TestClient): Promise<string> {
  expect((await client.post("/change-email", { json: { email: fresh } })).status).toBe(200);
  return linkIn(made, "changeEmailInstructions");
}

/** Uses a link in another browser than the one that asked for it. */
const opened = async (made: Made, link: string): Promise<number> =>
  (await made.client().post(link, { json: { password: goodPassword } })).status;
const me = async (client: TestClient): Promise<number> => (await client.get("/me", { headers: json })).status;

describe("a pending change of address", () => {
  it("ends when its session is among the others that the owner ends", async () => {
    const made = await system();
    const thief = await signedIn(made);
    const link = await pending(made, thief);
    const owner = await signedIn(made);
    expect((await owner.post("/sessions/end-others", { json: {} })).status).toBe(200);
    expect(await opened(made, link)).toBe(400);
    expect((await made.store.findOne("user", { email: ann }))?.email).toBe(ann);
  });

  it("ends then also when the session that asked for it has another id by now, or is over", async () => {
    const made = await system();
    const thief = await signedIn(made, chrome, true);
    made.advance(minute);
    expect((await thief.post("/verify", { json: { password: goodPassword } })).status).toBe(200);
    const link = await pending(made, thief);
    expect((await thief.post("/logout", { json: {} })).status).toBe(200);
    const owner = await signedIn(made);
    expect((await owner.post("/sessions/end-others", { json: {} })).status).toBe(200);
    expect(await opened(made, link)).toBe(400);
  });

  it("ends with the one session that is ended, in the page of devices and by an administrator", async () => {
    const made = await system();
    const thief = await signedIn(made, chrome, true);
    // Restored, it is another session of the same sign-in.
    const asked = await pending(made, thief);
    thief.cookies.delete("__Host-session");
    expect(await me(thief)).toBe(200);
    const owner = await signedIn(made);
    const { sessions: devices } = (await owner.get("/sessions", { headers: json })).json.response;
    const other = devices.find(({ current }: { current: boolean }) => !current) as { id: string };
    expect((await owner.post("/sessions/end", { json: { id: other.id } })).status).toBe(200);
    expect(await opened(made, asked)).toBe(400);
    const again = await pending(made, await signedIn(made));
    await made.security.users.endSessions(await userId(made, ann));
    expect(await opened(made, again)).toBe(400);
  });

  it("ends too where it was asked for before it was noted in which sign-in", async () => {
    const made = await system();
    const thief = await signedIn(made);
    const link = await pending(made, thief);
    await made.store.update("ticket", { purpose: "change-email" }, { lineage: null });
    const owner = await signedIn(made);
    expect((await owner.post("/sessions/end-others", { json: {} })).status).toBe(200);
    expect(await opened(made, link)).toBe(400);
  });

  it("outlives an ordinary sign-out, the expiry of its session, and the end of others by itself", async () => {
    const made = await system();
    const laptop = await signedIn(made);
    const link = await pending(made, laptop);
    await signedIn(made);
    expect((await laptop.post("/sessions/end-others", { json: {} })).status).toBe(200);
    expect((await laptop.post("/logout", { json: {} })).status).toBe(200);
    expect(await opened(made, link)).toBe(200);
    expect(await made.store.count("user", { email: fresh })).toBe(1);
  });

  /** Signs in on a foreign device, asks there, and leaves the device with another sign-in than the one that asked. */
  const askedAndBack = async (made: Made): Promise<string> => {
    const thief = await signedIn(made, firefox);
    const link = await pending(made, thief);
    expect((await thief.post("/logout", { json: {} })).status).toBe(200);
    const again = { json: { email: ann, password: goodPassword }, headers: { "user-agent": firefox } };
    expect((await thief.post("/login", again)).status).toBe(200);
    return link;
  };
  const endOther = async (owner: TestClient): Promise<void> => {
    const { sessions: devices } = (await owner.get("/sessions", { headers: json })).json.response;
    const others = devices.filter(({ current }: { current: boolean }) => !current) as { id: string }[];
    expect(others).toHaveLength(1);
    expect((await owner.post("/sessions/end", { json: { id: others[0]?.id } })).status).toBe(200);
  };

  it("ends with a device that its user ends, also when an earlier sign-in on it has asked", async () => {
    const made = await system();
    const link = await askedAndBack(made);
    const owner = await signedIn(made);
    await endOther(owner);
    expect(await opened(made, link)).toBe(400);
    expect((await made.store.findOne("user", { email: ann }))?.email).toBe(ann);
    expect(await me(owner)).toBe(200);
  });

  it("ends so also where the application ends the device", async () => {
    const made = await system();
    const link = await askedAndBack(made);
    const id = await userId(made, ann);
    const [device] = await made.security.devices.of(id);
    expect(await made.security.devices.end(id, device?.id ?? "")).toBe(true);
    expect(await opened(made, link)).toBe(400);
  });

  it("stays where it was asked for in the sign-in that ends another device; one of a third device has to be asked again", async () => {
    const made = await system();
    await signedIn(made, firefox);
    const owner = await signedIn(made);
    const own = await pending(made, owner);
    await endOther(owner);
    expect(await opened(made, own)).toBe(200);

    const other = await system();
    const phone = await signedIn(other, firefox);
    const asked = await pending(other, phone);
    expect((await phone.post("/logout", { json: {} })).status).toBe(200);
    await signedIn(other);
    await endOther(await signedIn(other));
    expect(await opened(other, asked)).toBe(400);
  });

  it("ends when the auth token of a sign-in on the device has asked for it, and so does the token", async () => {
    const made = await system({ features: [passwords(), changeEmail(), sessions()], schemes: [] });
    const body = { json: { email: ann, password: goodPassword } };
    const answer = await made.client().post("/login?include_auth_token", body);
    const headers = { "authentication-token": answer.json.response.user.authentication_token as string };
    const program = made.client();
    const byToken = async () => (await program.get("/me", { headers: { ...json, ...headers } })).status;
    expect((await program.post("/change-email", { json: { email: fresh }, headers })).status).toBe(200);
    const link = await linkIn(made, "changeEmailInstructions");
    const owner = await signedIn(made);
    expect(await byToken()).toBe(200);
    await endOther(owner);
    expect(await opened(made, link)).toBe(400);
    expect(await byToken()).toBe(401);
    expect(await me(owner)).toBe(200);
  });

  it("stays, as an auth token does, where the user signs out by the list of devices", async () => {
    const made = await system({ features: [passwords(), changeEmail(), sessions()], schemes: [] });
    const laptop = await signedIn(made);
    const link = await pending(made, laptop);
    const { sessions: devices } = (await laptop.get("/sessions", { headers: json })).json.response;
    expect((await laptop.post("/sessions/end", { json: { id: devices[0].id } })).status).toBe(200);
    expect(await me(laptop)).toBe(401);
    expect(await opened(made, link)).toBe(200);
  });

  it("leaves links alone that nobody who was signed in has asked for", async () => {
    const made = await system();
    await made.client().post("/reset", { json: { email: ann } });
    const link = await linkIn(made, "resetInstructions");
    await made.security.users.endSessions(await userId(made, ann));
    const owner = await signedIn(made);
    expect((await owner.post("/sessions/end-others", { json: {} })).status).toBe(200);
    const body = { password: otherPassword, password_confirm: otherPassword };
    expect((await made.client().post(link, { json: body })).status).toBe(200);
  });
});

describe("a sign-in that waits for a new password", () => {
  const aged: Overrides = {
    features: [passwords(), sessions(), changeEmail()],
    schemes: [],
    passwords: { hashing: weakHashing, policy: { maxAge: "20d" } },
  };
  const parked = async (made: System): Promise<TestClient> => {
    const client = made.client();
    const answer = await client.post("/login", { json: { email: ann, password: goodPassword } });
    expect(answer.json.response.pending).toBe("expired_password");
    return client;
  };
  const finish = (client: TestClient) =>
    client.post("/expired-password", { json: { password: otherPassword, password_confirm: otherPassword } });
  it("goes on while nobody ends anything", async () => {
    const made = await system(aged);
    made.advance(21 * day);
    expect((await finish(await parked(made))).status).toBe(200);
  });

  it("ends with the sessions that an administrator ends, and changes no password", async () => {
    const made = await system(aged);
    made.advance(21 * day);
    const thief = await parked(made);
    await made.security.users.endSessions(await userId(made, ann));
    expect((await finish(thief)).status).toBe(400);
    expect(await me(thief)).toBe(401);
    await parked(made);
  });

  it.each(["/sessions/end-others", "/sessions/end"])(
    "ends, at whatever step, with what its user ends by %s",
    async (path) => {
      let asked = false;
      const step = secondStep({ name: "step", order: 100, path: "/step", asks: () => asked });
      const made = await system({ features: [passwords(), sessions(), step], schemes: [] });
      await signedIn(made, firefox);
      const owner = await signedIn(made);
      asked = true;
      const begin = async (client: TestClient, by: string): Promise<TestClient> => {
        const answer = await client.post(by, { json: { email: ann, password: goodPassword } });
        expect(answer.json.response.pending).toBe("step");
        return client;
      };
      const thief = await begin(made.client(), "/login");
      // The owner's own proof of who they are waits too, and goes on.
      await begin(owner, "/verify");
      const { sessions: devices } = (await owner.get("/sessions", { headers: json })).json.response;
      const other = devices.find(({ current }: { current: boolean }) => !current) as { id: string };
      expect((await owner.post(path, { json: { id: other.id } })).status).toBe(200);
      const code = { json: { password: rightCode } };
      expect((await thief.post("/step", code)).status).toBe(400);
      expect(await me(thief)).toBe(401);
      expect((await owner.post("/step", code)).status).toBe(200);
      expect(await me(owner)).toBe(200);
    },
  );
});

describe("an API key", () => {
  it("that was made since a notice which does not say of which sign-in it tells is shown, and ends", async () => {
    const made = await system();
    await signedIn(made, chrome);
    const stranger = await signedIn(made, firefox);
    const link = await linkIn(made, "newDevice");
    await made.store.update("ticket", { purpose: "not-me" }, { payload: {} });
    made.advance(minute);
    expect((await stranger.post("/verify", { json: { password: goodPassword } })).status).toBe(200);
    const asked = { json: { name: "of before", all_permissions: true } };
    expect((await stranger.post("/api/user/key", asked)).status).toBe(201);
    expect((await made.client().post(link, { json: {} })).status).toBe(200);
    expect(await made.security.apiKeys?.of(await userId(made, ann))).toEqual([]);
  });

  it("that was made in a sign-in which the owner disowns is shown, and ends with it; others stay", async () => {
    const made = await system();
    const key = (client: TestClient, name: string) =>
      client.post("/api/user/key", { json: { name, all_permissions: true } });
    const owner = await signedIn(made, chrome);
    expect((await key(owner, "backup")).status).toBe(201);
    made.advance(minute);
    const stranger = await signedIn(made, firefox);
    made.advance(minute);
    expect((await stranger.post("/verify", { json: { password: goodPassword } })).status).toBe(200);
    expect((await key(stranger, "harmless")).status).toBe(201);
    const asked = await pending(made, stranger);
    const link = await linkIn(made, "newDevice");
    const shown = await made.client().get(link, { headers: json });
    expect(shown.json.response.api_keys.map(({ name }: { name: string }) => name)).toEqual(["harmless"]);
    const browser = made.client();
    const { location } = await browser.get(link);
    expect((await browser.get(location ?? "")).text).toContain("harmless");
    expect((await made.client().post(link, { json: {} })).status).toBe(200);
    const left = await made.security.apiKeys?.of(await userId(made, ann));
    expect(left?.map(({ name }) => name)).toEqual(["backup"]);
    expect(await opened(made, asked)).toBe(400);
  });
});

describe("after a sign-in that was not the owner's,", () => {
  const notices = async (made: Made): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    await made.security.delivery.idle();
    return made.box.all().filter(({ template }) => template === "newDevice").length;
  };
  const makeKey = async (made: Made, client: TestClient, name: string): Promise<Record<string, string>> => {
    made.advance(minute);
    expect((await client.post("/verify", { json: { password: goodPassword } })).status).toBe(200);
    const answer = await client.post("/api/user/key", { json: { name, all_permissions: true } });
    expect(answer.status).toBe(201);
    return { authorization: `Bearer ${answer.json.response.secret}`, ...json };
  };
  const byKey = async (made: Made, headers: Record<string, string>): Promise<number> =>
    (await made.client().get("/by-key", { headers })).status;
  const keyed = async (overrides: Overrides = {}): Promise<Made> => {
    const made = await system(overrides);
    made.app.get("/by-key", { authz: "AUTH", authn: ["apiKey" as never] }, (c) => c.json({ user: c.var.user.email }));
    return made;
  };
  const named = (keys: readonly { readonly name: string }[] | undefined) => keys?.map(({ name }) => name).toSorted();

  it("all API keys since then are shown and end, in whatever sign-in they were made", async () => {
    const made = await keyed();
    const owner = await signedIn(made);
    const before = await makeKey(made, owner, "before");
    made.advance(minute);
    const thief = await signedIn(made, firefox);
    const link = await linkIn(made, "newDevice");
    expect((await thief.post("/logout", { json: {} })).status).toBe(200);
    const back = await signedIn(made, firefox);
    expect(await notices(made)).toBe(1);
    const later = [await makeKey(made, back, "of the thief"), await makeKey(made, owner, "of the owner")];
    const shown = await made.client().get(link, { headers: json });
    expect(named(shown.json.response.api_keys)).toEqual(["of the owner", "of the thief"]);
    expect((await made.client().post(link, { json: {} })).status).toBe(200);
    expect(named(await made.security.apiKeys?.of(await userId(made, ann)))).toEqual(["before"]);
    // Each is told by its id, in the trail too.
    const ended = shown.json.response.api_keys.map(({ id }: { id: string }) => id).toSorted();
    const told = made.events.filter(({ name }) => name === "apiKeyRevoked");
    expect(told.map(({ event }) => event.key).toSorted()).toEqual(ended);
    const kept = await made.security.audit.list({ name: "apiKeyRevoked" });
    expect(kept.map(({ userId, details }) => [userId, JSON.parse(details).key]).toSorted()).toEqual(
      (await userId(made, ann).then((id) => ended.map((key: string) => [id, key]))).toSorted(),
    );
    expect(await byKey(made, before)).toBe(200);
    for (const headers of later) expect(await byKey(made, headers)).toBe(401);
  });

  it("all keys end where the time of the sign-in says nothing, since the clock was set back", async () => {
    const made = await keyed();
    await signedIn(made);
    made.advance(30 * day);
    await signedIn(made, firefox);
    const link = await linkIn(made, "newDevice");
    made.advance(-30 * day);
    const key = await makeKey(made, await signedIn(made, firefox), "of the thief");
    expect((await made.client().post(link, { json: {} })).status).toBe(200);
    expect(await byKey(made, key)).toBe(401);
  });

  it.each([chrome, firefox, "curl/8.5.0"])("the next one brings a notice from every device: %s", async (agent) => {
    const made = await system();
    await signedIn(made, chrome);
    await signedIn(made, firefox);
    const link = await linkIn(made, "newDevice");
    expect((await made.client().post(link, { json: {} })).status).toBe(200);
    expect(await notices(made)).toBe(1);
    await signedIn(made, agent);
    expect(await notices(made)).toBe(2);
    // From then on it is known.
    await signedIn(made, agent);
    expect(await notices(made)).toBe(2);
    expect((await made.client().post(await linkIn(made, "newDevice"), { json: {} })).status).toBe(200);
    await signedIn(made, agent);
    expect(await notices(made)).toBe(3);
  });

  it("the first one of an account that was not used for long brings a notice too", async () => {
    const made = await system();
    await signedIn(made, chrome);
    made.advance(181 * day);
    await made.security.purge();
    await signedIn(made, firefox);
    expect(await notices(made)).toBe(1);
  });

  it("nothing of the account stays once it is removed", async () => {
    const made = await system();
    await signedIn(made, chrome);
    await signedIn(made, firefox);
    expect((await made.client().post(await linkIn(made, "newDevice"), { json: {} })).status).toBe(200);
    expect(await made.store.count("device", {})).toBe(1);
    await made.security.users.delete(await userId(made, ann));
    expect(await made.store.count("device", {})).toBe(0);
  });
});

describe("a remember credential", () => {
  it("with a right id and a secret that never was ends nothing", async () => {
    const made = await system();
    const owner = await signedIn(made, chrome, true);
    const [id = "", secret = ""] = (owner.cookies.get("__Host-remember") ?? "").split(".");
    for (const wrong of ["A".repeat(secret.length), `${secret.slice(0, 22)}${"A".repeat(43)}`, "A".repeat(43)]) {
      const stranger = made.client();
      stranger.cookies.set("__Host-remember", `${id}.${wrong}`);
      expect(await me(stranger)).toBe(401);
    }
    expect(await me(owner)).toBe(200);
    owner.cookies.delete("__Host-session");
    expect(await me(owner)).toBe(200);
    expect(made.events.filter(({ name }) => name === "rememberReused")).toEqual([]);
  });

  it("gives no session that outlives it", async () => {
    const made = await system({ sessions: { remember: "30d", absolute: "7d", idle: "7d" } });
    const client = await signedIn(made, chrome, true);
    made.advance(30 * day - minute);
    client.cookies.delete("__Host-session");
    expect(await me(client)).toBe(200);
    made.advance(minute);
    expect(await me(client)).toBe(401);
  });

  it("brings nobody back by a password that is too old", async () => {
    const made = await system({ passwords: { hashing: weakHashing, policy: { maxAge: "20d" } } });
    const client = await signedIn(made, chrome, true);
    client.cookies.delete("__Host-session");
    made.advance(19 * day);
    expect(await me(client)).toBe(200);
    client.cookies.delete("__Host-session");
    made.advance(day);
    expect(await me(client)).toBe(401);
  });
});

/** A store in memory whose operation fails on the table that is named, as often as it is asked. */
function failing(): { readonly provider: DatastoreProvider; failOn(operation: string, table: string): void } {
  let fault = "";
  const inner = memory();
  const proxied = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, property) {
        const value: unknown = Reflect.get(object, property, object);
        if (typeof value !== "function") return value;
        return (...args: readonly unknown[]): unknown => {
          if (fault === `${String(property)} ${String(args[0])}`) throw new Error(`${fault} failed`);
          if (property !== "transaction") return value.apply(object, args);
          const work = args[0] as (tx: object) => Promise<unknown>;
          return value.call(object, (tx: object) => work(proxied(tx)));
        };
      },
    });
  return {
    provider: { dialect: "memory", open: async (...args) => proxied<Datastore>(await inner.open(...args)) },
    failOn: (operation, table) => {
      fault = `${operation} ${table}`;
    },
  };
}

describe("what must hold together is all done or not at all:", () => {
  it("the end of the other sessions and of all auth tokens", async () => {
    const { provider, failOn } = failing();
    const made = await system({ datastore: provider });
    const [owner, other] = [await signedIn(made), await signedIn(made)];
    const before = await made.store.findOne("user", { email: ann });
    failOn("find", "ticket");
    expect((await owner.post("/sessions/end-others", { json: {} })).status).toBe(500);
    failOn("", "");
    expect(await me(other)).toBe(200);
    expect((await made.store.findOne("user", { email: ann }))?.fsTokenUniquifier).toBe(before?.fsTokenUniquifier);
    expect((await owner.post("/sessions/end-others", { json: {} })).status).toBe(200);
    expect([await me(owner), await me(other)]).toEqual([200, 401]);
    expect((await made.store.findOne("user", { email: ann }))?.fsTokenUniquifier).not.toBe(before?.fsTokenUniquifier);
  });

  it("the deletion of an account and the link that takes it back", async () => {
    const { provider, failOn } = failing();
    const made = await system({ datastore: provider });
    const owner = await signedIn(made);
    failOn("insert", "ticket");
    expect((await owner.post("/delete-account", { json: { password: goodPassword } })).status).toBe(500);
    failOn("", "");
    expect(await made.store.count("deletion", {})).toBe(0);
    expect(await me(owner)).toBe(200);
    expect((await owner.post("/delete-account", { json: { password: goodPassword } })).status).toBe(200);
    expect(await opened(made, await linkIn(made, "accountDeletion"))).toBe(200);
  });

  it("the link of a notice, the end of everything, and the keys", async () => {
    const { provider, failOn } = failing();
    const made = await system({ datastore: provider });
    await signedIn(made, chrome);
    const stranger = await signedIn(made, firefox);
    const link = await linkIn(made, "newDevice");
    failOn("delete", "device");
    expect((await made.client().post(link, { json: {} })).status).toBe(500);
    failOn("", "");
    expect(await me(stranger)).toBe(200);
    expect((await made.client().post(link, { json: {} })).status).toBe(200);
    expect(await me(stranger)).toBe(401);
  });

  it("a reset of the password and the proof of the address", async () => {
    const { provider, failOn } = failing();
    const made = await system({ datastore: provider });
    await made.client().post("/reset", { json: { email: ann } });
    const link = await linkIn(made, "resetInstructions");
    const body = { password: otherPassword, password_confirm: otherPassword };
    failOn("delete", "remember");
    expect((await made.client().post(link, { json: body })).status).toBe(500);
    failOn("", "");
    expect((await made.client().post("/login", { json: { email: ann, password: goodPassword } })).status).toBe(200);
    expect((await made.client().post(link, { json: body })).status).toBe(200);
    expect((await made.store.findOne("user", { email: ann }))?.confirmedAt).not.toBe(null);
  });

  it("a sign-out: the session, its remember credential and its family of tokens", async () => {
    const { provider, failOn } = failing();
    const made = await system({ datastore: provider });
    const client = made.client();
    const body = { email: ann, password: goodPassword, remember: true };
    await client.post("/login?include_auth_token", { json: body });
    failOn("delete", "session");
    expect((await client.post("/logout", { json: {} })).status).toBe(500);
    failOn("", "");
    expect(await made.store.count("refreshTracker", { revokedAt: null })).toBe(1);
    expect([await made.store.count("session", {}), await made.store.count("remember", {})]).toEqual([1, 1]);
    expect(await me(client)).toBe(200);
    expect((await client.post("/logout", { json: {} })).status).toBe(200);
    expect(await made.store.count("refreshTracker", { revokedAt: null })).toBe(0);
    expect([await made.store.count("session", {}), await made.store.count("remember", {})]).toEqual([0, 0]);
  });
});
