/** What waits to be sent, as administrators see it: nobody else does, and what they do about it is in the trail. */
import { DeliveryError, type OutgoingMail } from "portcullis";
import { administration, type Feature, passwords, recovery, sessions } from "portcullis/features";
import { expect, it } from "vitest";
import { administered, html, idOf, json, signedIn, submit } from "./administration-system.ts";
import type { System } from "./authn-system.ts";

interface Down extends System {
  readonly sent: OutgoingMail[];
  /** From here on mails are taken. */
  up(): void;
}

const hourly = { retryAfter: [3_600_000] };

/** A system whose mail server is away. */
async function down(queue: object = hourly, more: object = {}): Promise<Down> {
  const sent: OutgoingMail[] = [];
  let away = true;
  const sender = {
    async send(mail: OutgoingMail): Promise<void> {
      if (away) throw new DeliveryError(`nobody answers for ${mail.to.address}`);
      sent.push(mail);
    },
  };
  const system = await administered(
    {},
    {
      features: [passwords(), recovery(), sessions(), administration({ pageSize: 2 })],
      mail: { sender, from: "no-reply@acme.example", queue },
      ...more,
    },
  );
  return {
    ...system,
    sent,
    up() {
      away = false;
    },
  };
}

async function asks(system: System, ...emails: readonly string[]): Promise<void> {
  for (const email of emails) await system.client().post("/reset", { json: { email } });
  // Each was tried once, and the decoys are gone.
  const done = async (): Promise<boolean> =>
    (await system.store.find("outbox", {})).every((row) => row["attempts"] === 1 && row["decoy"] === false);
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 10));
}

it("lists what waits, page by page, without the links and without what is for nobody", async () => {
  const system = await down();
  await asks(system, "ann@acme.example", "nobody@acme.example", "bob@acme.example", "ada@acme.example");
  const ada = await signedIn(system, "ada");
  const first = (await ada.get("/admin/outbox", json)).json.response;
  expect(first.messages).toMatchObject([
    {
      channel: "mail",
      kind: "resetInstructions",
      recipient: "ann@acme.example",
      user_id: await idOf(system, "ann"),
      since: new Date(system.now()).toISOString(),
      attempts: 1,
      sending: false,
      last_error: "nobody answers for …",
    },
    { recipient: "bob@acme.example" },
  ]);
  const second = (await ada.get(`/admin/outbox?after=${first.next}`, json)).json.response;
  expect(second.messages).toMatchObject([{ recipient: "ada@acme.example" }]);
  expect(second.next).toBeNull();
  const page = (await ada.get("/admin/outbox", html)).text;
  expect(page).toContain("ann@acme.example");
  for (const text of [JSON.stringify(first), page]) expect(text).not.toContain("/reset/");
  expect((await ada.get("/admin/outbox?after=nonsense", json)).status).toBe(400);
});

it("tries one at once, and drops one, which the trail tells", async () => {
  const system = await down();
  await asks(system, "ann@acme.example", "bob@acme.example");
  const ada = await signedIn(system, "ada");
  const [ofAnn, ofBob] = (await ada.get("/admin/outbox", json)).json.response.messages as { readonly id: string }[];
  system.up();
  const tried = await submit(ada, `/admin/outbox/${ofAnn?.id}/retry`);
  expect(tried.location).toBe("/admin/outbox");
  while (system.sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(system.sent.map(({ to }) => to.address)).toEqual(["ann@acme.example"]);
  const dropped = await submit(ada, `/admin/outbox/${ofBob?.id}/drop`);
  expect(dropped.location).toBe("/admin/outbox");
  await system.security.delivery.idle();
  expect(system.sent).toHaveLength(1);
  expect((await ada.get("/admin/outbox", json)).json.response.messages).toEqual([]);
  const [entry] = await system.security.audit.list({ name: "mailFailed" });
  expect(entry).toMatchObject({ userId: await idOf(system, "bob"), actorId: await idOf(system, "ada") });
  expect((await ada.get(`/admin/outbox/${ofBob?.id}/drop`, html)).status).toBe(404);
  expect((await ada.post("/admin/outbox/nothing/retry", { json: {} })).status).toBe(404);
});

it("leaves what is being sent, and says so", async () => {
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const taken: string[] = [];
  const system = await down(hourly, {
    mail: {
      from: "no-reply@acme.example",
      sender: {
        async send(mail: OutgoingMail): Promise<void> {
          taken.push(mail.to.address);
          await answered;
        },
      },
    },
  });
  await system.client().post("/reset", { json: { email: "ann@acme.example" } });
  while (taken.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  const ada = await signedIn(system, "ada");
  const [ofAnn] = (await ada.get("/admin/outbox", json)).json.response.messages as { readonly id: string }[];
  for (const what of ["drop", "retry"]) {
    expect([what, (await ada.post(`/admin/outbox/${ofAnn?.id}/${what}`, { json: {} })).status]).toEqual([what, 409]);
    expect((await submit(ada, `/admin/outbox/${ofAnn?.id}/${what}`)).status).toBe(409);
  }
  expect(await system.store.count("outbox", { decoy: false })).toBe(1);
  answer();
  await system.security.delivery.idle();
  expect(await system.store.count("outbox", {})).toBe(0);
  expect(taken).toEqual(["ann@acme.example"]);
  await system.security.audit.flush();
  expect(await system.security.audit.list({ name: "mailFailed" })).toEqual([]);
});

it("does not let anybody act on what warns an account that they may not act on", async () => {
  let kernel: Parameters<NonNullable<Feature["endpoints"]>>[0] | undefined;
  const taking: Feature = {
    name: "taking",
    endpoints(given) {
      kernel = given;
      return [];
    },
  };
  const features = [passwords(), recovery(), sessions(), administration(), taking];
  const system = await down(hourly, {
    features,
    manages: { check: (_: unknown, { email }: { readonly email: string }) => !email.startsWith("boss") },
  });
  const boss = await system.security.users.create({ email: "boss@acme.example" });
  const to = { email: "former@acme.example", of: boss };
  await kernel?.mail.send(undefined, "emailChanged", to, { newEmail: boss.email });
  await system.security.delivery.idle();
  const ada = await signedIn(system, "ada");
  const [{ id, user_id: about }] = (await ada.get("/admin/outbox", json)).json.response.messages;
  expect(about).toBe(boss.id);
  for (const what of ["drop", "retry"]) {
    expect((await ada.post(`/admin/outbox/${id}/${what}`, { json: {} })).status).toBe(403);
    expect((await ada.get(`/admin/outbox/${id}/${what}`, html)).status).toBe(403);
  }
});

it("is not there where messages wait in memory", async () => {
  const system = await down({ store: "memory", retryAfter: [] });
  const ada = await signedIn(system, "ada");
  expect((await ada.get("/admin/outbox", json)).status).toBe(404);
  expect((await ada.get("/admin/users", html)).text).not.toContain("/admin/outbox");
});
