/** Those who look after accounts: by pages, by JSON, as somebody else, and for machines. */
import { expect } from "vitest";
import {
  call,
  first,
  type Journey,
  type JourneySystem,
  type Person,
  post,
  second,
  signIn,
  status,
  third,
} from "./system.ts";

const json = { headers: { accept: "application/json" } };

/** The administrator on a device of their own. */
async function admin({ ada, client, security }: JourneySystem): Promise<Person> {
  // The clock may have passed the age of their password.
  await security.users.setPassword(ada.id, first);
  const device = client();
  await signIn(device, ada.email);
  return { ...ada, client: device };
}

export const managementJourneys: Readonly<Record<string, Journey>> = {
  "the pages of the administration, on one user from its creation to its end": {
    features: ["administration"],
    async travel(system) {
      const { client: ada } = await admin(system);
      const { security, client, kysely } = system;
      const email = "adam@acme.example";
      const values = {
        email,
        username: "adam",
        password: first,
        confirmed: true,
        company: "Acme",
        badge: "",
        born: "",
      };
      await post(ada, "/admin/users/new", { ...values, password: "short" }, 400);
      const id = (await post(ada, "/admin/users/new", values)).json.response.id as number;
      const at = `/admin/users/${id}`;
      const adam = client();
      await signIn(adam, email);
      await post(ada, `${at}/edit`, { ...values, company: "Other", badge: "B 9", born: "2001-02-03" });
      expect(await security.users.get(id)).toMatchObject({
        company: "Other",
        badge: "B 9",
        born: new Date("2001-02-03"),
      });
      await post(ada, "/admin/roles/new", { name: "auditor", description: "Looks", permissions: "read" });
      await post(ada, `${at}/roles`, { role: "auditor", grant: true });
      await post(ada, `${at}/roles`, { role: "member", grant: true });
      await post(ada, `${at}/permissions`, { permissions: "manage-users" });
      const account = await security.users.get(id);
      expect([[...(account?.roles ?? [])].sort(), [...(account?.permissions ?? [])].sort()]).toEqual([
        ["auditor", "member"],
        ["manage-users", "read"],
      ]);
      await post(ada, "/admin/roles/auditor/edit", { description: "Looks", permissions: "" });
      await post(ada, "/admin/roles/auditor/delete", {});
      expect([...((await security.users.get(id))?.permissions ?? [])]).toEqual(["manage-users"]);

      await post(ada, `${at}/password`, { password: second, password_confirm: second });
      await signIn(adam, email, second);
      await post(ada, `${at}/deactivate`, {});
      expect(await status(adam)).toBe(401);
      await post(adam, "/login", { email, password: second }, 400);
      await post(ada, `${at}/activate`, {});
      await signIn(adam, email, second);
      const sessions = (await ada.get("/admin/sessions", json)).json.response.sessions as {
        id: string;
        user: string;
      }[];
      await post(ada, `/admin/sessions/${sessions.find(({ user }) => user === email)?.id}/end`, {});
      expect(await status(adam)).toBe(401);
      await signIn(adam, email, second);
      await post(ada, `${at}/end-sessions`, {});
      expect(await status(adam)).toBe(401);
      await signIn(adam, email, second);
      const key = (await post(adam, "/api/user/key", { name: "one" }, 201)).json.response;
      await post(ada, `${at}/keys/${key.key.id}/revoke`, {});
      await post(ada, `${at}/reset-access`, {});
      expect(await status(adam)).toBe(401);
      for (const page of ["users", `users/${id}`, "roles", "roles/member", "sessions", "audit", "limits", "matrix"])
        expect([page, (await ada.get(`/admin/${page}`, { headers: { accept: "text/html" } })).status]).toEqual([
          page,
          200,
        ]);
      const search = (await ada.get("/admin/users?search=ADAM&role=member", json)).json.response;
      expect(search.users).toMatchObject([{ id, username: "adam" }]);
      const file = await call(ada, "GET", `/admin/audit/export?format=json&user=${id}`);
      expect(file.text).toContain("userPermissionsChanged");
      // Somebody newer, so that the number is nobody's afterwards.
      await system.person("adler");
      await post(ada, `${at}/delete`, {});
      expect(await security.users.get(id)).toBeUndefined();
      expect(await kysely.selectFrom("welcome").selectAll().where("user_id", "=", id).execute()).toEqual([]);
      return { id, email, client: adam };
    },
    mails: ["passwordChanged"],
    audit: [
      "userAuthenticated",
      "userUpdated ada",
      "roleGranted ada",
      "roleGranted ada",
      "userPermissionsChanged ada",
      "passwordSet ada",
      "userAuthenticated",
      "userDeactivated ada",
      "signInRefused",
      "userActivated ada",
      "userAuthenticated",
      "sessionsEnded ada",
      "userAuthenticated",
      "sessionsEnded ada",
      "userAuthenticated",
      "apiKeyCreated",
      "apiKeyRevoked ada",
      "accessReset ada",
      "userDeleted ada",
      "accountDeleted ada",
    ],
  },

  "an administrator acts as somebody else, and is themselves again": {
    features: ["administration"],
    async travel(system) {
      const made = await system.person("ivan");
      const { client: ada } = await admin(system);
      await post(ada, `/admin/users/${made.id}/impersonate`, { reason: " " }, 400);
      await post(ada, `/admin/users/${made.id}/impersonate`, { reason: "Ticket 4711" });
      expect((await ada.get("/me", json)).json.user).toBe(made.email);
      expect(await status(ada, "/change-email")).toBe(403);
      await ada.get("/login", json);
      await post(ada, "/admin/impersonation/end", {});
      expect((await ada.get("/me", json)).json.user).toBe(system.ada.email);
      await post(ada, `/admin/users/${made.id}/impersonate`, { reason: "Ticket 4712" });
      system.advance(31 * 60_000);
      expect((await ada.get("/me", json)).json.user).toBe(system.ada.email);
      return made;
    },
    mails: [],
    audit: ["impersonationStarted ada", "permissionDenied ada", "impersonationEnded ada", "impersonationStarted ada"],
  },

  "users by JSON: a manager makes, changes and removes one": {
    features: ["user-management"],
    async travel(system) {
      const manager = await system.person("mona", { permissions: ["manage-users", "read"] });
      const login = async (email: string, password: string): Promise<string> =>
        (await post(system.client(), "/api/user/login", { email, password })).json.response.token;
      const token = await login(manager.email, first);
      const api = (method: string, path: string, body?: object, code = 200) =>
        call(system.client(), method, `/api/user${path}`, body, code, { "authentication-token": token });
      const email = "bert@acme.example";
      const body = { email, username: "bert", password: first, permissions: ["read"], profile: { company: "Acme" } };
      await api("POST", "/users", { ...body, permissions: ["admin"] }, 403);
      const id = (await api("POST", "/users", body, 201)).json.response.user.id as number;
      const own = await login(email, first);
      const bert = (method: string, path: string, sent?: object, code = 200, by = own) =>
        call(system.client(), method, `/api/user${path}`, sent, code, { "authentication-token": by });
      await bert("POST", `/users/${id}/profile`, { company: "Mine", born: "2001-02-03T04:05:06Z" });
      await bert("POST", `/users/${id}/permissions`, { permissions: ["admin"] }, 403);
      const changed = await bert("POST", "/password", { old_password: first, new_password: second });
      await bert("GET", "", undefined, 401);
      await bert("GET", "", undefined, 200, changed.json.response.token);
      await api("PATCH", `/users/${id}`, { username: "bertram" });
      await api("POST", `/users/${id}/permissions`, { permissions: [] });
      await api("POST", `/users/${id}/roles`, { roles: ["member"] });
      await api("POST", `/users/${id}/password`, { password: third });
      await post(system.client(), "/api/user/login", { email, password: second }, 401);
      await login(email, third);
      await api("POST", `/users/${id}/deactivate`, {});
      await post(system.client(), "/api/user/login", { email, password: third }, 401);
      await api("POST", `/users/${id}/activate`, {});
      await login(email, third);
      await api("DELETE", `/users/${id}/sessions`);
      await api("POST", `/users/${id}/reset-access`, {});
      const found = await api("GET", "/users?search=bertr&active=true");
      expect(found.json.response).toMatchObject({
        total: 1,
        users: [{ id, username: "bertram", profile: { company: "Mine" } }],
      });
      // Somebody newer, so that the number is nobody's afterwards.
      await system.person("monty");
      await api("DELETE", `/users/${id}`);
      await api("GET", `/users/${id}`, undefined, 404);
      return { id, email, client: system.client() };
    },
    // Their own change, then the two by the manager.
    mails: ["passwordChanged", "usernameChanged", "passwordChanged"],
    audit: [
      "userAuthenticated",
      "refreshTrackerCreated",
      "userUpdated",
      "permissionDenied",
      "passwordChanged",
      "refreshTrackerCreated",
      "usernameChanged mona",
      "userPermissionsChanged mona",
      "roleGranted mona",
      "passwordSet mona",
      "userFailedAuthn",
      "userAuthenticated",
      "refreshTrackerCreated",
      "userDeactivated mona",
      "signInRefused",
      "userActivated mona",
      "userAuthenticated",
      "refreshTrackerCreated",
      "sessionsEnded mona",
      "accessReset mona",
      "userDeleted mona",
      "accountDeleted mona",
    ],
  },

  "a service account lives by its keys alone": {
    features: ["user-management", "api-keys"],
    async travel(system) {
      const { client: ada } = await admin(system);
      const body = { service: true, username: "backup", permissions: ["read"] };
      const { id, email } = (await call(ada, "POST", "/api/user/users", body, 201)).json.response.user;
      expect(email).toMatch(/@service\.invalid$/);
      const { key, secret } = (
        await call(ada, "POST", `/api/user/users/${id}/key`, { name: "nightly", permissions: ["read"] }, 201)
      ).json.response;
      const reads = () => system.client().get("/reader", { headers: { ...json.headers, "x-api-key": secret } });
      expect((await reads()).json).toEqual({ via: "apiKey", read: true });
      await post(system.client(), "/reset", { email });
      await post(system.client(), "/login-link", { email });
      await call(ada, "POST", `/api/user/users/${id}/deactivate`, {});
      expect((await reads()).status).toBe(401);
      await call(ada, "POST", `/api/user/users/${id}/activate`, {});
      expect((await reads()).status).toBe(200);
      await call(ada, "DELETE", `/api/user/users/${id}/key/${key.id}`);
      expect((await reads()).status).toBe(401);
      return { id, email, client: system.client() };
    },
    mails: [],
    audit: [
      "apiKeyCreated ada",
      "mailWithheld",
      "mailWithheld",
      "userDeactivated ada",
      "userActivated ada",
      "apiKeyRevoked ada",
    ],
  },
};
