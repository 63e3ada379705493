/** Right and wrong guesses get one answer once a limit is reached, by every way in: whatever tells them apart is a way to go on. */
import { createHash, randomBytes } from "node:crypto";
import { type CacheOptions, digest, digestSecret, outbox, param, password as passwordScheme } from "portcullis";
import {
  accountDeletion,
  changePassword,
  confirmation,
  passwords,
  registration,
  tracking,
  userManagement,
} from "portcullis/features";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { describe, expect, it, onTestFinished } from "vitest";
import { OverloadedError } from "../../src/model/errors.ts";
import { createHasher } from "../../src/passwords/hasher.ts";
import { sharedTexts } from "../declared/shared-texts.ts";
import {
  basic,
  goodPassword,
  masked,
  minute,
  type Overrides,
  origin,
  otherPassword,
  type System,
  start,
  userId,
  weakHashing,
} from "./authn-system.ts";

const ann = "ann@acme.example";
const wrong = "a wrong guess";
const json = { accept: "application/json" };

async function system(overrides: Overrides = {}): Promise<System> {
  const made = await start({
    schemes: [
      digest({
        secret: (user, realm, algorithm) =>
          user === ann || user === "annie" ? digestSecret(user, realm, goodPassword, algorithm) : undefined,
      }),
      param(),
      passwordScheme(),
    ],
    ...overrides,
  } as Overrides);
  const { app } = made;
  const show = (c: { text(text: string): Response }) => c.text("in");
  for (const name of ["digest", "param", "password"]) {
    app.get(`/${name}`, { authz: "AUTH", authn: [name] as never }, show as never);
    app.post(`/${name}`, { authz: "AUTH", authn: [name] as never }, show as never);
  }
  onTestFinished(() => made.security.close());
  return made;
}

function from({ app }: System, address: string): TestClient {
  const env = { incoming: { socket: { remoteAddress: address } } };
  return testClient({ request: (input) => app.fetch(input, env) }, origin);
}

const sha = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Answers a challenge. */
function answered(challenge: string, user: string, secret: string): Record<string, string> {
  const field = (name: string): string => new RegExp(`\\b${name}="?([^",]+)`).exec(challenge)?.[1] ?? "";
  const cnonce = randomBytes(8).toString("hex");
  const ha1 = sha(`${user}:${field("realm")}:${secret}`);
  const response = sha(`${ha1}:${field("nonce")}:00000001:${cnonce}:auth:${sha("GET:/digest")}`);
  return {
    ...json,
    authorization: `Digest username="${user}", realm="${field("realm")}", nonce="${field("nonce")}", uri="/digest", qop=auth, nc=00000001, cnonce="${cnonce}", response="${response}", opaque="${field("opaque")}", algorithm=SHA-256`,
  };
}

const challengeOf = async (made: System): Promise<string> =>
  (await made.client().get("/digest", { headers: json })).headers.get("www-authenticate") ?? "";

type Guess = (client: TestClient, secret: string, made: System) => Promise<ClientAnswer>;

/** Each endpoint and scheme that looks at a password. `signedIn`: by a session of ann. */
const ways: Readonly<Record<string, { readonly signedIn?: true; readonly guess: Guess }>> = {
  login: { guess: (client, password) => client.copy().post("/login", { json: { email: ann, password } }) },
  "login for a token": {
    guess: (client, password) => client.copy().post("/login?include_auth_token", { json: { email: ann, password } }),
  },
  "login of the user management": {
    guess: (client, password) => client.copy().post("/api/user/login", { json: { email: ann, password } }),
  },
  basic: { guess: (client, password) => client.get("/basic", { headers: { ...basic(ann, password), ...json } }) },
  "password by its header": {
    guess: (client, password) => client.get("/password", { headers: { ...basic(ann, password), ...json } }),
  },
  "password by its body": {
    guess: (client, PASS) => client.copy().post("/password", { json: { USER: ann, PASS }, headers: json }),
  },
  param: { guess: (client, PASS) => client.copy().post("/param", { json: { USER: ann, PASS }, headers: json }) },
  digest: {
    guess: async (client, password, made) =>
      client.get("/digest", { headers: answered(await challengeOf(made), ann, password) }),
  },
  "digest over an old nonce": {
    async guess(client, password, made) {
      const challenge = await challengeOf(made);
      made.advance(5 * minute);
      try {
        return await client.get("/digest", { headers: answered(challenge, ann, password) });
      } finally {
        made.advance(-5 * minute);
      }
    },
  },
  verify: { signedIn: true, guess: (client, password) => client.post("/verify", { json: { password } }) },
  change: {
    signedIn: true,
    guess: (client, password) =>
      client.post("/change", {
        json: { password, new_password: "quite another", new_password_confirm: "quite another" },
      }),
  },
  "change of the user management": {
    signedIn: true,
    guess: (client, password) =>
      client.post("/api/user/password", { json: { old_password: password, new_password: "quite another" } }),
  },
  "delete account": {
    signedIn: true,
    guess: (client, password) => client.post("/delete-account", { json: { password } }),
  },
  "the application's own question": {
    async guess(_client, secret, made) {
      const said = await made.security.checkUserPassword(ann, secret).catch((error: Error) => error);
      const text = said instanceof Error ? said.message : JSON.stringify(said ?? null);
      return { status: 0, text, headers: new Headers(), json: undefined } as unknown as ClientAnswer;
    },
  },
};

const features = [
  passwords(),
  registration(),
  changePassword(),
  accountDeletion(),
  tracking(),
  userManagement({ permission: "write", path: "/api/user" } as never),
] as const;

const seen = (answer: ClientAnswer): unknown =>
  JSON.parse(JSON.stringify(masked(answer)).replace(/nonce=\\"[^"]+"/g, "nonce"));

describe.each(Object.entries(ways))("%s", (_name, { signedIn, guess }) => {
  it("once the limit is reached: the same status, headers and body for right and wrong", async () => {
    const made = await system({ features, mail: { sender: outbox() } } as unknown as Overrides);
    const client = from(made, "192.0.2.7");
    if (signedIn === true) await client.signIn(ann, goodPassword);
    // The program of the owner, in the same network: what is cached of it is no way past the limit.
    else expect((await guess(client, goodPassword, made)).status).not.toBe(429);
    for (let n = 0; n < 12; n += 1) await guess(client, `${wrong} ${n}`, made);
    const no = seen(await guess(client, wrong, made));
    const yes = seen(await guess(client, goodPassword, made));
    expect(yes).toEqual(no);
    expect(JSON.stringify(no)).toMatch(/429|too many|again/i);
  });
});

describe("digest", () => {
  it("takes the guess before it says that the nonce is old, and gives a right one back", async () => {
    const made = await system();
    const old = await challengeOf(made);
    made.advance(5 * minute);
    const guess = (secret: string) => made.client().get("/digest", { headers: answered(old, ann, secret) });
    for (let n = 0; n < 9; n += 1) expect((await guess(wrong)).status).toBe(401);
    for (let n = 0; n < 5; n += 1) {
      expect((await guess(goodPassword)).headers.get("www-authenticate")).toContain("stale=true");
    }
    expect((await guess(wrong)).headers.get("www-authenticate")).not.toContain("stale");
    expect([(await guess(wrong)).status, (await guess(goodPassword)).status]).toEqual([429, 429]);
  });
});

describe("a right guess that is refused all the same", () => {
  const refusals: Readonly<Record<string, (made: System) => unknown>> = {
    "an account that is not active": async (made) => made.security.users.deactivate(await userId(made, ann)),
    "an address that is not confirmed": async (made) =>
      made.store.update("user", { id: await userId(made, ann) }, { confirmedAt: null }),
    "a hook of the application": async (made) =>
      made.security.events.before("signIn", () => ({ refuse: "GENERIC_AUTHN_FAILED" })),
  };
  const guessing = Object.entries(ways).filter(([, { signedIn }]) => signedIn !== true);
  const cases = Object.keys(refusals).flatMap((refusal) =>
    guessing
      // The application's own question asks for nothing but an active account.
      .filter(([way]) => way !== "the application's own question" || refusal === "an account that is not active")
      .map(([way, { guess }]) => [refusal, way, guess] as const),
  );
  const refusing = async (refusal: string, overrides: Overrides = {}): Promise<System> => {
    const given = { features: [...features, confirmation()], mail: { sender: outbox() }, ...overrides };
    const made = await system(given as unknown as Overrides);
    if (refusal !== "an address that is not confirmed") {
      await made.store.update("user", { id: await userId(made, ann) }, { confirmedAt: new Date(made.now()) });
    }
    await refusals[refusal]?.(made);
    return made;
  };

  it.each(cases)("%s, %s: is spent like a wrong one", async (refusal, _way, guess) => {
    const series = async (secret: (n: number) => string): Promise<unknown[]> => {
      const made = await refusing(refusal);
      const client = from(made, "192.0.2.7");
      const answers: unknown[] = [];
      for (let n = 0; n < 13; n += 1) {
        const answer = await guess(client, secret(n), made);
        answers.push([answer.status, /"response"|stale|too many/i.exec(JSON.stringify(seen(answer)))?.[0]]);
      }
      expect(made.events.filter(({ name }) => name === "userAuthenticated")).toEqual([]);
      return answers;
    };
    const right = await series(() => goodPassword);
    expect(right).toEqual(await series((n) => `${wrong} ${n}`));
    expect(right[9]).not.toEqual(right[10]);
    expect(right[0]).toEqual(right[9]);
  });

  it("asks each gate and hook once for each request, and tells the refusal alone", async () => {
    const made = await refusing("");
    let asked = 0;
    made.security.events.before("signIn", () => {
      asked += 1;
      return { refuse: "GENERIC_AUTHN_FAILED" };
    });
    for (const name of ["login", "basic", "param", "digest", "digest over an old nonce"]) {
      made.events.length = 0;
      asked = 0;
      const client = from(made, "192.0.2.7");
      await ways[name]?.guess(client, goodPassword, made);
      const told = made.events.map((event) => event.name).filter((event) => event !== "userUnauthenticated");
      expect([name, asked, told]).toEqual([name, 1, ["signInRefused"]]);
    }
  });

  it("locks like wrong ones", async () => {
    const overrides = { limits: { lockout: { failures: 3, periods: ["5m"] } } } as Overrides;
    const made = await refusing("an account that is not active", overrides);
    for (let n = 0; n < 3; n += 1) await ways["login"]?.guess(from(made, "192.0.2.7"), goodPassword, made);
    expect(made.events.filter(({ name }) => name === "accountLocked")).toHaveLength(1);
  });

  it("leaves a hash of an older form as it is: its replacement would take time that tells", async () => {
    const made = await refusing("");
    const id = await userId(made, ann);
    const stored = async () => (await made.store.findOne("user", { id }))?.["password"];
    const weaker = await createHasher({ ...weakHashing, memory: 32 }).hash(goodPassword);
    await made.store.update("user", { id }, { password: weaker });
    const stop = made.security.events.before("signIn", () => ({ refuse: "GENERIC_AUTHN_FAILED" }));
    const login = () => ways["login"]?.guess(from(made, "192.0.2.7"), goodPassword, made);
    expect((await login())?.status).toBe(400);
    expect(await stored()).toBe(weaker);
    stop();
    expect((await login())?.status).toBe(200);
    expect(await stored()).not.toBe(weaker);
  });

  it.each(["basic", "param", "password by its header"])("that is cached is spent too: %s", async (way) => {
    const series = async (secret: string): Promise<number[]> => {
      const made = await refusing("", { caches: { password: { ttl: "10m" } } });
      const client = from(made, "192.0.2.7");
      const guess = async (text: string) =>
        (await (ways[way] as (typeof ways)[string]).guess(client, text, made)).status;
      expect(await guess(goodPassword)).toBe(200);
      expect(await guess(goodPassword)).toBe(200);
      made.security.events.before("signIn", () => ({ refuse: "GENERIC_AUTHN_FAILED" }));
      const statuses: number[] = [];
      for (let n = 0; n < 13; n += 1) statuses.push(await guess(secret));
      return statuses;
    };
    const right = await series(goodPassword);
    expect(right).toEqual([...Array(10).fill(401), 429, 429, 429]);
    expect(await series(wrong)).toEqual(right);
  });

  it("goes on where it waits for a second step, and is spent where the request can't wait", async () => {
    const park = {
      name: "second",
      gates: () => [
        {
          name: "second",
          order: 400,
          check: () => ({ park: {}, path: "/second", answer: { tf_required: true } }),
        },
      ],
    };
    const made = await system({ features: [...features, park], mail: { sender: outbox() } } as unknown as Overrides);
    const client = from(made, "192.0.2.7");
    const login = () => ways["login"]?.guess(client, goodPassword, made);
    for (let n = 0; n < 13; n += 1) expect((await login())?.status).toBe(200);
    const statuses: (number | undefined)[] = [];
    for (let n = 0; n < 11; n += 1) statuses.push((await ways["basic"]?.guess(client, goodPassword, made))?.status);
    expect(statuses).toEqual([...Array(10).fill(401), 429]);
  });
});

describe("a cached password", () => {
  const caches: readonly (readonly [string, () => CacheOptions])[] = [
    ["in this process", () => ({ password: { ttl: "10m" } })],
    ["in a shared store", () => ({ password: { ttl: "10m" }, store: sharedTexts().provider })],
  ];
  const ask = async (client: TestClient, secret: string): Promise<number> =>
    (await client.get("/basic", { headers: { ...basic(ann, secret), ...json } })).status;

  it.each(caches)(
    "%s counts for the network that proved it, and for no stranger beyond the limit",
    async (_, cached) => {
      const made = await system({ caches: cached() });
      const owner = from(made, "192.0.2.7");
      const stranger = from(made, "203.0.113.9");
      expect(await ask(owner, goodPassword)).toBe(200);
      for (let n = 0; n < 12; n += 1) await ask(stranger, `${wrong} ${n}`);
      expect([await ask(stranger, wrong), await ask(stranger, goodPassword)]).toEqual([429, 429]);
      // Nor for a guess at another name of the same account, or from the owner's own network.
      const neighbour = from(made, "192.0.2.7");
      expect([await ask(neighbour, wrong), await ask(neighbour, goodPassword)]).toEqual([429, 429]);
    },
  );

  it("of an IPv6 network is that of a whole /64", async () => {
    let hashed = 0;
    const made = await system({
      caches: { password: { ttl: "10m" } },
      passwords: {
        hashing: weakHashing,
        wrapHasher: (hasher) => ({
          ...hasher,
          verify(password, stored) {
            hashed += 1;
            return hasher.verify(password, stored);
          },
        }),
      },
    } as Overrides);
    for (const address of ["2001:db8:1:2::1", "2001:db8:1:2:3::4", "2001:db8:1:3::1"]) {
      expect(await ask(from(made, address), goodPassword)).toBe(200);
    }
    expect(hashed).toBe(2);
  });

  it("asks the application's hooks each time, and counts for its own realm alone", async () => {
    const made = await system({ caches: { password: { ttl: "10m" } } });
    let asked = 0;
    made.security.events.before("signIn", ({ user: _ }, source) => {
      asked += 1;
      return source?.address === "192.0.2.7" ? undefined : { refuse: "GENERIC_AUTHN_FAILED" };
    });
    const office = from(made, "192.0.2.7");
    const stranger = from(made, "203.0.113.9");
    expect(await ask(stranger, goodPassword)).toBe(401);
    expect([await ask(office, goodPassword), await ask(office, goodPassword)]).toEqual([200, 200]);
    expect(await ask(stranger, goodPassword)).toBe(401);
    expect(asked).toBe(4);
    const { hits } = made.security.cacheStats().password;
    await office.post("/basic", { headers: { ...basic(ann, goodPassword), ...json, origin } });
    expect(made.security.cacheStats().password.hits).toBe(hits);
  });
});

describe("names of one account", () => {
  const status = async (made: System, names: object, password: string): Promise<number> =>
    (await made.client().post("/login", { json: { ...names, password } })).status;

  it("eight by one name and four by another: as for two names that nobody has", async () => {
    const made = await system({ identities: ["email", "username"] } as Overrides);
    await made.security.users.update(await userId(made, ann), { username: "annie" });
    const series = async (first: object, second: object): Promise<number[]> => {
      const answers: number[] = [];
      for (let n = 0; n < 8; n += 1) answers.push(await status(made, first, wrong));
      for (let n = 0; n < 12; n += 1) answers.push(await status(made, second, wrong));
      return answers;
    };
    const known = await series({ email: ann }, { username: "annie" });
    expect(known).toEqual(await series({ email: "zoe@acme.example" }, { username: "bobbie" }));
    expect(known.slice(8, 12)).toEqual([400, 400, 400, 400]);
  });

  it("share what the account has: no more is looked at by all of them together, and an unlock frees each", async () => {
    let verified = 0;
    const made = await system({
      identities: ["email", "username"],
      passwords: {
        hashing: weakHashing,
        wrapHasher: (hasher) => ({
          ...hasher,
          verify(password, stored) {
            verified += 1;
            return hasher.verify(password, stored);
          },
        }),
      },
      limits: { signIn: { perAccount: "30/15m" }, lockout: { failures: 6, periods: ["5m"] } },
    } as Overrides);
    const id = await userId(made, ann);
    await made.security.users.update(id, { username: "annie" });
    for (let n = 0; n < 8; n += 1) await status(made, { email: ann }, wrong);
    for (let n = 0; n < 8; n += 1) await status(made, { username: "annie" }, wrong);
    expect(verified).toBe(6);
    expect([await status(made, { email: ann }, wrong), await status(made, { username: "annie" }, wrong)]).toEqual([
      429, 429,
    ]);
    expect(await made.security.users.unlock(id)).toBe(true);
    expect(await status(made, { username: "annie" }, goodPassword)).toBe(200);
    expect(await status(made, { email: ann }, goodPassword)).toBe(200);
  });
});

describe("a check of passwords that is no stored hash", () => {
  const guess = async (made: System, secret: string, email = ann): Promise<ClientAnswer> =>
    made.client().post("/login", { json: { email, password: secret } });
  /** A directory that knows ann and counts what it is asked. */
  const directory = (state: { asked: number; answer: () => void | Promise<void> }) => ({
    hashing: weakHashing,
    check: async (login: string, secret: string) => {
      state.asked += 1;
      await state.answer();
      return login === ann && secret === otherPassword;
    },
  });

  it("right and wrong wait for the same: with the queue of the hashes full, neither gets in and neither counts", async () => {
    const state = { asked: 0, answer: () => undefined };
    let full = false;
    const made = await system({
      passwords: {
        ...directory(state),
        wrapHasher: (hasher) => ({
          ...hasher,
          burn: (password) => (full ? Promise.reject(new OverloadedError("hashing", 1)) : hasher.burn(password)),
        }),
      },
    } as Overrides);
    full = true;
    for (let n = 0; n < 12; n += 1) {
      const answers = [await guess(made, wrong), await guess(made, otherPassword)].map(seen);
      expect(answers[1]).toEqual(answers[0]);
      expect(JSON.stringify(answers[0])).toContain("503");
    }
    full = false;
    expect((await guess(made, wrong)).status).toBe(400);
    expect((await guess(made, otherPassword)).status).toBe(200);
  });

  it("whose own queue is full has asked nobody: nothing is counted", async () => {
    const state = {
      asked: 0,
      answer: () => {
        throw new OverloadedError("the directory", 1);
      },
    };
    const made = await system({ passwords: directory(state) } as unknown as Overrides);
    for (let n = 0; n < 15; n += 1) {
      expect([(await guess(made, wrong)).status, (await guess(made, otherPassword)).status]).toEqual([503, 503]);
    }
    state.answer = () => undefined as never;
    expect((await guess(made, otherPassword)).status).toBe(200);
  });

  it("that fails once it was asked spends guesses, for right and wrong and unknown names, but locks nobody", async () => {
    const state = {
      asked: 0,
      answer: () => {
        throw new Error("timed out");
      },
    };
    const made = await system({
      passwords: directory(state),
      limits: { lockout: { failures: 10, periods: ["5m"] } },
    } as unknown as Overrides);
    const nobody = "nobody@acme.example";
    for (let n = 0; n < 14; n += 1) {
      const known = await guess(made, n % 2 === 0 ? wrong : otherPassword);
      expect(seen(known)).toEqual(seen(await guess(made, wrong, nobody)));
      expect([n, known.status]).toEqual([n, n < 10 ? 500 : 429]);
    }
    expect(state.asked).toBe(20);
    expect(await made.security.lockouts()).toEqual([]);
    state.answer = () => undefined as never;
    made.advance(90_000);
    expect((await guess(made, otherPassword)).status).toBe(200);
  });
});
