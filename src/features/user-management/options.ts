import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConfigurationError } from "../../model/errors.ts";
import { maxOwnPermission } from "../../model/permission-role.ts";
import { checkOptions, checkPath } from "../options.ts";

/** Options of the feature `userManagement`. */
export interface UserManagementOptions {
  /** Goes before each path; default "/api/user". */
  readonly path?: string;
  /** The permission of administrators, who manage everybody; default "admin". It must stand in the option `permissions`. */
  readonly permission?: string;
  /**
   * A lesser permission: who has it manages users who may no more than they themselves, never administrators and never
   * their own account, and grants nothing that they do not have. Default: there are no such managers.
   */
  readonly managers?: string;
  /** Roles and permissions of new users where the call says none; default none. */
  readonly defaultRoles?: readonly string[];
  readonly defaultPermissions?: readonly string[];
  /** False: sign-in, sign-out, one's own account and password only. Default true. */
  readonly manage?: boolean;
  /**
   * The columns that are a user's profile, by the names that they have in the option `columns`: true, or a Standard Schema
   * that the value must pass beside its column's type.
   */
  readonly profile?: Readonly<Record<string, true | StandardSchemaV1>>;
  /** True: users may edit their own profile. Default false. */
  readonly ownProfile?: boolean;
  /** Users a page where the call says none; default 25. */
  readonly pageSize?: number;
  /** Most users a page; default 100. */
  readonly maxPageSize?: number;
  /** True: what changes access needs no fresh proof of identity, for programs with long-lived tokens. Default false. */
  readonly allowStale?: boolean;
}

/** The options with their defaults. */
export interface ManagementSettings {
  readonly path: string;
  readonly permission: string;
  readonly managers: string | undefined;
  readonly defaultRoles: readonly string[];
  readonly defaultPermissions: readonly string[];
  readonly manage: boolean;
  readonly profile: Readonly<Record<string, true | StandardSchemaV1>>;
  readonly ownProfile: boolean;
  readonly pageSize: number;
  readonly maxPageSize: number;
  readonly allowStale: boolean;
}

/** Checks what can be checked before the system is there. */
export function managementSettings(options: UserManagementOptions): ManagementSettings {
  const feature = "userManagement";
  checkOptions(feature, options, {
    path: "string",
    permission: "string",
    managers: "string",
    defaultRoles: "object",
    defaultPermissions: "object",
    manage: "boolean",
    profile: "object",
    ownProfile: "boolean",
    pageSize: "number",
    maxPageSize: "number",
    allowStale: "boolean",
  });
  const { path = "/api/user", permission = "admin", managers, maxPageSize = 100 } = options;
  const { pageSize = Math.min(25, maxPageSize), profile = {}, ownProfile = false } = options;
  checkPath(`${feature}.path`, path);
  for (const [name, word] of [
    ["permission", permission],
    ["managers", managers],
  ] as const) {
    if (word !== undefined && (word === "" || /[,\s]/.test(word) || word.length > maxOwnPermission)) {
      throw new ConfigurationError(`${feature}.${name}`, `must be a word of 1 to ${maxOwnPermission} characters`);
    }
  }
  if (managers === permission) throw new ConfigurationError(`${feature}.managers`, "is the administrators' permission");
  for (const [name, value] of [
    ["pageSize", pageSize],
    ["maxPageSize", maxPageSize],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > 1_000) {
      throw new ConfigurationError(`${feature}.${name}`, "a whole number from 1 to 1000 is expected");
    }
  }
  if (pageSize > maxPageSize) throw new ConfigurationError(`${feature}.pageSize`, "is more than maxPageSize");
  for (const name of ["defaultRoles", "defaultPermissions"] as const) {
    const list: unknown = options[name];
    if (list !== undefined && !(Array.isArray(list) && list.every((word) => typeof word === "string"))) {
      throw new ConfigurationError(`${feature}.${name}`, "a list of words is expected");
    }
  }
  if (ownProfile && Object.keys(profile).length === 0) {
    throw new ConfigurationError(
      `${feature}.ownProfile`,
      "there is no profile; name its columns in userManagement.profile",
    );
  }
  return {
    path,
    permission,
    managers,
    defaultRoles: options.defaultRoles ?? [],
    defaultPermissions: options.defaultPermissions ?? [],
    manage: options.manage ?? true,
    profile,
    ownProfile,
    pageSize,
    maxPageSize,
    allowStale: options.allowStale ?? false,
  };
}
