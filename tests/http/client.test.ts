import type { OpenApiDocument, RouteRecord } from "portcullis";
import { type Client, createClient, type Result, type TokenStore } from "portcullis/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LabProcess, startLab } from "../lab/process.ts";
import { operationsOf, undescribed } from "./openapi-checks.ts";

/** What a result must have brought. */
function dataOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.data;
}

/** The token in the newest mail to an address. */
async function mailedToken(lab: LabProcess, to: string): Promise<string> {
  const mails = (await lab.control("GET", "/outbox")) as readonly { readonly to: string; readonly text: string }[];
  const mail = mails.findLast((one) => one.to.includes(to));
  const token = /https?:\/\/\S+\/([\w.~-]+)/.exec(mail?.text ?? "")?.[1];
  if (token === undefined) throw new Error(`no mail to ${to} with a link: ${JSON.stringify(mail)}`);
  return token;
}

/** A client that counts its requests, by method and path. */
function counting(lab: LabProcess, options: Parameters<typeof createClient>[0] = {}) {
  const sent: string[] = [];
  const client = createClient({
    baseUrl: lab.origin,
    ...options,
    fetch: (input, init) => {
      sent.push(`${init?.method ?? "GET"} ${new URL(String(input)).pathname}`);
      return fetch(input, init);
    },
  });
  return { client, sent };
}

describe("by session", () => {
  let lab: LabProcess;
  let document: OpenApiDocument;
  /** What was answered otherwise than the API's description says. */
  const undocumented: unknown[] = [];
  const fresh = (): Client => createClient({ baseUrl: lab.origin, fetch: checked });
  const checked: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const { pathname } = new URL(String(input));
    const method = init?.method ?? "GET";
    const one = operationsOf(document).find(
      (each) => each.method === method && new RegExp(`^${each.path.replace(/\{\w+\}/g, "[^/]+")}$`).test(pathname),
    );
    const fault = one === undefined ? "not described" : await undescribed(document, one, response.clone());
    if (fault !== undefined) undocumented.push([method, pathname, response.status, fault]);
    return response;
  };
  let count = 0;
  /** A new account's client, signed in. */
  const person = async (): Promise<{ readonly client: Client; readonly email: string; readonly password: string }> => {
    count += 1;
    const email = `person${count}@lp.com`;
    const password = "a battery of horses";
    await lab.control("POST", "/users", { email, password, confirmed_at: new Date().toISOString() });
    const client = fresh();
    dataOf(await client.login({ email, password }));
    return { client, email, password };
  };

  beforeAll(async () => {
    lab = await startLab(["--profile", "full"]);
    document = (await lab.control("GET", "/openapi")) as OpenApiDocument;
  });
  afterAll(async () => {
    await lab?.stop();
    expect(undocumented).toEqual([]);
  });

  it("has a function for each account endpoint that there is", async () => {
    const routes = (await lab.control("GET", "/routes")) as readonly RouteRecord[];
    const wanted = routes.filter(
      ({ source, method, path }) =>
        !["application", "administration"].includes(source) && (method !== "GET" || path.startsWith("/api")),
    );
    expect(wanted.length).toBeGreaterThan(20);
    const { client, sent } = counting(lab);
    for (const group of [client, client.users, client.keys, client.account]) {
      const functions = group as unknown as Record<string, ((...args: unknown[]) => Promise<unknown>) | object>;
      for (const [name, call] of Object.entries(functions)) {
        if (typeof call !== "function" || (group === client && ["request", "fetch", "refresh"].includes(name)))
          continue;
        await call("token", {}).catch(() => undefined);
      }
    }
    await client.refresh();
    const missing = wanted.filter(
      ({ method, path }) => !sent.some((one) => new RegExp(`^${method} ${path.replace(/:\w+/g, "[^/]+")}$`).test(one)),
    );
    expect(missing.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  it("signs in, says who it is, and signs out", async () => {
    const client = fresh();
    expect(dataOf(await client.me()).user).toBeUndefined();
    const wrong = await client.login({ email: "joe@lp.com", password: "wrong" });
    expect(wrong).toMatchObject({ ok: false, status: 400, error: { kind: "invalid" } });
    if (!wrong.ok) expect(wrong.error.field_errors[""]).toEqual(wrong.error.errors);
    expect(dataOf(await client.login({ email: "joe@lp.com", password: "password" }))).toMatchObject({
      user: { email: "joe@lp.com" },
      tf_required: false,
    });
    expect(dataOf(await client.me())).toMatchObject({ user: { email: "joe@lp.com" } });
    dataOf(await client.logout());
    expect(dataOf(await client.me()).user).toBeUndefined();
  });

  it("keeps what is wrong by field, in the language that is asked for", async () => {
    const german = createClient({ baseUrl: lab.origin, language: "de" });
    const result = await german.register({ email: "nothing", password: "x" });
    expect(result).toMatchObject({ ok: false, status: 400 });
    if (result.ok) return;
    expect(Object.keys(result.error.field_errors)).toContain("email");
    expect(result.error.errors.join()).toMatch(/Adresse/);
  });

  it("registers, confirms, and resets the password by mail", async () => {
    const client = fresh();
    const email = "new@lp.com";
    dataOf(await client.register({ email, password: "a battery of horses" }));
    expect((await client.login({ email, password: "a battery of horses" })).ok).toBe(false);
    dataOf(await client.confirmEmail(await mailedToken(lab, email)));
    dataOf(await client.login({ email, password: "a battery of horses" }));
    dataOf(await client.logout());
    dataOf(await client.forgotPassword(email));
    const token = await mailedToken(lab, email);
    expect(await client.resetPassword(token, { password: "short" })).toMatchObject({
      ok: false,
      error: { kind: "invalid", field_errors: { password: expect.any(Array) } },
    });
    dataOf(await client.resetPassword(token, { password: "a stable of batteries" }));
    expect((await client.resetPassword(token, { password: "a stable of batteries" })).ok).toBe(false);
    dataOf(await client.login({ email, password: "a stable of batteries" }));
  });

  it("changes password, username and e-mail, and signs in by a mailed link", async () => {
    const { client, email, password } = await person();
    dataOf(await client.changePassword({ password, new_password: "a stable of batteries" }));
    expect(dataOf(await client.changeUsername(`named${count}`)).user.username).toBe(`named${count}`);
    dataOf(await client.changeEmail(`moved-${email}`));
    dataOf(await client.confirmChangeEmail(await mailedToken(lab, `moved-${email}`)));
    expect(dataOf(await client.me()).user?.email).toBe(`moved-${email}`);
    const other = fresh();
    dataOf(await other.sendLoginLink(`moved-${email}`));
    expect(dataOf(await other.loginByLink(await mailedToken(lab, `moved-${email}`)))).toMatchObject({
      tf_required: false,
    });
  });

  it("lists devices and ends them", async () => {
    const { client, email, password } = await person();
    const other = fresh();
    dataOf(await other.login({ email, password }));
    const { sessions } = dataOf(await client.sessions());
    expect(sessions.map(({ current }) => current)).toEqual([true, false]);
    expect(dataOf(await client.endSession(sessions[1]?.id ?? "")).ended).toBe(1);
    expect(await other.sessions()).toMatchObject({ ok: false, status: 401, error: { kind: "unauthenticated" } });
    expect(await client.endSession("nothing")).toMatchObject({ ok: false, error: { kind: "notFound" } });
    expect(dataOf(await client.endOtherSessions()).ended).toBe(0);
  });

  it("says that a proof is too old, and goes on after verify()", async () => {
    const { client, password } = await person();
    await lab.control("POST", "/clock", { advance: 3 * 3600 });
    const stale = await client.exportAccount();
    expect(stale).toMatchObject({
      ok: false,
      status: 401,
      error: { kind: "stale", response: { reauth_required: true } },
    });
    dataOf(await client.verify({ password }));
    expect(dataOf(await client.exportAccount())).toHaveProperty("account");
  });

  it("fetches a CSRF token where it has none, once for many, and anew where another's session took its place", async () => {
    const { client, sent } = counting(lab);
    dataOf(await client.login({ email: "joe@lp.com", password: "password" }));
    expect(sent).toEqual(["GET /login", "POST /login"]);
    sent.length = 0;
    const echoes = await Promise.all(
      [1, 2, 3].map((n) => client.request<{ n: number }>("POST", "/json_auth", { json: { n } })),
    );
    expect(echoes.map((echo) => dataOf(echo).n)).toEqual([1, 2, 3]);
    expect(sent.filter((each) => each === "GET /login")).toEqual([]);

    // The token of this session, sent with another session's cookie.
    const cookies: { header: string } = { header: "" };
    const moved: { readonly sent: string[] } = { sent: [] };
    const swapped = createClient({
      baseUrl: lab.origin,
      fetch: async (input, init) => {
        const headers = new Headers(init?.headers);
        if (cookies.header !== "") headers.set("cookie", cookies.header);
        moved.sent.push(`${init?.method ?? "GET"} ${new URL(String(input)).pathname}`);
        const response = await fetch(input, { ...init, headers });
        const set = response.headers.getSetCookie().map((line) => line.split(";", 1)[0]);
        if (set.some((pair) => pair?.startsWith("session="))) cookies.header = set.join("; ");
        return response;
      },
    });
    dataOf(await swapped.login({ email: "joe@lp.com", password: "password" }));
    const first = cookies.header;
    // Another tab has signed in as somebody else: the cookie is theirs, the token is not.
    const otherTab = await fetch(`${lab.origin}/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: "matt@lp.com", password: "password" }),
    });
    cookies.header = otherTab.headers
      .getSetCookie()
      .map((line) => line.split(";", 1)[0])
      .join("; ");
    expect(cookies.header).not.toBe(first);
    moved.sent.length = 0;
    expect(dataOf(await swapped.request("POST", "/json_auth", { json: { a: 1 } }))).toEqual({ a: 1 });
    expect(moved.sent).toEqual(["POST /json_auth", "GET /login", "POST /json_auth"]);
  });

  it("sends an account endpoint's request once more where the session is another one", async () => {
    let swap = "";
    const paths: string[] = [];
    const client = createClient({
      baseUrl: lab.origin,
      fetch: (input, init) => {
        const headers = new Headers(init?.headers);
        if (swap !== "") headers.set("cookie", swap);
        paths.push(`${init?.method ?? "GET"} ${new URL(String(input)).pathname}`);
        return fetch(input, { ...init, headers });
      },
    });
    dataOf(await client.login({ email: "joe@lp.com", password: "password" }));
    const otherTab = await fetch(`${lab.origin}/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: "matt@lp.com", password: "password" }),
    });
    swap = otherTab.headers
      .getSetCookie()
      .map((line) => line.split(";", 1)[0])
      .join("; ");
    paths.length = 0;
    dataOf(await client.logout());
    expect(paths).toEqual(["POST /logout", "GET /login", "POST /logout"]);
  });

  it.each([
    ["csrf_missing", 2],
    ["csrf_invalid", 2],
    ["csrf_origin", 1],
    ["something_else", 1],
    [undefined, 1],
  ])("goes by the code of a refusal: %s is %i requests", async (code, requests) => {
    for (const body of [{ response: { errors: ["no"], code } }, { title: "no", code }]) {
      let posts = 0;
      const client = createClient({
        baseUrl: "https://acme.example",
        fetch: async (_input, init) => {
          if (init?.method !== "POST") return Response.json({ response: { csrf_token: String(Math.random()) } });
          posts += 1;
          return Response.json(body, { status: 400 });
        },
      });
      expect(await client.logout()).toMatchObject({ ok: false, status: 400 });
      expect(posts).toBe(requests);
    }
  });

  it("deletes the account, which a mailed link takes back", async () => {
    const { client, email, password } = await person();
    expect(await client.deleteAccount({ password: "wrong" })).toMatchObject({
      ok: false,
      error: { field_errors: { password: expect.any(Array) } },
    });
    dataOf(await client.deleteAccount({ password }));
    expect((await client.login({ email, password })).ok).toBe(false);
    dataOf(await client.keepAccount(await mailedToken(lab, email)));
    dataOf(await client.login({ email, password }));
  });

  it("says how long to wait, that a feature is off, and that nobody answers", async () => {
    const limited = createClient({
      baseUrl: lab.origin,
      fetch: async () =>
        Response.json({ response: { errors: ["slow"] } }, { status: 429, headers: { "retry-after": "7" } }),
    });
    expect(await limited.me()).toMatchObject({
      ok: false,
      error: { kind: "limited", retryAfter: 7, errors: ["slow"] },
    });
    const elsewhere = createClient({ baseUrl: lab.origin, paths: { recover_username: "/nothing" } });
    expect(await elsewhere.recoverUsername("joe@lp.com")).toMatchObject({
      ok: false,
      status: 404,
      error: { kind: "notFound" },
    });
    const nobody = createClient({ baseUrl: "http://127.0.0.1:9" });
    expect(await nobody.me()).toMatchObject({ ok: false, status: 0, error: { kind: "network" } });
  });

  it("tells the faults of an application's parameters by name", async () => {
    expect(await fresh().request("GET", "/typed/x", { query: { ratio: "y" } })).toMatchObject({
      ok: false,
      error: { kind: "invalid", field_errors: { id: [expect.any(String)], ratio: [expect.any(String)] } },
    });
  });

  it.each([
    [{ baseUrl: "x" }, /baseUrl/],
    [{ baseUrl: "https://acme.example/app" }, /no path/],
    [{ baseUrl: "https://acme.example", mode: "cookie" }, /mode/],
    [{ baseUrl: "https://acme.example", base: "x" }, /unknown option base/],
    [{ baseUrl: "https://acme.example", paths: { login: "sign-in" } }, /paths\.login/],
    [{}, /baseUrl/],
  ])("refuses %j", (options, message) => {
    expect(() => createClient(options as object)).toThrow(message);
  });

  it.each(["//evil.example/x", "https://evil.example/", "x", "/\\evil.example/"])(
    "sends nothing to %s",
    async (target) => {
      const { client, sent } = counting(lab);
      await expect(client.fetch(target)).rejects.toThrow(TypeError);
      await expect(client.request("GET", target)).rejects.toThrow(TypeError);
      expect(sent).toEqual([]);
    },
  );
});

describe.each([
  ["body", {}],
  ["cookie", { REFRESH_TOKEN_COOKIE_NAME: "refresh" }],
])("by tokens that are renewed, carried in the %s", (carrier, settings) => {
  let lab: LabProcess;
  beforeAll(async () => {
    lab = await startLab(["--profile", "token"], settings);
  });
  afterAll(async () => {
    await lab?.stop();
  });

  it("signs in, renews what is over once for all who meet it, and signs out", async () => {
    const { client, sent } = counting(lab, { mode: "token" });
    expect(await client.request("GET", "/me")).toMatchObject({ ok: false, status: 401 });
    dataOf(await client.login({ email: "joe@lp.com", password: "password" }));
    expect(dataOf(await client.request<{ email: string; via: string }>("GET", "/me"))).toMatchObject({
      email: "joe@lp.com",
      via: "token",
    });
    await lab.control("POST", "/clock", { advance: 24 * 3600 });
    sent.length = 0;
    const all = await Promise.all(Array.from({ length: 5 }, () => client.request<{ email: string }>("GET", "/me")));
    expect(all.map((one) => dataOf(one).email)).toEqual(Array.from({ length: 5 }, () => "joe@lp.com"));
    expect(sent.filter((each) => each === "POST /refresh-token")).toHaveLength(1);
    expect(dataOf(await client.request("POST", "/json_auth", { json: { a: 1 } }))).toEqual({ a: 1 });
    dataOf(await client.logout());
    expect(await client.request("GET", "/me")).toMatchObject({ ok: false, status: 401 });
    expect(await client.refresh()).toBe(false);
  });

  it("ends the refresh token with the sign-out, also where the auth token is over", async () => {
    let refreshToken = "";
    const client = createClient({
      baseUrl: lab.origin,
      mode: "token",
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        const cookie = response.headers
          .getSetCookie()
          .find((line) => line.startsWith("refresh=") && !line.startsWith("refresh=;"));
        const text = await response.clone().text();
        refreshToken =
          cookie?.split(";", 1)[0]?.slice("refresh=".length) ??
          /"refresh_token":"([^"]+)"/.exec(text)?.[1] ??
          refreshToken;
        return response;
      },
    });
    dataOf(await client.login({ email: "joe@lp.com", password: "password" }));
    expect(refreshToken).not.toBe("");
    await lab.control("POST", "/clock", { advance: 3600 });
    dataOf(await client.logout());
    const again = await fetch(`${lab.origin}/refresh-token`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(carrier === "cookie" ? { cookie: `refresh=${refreshToken}` } : {}),
      },
      body: JSON.stringify(carrier === "cookie" ? {} : { refresh_token: refreshToken }),
    });
    expect(again.status).toBe(400);
  });

  it("forgets tokens that nothing renews any more", async () => {
    const saved: unknown[] = [];
    let kept: Awaited<ReturnType<TokenStore["load"]>>;
    const tokens: TokenStore = {
      load: () => kept,
      save(next) {
        kept = next;
        saved.push(next === undefined ? undefined : Object.keys(next));
      },
    };
    const client = createClient({ baseUrl: lab.origin, mode: "token", tokens });
    dataOf(await client.login({ email: "dave@lp.com", password: "password" }));
    expect(saved).toEqual([carrier === "body" ? ["authentication_token", "refresh_token"] : ["authentication_token"]]);
    await lab.control("PATCH", "/users/dave@lp.com", { fs_uniquifier: crypto.randomUUID().replaceAll("-", "") });
    expect(await client.request("GET", "/me")).toMatchObject({ ok: false, status: 401 });
    expect(saved.at(-1)).toBeUndefined();
  });
});

describe("by tokens beside sessions", () => {
  let lab: LabProcess;
  beforeAll(async () => {
    lab = await startLab(["--profile", "full"]);
  });
  afterAll(async () => {
    await lab?.stop();
  });

  it("lets no session speak for the user, and leaves none behind", async () => {
    const sessions: string[] = [];
    const client = createClient({
      baseUrl: lab.origin,
      mode: "token",
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        for (const line of response.headers.getSetCookie()) if (line.startsWith("session=")) sessions.push(line);
        return response;
      },
    });
    dataOf(await client.login({ email: "joe@lp.com", password: "password" }));
    expect(dataOf(await client.request("GET", "/me"))).toMatchObject({ via: "token" });
    const cookie = sessions[0]?.split(";", 1)[0] ?? "";
    const bySession = () => fetch(`${lab.origin}/me`, { headers: { cookie, accept: "application/json" } });
    expect((await bySession()).status).toBe(200);
    dataOf(await client.logout());
    expect((await bySession()).status).toBe(401);
    expect(await client.request("GET", "/me")).toMatchObject({ ok: false, status: 401 });
  });
});
