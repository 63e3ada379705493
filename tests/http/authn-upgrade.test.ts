import { hash as bcrypt } from "@node-rs/bcrypt";
import { describe, expect, it } from "vitest";
import fixtures from "../../src/passwords/fixtures/flask-security.json" with { type: "json" };
import {
  basic,
  goodPassword,
  masked,
  type Overrides,
  otherPassword,
  type System,
  start,
  userId,
  weakHashing,
} from "./authn-system.ts";

const ann = "ann@acme.example";
/** Stronger than all the fixtures: each of them is to be replaced. */
const strong = { memory: 19_456, passes: 12, parallelism: 1 } as const;
const flask = { passwordSalt: fixtures.passwordSalt, alsoSingle: true } as const;

async function withHash(stored: string | null, overrides: Overrides = {}): Promise<System> {
  const system = await start(overrides);
  await system.store.update("user", { email: ann }, { password: stored });
  return system;
}

const storedHash = async (system: System): Promise<string | null> =>
  ((await system.store.findOne("user", { email: ann }))?.password ?? null) as string | null;

const signIn = async (system: System, password: string): Promise<number> =>
  (await system.client().post("/login", { json: { email: ann, password } })).status;

const known = [...fixtures.double, ...fixtures.single].filter(({ scheme }) => scheme !== "plaintext");

describe("a stored hash of an older form", () => {
  it.each(known.map((fixture) => [`${fixture.scheme} ${fixture.stored.slice(0, 24)}`, fixture] as const))(
    "%s signs in and is replaced by the current form",
    async (_name, { stored, password }) => {
      const system = await withHash(stored, { passwords: { hashing: { ...strong, flaskSecurity: flask } } });
      expect(await signIn(system, `${password}x`)).toBe(400);
      expect(await storedHash(system)).toBe(stored);
      expect(await signIn(system, password)).toBe(200);
      const now = await storedHash(system);
      expect(now).toMatch(/^\$argon2id\$v=19\$m=19456,t=12,p=1\$/);
      expect(system.events.filter(({ name }) => name === "passwordUpgraded")).toHaveLength(1);
      // The new one works, and is not replaced again.
      expect(await signIn(system, password)).toBe(200);
      expect(await storedHash(system)).toBe(now);
    },
  );

  it("is replaced on each channel: basic and verify too, and no session is ended by it [ASVS 11.2.2]", async () => {
    const hashing = { ...strong, flaskSecurity: flask };
    const system = await start({ authn: ["session", "basic"], passwords: { hashing } });
    const client = system.client();
    await client.signIn(ann, goodPassword);
    const old = await bcrypt(goodPassword, { cost: 4 });
    const plant = (): Promise<number> => system.store.update("user", { email: ann }, { password: old });
    await plant();
    expect((await client.get("/me", { headers: { cookie: "", ...basic(ann, goodPassword) } })).status).toBe(200);
    expect(await storedHash(system)).toMatch(/^\$argon2id/);
    await plant();
    expect((await client.post("/verify", { json: { password: goodPassword } })).status).toBe(200);
    expect(await storedHash(system)).toMatch(/^\$argon2id/);
    expect((await client.get("/me")).json.user).toBe(ann);
  });

  it("is left alone when the current form would be weaker", async () => {
    const stronger = await start({ passwords: { hashing: { memory: 19_456, passes: 3, parallelism: 1 } } });
    const hash = await stronger.security.hashPassword(goodPassword);
    const system = await withHash(hash, { passwords: { hashing: weakHashing } });
    expect(await signIn(system, goodPassword)).toBe(200);
    expect(await storedHash(system)).toBe(hash);
    expect(system.events.map(({ name }) => name)).not.toContain("passwordUpgraded");
  });

  it("does not undo a password that is changed at the same time", async () => {
    const old = await bcrypt(goodPassword, { cost: 4 });
    let meanwhile: (() => Promise<void>) | undefined;
    const system = await withHash(old, {
      passwords: {
        hashing: strong,
        wrapHasher: (hasher) => ({
          ...hasher,
          // The upgrade has verified the old hash and makes the new one: now somebody changes the password.
          async hash(password) {
            const change = meanwhile;
            meanwhile = undefined;
            await change?.();
            return hasher.hash(password);
          },
        }),
      },
    });
    const id = await userId(system, ann);
    meanwhile = async () => void (await system.security.users.setPassword(id, otherPassword));
    const client = system.client();
    await client.post("/login", { json: { email: ann, password: goodPassword } });
    expect(await signIn(system, otherPassword)).toBe(200);
    expect(await signIn(system, goodPassword)).toBe(400);
    // The sign-in that was under way began before the change: what it made is worth nothing.
    expect((await client.get("/me", { headers: { accept: "application/json" } })).status).toBe(401);
  });
});

describe("a stored hash that can't be verified", () => {
  it.each<[string, string | null]>([
    ["none", null],
    ["an empty one", ""],
    ["plain text", goodPassword],
    ["an unknown scheme", "$9$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
    ["MD5", "$1$salt$qJH7.N4xYta3aEG/dfqo/0"],
    ["a damaged argon2", "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw"],
    [
      "an absurdly expensive argon2",
      "$argon2id$v=19$m=4294967295,t=4294967295,p=1$AAECAwQFBgcICQoLDA0ODw$94qM1lypIjwpGoUhh+BDBdqAj+Lj73vALPwiBblpMF8",
    ],
    ["an absurdly expensive bcrypt", "$2b$31$abcdefghijklmnopqrstuu7KJbDfld2RraAvfieJYqFLNp.q0iv02"],
    ["an absurdly expensive sha512_crypt", `$6$rounds=999999999$saltstring$${"A".repeat(86)}`],
    [
      "an absurdly expensive pbkdf2",
      "$pbkdf2-sha256$999999999$AAECAwQFBgcICQoLDA0ODw$y7.NmS9tqFVFYHsoTxTNSGo4/hf8IDNLLte9trUMB0U",
    ],
    ["Django's unusable one", "!nothing"],
  ])("%s is refused with the answer for a wrong password, unchanged and soon", async (_name, stored) => {
    const system = await withHash(stored);
    const answers = await Promise.all(
      ["", goodPassword, "password"].map((password) =>
        system.client().post("/login", { json: { email: ann, password: password === "" ? "x" : password } }),
      ),
    );
    const unknown = await system.client().post("/login", { json: { email: "who@acme.example", password: "x" } });
    for (const answer of answers) expect(masked(answer)).toEqual(masked(unknown));
    expect(unknown.status).toBe(400);
    expect(await storedHash(system)).toBe(stored);
    expect(system.events.filter(({ name }) => name === "userFailedAuthn")).toHaveLength(3);
  });
});

describe("more sign-ins than the hashing queue takes", () => {
  it("are answered with 503 and when to try again, and the others go on", async () => {
    const system = await start({ passwords: { hashing: { ...strong, concurrency: 1, queue: 1 } } });
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => system.client().post("/login", { json: { email: ann, password: goodPassword } })),
    );
    const [done, busy] = [answers.filter((a) => a.status === 200), answers.filter((a) => a.status === 503)];
    expect(done.length).toBeGreaterThanOrEqual(2);
    expect(busy.length).toBeGreaterThanOrEqual(1);
    expect(done.length + busy.length).toBe(6);
    for (const answer of busy) {
      expect(Number(answer.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      expect(answer.json.meta.code).toBe(503);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
    expect(await signIn(system, goodPassword)).toBe(200);
    // The queue is the same for a page, for Basic, for registration and for unknown addresses.
    const mixed = await Promise.all([
      ...Array.from({ length: 4 }, () =>
        system.client().post("/login", { json: { email: "who@acme.example", password: "x" } }),
      ),
      ...Array.from({ length: 4 }, () => system.client().get("/basic", { headers: basic(ann, goodPassword) })),
    ]);
    expect(mixed.map(({ status }) => status)).toContain(503);
    for (const { status } of mixed) expect([200, 400, 503]).toContain(status);
  });
});
