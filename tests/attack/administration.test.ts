import type { Answer, Client } from "./client.ts";
import type { Route } from "./lab.ts";
import { attacks, each, must, pairs, type Rig, type Victim } from "./suite.ts";

const matt: Victim = { email: "matt@lp.com", password: "password" };
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

/** The administration's routes, about the given user, a role and a session. */
function pagesOf(rig: Rig, id: number): readonly { readonly route: Route; readonly path: string }[] {
  const found = rig.lab.routes.filter(({ source }) => source === "administration");
  must(found.length > 30, `only ${found.length} routes`);
  return found.map((route) => ({
    route,
    path: route.path.replace(":id", String(id)).replace(":role", "editor").replace(":session", "A".repeat(43)),
  }));
}

async function idOf(rig: Rig, { email }: Victim): Promise<number> {
  return Number((await rig.lab.accounts.byEmail(email))?.["id"]);
}

const everything = {
  email: "taken-over@evil.example",
  username: "takenover",
  password: "battery staple 77",
  password_confirm: "battery staple 77",
  role: "admin",
  grant: true,
  permissions: "super",
  name: "evil",
  reason: "because",
};

/** None of this was done: a page that says no, the way to sign in, or an error. */
function mustBeRefused(answer: Answer): void {
  must(answer.status >= 300 && answer.status < 500, `status ${answer.status}: ${answer.text.slice(0, 200)}`);
  must(!/lp\.com/.test(answer.text), "the answer names accounts");
}

/** As whoever starts the suite the administrator begins to act as the victim. */
async function actingAs(rig: Rig, victim: Victim): Promise<Client> {
  const client = await rig.signedIn(matt);
  const path = `/administration/users/${await idOf(rig, victim)}/impersonate`;
  const answer = await client.post(path, { json: { reason: "an attack is played" } });
  must(answer.status === 200, `${answer.status} ${answer.text}`);
  client.csrf = String(answer.response["csrf_token"]);
  return client;
}

attacks("ADM", { profiles: ["full", "spa"], short: "full:sqlite" }, (attack) => {
  attack(
    "ADM-01 [ASVS 8.2.1] [ASVS 8.4.2]: nobody but administrators by a session reaches a page, form or question, by any method",
    async (rig) => {
      const victim = await rig.user();
      const id = await idOf(rig, victim);
      const plain = await rig.signedIn();
      const editor = await rig.user();
      await rig.lab.control("PATCH", `/users/${editor.email}`, { roles: ["editor"] });
      const callers: Readonly<Record<string, Client>> = {
        anonymous: rig.client(),
        visitor: await rig.visitor(),
        user: plain,
        editor: await rig.signedIn(editor),
        token: await withToken(rig, matt),
        "acting as a user": await actingAs(rig, await rig.user()),
      };
      const targets = pagesOf(rig, id).filter(({ path }) => path !== "/administration/impersonation/end");
      await each(
        pairs(Object.entries(callers), pairs(targets, methods)),
        ([[who], [{ path }, method]]) => `${who}: ${method} ${path}`,
        async ([[, client], [{ path }, method]]) => {
          const body = method === "GET" || method === "HEAD" ? {} : { json: everything };
          mustBeRefused(await client.send(method, path, body));
        },
      );
      await each(
        pairs([plain, callers["editor"] as Client], targets),
        ([, { path }]) => `as a page: ${path}`,
        async ([client, { path }]) => mustBeRefused(await client.get(path, { page: true })),
      );
    },
  );

  attack("ADM-01 [ASVS 4.1.4]: other spellings of the pages' paths are no way around their guards", async (rig) => {
    const client = await rig.signedIn();
    const spellings = (path: string): readonly string[] => [
      `${path}/`,
      `/${path}`,
      path.toUpperCase(),
      `/x/..${path}`,
      path.replace("/administration", "/%61dministration"),
      path.replace("/administration/", "/administration//"),
      path.replace("/administration/", "/administration%2f"),
      `${path};a=b`,
      `${path}%00`,
      `${path}.json`,
      `${path}?next=//evil.test`,
    ];
    await each(
      pagesOf(rig, 1).flatMap(({ path }) => spellings(path)),
      String,
      async (path) => {
        const answer = await client.get(path);
        must(answer.status >= 300 || path.includes("/impersonation/end"), `status ${answer.status}`);
        must(!answer.text.includes("matt@lp.com"), "the answer names accounts");
      },
    );
  });

  attack("ADM-01 [ASVS 7.5.1]: an administrator's old proof changes nothing, on a page or as JSON", async (rig) => {
    const victim = await rig.user();
    const id = await idOf(rig, victim);
    const client = await rig.signedIn(matt);
    const before = await rig.lab.accounts.snapshot();
    await rig.lab.advance(3 * 3600);
    const changes = pagesOf(rig, id).filter(({ route }) => route.method === "POST");
    await each(
      changes.filter(({ path }) => path !== "/administration/impersonation/end"),
      ({ path }) => path,
      async ({ path }) => {
        const posted = await client.post(path, { json: everything });
        must(posted.status === 401 && posted.response["reauth_required"] === true, `${posted.status} ${posted.text}`);
        const page = await client.get(path, { page: true });
        must(page.status === 302 && (page.location ?? "").startsWith(rig.at("VERIFY")), `page: ${page.status}`);
      },
    );
    must((await rig.lab.accounts.snapshot()) === before, "something was changed");
  });

  attack("ADM-01 [ASVS 3.5.1] [ASVS 3.5.3]: no question is answered without a form of its own page", async (rig) => {
    const victim = await rig.user();
    const id = await idOf(rig, victim);
    const client = await rig.signedIn(matt);
    const before = await rig.lab.accounts.snapshot();
    await each(
      pagesOf(rig, id).filter(({ route }) => route.method === "POST"),
      ({ path }) => path,
      async ({ path }) => {
        const form = Object.fromEntries(Object.entries(everything).map(([name, value]) => [name, String(value)]));
        for (const attempt of [
          { form, csrf: false as const },
          { json: everything, csrf: false as const },
          { form: { ...form, csrf_token: "x".repeat(22) }, csrf: false as const },
          { json: everything, headers: { origin: "https://evil.test" } },
          { json: everything, headers: { "sec-fetch-site": "cross-site" } },
        ]) {
          const answer = await client.post(path, attempt);
          must(answer.status === 400, `${answer.status} ${answer.text.slice(0, 200)}`);
        }
        // To ask is to do nothing.
        await client.get(path, { page: true });
        await client.send("HEAD", path);
      },
    );
    must((await rig.lab.accounts.snapshot()) === before, "something was changed");
  });

  attack("ADM-02: nobody takes away their own account, their own roles, or the last administrator", async (rig) => {
    const client = await rig.signedIn(matt);
    const own = await idOf(rig, matt);
    for (const action of ["deactivate", "delete", "password", "permissions", "roles", "impersonate"]) {
      for (const grant of [true, false]) {
        const answer = await client.post(`/administration/users/${own}/${action}`, { json: { ...everything, grant } });
        must(answer.status === 400, `${action}: ${answer.status} ${answer.text}`);
      }
    }
    const before = await rig.lab.accounts.snapshot();
    // Of all administrators at once: by the role that makes them.
    const emptied = await client.post("/administration/roles/admin/edit", { json: { permissions: "full-read" } });
    must(emptied.status === 400, `${emptied.status} ${emptied.text}`);
    const deleted = await client.post("/administration/roles/admin/delete", { json: {} });
    must(deleted.status === 400, `${deleted.status} ${deleted.text}`);
    must((await rig.lab.accounts.snapshot()) === before, "something was changed");
  });

  attack(
    "ADM-02: whoever acts as a user reaches nothing that guards the account, and nobody's administration",
    async (rig) => {
      const victim = await rig.user();
      const client = await actingAs(rig, victim);
      const before = await rig.lab.accounts.snapshot();
      const open = [rig.at("LOGIN"), rig.at("LOGOUT"), "/administration/impersonation/end"];
      const account = rig.lab.routes.filter(
        ({ source, path }) => source !== "application" && !open.includes(path) && !/\.(?:css|json)$/.test(path),
      );
      await each(
        account,
        ({ method, path }) => `${method} ${path}`,
        async ({ method, path }) => {
          const at = path.replace(":role", "editor").replace(/:\w+/g, "1");
          const answer = await client.send(method, at, method === "GET" ? {} : { json: everything });
          must(answer.status >= 400 && answer.status < 500, `status ${answer.status} ${answer.text.slice(0, 100)}`);
        },
      );
      const fresh = await client.get("/fresh");
      must(fresh.status === 401, `a session without a proof is fresh: ${fresh.status}`);
      const token = await client.post(`${rig.at("LOGIN")}?include_auth_token`, { json: victim });
      must(token.status === 400 && !token.text.includes("authentication_token"), `${token.status} ${token.text}`);
      must((await rig.lab.accounts.snapshot()) === before, "something was changed");
      const me = await client.get("/me");
      must(me.json["email"] === victim.email, me.text);
    },
  );

  attack(
    "ADM-02: acting as a user leaves nothing behind when it ends, and the copy of its cookie is worth nothing",
    async (rig) => {
      const victim = await rig.user();
      const client = await actingAs(rig, victim);
      const copy = client.copy();
      const [name] = [...copy.cookies.keys()].filter((known) => /(?:^|__Host-)impersonator$/.test(known));
      must(name !== undefined, "there is no second cookie");
      const thief = client.copy();
      thief.cookies.delete(name);
      const ended = await client.post("/administration/impersonation/end", { json: {} });
      must(ended.status === 200, `${ended.status} ${ended.text}`);
      must((await client.get("/me")).json["email"] === matt.email, "the administrator is not themselves again");
      must((await thief.get("/me")).status === 401, "the user's session goes on");
      must(
        (await thief.get("/administration/users")).status === 401,
        "the user's session leads to the administrator's",
      );
      await rig.lab.control("PATCH", `/users/${victim.email}`, { active: false });
      must((await copy.get("/me")).json["email"] !== victim.email, "the copy acts as the user");
    },
  );
});

/** A client that is signed in by an auth token alone. */
async function withToken(rig: Rig, victim: Victim): Promise<Client> {
  const visitor = await rig.visitor();
  const answer = await visitor.signIn(victim.email, victim.password);
  const client = rig.client();
  client.token = String((answer.response["user"] as Readonly<Record<string, unknown>>)["authentication_token"]);
  must(client.token.length > 20, "no token");
  return client;
}
