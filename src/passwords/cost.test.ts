// What a refusal costs, whoever has which hash: counted in units of work, not in time.
import { hash as bcrypt } from "@node-rs/bcrypt";
import { afterEach, describe, expect, test, vi } from "vitest";
import { createHasher, type PasswordHasher } from "./hasher.ts";
import type { HashingOptions } from "./hashing-options.ts";
import { parseStored } from "./schemes/index.ts";

/** KiB times passes of argon2 that were done, by the parameters that reached the library, and the most KiB at once. */
const done = vi.hoisted(() => ({ units: 0, largest: 0, calls: 0 }));
const count = (memory: number, passes: number): void => {
  done.units += memory * passes;
  done.largest = Math.max(done.largest, memory);
  done.calls += 1;
};
vi.mock("@node-rs/argon2", async (original) => {
  const real = await original<typeof import("@node-rs/argon2")>();
  return {
    ...real,
    hash: (secret: string, options: { memoryCost: number; timeCost: number }) => {
      count(options.memoryCost, options.timeCost);
      return real.hash(secret, options);
    },
    verify: (stored: string, secret: string) => {
      const [, memory, passes] = /m=(\d+),t=(\d+)/.exec(stored) ?? [];
      count(Number(memory), Number(passes));
      return real.verify(stored, secret);
    },
  };
});

const opened: PasswordHasher[] = [];
afterEach(() => Promise.all(opened.splice(0).map((hasher) => hasher.close())));
function hasherWith(options: HashingOptions = {}): PasswordHasher {
  const hasher = createHasher(options);
  opened.push(hasher);
  return hasher;
}

/** What argon2 did meanwhile. */
async function argon2Of(work: () => Promise<unknown>): Promise<number> {
  Object.assign(done, { units: 0, largest: 0, calls: 0 });
  await work();
  return done.units;
}

/** Of what other schemes did, in the same unit: by measurements on one machine, noted beside each scheme. */
const others: Readonly<Record<string, (stored: string) => number>> = {
  "2b": (stored) => 154 * 2 ** Number(stored.slice(4, 6)),
  "pbkdf2-sha256": (stored) => 0.43 * Number(stored.split("$")[2]),
  "pbkdf2-sha512": (stored) => 1.35 * Number(stored.split("$")[2]),
  scrypt(stored) {
    const [, ln, r, p] = /ln=(\d+),r=(\d+),p=(\d+)/.exec(stored) ?? [];
    return 0.95 * 2 ** Number(ln) * Number(r) * Number(p);
  },
};
const usual = 19456 * 2;
const weak: readonly [name: string, stored: string | (() => Promise<string>)][] = [
  ["argon2id of less memory", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"],
  ["argon2i", "$argon2i$v=19$m=256,t=1,p=1$c29tZXNhbHQ$AJFIsNZTMKTAewB4+ETN1A"],
  ["argon2 with two lanes", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"],
  ["bcrypt", () => bcrypt("right", { cost: 4 })],
  ["pbkdf2-sha256", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"],
  ["pbkdf2-sha256 of 29,000 rounds", `$pbkdf2-sha256$29000$4vjV83LKPjQzk31VI4E0Vw$${"A".repeat(43)}`],
  ["pbkdf2-sha512", `$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$${"A".repeat(86)}`],
  ["scrypt", "$scrypt$ln=4,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI"],
  ["scrypt with lanes", `$scrypt$ln=10,r=8,p=2$TmFDbA$${"A".repeat(43)}`],
];
const strong: readonly [name: string, stored: string][] = [
  ["argon2id", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94"],
  ["bcrypt", "$2b$10$WvvTPHKwdBJ3uk0Z37EMR.hLA2W6N9AEBhEgrAOljy2Ae5MtaSIUi"],
  ["pbkdf2-sha256", `$pbkdf2-sha256$120000$4vjV83LKPjQzk31VI4E0Vw$${"A".repeat(43)}`],
  ["pbkdf2-sha512", `$pbkdf2-sha512$40000$RHY0Fr3IDMSVO/RSZyb5ow$${"A".repeat(86)}`],
  ["scrypt", `$scrypt$ln=13,r=8,p=1$TmFDbA$${"A".repeat(43)}`],
  ["sha256_crypt", "$5$rounds=1000$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"],
  ["sha512_crypt", `$6$saltstring$${"A".repeat(85)}.`],
];

describe("a wrong password", () => {
  test.each(weak)("over a cheaper hash costs what one costs for nobody: %s", async (_name, given) => {
    const stored = typeof given === "string" ? given : await given();
    const hasher = hasherWith();
    const nobody = await argon2Of(() => hasher.burn("wrong"));
    expect(nobody).toBe(usual);
    const argon2 = await argon2Of(() => hasher.verify("wrong", stored));
    const other = others[stored.split("$")[1] ?? ""]?.(stored) ?? 0;
    // In steps of one KiB for each pass.
    expect(argon2 + other).toBeGreaterThan(usual - 4);
    expect(argon2 + other).toBeLessThanOrEqual(usual);
    expect(done.largest).toBeLessThanOrEqual(19456);
  });

  test.each(strong)("over a dearer hash gets nothing added: %s", async (_name, stored) => {
    const argon2 = await argon2Of(() => hasherWith().verify("wrong", stored));
    const own = parseStored(stored);
    expect(own?.cost).toBeGreaterThan(usual);
    expect(argon2).toBe(own?.scheme === "argon2" ? own.cost : 0);
  });

  test("costs the same for everybody where two forms are tried", async () => {
    const hasher = hasherWith({ flaskSecurity: { passwordSalt: "salt", alsoSingle: true, singleHash: ["bcrypt"] } });
    expect(await argon2Of(() => hasher.burn("wrong"))).toBe(2 * usual);
    const single = await bcrypt("right", { cost: 5 });
    const spent = others["2b"]?.(single) ?? 0;
    expect(2 * usual - (await argon2Of(() => hasher.verify("wrong", single))) - spent).toBeLessThan(8);
    const [, lower] = weak[0] as [string, string];
    expect(2 * usual - (await argon2Of(() => hasher.verify("wrong", lower)))).toBeLessThan(8);
    expect(done.largest).toBeLessThanOrEqual(19456);
  });

  test("costs the same with other parameters and lanes", async () => {
    const hasher = hasherWith({ memory: 20000, passes: 3, parallelism: 2 });
    const [, lower] = weak[2] as [string, string];
    const added = await argon2Of(() => hasher.verify("wrong", lower));
    expect(60_000 - added).toBeGreaterThanOrEqual(0);
    expect(60_000 - added).toBeLessThan(6);
  });

  test.each([null, "", "plain", "$1$old", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$damaged"])(
    "costs the same where the stored text is no hash: %s",
    async (stored) => {
      expect(await argon2Of(() => hasherWith().verify("wrong", stored))).toBe(usual);
    },
  );
});

test("A right password over a cheaper hash pays for its new hash, and for nothing that lacked", async () => {
  const [, lower] = weak[0] as [string, string];
  const hasher = hasherWith();
  expect(await hasher.verify("password", lower)).toEqual({ ok: true, upgrade: true });
  expect(await argon2Of(() => hasher.verify("password", lower))).toBe(512);
});

test("Both parts of a refusal have one place in the queue: where one is free, no 503", async () => {
  Object.assign(done, { calls: 0 });
  const hasher = hasherWith({ concurrency: 1, queue: 0 });
  const [, lower] = weak[0] as [string, string];
  const refusal = hasher.verify("wrong", lower);
  expect(hasher.stats()).toMatchObject({ running: 1, queued: 0 });
  await expect(hasher.burn("wrong")).rejects.toMatchObject({ code: "overloaded" });
  expect(await refusal).toEqual({ ok: false, upgrade: false });
  expect(done.calls).toBeGreaterThan(1);
});
