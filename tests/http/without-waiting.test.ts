// A request that needs no I/O is answered in one synchronous call; a cold session on SQLite is one statement.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StatementSync } from "node:sqlite";
import { portcullis } from "portcullis";
import { passwords } from "portcullis/features";
import { memory } from "portcullis/memory";
import { sqlite } from "portcullis/sqlite";
import { expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";

const account = { email: "ann@acme.example", password: "correct horse battery staple" };

interface Started {
  /** Sends a request as the host does. */
  send(path: string, headers?: Record<string, string>): Response | Promise<Response>;
  readonly cookie: string;
  readonly token: string;
}

async function started(
  datastore: ReturnType<typeof sqlite> | ReturnType<typeof memory>,
  cached?: number,
): Promise<Started> {
  const security = await portcullis({
    secretKeys: ["tests-tests-tests-0123456789-abcdefghij"],
    origins: ["http://localhost:3000"],
    datastore,
    features: [passwords()],
    roles: ["employee", "admin"],
    log: () => undefined,
    ...(cached === undefined ? {} : { sessions: { cached } }),
  });
  onTestFinished(() => security.close());
  await security.users.create({ ...account, roles: ["employee", "admin"] });
  const app = security.app();
  app.get("/role", { authz: "employee" }, (c) => c.json({ email: c.var.user.email }));
  app.get("/typed", { authz: "employee", params: z.object({ sid: z.int() }) }, (c, { sid }) => c.json({ sid }));
  app.get("/basic", { authz: "employee", authn: ["basic"] }, (c) => c.json({ via: c.var.identity.via }));
  const send = (path: string, headers: Record<string, string> = {}): Response | Promise<Response> =>
    app.fetch(new Request(`http://localhost:3000${path}`, { headers }));
  const answer = await app.request("http://localhost:3000/login?include_auth_token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(account),
  });
  const cookie = answer.headers.getSetCookie().map((line) => line.split(";")[0]);
  const body = (await answer.json()) as { response: { user: { authentication_token: string } } };
  return { send, cookie: cookie.join("; "), token: body.response.user.authentication_token };
}

function atOnce(answer: Response | Promise<Response>): Response {
  expect(answer).toBeInstanceOf(Response);
  return answer as Response;
}

it("answers warm credentials, and who has none, at once", async () => {
  const { send, cookie, token } = await started(memory());
  const json = { accept: "application/json" };
  const basic = { authorization: `Basic ${Buffer.from(`${account.email}:${account.password}`).toString("base64")}` };
  for (const [path, headers] of [
    ["/role", { cookie }],
    ["/role", { "authentication-token": token }],
    ["/typed?sid=5", { cookie }],
  ] as const) {
    expect((await send(path, headers)).status).toBe(200);
    expect(atOnce(send(path, headers)).status).toBe(200);
  }
  // A password that is kept is not verified again; the gates and hooks of a sign-in are asked all the same.
  for (let count = 0; count < 2; count += 1) expect((await send("/basic", basic)).status).toBe(200);
  const refused = atOnce(send("/role", json));
  expect(refused.status).toBe(401);
  expect(await refused.json()).toEqual(await (await send("/role", json)).json());
});

it("reads a cold session on SQLite at once, by one statement", async () => {
  const { send, cookie } = await started(sqlite(":memory:"), 0);
  expect((await send("/role", { cookie })).status).toBe(200);
  const all = vi.spyOn(StatementSync.prototype, "all");
  const others = [vi.spyOn(StatementSync.prototype, "get"), vi.spyOn(StatementSync.prototype, "run")];
  onTestFinished(() => void vi.restoreAllMocks());
  const answer = atOnce(send("/role", { cookie }));
  expect(await answer.json()).toEqual({ email: account.email });
  expect(all).toHaveBeenCalledTimes(1);
  for (const other of others) expect(other).not.toHaveBeenCalled();
});

it("asks the database once for a cookie that is nobody's, however many guards ask", async () => {
  const folder = mkdtempSync(join(tmpdir(), "waiting-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { send, cookie } = await started(sqlite(join(folder, "x.db")));
  const all = vi.spyOn(StatementSync.prototype, "all");
  onTestFinished(() => void vi.restoreAllMocks());
  const stranger = cookie.replace(/=.{43}/, `=${"x".repeat(43)}`);
  expect((await send("/role", { cookie: stranger, accept: "application/json" })).status).toBe(401);
  expect(all).toHaveBeenCalledTimes(1);
});
