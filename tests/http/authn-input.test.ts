import type { ClientAnswer } from "portcullis/testing";
import { describe, expect, it } from "vitest";
import { goodPassword, type System, start } from "./authn-system.ts";

const fresh = { email: "new@acme.example", password: goodPassword, password_confirm: goodPassword };
const register = (system: System, fields: object): Promise<ClientAnswer> =>
  system.client().post("/register", { json: { ...fresh, ...fields } });
const faultsOf = (answer: ClientAnswer): unknown => answer.json.response.field_errors;
const signIn = async (system: System, email: string, password: string): Promise<number> =>
  (await system.client().post("/login", { json: { email, password } })).status;

describe("type confusion", () => {
  const wrong: readonly [string, unknown][] = [
    ["a list", [fresh.email]],
    ["an object", { $gt: "" }],
    ["a number", 1],
    ["true", true],
    ["null", null],
    ["nested lists", [[["x"]]]],
  ];
  it.each(wrong)("%s in any field is a fault of that field", async (_name, value) => {
    const system = await start();
    for (const field of ["email", "password", "password_confirm"]) {
      const answer = await register(system, { [field]: value });
      expect([field, answer.status, Object.keys(faultsOf(answer) as object)]).toEqual([field, 400, [field]]);
    }
    for (const field of ["email", "password", "remember"]) {
      if (field === "remember" && (value === true || value === null)) continue;
      if (field === "email" && value === null) continue;
      const json = { email: "ann@acme.example", password: goodPassword, [field]: value };
      const answer = await system.client().post("/login", { json });
      expect([field, answer.status, Object.keys(faultsOf(answer) as object)]).toEqual([field, 400, [field]]);
    }
    expect(await system.store.count("session", {})).toBe(0);
  });

  it.each(["[]", "1", '"x"', "true", "null", "{", '{"email":', "\ufeff{}", "NaN", "", "[[[[[[[["])(
    "a body that is %j is 400",
    async (body) => {
      const system = await start();
      for (const path of ["/login", "/register"]) {
        const answer = await system.client().post(path, { body, headers: { "content-type": "application/json" } });
        expect([path, answer.status]).toEqual([path, 400]);
        expect(answer.headers.get("content-type")).toContain("json");
      }
    },
  );

  it("of a form: a field twice, or with brackets, is not taken for one", async () => {
    const system = await start();
    const client = system.client();
    await client.get("/login");
    const twice = new URLSearchParams([
      ["email", "bob@acme.example"],
      ...Object.entries({ email: "ann@acme.example", password: goodPassword }),
    ]);
    expect((await client.post("/login", { body: twice })).status).toBe(400);
    for (const name of ["email[]", "email[$ne]", "email.x", "EMAIL"]) {
      const answer = await client.post("/login", { form: { [name]: "ann@acme.example", password: goodPassword } });
      expect([name, answer.status]).toEqual([name, 200]);
    }
    expect(await system.store.count("session", {})).toBe(0);
  });

  it("wildcards and operators find nobody", async () => {
    const system = await start();
    for (const email of ["%", "ann%", "_nn@acme.example", "ann@acme.example' or '1'='1", "*", "ann@acme.example--"]) {
      expect(await signIn(system, email, goodPassword)).toBe(400);
    }
  });

  it("letters that fold to others are other letters", async () => {
    const system = await start();
    await system.security.users.create({ email: "mike.skis@acme.example", password: goodPassword });
    // Dotless i, Kelvin sign, long s, dotted capital I.
    for (const email of ["m\u0131ke.skis@acme.example", "mike.\u017fkis@acme.example", "m\u0130ke.skis@acme.example"]) {
      expect([email, await signIn(system, email, goodPassword)]).toEqual([email, 400]);
    }
  });
});
