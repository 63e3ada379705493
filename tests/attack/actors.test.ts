/** Who acts, for whom, and what is to be trusted, said by the request itself: no endpoint takes it from there. */
import type { AccountRow } from "./accounts.ts";
import type { Answer, Attempt, Client } from "./client.ts";
import { administrator, idOf, programOf } from "./holdings.ts";
import type { Route } from "./lab.ts";
import { attacks, each, long, must, pairs, type Rig, secret, type Victim } from "./suite.ts";

/** What an attacker sends beside the fields of an endpoint. */
type Claims = Readonly<Record<string, unknown>>;

const claimsOf = (victim: Victim, id: number): Readonly<Record<string, Claims>> => ({
  "who acts": {
    id,
    user_id: id,
    userId: id,
    account_id: id,
    sub: String(id),
    owner: victim.email,
    actor: id,
    acting_as: id,
    impersonate: id,
    user: { id, email: victim.email },
  },
  "what is trusted": {
    active: true,
    confirmed: true,
    confirmed_at: "2026-01-01T00:00:00Z",
    email_verified: true,
    verified: true,
    is_admin: true,
    admin: true,
    role: "admin",
    roles: ["admin"],
    permissions: ["super"],
    own_permissions: ["super"],
    service: true,
  },
  "what is proved": {
    authenticated_at: "2099-01-01T00:00:00Z",
    methods: ["password", "otp"],
    amr: ["mfa"],
    fresh: true,
    skip_confirmation: true,
    password_hash: "x".repeat(40),
    fs_uniquifier: "x".repeat(32),
    fs_token_uniquifier: "x".repeat(32),
    login_count: 0,
    scope: "all",
    scopes: ["all"],
  },
});

const carriers: Readonly<Record<string, (fields: Claims, claims: Claims) => Attempt & { readonly query?: string }>> = {
  JSON: (fields, claims) => ({ json: { ...fields, ...claims } }),
  form: (fields, claims) => ({ form: texts({ ...fields, ...claims }) }),
  query: (fields, claims) => ({ json: fields, query: `?${new URLSearchParams(texts(claims))}` }),
  headers: (fields, claims) => ({
    json: fields,
    headers: Object.fromEntries(
      Object.entries(texts(claims)).map(([name, value]) => [`x-${name.replaceAll("_", "-")}`, value]),
    ),
  }),
};

/** Each claim by each carrier; in the short form apart where the claims are fields among others, else all in one. */
function combinations(
  claims: Readonly<Record<string, Claims>>,
): readonly (readonly [name: string, carrier: string, sent: Claims])[] {
  const all: Claims = Object.assign({}, ...Object.values(claims));
  return Object.keys(carriers).flatMap((carrier) =>
    long || carrier === "JSON"
      ? Object.entries(claims).map(([name, sent]) => [`${name} by ${carrier}`, carrier, sent] as const)
      : [[`everything by ${carrier}`, carrier, all] as const],
  );
}

const texts = (fields: Claims): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]),
  );

/** The values that do for an endpoint's own fields. */
function fieldsOf({ parameters }: Route, { email, password }: Victim): Claims {
  const next = secret();
  const values: Claims = {
    email,
    password,
    password_confirm: password,
    old_password: password,
    new_password: next,
    new_password_confirm: next,
    username: `heron${Buffer.from(next).toString("hex").slice(8, 24)}`,
    name: "a key",
    id: "A".repeat(43),
    refresh_token: "none",
  };
  const names = parameters.filter((one) => !/\?:/.test(one)).map((one) => /^[\w-]+/.exec(one)?.[0] ?? "");
  return Object.fromEntries(names.filter((name) => name in values).map((name) => [name, values[name]]));
}

/** What no endpoint of one's own account may change of it by a claim. */
const privileged = ["id", "active", "confirmed_at", "create_datetime", "permissions", "service"];
const only = (row: AccountRow): string => JSON.stringify(privileged.map((column) => row[column] ?? null));

/** All accounts but one are as they were, that one has no more rights, and new ones have none. */
async function nothingTaken(rig: Rig, before: string, attacker: Victim): Promise<void> {
  type Snapshot = { users: AccountRow[]; roles: unknown; members: { user_id: unknown }[] };
  const [old, now] = [JSON.parse(before) as Snapshot, JSON.parse(await rig.lab.accounts.snapshot()) as Snapshot];
  const mine = old.users.find((row) => row["email"] === attacker.email)?.["id"];
  must(JSON.stringify(now.roles) === JSON.stringify(old.roles), "a role was changed");
  must(JSON.stringify(now.members) === JSON.stringify(old.members), "somebody has another role");
  const known = new Map(old.users.map((row) => [row["id"], row]));
  for (const row of now.users) {
    const was = known.get(row["id"]);
    known.delete(row["id"]);
    if (was === undefined) {
      must(row["confirmed_at"] === null && Boolean(row["active"]), "a new account is proved, or off");
      must(!/super/.test(String(row["permissions"])), "a new account has rights");
      must(!/^x+$/.test(String(row["fs_uniquifier"])), "a new account has an uniquifier of the request's");
    } else if (row["id"] === mine) must(only(row) === only(was), `${only(was)} became ${only(row)}`);
    else must(JSON.stringify(row) === JSON.stringify(was), `another's account was changed: ${row["email"]}`);
  }
  must(
    [...known.keys()].every((id) => id === mine),
    "another's account is gone",
  );
}

const send = (
  client: Client,
  method: string,
  path: string,
  attempt: Attempt & { readonly query?: string },
): Promise<Answer> => client.send(method, `${path}${attempt.query ?? ""}`, { ...attempt, watch: false });

attacks("actors", { profiles: ["full"], short: "full:sqlite" }, (attack) => {
  attack(
    "ADV-C [ASVS 15.3.3] [ASVS 8.2.2] [ASVS 8.3.1]: no endpoint is told who acts or what is trusted",
    async (rig) => {
      const victim = await rig.user();
      const victimId = await idOf(rig, victim);
      const claims = combinations(claimsOf(victim, victimId));
      const endpoints = rig.lab.routes.filter(
        ({ method, source, path, guard }) =>
          method !== "GET" && source !== "application" && !path.includes(":") && !/permission/.test(guard),
      );
      must(endpoints.length > 20, `only ${endpoints.length} endpoints`);
      const worked = new Set<string>();
      await each(
        pairs(endpoints, claims),
        ([{ method, path }, [name]]) => `${method} ${path}, ${name}`,
        async ([route, [, carrier, claimed]]) => {
          const attacker = await rig.user();
          const open = route.open !== undefined || route.guard === "not signed in";
          const client = open ? await rig.visitor() : await rig.signedIn(attacker);
          // Who registers, or moves to an address, takes one of their own.
          const moving = /register|change-email/.test(route.path);
          const email = moving ? `own-${attacker.email}` : attacker.email;
          rig.lab.created.add(email);
          const fields = fieldsOf(route, { email, password: attacker.password });
          const before = await rig.lab.accounts.snapshot();
          const attempt = carriers[carrier]?.(fields, claimed) ?? {};
          const answer = await send(client, route.method, route.path, attempt);
          if (answer.status < 300) worked.add(route.path);
          await nothingTaken(rig, before, attacker);
          must(!answer.text.includes(victim.email) || carrier === "form", "the answer speaks of the victim");
          const me = await client.get("/me", { watch: false });
          must(me.json["email"] !== victim.email, "it signed in as the victim");
          must(me.status !== 200 || JSON.stringify(me.json["roles"]) === "[]", `roles: ${me.text}`);
        },
      );
      // By headers and query nothing of it is even looked at: the endpoints did what they are for.
      must(worked.size > 10, `only ${[...worked].join(", ")} did anything`);
    },
  );

  attack(
    "ADV-C [ASVS 8.2.2] [ASVS 8.3.1]: the path says whose account a manager acts on, and nothing else",
    async (rig) => {
      const manager = await rig.user();
      const boss = await programOf(rig, administrator);
      const rights = `/api/user/users/${await idOf(rig, manager)}/permissions`;
      await boss.client.post(rights, { json: { permissions: ["manage-users"] }, watch: false });
      const { client } = await programOf(rig, manager);
      const bossId = await idOf(rig, administrator);
      const claims = combinations(claimsOf(administrator, bossId));
      const calls = rig.lab.routes.filter(
        ({ path, method }) => method !== "GET" && /^\/api\/user\/users\/:id(?:\/|$)/.test(path) && !/:key$/.test(path),
      );
      must(calls.length > 8, `only ${calls.length} calls`);
      await each(
        pairs(calls, claims),
        ([{ method, path }, [name]]) => `${method} ${path}, ${name}`,
        async ([route, [, carrier, claimed]]) => {
          const target = await rig.user();
          const path = route.path.replace(":id", String(await idOf(rig, target)));
          const own: Claims = /\/(?:roles|permissions)$/.test(path) ? { [path.split("/").at(-1) ?? ""]: [] } : {};
          const fields = { ...fieldsOf(route, target), ...own };
          const before = await rig.lab.accounts.snapshot();
          await send(client, route.method, path, carriers[carrier]?.(fields, claimed) ?? {});
          const [old, now] = [before, await rig.lab.accounts.snapshot()].map((text) => {
            const { users, members } = JSON.parse(text) as { users: AccountRow[]; members: unknown };
            return JSON.stringify([users.filter((row) => row["email"] !== target.email), members]);
          });
          must(old === now, "another account, or somebody's roles, were changed");
          const row = await rig.lab.accounts.byEmail(target.email);
          must(row === undefined || !/super/.test(String(row["permissions"])), "the target has got rights");
        },
      );
    },
  );
});
