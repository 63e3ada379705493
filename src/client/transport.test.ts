import { describe, expect, it } from "vitest";
import { type Client, type ClientTokens, createClient } from "./index.ts";

/** A request that waits for the test to answer it. */
interface Waiting {
  readonly path: string;
  readonly token: string | null;
  answer(status: number, response?: Readonly<Record<string, unknown>>): Promise<void>;
}

/** A client in the mode "token" whose server answers when the test says so; `slow`: its store takes a turn for each step. */
function waitingClient(slow = false): {
  readonly client: Client;
  /** The first request to that path that waits. */
  next(path: string): Promise<Waiting>;
  kept(): ClientTokens | undefined;
  /** Stores tokens as another tab does. */
  keep(tokens: ClientTokens): void;
} {
  const sent: Waiting[] = [];
  let kept: ClientTokens | undefined;
  const client = createClient({
    baseUrl: "https://acme.example",
    mode: "token",
    tokens: slow
      ? {
          async load() {
            const found = kept;
            await turns();
            return found;
          },
          async save(tokens) {
            await turns();
            kept = tokens;
          },
        }
      : {
          load: () => kept,
          save(tokens) {
            kept = tokens;
          },
        },
    fetch: (input, init) =>
      new Promise<Response>((resolve) => {
        sent.push({
          path: new URL(String(input)).pathname,
          token: new Headers(init?.headers).get("authentication-token"),
          async answer(status, response = {}) {
            resolve(Response.json({ meta: { code: status }, response }, { status }));
            await turns();
          },
        });
      }),
  });
  return {
    client,
    kept: () => kept,
    keep(tokens) {
      kept = tokens;
    },
    async next(path) {
      await turns();
      const at = sent.findIndex((one) => one.path === path);
      const [found] = at === -1 ? [] : sent.splice(at, 1);
      if (found === undefined) throw new Error(`no request to ${path} waits`);
      return found;
    },
  };
}

/** Long enough for every promise that is settled to be noticed. */
const turns = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

const signedIn = (name: string): Readonly<Record<string, unknown>> => ({
  user: { authentication_token: `${name}-token`, refresh_token: `${name}-renewal` },
});

/** A client on which this user has signed in. */
async function signedInClient(name: string, slow = false): Promise<ReturnType<typeof waitingClient>> {
  const made = waitingClient(slow);
  const done = made.client.login({ email: `${name}@acme.example`, password: "x" });
  await (await made.next("/login")).answer(200, signedIn(name));
  await done;
  expect(made.kept()?.authentication_token).toBe(`${name}-token`);
  return made;
}

describe("answers that come late", () => {
  it("a renewal that fails after a new sign-in leaves its tokens alone", async () => {
    const { client, next, kept } = await signedInClient("ann");
    const request = client.request("GET", "/store");
    await (await next("/store")).answer(401);
    const renewal = await next("/refresh-token");
    const login = client.login({ email: "ben@acme.example", password: "x" });
    await (await next("/login")).answer(200, signedIn("ben"));
    await login;
    await renewal.answer(400);
    expect((await request).status).toBe(401);
    expect(kept()).toEqual({ authentication_token: "ben-token", refresh_token: "ben-renewal" });
  });

  it("a renewal that succeeds after a new sign-in stores nothing, and repeats nothing as the other user", async () => {
    const { client, next, kept } = await signedInClient("ann");
    const request = client.request("POST", "/store", { json: {} });
    await (await next("/store")).answer(401);
    const renewal = await next("/refresh-token");
    const login = client.login({ email: "ben@acme.example", password: "x" });
    await (await next("/login")).answer(200, signedIn("ben"));
    await login;
    await renewal.answer(200, signedIn("ann2"));
    expect((await request).status).toBe(401);
    await expect(next("/store")).rejects.toThrow("no request");
    expect(kept()?.authentication_token).toBe("ben-token");
  });

  it("a renewal that ends after the sign-out stores nothing", async () => {
    const { client, next, kept } = await signedInClient("ann");
    const renewed = client.refresh();
    const renewal = await next("/refresh-token");
    const logout = client.logout();
    await (await next("/logout")).answer(200);
    await (await next("/logout")).answer(200);
    await logout;
    await renewal.answer(200, signedIn("ann2"));
    expect(await renewed).toBe(false);
    expect(kept()).toBeUndefined();
  });

  it("a renewal that ends while the sign-out is under way is forgotten with it", async () => {
    const { client, next, kept } = await signedInClient("ann");
    const renewed = client.refresh();
    const renewal = await next("/refresh-token");
    const logout = client.logout();
    const first = await next("/logout");
    await renewal.answer(200, signedIn("ann2"));
    await renewed;
    await first.answer(200);
    await (await next("/logout")).answer(200);
    await logout;
    expect(kept()).toBeUndefined();
  });

  it("a sign-in that began after the sign-out keeps its tokens when the sign-out ends", async () => {
    const { client, next, kept } = await signedInClient("ann");
    const logout = client.logout();
    const first = await next("/logout");
    const login = client.login({ email: "ben@acme.example", password: "x" });
    await (await next("/login")).answer(200, signedIn("ben"));
    await login;
    await first.answer(200);
    await (await next("/logout")).answer(200);
    await logout;
    expect(kept()?.authentication_token).toBe("ben-token");
  });

  it("a sign-in that began before the sign-out brings nothing after it", async () => {
    const { client, next, kept } = await signedInClient("ann");
    const login = client.login({ email: "ben@acme.example", password: "x" });
    const slow = await next("/login");
    const logout = client.logout();
    await (await next("/logout")).answer(200);
    await (await next("/logout")).answer(200);
    await logout;
    await slow.answer(200, signedIn("ben"));
    await login;
    expect(kept()).toBeUndefined();
  });

  it("of two sign-ins the one that began later counts, in whatever order they are answered", async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { client, next, kept } = waitingClient();
      const logins = ["ann", "ben"].map((name) => client.login({ email: `${name}@acme.example`, password: "x" }));
      const waiting = [await next("/login"), await next("/login")];
      for (const index of order) await waiting[index]?.answer(200, signedIn(index === 0 ? "ann" : "ben"));
      await Promise.all(logins);
      expect(kept()?.authentication_token).toBe("ben-token");
    }
  });

  it("a renewal that fails where another tab has renewed them leaves the stored tokens alone", async () => {
    const { client, next, kept, keep } = await signedInClient("ann");
    const renewed = client.refresh();
    const renewal = await next("/refresh-token");
    keep({ authentication_token: "ann-from-the-other-tab" });
    await renewal.answer(400);
    expect(await renewed).toBe(false);
    expect(kept()?.authentication_token).toBe("ann-from-the-other-tab");
  });
});

describe.each([
  ["a store that answers at once", false],
  ["a store that takes its time", true],
])("a user who is verified again, with %s", (_name, slow) => {
  const verified = { user: { authentication_token: "ann-verified" } };
  /** The request, once it was sent: a slow store is asked first. */
  const sent = async (next: (path: string) => Promise<Waiting>, path: string): Promise<Waiting> => {
    await turns();
    await turns();
    return next(path);
  };

  it("keeps the new refresh token of a renewal that was under way, whichever is answered first", async () => {
    for (const verifyFirst of [true, false]) {
      const { client, next, kept } = await signedInClient("ann", slow);
      const renewed = client.refresh();
      const renewal = await sent(next, "/refresh-token");
      const verify = client.verify({ password: "x" });
      const proof = await sent(next, "/verify");
      const answers = [() => proof.answer(200, verified), () => renewal.answer(200, signedIn("ann2"))];
      if (!verifyFirst) answers.reverse();
      await Promise.all(answers.map((answer) => answer()));
      expect((await verify).ok).toBe(true);
      expect(await renewed).toBe(true);
      expect(kept()?.refresh_token).toBe("ann2-renewal");
      expect(["ann-verified", "ann2-token"]).toContain(kept()?.authentication_token);
    }
  });

  it("keeps the new refresh token of a renewal that is answered while the proof is under way", async () => {
    const { client, next, kept } = await signedInClient("ann", slow);
    const verify = client.verify({ password: "x" });
    const proof = await sent(next, "/verify");
    const renewed = client.refresh();
    await (await sent(next, "/refresh-token")).answer(200, signedIn("ann2"));
    expect(await renewed).toBe(true);
    await proof.answer(200, verified);
    await verify;
    expect(kept()).toEqual({ authentication_token: "ann-verified", refresh_token: "ann2-renewal" });
  });

  it("is signed out by a sign-out that began before, whichever is answered first", async () => {
    for (const verifyFirst of [true, false]) {
      const { client, next, kept } = await signedInClient("ann", slow);
      const logout = client.logout();
      const first = await sent(next, "/logout");
      const verify = client.verify({ password: "x" });
      const proof = await sent(next, "/verify");
      if (verifyFirst) {
        await proof.answer(200, verified);
        await verify;
      }
      await first.answer(200);
      await (await sent(next, "/logout")).answer(200);
      await logout;
      if (!verifyFirst) {
        await proof.answer(200, verified);
        await verify;
      }
      expect(kept()).toBeUndefined();
    }
  });

  it("leaves the tokens of a sign-in alone that came between, or comes at the same moment", async () => {
    for (const together of [true, false]) {
      const { client, next, kept } = await signedInClient("ann", slow);
      const verify = client.verify({ password: "x" });
      const proof = await sent(next, "/verify");
      const login = client.login({ email: "ben@acme.example", password: "x" });
      const signIn = await sent(next, "/login");
      if (together) {
        await Promise.all([proof.answer(200, verified), signIn.answer(200, signedIn("ben"))]);
      } else {
        await signIn.answer(200, signedIn("ben"));
        await login;
        await proof.answer(200, verified);
      }
      await Promise.all([verify, login]);
      expect(kept()).toEqual({ authentication_token: "ben-token", refresh_token: "ben-renewal" });
    }
  });

  it("a password that is changed while the sign-out is under way brings back no tokens", async () => {
    const { client, next, kept } = await signedInClient("ann", slow);
    const logout = client.logout();
    const first = await sent(next, "/logout");
    const change = client.changePassword({ password: "x", new_password: "y" });
    await (await sent(next, "/change")).answer(200, signedIn("ann2"));
    await change;
    await first.answer(200);
    await (await sent(next, "/logout")).answer(200);
    await logout;
    expect(kept()).toBeUndefined();
  });
});
