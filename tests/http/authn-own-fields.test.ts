import { column, portcullis } from "portcullis";
import { passwords, registration } from "portcullis/features";
import { sqlite } from "portcullis/sqlite";
import { type ClientAnswer, testClient } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { goodPassword, masked, observed, origin, secretKey, weakHashing } from "./authn-system.ts";

const fresh = { email: "new@acme.example", password: goodPassword, password_confirm: goodPassword };
const faultsOf = (answer: ClientAnswer): unknown => answer.json.response.field_errors;

describe("an application's own fields", () => {
  const own = async (
    onRegister: (
      order: string[],
      user: { id: number; email: string },
      fields: object,
    ) => void | Promise<void> = () => {},
    extra: { readonly revealAccounts?: boolean } = {},
    logs: string[] = [],
  ) => {
    const { provider, store } = observed(sqlite(":memory:"));
    const seen: string[] = [];
    const security = await portcullis({
      secretKeys: [secretKey],
      origins: [origin],
      datastore: provider,
      columns: {
        company: column.string({ nullable: true }),
        nickname: column.string({ nullable: true, unique: true }),
        seats: column.integer({ default: 1 }),
      },
      roles: ["member"],
      features: [
        passwords(),
        registration({
          roles: ["member"],
          fields: {
            company: { label: "Company", required: false, maxLength: 20 },
            nickname: { label: "Nickname", required: false },
            seats: { label: "Seats", type: "number", schema: z.coerce.number().int().min(1).max(9) },
            terms: { label: "I agree", type: "checkbox" },
          },
          async onRegister(tx, user, fields) {
            const seats: number = fields.seats;
            const terms: boolean = fields.terms;
            seen.push(`${user.email} ${seats} ${terms} ${fields.company} ${user.hasRole("member")}`);
            await tx.insert("ticket", {
              id: `of-user-${user.id}`,
              purpose: "welcome",
              userId: user.id,
              uniquifier: user.fsUniquifier,
              secretHash: "none",
              payload: {},
              attemptsLeft: 1,
              createdAt: 0,
              expiresAt: 0,
              consumedAt: null,
            });
            await onRegister(seen, user, fields);
          },
        }),
      ],
      passwords: { hashing: weakHashing },
      log: (message, details) => {
        logs.push(`${message} ${JSON.stringify(details)}`);
      },
      ...extra,
    });
    const app = security.app();
    app.onError((_error, c) => c.text("failed", 500));
    const post = (fields: object): Promise<ClientAnswer> =>
      testClient(app, origin).post("/register", { json: { ...fresh, seats: "3", terms: true, ...fields } });
    return { security, store: store(), seen, post, app };
  };

  it("are typed, checked by their schemas, and stored where a column has their name", async () => {
    const { security, seen, post } = await own();
    const bad = await post({ seats: "10", terms: false, company: "x".repeat(21) });
    expect([bad.status, Object.keys(faultsOf(bad) as object)]).toEqual([400, ["company", "seats", "terms"]]);
    expect((await post({ company: " Acme & Söhne ", seats: 4 })).status).toBe(200);
    const user = await security.users.find("email", fresh.email);
    const [company, seats]: [string | null | undefined, number | undefined] = [user?.company, user?.seats];
    expect([company, seats, user?.hasRole("member")]).toEqual(["Acme & Söhne", 4, true]);
    expect(seen).toEqual(["new@acme.example 4 true Acme & Söhne true"]);
  });

  it("are taken as the rendered page sends them: a box that is ticked, and every other way to say yes", async () => {
    const { app, seen } = await own();
    const client = testClient(app, origin);
    const page = await client.get("/register", { headers: { accept: "text/html" } });
    const box = /<input[^>]*name="terms"[^>]*>/.exec(page.text)?.[0] ?? "";
    const ticked = /value="([^"]*)"/.exec(box)?.[1] ?? "on";
    const form = { ...fresh, seats: "3", company: "", nickname: "" };
    const without = await client.post("/register", { form });
    expect([without.location, without.text.includes('aria-invalid="true"')]).toEqual([null, true]);
    for (const [index, terms] of [ticked, "y", "yes", "true", "1"].entries()) {
      const answer = await client.post("/register", { form: { ...form, email: `n${index}@acme.example`, terms } });
      expect([terms, answer.status, answer.location]).toEqual([terms, 302, "/login"]);
    }
    expect(seen).toHaveLength(5);
    for (const terms of ["maybe", "2", "null"]) {
      const answer = await client.post("/register", { form: { ...form, email: "x@acme.example", terms } });
      expect([terms, answer.location]).toEqual([terms, null]);
    }
  });

  it("take yes and no in JSON as a form says them, and nothing else", async () => {
    const { post, seen } = await own();
    for (const [index, terms] of [true, "true", "on", "yes", "y", "1"].entries()) {
      expect([terms, (await post({ email: `j${index}@acme.example`, terms })).status]).toEqual([terms, 200]);
    }
    for (const terms of [false, "false", "", "maybe", 1, 2, [], {}, null]) {
      const { status, json } = await post({ terms });
      expect([terms, status, Object.keys(json.response.field_errors ?? {})]).toEqual([terms, 400, ["terms"]]);
    }
    expect(seen).toHaveLength(6);
  });

  it("say what their schema says, in its own words", async () => {
    const { app, post } = await own();
    const { json } = await post({ seats: "10" });
    const [said] = z.coerce.number().int().min(1).max(9).safeParse("10").error?.issues ?? [];
    expect(json.response.field_errors).toEqual({ seats: [said?.message] });
    const client = testClient(app, origin);
    await client.get("/register", { headers: { accept: "text/html" } });
    const page = await client.post("/register", { form: { ...fresh, seats: "10", terms: "on" } });
    expect(page.text).toContain("expected number to be &lt;=9");
  });

  it("and its rows are written with the user or not at all", async () => {
    const { security, store, post } = await own((_seen, _user, fields) => {
      if ((fields as { company: string }).company === "refused") throw new Error("not this one");
    });
    const before = await store.count("user", {});
    await post({ company: "refused" });
    expect([
      await store.count("user", {}),
      await store.count("ticket", { purpose: { not: "decoy" } }),
      await store.count("rolesUsers", {}),
    ]).toEqual([before, 0, 0]);
    expect(await security.users.find("email", fresh.email)).toBeUndefined();
    expect((await post({ company: "taken" })).status).toBe(200);
    const kept = await store.count("ticket", { purpose: { not: "decoy" } });
    expect([kept, await store.count("rolesUsers", {})]).toEqual([1, 1]);
  });

  it("that must be unique and are taken are a fault of their field, for known and new addresses alike", async () => {
    const { store, post } = await own();
    expect((await post({ email: "first@acme.example", nickname: "nick" })).status).toBe(200);
    const taken = await post({ email: "second@acme.example", nickname: "nick" });
    expect([taken.status, Object.keys(faultsOf(taken) as object)]).toEqual([400, ["nickname"]]);
    const known = await post({ email: "first@acme.example", nickname: "nick" });
    expect(masked(known)).toEqual(masked(taken));
    expect(await store.count("user", {})).toBe(1);
    const both = await Promise.all(
      ["a@acme.example", "b@acme.example"].map((email) => post({ email, nickname: "together" })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
  });

  it("that must be unique and may be left out are left out by any number of users", async () => {
    const { security, post } = await own();
    expect((await post({ email: "first@acme.example" })).status).toBe(200);
    expect((await post({ email: "second@acme.example", nickname: " " })).status).toBe(200);
    expect((await security.users.find("email", "second@acme.example"))?.nickname).toBeNull();
  });

  it("an onRegister that throws tells nobody which addresses are known, and is logged", async () => {
    const logs: string[] = [];
    const { store, post } = await own(
      (_seen, user) => {
        if (user.email === "new@acme.example") throw new Error("the profile could not be made");
      },
      {},
      logs,
    );
    await post({ email: "known@acme.example" });
    const known = await post({ email: "known@acme.example" });
    const unknown = await post({ email: "new@acme.example" });
    expect(masked(unknown)).toEqual(masked(known));
    expect(unknown.status).toBe(200);
    const links = { purpose: { not: "decoy" } };
    expect([await store.count("user", {}), await store.count("ticket", links)]).toEqual([1, 1]);
    // As much is written for the one as for the other.
    const [decoys] = await store.find("ticket", { purpose: "decoy" });
    expect(decoys).toMatchObject({ userId: null });
    expect(logs.filter((line) => line.includes("onRegister"))).toEqual([
      'registration.onRegister failed: no account was made {"error":"Error: the profile could not be made"}',
    ]);
  });

  it("where accounts are no secret, its failure is the server's: 500", async () => {
    const { post } = await own(
      () => {
        throw new Error("broken");
      },
      { revealAccounts: true },
    );
    expect((await post({})).status).toBe(500);
  });

  it("do not run onRegister for an address that is known", async () => {
    const { seen, post } = await own();
    await post({});
    await post({});
    expect(seen).toHaveLength(1);
  });
});
