import type { Answer, Client } from "./client.ts";
import { attacks, each, must, pairs, type Rig, secret, type Victim } from "./suite.ts";

const admin: Victim = { email: "matt@lp.com", password: "password" };

/** A client that sends this user's token and nothing by itself. */
async function program(rig: Rig, { email, password }: Victim): Promise<Client> {
  const client = rig.client();
  const answer = await client.post("/api/user/login", { json: { email, password } });
  must(answer.status === 200, `no sign-in as ${email}: ${answer.status}`);
  client.token = String(answer.response["token"]);
  rig.lab.planted.add(client.token);
  return client;
}

/** The id of the user with this address. */
async function idOf(rig: Rig, email: string): Promise<number> {
  const row = (await rig.lab.control("GET", `/users/${encodeURIComponent(email)}`)) as { id: number };
  return row.id;
}

const membersOf = (answer: Answer, name: string): Record<string, unknown> =>
  (answer.response[name] ?? {}) as Record<string, unknown>;

/** Makes a key; its text and id. */
async function newKey(rig: Rig, client: Client, more: object = {}): Promise<{ id: string; text: string }> {
  const answer = await client.post(rig.at("KEY-NEW"), { json: { name: "attack", ...more } });
  must(answer.status === 201, `no key: ${answer.status} ${answer.text}`);
  const text = String(answer.response["secret"]);
  rig.lab.planted.add(text);
  return { id: String(membersOf(answer, "key")["id"]), text };
}

/** A status of a request with this key, by each carrier. */
async function withKey(rig: Rig, text: string, path: string = rig.at("KEYED")): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (const headers of [{ authorization: `Bearer ${text}` }, { "x-api-key": text }]) {
    statuses.push((await rig.client().get(path, { headers })).status);
  }
  return statuses;
}

const all = (statuses: readonly number[], status: number): boolean => statuses.every((seen) => seen === status);

/** Each call of the management of users, for one user. */
const calls = (id: number): readonly (readonly [method: string, path: string, body: object | undefined])[] => [
  ["GET", "/api/user/users", undefined],
  ["POST", "/api/user/users", { email: `${secret()}@lp.com` }],
  ["GET", `/api/user/users/${id}`, undefined],
  ["PATCH", `/api/user/users/${id}`, { email: `${secret()}@lp.com` }],
  ["DELETE", `/api/user/users/${id}`, undefined],
  ["POST", `/api/user/users/${id}/permissions`, { permissions: ["super"] }],
  ["POST", `/api/user/users/${id}/roles`, { roles: ["admin"] }],
  ["POST", `/api/user/users/${id}/password`, { password: secret() }],
  ["POST", `/api/user/users/${id}/activate`, {}],
  ["POST", `/api/user/users/${id}/deactivate`, {}],
  ["POST", `/api/user/users/${id}/unlock`, {}],
  ["POST", `/api/user/users/${id}/reset-access`, {}],
  ["DELETE", `/api/user/users/${id}/sessions`, undefined],
  ["GET", `/api/user/users/${id}/key`, undefined],
  ["POST", `/api/user/users/${id}/key`, { name: "x" }],
  ["DELETE", `/api/user/users/${id}/key/${"0".repeat(24)}`, undefined],
];

const send = (client: Client, [method, path, body]: ReturnType<typeof calls>[number]): Promise<Answer> =>
  client.send(method, path, body === undefined ? {} : { json: body });

attacks("KEY, ADM", { short: "full:sqlite" }, (attack) => {
  attack("KEY-01 [ADV-C] [ASVS 8.2.2] [ASVS 15.3.3]: keys are made for nobody else", async (rig) => {
    const [victim, mallory] = [await rig.user(), await rig.user()];
    const id = await idOf(rig, victim.email);
    const theirs = await program(rig, mallory);
    const key = await newKey(rig, theirs, { all_permissions: true });
    const claims = [
      { user_id: id },
      { userId: id },
      { owner: victim.email },
      { sub: id },
      { user: { id } },
      { email: victim.email },
    ];
    await each(claims, JSON.stringify, async (claim) => {
      const sent = { json: { name: "x", ...claim } };
      const anonymous = await rig.client().post(rig.at("KEY-NEW"), sent);
      must(anonymous.status === 401, `anonymous: ${anonymous.status}`);
      const holder = await rig.client().post(rig.at("KEY-NEW"), {
        ...sent,
        headers: { authorization: `Bearer ${key.text}` },
      });
      must(holder.status === 401, `as key holder: ${holder.status}`);
      const own = await theirs.post(rig.at("KEY-NEW"), sent);
      must(own.status === 400, `as another: ${own.status}`);
    });
    const keys = (await (await program(rig, victim)).get(rig.at("KEY-NEW"))).response["keys"];
    must(Array.isArray(keys) && keys.length === 0, "the victim has a key");
  });

  attack("KEY-02 [ASVS 8.3.1]: no key can more than its owner, then or later", async (rig) => {
    const mallory = await rig.user({ roles: ["author"] });
    const client = await program(rig, mallory);
    await each(
      [
        { permissions: ["super"] },
        { permissions: ["full-read", "full-write"] },
        { permissions: ["admin"] },
        { permissions: ["*"] },
        { scopes: ["all"] },
        { roles: ["admin"] },
        { unlimited: true },
        { expires_in: 10 ** 9 },
        { expires_at: "9999-01-01" },
        { rate: "9999999999/1s" },
      ],
      JSON.stringify,
      async (more) => {
        const answer = await client.post(rig.at("KEY-NEW"), { json: { name: "x", ...more } });
        must(answer.status === 400 || answer.status === 403, `status ${answer.status}`);
      },
    );
    const key = await newKey(rig, client, { permissions: ["full-read"] });
    const seen = async (): Promise<string> =>
      String((await rig.client().get(rig.at("KEYED"), { headers: { "x-api-key": key.text } })).json["permissions"]);
    must((await seen()) === "full-read", await seen());
    await rig.lab.control("PATCH", `/users/${encodeURIComponent(mallory.email)}`, { roles: [] });
    must((await seen()) === "", `a right that the owner has lost: ${await seen()}`);
  });

  attack(
    "KEY-03 [ADV-J] [ASVS 7.4.2] [ASVS 8.3.2]: keys that were revoked, have expired, or whose owner is gone",
    async (rig) => {
      const [victim, mallory] = [await rig.user(), await rig.user()];
      const [owner, other] = [await program(rig, victim), await program(rig, mallory)];
      const [revoked, kept] = [await newKey(rig, owner), await newKey(rig, owner)];
      must(all(await withKey(rig, revoked.text), 200), "a good key is refused");
      const path = `${rig.at("KEY-NEW")}/${revoked.id}`;
      must((await other.send("DELETE", path)).status === 404, "another's key is something else than none");
      must((await rig.client().send("DELETE", path)).status === 401, "anonymous");
      must(all(await withKey(rig, revoked.text), 200), "ended by somebody else");
      must((await owner.send("DELETE", path)).status === 200, "the owner can't");
      must(all(await withKey(rig, revoked.text), 401), "a revoked key works");
      await rig.lab.control("PATCH", `/users/${encodeURIComponent(victim.email)}`, { active: false });
      must(all(await withKey(rig, kept.text), 401), "the key of a disabled user works");
      await rig.lab.control("PATCH", `/users/${encodeURIComponent(victim.email)}`, { active: true });
      must(all(await withKey(rig, kept.text), 200), "a good key is refused again");
      await rig.lab.control("DELETE", `/users/${encodeURIComponent(victim.email)}`);
      must(all(await withKey(rig, kept.text), 401), "the key of a removed user works");
      const short = await newKey(rig, other, { expires_in: 60 });
      must(all(await withKey(rig, short.text), 200), "a good key is refused");
      await rig.lab.control("POST", "/clock", { advance: 61 });
      must(all(await withKey(rig, short.text), 401), "an expired key works");
      await rig.lab.control("POST", "/clock", { reset: true });
    },
  );

  attack("LEA-05 [ASVS 14.2.6] [ASVS 15.3.1]: a key is shown once", async (rig) => {
    const victim = await rig.user();
    const client = await program(rig, victim);
    const { id, text } = await newKey(rig, client);
    const answers = [
      await client.get(rig.at("KEY-NEW")),
      await client.get("/api/user"),
      await (await program(rig, admin)).get(`/api/user/users/${await idOf(rig, victim.email)}`),
      await (await program(rig, admin)).get(rig.at("USERS")),
    ];
    must(answers[0]?.text.includes(id) === true, "the list knows nothing of the key");
    for (const answer of answers) must(!answer.text.includes(text.slice(-43)), `the key is in ${answer.path}`);
    // And it opens nothing but routes that say so.
    const closed = rig.lab.routes.filter(
      ({ schemes, open, path, guard }) =>
        !schemes.includes("apiKey") && open === undefined && guard !== "not signed in" && !path.includes(":"),
    );
    must(closed.length > 20, "nothing to try");
    await each(
      closed,
      ({ method, path }) => `${method} ${path}`,
      async ({ method, path }) => {
        for (const headers of [{ authorization: `Bearer ${text}` }, { "x-api-key": text }]) {
          const body = method === "GET" ? {} : { json: {} };
          const answer = await rig.client().send(method, path, { headers, ...body });
          must([302, 400, 401].includes(answer.status), `status ${answer.status}`);
          must(!answer.text.includes(victim.email), "somebody's data");
        }
      },
    );
  });

  attack("ADM-01 [ASVS 8.2.1] [ASVS 8.4.2]: only who may manage users does", async (rig) => {
    const [victim, plain] = [await rig.user(), await rig.user({ roles: ["editor"] })];
    const id = await idOf(rig, victim.email);
    const client = await program(rig, plain);
    const browser = await rig.signedIn(plain);
    const declared = rig.lab.routes.filter(({ path }) => /\/api\/user\/users/.test(path)).length;
    must(declared <= calls(id).length, "there are calls that are not played");
    await each(
      calls(id),
      ([method, path]) => `${method} ${path}`,
      async (call) => {
        must((await send(rig.client(), call)).status === 401, "anonymous");
        must((await send(client, call)).status === 403, "somebody");
        must((await send(browser, call)).status === 403, "somebody by session");
        must((await send(browser, ["POST", call[1], call[2] ?? {}])).status >= 400, "by another method");
      },
    );
    // By what a session brings along alone, no change is made: the token is missing.
    const owner = await rig.signedIn(admin);
    await each(
      calls(id).filter(([method]) => method !== "GET"),
      ([method, path]) => `${method} ${path}`,
      async ([method, path, body]) => {
        const answer = await owner.send(method, path, { csrf: false, ...(body === undefined ? {} : { json: body }) });
        must(answer.status === 400, `without a CSRF token: ${answer.status}`);
        const foreign = await owner.send(method, path, {
          headers: { origin: "https://evil.test" },
          ...(body === undefined ? {} : { json: body }),
        });
        must(foreign.status === 400, `from another origin: ${foreign.status}`);
      },
    );
  });

  attack("ADM-02 [ASVS 8.3.1] [ASVS 8.2.1]: a manager grants nothing beyond its own rights", async (rig) => {
    const [manager, victim] = [await rig.user(), await rig.user()];
    const [own, other] = [await idOf(rig, manager.email), await idOf(rig, victim.email)];
    const boss = await idOf(rig, admin.email);
    const given = await (await program(rig, admin)).post(`/api/user/users/${own}/permissions`, {
      json: { permissions: ["manage-users", "full-read"] },
    });
    must(given.status === 200, `no manager: ${given.status}`);
    const client = await program(rig, manager);
    must((await client.get(`/api/user/users/${other}`)).status === 200, "a manager can't manage");
    await each(
      [
        ...calls(boss).slice(2),
        ...calls(own).slice(2),
        ...["super", "admin", "full-write"].map(
          (word) => ["POST", `/api/user/users/${other}/permissions`, { permissions: [word] }] as const,
        ),
        ...["admin", "editor", "author"].map(
          (word) => ["POST", `/api/user/users/${other}/roles`, { roles: [word] }] as const,
        ),
        ["POST", "/api/user/users", { email: `${secret()}@lp.com`, permissions: ["super"] }] as const,
        ["POST", "/api/user/users", { email: `${secret()}@lp.com`, roles: ["admin"] }] as const,
      ],
      (call) => JSON.stringify(call),
      async (call) => {
        const answer = await send(client, call);
        must(answer.status === 403, `status ${answer.status}`);
      },
    );
  });

  attack("MAS-04 [ADV-C] [ASVS 15.3.3]: what has a call of its own is no field of another", async (rig) => {
    const [manager, victim] = [await rig.user(), await rig.user()];
    const [own, other] = [await idOf(rig, manager.email), await idOf(rig, victim.email)];
    await (await program(rig, admin)).post(`/api/user/users/${own}/permissions`, {
      json: { permissions: ["manage-users"] },
    });
    const client = await program(rig, manager);
    const fields: readonly object[] = [
      { roles: ["admin"] },
      { permissions: ["super"] },
      { own_permissions: ["super"] },
      { password: secret() },
      { active: false },
      { id: 1 },
      { confirmed_at: null },
      { service: true },
      { serviceAccount: true },
    ];
    await each(
      pairs(fields, ["top", "profile", "user"]),
      ([field, where]) => `${JSON.stringify(field)} in ${where}`,
      async ([field, where]) => {
        const json = where === "top" ? field : { [where]: field };
        const answer = await client.send("PATCH", `/api/user/users/${other}`, { json });
        must(answer.status === 400 || answer.status === 403, `status ${answer.status}`);
      },
    );
  });

  attack("ACC-07 [ASVS 8.3.1]: the only administrator stays", async (rig) => {
    await alone(
      rig,
      async ([last]) => {
        const client = await program(rig, last);
        const id = await idOf(rig, last.email);
        for (const call of [
          ["POST", `/api/user/users/${id}/roles`, { roles: [] }],
          ["POST", `/api/user/users/${id}/deactivate`, {}],
          ["DELETE", `/api/user/users/${id}`, undefined],
        ] as const) {
          const answer = await send(client, call);
          must(answer.status === 409, `${call[0]} ${call[1]}: ${answer.status}`);
        }
        const owner = await rig.signedIn(last);
        const own = await owner.post("/delete-account", { json: { password: last.password } });
        must(own.status === 409 || own.status === 404, `deletes itself: ${own.status}`);
      },
      1,
    );
  });

  attack("RAC-06 [ASVS 15.4.2]: two administrators who take each other away at once", async (rig) => {
    await alone(
      rig,
      async (two) => {
        for (let round = 0; round < 25; round += 1) {
          const clients = await Promise.all(two.map((who) => program(rig, who)));
          const ids = await Promise.all(two.map(({ email }) => idOf(rig, email)));
          const how = ["deactivate", "roles", "deactivate"][round % 3] as string;
          const answers = await Promise.all(
            clients.map((client, index) =>
              client.post(`/api/user/users/${ids[1 - index]}/${how}`, {
                json: how === "roles" ? { roles: [] } : {},
                watch: false,
              }),
            ),
          );
          const statuses = answers.map(({ status }) => status).sort();
          // Who was taken away first may no more, or would have been the last one.
          must(statuses[0] === 200 && [401, 403, 409].includes(statuses[1] ?? 0), `round ${round}: ${statuses}`);
          for (const { email } of two) {
            await rig.lab.control("PATCH", `/users/${encodeURIComponent(email)}`, { active: true, roles: ["admin"] });
          }
        }
      },
      2,
    );
  });
});

/** Plays with so many administrators and no others, then lets the fixture's be administrators again. */
async function alone(
  rig: Rig,
  play: (left: readonly [Victim, ...Victim[]]) => Promise<void>,
  count: number,
): Promise<void> {
  const left: Victim[] = [];
  for (let index = 0; index < count; index += 1) left.push(await rig.user({ roles: ["admin"] }));
  const fixture = ["matt", "dave", "gal", "gal2", "gal3"].map((name) => `${name}@lp.com`);
  for (const email of fixture) await rig.lab.control("PATCH", `/users/${email}`, { active: false });
  try {
    await play(left as [Victim, ...Victim[]]);
  } finally {
    for (const email of fixture) await rig.lab.control("PATCH", `/users/${email}`, { active: true });
    for (const { email } of left) {
      await rig.lab.control("PATCH", `/users/${encodeURIComponent(email)}`, { roles: [] });
    }
  }
}
