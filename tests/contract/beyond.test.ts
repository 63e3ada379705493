/** Rows of the document's table of what no recording shows, each asked of a lab. */
import { readFileSync } from "node:fs";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LabProcess, startLab } from "../lab/process.ts";

const document = readFileSync(new URL("../../docs/flask-security-differences.md", import.meta.url), "utf8");
const rows = new Map(
  [...document.slice(document.indexOf("## Beyond the recordings")).matchAll(/^\| ([^|]+) \|.*\| ([^|]+) \|$/gm)].map(
    ([, where = "", reason = ""]) => [where.trim(), reason.trim()],
  ),
);

interface Mail {
  readonly to: string;
  readonly template: string;
  readonly text: string;
}

const joe = { email: "joe@lp.com", password: "password" };
const day = 86_400;
let lab: LabProcess;

beforeAll(async () => {
  lab = await startLab([], {
    ...{ REGISTERABLE: true, RECOVERABLE: true, CHANGE_EMAIL: true, PASSWORDLESS: true, USERNAME_ENABLE: true },
    ...{ CHANGE_USERNAME: true, VERIFY_URL: "/prove/", LOGIN_WITHIN: day / 2, RESET_PASSWORD_WITHIN: day / 2 },
    REDIRECT_BASE_DOMAIN: "acme.example",
    REDIRECT_ALLOWED_SUBDOMAINS: ["shop"],
  });
});
afterAll(async () => {
  await lab?.stop();
});

async function mails(): Promise<readonly Mail[]> {
  return (await lab.control("DELETE", "/outbox")) as readonly Mail[];
}

async function linkIn(path: string): Promise<string> {
  const text = (await mails()).map((mail) => mail.text).join("\n");
  const link = new RegExp(`http://[^/\\s]+(${path}/[\\w.-]+)`).exec(text)?.[1];
  if (link === undefined) throw new Error(`no link to ${path} in ${text}`);
  return link;
}

async function signedIn(): Promise<TestClient> {
  const client = testClient(lab.origin);
  await client.signIn(joe.email, joe.password);
  return client;
}

const asJson = { headers: { accept: "application/json" } };
const post = (client: TestClient, path: string, json: object): Promise<ClientAnswer> => client.post(path, { json });

/** Where the sign-in with this `next` leads. */
async function leadsTo(next: string): Promise<string | null> {
  const client = testClient(lab.origin);
  await client.get("/login");
  const form = { ...joe, csrf_token: client.csrfToken ?? "" };
  const answer = await client.post(`/login?next=${encodeURIComponent(next)}`, { form });
  expect(answer.status).toBe(302);
  return answer.location;
}

const checks: Readonly<Record<string, () => Promise<void>>> = {
  async "a `next` that leads outside"() {
    for (const next of ["https://evil.example/", "javascript:alert(1)", "https://shop.acme.example.evil.example/"]) {
      expect([next, await leadsTo(next)]).toEqual([next, "/"]);
    }
    expect(await leadsTo("/page1?a=b")).toBe("/page1?a=b");
  },
  async "names of endpoints and `//host` in `next`"() {
    for (const next of ["security.change_password", "page1", `//${new URL(lab.origin).host}/page1`, "?q=1"]) {
      expect([next, await leadsTo(next)]).toEqual([next, "/"]);
    }
    expect(await leadsTo(`${lab.origin}/page1`)).toBe(`${lab.origin}/page1`);
  },
  async "mailed links of one kind to one account"() {
    const client = testClient(lab.origin);
    const links: string[] = [];
    for (let count = 0; count < 2; count += 1) {
      await mails();
      await post(client, "/reset", { email: "jill@lp.com" });
      links.push(await linkIn("/reset"));
    }
    const codes = await Promise.all(links.map(async (link) => (await client.get(link, asJson)).status));
    expect(codes).toEqual([400, 200]);
  },
  async "a change of the e-mail address"() {
    await mails();
    const client = testClient(lab.origin);
    await client.signIn("gene@lp.com", "password");
    expect((await post(client, "/change-email", { email: "gene2@lp.com" })).status).toBe(200);
    const asked = await mails();
    expect(asked.map(({ to }) => to).toSorted()).toEqual(["gene2@lp.com", "gene@lp.com"]);
    const link = /http:\/\/[^/\s]+(\/change-email\/[\w.-]+)/.exec(asked.map(({ text }) => text).join("\n"))?.[1] ?? "";
    expect((await post(client, link, {})).status).toBe(200);
    expect((await mails()).map(({ to }) => to)).toContain("gene@lp.com");
  },
  async "links that have expired, were used or never were"() {
    const client = testClient(lab.origin);
    const refusals: unknown[] = [];
    for (const path of ["/reset", "/login-link"]) {
      await mails();
      await post(client, path, { email: "dave@lp.com" });
      const link = await linkIn(path === "/reset" ? "/reset" : "/login");
      const never = link.replace(/[^/]+$/, (token) => token.toUpperCase());
      await lab.control("POST", "/clock", { advance: day });
      const [expired, invented] = await Promise.all([client.get(link, asJson), client.get(never, asJson)]);
      await lab.control("POST", "/clock", { reset: true });
      expect([expired.status, expired.text.includes("dave")]).toEqual([400, false]);
      expect(expired.json.response.errors).toEqual(invented.json.response.errors);
      refusals.push(expired.json.response.errors);
    }
    expect(refusals.flat()).toHaveLength(2);
  },
  async "a sign-in link that has expired"() {
    const client = testClient(lab.origin);
    await mails();
    await post(client, "/login-link", { email: "dave@lp.com" });
    const link = await linkIn("/login");
    await lab.control("POST", "/clock", { advance: day });
    const page = await client.get(link);
    await lab.control("POST", "/clock", { reset: true });
    expect([page.status, page.location]).toEqual([302, "/login-link"]);
    expect(await mails()).toEqual([]);
  },
  async "a registration without confirmation"() {
    const quiet = await startLab([], { REGISTERABLE: true, SEND_REGISTER_EMAIL: false });
    const form = { email: "new@lp.com", password: "battery staple", password_confirm: "battery staple" };
    expect((await post(testClient(quiet.origin), "/register", form)).status).toBe(200);
    expect(await quiet.control("GET", "/outbox")).toEqual([]);
    await quiet.stop();
  },
  async "the remember cookie"() {
    const client = testClient(lab.origin);
    const answer = await post(client, "/login", { ...joe, remember: true });
    expect(answer.headers.getSetCookie().some((cookie) => cookie.startsWith("remember="))).toBe(true);
    expect(answer.headers.getSetCookie().some((cookie) => cookie.startsWith("remember_token="))).toBe(false);
  },
  async "`Cache-Control`"() {
    const client = await signedIn();
    for (const path of ["/login", "/change-email", "/profile"]) {
      expect((await client.get(path, asJson)).headers.get("cache-control")).toBe("no-store");
    }
  },
  async "a CSRF token of before the sign-in"() {
    const client = testClient(lab.origin);
    await client.get("/login");
    const before = client.csrfToken ?? "";
    await client.signIn(joe.email, joe.password);
    const act = async (token: string): Promise<number> =>
      (await client.post("/json_auth", { json: {}, csrf: false, headers: { "x-csrf-token": token } })).status;
    expect([await act(before), await act(client.csrfToken ?? "")]).toEqual([400, 200]);
  },
  async "bodies of other content types than JSON and forms"() {
    for (const type of ["text/plain", "application/xml", "text/json"]) {
      const answer = await testClient(lab.origin).post("/login", {
        body: JSON.stringify(joe),
        headers: { ...asJson.headers, "content-type": type },
      });
      expect([type, answer.status]).toEqual([type, 415]);
    }
  },
  async "`/change-username` to the present name"() {
    const client = await signedIn();
    await mails();
    const answer = await post(client, "/change-username", { username: "joe" });
    expect([answer.status, Object.keys(answer.json.response.field_errors)]).toEqual([400, ["username"]]);
    expect(await mails()).toEqual([]);
  },
  async "`*_URL` with a slash at its end"() {
    const client = await signedIn();
    expect([(await client.get("/prove/")).status, (await client.get("/prove")).status]).toEqual([200, 404]);
  },
  async "targets of redirects on sub-domains"() {
    expect(await leadsTo("https://shop.acme.example/x")).toBe("https://shop.acme.example/x");
    for (const next of ["http://shop.acme.example/x", "https://acme.example/", "https://other.acme.example/"]) {
      expect([next, await leadsTo(next)]).toEqual([next, "/"]);
    }
  },
};

describe("beyond the recordings", () => {
  it.each(Object.keys(checks))("%s", async (where) => {
    expect(rows.get(where)?.length ?? 0).toBeGreaterThan(10);
    await checks[where]?.();
  });

  it("the rows that come first are all asked for", () => {
    expect(
      [...rows.keys()].filter((where) => !["where", "---"].includes(where)).slice(0, Object.keys(checks).length),
    ).toEqual(Object.keys(checks));
  });
});
