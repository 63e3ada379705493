/** A change of address that waits for its link: shown to its owner, taken back, and telling strangers nothing. */
import { describe, expect, it } from "vitest";
import { hour, otherPassword } from "./authn-system.ts";
import { hiddenOf, me, open, send } from "./browser-tabs.ts";
import { ann, bob, json, type Life, life, linkOf, mails, post, signedIn } from "./life-system.ts";

const next = "new@acme.example";
const html = { headers: { accept: "text/html" } };
const cancel = "/cancel-change-email";

const shown = async (client: Awaited<ReturnType<typeof signedIn>>): Promise<unknown> => {
  const { pending_email, pending_until } = (await client.get("/change-email", { headers: json })).json.response;
  return { pending_email, pending_until };
};

async function asked(made: Life, email: string = next): Promise<Awaited<ReturnType<typeof signedIn>>> {
  const client = await signedIn(made);
  expect((await post(client, "/change-email", { email })).status).toBe(200);
  return client;
}

describe("what is pending", () => {
  it("is shown with its end, as a page and as JSON, on every device of the account and to nobody else", async () => {
    const made = await life();
    const before = await signedIn(made);
    expect(await shown(before)).toEqual({ pending_email: null, pending_until: null });
    expect((await open(before, "/change-email")).page.text).not.toContain(cancel);
    const client = await asked(made);
    const waiting = { pending_email: next, pending_until: new Date(made.now() + 2 * hour).toISOString() };
    for (const device of [client, before]) {
      expect(await shown(device)).toEqual(waiting);
      const { page } = await open(device, "/change-email");
      expect([page.text.includes(next), page.text.includes(`action="${cancel}"`)]).toEqual([true, true]);
    }
    expect(await shown(await signedIn(made, bob, otherPassword))).toEqual({ pending_email: null, pending_until: null });
    made.advance(2 * hour);
    expect(await shown(await signedIn(made))).toEqual({ pending_email: null, pending_until: null });
  });

  it("is over once the link was used, and the newest one where several were asked for", async () => {
    const made = await life();
    const client = await asked(made);
    await post(client, "/change-email", { email: "newer@acme.example" });
    expect(await shown(client)).toMatchObject({ pending_email: "newer@acme.example" });
    await post(client, await linkOf(made, "changeEmailInstructions", "newer@acme.example"), {});
    expect(await me(client)).toBe("newer@acme.example");
    expect(await shown(client)).toEqual({ pending_email: null, pending_until: null });
  });

  it("tells not whether the address has an account", async () => {
    const made = await life();
    const client = await asked(made, bob);
    expect(await shown(client)).toMatchObject({ pending_email: bob });
    expect((await made.store.find("ticket", { purpose: "change-email" })).length).toBe(1);
    const templates = (await mails(made)).map(({ template, to }) => [template, to.address]);
    expect(templates).not.toContainEqual(["changeEmailInstructions", bob]);
    expect((await post(client, cancel, {})).json.response).toEqual({ cancelled: true });
  });
});

describe("taking it back", () => {
  it("by the button: the link is worth nothing, and the address stays", async () => {
    const made = await life();
    const client = await asked(made);
    const link = await linkOf(made, "changeEmailInstructions", next);
    const tab = await open(client, "/change-email");
    const answer = await send(client, tab, {}, cancel);
    expect([answer.status, answer.location]).toEqual([302, "/change-email"]);
    const after = await open(client, "/change-email");
    expect(after.page.text).toContain("Your address stays as it is");
    expect(after.page.text).not.toContain(`action="${cancel}"`);
    expect((await post(made.client(), link, {})).status).toBe(400);
    expect(await me(client)).toBe(ann);
    expect(made.events.filter(({ name }) => name === "changeEmailCancelled")).toHaveLength(1);
  });

  it("as JSON, twice and where nothing waits without a fault", async () => {
    const made = await life();
    const client = await asked(made);
    expect((await post(client, cancel, {})).json.response).toEqual({ cancelled: true });
    const again = await post(client, cancel, {});
    expect([again.status, again.json.response]).toEqual([200, { cancelled: false }]);
  });

  it("the button of a change that was replaced leaves the newer one", async () => {
    const made = await life();
    const client = await asked(made);
    const tab = await open(client, "/change-email");
    await post(client, "/change-email", { email: "newer@acme.example" });
    await send(client, tab, {}, cancel);
    expect(await shown(client)).toMatchObject({ pending_email: "newer@acme.example" });
    expect((await open(client, "/change-email")).page.text).toContain("not waiting any more");
  });

  it("of the button and the link at once one wins", async () => {
    for (let round = 0; round < 5; round += 1) {
      const made = await life();
      const client = await asked(made);
      const link = await linkOf(made, "changeEmailInstructions", next);
      const [cancelled, used] = await Promise.all([post(client, cancel, {}), post(made.client(), link, {})]);
      const moved = (await made.security.users.find("email", next)) !== undefined;
      expect(moved).toBe(used.status === 200);
      expect(cancelled.status === 200 && cancelled.json.response.cancelled === true).toBe(!moved);
    }
  });

  it("needs a session, a token, its own site, and is nobody else's", async () => {
    const made = await life();
    const client = await asked(made);
    const tab = await open(client, "/change-email");
    const { id = "", csrf_token = "" } = hiddenOf(tab.page.text, cancel);
    expect((await post(made.client(), cancel, { id })).status).toBe(401);
    const bobs = await signedIn(made, bob, otherPassword);
    expect((await post(bobs, cancel, { id })).json.response).toEqual({ cancelled: false });
    const stale = await client.post(cancel, { form: { id, csrf_token: "stale" }, ...html, csrf: false });
    expect([stale.status, stale.location]).toEqual([302, "/change-email"]);
    expect((await open(client, "/change-email")).page.text).toContain("send it again");
    const foreign = { ...html.headers, origin: "https://evil.test" };
    expect((await client.post(cancel, { form: { id, csrf_token }, headers: foreign, csrf: false })).status).toBe(400);
    expect((await client.get(cancel, html)).status).toBe(405);
    for (const wrong of [7, ["x"], { x: 1 }, "x".repeat(65), "\u0000"]) {
      expect((await post(client, cancel, { id: wrong })).status).toBe(400);
    }
    expect(await shown(client)).toMatchObject({ pending_email: next });
  });

  it("needs no fresh proof: it leaves things as they are", async () => {
    const made = await life({ freshness: { within: "5m", grace: "0s" } });
    const client = await asked(made);
    made.advance(10 * 60_000);
    expect((await client.get("/change-email", { headers: json })).status).toBe(401);
    expect((await post(client, cancel, {})).json.response).toEqual({ cancelled: true });
  });
});

describe("what is said", () => {
  it("one's own present address is one's own, in any spelling", async () => {
    const made = await life();
    const client = await signedIn(made);
    for (const email of [ann, "Ann@ACME.example"]) {
      const answer = await post(client, "/change-email", { email });
      expect([answer.status, answer.json.response.field_errors]).toEqual([
        400,
        { email: ["This is your address already."] },
      ]);
    }
    const page = await send(client, await open(client, "/change-email"), { email: ann });
    expect([page.text.includes("your address already"), page.text.includes("associated")]).toEqual([true, false]);
  });

  it("the mail to the new address tells nothing of the account, in any language", async () => {
    const made = await life();
    const client = await signedIn(made);
    for (const language of ["en", "de", "ar", "ja"]) {
      const to = `new-${language}@acme.example`;
      await client.post("/change-email", { json: { email: to }, headers: { "accept-language": language } });
      const mail = (await mails(made)).find((sent) => sent.to.address === to);
      expect(mail?.template).toBe("changeEmailInstructions");
      for (const part of [mail?.subject, mail?.text, mail?.html]) expect(part).not.toContain("ann");
    }
  });
});
