import type { ApiKey, ApiKeys } from "../../authn/api-keys.ts";
import type { Json } from "../../routes/openapi/json.ts";
import { flag, text, textOrNull, texts, timeOrNull } from "../answers.ts";

/** The members of `keyView`, for the API's description. */
export const keySchema: Json = {
  type: "object",
  properties: {
    id: text,
    prefix: text,
    name: text,
    all_permissions: flag,
    permissions: texts,
    scopes: texts,
    rate: textOrNull,
    created_at: timeOrNull,
    expires_at: timeOrNull,
    last_used_at: timeOrNull,
  },
};

/** A key as JSON shows it: never the secret, of which there is only a hash. */
export function keyView({ settings }: ApiKeys, key: ApiKey): Readonly<Record<string, unknown>> {
  const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  return {
    id: key.id,
    prefix: `${settings.prefix}_${key.id}`,
    name: key.name,
    all_permissions: key.unlimited,
    permissions: key.permissions,
    scopes: key.scopes,
    rate: key.rate,
    created_at: iso(key.createdAt),
    expires_at: iso(key.expiresAt),
    last_used_at: iso(key.lastUsedAt),
  };
}
