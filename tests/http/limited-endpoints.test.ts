/** Each endpoint that tells something of others, sends mail or takes a guess has a budget; a new one must say which. */
import { outbox } from "portcullis";
import { accountDeletion, notices, refresh, sessions, unlock, userManagement } from "portcullis/features";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { goodPassword, type Overrides, origin, type System, start } from "./authn-system.ts";
import { lifeFeatures } from "./life-system.ts";

const ann = "ann@acme.example";
const secret = "a secret of 256 bits: nobody guesses it";
const own = "shows or ends what is the caller's own";
const managers = "for who manages all accounts and sees them anyway";

/** Sends the nth request of many; each must be refused with 429 at last. */
type Hammer = (client: TestClient, n: number, stranger: TestClient) => Promise<ClientAnswer>;
const mailing =
  (path: string): Hammer =>
  (client, n) =>
    client.post(path, { json: { email: `u${n}@acme.example` } });

/** What holds each endpoint that changes something: the way to its limit, or why it needs none. */
const endpoints: Readonly<Record<string, Hammer | string>> = {
  "POST /login": (_client, n, stranger) => stranger.post("/login", { json: { email: ann, password: `wrong ${n}` } }),
  "POST /api/user/login": (_client, n, stranger) =>
    stranger.post("/api/user/login", { json: { email: ann, password: `wrong ${n}` } }),
  "POST /verify": (client, n) => client.post("/verify", { json: { password: `wrong ${n}` } }),
  "POST /change": (client, n) =>
    client.post("/change", {
      json: { password: `wrong ${n}`, new_password: "quite another", new_password_confirm: "quite another" },
    }),
  "POST /api/user/password": (client, n) =>
    client.post("/api/user/password", { json: { old_password: `wrong ${n}`, new_password: "quite another" } }),
  "POST /delete-account": (client, n) => client.post("/delete-account", { json: { password: `wrong ${n}` } }),
  "POST /change-username": (client, n) => client.post("/change-username", { json: { username: `name${n}` } }),
  "POST /change-email": mailing("/change-email"),
  "POST /cancel-change-email":
    "only takes back what its caller has asked for, and says no more than whether there was something",
  "POST /reset": mailing("/reset"),
  "POST /confirm": mailing("/confirm"),
  "POST /login-link": (_client, n, stranger) => mailing("/login-link")(stranger, n, stranger),
  "POST /recover-username": mailing("/recover-username"),
  "POST /register": (_client, n, stranger) =>
    stranger.copy().post("/register", {
      json: { email: `u${n}@acme.example`, password: goodPassword, password_confirm: goodPassword },
    }),
  "PATCH /api/user/users/:id/profile": managers,
  "POST /reset/:token": secret,
  "POST /confirm/:token": secret,
  "POST /login/:token": secret,
  "POST /change-email/:token": secret,
  "POST /delete-account/:token": secret,
  "POST /keep-account/:token": secret,
  "POST /not-me/:token": secret,
  "POST /unlock/:token": secret,
  "POST /refresh-token": secret,
  "POST /logout": own,
  "DELETE /api/user/logout": own,
  "POST /export-account": own,
  "POST /sessions/end": own,
  "POST /sessions/end-others": own,
};

async function system(overrides: Overrides = {}): Promise<System> {
  const made = await start({
    features: [
      ...lifeFeatures(),
      accountDeletion(),
      notices(),
      refresh({ carrier: "body" }),
      sessions(),
      unlock(),
      userManagement({ permission: "write" }),
    ],
    mail: { sender: outbox() },
    ...overrides,
  } as unknown as Overrides);
  onTestFinished(() => made.security.close());
  return made;
}

/** From one address, signed in by nobody. */
function stranger(made: System): TestClient {
  const env = { incoming: { socket: { remoteAddress: "192.0.2.7" } } };
  return testClient({ request: (input) => made.app.fetch(input, env) }, origin);
}

async function signedIn(made: System): Promise<TestClient> {
  const client = stranger(made);
  await client.signIn(ann, goodPassword);
  await client.get("/me");
  return client;
}

describe("the endpoints of accounts", () => {
  it("are all in this table", async () => {
    const made = await system();
    const ours = new Set(["/api/user/users", "/api/user/roles"]);
    const found = made.security
      .accessMatrix()
      .filter(({ method, source }) => method !== "GET" && method !== "ALL" && source !== undefined)
      .map(({ method, path }) => `${method} ${path}`)
      // Management is asked for as a whole: each of its endpoints is for who has the permission.
      .filter((name) => ![...ours].some((path) => name.includes(path)) || name.includes("/profile"));
    expect(found.filter((name) => !(name in endpoints))).toEqual([]);
  });

  const hammers = Object.entries(endpoints).filter((entry): entry is [string, Hammer] => typeof entry[1] !== "string");
  it.each(hammers)("%s ends in 429", { timeout: 60_000 }, async (_name, hammer) => {
    const made = await system();
    const client = await signedIn(made);
    const guest = stranger(made);
    let through = 0;
    let answer = await hammer(client, through, guest);
    while (answer.status !== 429 && through < 110) {
      through += 1;
      answer = await hammer(client, through, guest);
    }
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(through).toBeLessThanOrEqual(30);
  });

  it("/change-username tells ten names an hour and account, whatever address it is asked from", async () => {
    const made = await system();
    await made.security.users.update((await made.security.users.find("email", "bob@acme.example"))?.id ?? 0, {
      username: "bobbie",
    });
    const client = await signedIn(made);
    const statuses: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      statuses.push((await client.post("/change-username", { json: { username: "bobbie" } })).status);
    }
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 400), 429, 429]);
  });

  it("/change-email asks the budget before it says that an address is taken, where accounts are shown", async () => {
    const made = await system({ revealAccounts: true });
    const client = await signedIn(made);
    const statuses = new Set<number>();
    for (let n = 0; n < 34; n += 1) {
      statuses.add((await client.post("/change-email", { json: { email: "bob@acme.example" } })).status);
    }
    expect([...statuses]).toEqual([400, 429]);
  });
});
