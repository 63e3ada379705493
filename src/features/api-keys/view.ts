import type { ApiKey, ApiKeys } from "../../authn/api-keys.ts";

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
