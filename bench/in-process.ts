// The same requests without sockets, in one process: `node bench/in-process.ts FOLDER BATCHES`. Node's own request and answer
// objects and the host's listener are there, the kernel is not. Floor and ours take turns in batches of twenty, and of each
// side's batches the twentieth part that was quickest is taken: what a busy machine does to the others is left out. Prints
// JSON: for each scenario the floor and what comes on top of it, in microseconds of wall time a request.
import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { getRequestListener } from "@hono/node-server";
import { type Application, protectedApplication } from "./application.ts";
import { bareApplication } from "./bare.ts";
import { settingsOf } from "./handlers.ts";

const [, , folder = "", batches = "1000"] = process.argv;
const database = join(folder, "in-process.db");
const size = 20;

class Quiet extends Socket {
  override write(_chunk: unknown, encoding?: unknown, done?: unknown): boolean {
    const called = typeof encoding === "function" ? encoding : done;
    if (typeof called === "function") process.nextTick(called);
    return true;
  }
}
const socket = new Quiet();

type Ask = (path: string, headers: readonly string[]) => unknown;

/** Asks an application as Node's server would. */
function asking(app: Application): Ask {
  const listener = getRequestListener((request, environment) => app.fetch(request, environment));
  return (path, headers) => {
    const incoming = new IncomingMessage(socket);
    Object.assign(incoming, { method: "GET", url: path, httpVersion: "1.1", httpVersionMajor: 1, httpVersionMinor: 1 });
    incoming.rawHeaders = ["host", "localhost:3000", ...headers];
    incoming.headers = { host: "localhost:3000" };
    for (let index = 0; index < headers.length; index += 2)
      incoming.headers[headers[index] as string] = headers[index + 1];
    const outgoing = new ServerResponse(incoming);
    outgoing.assignSocket(socket);
    const answered = listener(incoming, outgoing);
    outgoing.detachSocket(socket);
    return answered;
  };
}

async function batch(ask: Ask, path: string, headers: readonly string[]): Promise<number> {
  const before = performance.now();
  let last: unknown;
  for (let index = 0; index < size; index += 1) last = ask(path, headers);
  await last;
  return ((performance.now() - before) * 1000) / size;
}

/** The twentieth part's border. */
function quick(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 20)] ?? Number.NaN;
}

async function pair(
  floor: Ask,
  ours: Ask,
  path: string,
  headers: readonly string[],
): Promise<{ floor: number; over: number }> {
  const a: number[] = [];
  const b: number[] = [];
  for (let round = 0; round < Number(batches); round += 1) {
    const first = await batch(floor, path, headers);
    const second = await batch(ours, path, headers);
    await new Promise((resolve) => setImmediate(resolve));
    // The first rounds are the compilers'.
    if (round < Number(batches) / 3) continue;
    a.push(first);
    b.push(second);
  }
  return { floor: quick(a), over: quick(b) - quick(a) };
}

const settings = settingsOf([]);
const warmApplication = await protectedApplication({ ...settings, database, typed: true });
const bare = asking(await bareApplication({ routes: 0, typed: true }));
const warm = asking(warmApplication);
const jwtApplication = await protectedApplication({ ...settings, database, jwt: true });
const jwt = asking(jwtApplication);
const jwtCold = asking(await protectedApplication({ ...settings, database, jwt: true, cached: 0 }));
const cold = asking(await protectedApplication({ ...settings, database, cached: 0 }));

const signIn = (application: Application): Response | Promise<Response> =>
  application.fetch(
    new Request("http://localhost:3000/login?include_auth_token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: "bench@example.org", password: "bench password" }),
    }),
  );
const tokenIn = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { response: { user: { authentication_token: string } } }).response.user
    .authentication_token;
const signedIn = await signIn(warmApplication);
const cookie = signedIn.headers
  .getSetCookie()
  .map((line) => line.split(";")[0])
  .join("; ");
const token = await tokenIn(signedIn);
const bearer = `Bearer ${await tokenIn(await signIn(jwtApplication))}`;
const basic = `Basic ${Buffer.from("bench@example.org:bench password").toString("base64")}`;
const query = "sid=5&name=x&flag=true";

const look = new DatabaseSync(database).prepare("PRAGMA data_version");
look.setReturnArrays(true);
const looks: number[] = [];
for (let round = 0; round < Number(batches); round += 1) {
  const before = performance.now();
  for (let index = 0; index < size; index += 1) look.get();
  looks.push(((performance.now() - before) * 1000) / size);
}

console.log(
  JSON.stringify({
    open: await pair(bare, warm, "/open", []),
    session: await pair(bare, warm, "/role", ["cookie", cookie]),
    none: await pair(bare, warm, "/role", ["accept", "application/json"]),
    token: await pair(bare, warm, "/role", ["authentication-token", token]),
    typed: await pair(
      (_path, headers) => warm(`/role?${query}`, headers),
      (_path, headers) => warm(`/typed?${query}`, headers),
      "",
      ["cookie", cookie],
    ),
    cold: await pair(bare, cold, "/role", ["cookie", cookie]),
    basic: await pair(bare, warm, "/basic", ["authorization", basic]),
    jwt: await pair(bare, jwt, "/role", ["authorization", bearer]),
    jwtCold: await pair(bare, jwtCold, "/role", ["authorization", bearer]),
    object: await pair(
      (_path, headers) => warm("/item/5", headers),
      (_path, headers) => warm("/object/5", headers),
      "",
      ["cookie", cookie],
    ),
    look: { floor: 0, over: quick(looks) },
  }),
);
process.exit(0);
