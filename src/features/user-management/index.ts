import { ConfigurationError } from "../../model/errors.ts";
import type { Feature, Kernel } from "../feature.ts";
import { actionEndpoints, profile } from "./actions.ts";
import { type ManagementSettings, managementSettings, type UserManagementOptions } from "./options.ts";
import { ownAccountEndpoints } from "./own-account.ts";
import { userEndpoints } from "./users.ts";

/**
 * Users by JSON, below `/api/user`: sign-in that gives a token, one's own account, and for administrators the list of users,
 * new ones, and everything that is done to one. The last active administrator can be neither removed nor demoted.
 */
export function userManagement(options: UserManagementOptions = {}): Feature {
  const settings = managementSettings(options);
  return {
    name: "userManagement",
    administrators: settings.permission,
    endpoints(kernel) {
      checkWords(kernel, settings);
      return [
        ...ownAccountEndpoints(kernel, settings),
        ...(settings.manage ? [...userEndpoints(kernel, settings), ...actionEndpoints(kernel, settings)] : []),
        ...(!settings.manage && settings.ownProfile ? [profile(kernel, settings, false)] : []),
      ];
    },
  };
}

function checkWords(kernel: Kernel, settings: ManagementSettings): void {
  const { permission, managers, defaultPermissions, defaultRoles } = settings;
  const words: readonly (readonly [path: string, word: string | undefined])[] = [
    ["permission", permission],
    ["managers", managers],
    ...defaultPermissions.map((word, index) => [`defaultPermissions[${index}]`, word] as const),
  ];
  for (const [path, word] of words) {
    if (word === undefined || kernel.declaredPermissions.has(word)) continue;
    throw new ConfigurationError(
      `userManagement.${path}`,
      `there is no permission "${word}"; add it to the option permissions`,
    );
  }
  for (const [index, role] of defaultRoles.entries()) {
    if (kernel.declaredRoles.has(role)) continue;
    throw new ConfigurationError(
      `userManagement.defaultRoles[${index}]`,
      `there is no role "${role}"; add it to the option roles`,
    );
  }
}
