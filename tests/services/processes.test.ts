import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClientAnswer, type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rightCode } from "../http/authn-second-step.ts";
import {
  type Database,
  halfDone,
  type LoadedServer,
  loadServer,
  mysqlDatabase,
  postgresDatabase,
  sqliteFile,
} from "./account-servers.ts";
import { describeService } from "./available.ts";

const password = "battery staple";
const json = { headers: { accept: "application/json" } };
const ten = Array.from({ length: 10 }, (_, index) => index);

/** Declares what must hold for two servers that start and work at once on one empty database. */
function atOnce(create: () => Promise<Database>): void {
  let compileCache = "";
  let database: Database;
  const servers: LoadedServer[] = [];
  let urls: string[] = [];

  beforeAll(async () => {
    compileCache = await mkdtemp(join(tmpdir(), "portcullis-compiled-"));
    database = await create();
    for (let count = 0; count < 2; count += 1) servers.push(loadServer(database, compileCache));
    urls = await Promise.all(servers.map((server) => server.open()));
  });
  afterAll(async () => {
    for (const server of servers) await server.kill();
    await database?.remove();
    await rm(compileCache, { recursive: true, force: true });
  });

  /** Clients of both servers in turn. */
  const clients = (): TestClient[] => ten.map((index) => testClient(urls[index % 2] ?? ""));
  const register = (client: TestClient, email: string): Promise<ClientAnswer> =>
    client.post("/register", { json: { email, password, password_confirm: password } });
  const statuses = async (answers: Iterable<Promise<ClientAnswer>>): Promise<number[]> =>
    (await Promise.all(answers)).map((answer) => answer.status);
  const with200 = (): number[] => ten.map(() => 200);

  it("ten registrations of one address make one account, and tell nobody so", async () => {
    const names = ["same@acme.example", "SAME@acme.example", "Same@ACME.example"];
    const asked = clients().map((client, index) => register(client, names[index % names.length] ?? ""));
    expect(await statuses(asked)).toEqual(with200());
    const found = await database.rows("select id from {user} where lower(email) = 'same@acme.example'");
    expect(found).toHaveLength(1);
    expect(await halfDone(database)).toEqual([]);
  });

  it("ten registrations of ten addresses make ten whole accounts", async () => {
    const asked = clients().map((client, index) => register(client, `user${index}@acme.example`));
    expect(await statuses(asked)).toEqual(with200());
    expect(await database.rows("select id from {user} where email like 'user%'")).toHaveLength(10);
    expect(await halfDone(database)).toEqual([]);
  });

  it("one waiting sign-in becomes one session, wherever it is asked for", async () => {
    const email = "step@acme.example";
    await register(testClient(urls[0] ?? ""), email);
    const first = testClient(urls[0] ?? "");
    await first.signIn(email, password);
    const pending = first.cookies.get("pending") ?? "";
    expect(pending).not.toBe("");
    const asked = clients().map((client) => {
      client.cookies.set("pending", pending);
      return client.post("/step", { json: { password: rightCode } });
    });
    const answered = await statuses(asked);
    expect(answered.filter((status) => status === 200)).toHaveLength(1);
    expect(answered.filter((status) => status >= 500)).toEqual([]);
    const sessions = await database.rows(
      `select s.id_hash from portcullis_session s join {user} u on u.id = s.user_id where u.email = '${email}'`,
    );
    expect(sessions).toHaveLength(1);
  });

  it("a refresh token that is used in both at once has one successor, and its family ends in both", async () => {
    const email = "user1@acme.example";
    await register(testClient(urls[0] ?? ""), email);
    const signedIn = await testClient(urls[0] ?? "").post("/login?include_auth_token", { json: { email, password } });
    const tokens = (answer: ClientAnswer): { readonly authentication_token: string; readonly refresh_token: string } =>
      answer.json.response.user;
    const renew = (client: TestClient, token: string): Promise<ClientAnswer> =>
      client.post("/refresh-token", { json: { refresh_token: token } });
    const first = tokens(signedIn);
    const asked = [...clients(), ...clients(), ...clients()].map((client) => renew(client, first.refresh_token));
    const answers = await Promise.all(asked);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map((answer) => JSON.stringify(tokens(answer)))).size).toBe(1);
    const rows = (): Promise<Record<string, unknown>[]> =>
      database.rows(
        `select gen, revoked_at from fs_refresh_tracker t join {user} u on u.id = t.user_id where u.email = '${email}'`,
      );
    expect(await rows()).toEqual([{ gen: 2, revoked_at: null }]);

    const second = tokens(answers[0] as ClientAnswer);
    const third = tokens(await renew(testClient(urls[1] ?? ""), second.refresh_token));
    const headers = { ...json.headers, "authentication-token": third.authentication_token };
    const withToken = (): Promise<number[]> => statuses(urls.map((url) => testClient(url).get("/me", { headers })));
    expect([await withToken(), await withToken()]).toEqual([
      [200, 200],
      [200, 200],
    ]);
    // Two generations old: somebody has kept it.
    expect((await renew(testClient(urls[0] ?? ""), first.refresh_token)).status).toBe(400);
    expect(await withToken()).toEqual([401, 401]);
    expect(await statuses(urls.map((url) => renew(testClient(url), third.refresh_token)))).toEqual([400, 400]);
    expect(await rows()).toEqual([{ gen: 3, revoked_at: expect.anything() }]);
  });

  it("what both do at once is one audit trail whose chain holds in both", async () => {
    const wrong = clients().map((client) =>
      client.post("/login", { json: { email: "nobody@acme.example", password } }),
    );
    expect(await statuses(wrong)).toEqual(ten.map(() => 400));
    const reports = [];
    // One after the other: each waits for what its own process still has to store.
    for (const url of [...urls, ...urls]) reports.push((await testClient(url).get("/audit", json)).json);
    expect(reports.at(-1)).toMatchObject({ ok: true, faults: [] });
    const rows = await database.rows("select sequence, name, previous, hash from portcullis_audit order by sequence");
    expect(rows.map(({ sequence }) => Number(sequence))).toEqual(rows.map((_, index) => index + 1));
    expect(rows.filter(({ name }) => name === "unknownIdentity")).toHaveLength(ten.length);
    expect(reports.at(-1)?.entries).toBe(rows.length);
  });

  it("a remember credential that is used in both at once stays one, and ends with its sign-out", async () => {
    const email = "user0@acme.example";
    const first = testClient(urls[0] ?? "");
    await first.signIn(email, password, { remember: true });
    const remember = first.cookies.get("remember") ?? "";
    const callers = clients();
    for (const client of callers) client.cookies.set("remember", remember);
    expect(await statuses(callers.map((client) => client.get("/me", json)))).toEqual(with200());
    // Exactly one got the new secret; the others keep the one that was replaced, good for a moment.
    expect(callers.filter((client) => client.cookies.get("remember") !== remember)).toHaveLength(1);
    expect((await first.post("/logout", { json: {} })).status).toBe(200);
    for (const client of callers) expect((await client.get("/me", json)).status).toBe(401);
  });
}

describe("two processes at once on an SQLite file", () => atOnce(sqliteFile));
describeService("postgres", "two processes at once on PostgreSQL", (url) => atOnce(() => postgresDatabase(url)));
describeService("mysql", "two processes at once on MariaDB", (url) => atOnce(() => mysqlDatabase(url)));
