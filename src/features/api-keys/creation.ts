import type { ApiKeys, NewApiKey } from "../../authn/api-keys.ts";
import { type Budget, budgetOf, type Rate } from "../../authn/limits/rate.ts";
import type { AskedOptions } from "../../datastore/access-state.ts";
import type { SecurityRequest } from "../../http/request.ts";
import type { Account } from "../../model/account.ts";
import { ConfigurationError, PortcullisError, WithdrawnError } from "../../model/errors.ts";
import type { Json } from "../../routes/openapi/json.ts";
import { lineageBehind, unchanged } from "../account-state.ts";
import { text } from "../answers.ts";
import { type Answer, done, failed, invalid } from "../endpoint.ts";
import type { Kernel } from "../feature.ts";
import type { Field, FieldValues } from "../fields.ts";
import { booleanField, integerField, jsonField, maybe, plainTextField, wordsField } from "../json-fields.ts";
import { keySchema, keyView } from "./view.ts";

/** Bounds of what a key may be given. */
export interface KeyBounds {
  /** Longest life in milliseconds, and the life of a key that asks for none. */
  readonly maxLife: number;
  /** A key may be used as often as that, and no key more often; undefined: without a limit unless it asks for one. */
  readonly rate: Rate | undefined;
}

/** The fields of a new key. */
export function newKeyFields(
  kernel: Pick<Kernel, "declaredScopes">,
  bounds: KeyBounds,
): {
  readonly name: Field<string>;
  readonly permissions: Field<readonly string[] | undefined>;
  readonly scopes: Field<readonly string[] | undefined>;
  readonly all_permissions: Field<boolean | undefined>;
  readonly expires_in: Field<number | undefined>;
  readonly rate: Field<Rate | undefined>;
} {
  const text = plainTextField(100);
  return {
    name: {
      ...text,
      parse(input) {
        const parsed = text.parse(input);
        return "value" in parsed && parsed.value.trim() === "" ? { fault: { key: "FIELD_REQUIRED" } } : parsed;
      },
    },
    permissions: maybe(wordsField()),
    scopes: maybe(wordsField(kernel.declaredScopes)),
    all_permissions: maybe(booleanField()),
    expires_in: maybe(integerField(1, Math.floor(bounds.maxLife / 1000))),
    rate: maybe(rateField(bounds.rate)),
  };
}

function rateField(most: Rate | undefined): Field<Rate> {
  const bound = most === undefined ? undefined : budgetOf("apiKeys.rate", most);
  return jsonField(
    (input) => {
      const budget = readRate(input);
      if (budget === undefined) return { fault: { key: "FIELD_INVALID" } };
      const tooMuch = bound !== undefined && (budget.count > bound.count || budget.interval < bound.interval);
      return tooMuch ? { fault: { key: "FIELD_INVALID" } } : { value: input as Rate };
    },
    { required: true, schema: { type: "string", pattern: "^[0-9]+/[0-9]+[smhd]$" } },
  );
}

function readRate(input: unknown): Budget | undefined {
  if (typeof input !== "string" || input.length > 32) return undefined;
  try {
    return budgetOf("rate", input as Rate);
  } catch (error) {
    if (error instanceof ConfigurationError) return undefined;
    throw error;
  }
}

/** What is answered to who asked for a key: its text, this once. */
export const newKeyAnswer: Json = { key: keySchema, secret: text };

/**
 * Makes a key for this owner, asked for by who is signed in; the answer holds its text, this once. Somebody else's is not
 * made in a sign-in of its owner.
 */
export async function createKey(
  kernel: Kernel & { readonly apiKeys: ApiKeys },
  rq: SecurityRequest,
  owner: Account,
  fields: FieldValues<ReturnType<typeof newKeyFields>>,
  bounds: KeyBounds,
  { asked }: AskedOptions = {},
): Promise<Answer> {
  const { identity } = rq;
  const own = identity?.account.id === owner.id ? identity : undefined;
  const { permissions = [], scopes = [], all_permissions: unlimited = false } = fields;
  if (unlimited && permissions.length + scopes.length > 0) {
    return invalid({ all_permissions: [{ key: "FIELD_INVALID" }] });
  }
  if (permissions.some((permission) => !owner.permissions.has(permission))) {
    return invalid({ permissions: [{ key: "PERMISSION_NOT_GRANTED" }] });
  }
  const life = fields.expires_in === undefined ? bounds.maxLife : fields.expires_in * 1000;
  const input: NewApiKey = {
    name: fields.name.trim(),
    unlimited,
    permissions,
    scopes,
    rate: fields.rate ?? bounds.rate ?? null,
    expiresAt: kernel.system.now() + life,
    methods: own?.methods ?? [],
  };
  const lineage = own === undefined ? null : await lineageBehind(kernel, own);
  try {
    const { key, text } = await kernel.apiKeys.create(owner, input, { lineage, onlyIf: unchanged(rq), asked });
    return done("/", { status: 201, response: { key: keyView(kernel.apiKeys, key), secret: text } });
  } catch (error) {
    if (!(error instanceof PortcullisError)) throw error;
    if (error.code === "too_many_keys") return failed(409, "TOO_MANY_KEYS");
    // The owner's account was changed while this was on its way.
    if (error.code === "not_granted" || error instanceof WithdrawnError) return failed(409, "ACTION_REFUSED");
    throw error;
  }
}
