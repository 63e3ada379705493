/**
 * One browser has several pages: what was begun in one of them (a mailed link, a sign-in that waits, acting as another user)
 * belongs to that one, and no page of another account meets it.
 */
import { accountDeletion, notices, passwords, unlock } from "portcullis/features";
import type { TestClient } from "portcullis/testing";
import { describe, expect, it, vi } from "vitest";
import { createTickets } from "../../src/authn/tickets.ts";
import { administered, signedIn as administratorIn, html, idOf, submit } from "./administration-system.ts";
import { day, goodPassword, hour, otherPassword, weakHashing } from "./authn-system.ts";
import { hiddenOf, me, open, send, type Tab } from "./browser-tabs.ts";
import { ann, bob, fresh, json, type Life, life, lifeFeatures, linkOf, post, signedIn } from "./life-system.ts";

const newPassword = { password: fresh, password_confirm: fresh };

async function signsIn(made: Life, email: string, password: string): Promise<boolean> {
  return (await post(made.client(), "/login", { email, password })).status === 200;
}

describe("two links of one kind, opened in one browser", () => {
  it.each([
    ["the older tab first", 0],
    ["the newer tab first", 1],
  ])("reset: each form sets the password of the account that its page names: %s", async (_, first) => {
    const made = await life();
    const browser = made.client();
    const tabs: Tab[] = [];
    for (const email of [ann, bob]) {
      await post(made.client(), "/reset", { email });
      tabs.push(await open(browser, await linkOf(made, "resetInstructions", email)));
    }
    for (const [index, email] of [ann, bob].entries()) expect(tabs[index]?.page.text).toContain(email);
    const order = first === 0 ? [0, 1] : [1, 0];
    const passwordOf = ["first of the two", "second of the two"];
    for (const index of order) {
      const password = passwordOf[index] as string;
      const answer = await send(browser, tabs[index] as Tab, { password, password_confirm: password });
      expect(answer.status).toBe(302);
    }
    expect(await signsIn(made, ann, "first of the two")).toBe(true);
    expect(await signsIn(made, bob, "second of the two")).toBe(true);
  });

  it("sign-in: the page that names somebody signs in nobody else, who sends it though", async () => {
    const made = await life();
    const browser = made.client();
    await post(made.client(), "/login-link", { email: ann });
    const anns = await open(browser, await linkOf(made, "signInLink", ann));
    // Bob's link comes after: a stranger's, who wants the owner to work in the stranger's account.
    await post(made.client(), "/login-link", { email: bob });
    await open(browser, await linkOf(made, "signInLink", bob));
    expect(anns.page.text).toContain(ann);
    expect((await send(browser, anns, { password: goodPassword })).status).toBe(302);
    expect(await me(browser)).toBe(ann);
  });

  it("sign-in: the second page is shown again when the first has signed somebody in, and names its own account", async () => {
    const made = await life();
    const browser = made.client();
    const tabs: Tab[] = [];
    for (const email of [ann, bob]) {
      await post(made.client(), "/login-link", { email });
      tabs.push(await open(browser, await linkOf(made, "signInLink", email)));
    }
    await send(browser, tabs[0] as Tab, { password: goodPassword });
    const again = await send(browser, tabs[1] as Tab, { password: otherPassword });
    expect([again.status, again.text.includes(bob), await me(browser)]).toEqual([400, true, ann]);
    const sent = await send(browser, { path: (tabs[1] as Tab).path, page: again }, { password: otherPassword });
    expect([sent.status, await me(browser)]).toEqual([302, bob]);
  });

  it("confirmation and change of address: each for its own account", async () => {
    const made = await life();
    const browser = made.client();
    for (const email of [ann, bob]) {
      const row = await made.security.users.find("email", email);
      await made.store.update("user", { id: row?.id as number }, { confirmedAt: null });
    }
    const tabs: Tab[] = [];
    for (const email of [ann, bob]) {
      await post(made.client(), "/confirm", { email });
      tabs.push(await open(browser, await linkOf(made, "confirmation", email)));
    }
    await send(browser, tabs[0] as Tab, { password: goodPassword });
    expect((await made.store.findOne("user", { email: ann }))?.["confirmedAt"]).not.toBeNull();
    expect((await made.store.findOne("user", { email: bob }))?.["confirmedAt"]).toBeNull();

    const changes: Tab[] = [];
    for (const [email, password] of [
      [ann, goodPassword],
      [bob, otherPassword],
    ] as const) {
      await post(await signedIn(made, email, password), "/change-email", { email: `new-${email}` });
      changes.push(await open(browser, await linkOf(made, "changeEmailInstructions", `new-${email}`)));
    }
    await send(browser, changes[0] as Tab, { password: goodPassword });
    expect(await made.security.users.find("email", `new-${ann}`)).toBeDefined();
    expect(await made.security.users.find("email", bob)).toBeDefined();
  });

  it.each(["keep-account", "not-me", "unlock"])("%s: for its own account", async (purpose) => {
    const made = await life({ features: [...lifeFeatures(), accountDeletion(), notices(), unlock()] });
    const tickets = createTickets(made.store, made.now);
    const browser = made.client();
    const [anns, bobs] = await Promise.all(
      [ann, bob].map(async (email) => {
        const user = (await made.security.users.find("email", email)) as { id: number; fsUniquifier: string };
        if (purpose === "keep-account") {
          await made.store.insert("deletion", { userId: user.id, requestedAt: made.now(), dueAt: made.now() + hour });
        }
        const token = await tickets.issue({ purpose, user, life: hour });
        return { token, waits: async () => (await tickets.peek(purpose, token)) !== undefined };
      }),
    );
    if (anns === undefined || bobs === undefined) throw new Error("no tickets");
    const annsTab = await open(browser, `/${purpose}/${anns.token}`);
    const bobsTab = await open(browser, `/${purpose}/${bobs.token}`);
    expect([annsTab.page.text.includes(ann), bobsTab.page.text.includes(bob)]).toEqual([true, true]);
    await send(browser, annsTab, { password: goodPassword });
    expect([await anns.waits(), await bobs.waits()]).toEqual([false, true]);
    await send(browser, bobsTab, { password: otherPassword });
    expect(await bobs.waits()).toBe(false);
  });

  it("keeps few of them: the oldest makes room, and its page says to open the mail's link again, which works", async () => {
    const made = await life();
    const tickets = createTickets(made.store, made.now);
    const browser = made.client();
    const user = (await made.security.users.find("email", ann)) as { id: number; fsUniquifier: string };
    const tokens: string[] = [];
    for (let count = 0; count < 12; count += 1) {
      const token = await tickets.issue({ purpose: "reset", user, life: hour });
      tokens.push(token);
      await open(browser, `/reset/${token}`);
    }
    const kept = [...browser.cookies].filter(([name]) => name.startsWith("__Host-link-"));
    expect(kept).toHaveLength(8);
    for (const [name, value] of kept) expect([name.length, value.length]).toEqual([34, 43]);
    const at = (token: string): string => `/reset/open-${token.split(".")[0]}`;
    expect((await open(browser, at(tokens[11] as string))).page.status).toBe(200);
    const dropped = await open(browser, at(tokens[0] as string));
    expect([dropped.page.status, dropped.page.text.includes("open the link in the mail again")]).toEqual([409, true]);
    const again = await open(browser, `/reset/${tokens[0]}`);
    expect((await send(browser, again, newPassword)).status).toBe(302);
    expect(await signsIn(made, ann, fresh)).toBe(true);
  });

  it("a cookie of one link is worth nothing for another's page", async () => {
    const made = await life();
    const tickets = createTickets(made.store, made.now);
    const tokens: string[] = [];
    for (const email of [ann, bob]) {
      const user = (await made.security.users.find("email", email)) as { id: number; fsUniquifier: string };
      tokens.push(await tickets.issue({ purpose: "reset", user, life: hour }));
    }
    const [anns = "", bobs = ""] = tokens;
    const browser = made.client();
    const tab = await open(browser, `/reset/${anns}`);
    const [annId, annSecret] = anns.split(".");
    const [bobId] = bobs.split(".");
    browser.cookies.set(`__Host-link-${bobId}`, annSecret as string);
    for (const id of [bobId, `${annId}x`, "A".repeat(22)]) {
      const path = `/reset/open-${id}`;
      const posted = await browser.post(path, {
        form: { ...hiddenOf(tab.page.text, tab.path), ...newPassword },
        ...html,
        csrf: false,
      });
      expect([path, posted.status === 302 || posted.status === 409]).toEqual([path, true]);
    }
    expect(await signsIn(made, bob, otherPassword)).toBe(true);
    expect(await signsIn(made, ann, goodPassword)).toBe(true);
  });
});

describe("a page of what waits", () => {
  it("looks at it once, however many of its parts ask: a mailed link, a password that is too old", async () => {
    const features = lifeFeatures();
    const passwords = { hashing: weakHashing, policy: { maxAge: "90d" } } as const;
    const made = await life({ features, passwords });
    const findOne = vi.spyOn(made.store, "findOne");
    const reads = (): number => findOne.mock.calls.filter(([table]) => table === "ticket").length;
    await post(made.client(), "/reset", { email: ann });
    const browser = made.client();
    const reset = await open(browser, await linkOf(made, "resetInstructions", ann));
    const cost = async (path: string): Promise<unknown> => {
      const before = reads();
      const { status, text } = await browser.get(path, html);
      return [status, text.includes('name="password_confirm"'), reads() - before];
    };
    expect(await cost(reset.path)).toEqual([200, true, 1]);
    made.advance(91 * day);
    const answer = await send(browser, await open(browser, "/login"), { email: ann, password: goodPassword });
    expect([answer.location, await cost("/expired-password")]).toEqual(["/expired-password", [200, true, 1]]);
  });
});

describe("the page of a link in another browser", () => {
  it("says of an unused link what to do, and of a used one that it is over; nobody is told whose it is", async () => {
    const made = await life();
    const first = made.client();
    await post(made.client(), "/reset", { email: ann });
    const link = await linkOf(made, "resetInstructions", ann);
    const tab = await open(first, link);
    const other = made.client();
    const elsewhere = await open(other, tab.path);
    expect([elsewhere.page.status, elsewhere.path]).toEqual([409, tab.path]);
    expect(elsewhere.page.text).toContain("Your link is still good");
    expect(elsewhere.page.text).not.toContain("does not work");
    expect(elsewhere.page.text).not.toContain(ann);
    const asJson = await other.get(tab.path, { headers: json });
    expect([asJson.status, asJson.json.response.errors[0]]).toEqual([409, expect.stringContaining("still good")]);
    // A form that was kept there does nothing either.
    expect((await other.post(tab.path, { json: newPassword })).status).toBe(409);
    expect(await signsIn(made, ann, goodPassword)).toBe(true);
    // What the page says to do works.
    const again = await open(other, link);
    expect((await send(other, again, newPassword)).status).toBe(302);
    const over = await open(first, tab.path);
    expect([over.path, over.page.text.includes("does not work")]).toEqual(["/reset", true]);
  });

  it("says of one that is over, of a shut account or of another kind nothing else than of none at all", async () => {
    const made = await life();
    await post(made.client(), "/reset", { email: ann });
    const tab = await open(made.client(), await linkOf(made, "resetInstructions", ann));
    const id = tab.path.slice("/reset/open-".length);
    expect((await open(made.client(), `/login/open-${id}`)).page.text).toContain("does not work");
    const user = await made.security.users.find("email", ann);
    await made.store.update("user", { id: user?.id as number }, { active: false });
    expect((await open(made.client(), tab.path)).page.text).toContain("does not work");
    await made.store.update("user", { id: user?.id as number }, { active: true });
    made.advance(hour);
    expect((await open(made.client(), tab.path)).page.text).toContain("does not work");
  });
});

describe("two sign-ins that wait in one browser", () => {
  const aged = async (): Promise<Life> => {
    const made = await life({
      features: [passwords()],
      passwords: { hashing: weakHashing, policy: { maxAge: "90d" } },
    });
    made.advance(91 * day);
    return made;
  };
  const waits = async (browser: TestClient, email: string, password: string): Promise<Tab> => {
    const tab = await open(browser, "/login");
    const answer = await send(browser, tab, { email, password });
    return open(browser, answer.location as string);
  };

  it("an expired password: the form of the first changes nothing of the second, whose page it becomes", async () => {
    const made = await aged();
    const browser = made.client();
    const anns = await waits(browser, ann, goodPassword);
    const bobs = await waits(browser, bob, otherPassword);
    const answer = await send(browser, anns, newPassword);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("shown for another account");
    expect(answer.text).toContain(bob);
    expect(answer.text).not.toContain(fresh);
    expect((await post(made.client(), "/login", { email: bob, password: otherPassword })).json.response).toMatchObject({
      password_expired: true,
    });
    expect((await send(browser, bobs, newPassword)).status).toBe(302);
    expect(await me(browser)).toBe(bob);
    expect((await post(made.client(), "/login", { email: ann, password: goodPassword })).json.response).toMatchObject({
      password_expired: true,
    });
  });

  it("a form that names none is shown again; a program may name its own, and is refused for another", async () => {
    const made = await aged();
    const browser = made.client();
    const tab = await waits(browser, ann, goodPassword);
    const { shown_for, ...unnamed } = hiddenOf(tab.page.text, tab.path);
    expect((await browser.post(tab.path, { form: { ...unnamed, ...newPassword }, ...html })).status).toBe(400);
    const program = made.client();
    const first = (await post(program, "/login", { email: ann, password: goodPassword })).json.response;
    const second = (await post(program, "/login", { email: bob, password: otherPassword })).json.response;
    expect((await program.get("/expired-password", { headers: json })).json.response.shown_for).toBe(second.shown_for);
    const refused = await post(program, "/expired-password", { ...newPassword, shown_for: first.shown_for });
    expect([refused.status, refused.text.includes(bob)]).toEqual([400, true]);
    for (const wrong of ["", 7, null, [second.shown_for], { is: second.shown_for }]) {
      expect((await post(program, "/expired-password", { ...newPassword, shown_for: wrong })).status).toBe(400);
    }
    const done = await post(program, "/expired-password", { ...newPassword, shown_for: second.shown_for });
    expect(done.status).toBe(200);
    expect(await me(program)).toBe(bob);
    expect(shown_for).not.toBe(first.shown_for);
  });
});

describe("acting as another user", () => {
  const reason = { reason: "Ticket 4711: the order is missing" };

  it("a form that was shown for one user does not end acting as another", async () => {
    // Without CSRF tokens nothing but the form's own word says whom it was shown for.
    const system = await administered({}, { csrf: { schemes: [] } });
    const ada = await administratorIn(system, "ada");
    const act = async (name: string): Promise<void> => {
      expect((await submit(ada, `/admin/users/${await idOf(system, name)}/impersonate`, reason)).status).toBe(302);
    };
    await act("ann");
    const annsPage = await open(ada, "/page");
    await send(ada, annsPage, {}, "/admin/impersonation/end");
    await act("bob");
    const answer = await send(ada, annsPage, {}, "/admin/impersonation/end");
    expect([answer.status, answer.text.includes("bob@acme.example")]).toEqual([400, true]);
    expect(await me(ada)).toBe("bob@acme.example");
    expect((await send(ada, await open(ada, "/page"), {}, "/admin/impersonation/end")).status).toBe(302);
    expect(await me(ada)).toBe("ada@acme.example");
  });

  it("ended twice is no fault: the administrator is themselves", async () => {
    const system = await administered();
    const ada = await administratorIn(system, "ada");
    await submit(ada, `/admin/users/${await idOf(system, "ann")}/impersonate`, reason);
    const tab = await open(ada, "/page");
    await send(ada, tab, {}, "/admin/impersonation/end");
    const again = await send(ada, tab, {}, "/admin/impersonation/end");
    expect([again.status, again.location]).toEqual([302, "/admin"]);
    expect(await me(ada)).toBe("ada@acme.example");
  });

  it("the administrator's session is back only after the session that it was kept beside, never after another user's", async () => {
    const system = await administered();
    const ada = await administratorIn(system, "ada");
    await submit(ada, `/admin/users/${await idOf(system, "ann")}/impersonate`, reason);
    // Somebody signed in meanwhile: the answers of two requests at once left both cookies.
    const bobs = await administratorIn(system, "bob");
    ada.cookies.set("__Host-session", bobs.cookies.get("__Host-session") as string);
    expect(await me(ada)).toBe("bob@acme.example");
    await bobs.post("/logout", { json: {} });
    expect((await ada.get("/me", { headers: json })).status).toBe(401);
    expect(await me(ada)).toBe("nobody");
    expect(ada.cookies.has("__Host-impersonator")).toBe(false);
  });
});

describe("a form of an account that is not signed in any more", () => {
  it.each([
    ["with CSRF tokens", {}],
    ["without", { csrf: { schemes: [] } }],
  ])("does nothing for the one that is, and keeps nothing of what was typed: %s", async (_, overrides) => {
    const made = await life(overrides);
    const browser = await signedIn(made);
    const anns = await open(browser, "/change-email");
    await browser.signIn(bob, otherPassword).catch(() => undefined);
    await browser.post("/logout", { json: {} });
    await browser.signIn(bob, otherPassword);
    const answer = await send(browser, anns, { email: "anns-new@acme.example" });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain("shown for another account");
    expect(answer.text).toContain(bob);
    expect(answer.text).not.toContain("anns-new");
    expect(await made.store.count("ticket", { purpose: "change-email" })).toBe(0);
  });

  it("signing out in it leaves the other account signed in, and asks first", async () => {
    const made = await life({ csrf: { schemes: [] } });
    const browser = await signedIn(made);
    const page = await open(browser, "/change-email");
    const { shown_for = "" } = hiddenOf(page.page.text, "/change-email");
    await browser.post("/logout", { json: {} });
    await browser.signIn(bob, otherPassword);
    const answer = await browser.post("/logout", { form: { shown_for }, ...html });
    expect([answer.status, answer.text.includes(bob), await me(browser)]).toEqual([400, true, bob]);
  });

  it("an account's name in a form is its own: another's, or a made-up one, is refused", async () => {
    const made = await life({ csrf: { schemes: [] } });
    const browser = await signedIn(made);
    for (const shown_for of ["", "1", "x".repeat(43)]) {
      const answer = await browser.post("/change-username", { form: { username: "annie", shown_for }, ...html });
      expect([shown_for, answer.status]).toEqual([shown_for, 400]);
    }
    expect((await made.security.users.find("email", ann))?.username).toBeNull();
  });
});

describe("messages for the next page", () => {
  it("are for who was told, and for nobody who signs in after them", async () => {
    const made = await life();
    const browser = await signedIn(made);
    const tab = await open(browser, "/change-email");
    // Sent, and the tab closed before the next page came.
    await send(browser, tab, { email: "anns-new@acme.example" });
    await browser.post("/logout", { json: {} });
    await browser.signIn(bob, otherPassword);
    expect((await open(browser, "/change-email")).page.text).not.toContain("anns-new");
  });

  it("stay with who is told while signing in and out", async () => {
    const made = await life();
    const browser = made.client();
    expect((await open(browser, "/change-email")).page.text).toContain("sign in");
    const tab = await open(browser, "/login");
    await send(browser, tab, { email: ann, password: goodPassword });
    await browser.get("/flash/hello");
    expect((await browser.get("/flashes")).json.flashes).toMatchObject([{ text: "hello" }]);
  });
});
