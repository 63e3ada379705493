import { outbox, smsOutbox } from "portcullis";
import { memory } from "portcullis/memory";
import { type AccessPerson, accessTests, byPassword, testClient } from "portcullis/testing";
import { afterAll, describe, it } from "vitest";
import { lockText } from "../../src/routes/matrix.ts";
import { plant } from "../lab/fixture.ts";
import { sampleApp } from "../lab/routes.ts";
import { readSettings } from "../lab/settings.ts";
import { startSystem } from "../lab/system.ts";

/** The lab in this process: all guards, with all features, called by its own people. */
const { translation, tokens } = readSettings({
  port: 0,
  settings: undefined,
  origin: undefined,
  database: "",
  seed: "users",
  profile: "full",
  production: false,
});
let now = Date.now();
const security = await startSystem({
  translation,
  limits: "wide",
  tokens,
  digests: undefined,
  datastore: memory(),
  origins: ["http://localhost:3000"],
  production: false,
  clock: () => now,
  wrapHasher: (hasher) => hasher,
  wrapDecision: (_where, decide) => decide,
  mailSender: outbox(),
  smsSender: smsOutbox(),
});
await plant(security, "users", now, () => {});
// Nobody has this permission in the fixture: without somebody who has it there would be no allow.
await security.roles.addPermissions("author", "admin");
await security.users.create({
  email: "keeper@lp.com",
  password: "password",
  roles: ["author"],
  confirmedAt: new Date(now),
});
const app = sampleApp(security, { sessions: true, keys: true, digest: false });
afterAll(() => security.close());

const who = (name: string) => ({ email: `${name}@lp.com`, password: "password" });
const signedInBefore = async (name: string) => {
  const client = testClient(app);
  await client.signIn(who(name).email, "password");
  return client;
};
const stale = await signedInBefore("jill");
now += 5 * 3_600_000;
const gone = await signedInBefore("gal3");
await security.users.deactivate((await security.users.find("email", "gal3@lp.com")) ?? { id: 0 });

const person = (name: string, roles: readonly string[], permissions: readonly string[] = []): AccessPerson => ({
  roles,
  permissions,
  credentials: byPassword(app, who(name)),
});
const reading = ["full-read", "full-write"];

describe("the lab", () => {
  accessTests(app, {
    describe,
    it,
    // What the routes are meant to be, their own tests say; here it is that they do what they say.
    lock: lockText(app.accessMatrix()),
    people: {
      matt: person("matt", ["admin", "owners"], [...reading, "super"]),
      joe: person("joe", ["editor", "owners"], reading),
      dave: person("dave", ["admin", "editor"], [...reading, "super"]),
      gene: person("gene", ["simple"]),
      stale: {
        roles: ["author"],
        permissions: ["full-read", "my-write", "admin"],
        state: "stale",
        credentials: { session: () => stale },
      },
      inactive: { roles: ["admin"], state: "inactive", credentials: { session: () => gone } },
      // A key may no more than it was given: nothing, here.
      machine: {
        credentials: {
          async apiKey() {
            const { json } = await (await signedInBefore("gene")).post("/api/user/key", { json: { name: "machine" } });
            return { "x-api-key": json.response.secret as string };
          },
        },
      },
      keeper: person("keeper", ["author"], ["full-read", "my-write", "admin"]),
    },
    objects: {
      obj: {
        ids: [1, 101, 201],
        may: (name, id) => (id === 201 ? undefined : name === (id === 1 ? "matt" : "joe")),
      },
    },
  });
});
