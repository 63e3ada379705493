// What becomes of a password that the policy, or a check of the application's own, does not accept.
import { PasswordRefusedError, portcullis } from "portcullis";
import { passwords, registration } from "portcullis/features";
import { describe, expect, it, onTestFinished } from "vitest";
import { z } from "zod";
import { basics, call, form, plant } from "./system.ts";

describe("a refused password in a handler", () => {
  const needsZ = { key: "NEEDS_Z", text: { en: "A z is missing.", de: "Ein z fehlt." } };
  const policy = {
    minLength: 10,
    validators: [
      (text: string) => (text.includes("z") ? [] : [needsZ]),
      (text: string) => {
        if (text.includes("own")) throw new PasswordRefusedError([needsZ]);
        if (text.includes("fails")) throw new TypeError("the check broke: secret-7");
        return text.includes("other") ? [{ key: "NOT_A_KEY" }] : [];
      },
    ],
  };
  const system = async () => {
    const security = await portcullis({
      ...basics(),
      features: [passwords(), registration()],
      passwords: { ...basics().passwords, policy },
    });
    onTestFinished(() => security.close());
    return { security, user: await plant(security), app: security.app() };
  };
  const parameters = (name: string, ...messages: readonly string[]) =>
    messages.map((message) => ({ name, code: "invalid", message }));

  it("is 400 at its field, with the reasons in the caller's language", async () => {
    const { security, app, user } = await system();
    app.post("/hash", { authz: "OPEN", params: { pass: z.string() } }, async (c, { pass }) =>
      c.text(await security.hashPassword(pass, { check: true, user, field: "pass" })),
    );
    app.post("/set", { authz: "OPEN", params: { pass: z.string() } }, async (c, { pass }) =>
      c.json(await security.setPassword(user, pass)),
    );
    const sent = async (path: string, pass: string, language = "en") => {
      const answer = await call(app, path, form({ pass }, { "accept-language": language }));
      return [answer.status, JSON.parse(answer.text)];
    };
    const refused = async (pass: string, language?: string) => {
      const [status, problem] = await sent("/hash", pass, language);
      expect([status, problem.code]).toEqual([400, "invalid_parameters"]);
      return problem.parameters;
    };
    expect(await refused("short")).toEqual(parameters("pass", "A password has 10 to 128 characters."));
    expect(await refused("correct horse")).toEqual(parameters("pass", "A z is missing."));
    expect(await refused("correct horse", "de")).toEqual(parameters("pass", "Ein z fehlt."));
    expect(await refused("correct z own")).toEqual(parameters("pass", "A z is missing."));
    const without = parameters("pass", "This password is not accepted. Choose another one.");
    expect(await refused("correct z fails")).toEqual(without);
    expect(await refused("correct z other")).toEqual(without);
    expect(await sent("/set", "correct horse")).toEqual([200, ["A z is missing."]]);
    expect(await sent("/set", "correct z fails")).toEqual([
      200,
      ["This password is not accepted. Choose another one."],
    ]);
    expect(await sent("/set", "correct z horse")).toEqual([200, []]);
  });

  it("is said at the field of account endpoints too", async () => {
    const { app } = await system();
    const body = JSON.stringify({
      email: "new@acme.example",
      password: "correct horse",
      password_confirm: "correct horse",
    });
    const headers = { "content-type": "application/json", "accept-language": "de" };
    const answer = await call(app, "/register", { method: "POST", headers, body });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("Ein z fehlt.");
  });
});
