/** Devices, tokens and keys: what an account is signed in by, and how each of them ends. */
import { expect } from "vitest";
import { call, day, firefox, first, type Journey, post, second, signIn, status } from "./system.ts";

const json = { headers: { accept: "application/json" } };

export const deviceJourneys: Readonly<Record<string, Journey>> = {
  "devices are listed, one is ended, then all others": {
    features: ["sessions"],
    async travel({ person, client }) {
      const { id, email, client: desk } = await person("lars");
      const [phone, tablet, car] = [client(), client(), client()];
      await signIn(desk, email);
      for (const one of [phone, tablet, car]) await signIn(one, email, first, { remember: true });
      const listed = (await desk.get("/sessions", json)).json.response.sessions as { id: string; current: boolean }[];
      expect(listed).toHaveLength(4);
      expect(listed.filter(({ current }) => current)).toHaveLength(1);
      await post(desk, "/sessions/end", { id: listed.find(({ current }) => !current)?.id });
      const alive = async (): Promise<number> =>
        (await Promise.all([phone, tablet, car].map((one) => status(one)))).filter((code) => code === 200).length;
      expect(await alive()).toBe(2);
      await post(desk, "/sessions/end-others", {});
      expect([await alive(), await status(desk)]).toEqual([0, 200]);
      return { id, email, client: desk };
    },
    mails: [],
    audit: [...Array.from({ length: 4 }, () => "userAuthenticated"), "sessionsEnded", "sessionsEnded"],
  },

  "a new device is told of, and disowned with the key that was made on it": {
    features: ["notices"],
    async travel(system) {
      const { person, client, linkTo, store } = system;
      const { id, email, client: own } = await person("nora");
      await signIn(own, email);
      const thief = client(firefox);
      await signIn(thief, email);
      const key = (await post(thief, "/api/user/key", { name: "stolen" }, 201)).json.response.secret as string;
      expect(await status(client(), "/reader", { "x-api-key": key })).toBe(200);
      const link = await linkTo("newDevice", email);
      await post(client(), link, {});
      expect([await status(own), await status(thief)]).toEqual([401, 401]);
      expect(await status(client(), "/reader", { "x-api-key": key })).toBe(401);
      await post(client(), link, {}, 400);
      await post(client(), await linkTo("resetInstructions", email), { password: second, password_confirm: second });
      await signIn(own, email, second);
      // Its devices and the mark that there has been one.
      expect(await store.count("device", { userId: id })).toBe(2);
      return { id, email, client: own };
    },
    mails: ["newDevice", "resetInstructions", "resetNotice", "newDevice"],
    audit: [
      "userAuthenticated",
      "userAuthenticated",
      "apiKeyCreated",
      // The mail is told of once it is stored, the rest once no process lets the stranger in any more.
      ["signInDisowned", "apiKeyRevoked", "resetInstructionsSent"],
      "passwordReset",
      "userAuthenticated",
    ],
  },

  "tokens are renewed, each once; a copy ends the family": {
    features: ["refresh"],
    async travel({ person, client, advance }) {
      const { id, email, client: device } = await person("tom");
      const pair = async (path: string, body: object): Promise<{ auth: string; refresh: string }> => {
        const { user } = (await post(client(), path, body)).json.response;
        return { auth: user.authentication_token, refresh: user.refresh_token };
      };
      const works = async (auth: string): Promise<boolean> =>
        (await status(client(), "/reader", { "authentication-token": auth })) === 200;
      const one = await pair("/login?include_auth_token", { email, password: first });
      expect(await works(one.auth)).toBe(true);
      const two = await pair("/refresh-token", { refresh_token: one.refresh });
      expect([two.refresh === one.refresh, await works(two.auth)]).toEqual([false, true]);
      advance(60_000);
      await post(client(), "/refresh-token", { refresh_token: one.refresh }, 400);
      await post(client(), "/refresh-token", { refresh_token: two.refresh }, 400);
      expect(await works(two.auth)).toBe(false);
      const three = await pair("/login?include_auth_token", { email, password: first });
      await call(client(), "POST", "/logout", {}, 200, { "authentication-token": three.auth });
      expect(await works(three.auth)).toBe(false);
      await post(client(), "/refresh-token", { refresh_token: three.refresh }, 400);
      const four = await pair("/login?include_auth_token", { email, password: first });
      advance(8 * day);
      await post(client(), "/refresh-token", { refresh_token: four.refresh }, 400);
      return { id, email, client: device };
    },
    mails: [],
    audit: [
      "userAuthenticated",
      "refreshTrackerCreated",
      "refreshTrackerRevoked",
      "refreshTokenReused",
      "userAuthenticated",
      "refreshTrackerCreated",
      "refreshTrackerRevoked",
      "userSignedOut",
      "userAuthenticated",
      "refreshTrackerCreated",
    ],
  },

  "a key with one permission: used, out of time, ended": {
    features: ["api-keys"],
    async travel({ person, client, security, advance }) {
      const made = await person("kim", { permissions: ["read"] });
      const { id, email, client: device } = made;
      await signIn(device, email);
      const create = async (more: object): Promise<{ id: string; secret: string }> => {
        const { key, secret } = (await post(device, "/api/user/key", more, 201)).json.response;
        return { id: key.id, secret };
      };
      const reads = async (secret: string): Promise<unknown> => {
        const answer = await client().get("/reader", {
          headers: { ...json.headers, authorization: `Bearer ${secret}` },
        });
        return answer.status === 200 ? answer.json.read : answer.status;
      };
      const plain = await create({ name: "plain" });
      const reader = await create({ name: "reader", permissions: ["read"], expires_in: 3600 });
      await post(device, "/api/user/key", { name: "more", permissions: ["admin"] }, 400);
      expect([await reads(plain.secret), await reads(reader.secret)]).toEqual([false, true]);
      expect((await device.get("/api/user/key", json)).json.response.keys).toHaveLength(2);
      await security.users.setPermissions(id, []);
      expect(await reads(reader.secret)).toBe(false);
      advance(3_601_000);
      expect([await reads(plain.secret), await reads(reader.secret)]).toEqual([false, 401]);
      await call(device, "DELETE", `/api/user/key/${plain.id}`);
      expect(await reads(plain.secret)).toBe(401);
      return made;
    },
    mails: [],
    audit: ["userAuthenticated", "apiKeyCreated", "apiKeyCreated", "userPermissionsChanged", "apiKeyRevoked"],
  },

  "an account that guesses have locked is opened by the mailed link": {
    features: ["unlock"],
    async travel({ person, client, advance, linkTo, security }) {
      const { id, email, client: device } = await person("gwen");
      for (let failures = 0; failures < 20; failures += 1) {
        // The budget of an account lets one guess through each minute and a half.
        advance(91_000);
        expect(await security.lockouts()).toEqual([]);
        await post(client(), "/login", { email, password: "wrong" }, 400);
      }
      expect(await security.lockouts()).toMatchObject([{ userId: id }]);
      await post(device, await linkTo("accountLocked", email), {});
      expect(await security.lockouts()).toEqual([]);
      await signIn(device, email);
      return { id, email, client: device };
    },
    mails: ["accountLocked"],
    audit: [
      ...Array.from({ length: 20 }, () => "userFailedAuthn"),
      "accountLocked",
      "accountUnlocked",
      "userAuthenticated",
    ],
  },

  "what a visitor chose opens a checkpoint, until they sign out": {
    features: ["passwords"],
    async travel({ person, client }) {
      const { id, email, client: device } = await person("carl");
      expect(await status(device, "/team")).toBe(403);
      await signIn(device, email);
      await post(device, "/plan", { plan: "alone" });
      expect(await status(device, "/team")).toBe(403);
      await post(device, "/plan", { plan: "team" });
      expect([await status(device, "/team"), await status(client(), "/team")]).toEqual([200, 403]);
      await post(device, "/logout", {});
      expect(await status(device, "/team")).toBe(403);
      return { id, email, client: device };
    },
    mails: [],
    audit: ["userAuthenticated", "permissionDenied", "userSignedOut"],
  },
};
