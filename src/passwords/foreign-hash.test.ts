import { hash } from "@node-rs/argon2";
import { hash as bcrypt } from "@node-rs/bcrypt";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { storableHash } from "./foreign-hash.ts";
import { createHasher } from "./hasher.ts";

const password = "correct horse";
const hasher = createHasher({ memory: 64, passes: 1, allowWeakHashing: true });
const verifies = async (foreign: string): Promise<boolean> => {
  const stored = storableHash(foreign);
  expect(stored).toBeDefined();
  expect((await hasher.verify("wrong horse", stored)).ok).toBe(false);
  return (await hasher.verify(password, stored)).ok;
};

/** Made by Python's hashlib and by Werkzeug. */
const made: [system: string, foreign: string][] = [
  ["Django, PBKDF2", "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso="],
  [
    "Django, scrypt",
    "scrypt$seasalt$16384$8$1$WHJS3/wrzhi2rYiZ44/lAqpycQxKRPVfHXMQFxWIaII7u1p+2cO61B97UL7OFL5ZSWsnhfwdgsItJJ6HcrHG4Q==",
  ],
  [
    "Werkzeug, scrypt",
    "scrypt:1024:8:1$UJVsxG7O1pCl63fY$02c8b6bf6edcd83dfcdf0c833bc349c409cb73ed5e0bcda7c4492e3a294f3e16a314041f71d4bc50464f606cad3ddd376c9896c6227afa70868f67824ded2183",
  ],
  [
    "Werkzeug, PBKDF2 with SHA-256",
    "pbkdf2:sha256:1000$W7C7HRgzCdu3149q$77d834e73b7b8e94d2ef3ae1c3beb33a00d781292c1404041d731e41517aa473",
  ],
  [
    "Werkzeug, PBKDF2 with SHA-512",
    "pbkdf2:sha512:1000$seasalt$081c76ae4a6f8f2100a28a4d56e45958e3b14d3470a15e898eb1c04590265a84467fb06597ff8deadb55ff8816bed775e8d27de0ea55a591e6e3821d32b1542e",
  ],
];

describe("hashes from elsewhere", () => {
  it.each(made)("%s", async (_system, foreign) => {
    expect(await verifies(foreign)).toBe(true);
  });

  it("Auth0, Devise and PHP: bcrypt as it is; Django's behind its name", async () => {
    const plain = await bcrypt(password, { cost: 4 });
    expect(storableHash(plain)).toBe(plain);
    expect(await verifies(plain)).toBe(true);
    expect(await verifies(plain.replace("$2b$", "$2y$"))).toBe(true);
    expect(await verifies(`bcrypt$${plain}`)).toBe(true);
  });

  it("argon2 as it is; Django's behind its name", async () => {
    const plain = await hash(password, { memoryCost: 64, timeCost: 1 });
    expect(storableHash(plain)).toBe(plain);
    expect(await verifies(`argon2${plain}`)).toBe(true);
  });

  it.each([
    ["nothing", ""],
    ["a password in clear", "correct horse"],
    ["MD5", "5f4dcc3b5aa765d61d8327deb882cf99"],
    ["Django's hash of a hash", "bcrypt_sha256$$2b$04$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu"],
    ["Django's unusable password", "!4Hq0dfyOzfn9Vw3yYzfQpWcTLKT3bL"],
    ["SHA-1", "pbkdf2_sha1$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso="],
    ["a digest that is cut", "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfms"],
    ["a digest that is too short", "scrypt$seasalt$16384$8$1$WHJS3/wrzhi2rYiZ44/lAg=="],
    ["what would take too long", "pbkdf2_sha256$999999999$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso="],
    ["a cost that is no power of two", `scrypt:1000:8:1$seasalt$${"ab".repeat(64)}`],
    ["LDAP", "{SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3"],
  ])("%s is refused", (_what, foreign) => {
    expect(storableHash(foreign)).toBe(undefined);
  });

  it("is undefined or a hash that is read, whatever the text", () => {
    const part = fc.constantFrom(
      "$",
      ":",
      "scrypt",
      "pbkdf2_sha256",
      "argon2",
      "bcrypt",
      "1024",
      "8",
      "1",
      "ab",
      "=",
      "/",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const stored = storableHash(parts.join(""));
        expect(stored === undefined || stored.startsWith("$")).toBe(true);
      }),
    );
  });
});
