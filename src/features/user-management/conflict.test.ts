import { expect, test } from "vitest";
import { UniqueConflictError } from "../../model/errors.ts";
import type { Kernel } from "../feature.ts";
import { conflict } from "./users.ts";

test.each([
  ["email", { email: "ann@acme.example" }, "EMAIL_ALREADY_ASSOCIATED"],
  ["username", { username: "ann" }, "USERNAME_ALREADY_ASSOCIATED"],
] as const)("who loses the race for an %s is told what who comes later is told", (field, values, key) => {
  const answer = conflict({} as Kernel, new UniqueConflictError("user", field), values);
  expect(answer).toMatchObject({ kind: "invalid", fields: { [field]: [{ key, params: values }] } });
});
