/** Options of a system with every feature on, and fields, columns, roles and permissions of the application's own. */
import { apiKey, column, type ObjectRule, type SecurityOptions, type Transaction, type User } from "portcullis";
import {
  type AccountDeletionOptions,
  accountDeletion,
  administration,
  apiKeys,
  changeEmail,
  changePassword,
  confirmation,
  notices,
  passwordless,
  passwords,
  recovery,
  refresh,
  registration,
  sessions,
  tracking,
  unlock,
  userManagement,
  usernames,
} from "portcullis/features";
import { z } from "zod";
import { weakHashing } from "../../http/authn-system.ts";

const fields = {
  company: { label: "Company", maxLength: 40 },
  badge: { label: "Badge", required: false },
  plan: { label: "Plan", schema: z.enum(["small", "large"], "There are small and large ones.") },
  terms: { label: "I agree to the terms", type: "checkbox" },
} as const;

const columns = {
  company: column.string({ nullable: true, length: 40 }),
  badge: column.string({ nullable: true, length: 20, unique: true }),
  born: column.datetime({ nullable: true }),
};

type Columns = NonNullable<SecurityOptions["columns"]>;

type EveryOption = Pick<
  SecurityOptions<"member" | "boss", "admin" | "manage-users" | "read", Record<never, ObjectRule>, Columns, "apiKey">,
  "identities" | "features" | "schemes" | "roles" | "permissions" | "columns" | "passwords"
>;

/** The options; those of the registration and of the deletion are the application's own work. */
export function everyFeature(
  register: {
    readonly onRegister?: (tx: Transaction, user: User, own: { readonly plan: string }) => Promise<void>;
  } = {},
  deletion: Omit<AccountDeletionOptions, "grace"> = {},
): EveryOption {
  return {
    identities: ["email", "username"],
    features: [
      passwords(),
      registration({ roles: ["member"], fields, ...register }),
      confirmation(),
      recovery(),
      changePassword(),
      changeEmail(),
      usernames({ reserved: [], characters: "letters" }),
      passwordless(),
      tracking(),
      sessions(),
      notices(),
      unlock(),
      refresh({ carrier: "body" }),
      accountDeletion({ grace: "7d", ...deletion }),
      userManagement({ managers: "manage-users", profile: { company: true, born: true }, ownProfile: true }),
      apiKeys(),
      administration(),
    ],
    schemes: [apiKey()],
    roles: ["member", "boss"],
    permissions: ["admin", "manage-users", "read"],
    columns,
    passwords: { hashing: weakHashing, policy: { maxAge: "180d", history: { last: 2 } } },
  };
}
