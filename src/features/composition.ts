import { auditTables } from "../audit/tables.ts";
import type { IdentityDefinition } from "../authn/identity-attributes.ts";
import type { TokenFamilies } from "../authn/token-families.ts";
import { namedColumns, type OwnColumns } from "../model/column.ts";
import { ConfigurationError } from "../model/errors.ts";
import type { Column, Schema, Table } from "../model/schema.ts";
import { coreTables } from "../model/tables.ts";
import type { Feature, TokenFamiliesContext } from "./feature.ts";

/** The features as given, when each is one, none is there twice and each has what it requires. */
export function checkFeatures(features: readonly Feature[]): readonly Feature[] {
  const names = new Set<string>();
  for (const [index, feature] of features.entries()) {
    // The function that makes the feature has a name too.
    if (typeof feature !== "object" || typeof feature?.name !== "string") {
      throw new ConfigurationError(`features[${index}]`, "is no feature; call it: passwords(), registration() …");
    }
    if (names.has(feature.name)) throw new ConfigurationError(`features[${index}]`, `"${feature.name}" is there twice`);
    names.add(feature.name);
  }
  for (const { name, requires } of features) {
    for (const needed of requires ?? []) {
      if (!names.has(needed)) throw new ConfigurationError("features", `"${name}" needs "${needed}"; add ${needed}()`);
    }
  }
  return features;
}

/** What renews auth tokens, when a feature does. */
export function tokenFamilies(features: readonly Feature[], context: TokenFamiliesContext): TokenFamilies | undefined {
  const [first, second] = features.filter((feature) => feature.tokenFamilies !== undefined);
  if (second !== undefined) {
    throw new ConfigurationError("features", `"${first?.name}" and "${second.name}" both renew auth tokens; take one`);
  }
  return first?.tokenFamilies?.(context);
}

/** The permission of administrators, when a feature has them; two features must mean the same one. */
export function administratorsPermission(features: readonly Feature[]): string | undefined {
  const [first, ...others] = features.filter((feature) => feature.administrators !== undefined);
  const other = others.find((feature) => feature.administrators !== first?.administrators);
  if (other !== undefined) {
    throw new ConfigurationError(
      "features",
      `"${first?.name}" and "${other.name}" have different permissions for administrators; give both the same`,
    );
  }
  return first?.administrators;
}

/** Those by which users say who they are have an index that finds them whatever their case. */
function identified(
  columns: Readonly<Record<string, Column>>,
  identities: readonly (string | IdentityDefinition)[],
): Record<string, Column> {
  // What is wrong with the option is said where it is read.
  const folded = new Set(
    (Array.isArray(identities) ? identities : [])
      .filter((item) => typeof item === "string" || item?.ignoreCase !== false)
      .map((item) => (typeof item === "string" ? item : item?.attribute)),
  );
  return Object.fromEntries(
    Object.entries(columns).map(([name, column]) => [
      name,
      folded.has(name) ? { ...column, ignoreCase: true } : column,
    ]),
  );
}

/** The core's tables with those of the features, the application's columns, and its names for tables. */
export function composeSchema(
  options: {
    readonly columns?: OwnColumns | undefined;
    readonly tables?: Readonly<Record<string, string>> | undefined;
    readonly emails?: "required" | "optional" | undefined;
    readonly identities?: readonly (string | IdentityDefinition)[] | undefined;
  },
  features: readonly Feature[],
): Schema {
  const tables: Record<string, Table> = { ...coreTables, ...auditTables };
  for (const feature of features) Object.assign(tables, feature.tables ?? {});
  const user = tables.user as Table;
  const email: Column = { ...(user.columns["email"] as Column), nullable: true, mustAllowNull: true };
  tables.user = {
    ...user,
    columns: Object.assign(
      {},
      user.columns,
      options.emails === "optional" ? { email } : {},
      ...features.map((feature) => feature.userColumns ?? {}),
      identified(namedColumns(options.columns ?? {}), options.identities ?? []),
    ),
  };
  const renamed = options.tables ?? {};
  const nameOf = (logical: string): string =>
    Object.hasOwn(renamed, logical) ? (renamed[logical] as string) : (tables[logical] as Table).name;
  return Object.fromEntries(
    Object.entries(tables).map(([logical, table]) => [logical, { ...table, name: nameOf(logical) }]),
  );
}
