import { expect, it, vi } from "vitest";
import { coreTables } from "../model/tables.ts";
import { identityAttributes } from "./identity-attributes.ts";

const columns = {
  ...coreTables["user"]?.columns,
  phone: { name: "phone", type: "string", nullable: true, unique: true },
  city: { name: "city", type: "string", nullable: true },
  size: { name: "size", type: "integer", nullable: true, unique: true },
} as NonNullable<(typeof coreTables)["user"]>["columns"];
const make = (given?: Parameters<typeof identityAttributes>[0], log = vi.fn()) =>
  identityAttributes(given, columns, log);

it("takes the address unless told otherwise", () => {
  const [email] = make();
  expect(email?.attribute).toBe("email");
  expect(email?.normalize(" Joe@LP.com ")).toBe("joe@lp.com");
  expect(email?.normalize("joe")).toBeUndefined();
});

it("keeps the order, and maps by functions of the application's own", () => {
  const list = make([
    "username",
    { attribute: "phone", normalize: (typed: string) => typed.replace(/\D/g, ""), label: "Phone" },
  ]);
  expect(list.map(({ attribute }) => attribute)).toEqual(["username", "phone"]);
  expect(list[1]?.normalize("+49 30 12")).toBe("493012");
  expect(list[1]?.normalize("none")).toBeUndefined();
  expect(list[1]?.normalize("1".repeat(300))).toBeUndefined();
});

it("takes what cannot be read for nobody's", () => {
  const log = vi.fn();
  const [phone] = make(
    [
      {
        attribute: "phone",
        normalize() {
          throw new Error("secret 123");
        },
      },
    ],
    log,
  );
  expect(phone?.normalize("x")).toBeUndefined();
  expect(JSON.stringify(log.mock.calls)).not.toContain("secret");
});

it.each([
  [[], "identities: name at least one"],
  [["nick"], 'identities[0]: the user has no text column "nick"'],
  [["size"], "identities[0]: the user has no text column"],
  [["city"], 'identities[0]: "city" may belong to several users'],
  [["email", "email"], 'identities[1]: "email" is there twice'],
  [[7], "identities[0]: "],
  [[{ attribute: "phone", mapper: 1 }], "identities[0].mapper: unknown option"],
  [[{ attribute: "phone", normalize: 1 }], "identities[0].normalize: a function"],
  [["constructor"], "identities[0]: the user has no text column"],
])("refuses %j", (given, message) => {
  expect(() => make(given as never)).toThrow(message);
});
