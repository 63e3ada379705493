import type { Account } from "../../model/account.ts";
import type { Kernel } from "../feature.ts";

/** What stands beside the columns. */
const beside: ReadonlySet<string> = new Set(["roles", "permissions", "ownPermissions"]);

/**
 * What is stored of a user, by name: the account, its roles and its sessions (GDPR article 20: a common, machine-readable
 * form). An account shows no column that is secret: what gives access is nobody's data to carry about.
 */
export async function personalData(kernel: Kernel, account: Account): Promise<Readonly<Record<string, unknown>>> {
  const fields = Object.entries(account).filter(([name, value]) => !beside.has(name) && typeof value !== "function");
  const sessions = await kernel.datastore.find("session", { userId: account.id }, { limit: 1_000 });
  const time = (value: unknown): string | null => (typeof value === "number" ? new Date(value).toISOString() : null);
  return {
    account: Object.fromEntries(
      fields.map(([name, value]) => [name, value instanceof Date ? value.toISOString() : value]),
    ),
    roles: [...account.roles],
    permissions: [...account.permissions],
    sessions: sessions.map((row) => ({
      created_at: time(row["createdAt"]),
      last_seen_at: time(row["lastSeenAt"]),
      expires_at: time(row["expiresAt"]),
      address: row["address"],
      agent: row["agent"],
      methods: row["methods"],
    })),
  };
}
