import { memory } from "portcullis/memory";
import { sqlite } from "portcullis/sqlite";
import { afterEach, describe, expect, it } from "vitest";
import { goodPassword, otherPassword, type System, start, weakHashing } from "./authn-system.ts";

const open: System[] = [];
afterEach(async () => {
  for (const system of open.splice(0)) await system.security.close();
});

async function system(policy: object, overrides: object = {}): Promise<System> {
  const made = await start({ passwords: { hashing: weakHashing, policy }, ...overrides });
  open.push(made);
  return made;
}

const register = async (of: System, password: string): Promise<{ status: number; faults: unknown }> => {
  const json = { email: "new@acme.example", password, password_confirm: password };
  const answer = await of.client().post("/register", { json });
  return { status: answer.status, faults: answer.json.response.field_errors?.password };
};

describe("registration by the policy", () => {
  it.each(["Localhost1", "l0calh0st", "localhostlocalhost", "Kumquat-2026", "kumquatkumquat", "Zorblax-99"])(
    "refuses %s, which says nothing but the site's name",
    async (password) => {
      const own = await system({ siteWords: ["zorblax"] }, { views: { siteName: "Kumquat" } });
      expect(await register(own, password)).toEqual({
        status: 400,
        faults: ["The name of this site is easy to guess as a password."],
      });
    },
  );

  it.each(["Portcullis1", "portcullis2026!", "P0rtcullis-1", "portcullisportcullis"])(
    "refuses %s where no name is configured: the default one is on every page",
    async (password) => {
      expect(await register(await system({}), password)).toEqual({
        status: 400,
        faults: ["The name of this site is easy to guess as a password."],
      });
    },
  );

  it.each(["new-81!27", "!new!new!", "new@acme.example1"])(
    "refuses %s, the own address with digits and signs",
    async (password) => {
      expect(await register(await system({}), password)).toEqual({
        status: 400,
        faults: ["Your name or address cannot be your password."],
      });
    },
  );

  it("refuses what nobody sees", async () => {
    const own = await system({});
    for (const password of ["            ", "\u3000".repeat(8), "\u00a0".repeat(8), "\u200b".repeat(8)]) {
      expect(await register(own, password)).toEqual({
        status: 400,
        faults: ["The password has no character that can be seen."],
      });
    }
  });

  it("tells in words why a password is too simple, and that is all that JSON and the page say", async () => {
    const own = await system({ strength: { minimumScore: 3, timeLimit: "60s" }, allowCommonPasswords: true });
    const { status, faults } = await register(own, "abcdefgh");
    expect(status).toBe(400);
    expect(faults).toContain("This password is easy to guess. Make it longer or less regular.");
    expect(faults).toContain("Sequences such as “abc” or “6543” are easy to guess.");
    expect((await register(own, "correct horse battery staple!")).status).toBe(200);
  }, 60_000);

  it("takes the application's check in the place of one by name", async () => {
    const own = await system({
      replace: { common: (password: string) => (password.includes("x") ? [] : [{ key: "PASSWORD_TOO_COMMON" }]) },
    });
    expect((await register(own, "unusual words")).status).toBe(400);
    expect((await register(own, "xpassword")).status).toBe(200);
  });
});

describe.each([
  ["memory", () => memory()],
  ["sqlite", () => sqlite(":memory:")],
])("former passwords (%s)", (_name, datastore) => {
  const reused = async (
    {
      security,
      kernelCheck,
    }: { security: System["security"]; kernelCheck: (id: number, password: string) => Promise<string[]> },
    passwords: string[],
  ) => {
    const user = await security.users.find("email", "ann@acme.example");
    return Promise.all(passwords.map((password) => kernelCheck(user?.id ?? 0, password)));
  };

  it("are remembered by every setter, at most as many as wanted, and forgotten with the user", async () => {
    let check: ((id: number, password: string) => Promise<string[]>) | undefined;
    const probe = {
      name: "probe",
      endpoints: (kernel: import("portcullis/features").Kernel) => {
        check = async (id, password) =>
          (await kernel.policy.check(password, { identities: [], account: { id } })).map(({ key }) => key);
        return [];
      },
    };
    const { passwords, registration } = await import("portcullis/features");
    const own = await system(
      { history: { last: 2 } },
      { datastore: datastore(), features: [passwords(), registration(), probe] },
    );
    const { security, store } = own;
    const kernelCheck = check ?? (async () => ["no check"]);
    const user = await security.users.find("email", "ann@acme.example");
    const id = user?.id ?? 0;
    expect(await reused({ security, kernelCheck }, [goodPassword, otherPassword])).toEqual([["PASSWORD_REUSED"], []]);
    await security.users.setPassword(id, otherPassword);
    expect(await reused({ security, kernelCheck }, [goodPassword, otherPassword])).toEqual([
      ["PASSWORD_REUSED"],
      ["PASSWORD_REUSED"],
    ]);
    await security.users.setPassword(id, "a third one of words");
    expect(await reused({ security, kernelCheck }, [goodPassword, otherPassword])).toEqual([[], ["PASSWORD_REUSED"]]);
    expect(await store.count("passwordHistory", { userId: id })).toBe(2);
    // Another account's passwords are nobody's business.
    const bob = await security.users.find("email", "bob@acme.example");
    expect(await kernelCheck(bob?.id ?? 0, "a third one of words")).toEqual([]);
    expect((await register(own, "words of a new user")).status).toBe(200);
    const made = await security.users.find("email", "new@acme.example");
    expect(await store.count("passwordHistory", { userId: made?.id ?? 0 })).toBe(1);
    expect(JSON.stringify(await store.find("passwordHistory", {}))).not.toContain("words");
    await security.users.delete(id);
    expect(await store.count("passwordHistory", { userId: id })).toBe(0);
  });

  it("are not kept where nobody asked for it", async () => {
    const own = await system({}, { datastore: datastore() });
    await own.security.users.setPassword(1, otherPassword);
    expect(await own.store.count("passwordHistory", {})).toBe(0);
  });
});
