import type { ApiKey } from "../../authn/api-keys.ts";
import type { Rate } from "../../authn/limits/rate.ts";
import type { AskedOptions } from "../../datastore/access-state.ts";
import type { Account } from "../../model/account.ts";
import { PortcullisError } from "../../model/errors.ts";
import type { Kernel } from "../feature.ts";
import type { Field } from "../fields.ts";
import { newKeyFields } from "./creation.ts";

/** What a key is to be that the application, or somebody at the command line, makes for a user. */
export interface KeyRequest {
  /** What it is for, 1 to 100 characters. */
  readonly name: string;
  /** What it is limited to: permissions that its owner has, and declared scopes. */
  readonly permissions?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** It may whatever its owner may. */
  readonly unlimited?: boolean | undefined;
  /** It ends after so many seconds; default, and at most: the feature's `maxLife`. */
  readonly seconds?: number | undefined;
  /** Default, and at most: the feature's `rate`. */
  readonly rate?: Rate | undefined;
}

/**
 * Makes a key within the feature's bounds, as its owner could. `text` is the key, which is stored as a hash. Throws
 * PortcullisError: `no_feature`, `invalid_field`, `not_granted`, `too_many_keys`, `withdrawn`.
 */
export async function createKeyFor(
  kernel: Kernel,
  owner: Account,
  request: KeyRequest,
  { asked }: AskedOptions = {},
): Promise<{ readonly key: ApiKey; readonly text: string }> {
  const { apiKeys } = kernel;
  const bounds = kernel.services.keyBounds;
  if (apiKeys === undefined || bounds === undefined) {
    throw new PortcullisError("no_feature", "the application has no API keys: add apiKeys() to its features");
  }
  const fields = newKeyFields(kernel, bounds);
  const read = <T>(name: string, field: Field<T>, value: unknown): T => {
    const parsed = field.parse(value);
    if ("value" in parsed) return parsed.value;
    throw new PortcullisError("invalid_field", `key.${name}: is not one that this application allows`);
  };
  const permissions = read("permissions", fields.permissions, request.permissions) ?? [];
  const scopes = read("scopes", fields.scopes, request.scopes) ?? [];
  const unlimited = request.unlimited === true;
  if (unlimited && permissions.length + scopes.length > 0) {
    throw new PortcullisError("invalid_field", "key.unlimited: leave it out, or permissions and scopes");
  }
  const seconds = read("seconds", fields.expires_in, request.seconds);
  const input = {
    name: read("name", fields.name, request.name).trim(),
    unlimited,
    permissions,
    scopes,
    rate: read("rate", fields.rate, request.rate) ?? bounds.rate ?? null,
    expiresAt: kernel.system.now() + (seconds === undefined ? bounds.maxLife : seconds * 1000),
    methods: [],
  };
  return apiKeys.create(owner, input, { lineage: null, asked });
}
