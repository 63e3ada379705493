import { LimitedError, outbox } from "portcullis";
import { changePassword, passwords, registration, unlock } from "portcullis/features";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { rightCode, secondStep } from "./authn-second-step.ts";
import {
  basic,
  goodPassword,
  hour,
  masked,
  minute,
  type Overrides,
  origin,
  otherPassword,
  type System,
  start,
  userId,
} from "./authn-system.ts";

const ann = "ann@acme.example";
const wrong = "a wrong guess";

/** A client that comes from this address, as the Node host hands it on. */
function from(system: System, address: string): TestClient {
  const env = { incoming: { socket: { remoteAddress: address } } };
  return testClient({ request: (input) => system.app.fetch(input, env) }, origin);
}

/** Each way to guess a password. `known`: also possible for a name that no account has. */
interface Channel {
  readonly name: string;
  readonly named: boolean;
  /** A guess; `client` is signed in as ann where the channel needs that. */
  guess(client: TestClient, identity: string, password: string): Promise<ClientAnswer>;
}

const json = { accept: "application/json" };
const channels: readonly Channel[] = [
  {
    name: "login as JSON",
    named: true,
    guess: (client, email, password) => client.copy().post("/login", { json: { email, password } }),
  },
  {
    name: "login as a form",
    named: true,
    async guess(client, email, password) {
      await client.get("/login");
      const form = { email, password, csrf_token: client.csrfToken ?? "" };
      return client.post("/login", { form, csrf: false, headers: { accept: "text/html", origin } });
    },
  },
  {
    name: "HTTP Basic",
    named: true,
    guess: (client, email, password) => client.get("/basic", { headers: { ...basic(email, password), ...json } }),
  },
  {
    name: "verify",
    named: false,
    guess: (client, _email, password) => client.post("/verify", { json: { password } }),
  },
];

async function signedInAs(system: System, channel: Channel): Promise<TestClient> {
  const client = system.client();
  if (!channel.named) await client.signIn(ann, goodPassword);
  return client;
}

const statuses = (answers: readonly ClientAnswer[]): number[] => answers.map(({ status }) => status);

describe.each(channels)("guesses by $name", (channel) => {
  it("are refused after ten with 429 and Retry-After, also a right one, until the time is over", async () => {
    const system = await start();
    const client = await signedInAs(system, channel);
    const answers: ClientAnswer[] = [];
    for (let n = 0; n < 12; n += 1) answers.push(await channel.guess(client, ann, wrong));
    expect(new Set(statuses(answers.slice(0, 10))).size).toBe(1);
    expect(answers[0]?.status).toBeLessThan(429);
    const right = await channel.guess(client, ann, goodPassword);
    for (const answer of [...answers.slice(10), right]) {
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([429, "90"]);
      expect(answer.text).toMatch(/again in 90 s/);
      expect(answer.headers.get("www-authenticate")).toBeNull();
      expect(answer.headers.get("cache-control")).toContain("no-store");
    }
    expect(masked(right)).toEqual(masked(answers[11] as ClientAnswer));
    system.advance(90_000);
    expect((await channel.guess(client, ann, goodPassword)).status).toBeLessThan(400);
  });

  it("share their budget with every other way", async () => {
    for (const other of channels) {
      const system = await start();
      const client = await signedInAs(system, channel);
      const there = await signedInAs(system, other);
      for (let n = 0; n < 5; n += 1) await channel.guess(client, ann, wrong);
      for (let n = 0; n < 5; n += 1) await other.guess(there, ann, wrong);
      expect([other.name, (await channel.guess(client, ann, goodPassword)).status]).toEqual([other.name, 429]);
    }
  });

  it("at once never exceed the budget: no more hashes are computed", async () => {
    let verified = 0;
    const system = await start({
      passwords: {
        hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true },
        wrapHasher: (hasher) => ({
          ...hasher,
          close: () => hasher.close(),
          hash: (password) => hasher.hash(password),
          burn: (password) => hasher.burn(password),
          verify(password, stored) {
            verified += 1;
            return hasher.verify(password, stored);
          },
        }),
      },
    } as Overrides);
    const client = await signedInAs(system, channel);
    verified = 0;
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => channel.guess(client.copy(), ann, `${wrong} ${n}`)),
    );
    expect(verified).toBe(10);
    expect(statuses(answers).filter((status) => status === 429)).toHaveLength(40);
  });
});

describe.each(channels.filter(({ named }) => named))("known and unknown names by $name", (channel) => {
  it("are answered alike at each attempt, byte for byte, through budget and lock", async () => {
    const system = await start({ limits: { lockout: { failures: 12, periods: ["5m"] } } });
    const names = [ann, "nobody@acme.example", "off@acme.example", "nop@acme.example"];
    const clients = names.map(() => system.client());
    for (let n = 0; n < 16; n += 1) {
      const seen = [];
      for (const [index, name] of names.entries()) {
        seen.push(masked(await channel.guess(clients[index] as TestClient, name, wrong), name));
      }
      for (const other of seen.slice(1)) expect([n, other]).toEqual([n, seen[0]]);
      if (n >= 9) system.advance(90_000);
    }
  });
});

describe("one account", () => {
  it("has one budget, however it is named, which shows under the name alone that was guessed at", async () => {
    const system = await start({ identities: ["email", "username"] } as Overrides);
    await system.security.users.update(await userId(system, ann), { username: "Annie" });
    const addresses = [
      { email: ann },
      { email: "ANN@ACME.EXAMPLE" },
      { email: ` ${ann} ` },
      { email: "ann@ａｃｍｅ.example" },
      { email: "ann@acme。example" },
    ];
    const usernames = [{ username: "annie" }, { username: "ANNIE" }, { username: " Annie " }];
    const status = async (names: object, password: string): Promise<number> =>
      (await system.client().post("/login", { json: { ...names, password } })).status;
    for (let n = 0; n < 10; n += 1) expect(await status(addresses[n % addresses.length] as object, wrong)).toBe(400);
    for (const spelling of addresses) expect([spelling, await status(spelling, goodPassword)]).toEqual([spelling, 429]);
    // Not let in, and no word of it: as a name that nobody has.
    for (const spelling of usernames) expect([spelling, await status(spelling, goodPassword)]).toEqual([spelling, 400]);
    expect((await system.client().get("/basic", { headers: basic("annie", goodPassword) })).status).toBe(401);
    for (let n = 0; n < 6; n += 1) expect(await status({ username: "annie" }, wrong)).toBe(400);
    expect(await status({ username: "ANNIE" }, goodPassword)).toBe(429);
    expect((await system.client().get("/basic", { headers: basic("annie", goodPassword) })).status).toBe(429);
    system.advance(90_000);
    expect(await status({ username: "annie" }, goodPassword)).toBe(200);
  });

  it("that no account has shares a counter exactly where an account's names would", async () => {
    const system = await start({ identities: ["email", "username"] } as Overrides);
    await system.security.users.update(await userId(system, ann), { username: "annie" });
    /** After ten guesses at one spelling: is the other one refused? For a known name and for one that nobody has. */
    const shared = async (first: object, second: object): Promise<boolean> => {
      for (let n = 0; n < 10; n += 1) await system.client().post("/login", { json: { ...first, password: wrong } });
      const { status } = await system.client().post("/login", { json: { ...second, password: wrong } });
      system.advance(48 * hour);
      return status === 429;
    };
    const pairs: readonly (readonly [(name: string) => object, (name: string) => object])[] = [
      [(name) => ({ email: `${name}@acme.example` }), (name) => ({ email: `${name.toUpperCase()}@Acme.example` })],
      [(name) => ({ email: `${name}@acme.example` }), (name) => ({ username: `${name}@acme.example` })],
      [(name) => ({ username: `${name}@acme.example` }), (name) => ({ email: `${name}@acme.example` })],
    ];
    for (const [one, other] of pairs) {
      expect(await shared(one("zoe"), other("zoe"))).toBe(await shared(one("ann"), other("ann")));
    }
    const usernames = [
      ["annie", "ANNIE"],
      ["annie", " annie"],
      ["annie", "anni"],
    ] as const;
    for (const [one, other] of usernames) {
      const known = await shared({ username: one }, { username: other });
      const unknown = await shared(
        { username: one.replace("nni", "bbi") },
        { username: other.replace("nni", "bbi").replace("NNI", "BBI") },
      );
      expect([one, other, unknown]).toEqual([one, other, known]);
    }
  });

  it("gets all its guesses back by a right one, and is not kept out by its own programs", async () => {
    const system = await start();
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 9; n += 1) {
        expect((await system.client().post("/login", { json: { email: ann, password: wrong } })).status).toBe(400);
      }
      await system.client().signIn(ann, goodPassword);
    }
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => system.client().get("/basic", { headers: basic(ann, goodPassword) })),
    );
    expect(new Set(statuses(answers))).toEqual(new Set([200]));
  });

  it("gets no guesses for strangers from a program that signs in by HTTP Basic", async () => {
    const system = await start();
    for (let n = 0; n < 9; n += 1) await system.client().post("/login", { json: { email: ann, password: wrong } });
    expect((await system.client().get("/basic", { headers: basic(ann, goodPassword) })).status).toBe(200);
    const last = [wrong, wrong].map((password) => system.client().post("/login", { json: { email: ann, password } }));
    expect(statuses(await Promise.all(last)).sort()).toEqual([400, 429]);
  });

  it("is asked for by the application itself within the same budget", async () => {
    const system = await start();
    const user = { id: await userId(system, ann) };
    for (let n = 0; n < 10; n += 1) expect(await system.security.verifyPassword(user, wrong)).toBe(false);
    const refused = await system.security.verifyPassword(user, goodPassword).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(LimitedError);
    expect((refused as LimitedError).retryAfter).toBe(90);
    expect(await system.security.verifyPassword(undefined, wrong)).toBe(false);
  });

  it("loses no attempt to a server that had no time to look", async () => {
    let failing = true;
    const system = await start({
      passwords: {
        hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true },
        wrapHasher: (hasher) => ({
          ...hasher,
          close: () => hasher.close(),
          hash: (password) => hasher.hash(password),
          burn: (password) => hasher.burn(password),
          verify: (password, stored) =>
            failing ? Promise.reject(new Error("no hash today")) : hasher.verify(password, stored),
        }),
      },
    } as Overrides);
    for (let n = 0; n < 15; n += 1) {
      expect((await system.client().post("/login", { json: { email: ann, password: wrong } })).status).toBe(500);
    }
    failing = false;
    await system.client().signIn(ann, goodPassword);
  });
  it("is asked for its present password within the same budget", async () => {
    const system = await start({
      features: [passwords(), changePassword()],
      mail: { sender: outbox() },
    } as unknown as Overrides);
    const client = system.client();
    await client.signIn(ann, goodPassword);
    const change = (password: string): Promise<ClientAnswer> =>
      client.post("/change", {
        json: { password, new_password: "quite another one", new_password_confirm: "quite another one" },
      });
    for (let n = 0; n < 10; n += 1) expect((await change(wrong)).status).toBe(400);
    expect((await change(goodPassword)).status).toBe(429);
  });
});

describe("one client address", () => {
  const rotating = (n: number): Record<string, string> => ({
    "x-forwarded-for": `198.51.100.${n}`,
    "x-real-ip": `198.51.100.${n}`,
    forwarded: `for=198.51.100.${n}`,
    "cf-connecting-ip": `198.51.100.${n}`,
    "true-client-ip": `198.51.100.${n}`,
  });
  const guess = (client: TestClient, n: number, headers: Record<string, string> = {}): Promise<ClientAnswer> =>
    client.post("/login", { json: { email: `user${n}@acme.example`, password: wrong }, headers });

  it("has a budget over all names, whatever its headers say, and another address has its own", async () => {
    const system = await start({ limits: { signIn: { perAddress: "20/20m" } } });
    const client = from(system, "203.0.113.9");
    for (let n = 0; n < 20; n += 1) expect((await guess(client, n, rotating(n))).status).toBe(400);
    const refused = await guess(client, 21, rotating(21));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    expect((await guess(from(system, "203.0.113.10"), 22)).status).toBe(400);
    expect(system.events.filter(({ name }) => name === "limitReached")).toEqual([
      { name: "limitReached", event: { limit: "signIn.perAddress", user: undefined, address: "203.0.113.9" } },
    ]);
  });

  it("is a /64 of IPv6", async () => {
    const system = await start({ limits: { signIn: { perAddress: "5/5m" } } });
    for (let n = 0; n < 5; n += 1) await guess(from(system, `2001:db8:0:1::${n + 1}`), n);
    expect((await guess(from(system, "2001:db8:0:1:aaaa::1"), 7)).status).toBe(429);
    expect((await guess(from(system, "2001:db8:0:2::1"), 8)).status).toBe(400);
  });

  it("is the forwarded one where the proxy is declared", async () => {
    const system = await start({ trustedProxies: { hops: 1 }, limits: { signIn: { perAddress: "5/5m" } } });
    const client = from(system, "127.0.0.1");
    for (let n = 0; n < 5; n += 1) await guess(client, n, { "x-forwarded-for": "203.0.113.9" });
    expect((await guess(client, 6, { "x-forwarded-for": "1.2.3.4, 203.0.113.9" })).status).toBe(429);
    expect((await guess(client, 7, { "x-forwarded-for": "203.0.113.10" })).status).toBe(400);
  });

  it("is not used up by those who sign in", async () => {
    const system = await start({ limits: { signIn: { perAddress: "5/5m" } } });
    for (let n = 0; n < 12; n += 1) await from(system, "203.0.113.9").signIn(ann, goodPassword);
    expect((await guess(from(system, "203.0.113.9"), 1)).status).toBe(400);
  });

  it("registers so many accounts and no more", async () => {
    const system = await start({ limits: { endpoints: { register: { perAddress: "3/3h" } } } });
    const register = (n: number): Promise<ClientAnswer> =>
      from(system, "203.0.113.9").post("/register", {
        json: { email: `new${n}@acme.example`, password: goodPassword, password_confirm: goodPassword },
      });
    for (let n = 0; n < 3; n += 1) expect((await register(n)).status).toBe(200);
    const refused = await register(4);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "3600"]);
    expect(await system.store.count("user", { email: "new4@acme.example" })).toBe(0);
  });

  it("that no host tells is said once in the log", async () => {
    const system = await start({ limits: { signIn: { perAddress: "2/5m" } } });
    for (let n = 0; n < 4; n += 1) expect((await guess(system.client(), n)).status).toBe(400);
    expect(system.logs.filter((line) => line.includes("client addresses"))).toHaveLength(1);
  });
});

describe("a lockout", () => {
  const limits = { lockout: { failures: 4, again: 2, periods: ["5m", "1h"] as const } };
  const attempt = (system: System, password: string, email = ann): Promise<ClientAnswer> =>
    system.client().post("/login", { json: { email, password } });

  it("refuses right and wrong passwords alike, ends by itself, and comes again for longer", async () => {
    const system = await start({ limits });
    for (let n = 0; n < 4; n += 1) expect((await attempt(system, wrong)).status).toBe(400);
    const answers = [await attempt(system, goodPassword), await attempt(system, wrong)];
    expect(answers.map((answer) => answer.headers.get("retry-after"))).toEqual(["300", "300"]);
    expect(masked(answers[0] as ClientAnswer)).toEqual(masked(answers[1] as ClientAnswer));
    system.advance(5 * minute);
    for (let n = 0; n < 2; n += 1) expect((await attempt(system, wrong)).status).toBe(400);
    expect((await attempt(system, goodPassword)).headers.get("retry-after")).toBe("3600");
    system.advance(hour);
    expect((await attempt(system, goodPassword)).status).toBe(200);
    // And all is forgotten.
    for (let n = 0; n < 3; n += 1) expect((await attempt(system, wrong)).status).toBe(400);
    expect((await attempt(system, goodPassword)).status).toBe(200);
  });

  it("tells the application, once for each lock and only of accounts that there are", async () => {
    const system = await start({ limits });
    for (let n = 0; n < 6; n += 1) await attempt(system, wrong, "nobody@acme.example");
    for (let n = 0; n < 6; n += 1) await attempt(system, wrong);
    const locks = system.events.filter(({ name }) => name === "accountLocked");
    expect(locks.map(({ event }) => [(event["user"] as { email: string }).email, event["until"]])).toEqual([
      [ann, system.now() + 5 * minute],
    ]);
    expect(await system.security.lockouts()).toEqual([
      { userId: await userId(system, ann), lockedUntil: system.now() + 5 * minute },
    ]);
  });

  it("is no lock when the last guess was right", async () => {
    const system = await start({ limits });
    for (let n = 0; n < 3; n += 1) await attempt(system, wrong);
    expect((await attempt(system, goodPassword)).status).toBe(200);
    expect([(await attempt(system, wrong)).status, await system.security.lockouts()]).toEqual([400, []]);
    expect(system.events.some(({ name }) => name === "accountLocked")).toBe(false);
  });

  it("does not end a session, and is taken off by an administrator or by a new password", async () => {
    const system = await start({ limits });
    const client = system.client();
    await client.signIn(ann, goodPassword);
    const lock = async (): Promise<void> => {
      for (let n = 0; n < 4; n += 1) await attempt(system, wrong);
      expect((await attempt(system, goodPassword)).status).toBe(429);
    };
    await lock();
    expect((await client.get("/me")).status).toBe(200);
    const id = await userId(system, ann);
    expect([await system.security.users.unlock(id), await system.security.users.unlock(id)]).toEqual([true, false]);
    expect(system.events.filter(({ name }) => name === "accountUnlocked")).toEqual([
      { name: "accountUnlocked", event: { userId: id } },
    ]);
    expect((await attempt(system, goodPassword)).status).toBe(200);
    await lock();
    await system.security.users.setPassword(id, otherPassword);
    expect((await attempt(system, otherPassword)).status).toBe(200);
    expect(await system.security.lockouts()).toEqual([]);
  });

  it("is taken off by the link that its owner gets by mail, once, and by nobody's GET", async () => {
    const box = outbox();
    const system = await start({
      limits,
      features: [passwords(), registration(), unlock()],
      mail: { sender: box },
    } as unknown as Overrides);
    for (let n = 0; n < 6; n += 1) await attempt(system, wrong, "nobody@acme.example");
    for (let n = 0; n < 6; n += 1) await attempt(system, wrong);
    await expect.poll(() => box.all().length).toBe(1);
    const mail = box.all()[0];
    expect(JSON.stringify(mail?.to)).toContain(ann);
    const path = /http:\/\/localhost:3000(\/unlock\/\S+)/.exec(mail?.text ?? "")?.[1] ?? "";
    await system.client().get(path, { headers: { accept: "text/html" } });
    expect((await attempt(system, goodPassword)).status).toBe(429);
    expect((await system.client().post(path, { json: {} })).status).toBe(200);
    expect((await attempt(system, goodPassword)).status).toBe(200);
    expect((await system.client().post(path, { json: {} })).status).toBe(400);
  });

  it("leaves nothing of names in the database, and its rows are removed when they are over", async () => {
    const system = await start({ limits });
    await attempt(system, wrong);
    await from(system, "203.0.113.9").post("/login", { json: { email: "nobody@acme.example", password: wrong } });
    const rows = await system.store.find("limit", {});
    // Two for each guess: the name's, and what stands behind it, an account or nobody; and the address's.
    expect(rows).toHaveLength(5);
    expect(JSON.stringify(rows)).not.toMatch(/acme|203\.0/);
    await system.security.purge();
    expect(await system.store.count("limit", {})).toBe(5);
    system.advance(49 * hour);
    await system.security.purge();
    expect(await system.store.count("limit", {})).toBe(0);
  });
});

describe("a second step", () => {
  const features = [
    passwords(),
    registration(),
    secondStep({ name: "step", order: 400, path: "/step", asks: (email) => email === ann }),
  ] as unknown as Overrides["features"];
  const begin = async (system: System): Promise<TestClient> => {
    const client = system.client();
    const answer = await client.post("/login", { json: { email: ann, password: goodPassword } });
    if (answer.status !== 200 && answer.status !== 429) throw new Error(answer.text);
    return client;
  };

  it("has a budget over all sign-ins that were begun, which a right password does not give back", async () => {
    const system = await start({ features } as Overrides);
    let looked = 0;
    let refused = 0;
    for (let round = 0; round < 6; round += 1) {
      const client = await begin(system);
      for (let n = 0; n < 4; n += 1) {
        const { status } = await client.post("/step", { json: { password: "000000" } });
        if (status === 429) refused += 1;
        else looked += 1;
      }
    }
    expect([looked, refused]).toEqual([10, 14]);
    const client = await begin(system);
    expect((await client.post("/step", { json: { password: rightCode } })).status).toBe(429);
    system.advance(90_000);
    expect((await client.post("/step", { json: { password: rightCode } })).status).toBe(200);
    // A right code gives all back.
    const next = await begin(system);
    expect((await next.post("/step", { json: { password: "000000" } })).status).toBe(400);
  });

  it("never looks at more guesses than the budget, of a hundred at once", async () => {
    const system = await start({ features } as Overrides);
    const clients = await Promise.all(Array.from({ length: 5 }, () => begin(system)));
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        (clients[n % 5] as TestClient).copy().post("/step", { json: { password: String(n) } }),
      ),
    );
    expect(answers.filter(({ text }) => text.includes("password is wrong"))).toHaveLength(10);
  });
});

describe("the option limits", () => {
  it("refuses an endpoint that there is not", async () => {
    await expect(start({ limits: { endpoints: { regster: { perAddress: "1/1m" } } } })).rejects.toThrow(
      /^limits\.endpoints\.regster: /,
    );
  });

  it("switches off what it names and nothing else", async () => {
    const system = await start({ limits: { allowUnlimited: ["signIn.perAccount", "lockout"] } });
    for (let n = 0; n < 30; n += 1) {
      expect((await system.client().post("/login", { json: { email: ann, password: wrong } })).status).toBe(400);
    }
    await system.client().signIn(ann, goodPassword);
  });
});
