import { apiKeyTable } from "../../authn/api-keys.ts";
import type { Gate } from "../../authn/gates.ts";
import { budgetOf, type Rate } from "../../authn/limits/rate.ts";
import { fresh, signedIn } from "../../authz/guards/authentication.ts";
import type { SecurityRequest } from "../../http/request.ts";
import { type Account, isService } from "../../model/account.ts";
import { type Duration, milliseconds } from "../../model/duration.ts";
import { ConfigurationError, PortcullisError } from "../../model/errors.ts";
import { ownAccount } from "../account-state.ts";
import { done, type Endpoint, failed, jsonEndpoint, notFound } from "../endpoint.ts";
import type { Feature, Kernel } from "../feature.ts";
import { checkOptions, checkPath } from "../options.ts";
import { createKey, type KeyBounds, newKeyAnswer, newKeyFields } from "./creation.ts";
import { keySchema, keyView } from "./view.ts";

/** Options of the feature `apiKeys`. */
export interface ApiKeysOptions {
  /** Where `/key` is; default "/api/user". */
  readonly path?: string;
  /** What keys begin with, such as "acme": 2 to 16 letters and digits; default "pk". */
  readonly prefix?: string;
  /** So many keys may a user have; default 25. */
  readonly perUser?: number;
  /** A key ends after that at the latest; default "365d". */
  readonly maxLife?: Duration;
  /** No key may be used more often; default: without a limit unless its maker sets one. */
  readonly rate?: Rate;
}

/**
 * Keys by which programs act for a user: `GET`, `POST /api/user/key` and `DELETE /api/user/key/:id`, each for one's own.
 * Routes take them where they name the scheme: `schemes: [apiKey()]`, `authn: ["apiKey"]`.
 */
export function apiKeys(options: ApiKeysOptions = {}): Feature {
  checkOptions("apiKeys", options, {
    path: "string",
    prefix: "string",
    perUser: "number",
    maxLife: "string",
    rate: "string",
  });
  const { path = "/api/user", prefix = "pk", perUser = 25 } = options;
  checkPath("apiKeys.path", path);
  if (!/^[a-z][a-z0-9]{1,15}$/.test(prefix)) {
    throw new ConfigurationError("apiKeys.prefix", "must be 2 to 16 lower-case letters and digits, a letter first");
  }
  if (!Number.isInteger(perUser) || perUser < 1 || perUser > 1_000) {
    throw new ConfigurationError("apiKeys.perUser", "a whole number from 1 to 1000 is expected");
  }
  if (options.rate !== undefined) budgetOf("apiKeys.rate", options.rate);
  const keyBounds: KeyBounds = {
    maxLife: milliseconds("apiKeys.maxLife", options.maxLife ?? "365d"),
    rate: options.rate,
  };
  return {
    name: "apiKeys",
    apiKeys: { prefix, perUser },
    tables: { apiKey: apiKeyTable },
    accessTables: ["apiKey"],
    userColumns: { serviceAccount: { name: "service_account", type: "boolean", nullable: false, default: false } },
    gates: () => [serviceGate],
    services: () => ({ keyBounds }),
    endpoints: (kernel) => [listKeys(kernel, path), newKey(kernel, path, keyBounds), deleteKey(kernel, path)],
    async purge({ datastore, system }) {
      await datastore.delete("apiKey", { expiresAt: { lt: system.now() - shownFor } });
    },
  };
}

/** An expired key is listed for so long, so that its owner sees why a program is refused. */
const shownFor = 30 * 86_400_000;

const serviceGate: Gate = {
  name: "service account",
  order: 150,
  check: ({ account, purpose, methods }) =>
    !isService(account) || (purpose === "refresh" && methods.includes("apiKey"))
      ? "pass"
      : { refuse: "DISABLED_ACCOUNT" },
};

/** The keys, which are there where this feature is on. */
export function withKeys(kernel: Kernel): Kernel & { readonly apiKeys: NonNullable<Kernel["apiKeys"]> } {
  const { apiKeys: keys } = kernel;
  if (keys === undefined) throw new PortcullisError("no_feature", "the feature apiKeys is off");
  return { ...kernel, apiKeys: keys };
}

/** A credential that has not all of its user's rights makes none that may have them. */
function isLessThan({ identity }: SecurityRequest, owner: Account): boolean {
  if (identity === undefined || identity.scopes !== undefined || identity.rated === true) return true;
  const { roles, permissions } = identity.account;
  return (
    [...owner.roles].some((role) => !roles.has(role)) ||
    [...owner.permissions].some((permission) => !permissions.has(permission))
  );
}

function listKeys(kernel: Kernel, path: string): Endpoint {
  const { apiKeys: keys } = withKeys(kernel);
  return jsonEndpoint({
    name: "api_keys",
    summary: "One’s own API keys",
    path: `${path}/key`,
    method: "GET",
    authz: signedIn,
    fields: {},
    answers: { done: { keys: { type: "array", items: keySchema } } },
    async submit({ rq }) {
      const account = await ownAccount(kernel, rq);
      if (account === undefined) return failed(401, "UNAUTHENTICATED");
      return done("/", { response: { keys: (await keys.of(account.id)).map((key) => keyView(keys, key)) } });
    },
  });
}

function newKey(kernel: Kernel, path: string, bounds: KeyBounds): Endpoint {
  return jsonEndpoint({
    name: "new_api_key",
    summary: "Make an API key",
    path: `${path}/key`,
    authz: fresh(),
    strict: true,
    limits: { perIdentity: "30/1h" },
    fields: newKeyFields(kernel, bounds),
    answers: { done: newKeyAnswer, failures: [403, 409], status: 201 },
    async submit({ rq, fields }) {
      const account = await ownAccount(kernel, rq);
      if (account === undefined) return failed(401, "UNAUTHENTICATED");
      if (isLessThan(rq, account)) return failed(403, "UNAUTHORIZED");
      return createKey(withKeys(kernel), rq, account, fields, bounds);
    },
  });
}

function deleteKey(kernel: Kernel, path: string): Endpoint {
  const { apiKeys: keys } = withKeys(kernel);
  return jsonEndpoint({
    name: "delete_api_key",
    summary: "Delete an API key",
    path: `${path}/key/:id`,
    method: "DELETE",
    authz: signedIn,
    strict: true,
    fields: {},
    answers: { failures: [404] },
    async submit({ rq }) {
      const account = await ownAccount(kernel, rq);
      if (account === undefined) return failed(401, "UNAUTHENTICATED");
      // Nobody else's key is any different from one that there is not.
      const gone = await keys.revoke(account.id, rq.context?.req.param("id") ?? "");
      return gone ? done("/", { response: {} }) : notFound();
    },
  });
}
