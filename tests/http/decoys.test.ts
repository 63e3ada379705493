/** Work that is done for nobody, so that it costs the same as for somebody: it must be nothing else, anywhere. */

import { tracking } from "portcullis/features";
import { expect, it } from "vitest";
import { goodPassword, hour, type System } from "./authn-system.ts";
import { ann, bob, fresh, type Life, life, lifeFeatures, linkOf, mails, post, signedIn } from "./life-system.ts";

const unknown = "nobody@acme.example";
const wide = { mail: { perTarget: "1000/1h" } } as const;

async function settled(made: Life): Promise<void> {
  await mails(made);
  await made.security.audit.flush();
  await mails(made);
}

const withheld = (made: System) => made.events.filter(({ name }) => name === "mailWithheld").map(({ event }) => event);

it.each([
  ["/reset", "resetInstructionsSent"],
  ["/confirm", "confirmInstructionsSent"],
  ["/login-link", "loginInstructionsSent"],
  ["/recover-username", "usernameRecoverySent"],
])("%s for nobody: no mail goes out, and listeners hear that none did", async (path, insteadOf) => {
  const made = await life({ limits: wide });
  for (const email of [unknown, "off@acme.example"])
    expect((await post(made.client(), path, { email })).status).toBe(200);
  await settled(made);
  expect(made.box.all()).toEqual([]);
  const off = await made.security.users.find("email", "off@acme.example");
  expect(withheld(made)).toEqual([
    { user: undefined, insteadOf },
    { user: expect.objectContaining({ id: off?.id }), insteadOf },
  ]);
  expect(made.events.some(({ event }) => (event["user"] as { id?: number } | undefined)?.id === 0)).toBe(false);
  const trail = await made.security.audit.list({ name: "mailWithheld" });
  expect(trail.map(({ userId, result }) => [userId, result])).toEqual([
    [off?.id, "denied"],
    [null, "denied"],
  ]);
});

it("A registration of a known address makes no user and no role, and its rows are gone at the next purge", async () => {
  const made = await life({
    passwords: {
      hashing: { memory: 64, passes: 1, parallelism: 1, allowWeakHashing: true },
      policy: { history: { last: 2 } },
    },
  } as never);
  const tables = ["user", "rolesUsers", "passwordHistory"] as const;
  const counts = () => Promise.all(tables.map((table) => made.store.count(table, {})));
  const before = await counts();
  const body = { password: fresh, password_confirm: fresh };
  expect((await post(made.client(), "/register", { email: ann, ...body })).status).toBe(200);
  await settled(made);
  expect(await counts()).toEqual(before);
  const rows = await made.store.find("ticket", { purpose: "decoy" });
  expect(rows.length).toBeGreaterThan(1);
  for (const row of rows) {
    expect(row).toMatchObject({ userId: null, uniquifier: null, payload: {}, attemptsLeft: 0 });
    expect(row["expiresAt"]).toBeLessThan(made.now());
    expect(row["consumedAt"]).not.toBeNull();
  }
  expect((await made.security.users.page()).users.map(({ id }) => id)).not.toContain(0);
  made.advance(hour);
  await made.security.purge();
  expect(await made.store.count("ticket", { purpose: "decoy" })).toBe(0);
  expect((await mails(made)).map(({ template, to }) => [template, to.address])).toEqual([
    ["addressInUse", ann],
    ["confirmation", ann],
  ]);
});

it("Failures of nobody are counted in one row, however many there are", async () => {
  const made = await life({
    features: [...lifeFeatures(), tracking()],
    limits: { allowUnlimited: ["signIn.perAddress", "signIn.perAccount", "lockout"] },
  });
  for (let n = 0; n < 30; n += 1)
    await post(made.client(), "/login", { email: `nobody${n}@acme.example`, password: "x" });
  await settled(made);
  expect(await made.store.count("ticket", {})).toBe(1);
  // As long as it is written it stays, and then it goes.
  made.advance(hour);
  await made.security.purge();
  expect(await made.store.count("ticket", {})).toBe(1);
  made.advance(25 * hour);
  await made.security.purge();
  expect(await made.store.count("ticket", {})).toBe(0);
});

it("Limits come before decoys: who is over them fills nothing", async () => {
  const made = await life();
  for (let n = 0; n < 20; n += 1) await post(made.client(), "/reset", { email: unknown });
  await settled(made);
  // Six mails an hour to one address, sent or not.
  expect(await made.store.count("ticket", {})).toBe(6);
  expect(withheld(made)).toHaveLength(6);
});

it("A change to an address that is taken ends an older link, like one to an address that is free", async () => {
  const made = await life({ limits: wide });
  for (const [own, second, works] of [
    ["first@acme.example", bob, false],
    ["second@acme.example", "free@acme.example", false],
  ] as const) {
    const client = await signedIn(made);
    expect((await post(client, "/change-email", { email: own })).status).toBe(200);
    const link = await linkOf(made, "changeEmailInstructions", own);
    expect((await post(client, "/change-email", { email: second })).status).toBe(200);
    await settled(made);
    const answer = await made.client().post(link, { json: {} });
    expect([second, answer.status === 200]).toEqual([second, works]);
  }
  expect((await made.security.users.find("email", ann))?.email).toBe(ann);
  expect(made.box.all().filter(({ to, template }) => to.address === bob && template !== "addressInUse")).toEqual([]);
  expect((await signedIn(made, ann, goodPassword)).cookies.size).toBeGreaterThan(0);
});
