// Servers as processes of their own.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Settings, Usage } from "./handlers.ts";
import { Load } from "./load.ts";

/** What is served: the bare framework, the built package that users install, or the sources of this checkout. */
export type Kind = "floor" | "built" | "sources";

/** A server process with the load's connections to it. */
export interface BenchServer {
  readonly url: string;
  readonly load: Load;
  /** From the start of the process to its first answer, in milliseconds. */
  readonly started: number;
  usage(): Promise<Usage>;
  /** The statements since the last time; the first time turns the noting on. */
  statements(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

const loader = fileURLToPath(new URL("../scripts/from-source.mjs", import.meta.url));

/** Starts a server and opens eight connections to it. */
export async function startServer(kind: Kind, settings: Partial<Settings> = {}): Promise<BenchServer> {
  const program = fileURLToPath(new URL(kind === "floor" ? "floor.ts" : "ours.ts", import.meta.url));
  const before = performance.now();
  const execArgv = kind === "sources" ? ["--import", loader] : [];
  const child = fork(program, [JSON.stringify(settings)], { execArgv });
  const port = await new Promise<number>((resolve, reject) => {
    child.once("message", (message) => resolve((message as { port: number }).port));
    child.once("exit", (code) => reject(new Error(`${program} ended with ${code}`)));
  });
  const url = `http://127.0.0.1:${port}`;
  await (await fetch(`${url}/open`)).text();
  const started = performance.now() - before;
  const load = await Load.open(port, 8);
  const ask = async (question: string): Promise<Usage> => {
    const answer = once(child, "message") as Promise<[Usage]>;
    child.send(question);
    return (await answer)[0];
  };
  return {
    url,
    load,
    started,
    usage: () => ask("usage"),
    statements: async () => (await ask("statements")).statements,
    async stop() {
      load.close();
      const exit = once(child, "exit");
      child.disconnect();
      await exit;
    },
  };
}

/** Signs in and returns the credentials that the scenarios send. */
export async function credentials(server: BenchServer): Promise<{ cookie: string; token: string; basic: string }> {
  const answer = await fetch(`${server.url}/login?include_auth_token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: "bench@example.org", password: "bench password" }),
  });
  const cookies = answer.headers.getSetCookie().map((line) => line.split(";")[0]);
  const body = (await answer.json()) as { response: { user: { authentication_token: string } } };
  return {
    cookie: cookies.join("; "),
    token: body.response.user.authentication_token,
    basic: `Basic ${Buffer.from("bench@example.org:bench password").toString("base64")}`,
  };
}
