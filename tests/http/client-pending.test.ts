import { type Client, createClient, type PendingSignIn, type Result, type TokenStore } from "portcullis/client";
import {
  accountDeletion,
  confirmation,
  type Feature,
  passwordless,
  passwords,
  refresh,
  registration,
  userManagement,
} from "portcullis/features";
import { describe, expect, it } from "vitest";
import { rightCode, secondStep } from "./authn-second-step.ts";
import { day, goodPassword, type Overrides, origin, otherPassword, userId } from "./authn-system.ts";
import { startWithOutbox, type WithOutbox } from "./outbox-system.ts";

const ann = "ann@acme.example";
const bob = "bob@acme.example";
const newPassword = "correct horse battery";
const step = secondStep({ name: "second", order: 400, path: "/second", asks: (email) => email === bob, attempts: 3 });

type Made = WithOutbox;

async function system(overrides: Overrides = {}): Promise<Made> {
  const features: readonly Feature[] = [
    passwords(),
    registration(),
    confirmation({ required: false }),
    passwordless(),
    accountDeletion(),
    refresh({ carrier: "body", idle: "500d", absolute: "500d" }),
    userManagement({ permission: "write" }),
    step,
  ];
  return startWithOutbox({
    features,
    passwords: {
      hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true },
      policy: { maxAge: "365d" },
    },
    ...overrides,
  } as Overrides);
}

function clientOf(made: Made, mode: "session" | "token", tokens?: TokenStore): Client {
  const options = tokens === undefined ? {} : { tokens };
  return createClient({
    baseUrl: origin,
    mode,
    ...options,
    fetch: async (input, init) => made.app.fetch(new Request(input, init)),
  });
}

function dataOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.data;
}

/** The sign-in as one that waits. */
function waiting<T extends { readonly pending?: string | undefined }>(
  result: Result<T | PendingSignIn>,
): PendingSignIn {
  const data = dataOf(result);
  if (data.pending === undefined) throw new Error(`done: ${JSON.stringify(data)}`);
  return data as PendingSignIn;
}

describe.each(["session", "token"] as const)("a sign-in that waits, by %s", (mode) => {
  it("for a new password: nobody is signed in, and the function for it finishes", async () => {
    const made = await system();
    made.advance(366 * day);
    const client = clientOf(made, mode);
    const pending = waiting(await client.login({ email: ann, password: goodPassword }));
    expect(pending).toEqual({
      pending: "expired_password",
      path: "/expired-password",
      shown_for: expect.any(String),
      password_expired: true,
    });
    expect(await client.request("GET", "/me")).toMatchObject({ ok: false, error: { kind: "unauthenticated" } });
    const same = await client.replaceExpiredPassword(pending, { password: goodPassword });
    expect(same).toMatchObject({ ok: false, status: 400, error: { kind: "invalid" } });
    const done = dataOf(await client.replaceExpiredPassword(pending, { password: newPassword }));
    expect([done.pending, done.tf_required]).toEqual([undefined, false]);
    if (done.pending === undefined) expect(done.user.email).toBe(ann);
    expect(dataOf(await client.request<{ user: string }>("GET", "/me")).user).toBe(ann);
    // It waits no more.
    const again = await client.replaceExpiredPassword(pending, { password: otherPassword });
    expect(again).toMatchObject({ ok: false, status: 400 });
  });

  it("at one gate after the other: each step is told by its own name", async () => {
    const made = await system();
    made.advance(366 * day);
    const client = clientOf(made, mode);
    const first = waiting(await client.login({ email: bob, password: otherPassword }));
    expect(first).toMatchObject({ pending: "second", path: "/second", tf_required: true, tf_state: "second" });
    expect(await client.finishSignIn(first, { password: "0" })).toMatchObject({ ok: false, status: 400 });
    const second = waiting(await client.finishSignIn(first, { password: rightCode }));
    expect(second).toMatchObject({ pending: "expired_password" });
    expect(second.tf_required).toBeUndefined();
    const done = dataOf(await client.replaceExpiredPassword(second, { password: newPassword }));
    expect(done.pending === undefined && done.user.email).toBe(bob);
    expect(dataOf(await client.request<{ user: string }>("GET", "/me")).user).toBe(bob);
  });

  it("names its own: one that was begun later in the same client is not finished by it", async () => {
    const made = await system();
    made.advance(366 * day);
    const client = clientOf(made, mode);
    const anns = waiting(await client.login({ email: ann, password: goodPassword }));
    waiting(await client.login({ email: "ada@acme.example", password: goodPassword }));
    expect(await client.replaceExpiredPassword(anns, { password: newPassword })).toMatchObject({ ok: false });
    expect((await made.security.checkUserPassword("ada@acme.example", newPassword)) === undefined).toBe(true);
  });
});

describe("the endpoint for programs", () => {
  it("answers in the same shape, and the same functions finish it", async () => {
    const made = await system();
    made.advance(366 * day);
    const client = clientOf(made, "token");
    const pending = waiting(await client.account.login({ email: ann, password: goodPassword }));
    expect(pending).toMatchObject({ pending: "expired_password", path: "/expired-password" });
    const done = dataOf(await client.replaceExpiredPassword(pending, { password: newPassword }));
    expect(done.pending).toBeUndefined();
    expect(dataOf(await client.account.get()).user.email).toBe(ann);
    expect(await made.store.count("session", {})).toBe(0);
  });
});

describe("a path that a server would make up", () => {
  it.each(["//evil.example/x", "https://evil.example/x", "relative", "/\\evil.example"])(
    "%s gets no password",
    async (path) => {
      const sent: string[] = [];
      const client = createClient({
        baseUrl: origin,
        fetch: async (input) => {
          sent.push(new URL(String(input)).origin);
          return Response.json({});
        },
      });
      const pending = { pending: "expired_password", path, shown_for: "x" };
      await expect(client.replaceExpiredPassword(pending, { password: newPassword })).rejects.toThrow(TypeError);
      expect(sent.filter((to) => to !== origin)).toEqual([]);
    },
  );
});

describe("other things that are not done yet", () => {
  const linkIn = async (made: Made, template: string): Promise<string> => {
    await made.security.delivery.idle();
    const text = made.box.all().findLast((mail) => mail.template === template)?.text ?? "";
    return new RegExp(`${origin}/[\\w-]+/([\\w.-]+)`).exec(text)?.[1] ?? "";
  };

  it("a link that asks for the password is told from one with a wrong password, and goes on", async () => {
    const made = await system();
    await clientOf(made, "session").sendLoginLink(ann);
    const token = await linkIn(made, "signInLink");
    const client = clientOf(made, "session");
    const asked = await client.loginByLink(token);
    expect(asked).toMatchObject({ ok: false, status: 400, error: { response: { pending: "first_proof" } } });
    if (!asked.ok) expect(Object.keys(asked.error.field_errors)).toEqual(["password"]);
    const wrong = await client.loginByLink(token, { password: "wrong" });
    expect(wrong.ok ? "" : wrong.error.response.pending).toBeUndefined();
    const done = dataOf(await client.loginByLink(token, { password: goodPassword }));
    expect(done.pending === undefined && done.user.email).toBe(ann);
  });

  it("a deletion that waits for its mailed link ends no sign-in", async () => {
    const made = await system();
    const id = await userId(made, ann);
    let kept: unknown;
    const tokens: TokenStore = {
      load: () => kept as never,
      save: (now) => {
        kept = now;
      },
    };
    const client = clientOf(made, "session", tokens);
    dataOf(await client.login({ email: ann, password: goodPassword }));
    await made.store.update("user", { id }, { password: null });
    // The row in the cache is from before.
    made.advance(1);
    const waits = dataOf(await client.deleteAccount());
    expect(waits.pending).toBe("delete_account_confirm");
    expect(await made.security.users.find("email", ann)).toMatchObject({ active: true });
    expect((await client.confirmDeleteAccount(await linkIn(made, "deleteAccountInstructions"))).ok).toBe(true);
  });

  it("409 is a conflict: of a link that is open in another browser", async () => {
    const made = await system();
    await clientOf(made, "session").sendLoginLink(ann);
    const token = await linkIn(made, "signInLink");
    const [id] = token.split(".");
    const client = clientOf(made, "session");
    expect(await client.loginByLink(`open-${id}`)).toMatchObject({
      ok: false,
      status: 409,
      error: { kind: "conflict" },
    });
  });
});
