/** What stands in the administration's tables is in the reader's language, and a group is called one. */
import { allOf, anyOf, authRequired, fresh, permissionsRequired, rolesAccepted, rolesRequired } from "portcullis";
import { describe, expect, it } from "vitest";
import { formatMatrix } from "../../src/routes/matrix.ts";
import { administered, idOf, signedIn } from "./administration-system.ts";
import type { Overrides, System } from "./authn-system.ts";

const german = { headers: { accept: "text/html", "accept-language": "de" } };

/** The text of each cell of a page, by rows. */
const rowsOf = (html: string): string[][] =>
  [...html.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row = ""]) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell = ""]) =>
      cell
        .replace(/<[^>]+>/g, "")
        .replaceAll("&quot;", '"')
        .trim(),
    ),
  );

const grouped: Overrides = {
  groups: ["board", "staff"] as never,
  groupCheck: () => false,
};

async function withRoutes(): Promise<System> {
  const system = await administered({}, grouped);
  const { app } = system;
  const add = (path: string, authz: unknown): void => {
    (app.get as CallableFunction)(path, { authz }, (c: { text(text: string): Response }) => c.text(""));
  };
  add("/words/role", "admin");
  add("/words/group", "board");
  add("/words/both", rolesRequired("admin", "board"));
  add("/words/some", rolesAccepted("board", "admin", "staff"));
  add(
    "/words/nested",
    anyOf(rolesRequired("staff"), allOf(authRequired("session", "token"), permissionsRequired("read"))),
  );
  add("/words/fresh", allOf(rolesRequired("board"), fresh({ within: 5 })));
  return system;
}

describe("the matrix", () => {
  it("calls a group a group", async () => {
    const { app } = await withRoutes();
    const records = app.accessMatrix().filter(({ path }) => path.startsWith("/words/"));
    expect(Object.fromEntries(records.map(({ path, guard }) => [path.slice("/words/".length), guard]))).toEqual({
      role: "role admin",
      group: "group board",
      both: "all of the roles admin and groups board",
      some: "any of the roles admin or groups board, staff",
      nested: "any of (group staff; all of (signed in by session or token; permission read))",
      fresh: "all of (group board; fresh within 5 min)",
    });
    expect(formatMatrix(records)).toContain("group board");
  });

  it("is in the reader's language", async () => {
    const system = await withRoutes();
    const ada = await signedIn(system, "ada");
    const page = await ada.get("/admin/matrix", german);
    const guards = Object.fromEntries(rowsOf(page.text).map(([path = "", , guard = ""]) => [path, guard]));
    expect(guards).toMatchObject({
      "/words/role": "Rolle admin",
      "/words/group": "Gruppe board",
      "/words/both": "alles von (Rolle admin; Gruppe board)",
      "/words/some": "eines von (Rolle admin; Gruppe board; Gruppe staff)",
      "/words/nested": "eines von (Gruppe staff; alles von (angemeldet mit session oder token; Berechtigung read))",
      "/words/fresh": "alles von (Gruppe board; in den letzten 5 min bestätigt)",
    });
    // What only the application knows is as it says it.
    expect(Object.values(guards).some((guard) => guard.startsWith("angemeldet"))).toBe(true);
  });
});

describe("a refusal", () => {
  it("says which group is lacking", async () => {
    const system = await withRoutes();
    const bob = await signedIn(system, "bob");
    for (const path of ["group", "some"]) await bob.get(`/words/${path}`, german);
    const reasons = system.events.filter(({ name }) => name === "permissionDenied").map(({ event }) => event);
    expect(reasons).toMatchObject([
      { reason: "lacks the group board" },
      { reason: "has none of the roles admin or groups board, staff" },
    ]);
    const ada = await signedIn(system, "ada");
    const details = rowsOf((await ada.get("/admin/audit?name=permissionDenied", german)).text).map((row) => row.at(-1));
    expect(details.slice(1)).toEqual([
      "Grund: es fehlt: eines von (Rolle admin; Gruppe board; Gruppe staff)",
      "Grund: es fehlt: Gruppe board",
    ]);
  });
});

describe("sessions and the trail", () => {
  it("have their values in the reader's language, and what is unknown as it is", async () => {
    const system = await administered();
    const ada = await signedIn(system, "ada");
    const sessions = rowsOf((await ada.get("/admin/sessions", german)).text).flat();
    expect(sessions).toContain("Passwort");
    expect(sessions).not.toContain("password");

    const bob = await idOf(system, "bob");
    const user = (await system.security.users.get(bob)) as NonNullable<
      Awaited<ReturnType<typeof system.security.users.get>>
    >;
    const tell = system.security.events.emit as unknown as (name: string, event: object) => void;
    const told = async (name: string, event: object): Promise<string | undefined> => {
      tell(name, event);
      const page = await ada.get(`/admin/audit?name=${name}`, german);
      return rowsOf(page.text)[1]?.at(-1);
    };
    expect(await told("sessionsEnded", { user, which: "others", count: 2 })).toBe("Anzahl: 2; Welche: alle anderen");
    expect(await told("userAuthenticated", { user, authnVia: ["password", "retina"] })).toMatch(/: Passwort, retina$/);
    expect(await told("signInRefused", { user, authnVia: ["email"], reason: "CONFIRMATION_REQUIRED" })).toMatch(
      /: Link per E-Mail; Grund: .*Adresse/,
    );
    expect(await told("signInRefused", { user, authnVia: ["email"], reason: "of my own" })).toMatch(
      /Grund: of my own$/,
    );
    expect(
      await told("userNotRegistered", { user, existingEmail: true, existingUsername: false, formData: {} }),
    ).toMatch(/: Ja; .*: Nein$/);
    expect(await told("mailFailed", { user, template: "reset", to: "x", failure: "y", attempts: 1 })).not.toContain(
      ": reset",
    );
    expect(await told("refreshTrackerRevoked", { userId: bob, family: "f", reason: "signOut" })).toBe(
      "Grund: Abgemeldet",
    );
  });
});
