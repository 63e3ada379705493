import type { Account } from "../../model/account.ts";
import { isService } from "../../model/account.ts";
import type { Row } from "../../model/schema.ts";
import type { Json } from "../../routes/openapi/json.ts";
import { flag, textOrNull, texts, timeOrNull } from "../answers.ts";
import type { ManagementSettings } from "./options.ts";

/** The members of `userView`, for the API's description. */
export const userSchema: Json = {
  type: "object",
  properties: {
    id: { type: "integer" },
    email: textOrNull,
    username: textOrNull,
    active: flag,
    confirmed_at: timeOrNull,
    has_password: flag,
    service: flag,
    roles: texts,
    permissions: texts,
    own_permissions: texts,
    profile: { type: "object" },
    created_at: timeOrNull,
    last_login_at: timeOrNull,
  },
};

/** A user as the user and administrators see them: listed fields, no hash, no uniquifier, no key. */
export function userView(account: Account, settings: ManagementSettings): Readonly<Record<string, unknown>> {
  const iso = (date: unknown): string | null => (date instanceof Date ? date.toISOString() : null);
  const row = account as unknown as Row;
  const profile = Object.keys(settings.profile).map((name) => {
    const value = row[name] ?? null;
    return [name, value instanceof Date ? value.toISOString() : value];
  });
  return {
    id: account.id,
    email: account.email === "" ? null : account.email,
    username: account.username,
    active: account.active,
    confirmed_at: iso(account.confirmedAt),
    has_password: account.password !== null,
    service: isService(account),
    roles: [...account.roles].sort(),
    permissions: [...account.permissions].sort(),
    own_permissions: [...account.ownPermissions].sort(),
    profile: Object.fromEntries(profile),
    created_at: iso(account.createDatetime),
    last_login_at: iso(account.currentLoginAt),
  };
}
