import {
  allOf,
  allow,
  anyOf,
  apiCheckpoint,
  apiKeyCheckpoint,
  bearerCheckpoint,
  checkpoint,
  type Guard,
  includeCsrf,
  loginCheck,
  passFunctionCheck,
  permissionCheck,
  portcullis,
  rolesRequired,
} from "portcullis";
import { passwords } from "portcullis/features";
import { memory } from "portcullis/memory";
import { byPassword, testClient } from "portcullis/testing";
import { afterAll, describe, expect, it } from "vitest";
import { lockText } from "../../routes/matrix.ts";
import { generateAccessTests } from "./fixtures/generated.ts";

const opened: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const security of opened) await security.close();
});

const key = "0123456789abcdef-key";
const meant: Readonly<Record<string, Guard>> = {
  plan: checkpoint("plan", ["team", "enterprise"]),
  entry: loginCheck("in", true, { fail: { redirect: "/login", status: 401 } }),
  right: permissionCheck("rights", ["read", "write"], { fail: { status: 402 } }),
  program: apiCheckpoint("plan", "team"),
  done: loginCheck("in", true, { pass: { json: { done: true }, status: 202 } }),
  header: apiKeyCheckpoint({ keys: [key], allowInQuery: "key" }),
  bearer: bearerCheckpoint({ keys: [key] }),
  func: passFunctionCheck(({ even }) => even === true, { predefined: { even: true } }),
  both: allOf(rolesRequired("clerk"), checkpoint("plan", "team")),
  either: anyOf(rolesRequired("clerk"), bearerCheckpoint({ keys: [key] })),
};

async function start(changes: Readonly<Record<string, Guard>> = {}) {
  const security = await portcullis({
    secretKeys: ["0123456789abcdefghijABCDEFGHIJ-x_yz"],
    origins: ["http://localhost:3000"],
    datastore: memory(),
    features: [passwords()],
    roles: ["clerk"],
    passwords: { hashing: { memory: 1024, passes: 1, parallelism: 1, allowWeakHashing: true } },
    log: () => {},
  });
  opened.push(security);
  const clerk = { email: "clerk@acme.example", password: "password" };
  const other = { email: "other@acme.example", password: "password" };
  await security.users.create({ ...clerk, roles: ["clerk"] });
  await security.users.create(other);
  const app = security.app();
  const handled: string[] = [];
  for (const [name, guard] of Object.entries({ ...meant, ...changes })) {
    const answer = (c: { text(text: string): Response }): Response => {
      handled.push(name);
      return c.text("done");
    };
    app.get(`/${name}`, { authz: guard as never }, answer);
    app.post(`/${name}`, { authz: guard as never }, answer);
  }
  app.post("/form", { authz: includeCsrf() }, (c) => c.text("done"));
  app.post("/set", { authz: "OPEN" }, async (c) => {
    for (const [name, value] of Object.entries(await c.req.json())) c.var.session.set(name, value);
    return c.text("set");
  });
  const session = { in: true, plan: "team", rights: ["write", "more"] };
  const set = async (client: ReturnType<typeof testClient>) => {
    await client.get("/login");
    const answer = await client.post("/set", { json: session });
    if (answer.text !== "set") throw new Error(answer.text);
    return client;
  };
  return {
    app,
    handled,
    people: {
      clerk: {
        roles: ["clerk"],
        session,
        credentials: {
          ...byPassword(app, clerk),
          session: async () => {
            const client = testClient(app);
            await client.signIn(clerk.email, clerk.password);
            return set(client);
          },
        },
      },
      other: { credentials: byPassword(app, other) },
      visitor: { state: "visitor", session, credentials: { session: () => set(testClient(app)) } },
      program: {
        credentials: {
          bearerCheckpoint: () => ({ authorization: `Bearer ${key}` }),
          "apiKeyCheckpoint_X-API-Key": () => ({ "x-api-key": key }),
        },
      },
    },
  } as const;
}

const lock = lockText((await start()).app.accessMatrix());

async function failuresOf({ app, people }: Awaited<ReturnType<typeof start>>, may?: object) {
  const generated = generateAccessTests(app, {
    lock,
    people,
    may: {
      "GET /func": ["clerk", "other", "visitor", "program", "anonymous"],
      "POST /func": ["clerk", "other", "visitor", "program", "anonymous"],
      ...may,
    },
  });
  const failures = (await generated.failures()).map(({ title, error }) => `${title}: ${error}`);
  return { failures, titles: generated.titles };
}

describe("accessTests of checkpoints", () => {
  it("know from the guards who passes, of what the session holds and of keys", async () => {
    const subject = await start();
    const { failures, titles } = await failuresOf(subject);
    // Everybody passes the function: no test would see that it refuses.
    expect(failures.filter((failure) => !failure.includes("/func"))).toEqual([]);
    expect(subject.handled).toEqual([]);
    expect(titles).toEqual(
      expect.arrayContaining([
        "GET /plan > anonymous: 403",
        "GET /plan > other: 403",
        "GET /plan > visitor: let in",
        "POST /plan > visitor: let in",
        "POST /plan > clerk: let in",
        "GET /entry > anonymous: 401, by a checkpoint",
        "GET /right > other: 402, by a checkpoint",
        "GET /right > visitor: let in",
        "GET /program > other: 403, by a checkpoint",
        "GET /done > visitor: let in, and answered 202 by a checkpoint",
        "GET /header > program: let in",
        "GET /header > clerk: 403, by a checkpoint",
        "POST /bearer > program: let in",
        "POST /bearer > visitor: 401, by a checkpoint",
        "GET /both > clerk: let in",
        "GET /both > visitor: 401",
        "GET /either > program: let in",
        "GET /either > clerk: let in",
        "GET /either > other: 401, by a checkpoint",
        "POST /form > anonymous: 400, without a CSRF token",
      ]),
    );
  });

  it.each(Object.keys(meant).filter((name) => name !== "func"))(
    "fail where the checkpoint %s is only said and no longer enforced",
    async (name) => {
      const hollow: Guard = { check: () => allow, describe: () => (meant[name] as Guard).describe() };
      const { failures } = await failuresOf(await start({ [name]: hollow }));
      expect(failures.some((failure) => failure.startsWith(`GET /${name} > other: 40`))).toBe(true);
    },
  );

  it("let the test say who holds the right one of several keys", async () => {
    const others = bearerCheckpoint({ keys: ["0123456789abcdef-another"] });
    const { failures } = await failuresOf(await start({ bearer: others }), {
      "GET /bearer": [],
      "POST /bearer": [],
    });
    expect(failures.filter((failure) => /bearer > program/.test(failure))).toEqual([]);
  });
});
