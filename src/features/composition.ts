import { auditTables } from "../audit/tables.ts";
import type { IdentityDefinition } from "../authn/identity-attributes.ts";
import type { TokenFamilies } from "../authn/token-families.ts";
import { outboxTables } from "../delivery/table.ts";
import { namedColumns, type OwnColumns } from "../model/column.ts";
import { ConfigurationError } from "../model/errors.ts";
import { knownNames, unknownName } from "../model/known-names.ts";
import { type Column, columnMembers, type Schema, type Table } from "../model/schema.ts";
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
    checkMembers(feature, index);
    if (names.has(feature.name)) throw new ConfigurationError(`features[${index}]`, `"${feature.name}" is there twice`);
    names.add(feature.name);
  }
  for (const { name, requires } of features) {
    for (const needed of requires ?? []) {
      if (!names.has(needed)) throw new ConfigurationError("features", `"${name}" needs "${needed}"; add ${needed}()`);
    }
  }
  checkTaken(features);
  return features;
}

/** The members of a feature and what each must be. A misspelt one would be a gate that nobody passes through. */
const members: Readonly<Record<Exclude<keyof Feature, "name">, "list" | "object" | "function" | "text" | "number">> = {
  requires: "list",
  userColumns: "object",
  pages: "object",
  tables: "object",
  credentialTables: "list",
  accessTables: "list",
  leavingTables: "list",
  apiKeys: "object",
  administrators: "text",
  tokenFamilies: "function",
  purge: "function",
  gates: "function",
  signedIn: "function",
  mayImpersonate: "function",
  linkLife: "number",
  waysToSignIn: "function",
  start: "function",
  services: "function",
  registrationFields: "function",
  endpoints: "function",
  mails: "object",
  needs: "list",
};

function checkMembers(feature: Feature, index: number): void {
  if (feature.name === "") throw new ConfigurationError(`features[${index}].name`, "a text is expected");
  for (const [member, value] of Object.entries(feature)) {
    if (member === "name" || value === undefined) continue;
    const kind = Object.hasOwn(members, member) ? members[member as keyof typeof members] : undefined;
    const path = `features[${index}].${member}`;
    if (kind === undefined) {
      const known = ["name", ...Object.keys(members)];
      throw new ConfigurationError(path, `"${feature.name}" has an ${unknownName("member", member, known)}`);
    }
    const is =
      kind === "list"
        ? Array.isArray(value)
        : kind === "object"
          ? typeof value === "object" && value !== null && !Array.isArray(value)
          : typeof value === (kind === "text" ? "string" : kind);
    if (!is)
      throw new ConfigurationError(path, `of "${feature.name}": ${kind === "object" ? "an" : "a"} ${kind} is expected`);
  }
}

/**
 * Nothing has two owners: columns of the user, tables, mails and pages, each by its name, in the code and in the database. The
 * very same mail or page may come by several features, so that each works without the others.
 */
function checkTaken(features: readonly Feature[]): void {
  const user = coreTables.user as Table;
  const core = { ...coreTables, ...auditTables, ...outboxTables };
  const owners = new Map<string, { readonly owner: string; readonly value: unknown }>();
  const take = (kind: string, name: string, owner: string, value: unknown = owner): void => {
    const { owner: before, value: same } = owners.get(`${kind} ${name}`) ?? {};
    if (before !== undefined && before !== owner && same !== value) {
      throw new ConfigurationError(
        "features",
        `"${owner}" and ${said(before === "" ? undefined : before)} both have the ${kind} "${name}"; give one another name, or leave one feature out`,
      );
    }
    owners.set(`${kind} ${name}`, { owner, value });
  };
  for (const [field, column] of Object.entries(user.columns)) {
    take("column of the user", field, "");
    take("column of the user in the database", column.name, "");
  }
  for (const [logical, table] of Object.entries(core)) {
    take("table", logical, "");
    take("table in the database", table.name, "");
  }
  for (const { name: owner, userColumns, tables, mails, pages } of features) {
    checkColumnMembers(owner, "userColumns", userColumns ?? {});
    for (const [logical, { columns }] of Object.entries(tables ?? {})) {
      checkColumnMembers(owner, `tables.${logical}`, columns);
    }
    for (const [field, column] of Object.entries(userColumns ?? {})) {
      take("column of the user", field, owner);
      take("column of the user in the database", column.name, owner);
    }
    for (const [logical, table] of Object.entries(tables ?? {})) {
      take("table", logical, owner);
      take("table in the database", table.name, owner);
    }
    for (const [name, mail] of Object.entries(mails ?? {})) take("mail", name, owner, mail);
    for (const [name, page] of Object.entries(pages ?? {})) take("page", name, owner, page);
  }
}

/** A misspelt member of a column would leave out what it says: a secret that is shown. */
function checkColumnMembers(owner: string, where: string, columns: Readonly<Record<string, Column>>): void {
  for (const [field, column] of Object.entries(columns)) {
    const misspelt = Object.keys(column).find((name) => !Object.hasOwn(columnMembers, name));
    if (misspelt !== undefined) {
      const known = knownNames(misspelt, Object.keys(columnMembers));
      throw new ConfigurationError(
        "features",
        `"${owner}" ${where}.${field} has an unknown member "${misspelt}"; ${known}`,
      );
    }
  }
}

/** What belongs to a feature; undefined: to Portcullis itself. */
export interface Owned<T> {
  readonly feature: string | undefined;
  readonly part: T;
}

/** The gates as they are given. Two of one name are refused: a sign-in that has passed the one would have passed the other. */
export function checkGates<T extends { readonly name: string }>(gates: readonly Owned<T>[]): readonly T[] {
  const owners = new Map<string, string | undefined>();
  for (const { feature, part } of gates) {
    if (owners.has(part.name)) {
      const before = owners.get(part.name);
      const who = before === feature ? `"${feature}" has two gates` : `${said(before)} and ${said(feature)} have gates`;
      throw new ConfigurationError(
        "features",
        `${who} of the name "${part.name}", so that passing one would pass the other; give one another name`,
      );
    }
    owners.set(part.name, feature);
  }
  return gates.map(({ part }) => part);
}

function said(feature: string | undefined): string {
  return feature === undefined ? "Portcullis itself" : `"${feature}"`;
}

/** What the features do for each other, each by one of them. */
export function joinServices<S extends object>(services: readonly Owned<S>[]): S {
  const owners = new Map<string, string | undefined>();
  for (const { feature, part } of services) {
    for (const name of Object.keys(part)) {
      if (owners.has(name)) {
        throw new ConfigurationError(
          "features",
          `${said(owners.get(name))} and ${said(feature)} both have the service "${name}"; leave one feature out`,
        );
      }
      owners.set(name, feature);
    }
  }
  return Object.assign({}, ...services.map(({ part }) => part)) as S;
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
  const tables: Record<string, Table> = { ...coreTables, ...auditTables, ...outboxTables };
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
