/** Every credential that is no fresh proof, at every route that asks for one. */
import type { Client } from "./client.ts";
import { actingAs, programOf } from "./holdings.ts";
import { attacks, each, must, pairs, type Rig, type Victim } from "./suite.ts";

const old = 3 * 3600;

/** Clients of an administrator, who lacks nothing but the fresh proof. */
async function staleClients(rig: Rig, admin: Victim): Promise<Readonly<Record<string, Client>>> {
  const session = await rig.signedIn(admin, { remember: true });
  const restored = rig.client();
  restored.cookies.set("remember", session.cookie("remember") ?? "");
  const token = await programOf(rig, admin);
  const key = await token.client.post(rig.at("KEY-NEW"), {
    json: { name: "stale", all_permissions: true },
    watch: false,
  });
  const withKey = rig.client();
  withKey.headers = { authorization: `Bearer ${key.response["secret"]}` };
  const byPassword = rig.client();
  const pair = Buffer.from(`${admin.email}:${admin.password}`).toString("base64");
  byPassword.headers = { authorization: `Basic ${pair}` };

  const guessed = await rig.signedIn(admin);
  await rig.lab.advance(old);
  must((await session.get("/me")).status === 200, "the session is over");
  must((await restored.get("/me")).status === 200, "the remember credential is over");
  const answer = await rig.client().post(rig.at("REFRESH"), { json: { refresh_token: token.refresh }, watch: false });
  const user = answer.response["user"] as Readonly<Record<string, unknown>> | undefined;
  const renewed = rig.client();
  renewed.token = String(user?.["authentication_token"]);
  must((await renewed.get("/me")).status === 200, `the renewed token does not work: ${answer.status}`);
  must((await withKey.get(rig.at("KEYED"))).status === 200, "the API key does not work");
  must((await byPassword.get(rig.at("BASIC"))).status === 200, "Basic does not work");
  // A wrong proof, and another's, make nothing fresh.
  const stranger = await rig.user();
  for (const json of [{ password: "a wrong guess" }, stranger, { password: stranger.password }, {}]) {
    must((await guessed.post(rig.at("VERIFY"), { json })).status === 400, "a wrong proof is taken");
  }
  return {
    "an old session": session,
    "a restored session": restored,
    "a renewed token": renewed,
    "an API key": withKey,
    "a password by Basic": byPassword,
    "a session after wrong proofs": guessed,
    "acting as a user": await actingAs(rig, await rig.user()),
  };
}

attacks(
  "freshness",
  { profiles: ["full"], short: "full:sqlite", settings: { REFRESH_TOKEN_COOKIE_NAME: null } },
  (attack) => {
    attack("ADV-I [ASVS 7.5.1] [ASVS 6.3.4]: what is no fresh proof opens nothing that asks for one", async (rig) => {
      const admin = await rig.user({ roles: ["admin"] });
      const id = String((await rig.lab.accounts.byEmail((await rig.user()).email))?.["id"]);
      const clients = await staleClients(rig, admin);
      // A message that waits, as it cannot be sent.
      await rig.lab.fault("mail", 1000);
      await rig.client().post(rig.at("RECOVER"), { json: { email: (await rig.user()).email } });
      const list = await (await rig.signedIn(admin)).get("/administration/outbox");
      const [waiting] = list.response["messages"] as readonly { readonly id: string }[];
      if (waiting === undefined) throw new Error("no message waits");
      const fresh = rig.lab.routes
        .filter(({ guard }) => /\bfresh\b/.test(guard))
        .map(({ method, path }) => ({
          method,
          path: path
            .replace(":id", id)
            .replace(":role", "editor")
            .replace(":message", waiting.id)
            .replace(/:\w+/g, "A".repeat(43)),
        }));
      must(fresh.length > 50, `only ${fresh.length} routes`);
      const everything = {
        email: "taken@evil.example",
        username: "takenover",
        new_password: "battery staple 77",
        new_password_confirm: "battery staple 77",
        role: "admin",
        grant: true,
        permissions: "super",
        name: "evil",
        reason: "because",
      };
      await each(
        pairs(Object.entries(clients), fresh),
        ([[kind], { method, path }]) => `${kind}: ${method} ${path}`,
        async ([[, client], { method, path }]) => {
          const answer = await client.send(method, path, method === "GET" ? {} : { json: everything });
          // Somebody who acts as a user is refused in any case: such a session can never be fresh.
          must([401, 403].includes(answer.status), `status ${answer.status}`);
        },
      );
      // With the proof they would get in: it is what they lack.
      const proved = clients["an old session"] as Client;
      const verified = await proved.post(rig.at("VERIFY"), { json: { password: admin.password } });
      must(verified.status === 200, `VERIFY: ${verified.status}`);
      await each(
        fresh.filter(
          ({ method, path }) => method === "GET" && !/\/(?:sessions|keys)\/|\/roles\/editor\/delete$/.test(path),
        ),
        ({ path }) => path,
        async ({ path }) => {
          const answer = await proved.get(path);
          must(answer.status === 200 || answer.status === 405, `refused with the proof: ${answer.status}`);
        },
      );
      await rig.lab.fault("mail", 0);
    });
  },
);
