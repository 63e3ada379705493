/** What must hold for two processes on one database: a revocation in one is effective in the other on the next request. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type TestClient, testClient } from "portcullis/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** The arguments of one server. */
export type ServerArguments = readonly [dialect: string, connection: string];

const program = fileURLToPath(new URL("revocation-server.ts", import.meta.url));
const password = "battery staple";
const json = { headers: { accept: "application/json" } };

/** Starts a server in a process of its own and waits until it listens. */
async function startServer(args: ServerArguments): Promise<{ child: ChildProcess; url: string }> {
  const child = fork(program, args, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended = once(child, "exit").then(() => {
    throw new Error(`the server ended early: ${errors}`);
  });
  const [message] = (await Promise.race([once(child, "message"), ended])) as [{ url: string }];
  ended.catch(() => undefined);
  return { child, url: message.url };
}

/** Declares the suite. `open` is called before it and makes the place; `cached` says whether the processes keep sessions. */
export function twoProcesses(name: string, cached: boolean, open: () => Promise<ServerArguments>): void {
  describe(`two processes on ${name}`, () => {
    const children: ChildProcess[] = [];
    const urls: string[] = [];
    let users = 0;

    beforeAll(async () => {
      const args = await open();
      for (let count = 0; count < 2; count += 1) {
        const { child, url } = await startServer(args);
        children.push(child);
        urls.push(url);
      }
    });
    afterAll(async () => {
      for (const child of children) {
        const gone = once(child, "exit");
        child.disconnect();
        await gone;
      }
    });

    const at = (index: number): TestClient => testClient(urls[index] ?? "");
    const operate = async (index: number, operation: string, email: string): Promise<void> => {
      const answer = await at(index).post(`/operations/${operation}/${email}`);
      expect([operation, answer.status]).toEqual([operation, 200]);
    };
    /** A user who is signed in, with a client for each process, both warm. */
    const signedIn = async (remember = false): Promise<{ email: string; clients: [TestClient, TestClient] }> => {
      users += 1;
      const email = `user${users}@acme.example`;
      await operate(0, "create", email);
      const [first, second] = [at(0), at(1)];
      await first.signIn(email, password, { remember });
      for (const [cookie, value] of first.cookies) second.cookies.set(cookie, value);
      second.csrfToken = first.csrfToken;
      for (const client of [first, second, first, second, first, second]) {
        expect((await client.get("/employee")).status).toBe(200);
      }
      return { email, clients: [first, second] };
    };
    const status = async (client: TestClient, path = "/me"): Promise<number> => (await client.get(path, json)).status;

    it(cached ? "keep sessions in memory" : "keep nothing, as there is no bus", async () => {
      const { clients } = await signedIn();
      for (const [index, client] of clients.entries()) {
        // What either still has to store in the trail would be a change by another process for the other.
        for (const each of [0, 1]) await at(each).get("/stats");
        await client.get("/me");
        const before = (await at(index).get("/stats")).json.session.hits as number;
        for (let count = 0; count < 5; count += 1) await client.get("/me");
        const after = (await at(index).get("/stats")).json.session.hits as number;
        expect(after - before).toBe(cached ? 5 : 0);
      }
    });

    describe.each([
      [0, 1],
      [1, 0],
    ] as const)("what process %i does is effective in process %i on the next request:", (here, there) => {
      it.each(["deactivate", "delete", "setPassword", "setUniquifier"])("%s", async (operation) => {
        const { email, clients } = await signedIn(true);
        await operate(here, operation, email);
        expect(await status(clients[there] as TestClient)).toBe(401);
        expect(await status(clients[here] as TestClient)).toBe(401);
      });

      it("a sign-out", async () => {
        const { clients } = await signedIn(true);
        expect((await clients[here]?.post("/logout", { json: {} }))?.status).toBe(200);
        expect(await status(clients[there] as TestClient)).toBe(401);
      });

      it("a new session id", async () => {
        const { clients } = await signedIn();
        expect((await clients[here]?.post("/verify", { json: { password } }))?.status).toBe(200);
        expect(await status(clients[there] as TestClient)).toBe(401);
        expect(await status(clients[here] as TestClient)).toBe(200);
      });

      it("a role taken and given", async () => {
        const { email, clients } = await signedIn();
        const other = clients[there] as TestClient;
        await operate(here, "removeRole", email);
        expect(await status(other, "/employee")).toBe(403);
        await operate(here, "addRole", email);
        expect(await status(other, "/employee")).toBe(200);
      });

      it("a role's permissions", async () => {
        const { email, clients } = await signedIn();
        const other = clients[there] as TestClient;
        const reads = async (): Promise<boolean> => (await other.get("/me")).json.read as boolean;
        expect(await reads()).toBe(false);
        await operate(here, "addPermission", email);
        expect(await reads()).toBe(true);
        await operate(here, "removePermission", email);
        expect(await reads()).toBe(false);
      });

      it("the end of auth tokens, sessions staying", async () => {
        const { email, clients } = await signedIn();
        const answer = await at(here).post("/login?include_auth_token", { json: { email, password } });
        const token = answer.json.response.user.authentication_token as string;
        const headers = { ...json.headers, "authentication-token": token };
        const withToken = async (): Promise<number> => (await at(there).get("/me", { headers })).status;
        expect([await withToken(), await withToken()]).toEqual([200, 200]);
        await operate(here, "setTokenUniquifier", email);
        expect(await withToken()).toBe(401);
        expect(await status(clients[there] as TestClient)).toBe(200);
      });

      it("many revocations one after the other", async () => {
        const late: number[] = [];
        for (let count = 0; count < 25; count += 1) {
          const { email, clients } = await signedIn();
          await operate(here, "setUniquifier", email);
          if ((await status(clients[there] as TestClient)) !== 401) late.push(count);
        }
        expect(late).toEqual([]);
      });
    });
  });
}
