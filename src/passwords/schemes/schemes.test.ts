import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseStored } from "./index.ts";
import { inSteps } from "./sha-crypt.ts";
import type { SchemeName } from "./stored.ts";

const LONG = "a very much longer text to encrypt.  This one even stretches over morethan one line.";
const OPENWALL = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored";

const vectors: [scheme: SchemeName, password: string, stored: string][] = [
  // The reference implementation's own tests (P-H-C/phc-winner-argon2, src/test.c), and passlib's.
  ["argon2", "password", "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY"],
  ["argon2", "password", "$argon2i$m=256,t=2,p=2$c29tZXNhbHQ$tsEVYKap1h6scGt5ovl9aLRGOqOth+AMB+KwHpDFZPs"],
  ["argon2", "password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"],
  ["argon2", "password", "$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E"],
  ["argon2", "password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"],
  ["argon2", "password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"],
  ["argon2", "password", "$argon2id$v=19$m=65536,t=4,p=1$c29tZXNhbHQ$kCXUjmjvc5XMqQedpMTsOv+zyJEf5PhtGiUghW9jFyw"],
  [
    "argon2",
    "differentpassword",
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94",
  ],
  ["argon2", "password", "$argon2i$v=19$m=256,t=1,p=1$c29tZXNhbHQ$AJFIsNZTMKTAewB4+ETN1A"],
  ["argon2", "password", "$argon2d$v=19$m=102400,t=2,p=8$g2RodLh8j8WbSdCp+lUy/A$zzAJqL/HSjm809PYQu6qkA"],
  // Openwall crypt_blowfish 1.2, John the Ripper and py-bcrypt.
  ["bcrypt", "U*U*U*U*", "$2a$05$c92SVSfjeiCD6F2nAD6y0uBpJDjdRkt0EgeC4/31Rf2LUZbDRDE.O"],
  ["bcrypt", "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"],
  ["bcrypt", "U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"],
  ["bcrypt", "", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy"],
  ["bcrypt", OPENWALL, "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"],
  ["bcrypt", OPENWALL.slice(0, 72), "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"],
  ["bcrypt", "abc", "$2a$10$WvvTPHKwdBJ3uk0Z37EMR.hLA2W6N9AEBhEgrAOljy2Ae5MtaSIUi"],
  ["bcrypt", "password", "$2b$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu"],
  ["bcrypt", "password", "$2y$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu"],
  // passlib.
  [
    "pbkdf2_sha256",
    "password",
    "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ",
  ],
  [
    "pbkdf2_sha512",
    "password",
    "$pbkdf2-sha512$1212$RHY0Fr3IDMSVO/RSZyb5ow$eNLfBK.eVozomMr.1gYa17k9B7KIK25NOEshvhrSX.esqY3s.FvWZViXz4KoLlQI.BzY/YTNJOiKc5gBYFYGww",
  ],
  // RFC 7914 section 12 in passlib's form, and passlib.
  ["scrypt", "", "$scrypt$ln=4,r=1,p=1$$d9ZXYjhleyA7GcpCwYoEl/FrSETjB0ro39/6P+3iFEI"],
  ["scrypt", "password", "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI"],
  ["scrypt", "pleaseletmein", "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofI"],
  ["scrypt", "password", "$scrypt$ln=16,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$q12/n09yfqmedtpQEl97jDVTA9Tt5dZdfCiwQ+6hbBA"],
  ["scrypt", "nacl", "$scrypt$ln=1,r=4,p=2$yhnD+J+Tci4lZCwFgHCuVQ$fAsEWmxSHuC0cHKMwKVFPzrQukgvK09Sj+NueTSxKds"],
  // U. Drepper's specification, with what it truncates already truncated, and libxcrypt for the lengths at the edges.
  ["sha256_crypt", "Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"],
  ["sha256_crypt", "Hello world!", "$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"],
  ["sha256_crypt", LONG, "$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1"],
  [
    "sha256_crypt",
    "This is just a test",
    "$5$rounds=5000$toolongsaltstrin$Un/5jzAHMgOGZ5.mWJpuVolil07guHPvOW8mGRcvxa5",
  ],
  ["sha256_crypt", "", "$5$kc7lRD1fpYg0g.IP$d7CMTcEqJyTXyeq8hTdu/jB/I6DGkoo62NXbHIR7S43"],
  ["sha256_crypt", "q".repeat(64), "$5$rounds=1001$./$ls/whce1h8Me3Et0COTBVRLttJL.rykysA91tnpEjM3"],
  ["sha256_crypt", "q".repeat(300), "$5$rounds=1007$salt$1rSLJ1xBYSNdzl2jmVdt/yPzT8AFcNLxg2mSyjDS9b7"],
  [
    "sha512_crypt",
    "Hello world!",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
  ],
  [
    "sha512_crypt",
    "Hello world!",
    "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
  ],
  [
    "sha512_crypt",
    LONG,
    "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
  ],
  [
    "sha512_crypt",
    "password",
    "$6$rounds=1000$$6TFP.7u1vZP5A9fccvmUPteI8f29BLhgfqL1XEQqcrvqTSKKw5SBa2qw1sOwLEQ41Dhl1u/Jbi2hRHRYCdxuv0",
  ],
  [
    "sha512_crypt",
    "q".repeat(127),
    "$6$rounds=1042$s$3mfuaVm7/UWyhLu7qlrytnDl06ceJccXoLxrEN3bNBevZBWFbLpACu.s/8d.mmfRRYH4z1hMYJ6n/WrTSY9FH0",
  ],
  [
    "sha512_crypt",
    "grün",
    "$6$saltsalt$rpNkq7Sua6DwuHZnlFfghVE6NFsx1XUa0obJiNXPuue0etyJPh.hdMPp9wzpGbYi0XPm4.B6Kui4ba6tmXW881",
  ],
];

test.each(vectors)("%s verifies %j against %s", async (scheme, password, stored) => {
  const hashed = parseStored(stored);
  expect(hashed?.scheme).toBe(scheme);
  expect(await hashed?.verify(password)).toBe(true);
  expect(await hashed?.verify(`x${password}`)).toBe(false);
});

test("SHA-crypt is computed in a worker thread", async () => {
  const answer = new Promise((resolve) => {
    process.once("worker", (worker) => worker.once("message", resolve));
  });
  const digest = "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
  expect(await parseStored(`$5$saltstring$${digest}`)?.verify("Hello world!")).toBe(true);
  expect(await answer).toBe(digest);
});

test("SHA-crypt gives the same on the event loop", async () => {
  expect(await inSteps({ algorithm: "sha256", secret: LONG, salt: "anotherlongsalts", rounds: 1400 })).toBe(
    "Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1",
  );
  expect(await inSteps({ algorithm: "sha512", secret: "", salt: "", rounds: 1000 })).toHaveLength(86);
});

const SALT = "c29tZXNhbHQAAAAAAAAAAA";
const DIGEST = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
const BCRYPT = "oaQbBqq8JnSM1NHRPQGXOOY4Vw3bdHKLIXTecPDRAcJ98cz1ilveO";
const SHA256_CRYPT = "C.rMt3a7jGnNWAQpAambDGtSj6mq0NuNPW9tJ70Z1n9";
const SHA512_CRYPT = "WY8UtAdy4gJrLuWHc6zyHOXuv95BqLZS9Gtd/1rFxR5FPHu0rWj5EJPTk4Da7VzPG.YI123JFBA67xZfCnzQY/";
const KEY256 = "y7.NmS9tqFVFYHsoTxTNSGo4/hf8IDNLLte9trUMB0U";

describe("refused without being run", () => {
  const malformed: [why: string, stored: string][] = [
    ["nothing", ""],
    ["plain text", "password"],
    ["plain text that begins with $", "$password"],
    ["no hash behind the name", "$argon2id$"],
    ["a name of Object.prototype", "$constructor$x"],
    ["another name of it", "$__proto__$x"],
    ["crypt's DES", "EfgzjZLj5vB4Y"],
    ["crypt's MD5", "$1$saltstri$YZdpCYxEYHVMKjjAlJYGb1"],
    ["bcrypt of revision 2", "$2$05$......................J2ihDv8vVf7QZ9BsaRrKyqs2tkn55Yq"],
    ["bcrypt's 2x", `$2x$12$${BCRYPT}`],
    ["cost of one digit", `$2a$6$${BCRYPT}`],
    ["cost 3", `$2a$03$${BCRYPT}`],
    ["cost 17", `$2a$17$${BCRYPT}`],
    ["cost 31", `$2a$31$${BCRYPT}`],
    ["cost +4", `$2a$+4$${BCRYPT}`],
    ["a letter that bcrypt does not have", `$2a$12$${BCRYPT.replace("8", "!")}`],
    ["spare bits in the salt", `$2a$04$${BCRYPT.replace("XOO", "XOR")}`],
    ["spare bits in the digest", `$2a$04$${BCRYPT.slice(0, -1)}P`],
    ["a character less", `$2a$04$${BCRYPT.slice(0, -1)}`],
    ["a character more", `$2a$04$${BCRYPT}a`],
    ["a line break behind", `$2a$04$${BCRYPT}\n`],
    ["white space before", ` $2a$04$${BCRYPT}`],
    ["an unknown argon2", `$argon2qq$v=19$m=256,t=2,p=4$${SALT}$${DIGEST}`],
    ["upper case", `$ARGON2ID$v=19$m=256,t=2,p=4$${SALT}$${DIGEST}`],
    ["no memory", `$argon2i$v=19$t=2,p=4$${SALT}$${DIGEST}`],
    ["passes above 2^32", `$argon2i$v=19$m=65536,t=8589934592,p=4$${SALT}$${DIGEST}`],
    ["one parameter more", `$argon2i$v=19$m=65536,t=2,p=4,q=5$${SALT}$${DIGEST}`],
    ["another order", `$argon2i$v=19$t=2,m=65536,p=4$${SALT}$${DIGEST}`],
    ["a keyid", `$argon2i$v=19$m=65536,t=2,p=4,keyid=ABCD$${SALT}$${DIGEST}`],
    ["associated data", `$argon2i$v=19$m=512,t=2,p=2,data=c29tZWRhdGE$${SALT}$${DIGEST}`],
    ["an unknown version", `$argon2id$v=20$m=256,t=2,p=1$${SALT}$${DIGEST}`],
    ["less than 8 KiB a lane", `$argon2i$v=19$m=127,t=2,p=16$${SALT}$${DIGEST}`],
    ["memory of 0", `$argon2id$v=19$m=0,t=2,p=1$${SALT}$${DIGEST}`],
    ["a number with a zero in front", `$argon2id$v=19$m=0256,t=2,p=1$${SALT}$${DIGEST}`],
    ["more than 1 GiB", `$argon2id$v=19$m=1048577,t=2,p=1$${SALT}$${DIGEST}`],
    ["17 passes", `$argon2id$v=19$m=256,t=17,p=1$${SALT}$${DIGEST}`],
    ["17 lanes", `$argon2id$v=19$m=256,t=2,p=17$${SALT}$${DIGEST}`],
    ["a salt of 7 bytes", `$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbA$${DIGEST}`],
    ["a digest of 15 bytes", `$argon2id$v=19$m=256,t=2,p=1$${SALT}$AAAAAAAAAAAAAAAAAAAA`],
    ["padding", `$argon2id$v=19$m=256,t=2,p=1$${SALT}==$${DIGEST}`],
    ["spare bits in argon2's salt", `$argon2id$v=19$m=256,t=2,p=1$${SALT.slice(0, -1)}B$${DIGEST}`],
    ["spare bits in argon2's digest", `$argon2id$v=19$m=256,t=2,p=1$${SALT}$${DIGEST.slice(0, -1)}5`],
    ["the other alphabet", `$argon2id$v=19$m=256,t=2,p=1$${SALT}$${DIGEST.replace("/", "_")}`],
    ["one field more", `$argon2id$v=19$m=256,t=2,p=1$${SALT}$${DIGEST}$`],
    ["PBKDF2 with SHA-1", "$pbkdf2$1212$OB.dtnSEXZK8U5cgxU/GYQ$y5LKPOplRmok7CZp/aqVDVg8zGI"],
    ["rounds with a zero in front", `$pbkdf2-sha256$01212$AAECAwQFBgcICQoLDA0ODw$${KEY256}`],
    ["no rounds", `$pbkdf2-sha256$$AAECAwQFBgcICQoLDA0ODw$${KEY256}`],
    ["5,000,001 rounds", `$pbkdf2-sha256$5000001$AAECAwQFBgcICQoLDA0ODw$${KEY256}`],
    ["a plus sign in adapted base64", `$pbkdf2-sha256$1212$AAECAwQFBgcICQoLDA0ODw$${KEY256.replace(".", "+")}`],
    ["a digest of the other length", `$pbkdf2-sha512$1212$AAECAwQFBgcICQoLDA0ODw$${KEY256}`],
    ["spare bits in PBKDF2's salt", `$pbkdf2-sha256$1212$AAECAwQFBgcICQoLDA0ODx$${KEY256}`],
    ["scrypt without lanes", `$scrypt$ln=10,r=1$${SALT}$${DIGEST}`],
    ["ln of 0", `$scrypt$ln=0,r=1,p=1$${SALT}$${DIGEST}`],
    ["ln of 21", `$scrypt$ln=21,r=1,p=1$${SALT}$${DIGEST}`],
    ["a block size that is no number", `$scrypt$ln=10,r=A,p=1$${SALT}$${DIGEST}`],
    ["a block size too large", `$scrypt$ln=10,r=134217728,p=8$${SALT}$${DIGEST}`],
    ["scrypt with more than 1 GiB", `$scrypt$ln=20,r=9,p=1$${SALT}$${DIGEST}`],
    ["scrypt with 17 lanes", `$scrypt$ln=4,r=8,p=17$${SALT}$${DIGEST}`],
    ["scrypt with too much of all", `$scrypt$ln=20,r=8,p=16$${SALT}$${DIGEST}`],
    ["N not less than 2^(128·r/8)", `$scrypt$ln=16,r=1,p=1$${SALT}$${DIGEST}`],
    ["scrypt's digest cut", `$scrypt$ln=4,r=1,p=1$$${DIGEST.slice(0, -1)}`],
    ["999 rounds", `$5$rounds=999$saltstring$${SHA256_CRYPT}`],
    ["1,000,001 rounds", `$5$rounds=1000001$saltstring$${SHA256_CRYPT}`],
    ["rounds of SHA-crypt with a zero in front", `$5$rounds=010000$saltstring$${SHA256_CRYPT}`],
    ["rounds twice", `$5$rounds=10000$rounds=10000$salt$${SHA256_CRYPT}`],
    ["a salt of 17 characters", `$5$saltstringsaltstr$${SHA256_CRYPT}`],
    ["spare bits in SHA-256-crypt", `$5$saltstring$${SHA256_CRYPT.slice(0, -1)}E`],
    ["spare bits in SHA-512-crypt", `$6$saltstring$${SHA512_CRYPT.slice(0, -1)}2`],
    ["the digest of the other SHA-crypt", `$6$saltstring$${SHA256_CRYPT}`],
    ["no digest", "$6$saltstring$"],
    ["more than 512 characters", `$pbkdf2-sha256$1212$${"A".repeat(512)}$${KEY256}`],
  ];
  test.each(malformed)("%s", (_, stored) => {
    expect(parseStored(stored)).toBeUndefined();
  });

  test("but each of the neighbours of these that is well-formed is read", () => {
    const wellFormed = [
      `$2a$04$${BCRYPT}`,
      `$2a$16$${BCRYPT}`,
      `$argon2id$v=19$m=256,t=2,p=4$${SALT}$${DIGEST}`,
      `$argon2id$v=19$m=1048576,t=16,p=16$${SALT}$${DIGEST}`,
      `$pbkdf2-sha256$5000000$AAECAwQFBgcICQoLDA0ODw$${KEY256}`,
      `$scrypt$ln=20,r=8,p=1$${SALT}$${DIGEST}`,
      `$scrypt$ln=15,r=1,p=16$$${DIGEST}`,
      `$5$rounds=1000$saltstring$${SHA256_CRYPT}`,
      `$5$rounds=1000000$saltstringsaltst$${SHA256_CRYPT}`,
      `$6$saltstring$${SHA512_CRYPT}`,
    ];
    for (const stored of wellFormed) expect(parseStored(stored), stored).toBeDefined();
  });
});

test("any stored text is read or refused without an error, and what is read is canonical", () => {
  const seeds = vectors.map(([, , stored]) => stored);
  const changed = fc
    .tuple(fc.constantFrom(...seeds), fc.nat(), fc.nat(3), fc.string({ unit: "binary", maxLength: 3 }))
    .map(([stored, at, cut, insert]) => {
      const index = at % (stored.length + 1);
      return stored.slice(0, index) + insert + stored.slice(index + cut);
    });
  const any = fc.oneof(
    changed,
    fc.string({ unit: "binary" }),
    fc.string().map((text) => `$argon2id$${text}`),
  );
  fc.assert(
    fc.property(any, (stored) => {
      const hashed = parseStored(stored);
      if (hashed !== undefined) expect(stored).toMatch(/^\$[\w.$=,+/-]+$/);
    }),
    { numRuns: 3000 },
  );
});

test("the cheaper schemes' work grows with their cost, and the usual defaults are worth no more than the reference", () => {
  const work = (stored: string): number => parseStored(stored)?.work ?? Number.NaN;
  const reference = work(`$argon2id$v=19$m=19456,t=2,p=1$${SALT}$${DIGEST}`);
  const usual = [
    `$2b$12$${BCRYPT}`,
    `$pbkdf2-sha256$1200000$AAECAwQFBgcICQoLDA0ODw$${KEY256}`,
    `$5$rounds=535000$salt$${SHA256_CRYPT}`,
    `$6$rounds=656000$salt$${SHA512_CRYPT}`,
    `$scrypt$ln=17,r=8,p=1$${SALT}$${DIGEST}`,
  ];
  for (const stored of usual) expect(work(stored)).toBeLessThanOrEqual(reference);
  expect(work(`$2b$14$${BCRYPT}`)).toBeGreaterThan(reference);
  expect(work(`$scrypt$ln=18,r=8,p=1$${SALT}$${DIGEST}`)).toBeGreaterThan(reference);
  expect(work(`$pbkdf2-sha256$1200001$AAECAwQFBgcICQoLDA0ODw$${KEY256}`)).toBeGreaterThan(reference);
});
