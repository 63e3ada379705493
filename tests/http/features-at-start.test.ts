/** What features of one's own may not have twice: the system refuses to start, and names both. */
import { ConfigurationError, outbox, portcullis } from "portcullis";
import { type Feature, passwords } from "portcullis/features";
import { memory } from "portcullis/memory";
import { describe, expect, it } from "vitest";
import { origin, secretKey, weakHashing } from "./authn-system.ts";

async function start(...features: readonly Feature[]): Promise<unknown> {
  try {
    const security = await portcullis({
      secretKeys: [secretKey],
      origins: [origin],
      datastore: memory(),
      mail: { sender: outbox() },
      passwords: { hashing: weakHashing },
      features: [passwords(), ...features],
      log: () => undefined,
    });
    await security.close();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** A feature that answers what the sign-in answers, under the names that are given. */
const pages = (name: string, changes: { readonly name?: string; readonly path?: string }): Feature => ({
  name,
  endpoints(kernel) {
    const [login] = passwords().endpoints?.(kernel) ?? [];
    if (login === undefined) throw new Error("there is no sign-in");
    return [{ ...login, ...changes }];
  },
});
const gated = (name: string, ...gates: readonly string[]): Feature => ({
  name,
  gates: () => gates.map((gate) => ({ name: gate, order: 300, check: () => "pass" as const })),
});

const twice: Readonly<Record<string, readonly [features: readonly Feature[], ...said: string[]]>> = {
  "an endpoint's name": [[pages("mine", { path: "/mine" })], '"passwords"', '"mine"', 'the endpoint "login"'],
  "an endpoint's path": [[pages("mine", { name: "mine" })], '"passwords"', '"mine"', "/login"],
  "a path, but for a parameter's name": [
    [pages("one", { name: "one", path: "/x/:a" }), pages("two", { name: "two", path: "/x/:b" })],
    '"one"',
    '"two"',
    "/x/:b",
  ],
  "a gate of another": [[gated("one", "door"), gated("two", "door")], '"one"', '"two"', '"door"'],
  "a gate of Portcullis": [[gated("one", "active")], "Portcullis itself", '"one"', '"active"'],
  "a gate of its own": [[gated("one", "door", "door")], '"one" has two gates', '"door"'],
  "a service": [
    ["one", "two"].map((name) => ({ name, services: () => ({ recovery: { send: async () => undefined } as never }) })),
    '"one"',
    '"two"',
    'the service "recovery"',
  ],
  "a column of the user": [
    ["one", "two"].map((name) => ({
      name,
      userColumns: { mine: { name: "mine", type: "boolean" as const, nullable: true } },
    })),
    '"one"',
    '"two"',
    '"mine"',
  ],
  "a mail": [["one", "two"].map((name) => ({ name, mails: { letter: {} } }) as never), '"one"', '"two"', '"letter"'],
  "a page": [["one", "two"].map((name) => ({ name, pages: { sheet: {} } }) as never), '"one"', '"two"', '"sheet"'],
};

describe("two features may not both have", () => {
  it.each(Object.entries(twice))("%s", async (_name, [features, ...said]) => {
    const error = await start(...features);
    expect(error).toBeInstanceOf(ConfigurationError);
    for (const text of said) expect((error as Error).message).toContain(text);
  });

  it("but start with names of their own", async () => {
    const features = [pages("one", { name: "one", path: "/one" }), pages("two", { name: "two", path: "/two" })];
    expect(await start(...features, gated("three", "door"), gated("four", "gate"))).toBeUndefined();
  });
});
